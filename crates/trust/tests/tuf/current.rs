//! Which trusted root is the current one.

use std::path::PathBuf;

use plimsoll_core::{Classify as _, Digest, Kind};
use plimsoll_http::Settings;
use plimsoll_testkit::sigstore::NOW;
use plimsoll_trust::{
    Choice, Error, InitialRoot, Instance, Origin, PUBLIC_GOOD, TrustFault, current, update,
};
use plimsoll_verify::TrustedRoot;

use crate::{DAY, SIGNING_CONFIG, TRUSTED_ROOT, World, at, choice, root_named};

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

    // It has expired. With the network it is refreshed and the old one is never used; without the network the
    // old one is used.
    let later = NOW + 2 * DAY;
    let stale = current(&choice(&world, later, &offline)).unwrap();
    assert!(matches!(stale.origin, Origin::Cache { refreshed: false, expires, .. } if expires < at(later)));
    assert_eq!(world.mirror.requests(), after_update);
    // The mirror has nothing newer.
    let error = current(&choice(&world, later, &online)).unwrap_err();
    assert!(matches!(error, Error::Refused { fault: TrustFault::Expired, .. }), "{error}");
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
