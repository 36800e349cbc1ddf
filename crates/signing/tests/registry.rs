//! Signing and finding over the network, against a registry that can misbehave. Other tools are not needed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_attach::evidence::{SkipReason, bundles};
use plimsoll_core::{Classify as _, Kind, Limits, Reference, Timestamp};
use plimsoll_http::{Client, Settings};
use plimsoll_image::{Descriptor, Source as _};
use plimsoll_keys::PrivateKey;
use plimsoll_registry::Registry;
use plimsoll_signing::image;
use plimsoll_testkit::{Fault, ImageBuilder, IndexBuilder, Layer, Registry as Fake};
use plimsoll_verify::{Bundle, statement_by_key};

fn open(fake: &Fake) -> Registry {
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    // Time-outs do not matter here, and their defaults would make a failing test slow.
    let settings = Settings { idle_timeout: Duration::from_secs(5), retries: 0, ..Settings::default() };
    Registry::new(Client::new(settings).unwrap(), &reference, None, Limits::default()).unwrap()
}

fn image() -> plimsoll_testkit::Artifact {
    ImageBuilder::new().layer(Layer::new().file("etc/os-release", "ID=debian\n")).build()
}

fn signed(fake: &Fake, key: &PrivateKey) -> (Registry, Descriptor, plimsoll_attach::AttachedBundle) {
    image().push(fake, "app", "1");
    let store = open(fake);
    let subject = store.resolve().unwrap();
    let now: Timestamp = "2026-11-21T01:18:01Z".parse().unwrap();
    let signed = image::sign(&store, &subject, key, &BTreeMap::new(), now).unwrap();
    (store, subject, signed)
}

#[test]
fn a_signature_is_found_with_and_without_the_referrers_api() {
    let key = PrivateKey::generate_p256().unwrap();
    for api in [true, false] {
        let fake = Fake::builder().referrers_api(api).start();
        let (_, subject, signed) = signed(&fake, &key);
        let fallback = format!("sha256-{}", subject.digest.hex());
        assert_eq!(fake.tags("app").contains(&fallback), !api);

        // Another client, later.
        let result = bundles(&open(&fake), &subject.digest, &Limits::default()).unwrap();
        assert!(result.skipped.is_empty() && !result.truncated);
        assert_eq!(result.found.len(), 1);
        assert_eq!(result.found[0].digest, signed.bundle);
        assert_eq!(result.found[0].referrer.digest, signed.referrer);
        let bundle = Bundle::parse(&result.found[0].bytes, &Limits::default()).unwrap();
        let verified = statement_by_key(&bundle, std::slice::from_ref(key.public_key())).unwrap();
        assert!(verified.value().is_signature() && verified.value().names(&subject.digest));
    }
}

#[test]
fn an_index_is_signed_itself_but_its_images_are_not() {
    let key = PrivateKey::generate_p256().unwrap();
    let fake = Fake::start();
    let arm = ImageBuilder::new().platform("linux/arm64").layer(Layer::new().file("a", "a")).build();
    let index = IndexBuilder::new().image(image()).image(arm).build();
    index.push(&fake, "app", "1");
    let store = open(&fake);
    let subject = store.resolve().unwrap();
    let now: Timestamp = "2026-11-21T01:18:01Z".parse().unwrap();
    image::sign(&store, &subject, &key, &BTreeMap::new(), now).unwrap();
    assert_eq!(bundles(&store, &index.digest(), &Limits::default()).unwrap().found.len(), 1);
    assert!(
        bundles(&store, &index.images[0].manifest.digest(), &Limits::default()).unwrap().found.is_empty()
    );
}

#[test]
fn a_registry_that_fails_while_listing_or_fetching_is_an_error() {
    let key = PrivateKey::generate_p256().unwrap();
    let fake = Fake::start();
    let (_, subject, signed) = signed(&fake, &key);
    for (pattern, fault, kind) in [
        ("GET */referrers/*".to_owned(), Fault::Status(500), Kind::Transient),
        ("GET */referrers/*".to_owned(), Fault::Status(401), Kind::Unauthorized),
        ("GET */referrers/*".to_owned(), Fault::Close, Kind::Transient),
        (format!("GET */manifests/{}", signed.referrer), Fault::Status(503), Kind::Transient),
        (format!("GET */blobs/{}", signed.bundle), Fault::Status(429), Kind::Transient),
        (format!("GET */blobs/{}", signed.bundle), Fault::HalfThenClose, Kind::Transient),
    ] {
        fake.misbehave(&pattern, fault.clone());
        let error = bundles(&open(&fake), &subject.digest, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{pattern} {fault:?}: {error}");
        fake.behave();
    }
    assert_eq!(bundles(&open(&fake), &subject.digest, &Limits::default()).unwrap().found.len(), 1);
}

#[test]
fn a_bundle_that_was_modified_in_the_registry_is_set_aside() {
    let key = PrivateKey::generate_p256().unwrap();
    let fake = Fake::start();
    let (_, subject, signed) = signed(&fake, &key);
    for fault in [Fault::WrongBytes, Fault::Longer(10), Fault::Shorter(10), Fault::Status(404)] {
        fake.misbehave(&format!("GET */blobs/{}", signed.bundle), fault.clone());
        let result = bundles(&open(&fake), &subject.digest, &Limits::default()).unwrap();
        assert!(result.found.is_empty(), "{fault:?}");
        assert!(matches!(result.skipped[0].reason, SkipReason::Object(_)), "{fault:?}");
        fake.behave();
    }
}

#[test]
fn signing_fails_if_the_signature_cannot_be_stored() {
    let key = PrivateKey::generate_p256().unwrap();
    for pattern in ["POST */blobs/uploads/", "PUT */manifests/sha256:*"] {
        let fake = Fake::start();
        image().push(&fake, "app", "1");
        let store = open(&fake);
        let subject = store.resolve().unwrap();
        fake.misbehave(pattern, Fault::Status(403));
        let now: Timestamp = "2026-11-21T01:18:01Z".parse().unwrap();
        let error = image::sign(&store, &subject, &key, &BTreeMap::new(), now).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
        fake.behave();
        assert!(bundles(&store, &subject.digest, &Limits::default()).unwrap().found.is_empty());
    }
}
