//! What an update stores, and where it comes from.

use plimsoll_core::{Classify as _, Digest, Kind};
use plimsoll_http::Settings;
use plimsoll_testkit::sigstore::NOW;
use plimsoll_testkit::tuf::{Tuf, canonical};
use plimsoll_trust::{Cached, Error, InitialRoot, Instance, TrustFault, Versions, update};
use serde_json::json;
use tempfile::TempDir;

use crate::{DAY, SIGNING_CONFIG, TRUSTED_ROOT, World, at, root_named};

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
    let world = World::with_tuf(tuf);
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

    // Another root for a known name would forget what was seen under that name.
    world.update().unwrap();
    let before = world.on_disk();
    world.tuf = World::new().tuf;
    let error = world.update().unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. }), "{error}");
    assert_eq!(world.on_disk(), before);
}
