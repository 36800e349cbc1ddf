//! Rows U06 to U11: keys, thresholds, delegations, names and sizes.

use std::collections::BTreeMap;

use plimsoll_core::{Classify as _, Kind};
use plimsoll_http::Settings;
use plimsoll_testkit::sigstore::{NOW, hex, pem};
use plimsoll_testkit::tuf::{Delegated, Tuf, TufKey, canonical, signed};
use plimsoll_trust::{Cached, Instance, TrustFault, update};
use serde_json::{Value, json};

use crate::{DAY, TRUSTED_ROOT, World, at, root_named};

#[test]
fn u06_one_key_is_one_signer() {
    // The same signature twice.
    let mut world = World::new();
    let twice = [&world.tuf.root.keys[0], &world.tuf.root.keys[0]];
    let file = signed(twice, &world.tuf.root_document());
    world.tuf.files.insert("1.root.json".into(), file);
    assert_eq!(world.refused(), TrustFault::SameKey);

    // The same key under two IDs: as it is, in another encoding, and with its point compressed.
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
        // The client alone would accept it, at least if it can read the key.
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
pub(super) fn delegating(change: impl FnOnce(&mut Delegated)) -> Tuf {
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
    World::with_tuf(delegating(|_| {})).update().unwrap();
    assert_eq!(World::with_tuf(delegating(|role| role.expires = NOW - 1)).refused(), TrustFault::Expired);
    let not_asked = World::with_tuf(delegating(|role| role.paths = vec!["other/*".into()]));
    assert_eq!(not_asked.refused(), TrustFault::Missing);

    // A delegated role that the snapshot does not list.
    let mut unlisted = World::with_tuf(delegating(|_| {}));
    let top = unlisted.tuf.files["1.targets.json"].clone();
    let lists = [("targets".to_owned(), 1, top)];
    let snapshot = signed(&unlisted.tuf.snapshot.keys, &unlisted.tuf.snapshot_document(&lists));
    unlisted.vouch_for_snapshot(&snapshot);
    assert_eq!(unlisted.refused(), TrustFault::Malformed);

    // Valid and signed, but not what the snapshot names.
    let mut other_hash = World::with_tuf(delegating(|_| {}));
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
    let mut world = World::with_tuf(forged);
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
        let world = World::with_tuf(tuf);
        assert_eq!(world.refused(), TrustFault::Name, "{name}");
    }

    // Names of instances become folder names.
    let world = World::new();
    for name in ["../elsewhere", "/etc", "", ".", "..", "a/b", "a\0b"] {
        let instance = Instance { name: name.into(), ..world.instance() };
        let error = update(&instance, world.cache.path(), at(NOW), &Settings::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{name}");
        let error = Cached::open(world.cache.path(), name).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{name}: {error}");
    }
    assert!(world.cache.path().read_dir().unwrap().next().is_none());

    // Other names in the list do not matter, and never become files.
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
    assert_eq!(World::with_tuf(tuf).refused(), TrustFault::Missing);

    // Two roles have it: the role that is named first counts, even if the second is nearer.
    let mut tuf = delegating(|role| role.targets.clear());
    let file = |name: &str| BTreeMap::from([(TRUSTED_ROOT.to_owned(), root_named(name))]);
    tuf.delegated.get_mut("files").unwrap().delegates = vec!["deep".into()];
    tuf.delegated.insert("deep".into(), more(file("deep"), &[]));
    tuf.delegated.insert("later".into(), more(file("later"), &[]));
    tuf.delegates.push("later".into());
    tuf.publish();
    let world = World::with_tuf(tuf);
    let got = world.update().unwrap().cached;
    assert!(String::from_utf8_lossy(got.trusted_root()).contains("\"deep\""));

    // A chain that is longer than anyone needs.
    let mut tuf = delegating(|role| role.targets.clear());
    tuf.delegated.get_mut("files").unwrap().delegates = vec!["r0".into()];
    for number in 0..60 {
        let next = format!("r{}", number + 1);
        tuf.delegated.insert(format!("r{number}"), more(BTreeMap::new(), &[&next]));
    }
    tuf.delegated.insert("r60".into(), more(file("far"), &[]));
    tuf.publish();
    assert_eq!(World::with_tuf(tuf).refused(), TrustFault::Missing);
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
    // A file whose stated length has no bound.
    let mut document = world.tuf.targets_document();
    document["targets"][TRUSTED_ROOT]["length"] = json!(u64::MAX);
    world.vouch_for_targets(&document);
    assert_eq!(world.refused(), TrustFault::Integrity);
}
