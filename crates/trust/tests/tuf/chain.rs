//! Rows U01 to U05: versions, expiry, chains of roots, and the content of the cache.

use plimsoll_core::Classify as _;
use plimsoll_http::Settings;
use plimsoll_testkit::sigstore::NOW;
use plimsoll_testkit::tuf::{TufKey, signed};
use plimsoll_trust::{Error, TrustFault, current};

use crate::{DAY, SIGNING_CONFIG, TRUSTED_ROOT, World, at, choice, root_named, signing_config};

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

    // The floor stays even after the metadata that set it has expired.
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

    // With the clock set back, the frozen state would be valid again.
    let later = NOW + DAY / 2;
    world.update_at(later).unwrap();
    let (error, before) = (world.update_at(NOW).unwrap_err(), world.on_disk());
    assert!(matches!(error, Error::ClockSetBack { .. }), "{error}");
    assert!(error.hint().unwrap().contains("clock"));
    assert_eq!(world.on_disk(), before);
    let online = Settings::default();
    assert!(matches!(current(&choice(&world, NOW, &online)), Err(Error::ClockSetBack { .. })));
    // A correction of minutes is not an attack, and does not move the last-seen time back.
    world.update_at(later - 200).unwrap();
    assert_eq!(world.cached().unwrap().updated(), at(later));
}

#[test]
fn u03_mix_and_match() {
    let mut world = World::new();
    world.tuf.publish_next();
    let first = world.tuf.files.clone();
    // The same versions again, with other content: correctly signed, but not what the other metadata vouches
    // for.
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
    // Version 3 in place of version 2, even if the current keys sign it.
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

    // The honest rotation is followed, and the cache continues from there after the old roots are gone.
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
fn u05_nothing_is_used_before_everything_held() {
    let mut world = World::new();
    world.update().unwrap();
    world.tuf.publish_next();
    // A newer, valid timestamp above an invalid snapshot.
    world.tuf.timestamp.version = 2;
    world.vouch_for_snapshot(b"{}");
    assert_eq!(world.refused(), TrustFault::Malformed);
    world.tuf.publish_next();
    assert_eq!(world.update().unwrap().cached.versions().timestamp, 4);

    // All metadata is valid, but the file that it vouches for is unusable.
    world.tuf.targets.insert(TRUSTED_ROOT.into(), br#"{"mediaType": "something else"}"#.to_vec());
    world.tuf.publish_next();
    assert_eq!(world.refused(), TrustFault::Unusable);
    world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("good"));
    world.tuf.targets.insert(SIGNING_CONFIG.into(), b"{}".to_vec());
    world.tuf.publish_next();
    assert_eq!(world.refused(), TrustFault::Unusable);
    // The mirror disappears during the update.
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
