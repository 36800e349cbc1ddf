//! Trust material from a mirror that lies: the rows U01 to U11 of the list of hostile inputs, and 2,000 mutations.
//!
//! Each test begins with a repository that is sound but for one thing, and says which kind of refusal it expects; and that
//! the cache is what it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_core::{Classify as _, Digest, Kind, Timestamp};
use plimsoll_http::Settings;
use plimsoll_testkit::peer_program;
use plimsoll_testkit::sigstore::{NOW, Pair, Sigstore, hex, pem};
use plimsoll_testkit::tuf::{Delegated, Mirror, Tuf, TufKey, canonical, signed};
use plimsoll_trust::Error;
use plimsoll_trust::{
    AuthoritySpec, Cached, Choice, InitialRoot, Instance, LogSpec, Origin, PUBLIC_GOOD, SelectorSpec,
    ServiceSpec, SigningConfigSpec, TrustFault, TrustedRootSpec, Updated, Versions, current, update,
};
use plimsoll_verify::TrustedRoot;
use serde_json::{Value, json};
use tempfile::TempDir;

const TRUSTED_ROOT: &str = "trusted_root.json";
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
const DAY: i64 = 24 * 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A trusted root that is one, told apart by `name`.
fn root_named(name: &str) -> Vec<u8> {
    let mut root = Sigstore::new().trusted_root();
    root["certificateAuthorities"][0]["subject"]["commonName"] = json!(name);
    serde_json::to_vec_pretty(&root).unwrap()
}

fn signing_config() -> Vec<u8> {
    let service = ServiceSpec {
        url: "https://ca.example".into(),
        api_version: 1,
        start: at(NOW - DAY),
        end: None,
        operator: "testkit".into(),
    };
    SigningConfigSpec { fulcio: vec![service], ..SigningConfigSpec::default() }.to_json().unwrap()
}

/// A repository, a mirror of it, and somebody's cache.
struct World {
    tuf: Tuf,
    mirror: Mirror,
    cache: TempDir,
}

impl World {
    fn new() -> Self {
        Self::of(Tuf::with_targets(&[
            (TRUSTED_ROOT, &root_named("first")),
            (SIGNING_CONFIG, &signing_config()),
        ]))
    }

    fn of(tuf: Tuf) -> Self {
        let mirror = tuf.serve();
        Self { tuf, mirror, cache: TempDir::new().unwrap() }
    }

    fn instance(&self) -> Instance {
        let root = InitialRoot::File(self.tuf.initial_root());
        Instance { name: "testkit".into(), mirror: self.mirror.url(), root }
    }

    /// Puts the repository's files on the mirror and updates from it.
    fn update_at(&self, seconds: i64) -> Result<Updated, Error> {
        self.mirror.hold(&self.tuf.files);
        update(&self.instance(), self.cache.path(), at(seconds), &Settings::default())
    }

    fn update(&self) -> Result<Updated, Error> {
        self.update_at(NOW)
    }

    /// What an update is refused for; the cache must not change by it.
    #[track_caller]
    fn refused_at(&self, seconds: i64) -> TrustFault {
        let before = self.on_disk();
        let error = self.update_at(seconds).map(|updated| updated.cached.versions()).unwrap_err();
        assert_eq!(self.on_disk(), before, "the cache changed: {error}");
        assert!(error.hint().is_some(), "{error}");
        match error {
            Error::Refused { fault, .. } => {
                assert_eq!(error.kind(), Kind::Denied);
                fault
            }
            other => panic!("another error: {other:?}"),
        }
    }

    #[track_caller]
    fn refused(&self) -> TrustFault {
        self.refused_at(NOW)
    }

    /// Every file in the cache with its content.
    fn on_disk(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = self.cache.path().join("testkit");
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| (entry.path(), std::fs::read(entry.path()).unwrap())).collect()
    }

    fn cached(&self) -> Option<Cached> {
        Cached::open(self.cache.path(), "testkit").unwrap()
    }

    /// Puts `file` in place of the newest snapshot's, with a timestamp of the next version that vouches for it.
    fn vouch_for_snapshot(&mut self, file: &[u8]) {
        self.tuf.timestamp.version += 1;
        let name = self.tuf.name(self.tuf.snapshot.version, "snapshot");
        let timestamp = signed(&self.tuf.timestamp.keys, &self.tuf.timestamp_document(file));
        self.tuf.files.insert(name, file.to_vec());
        self.tuf.files.insert("timestamp.json".into(), timestamp);
    }

    /// Replaces the list of files by `document`, vouched for by everything above it.
    fn vouch_for_targets(&mut self, document: &Value) {
        let file = signed(&self.tuf.targets_role.keys, document);
        let version = document["version"].as_u64().unwrap();
        self.tuf.snapshot.version += 1;
        let lists = [("targets".to_owned(), version, file.clone())];
        let snapshot = signed(&self.tuf.snapshot.keys, &self.tuf.snapshot_document(&lists));
        let name = self.tuf.name(version, "targets");
        self.tuf.files.insert(name, file);
        self.vouch_for_snapshot(&snapshot);
    }
}

fn choice<'a>(world: &'a World, seconds: i64, http: &'a Settings) -> Choice<'a> {
    Choice { file: None, instance: "testkit", folder: Some(world.cache.path()), now: at(seconds), http }
}

#[test]
fn an_update_brings_both_files_and_the_next_one_only_what_changed() {
    let mut world = World::new();
    let first = world.update().unwrap();
    assert!(first.before.is_none());
    assert_eq!(first.cached.trusted_root(), world.tuf.targets[TRUSTED_ROOT]);
    assert_eq!(first.cached.signing_config().unwrap(), world.tuf.targets[SIGNING_CONFIG]);
    assert_eq!(first.cached.versions(), Versions { root: 1, timestamp: 1, snapshot: 1, targets: 1 });
    assert_eq!(first.cached.expires(), at(NOW + DAY), "that of the timestamp, which is the first");
    let copies = world.on_disk();
    assert_eq!(copies[&first.cached.folder().join("trusted_root.json")], first.cached.trusted_root());

    let requests = world.mirror.requests();
    world.update_at(NOW + 60).unwrap();
    assert_eq!(world.mirror.requests() - requests, 2, "the next root, which is not there, and the timestamp");

    world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("second"));
    world.tuf.publish_next();
    let second = world.update_at(NOW + 120).unwrap();
    assert_eq!(second.cached.trusted_root(), world.tuf.targets[TRUSTED_ROOT]);
    assert_ne!(second.before.unwrap().trusted_root(), second.cached.trusted_root());
    assert_eq!(Cached::instances(world.cache.path()), ["testkit"]);
}

#[test]
fn the_canonical_form_is_that_of_the_client_and_not_that_of_rfc_8785() {
    let value = json!({"b": [1, -2, true, null], "a": {"pem": "-----\nü\u{1}\"\\/-----", "é": "", "Z": 18_446_744_073_709_551_615_u64}});
    assert_eq!(canonical(&value), sigstore_tuf::canonical_json::to_canonical_bytes(&value).unwrap());
    assert_ne!(canonical(&value), plimsoll_core::json::canonical(&value));
}

#[test]
fn a_repository_without_consistent_snapshots_and_one_in_a_folder_are_read() {
    let mut tuf = Tuf::new();
    tuf.consistent = false;
    tuf.targets.insert(TRUSTED_ROOT.into(), root_named("plain"));
    tuf.publish();
    let world = World::of(tuf);
    assert!(world.update().unwrap().cached.signing_config().is_none());

    let folder = TempDir::new().unwrap();
    for (name, bytes) in &world.tuf.files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let mirror = format!("file://{}", folder.path().display());
    let instance = Instance { mirror, name: "folder".into(), ..world.instance() };
    let offline = Settings { offline: true, ..Settings::default() };
    let updated = update(&instance, world.cache.path(), at(NOW), &offline).unwrap();
    assert_eq!(updated.cached.trusted_root(), world.tuf.targets[TRUSTED_ROOT]);
}

#[test]
fn the_first_root_is_the_one_that_was_asked_for() {
    let mut world = World::new();
    let root = world.tuf.initial_root();
    let with = |root: InitialRoot, name: &str| Instance { root, name: name.into(), ..world.instance() };
    let run = |instance: &Instance| update(instance, world.cache.path(), at(NOW), &Settings::default());
    run(&with(InitialRoot::Checksum(Digest::sha256(&root)), "checksum")).unwrap();
    let wrong = run(&with(InitialRoot::Checksum(Digest::sha256(b"another")), "wrong")).unwrap_err();
    assert!(matches!(wrong, Error::Refused { fault: TrustFault::InitialRoot, .. }), "{wrong}");
    let pinned = InitialRoot::Pinned { version: 1, signed: "00" };
    let wrong = run(&with(pinned, "wrong")).unwrap_err();
    assert!(matches!(wrong, Error::Refused { fault: TrustFault::InitialRoot, .. }), "{wrong}");
    let digest = Digest::sha256(&canonical(&world.tuf.root_document())).hex().leak();
    run(&with(InitialRoot::Pinned { version: 1, signed: digest }, "pinned")).unwrap();
    let unknown = run(&with(InitialRoot::Known, "unknown")).unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert_eq!(Cached::instances(world.cache.path()), ["checksum", "pinned"]);

    // Another root for a name that is known would forget what was seen under it.
    world.update().unwrap();
    let before = world.on_disk();
    world.tuf = World::new().tuf;
    let error = world.update().unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. }), "{error}");
    assert_eq!(world.on_disk(), before);
}

#[test]
fn u01_rollback_of_timestamp_snapshot_and_targets() {
    let mut world = World::new();
    let old = world.tuf.files.clone();
    world.tuf.publish_next();
    world.update().unwrap();
    let new = world.tuf.files.clone();

    world.tuf.files.clone_from(&old);
    assert_eq!(world.refused(), TrustFault::Rollback);

    // A new timestamp that leads back to the old snapshot.
    world.tuf.files.clone_from(&new);
    world.tuf.snapshot.version = 1;
    world.tuf.timestamp.version = 2;
    world.vouch_for_snapshot(&old["1.snapshot.json"]);
    assert_eq!(world.refused(), TrustFault::Rollback);

    // A new timestamp and snapshot that lead back to the old list of files.
    world.tuf.files.clone_from(&new);
    world.tuf.snapshot.version = 3;
    world.tuf.timestamp.version = 2;
    let lists = [("targets".to_owned(), 1, old["1.targets.json"].clone())];
    let snapshot = signed(&world.tuf.snapshot.keys, &world.tuf.snapshot_document(&lists));
    world.vouch_for_snapshot(&snapshot);
    assert_eq!(world.refused(), TrustFault::Rollback);

    // The floor also holds after what set it has expired.
    world.tuf.files = old;
    assert_eq!(world.refused_at(NOW + 2 * DAY), TrustFault::Rollback);
    assert_eq!(world.cached().unwrap().versions().timestamp, 2);
}

#[test]
fn u02_freeze_and_a_clock_that_was_set_back() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut world = World::new();
        let expired = match role {
            "root" => &mut world.tuf.root,
            "timestamp" => &mut world.tuf.timestamp,
            "snapshot" => &mut world.tuf.snapshot,
            _ => &mut world.tuf.targets_role,
        };
        expired.expires = NOW - 1;
        world.tuf.publish();
        assert_eq!(world.refused(), TrustFault::Expired, "{role}");
    }

    let world = World::new();
    world.update().unwrap();
    assert_eq!(world.refused_at(NOW + 2 * DAY), TrustFault::Expired);

    // With the clock set back, the frozen state would hold again.
    let later = NOW + DAY / 2;
    world.update_at(later).unwrap();
    let (error, before) = (world.update_at(NOW).unwrap_err(), world.on_disk());
    assert!(matches!(error, Error::ClockSetBack { .. }), "{error}");
    assert!(error.hint().unwrap().contains("clock"));
    assert_eq!(world.on_disk(), before);
    let online = Settings::default();
    assert!(matches!(current(&choice(&world, NOW, &online)), Err(Error::ClockSetBack { .. })));
    // A correction of minutes is no attack, and does not take the last-seen time back.
    world.update_at(later - 200).unwrap();
    assert_eq!(world.cached().unwrap().updated(), at(later));
}

#[test]
fn u03_mix_and_match() {
    let mut world = World::new();
    world.tuf.publish_next();
    let first = world.tuf.files.clone();
    // The same versions a second time, with other content: signed well, and not what the others vouch for.
    world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("other"));
    world.tuf.publish_rest();
    let second = world.tuf.files.clone();
    for name in ["2.snapshot.json", "2.targets.json"] {
        world.tuf.files.clone_from(&first);
        assert_ne!(first[name], second[name]);
        world.tuf.files.insert(name.into(), second[name].clone());
        assert_eq!(world.refused(), TrustFault::Integrity, "{name}");
    }
    // The metadata of one and the file of the other.
    world.tuf.files.clone_from(&first);
    let wanted = first.keys().find(|name| name.ends_with("trusted_root.json")).unwrap().clone();
    world.tuf.files.insert(wanted, world.tuf.targets[TRUSTED_ROOT].clone());
    assert_eq!(world.refused(), TrustFault::Integrity);
    // Metadata of another repository.
    world.tuf.files = first;
    world.tuf.files.insert("timestamp.json".into(), World::new().tuf.files["timestamp.json"].clone());
    assert_eq!(world.refused(), TrustFault::Threshold);
}

#[test]
fn u04_roots_follow_each_other_without_gap() {
    let mut world = World::new();
    let initial = world.tuf.files.clone();
    let keys = || vec![TufKey::p256(), TufKey::ed25519(), TufKey::p256()];
    world.tuf.rotate_root(keys());
    world.tuf.rotate_root(keys());
    let rotated = world.tuf.files.clone();

    let put = |world: &mut World, name: &str, bytes: &[u8]| {
        world.tuf.files.clone_from(&initial);
        world.tuf.files.insert(name.into(), bytes.to_vec());
    };
    // Version 3 in place of version 2, even when the present keys sign it.
    put(&mut world, "2.root.json", &rotated["3.root.json"]);
    assert_eq!(world.refused(), TrustFault::RootVersion);
    put(&mut world, "2.root.json", &rotated["1.root.json"]);
    assert_eq!(world.refused(), TrustFault::RootVersion);
    // A root that only its own keys signed.
    let mut usurper = World::new();
    usurper.tuf.root.version = 2;
    usurper.tuf.publish_root();
    put(&mut world, "2.root.json", &usurper.tuf.files["2.root.json"]);
    assert_eq!(world.refused(), TrustFault::Threshold);
    // A root that only the old keys signed.
    let mut honest = World::new();
    let old_keys = std::mem::replace(&mut honest.tuf.root.keys, keys());
    honest.tuf.root.version = 2;
    let half = signed(&old_keys, &honest.tuf.root_document());
    honest.tuf.files.insert("2.root.json".into(), half);
    assert_eq!(honest.refused(), TrustFault::Threshold);

    // The honest rotation is followed, and the cache goes on from there when the old roots are gone.
    world.tuf.files = rotated;
    assert_eq!(world.update().unwrap().cached.versions().root, 3);
    world.tuf.files.remove("2.root.json");
    assert_eq!(world.update().unwrap().cached.versions().root, 3);
}

#[test]
fn u04_after_a_rotation_the_old_keys_count_no_more() {
    let mut world = World::new();
    world.update().unwrap();
    let stolen = std::mem::replace(&mut world.tuf.timestamp.keys, vec![TufKey::ed25519()]);
    let keys = vec![TufKey::p256(), TufKey::p256()];
    world.tuf.rotate_root(keys);
    world.tuf.publish_next();
    let good = world.tuf.files.clone();
    let snapshot = good["2.snapshot.json"].clone();
    world.tuf.timestamp.version = 3;
    let forged = signed(&stolen, &world.tuf.timestamp_document(&snapshot));
    world.tuf.files.insert("timestamp.json".into(), forged);
    assert_eq!(world.refused(), TrustFault::Threshold);
    world.tuf.files = good;
    world.update().unwrap();
}

#[test]
fn u05_nothing_is_kept_before_everything_held() {
    let mut world = World::new();
    world.update().unwrap();
    world.tuf.publish_next();
    let good = world.tuf.files.clone();
    // A timestamp that is newer and sound, above a snapshot that is not: kept, it would block every later update.
    world.tuf.timestamp.version = 1_000_000;
    world.vouch_for_snapshot(b"{}");
    assert_eq!(world.refused(), TrustFault::Malformed);
    world.tuf.files.clone_from(&good);
    assert_eq!(world.update().unwrap().cached.versions().timestamp, 2);

    // All metadata is sound, and the file that it vouches for is of no use.
    world.tuf.timestamp.version = 2;
    world.tuf.targets.insert(TRUSTED_ROOT.into(), br#"{"mediaType": "something else"}"#.to_vec());
    world.tuf.publish_next();
    assert_eq!(world.refused(), TrustFault::Unusable);
    world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("good"));
    world.tuf.targets.insert(SIGNING_CONFIG.into(), b"{}".to_vec());
    world.tuf.publish_next();
    assert_eq!(world.refused(), TrustFault::Unusable);
    // The mirror goes away in the middle.
    world.tuf.targets.insert(SIGNING_CONFIG.into(), signing_config());
    world.tuf.publish_next();
    let files = world.tuf.files.clone();
    world.tuf.files.retain(|name, _| !name.starts_with("targets/"));
    assert_eq!(world.refused(), TrustFault::Missing);
    world.tuf.files = files;
    world.update().unwrap();
}

#[test]
fn u05_a_damaged_cache_is_an_error_that_names_the_file() {
    let world = World::new();
    world.update().unwrap();
    let path = world.cache.path().join("testkit/trust.json");
    for content in ["", "{", "{}", "[]", r#"{"schemaVersion":"plimsoll.dev/trust-cache/v9"}"#] {
        std::fs::write(&path, content).unwrap();
        let error = world.update().unwrap_err();
        assert!(matches!(error, Error::Cache { .. }), "{content}: {error}");
        assert!(error.hint().unwrap().contains("trust.json"), "{error}");
    }
    // A cache whose metadata was tampered with is verified again by an update, and cannot lead it astray.
    std::fs::remove_file(&path).unwrap();
    world.update().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("root_history/1.root.json", "root_history/2.root.json")).unwrap();
    assert_eq!(world.update().unwrap().cached.versions().root, 1);
}

#[test]
fn u06_one_key_is_one_signer() {
    // The same signature twice.
    let mut world = World::new();
    let twice = [&world.tuf.root.keys[0], &world.tuf.root.keys[0]];
    let file = signed(twice, &world.tuf.root_document());
    world.tuf.files.insert("1.root.json".into(), file);
    assert_eq!(world.refused(), TrustFault::SameKey);

    // The same key under two IDs: as it is, in another spelling, and with its point compressed.
    let ed25519 = TufKey::ed25519();
    let (upper, as_pem) = (upper_case(&ed25519.public), ed25519.public_as_pem());
    let p256 = TufKey::p256();
    let compressed = compressed(&p256.public);
    for (key, other) in
        [(&ed25519, ed25519.public.clone()), (&ed25519, upper), (&ed25519, as_pem), (&p256, compressed)]
    {
        let mut world = World::new();
        let mut document = world.tuf.root_document();
        document["keys"] = {
            let mut keys = document["keys"].clone();
            keys["one"] = key.public.clone();
            keys["two"] = other.clone();
            keys
        };
        document["roles"]["root"] = json!({"keyids": ["one", "two"], "threshold": 2});
        let signature = hex(&key.sign(&canonical(&document)));
        let signatures = json!([{"keyid": "one", "sig": signature}, {"keyid": "two", "sig": signature}]);
        let file = json!({"signatures": signatures, "signed": document}).to_string();
        // The client alone would take it, at least where it can read the key.
        world.tuf.files.insert("1.root.json".into(), file.into_bytes());
        assert_eq!(world.refused(), TrustFault::SameKey, "{other}");
    }
}

fn upper_case(key: &Value) -> Value {
    let mut key = key.clone();
    key["keyval"]["public"] = json!(key["keyval"]["public"].as_str().unwrap().to_uppercase());
    key
}

/// The same P-256 key with a compressed point.
fn compressed(key: &Value) -> Value {
    use base64::Engine as _;
    let text = key["keyval"]["public"].as_str().unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let (head, point) = der.split_at(der.len() - 65);
    let sign = 2 + (point[64] & 1);
    let mut short = [head, &[sign], &point[1..33]].concat();
    short[1] -= 32;
    let bits = short.len() - 33 - 2;
    short[bits] -= 32;
    let mut key = key.clone();
    key["keyval"]["public"] = json!(pem("PUBLIC KEY", &short));
    key
}

/// A repository in which delegated roles vouch for the trusted root.
fn delegating(change: impl FnOnce(&mut Delegated)) -> Tuf {
    let mut tuf = Tuf::new();
    let mut role = Delegated {
        key: TufKey::p256(),
        paths: vec!["*.json".into()],
        expires: NOW + DAY,
        targets: BTreeMap::from([(TRUSTED_ROOT.to_owned(), root_named("delegated"))]),
        delegates: Vec::new(),
    };
    change(&mut role);
    tuf.delegated.insert("files".into(), role);
    tuf.delegates.push("files".into());
    tuf.publish();
    tuf
}

#[test]
fn u07_delegated_roles_are_checked_like_all_others() {
    World::of(delegating(|_| {})).update().unwrap();
    assert_eq!(World::of(delegating(|role| role.expires = NOW - 1)).refused(), TrustFault::Expired);
    let not_asked = World::of(delegating(|role| role.paths = vec!["other/*".into()]));
    assert_eq!(not_asked.refused(), TrustFault::Missing);

    // Sound and signed, and not what the snapshot says.
    let mut other_hash = World::of(delegating(|_| {}));
    let name = "1.files.json";
    let mut document: Value = serde_json::from_slice(&other_hash.tuf.files[name]).unwrap();
    document["signed"]["targets"] = json!({});
    let key = &other_hash.tuf.delegated["files"].key;
    let file = signed([key], &document["signed"]);
    other_hash.tuf.files.insert(name.into(), file);
    assert_eq!(other_hash.refused(), TrustFault::Integrity);

    // Signed by somebody else.
    let mut forged = delegating(|_| {});
    let right = std::mem::replace(&mut forged.delegated.get_mut("files").unwrap().key, TufKey::p256());
    forged.publish_rest();
    let mut world = World::of(forged);
    let mut targets = world.tuf.targets_document();
    targets["delegations"]["keys"] = json!({right.id.clone(): right.public});
    targets["delegations"]["roles"][0]["keyids"] = json!([right.id]);
    let file = signed(&world.tuf.targets_role.keys, &targets);
    let delegated = world.tuf.files["1.files.json"].clone();
    let lists = [("targets".to_owned(), 1, file.clone()), ("files".to_owned(), 1, delegated)];
    let snapshot = signed(&world.tuf.snapshot.keys, &world.tuf.snapshot_document(&lists));
    world.tuf.files.insert("1.targets.json".into(), file);
    world.vouch_for_snapshot(&snapshot);
    assert_eq!(world.refused(), TrustFault::Threshold);
}

#[test]
fn u08_no_name_leads_out_of_repository_and_cache() {
    // Hashes become file names on the mirror.
    let mut world = World::new();
    let mut document = world.tuf.targets_document();
    document["targets"][TRUSTED_ROOT]["hashes"] = json!({"sha256": "../../../secret"});
    world.vouch_for_targets(&document);
    assert_eq!(world.refused(), TrustFault::Name);

    // So do the names of delegated roles.
    for name in ["../../secret", "..", "a/../../b"] {
        let mut tuf = delegating(|_| {});
        let role = tuf.delegated.remove("files").unwrap();
        tuf.delegated.insert(name.into(), role);
        tuf.delegates = vec![name.into()];
        tuf.publish();
        let world = World::of(tuf);
        assert_eq!(world.refused(), TrustFault::Name, "{name}");
    }

    // Names of instances become folders.
    let world = World::new();
    for name in ["../elsewhere", "/etc", "", ".", "..", "a/b", "a\0b"] {
        let instance = Instance { name: name.into(), ..world.instance() };
        let error = update(&instance, world.cache.path(), at(NOW), &Settings::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{name}");
        assert!(Cached::open(world.cache.path(), name).is_err(), "{name}");
    }
    assert!(world.cache.path().read_dir().unwrap().next().is_none());

    // Other names in the list are nobody's business, and never become files.
    let mut world = World::new();
    let mut document = world.tuf.targets_document();
    document["targets"]["../../evil"] = document["targets"][TRUSTED_ROOT].clone();
    world.vouch_for_targets(&document);
    world.update().unwrap();
    let names: Vec<_> = world.on_disk().into_keys().collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn u09_a_threshold_is_at_least_one_and_is_met() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        for threshold in [json!(0), json!(-1), json!("1"), Value::Null] {
            let mut world = World::new();
            let mut document = world.tuf.root_document();
            document["roles"][role]["threshold"] = threshold;
            let file = signed(&world.tuf.root.keys, &document);
            world.tuf.files.insert("1.root.json".into(), file);
            assert_eq!(world.refused(), TrustFault::Threshold, "{role}");
        }
    }
    let mut world = World::new();
    let mut document = world.tuf.root_document();
    document["roles"]["timestamp"]["threshold"] = json!(2);
    let file = signed(&world.tuf.root.keys, &document);
    world.tuf.files.insert("1.root.json".into(), file);
    assert_eq!(world.refused(), TrustFault::Threshold);

    let mut world = World::new();
    let unsigned = signed(&[], &world.tuf.root_document());
    world.tuf.files.insert("1.root.json".into(), unsigned);
    assert_eq!(world.refused(), TrustFault::Threshold);

    let mut world = World::new();
    let mut tuf = delegating(|_| {});
    let mut document = tuf.targets_document();
    document["delegations"]["roles"][0]["threshold"] = json!(0);
    std::mem::swap(&mut world.tuf, &mut tuf);
    world.vouch_for_targets(&document);
    assert_eq!(world.refused(), TrustFault::Threshold);
}

#[test]
fn u10_delegations_in_a_circle_end_and_the_first_one_counts() {
    // files → more → files → …, none of which has it.
    let mut tuf = delegating(|role| role.targets.clear());
    tuf.delegated.get_mut("files").unwrap().delegates = vec!["more".into()];
    let more = |targets: BTreeMap<String, Vec<u8>>, delegates: &[&str]| Delegated {
        key: TufKey::ed25519(),
        paths: vec!["*".into()],
        expires: NOW + DAY,
        targets,
        delegates: delegates.iter().map(|name| (*name).to_owned()).collect(),
    };
    tuf.delegated.insert("more".into(), more(BTreeMap::new(), &["files", "more"]));
    tuf.publish();
    assert_eq!(World::of(tuf).refused(), TrustFault::Missing);

    // Two roles have it: the one that is named first counts, before what the second is nearer to.
    let mut tuf = delegating(|role| role.targets.clear());
    let file = |name: &str| BTreeMap::from([(TRUSTED_ROOT.to_owned(), root_named(name))]);
    tuf.delegated.get_mut("files").unwrap().delegates = vec!["deep".into()];
    tuf.delegated.insert("deep".into(), more(file("deep"), &[]));
    tuf.delegated.insert("later".into(), more(file("later"), &[]));
    tuf.delegates.push("later".into());
    tuf.publish();
    let world = World::of(tuf);
    let got = world.update().unwrap().cached;
    assert!(String::from_utf8_lossy(got.trusted_root()).contains("\"deep\""));

    // A chain that is longer than anybody needs.
    let mut tuf = delegating(|role| role.targets.clear());
    tuf.delegated.get_mut("files").unwrap().delegates = vec!["r0".into()];
    for number in 0..60 {
        let next = format!("r{}", number + 1);
        tuf.delegated.insert(format!("r{number}"), more(BTreeMap::new(), &[&next]));
    }
    tuf.delegated.insert("r60".into(), more(file("far"), &[]));
    tuf.publish();
    assert_eq!(World::of(tuf).refused(), TrustFault::Missing);
}

#[test]
fn u11_endless_data_is_cut_off() {
    let padded = |bytes: &[u8], size: usize| {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len() + size, b' ');
        bytes
    };
    // White space after the document changes nothing but its length.
    for (name, size) in [("1.root.json", 600_000), ("timestamp.json", 20_000), ("2.root.json", 600_000)] {
        let mut world = World::new();
        if name == "2.root.json" {
            world.tuf.rotate_root(vec![TufKey::p256(), TufKey::p256()]);
        }
        let file = padded(&world.tuf.files[name], size);
        world.tuf.files.insert(name.into(), file);
        let fault = world.refused();
        let expected = if name == "1.root.json" { TrustFault::Malformed } else { TrustFault::Integrity };
        assert_eq!(fault, expected, "{name}");
    }
    for name in ["1.snapshot.json", "1.targets.json"] {
        let mut world = World::new();
        let file = padded(&world.tuf.files[name], 6_000_000);
        world.tuf.files.insert(name.into(), file);
        assert_eq!(world.refused(), TrustFault::Integrity, "{name}");
    }
    let mut world = World::new();
    let name = world.tuf.files.keys().find(|name| name.ends_with(TRUSTED_ROOT)).unwrap().clone();
    let file = padded(&world.tuf.files[&name], 1);
    world.tuf.files.insert(name, file);
    assert_eq!(world.refused(), TrustFault::Integrity);
    // A file that is allowed to be endless.
    let mut document = world.tuf.targets_document();
    document["targets"][TRUSTED_ROOT]["length"] = json!(u64::MAX);
    world.vouch_for_targets(&document);
    assert_eq!(world.refused(), TrustFault::Integrity);
}

#[test]
fn two_readers_read_metadata_the_same_way() {
    let mut world = World::new();
    let text = String::from_utf8(world.tuf.files["timestamp.json"].clone()).unwrap();
    let double = text.replacen("\"version\":1", "\"version\":1,\"version\":1", 1);
    assert_ne!(text, double);
    world.tuf.files.insert("timestamp.json".into(), double.into_bytes());
    assert_eq!(world.refused(), TrustFault::Malformed);
}

/// Ten thousand in all, in two halves that run beside each other.
#[test]
fn five_thousand_mutations_are_refused_or_harmless() {
    mutations(0x5eed);
}

#[test]
fn five_thousand_more_mutations_are_refused_or_harmless() {
    mutations(0xfeed);
}

fn mutations(seed: u64) {
    const COUNT: usize = 5_000;
    let mut world = World::new();
    world.tuf.publish_next();
    let sound = world.tuf.files.clone();
    let names: Vec<String> = sound.keys().cloned().collect();
    let wanted = (world.tuf.targets[TRUSTED_ROOT].clone(), world.tuf.targets[SIGNING_CONFIG].clone());
    // By its checksum, so that the first root comes from the mirror as well.
    let checksum = InitialRoot::Checksum(Digest::sha256(&world.tuf.initial_root()));
    let instance = Instance { root: checksum, ..world.instance() };
    let mut random = Random(seed);
    let (mut refused, mut harmless) = (0, 0);
    for number in 0..COUNT {
        world.tuf.files.clone_from(&sound);
        let name = &names[random.below(names.len())];
        let what = match random.below(6) {
            0 => {
                world.tuf.files.remove(name);
                "removed"
            }
            1 => {
                let other = sound[&names[random.below(names.len())]].clone();
                world.tuf.files.insert(name.clone(), other);
                "replaced by another"
            }
            kind => {
                let file = world.tuf.files.get_mut(name).unwrap();
                mutate(file, kind, &mut random)
            }
        };
        world.cache = TempDir::new().unwrap();
        world.mirror.hold(&world.tuf.files);
        match update(&instance, world.cache.path(), at(NOW), &Settings::default()) {
            Ok(updated) => {
                harmless += 1;
                let cached = updated.cached;
                assert_eq!(cached.trusted_root(), wanted.0, "{number}: {name} {what}");
                // A list without signing config is another list, which nobody signed.
                assert_eq!(cached.signing_config().unwrap(), wanted.1, "{number}: {name} {what}");
                assert_eq!(cached.versions(), Versions { root: 1, timestamp: 2, snapshot: 2, targets: 2 });
            }
            Err(error) => {
                refused += 1;
                assert!(world.cache.path().read_dir().unwrap().next().is_none(), "{number}: {error}");
                assert_ne!(error.kind(), Kind::Internal, "{number}: {name} {what}: {error}");
            }
        }
    }
    println!("{refused} refused, {harmless} harmless");
    assert!(refused > COUNT / 2 && harmless > COUNT / 100, "{refused} refused, {harmless} harmless");
}

/// Numbers that are the same in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

fn mutate(file: &mut Vec<u8>, kind: usize, random: &mut Random) -> &'static str {
    let place = random.below(file.len());
    match kind {
        2 => {
            file[place] ^= 1 << random.below(8);
            "with a bit flipped"
        }
        3 => {
            file.truncate(place);
            "cut"
        }
        4 => {
            file.insert(place, b" \n0}\"a"[random.below(6)]);
            "with a byte more"
        }
        _ => {
            let count = random.below(8) + 1;
            file.drain(place..(place + count).min(file.len()));
            "with bytes less"
        }
    }
}

#[test]
fn the_current_root_is_the_file_the_cache_or_the_built_in_one() {
    let mut world = World::new();
    let (online, offline) = (Settings::default(), Settings { offline: true, ..Settings::default() });
    let requests = world.mirror.requests();

    let built_in = Choice { instance: PUBLIC_GOOD, ..choice(&world, NOW, &online) };
    let got = current(&built_in).unwrap();
    assert_eq!(got.origin, Origin::BuiltIn);
    assert_eq!(got.root.digest(), TrustedRoot::public_good().unwrap().digest());
    let unknown = current(&choice(&world, NOW, &online)).unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert!(unknown.hint().unwrap().contains("trust update"));

    world.update().unwrap();
    let after_update = world.mirror.requests();
    let cached = current(&choice(&world, NOW + 10, &online)).unwrap();
    assert!(matches!(cached.origin, Origin::Cache { refreshed: false, .. }));
    assert_eq!(cached.root.digest(), Digest::sha256(&world.tuf.targets[TRUSTED_ROOT]));
    assert_eq!(cached.signing_config.unwrap(), world.tuf.targets[SIGNING_CONFIG]);
    assert_eq!(
        (requests, world.mirror.requests()),
        (0, after_update),
        "nothing asks the network before it must"
    );

    // It has expired: refreshed, or what there was where there is no network, and never the old one with network.
    let later = NOW + 2 * DAY;
    let stale = current(&choice(&world, later, &offline)).unwrap();
    assert!(matches!(stale.origin, Origin::Cache { refreshed: false, expires, .. } if expires < at(later)));
    assert_eq!(world.mirror.requests(), after_update);
    assert!(current(&choice(&world, later, &online)).is_err(), "the mirror has nothing newer");
    world.tuf.timestamp.expires = later + DAY;
    world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("newer"));
    world.tuf.publish_next();
    world.mirror.hold(&world.tuf.files);
    let refreshed = current(&choice(&world, later, &online)).unwrap();
    assert!(matches!(refreshed.origin, Origin::Cache { refreshed: true, .. }));
    assert_eq!(refreshed.root.digest(), Digest::sha256(&world.tuf.targets[TRUSTED_ROOT]));

    let file = world.cache.path().join("pinned.json");
    std::fs::write(&file, root_named("pinned")).unwrap();
    let pinned = current(&Choice { file: Some(&file), ..choice(&world, later, &offline) }).unwrap();
    assert_eq!(pinned.origin, Origin::File(file));
    let missing = PathBuf::from("/nowhere/root.json");
    let error = current(&Choice { file: Some(&missing), ..choice(&world, later, &offline) }).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[test]
fn a_mirror_that_cannot_be_reached_is_told_as_such() {
    let world = World::new();
    let offline = Settings { offline: true, ..Settings::default() };
    let error = update(&world.instance(), world.cache.path(), at(NOW), &offline).unwrap_err();
    assert!(matches!(error, Error::Fetch(_)), "{error}");
    assert_eq!(world.mirror.requests(), 0);
    let instance = Instance { mirror: "ftp://mirror.example".into(), ..world.instance() };
    assert_eq!(update(&instance, world.cache.path(), at(NOW), &offline).unwrap_err().kind(), Kind::Usage);
    let mut world = world;
    world.tuf.files.clear();
    world.mirror.hold(&world.tuf.files);
    let instance = Instance { root: InitialRoot::Checksum(Digest::sha256(b"")), ..world.instance_of(b"{}") };
    let error = update(&instance, world.cache.path(), at(NOW), &Settings::default()).unwrap_err();
    assert!(matches!(error, Error::Refused { fault: TrustFault::Missing, .. }), "{error}");
}

impl World {
    fn instance_of(&self, root: &[u8]) -> Instance {
        Instance { name: "other".into(), mirror: self.mirror.url(), root: InitialRoot::File(root.to_vec()) }
    }
}

#[test]
fn a_trusted_root_of_ones_own_is_read_back() {
    let instance = Sigstore::new();
    let chain = [pem("CERTIFICATE", &instance.ca), pem("CERTIFICATE", &instance.root)].concat();
    let tsa =
        [pem("CERTIFICATE", &instance.tsa.certificate), pem("CERTIFICATE", &instance.tsa.root)].concat();
    let authority = |url: &str, chain: &str| AuthoritySpec {
        url: url.into(),
        chain: chain.as_bytes().to_vec(),
        start: Some(at(NOW - 365 * DAY)),
        end: None,
    };
    let log = |url: &str, pair: &Pair| LogSpec {
        url: url.into(),
        key: pair.public_pem().into_bytes(),
        start: at(NOW - 365 * DAY),
        end: None,
        origin: None,
    };
    let spec = TrustedRootSpec {
        fulcio: vec![authority("https://ca.example", &chain)],
        rekor: vec![log("https://log.example", &instance.log.key)],
        ctfe: vec![log("https://ct.example", &instance.ct)],
        tsa: vec![authority("https://tsa.example", &tsa)],
    };
    let made: Value = serde_json::from_slice(&spec.to_json().unwrap()).unwrap();
    let mut expected = instance.trusted_root();
    // The log of the first version is known by its key's digest.
    for (made, expected) in [("tlogs", "logId"), ("ctlogs", "logId")].map(|(a, b)| (&made[a][0][b], b)) {
        assert!(made["keyId"].is_string(), "{expected}");
    }
    for part in ["certificateAuthorities", "timestampAuthorities"] {
        expected[part][0]["subject"] = made[part][0]["subject"].clone();
    }
    expected["tlogs"][0]["logId"] = made["tlogs"][0]["logId"].clone();
    assert_eq!(made, expected);

    let wrong = |change: &dyn Fn(&mut TrustedRootSpec)| {
        let mut spec = spec.clone();
        change(&mut spec);
        let error = spec.to_json().unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
        error.to_string()
    };
    let reversed = [pem("CERTIFICATE", &instance.root), pem("CERTIFICATE", &instance.ca)].concat();
    assert!(wrong(&|spec| spec.fulcio[0].chain = reversed.clone().into_bytes()).contains("out of order"));
    let alone = pem("CERTIFICATE", &instance.ca);
    assert!(wrong(&|spec| spec.fulcio[0].chain = alone.clone().into_bytes()).contains("before its root"));
    assert!(wrong(&|spec| spec.fulcio[0].chain.clear()).contains("certificate"));
    assert!(wrong(&|spec| spec.rekor[0].end = Some(at(0))).contains("before it starts"));
    wrong(&|spec| spec.rekor[0].key = b"none".to_vec());
}

#[test]
fn a_signing_config_of_ones_own_starts_from_another() {
    let service = |url: &str| ServiceSpec {
        url: url.into(),
        api_version: 2,
        start: at(NOW),
        end: Some(at(NOW + DAY)),
        operator: "me".into(),
    };
    let base = signing_config();
    let spec = SigningConfigSpec {
        base: Some(base),
        rekor: vec![service("https://a.example"), service("https://b.example")],
        rekor_config: Some(SelectorSpec::Exact(2)),
        ..SigningConfigSpec::default()
    };
    let made: Value = serde_json::from_slice(&spec.to_json().unwrap()).unwrap();
    assert_eq!(made["caUrls"][0]["url"], "https://ca.example");
    assert_eq!(made["rekorTlogUrls"].as_array().unwrap().len(), 2);
    assert_eq!(made["rekorTlogConfig"], json!({"selector": "EXACT", "count": 2}));

    let too_many = SigningConfigSpec { rekor_config: Some(SelectorSpec::Exact(3)), ..spec.clone() };
    assert!(too_many.to_json().unwrap_err().to_string().contains("EXACT:3 of 2"));
    let unsaid = SigningConfigSpec { rekor_config: None, ..spec.clone() };
    assert!(unsaid.to_json().unwrap_err().to_string().contains("rekorTlogConfig"));
    let no_config = SigningConfigSpec { base: Some(b"{}".to_vec()), ..spec };
    assert!(no_config.to_json().is_err());
}

/// Runs cosign in `home`; `None`, and a line about it, without peers.
fn cosign(home: &Path, arguments: &[&str]) -> Option<()> {
    let mut command = Command::new(peer_program("cosign", "$PLIMSOLL_PEERS")?);
    let output = command.args(arguments).current_dir(home).env_clear().env("HOME", home).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cosign {}: {said}", arguments.join(" "));
    Some(())
}

fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn cosign_makes_the_same_trusted_root_and_signing_config() {
    let (home, instance) = (TempDir::new().unwrap(), Sigstore::new());
    let write = |name: &str, text: String| std::fs::write(home.path().join(name), text).unwrap();
    let chain = [pem("CERTIFICATE", &instance.ca), pem("CERTIFICATE", &instance.root)].concat();
    let tsa =
        [pem("CERTIFICATE", &instance.tsa.certificate), pem("CERTIFICATE", &instance.tsa.root)].concat();
    let ed25519 = TufKey::ed25519().public_as_pem()["keyval"]["public"].as_str().unwrap().to_owned();
    let p256 = instance.ct.public_pem();
    write("ca.pem", chain.clone());
    write("tsa.pem", tsa.clone());
    write("ed25519.pem", ed25519.clone());
    write("p256.pem", p256.clone());
    let (start, end) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    let made = cosign(
        home.path(),
        &[
            "trusted-root",
            "create",
            "--fulcio=url=https://ca.example,certificate-chain=ca.pem",
            &format!(
                "--rekor=url=https://log.example,public-key=ed25519.pem,start-time={start},origin=log.example/v2"
            ),
            &format!("--rekor=url=https://old.example,public-key=p256.pem,start-time={start},end-time={end}"),
            &format!("--ctfe=url=https://ct.example,public-key=p256.pem,start-time={start}"),
            &format!("--tsa=url=https://tsa.example,certificate-chain=tsa.pem,start-time={start}"),
            "--out=root.json",
        ],
    );
    if made.is_none() {
        return;
    }
    let (start, end): (Timestamp, Timestamp) = (start.parse().unwrap(), end.parse().unwrap());
    let authority = |url: &str, chain: &str, start| AuthoritySpec {
        url: url.into(),
        chain: chain.as_bytes().to_vec(),
        start,
        end: None,
    };
    let log = |url: &str, key: &str, end, origin: Option<&str>| LogSpec {
        url: url.into(),
        key: key.as_bytes().to_vec(),
        start,
        end,
        origin: origin.map(str::to_owned),
    };
    let ours = TrustedRootSpec {
        fulcio: vec![authority("https://ca.example", &chain, None)],
        rekor: vec![
            log("https://log.example", &ed25519, None, Some("log.example/v2")),
            log("https://old.example", &p256, Some(end), None),
        ],
        ctfe: vec![log("https://ct.example", &p256, None, None)],
        tsa: vec![authority("https://tsa.example", &tsa, Some(start))],
    };
    let ours: Value = serde_json::from_slice(&ours.to_json().unwrap()).unwrap();
    let mut theirs = json_file(&home.path().join("root.json"));
    // It leaves out an organization that a certificate does not have.
    for part in ["certificateAuthorities", "timestampAuthorities"] {
        if theirs[part][0]["subject"]["organization"].is_null() {
            theirs[part][0]["subject"]["organization"] = json!("");
        }
    }
    assert_eq!(ours, theirs);

    let pairs = "api-version=2,start-time=2026-01-01T00:00:00Z,end-time=2027-01-01T00:00:00Z,operator=me";
    cosign(
        home.path(),
        &[
            "signing-config",
            "create",
            &format!("--fulcio=url=https://ca.example,{pairs}"),
            &format!("--rekor=url=https://log.example,{pairs}"),
            "--rekor-config=EXACT:1",
            &format!("--oidc-provider=url=https://id.example,{pairs}"),
            &format!("--tsa=url=https://tsa.example,{pairs}"),
            "--tsa-config=ALL",
            "--out=config.json",
        ],
    );
    let service = |url: &str| {
        vec![ServiceSpec { url: url.into(), api_version: 2, start, end: Some(end), operator: "me".into() }]
    };
    let ours = SigningConfigSpec {
        base: None,
        fulcio: service("https://ca.example"),
        oidc: service("https://id.example"),
        rekor: service("https://log.example"),
        rekor_config: Some(SelectorSpec::Exact(1)),
        tsa: service("https://tsa.example"),
        tsa_config: Some(SelectorSpec::All),
    };
    let ours: Value = serde_json::from_slice(&ours.to_json().unwrap()).unwrap();
    assert_eq!(ours, json_file(&home.path().join("config.json")));
}

#[test]
fn cosign_reads_the_testkits_repository_as_we_do() {
    let mut tuf =
        Tuf::with_targets(&[(TRUSTED_ROOT, &root_named("shared")), (SIGNING_CONFIG, &signing_config())]);
    // cosign goes by the clock of the machine.
    let now = plimsoll_core::clock::now();
    for role in [&mut tuf.root, &mut tuf.timestamp, &mut tuf.snapshot, &mut tuf.targets_role] {
        role.expires = now.as_second() + 30 * DAY;
    }
    tuf.publish();
    tuf.rotate_root(vec![TufKey::p256(), TufKey::ed25519()]);
    let world = World::of(tuf);
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("root.json"), world.tuf.initial_root()).unwrap();
    if cosign(home.path(), &["initialize", "--mirror", &world.mirror.url(), "--root", "root.json"]).is_none()
    {
        return;
    }
    let updated = world.update_at(now.as_second()).unwrap();
    let found = find_file(home.path(), TRUSTED_ROOT).unwrap();
    assert_eq!(std::fs::read(found).unwrap(), updated.cached.trusted_root());
}

fn find_file(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.read_dir().ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find_file(&path, name) } else { path.ends_with(name).then_some(path) }
    })
}
