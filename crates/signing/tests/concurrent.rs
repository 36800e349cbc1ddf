//! Many signers of one image at the same time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_attach::evidence::bundles;
use plimsoll_core::{Digest, Limits, Reference, Timestamp};
use plimsoll_http::{Client, Settings};
use plimsoll_image::Source as _;
use plimsoll_keys::PrivateKey;
use plimsoll_registry::Registry;
use plimsoll_signing::image;
use plimsoll_testkit::{ImageBuilder, Layer, Registry as Fake};

const SIGNERS: usize = 200;
/// Concurrent signers: enough to compete, few enough for a small machine.
const THREADS: usize = 20;

fn open(fake: &Fake) -> Registry {
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    Registry::new(Client::new(Settings::default()).unwrap(), &reference, None, Limits::default()).unwrap()
}

/// Lets all of them sign, each with its own connection and key, and returns the referrer that each received.
fn sign(fake: &Fake) -> BTreeSet<Digest> {
    ImageBuilder::new()
        .layer(Layer::new().file("etc/os-release", "ID=debian\n"))
        .build()
        .push(fake, "app", "1");
    let (next, signed) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    let now: Timestamp = "2026-11-21T01:18:01Z".parse().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < SIGNERS {
                    let (store, key) = (open(fake), PrivateKey::generate_p256().unwrap());
                    let subject = store.resolve().unwrap();
                    let done = image::sign(&store, &subject, &key, &BTreeMap::new(), now).unwrap();
                    signed.lock().unwrap().insert(done.referrer);
                }
            });
        }
    });
    signed.into_inner().unwrap()
}

fn nothing_is_lost(fake: &Fake) {
    let signed = sign(fake);
    assert_eq!(signed.len(), SIGNERS);
    let store = open(fake);
    let subject = store.resolve().unwrap();
    let limits = Limits::default();
    let listed: BTreeSet<Digest> =
        store.referrers(&subject.digest).unwrap().descriptors.iter().map(|d| d.digest).collect();
    assert_eq!(listed, signed);
    let found = bundles(&store, &subject.digest, &limits).unwrap();
    assert_eq!(found.found.len(), SIGNERS);
    assert!(found.skipped.is_empty() && !found.truncated);
}

#[test]
fn two_hundred_signers_lose_nothing_on_a_registry_with_referrers() {
    nothing_is_lost(&Fake::start());
}

#[test]
fn two_hundred_signers_lose_nothing_on_a_registry_that_honours_conditions() {
    let fake = Fake::builder().referrers_api(false).start();
    nothing_is_lost(&fake);
    // They did compete; otherwise the test would show nothing.
    let writes = fake.requests_to("PUT /v2/app/manifests/sha256-*").len();
    assert!(writes > SIGNERS, "{writes} writes");
}
