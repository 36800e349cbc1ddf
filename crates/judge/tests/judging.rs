//! Many judgements in one process: what they share, what is replaced while they run, and how they are stopped.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Cancel, Classify as _, Digest, Ecosystem, Kind, Limits, Stopped, Timestamp};
use plimsoll_gather::{Access, Registries, StandardInput};
use plimsoll_judge::{Error, Inputs, Judge, Pool, PoolSize, Request, Roots, Ruleset};
use plimsoll_policy::{Decision, DenyList, Policy, PolicySet};
use plimsoll_registry::{Clients, RegistryConfig};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_testkit::{Artifact, Fault, ImageBuilder, Layer, Registry, attachment};
use plimsoll_verify::{BUNDLE_V0_3, COSIGN_SIGN_V1, Statement, Subject, TrustedRoot};
use plimsoll_vuln::Database;
use plimsoll_vuln::database::{FeedDescription, FileList, LIST, Malformed, Writer};

fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

struct World {
    registry: Registry,
    image: Artifact,
    _folder: tempfile::TempDir,
    judge: Arc<Judge>,
}

fn rules(denied: &[Digest]) -> Arc<Ruleset> {
    let entries: Vec<String> =
        denied.iter().map(|digest| format!("    - {{ digest: '{digest}', reason: incident }}\n")).collect();
    let mut denials = DenyList::none();
    if !denied.is_empty() {
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{ name: incident }}\nspec:\n  digests:\n{}",
            entries.concat()
        );
        denials.add(DenyList::parse(text.as_bytes(), "incident.yaml").unwrap());
    }
    Arc::new(Ruleset { policies: PolicySet::new([Policy::builtin()]), denials, ignored: Vec::new() })
}

impl World {
    fn new() -> Self {
        let registry = Registry::start();
        let status = "Package: base-files\nStatus: install ok installed\nVersion: 12.4\n\n".repeat(50);
        let base = Layer::new()
            .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
            .file("big", "b".repeat(300_000));
        let image =
            ImageBuilder::new().layer(base).layer(Layer::new().file("var/lib/dpkg/status", status)).build();
        image.push(&registry, "app", "1");
        let settings = plimsoll_http::Settings { retries: 0, ..plimsoll_http::Settings::default() };
        let access = Access {
            clients: Clients::new(settings.clone()),
            registries: Registries::new(|| Ok(RegistryConfig::none())),
            cloud: Cloud::from_env(Mode::Off, |_| None, plimsoll_core::clock::now),
            cache: None,
            layer_cache: None,
            environment: |_| None,
            limits: Limits::default(),
            cancel: Cancel::never(),
            stdin: StandardInput::Closed,
        };
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs {
            rules: rules(&[]),
            waivers: Arc::default(),
            roots: Arc::new(Roots::new(None, None, None::<PathBuf>, settings)),
            database: Arc::new(Database::open(folder.path())),
        };
        Self { registry, image, _folder: folder, judge: Arc::new(Judge::new(access, inputs)) }
    }

    fn request(&self, cancel: Cancel) -> Request {
        Request {
            subject: self.registry.reference("app", &self.image.digest().to_string()),
            platform: None,
            evidence_repository: None,
            now: now(),
            cancel,
        }
    }
}

fn pool(world: &World, threads: usize, waiting: usize) -> Arc<Pool> {
    Arc::new(Pool::start(&world.judge, PoolSize { threads, waiting }).unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

/// The decision, and whether the deny list contributed to it.
fn seen(judgement: &plimsoll_judge::Judgement) -> (Decision, usize) {
    (judgement.verdict.decision, judgement.verdict.deny_lists.len())
}

#[test]
fn a_thousand_judgements_in_one_process_with_a_deny_list_in_the_middle() {
    const EACH: usize = 500;
    let world = World::new();
    let (pool, runtime) = (pool(&world, 4, 2 * EACH), runtime());
    let ask = || {
        let (pool, request) = (Arc::clone(&pool), world.request(Cancel::never()));
        runtime.spawn(async move { pool.judge(request).await })
    };
    let (before, denied) = ((Decision::Indeterminate, 0), (Decision::Deny, 1));

    let mut first: Vec<_> = (0..EACH).map(|_| ask()).collect();
    let earliest = runtime.block_on(first.remove(0)).unwrap().unwrap();
    assert_eq!(seen(&earliest), before);
    // In the middle of the others.
    world.judge.replace(|inputs| Inputs { rules: rules(&[world.image.digest()]), ..inputs });
    let second: Vec<_> = (0..EACH).map(|_| ask()).collect();

    let mut of_the_first = Vec::new();
    for asked in first {
        of_the_first.push(seen(&runtime.block_on(asked).unwrap().unwrap()));
    }
    // Each judgement saw one state or the other, never a mixture.
    assert!(of_the_first.iter().all(|seen| [before, denied].contains(seen)), "{of_the_first:?}");
    assert!(of_the_first.contains(&denied), "nothing was replaced while judgements were waiting");
    for asked in second {
        assert_eq!(seen(&runtime.block_on(asked).unwrap().unwrap()), denied);
    }
    for layer in &world.image.image().layers {
        let blob = format!("GET */blobs/{}", layer.digest());
        assert_eq!(world.registry.requests_to(&blob).len(), 1, "a layer is read once for all of them");
    }
}

/// An instance that signed the image, as the identity that `policy` names.
fn signed(world: &World) -> (Sigstore, Policy) {
    let (mut instance, leaf) = (Sigstore::new(), Leaf::default());
    let holder = instance.leaf(&leaf);
    let subject = Subject::new("", &world.image.digest());
    let payload = Statement::new(subject, COSIGN_SIGN_V1, serde_json::json!({})).to_json();
    let bundle = instance.attest(&holder, &payload, LogVersion::V1);
    attachment(&world.image.top, BUNDLE_V0_3, BUNDLE_V0_3, bundle.to_string().as_bytes())
        .push_by_digest(&world.registry, "app");
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: signed }}\nspec:\n  phase: pilot\n  signatures: \
         {{ required: true, anyOf: [{{ name: release, identity: {{ issuer: '{}', subject: '{}' }} }}] }}\n",
        leaf.issuer, leaf.subject
    );
    (instance, Policy::parse(text.as_bytes(), "signed.yaml", &()).unwrap())
}

fn root_of(instance: &Sigstore) -> TrustedRoot {
    TrustedRoot::parse(instance.trusted_root().to_string().as_bytes()).unwrap()
}

/// A database in `folder` that covers Debian and knows no advisory, and its digest.
fn database_in(folder: &Path) -> (Arc<Result<Database, plimsoll_vuln::Error>>, Digest) {
    let mut writer = Writer::new(Ecosystem::Debian);
    writer.feed(FeedDescription {
        id: "debian".to_owned(),
        publisher: "Debian".to_owned(),
        as_of: now(),
        published: None,
        releases: vec!["12".to_owned()],
        source: Digest::sha256(b"source"),
        licence: None,
        unproven: false,
        malformed: Malformed::default(),
    });
    let (file, mut list) = (writer.finish().unwrap(), FileList::default());
    list.insert(Ecosystem::Debian.name(), file.digest);
    for name in list.names() {
        std::fs::write(folder.join(name), &file.bytes).unwrap();
    }
    std::fs::write(folder.join(LIST), list.encode()).unwrap();
    (Arc::new(Database::open(folder)), list.digest())
}

/// What a judgement was made with: the trusted root, the database, and whether a deny list was in force.
fn made_with(judgement: &plimsoll_judge::Judgement) -> (Option<Digest>, Option<Digest>, usize) {
    let verdict = &judgement.verdict;
    let records = &verdict.platforms[0].evidence;
    let of_kind = |kind: &str| records.iter().find(|record| record.kind == kind).map(|record| record.digest);
    (of_kind("trusted-root"), of_kind("database"), verdict.deny_lists.len())
}

#[test]
fn root_database_and_deny_list_are_replaced_one_by_one_while_a_thousand_judgements_run() {
    const EACH: usize = 250;
    let world = World::new();
    let (instance, policy) = signed(&world);
    let other = Sigstore::new();
    let folder = tempfile::tempdir().unwrap();
    let (database, list) = database_in(folder.path());
    let roots = |instance: &Sigstore| {
        Arc::new(Roots::new(Some(root_of(instance)), None, None, plimsoll_http::Settings::default()))
    };
    let under = |denied: &[Digest]| {
        let denials = rules(denied).denials.clone();
        Arc::new(Ruleset { policies: PolicySet::new([policy.clone()]), denials, ignored: Vec::new() })
    };
    world.judge.replace(|inputs| Inputs { rules: under(&[]), roots: roots(&instance), ..inputs });
    let (pool, runtime) = (pool(&world, 4, 4 * EACH), runtime());
    let ask = || {
        let (pool, request) = (Arc::clone(&pool), world.request(Cancel::never()));
        runtime.spawn(async move { pool.judge(request).await })
    };
    let digest = |instance: &Sigstore| root_of(instance).digest();
    // One after the other, so that any other combination would be a mixture of two states.
    let states = [
        (Some(digest(&instance)), None, 0),
        (Some(digest(&other)), None, 0),
        (Some(digest(&other)), Some(list), 0),
        (Some(digest(&other)), Some(list), 1),
    ];
    let mut asked = Vec::new();
    for step in 0..states.len() {
        world.judge.replace(|inputs| match step {
            0 => inputs,
            1 => Inputs { roots: roots(&other), ..inputs },
            2 => Inputs { database: Arc::clone(&database), ..inputs },
            _ => Inputs { rules: under(&[world.image.digest()]), ..inputs },
        });
        let mut group: Vec<_> = (0..EACH).map(|_| ask()).collect();
        // The first of each group is answered before the next replacement, so that no state passes unseen.
        let first = runtime.block_on(group.remove(0)).unwrap().unwrap();
        asked.push((made_with(&first), first.verdict.decision, group));
    }
    let decisions: Vec<Decision> = asked.iter().map(|(_, decision, _)| *decision).collect();
    assert_eq!(decisions[0], Decision::Indeterminate, "signed, and no database");
    assert_eq!(decisions[1..], [Decision::Deny; 3], "nobody whom the root knows signed it");
    let mut overtaken = 0;
    for (step, (first, _, group)) in asked.into_iter().enumerate() {
        assert_eq!(first, states[step]);
        for asked in group {
            let made = made_with(&runtime.block_on(asked).unwrap().unwrap());
            let state = states.iter().position(|state| *state == made).expect("a mixture of two states");
            assert!(state >= step, "asked in state {step}, made with {made:?}");
            overtaken += usize::from(state > step);
        }
    }
    assert!(overtaken > 0, "nothing was replaced while judgements were waiting");
}

#[test]
fn a_caller_that_no_longer_waits_stops_the_judgement_at_any_point() {
    let world = World::new();
    for fault in [Fault::Stall, Fault::StallAfter(100)] {
        world.registry.misbehave("GET */blobs/*", fault);
        let cancel = Cancel::never();
        let (judge, request) = (Arc::clone(&world.judge), world.request(cancel.clone()));
        let judging = std::thread::spawn(move || judge.judge(&request, &()));
        while world.registry.requests_to("GET */blobs/*").is_empty() {
            std::thread::yield_now();
        }
        cancel.cancel();
        let error = judging.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Transient, "{error}");
        assert!(error.to_string().contains(&Stopped::Cancelled.to_string()), "{error}");
        world.registry.clear_requests();
    }
    // Nothing of it is left that would affect the next one.
    world.registry.behave();
    assert_eq!(world.judge.judge(&world.request(Cancel::never()), &()).unwrap().evidence.len(), 1);
}

#[test]
fn a_deadline_holds_while_the_registry_says_nothing() {
    let world = World::new();
    world.registry.misbehave("GET */manifests/*", Fault::Stall);
    let began = Instant::now();
    let cancel = Cancel::never().until(began + Duration::from_millis(300));
    let error = world.judge.judge(&world.request(cancel), &()).unwrap_err();
    assert!(error.to_string().contains(&Stopped::DeadlinePassed.to_string()), "{error}");
    // The client's own time limits are a hundred times as long.
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn signatures_that_could_not_be_looked_for_in_time_are_no_verdict() {
    let world = World::new();
    world.registry.misbehave("GET */referrers/*", Fault::Stall);
    let cancel = Cancel::never().until(Instant::now() + Duration::from_millis(300));
    let error = world.judge.judge(&world.request(cancel), &()).unwrap_err();
    assert!(matches!(error, Error::Stopped(Stopped::DeadlinePassed)), "{error}");
}

#[test]
fn beyond_what_may_wait_it_is_said_at_once() {
    let world = World::new();
    world.registry.misbehave("GET */manifests/*", Fault::Stall);
    let (pool, runtime) = (pool(&world, 1, 2), runtime());
    let all = Cancel::never();
    let ask = || {
        let (pool, request) = (Arc::clone(&pool), world.request(all.clone()));
        runtime.spawn(async move { pool.judge(request).await })
    };
    let under_way = ask();
    while world.registry.requests_to("GET */manifests/*").is_empty() {
        std::thread::yield_now();
    }
    let mut waiting: Vec<_> = vec![ask(), ask()];
    // Earlier requests may not be in the queue yet. A request that finds the queue full fails while the
    // others wait.
    let error = loop {
        waiting.push(ask());
        let answered = waiting.iter().position(tokio::task::JoinHandle::is_finished);
        if let Some(at) = answered {
            break runtime.block_on(waiting.remove(at)).unwrap().unwrap_err();
        }
        std::thread::yield_now();
    };
    assert!(matches!(error, Error::Busy { waiting: 2 }), "{error}");
    assert_eq!(error.kind(), Kind::Transient);
    all.cancel();
    for asked in waiting.into_iter().chain([under_way]) {
        let error = runtime.block_on(asked).unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Transient, "{error}");
    }
}

#[test]
fn an_answer_that_nobody_awaits_is_not_worked_for() {
    let world = World::new();
    world.registry.misbehave("GET */manifests/*", Fault::Stall);
    let (pool, runtime) = (pool(&world, 1, 1), runtime());
    let asked = {
        let (pool, request) = (Arc::clone(&pool), world.request(Cancel::never()));
        runtime.spawn(async move { pool.judge(request).await })
    };
    while world.registry.requests_to("GET */manifests/*").is_empty() {
        std::thread::yield_now();
    }
    asked.abort();
    drop(runtime.block_on(asked));
    world.registry.behave();
    // The only thread is free again.
    let request = world.request(Cancel::never());
    let judgement = runtime.block_on(async { pool.judge(request).await }).unwrap();
    assert_eq!(judgement.evidence.len(), 1);
}
