//! Mutations of every file of a repository: refused or harmless, and two readers agree.

use plimsoll_core::{Classify as _, Digest, Kind};
use plimsoll_http::Settings;
use plimsoll_testkit::sigstore::NOW;
use plimsoll_trust::{Cached, InitialRoot, Instance, TrustFault, Versions, update};
use tempfile::TempDir;

use crate::{SIGNING_CONFIG, TRUSTED_ROOT, World, at};

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
                // A list without the signing config is a different list, which is unsigned.
                assert_eq!(cached.signing_config().unwrap(), wanted.1, "{number}: {name} {what}");
                assert_eq!(cached.versions(), Versions { root: 1, timestamp: 2, snapshot: 2, targets: 2 });
            }
            Err(error) => {
                refused += 1;
                assert!(Cached::instances(world.cache.path()).is_empty(), "{number}: {error}");
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
