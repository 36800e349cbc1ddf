//! Hash bins in the short notation (`succinct_roles`, TAP 15), and names that a delegation may have.

use plimsoll_core::Digest;
use plimsoll_testkit::sigstore::{NOW, rfc3339};
use plimsoll_testkit::tuf::{TufKey, signed};
use plimsoll_trust::TrustFault;
use serde_json::{Value, json};

use crate::{DAY, TRUSTED_ROOT, World};

/// A world whose files are in bins of `bits` bits: `file` in the bin `number`, and the others empty.
pub(super) fn binned(bits: u32, number: u32, change: impl FnOnce(&mut Value)) -> World {
    let mut world = World::new();
    let key = TufKey::p256();
    let mut top = world.tuf.targets_document();
    let described = top["targets"][TRUSTED_ROOT].take();
    top["targets"] = json!({});
    top["version"] = json!(2);
    top["delegations"] = json!({
        "keys": {key.id.clone(): key.public},
        "succinct_roles": {"keyids": [key.id], "threshold": 1, "bit_length": bits, "name_prefix": "bin"},
    });
    change(&mut top);
    let top = signed(&world.tuf.targets_role.keys, &top);
    let mut lists = vec![("targets".to_owned(), 2, top)];
    let digits = bits.div_ceil(4) as usize;
    for bin in 0..1_u32 << bits {
        let targets = if bin == number { json!({TRUSTED_ROOT: described}) } else { json!({}) };
        let document = json!({
            "_type": "targets", "spec_version": "1.0.31", "version": 1, "targets": targets,
            "expires": rfc3339(NOW + DAY),
        });
        lists.push((format!("bin-{bin:0digits$x}"), 1, signed([&key], &document)));
    }
    world.tuf.snapshot.version += 1;
    let snapshot = signed(&world.tuf.snapshot.keys, &world.tuf.snapshot_document(&lists));
    for (name, version, file) in lists {
        let name = world.tuf.name(version, &name);
        world.tuf.files.insert(name, file);
    }
    world.vouch_for_snapshot(&snapshot);
    world
}

/// The bin that the trusted root belongs to.
pub(super) fn bin(bits: u32) -> u32 {
    let digest = Digest::sha256(TRUSTED_ROOT.as_bytes());
    u32::from_be_bytes(*digest.as_bytes().first_chunk().unwrap()) >> (32 - bits)
}

#[test]
fn a_file_is_found_in_its_bin_and_in_no_other() {
    for bits in [1, 4, 5, 8] {
        let world = binned(bits, bin(bits), |_| {});
        let requests = world.mirror.requests();
        world.update().unwrap();
        assert_eq!(world.mirror.requests() - requests, 7, "one bin is fetched, and not every one");
        let elsewhere = binned(bits, (bin(bits) + 1) % (1 << bits), |_| {});
        assert_eq!(elsewhere.refused(), TrustFault::Missing);
    }
}

#[test]
fn bins_that_nobody_can_number_are_refused() {
    for bits in [json!(0), json!(33), json!(-1), json!("8"), Value::Null] {
        let world = binned(1, bin(1), |top| top["delegations"]["succinct_roles"]["bit_length"] = bits);
        assert_eq!(world.refused(), TrustFault::Malformed);
    }
    let zero = binned(1, bin(1), |top| top["delegations"]["succinct_roles"]["threshold"] = json!(0));
    assert_eq!(zero.refused(), TrustFault::Threshold);
    let two = binned(1, bin(1), |top| top["delegations"]["succinct_roles"]["threshold"] = json!(2));
    assert_eq!(two.refused(), TrustFault::Threshold);
    let both = binned(1, bin(1), |top| top["delegations"]["roles"] = json!([]));
    assert_eq!(both.refused(), TrustFault::Malformed);
    // Two IDs of one key.
    let same = binned(1, bin(1), |top| {
        let keys = top["delegations"]["keys"].as_object_mut().unwrap();
        let (id, key) = keys.iter().next().map(|(id, key)| (id.clone(), key.clone())).unwrap();
        keys.insert("again".into(), key);
        top["delegations"]["succinct_roles"]["keyids"] = json!([id, "again"]);
    });
    assert_eq!(same.refused(), TrustFault::SameKey);
}

#[test]
fn a_delegated_role_has_a_name_that_is_nobody_elses() {
    let role = |name: &str| json!({"name": name, "keyids": [], "threshold": 1, "terminating": false, "paths": ["*"]});
    let with = |roles: Value| {
        let mut world = World::new();
        let mut document = world.tuf.targets_document();
        document["delegations"] = json!({"keys": {}, "roles": roles});
        world.vouch_for_targets(&document);
        world
    };
    with(json!([role("a"), role("b")])).update().unwrap();
    for name in ["", "root", "timestamp", "snapshot", "targets"] {
        assert_eq!(with(json!([role(name)])).refused(), TrustFault::Name, "{name}");
    }
    assert_eq!(with(json!([role("a"), role("a")])).refused(), TrustFault::Name);
    let mut both = role("a");
    both["path_hash_prefixes"] = json!(["00"]);
    assert_eq!(with(json!([both.take()])).refused(), TrustFault::Malformed);
    let neither = json!({"name": "a", "keyids": [], "threshold": 1, "terminating": false});
    assert_eq!(with(json!([neither])).refused(), TrustFault::Malformed);
}
