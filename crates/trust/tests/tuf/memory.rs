//! What a failed update has verified counts from then on (The Update Framework 5.3.8, 5.4.5, 5.5.7), and how a repository
//! recovers from it (5.3.11).

use plimsoll_testkit::sigstore::NOW;
use plimsoll_testkit::tuf::{TufKey, signed};
use plimsoll_trust::{Cached, TrustFault};
use serde_json::json;

use crate::{DAY, TRUSTED_ROOT, World, at, root_named};

/// A world in which root 2 has another timestamp key, and what the withdrawn key can still sign.
pub(super) fn withdrawn_timestamp_key() -> (World, TufKey) {
    let mut world = World::new();
    let stolen = std::mem::replace(&mut world.tuf.timestamp.keys, vec![TufKey::ed25519()]).remove(0);
    world.tuf.rotate_root(vec![TufKey::p256(), TufKey::p256()]);
    (world, stolen)
}

#[test]
fn a_root_that_was_seen_cannot_be_hidden_again() {
    // Whether the first update ever succeeded or not.
    for updated in [false, true] {
        let (mut world, stolen) = withdrawn_timestamp_key();
        let root = world.tuf.files.remove("2.root.json").unwrap();
        if updated {
            world.update().unwrap();
        }
        world.tuf.files.insert("2.root.json".into(), root);
        assert_eq!(world.refused(), TrustFault::Threshold, "the timestamp is by the withdrawn key");
        world.tuf.files.remove("2.root.json");
        assert_eq!(world.refused(), TrustFault::Threshold, "root 2 is hidden");
        let snapshot = world.tuf.files["1.snapshot.json"].clone();
        world.tuf.timestamp.version = 2;
        let forged = signed([&stolen], &world.tuf.timestamp_document(&snapshot));
        world.tuf.files.insert("timestamp.json".into(), forged);
        assert_eq!(world.refused(), TrustFault::Threshold, "a newer one by the withdrawn key");

        world.tuf.publish_next();
        assert_eq!(world.update().unwrap().cached.versions().root, 2);
    }
}

#[test]
fn a_cache_of_before_is_the_memory_where_there_is_no_other() {
    let (mut world, _) = withdrawn_timestamp_key();
    world.tuf.publish_next();
    world.update().unwrap();
    std::fs::remove_file(world.cache.path().join("testkit/seen.json")).unwrap();
    world.tuf.files.remove("2.root.json");
    assert_eq!(world.update().unwrap().cached.versions().root, 2);
}

#[test]
fn an_expired_root_is_remembered_as_well() {
    let (mut world, _) = withdrawn_timestamp_key();
    let keys = vec![TufKey::p256(), TufKey::p256()];
    world.tuf.root.expires = NOW - DAY;
    world.tuf.rotate_root(keys);
    assert_eq!(world.refused(), TrustFault::Expired);
    world.tuf.files.retain(|name, _| !name.ends_with(".root.json") || name == "1.root.json");
    assert_eq!(world.refused(), TrustFault::Expired);
}

#[test]
fn a_timestamp_that_was_seen_cannot_be_taken_back() {
    let mut world = World::new();
    world.update().unwrap();
    let old = world.tuf.files.clone();
    world.tuf.publish_next();
    let new = world.tuf.files.clone();
    world.tuf.files.remove("2.snapshot.json");
    assert_eq!(world.refused(), TrustFault::Missing);
    world.tuf.files = old;
    assert_eq!(world.refused(), TrustFault::Rollback);
    world.tuf.files = new;
    world.update().unwrap();
}

#[test]
fn a_snapshot_that_was_seen_sets_the_floor_below_a_newer_timestamp() {
    let mut world = World::new();
    world.update().unwrap();
    world.tuf.publish_next();
    let lists = world.tuf.files["1.targets.json"].clone();
    // Snapshot 2 is seen, its list of files is not shown.
    let hidden = world.tuf.files.remove("2.targets.json").unwrap();
    assert_eq!(world.refused(), TrustFault::Missing);
    // A newer timestamp is seen, whose snapshot is not shown.
    world.vouch_for_snapshot(b"{}");
    assert_eq!(world.refused(), TrustFault::Malformed);
    // A third pair goes back to before the list of snapshot 2.
    world.tuf.snapshot.version = 3;
    let back =
        signed(&world.tuf.snapshot.keys, &world.tuf.snapshot_document(&[("targets".into(), 1, lists)]));
    world.vouch_for_snapshot(&back);
    assert_eq!(world.refused(), TrustFault::Rollback);
    // Or it omits the list.
    let none = signed(&world.tuf.snapshot.keys, &world.tuf.snapshot_document(&[]));
    world.vouch_for_snapshot(&none);
    assert_eq!(world.refused(), TrustFault::Rollback);
    world.tuf.files.insert("2.targets.json".into(), hidden.clone());
    let good =
        signed(&world.tuf.snapshot.keys, &world.tuf.snapshot_document(&[("targets".into(), 2, hidden)]));
    world.vouch_for_snapshot(&good);
    assert_eq!(world.update().unwrap().cached.versions().targets, 2);
}

#[test]
fn a_repository_recovers_from_versions_that_ran_ahead_by_other_keys() {
    let mut world = World::new();
    world.update().unwrap();
    // An attacker who had the keys for a while used the highest possible version.
    world.tuf.timestamp.version = 1_000_000;
    world.tuf.snapshot.version = 1_000_000;
    world.tuf.targets_role.version = 1_000_000;
    world.tuf.publish_rest();
    world.update().unwrap();
    for role in [&mut world.tuf.timestamp, &mut world.tuf.snapshot, &mut world.tuf.targets_role] {
        role.version = 2;
    }
    world.tuf.publish_rest();
    assert_eq!(world.refused(), TrustFault::Rollback);
    world.tuf.timestamp.keys = vec![TufKey::ed25519()];
    world.tuf.snapshot.keys = vec![TufKey::ed25519()];
    world.tuf.rotate_root(vec![TufKey::p256(), TufKey::p256()]);
    world.tuf.publish_rest();
    assert_eq!(world.update().unwrap().cached.versions().timestamp, 2);
}

#[test]
fn remembered_metadata_is_verified_again() {
    let (mut world, stolen) = withdrawn_timestamp_key();
    assert_eq!(world.refused(), TrustFault::Threshold);
    let path = world.cache.path().join("testkit/seen.json");
    // A stranger's root in place of the second.
    let other = String::from_utf8(World::new().tuf.files["1.root.json"].clone()).unwrap();
    let mut seen: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    seen["metadata"]["root_history/2.root.json"] = json!(other);
    std::fs::write(&path, seen.to_string()).unwrap();
    let snapshot = world.tuf.files["1.snapshot.json"].clone();
    world.tuf.timestamp.version = 2;
    let forged = signed([&stolen], &world.tuf.timestamp_document(&snapshot));
    world.tuf.files.insert("timestamp.json".into(), forged);
    assert_eq!(world.refused(), TrustFault::Threshold, "root 2 from the mirror counts");
    std::fs::write(&path, "{").unwrap();
    let error = world.update().unwrap_err();
    assert!(matches!(error, plimsoll_trust::Error::Cache { .. }), "{error}");
}

#[test]
fn two_updates_at_once_take_back_nothing() {
    let mut world = World::new();
    world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("newest"));
    world.tuf.publish_next();
    world.mirror.hold(&world.tuf.files);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let http = plimsoll_http::Settings::default();
                plimsoll_trust::update(&world.instance(), world.cache.path(), at(NOW), &http).unwrap();
            });
        }
    });
    let cached = Cached::open(world.cache.path(), "testkit").unwrap().unwrap();
    assert_eq!(cached.versions().timestamp, 2);
}
