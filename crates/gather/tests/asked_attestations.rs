//! Attestations that rules ask for: what only a trusted root would show, and searches that end early or are cut short.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_attach::evidence::legacy_tag;
use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Cancel, Digest, Limits, Timestamp};
use plimsoll_gather::{
    Access, Collection, Registries, StandardInput, Subject, UnderPolicy, evidence, layers, open,
};
use plimsoll_image::media;
use plimsoll_policy::{DenyList, Evidence, Outcome, Policy, RuleResult, Waiver, evaluate};
use plimsoll_registry::{Clients, RegistryConfig};
use plimsoll_testkit::sigstore::{LogVersion, Pair, Sigstore, pae};
use plimsoll_testkit::{Artifact, Fault, ImageBuilder, IndexBuilder, Layer, Object, Registry, attachment};
use plimsoll_verify::{BUNDLE_V0_3, IN_TOTO_PAYLOAD, Statement, Subject as About, TrustedRoot};
use plimsoll_vuln::Database;
use serde_json::{Value, json};

const TESTS: &str = "https://ci.example/tests/v1";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const NO_ROOT: Result<&TrustedRoot, &str> = Err("the cache has expired");

fn now() -> Timestamp {
    plimsoll_testkit::sigstore::now()
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

/// An image with an index in a registry, a key, and the logs and clocks of an instance.
struct World {
    registry: Registry,
    index: Artifact,
    manifest: Object,
    key: Pair,
    instance: Sigstore,
}

impl World {
    fn new() -> Self {
        let registry = Registry::start();
        let image = ImageBuilder::new().platform("linux/amd64").layer(Layer::new().file("a", "a")).build();
        let manifest = image.top.clone();
        let index = IndexBuilder::new().image(image).build();
        index.push(&registry, "app", "1");
        Self { registry, index, manifest, key: Pair::new(), instance: Sigstore::new() }
    }

    fn root(&self) -> TrustedRoot {
        TrustedRoot::parse(self.instance.trusted_root().to_string().as_bytes()).unwrap()
    }

    fn envelope(key: &Pair, about: &Object, predicate: Value) -> Value {
        let statement = Statement::new(About::new("", &about.digest()), TESTS, predicate).to_json();
        json!({
            "payload": STANDARD.encode(&statement), "payloadType": IN_TOTO_PAYLOAD,
            "signatures": [{"sig": STANDARD.encode(key.sign(&pae(IN_TOTO_PAYLOAD, &statement)))}],
        })
    }

    /// An attestation by the key about the manifest, with nothing that shows when it was made.
    fn bundle(&self, predicate: Value) -> Value {
        json!({
            "mediaType": BUNDLE_V0_3,
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": Self::envelope(&self.key, &self.manifest, predicate),
        })
    }

    /// The same in the log, which says when.
    fn logged(&mut self, predicate: Value) -> Value {
        let mut bundle = self.bundle(predicate);
        let envelope = &bundle["dsseEnvelope"];
        let hash = Digest::sha256(&STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()).hex();
        let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": hash},
            "payloadHash": {"algorithm": "sha256", "value": hash},
            "signatures": [{
                "signature": envelope["signatures"][0]["sig"],
                "verifier": STANDARD.encode(self.key.public_pem()),
            }],
        }});
        let at = now().as_second() - 60;
        let entry = self.instance.log.append("dsse", "0.0.1", &body, LogVersion::V1, at);
        bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
        bundle
    }

    /// The same with a timestamp.
    fn stamped(&self, predicate: Value, at: Timestamp) -> Value {
        let mut bundle = self.bundle(predicate);
        let signature = STANDARD.decode(bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap());
        let stamp = self.instance.stamp(&signature.unwrap(), at.as_second());
        bundle["verificationMaterial"]["timestampVerificationData"] = json!({"rfc3161Timestamps": [stamp]});
        bundle
    }

    fn attach(&self, bundle: &Value) {
        self.attach_to(&self.manifest, bundle);
    }

    fn attach_to(&self, about: &Object, bundle: &Value) {
        let bytes = bundle.to_string().into_bytes();
        attachment(about, BUNDLE_V0_3, BUNDLE_V0_3, &bytes).push_by_digest(&self.registry, "app");
    }

    /// An attestation by `key` under the tag that older versions of cosign wrote.
    fn attest_older(&self, key: &Pair) {
        let blob = |kind: &str, bytes: &[u8]| {
            let digest = self.registry.add_blob("app", bytes).to_string();
            json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
        };
        let envelope = Self::envelope(key, &self.manifest, json!({})).to_string();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media::OCI_MANIFEST,
            "config": blob(media::OCI_CONFIG, b"{}"), "layers": [blob(DSSE, envelope.as_bytes())],
        });
        let digest = self.registry.add_manifest("app", media::OCI_MANIFEST, manifest.to_string());
        self.registry.tag("app", &legacy_tag(&self.manifest.digest(), "att"), &digest);
    }

    /// A policy that asks for an attestation by the key, with further members of the key and of the entry.
    fn policy(&self, key: &str, entry: &str) -> Policy {
        asking("shop", &self.key, key, entry)
    }

    fn evidence(&self, policies: &[UnderPolicy<'_>], limits: &Limits, now: Timestamp) -> Evidence {
        let http = plimsoll_http::Settings { retries: 0, ..plimsoll_http::Settings::default() };
        let access = Access {
            clients: Clients::new(http),
            registries: Registries::new(|| Ok(RegistryConfig::none())),
            cloud: Cloud::from_env(Mode::Off, |_| None, plimsoll_core::clock::now),
            cache: None,
            layer_cache: None,
            environment: |_| None,
            limits: limits.clone(),
            cancel: Cancel::never(),
            stdin: StandardInput::Closed,
        };
        let name = self.registry.reference("app", &self.index.digest().to_string());
        let collection = Collection {
            requested: &name,
            platform: None,
            policies,
            denials: &DenyList::none(),
            evidence_repository: None,
            database: &Database::open("/nonexistent".as_ref()),
            now,
            layers: &layers(limits),
            progress: &(),
            cancel: &Cancel::never(),
        };
        evidence(&open(&Subject::parse(&name).unwrap(), &access).unwrap(), &collection).unwrap().remove(0)
    }

    fn judge(&self, policy: &Policy, root: Result<&TrustedRoot, &str>) -> RuleResult {
        self.judge_at(policy, root, now())
    }

    fn judge_at(&self, policy: &Policy, root: Result<&TrustedRoot, &str>, now: Timestamp) -> RuleResult {
        let evidence = self.evidence(&[UnderPolicy { policy, root }], &Limits::default(), now);
        answer(policy, &evidence, &[self.waiver()], now)
    }

    /// Accepts that the attestation is missing.
    fn waiver(&self) -> Waiver {
        let digest = self.index.digest();
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: Waiver\nmetadata: {{ name: w }}\nspec:\n  \
             rules: [attestation/tests]\n  digests: ['{digest}']\n  reason: r\n  riskAssessment: r\n  \
             controls: [c]\n  owner: o\n  issued: 2016-01-01T00:00:00Z\n  expires: 2016-02-01T00:00:00Z\n"
        );
        Waiver::from_unsigned(text.as_bytes(), "w.yaml").unwrap()
    }
}

fn asking(name: &str, by: &Pair, key: &str, entry: &str) -> Policy {
    let pem = json!(by.public_pem());
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\nspec:\n  phase: pilot\n  \
         vulnerabilities: {{ block: [], onUnknown: warn }}\n  \
         waivers: {{ allowUnsigned: I accept unsigned waivers }}\n  attestations: [{{ name: tests, \
         predicateType: '{TESTS}', signedBy: [{{ name: ci, key: {{ pem: {pem}{key} }} }}]{entry} }}]\n"
    );
    Policy::parse(text.as_bytes(), "p.yaml", &()).unwrap()
}

fn answer(policy: &Policy, evidence: &Evidence, waivers: &[Waiver], now: Timestamp) -> RuleResult {
    let verdict = evaluate(&policy.clone().into(), evidence, waivers, &DenyList::none(), now);
    verdict.platforms[0].rules.iter().find(|it| it.rule == "attestation/tests").unwrap().clone()
}

/// A failure could be waived, although a root might show that nothing is wrong.
#[test]
fn what_only_a_trusted_root_would_show_is_unknown_and_no_waiver_helps() {
    let world = World::new();
    let root = world.root();
    let aged = world.policy("", ", maxAge: 1d");
    let logged = world.policy(", transparencyLog: true", "");
    let over = world.policy(", notAfter: 2016-01-15T11:59:30Z", "");
    let plain = world.policy("", ", conditions: [{ path: /n, equals: 1 }]");

    // Nothing in it shows when it was signed: no root would help.
    world.attach(&world.bundle(json!({"n": 1})));
    for policy in [&aged, &logged, &over] {
        assert_eq!(world.judge(policy, NO_ROOT).outcome, Outcome::Waived);
    }
    assert_eq!(world.judge(&plain, NO_ROOT).outcome, Outcome::Pass, "it asks for nothing that a root shows");

    let mut world = World { instance: world.instance, key: world.key, ..World::new() };
    let in_log = world.logged(json!({"n": 2}));
    world.attach(&in_log);
    for policy in [&aged, &logged, &over] {
        let answer = world.judge(policy, NO_ROOT);
        assert_eq!(answer.outcome, Outcome::Unknown, "{answer:?}");
        assert!(answer.reason.contains("the cache has expired"), "{}", answer.reason);
        assert!(answer.waivers.is_empty());
        assert_eq!(world.judge(policy, Ok(&root)).outcome, Outcome::Pass);
        let other = TrustedRoot::parse(Sigstore::new().trusted_root().to_string().as_bytes()).unwrap();
        assert_eq!(
            world.judge(policy, Ok(&other)).outcome,
            Outcome::Waived,
            "that root does not know the log"
        );
    }
    // What it says does not depend on a root.
    assert_eq!(world.judge(&plain, NO_ROOT).outcome, Outcome::Waived);

    let world = World { instance: world.instance, key: world.key, ..World::new() };
    world.attach(&world.stamped(json!({}), now()));
    assert_eq!(world.judge(&aged, NO_ROOT).outcome, Outcome::Unknown);
    assert_eq!(world.judge(&aged, Ok(&root)).outcome, Outcome::Pass);
}

/// A timestamp authority stamps at any time; a log's time is bounded by the verifier.
#[test]
fn a_time_of_signing_after_the_judgement_makes_nothing_young() {
    const HOUR: i64 = 3600;
    let world = World::new();
    let (root, aged) = (world.root(), world.policy("", ", maxAge: 1d"));
    world.attach(&world.stamped(json!({}), after(HOUR)));
    let early = world.judge_at(&aged, Ok(&root), now());
    assert_eq!(early.outcome, Outcome::Waived, "{early:?}");
    assert!(early.reason.contains("after the time of judgement"), "{}", early.reason);
    for apart in [-4 * 60, 0, 24 * HOUR] {
        let answer = world.judge_at(&aged, Ok(&root), after(HOUR + apart));
        assert_eq!(answer.outcome, Outcome::Pass, "{apart}: {answer:?}");
    }
    let late = world.judge_at(&aged, Ok(&root), after(25 * HOUR + 1));
    assert!(late.reason.contains("expected at most 24h ago"), "{}", late.reason);
}

#[test]
fn a_policy_that_has_enough_ends_the_search_for_no_other() {
    let (world, other) = (World::new(), Pair::new());
    world.attach(&world.bundle(json!({})));
    world.attest_older(&other);
    let (early, late) = (world.policy("", ""), asking("late", &other, "", ""));
    let outcomes = || {
        [[&early, &late], [&late, &early]].map(|policies| {
            let under = policies.map(|policy| UnderPolicy { policy, root: NO_ROOT });
            let found = world.evidence(&under, &Limits::default(), now());
            [&early, &late].map(|policy| answer(policy, &found, &[], now()).outcome)
        })
    };
    assert_eq!(outcomes(), [[Outcome::Pass; 2]; 2]);
    // What follows the first place harms only who still needs it.
    world.registry.misbehave("*/manifests/sha256-*.att", Fault::Status(500));
    assert_eq!(outcomes(), [[Outcome::Pass, Outcome::Unknown]; 2]);
}

#[test]
fn attachments_of_the_index_that_were_cut_off_are_unknown_too() {
    let (world, stranger) = (World::new(), Pair::new());
    let policy = world.policy("", "");
    let mut limits = Limits::default();
    limits.set("referrers", "1").unwrap();
    let outcome = |limits: &Limits| {
        let found = world.evidence(&[UnderPolicy { policy: &policy, root: NO_ROOT }], limits, now());
        let answer = answer(&policy, &found, &[world.waiver()], now());
        (answer.outcome, answer.reason)
    };
    let foreign = |n: u8| {
        let envelope = World::envelope(&stranger, &world.manifest, json!({"n": n}));
        json!({
            "mediaType": BUNDLE_V0_3, "verificationMaterial": {"publicKey": {"hint": ""}}, "dsseEnvelope": envelope,
        })
    };
    world.attach(&foreign(0));
    world.attach_to(&world.index.top, &foreign(1));
    assert_eq!(outcome(&limits).0, Outcome::Waived, "everything was read");
    world.attach_to(&world.index.top, &foreign(2));
    let (cut, reason) = outcome(&limits);
    assert_eq!(cut, Outcome::Unknown, "{reason}");
    assert!(reason.contains("more attachments than the limits allow"), "{reason}");
    assert_eq!(outcome(&Limits::default()).0, Outcome::Waived);
}
