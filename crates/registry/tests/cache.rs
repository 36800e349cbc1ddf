//! What is asked of a registry when some of it is known already. What must not come out of a cache is in `hostile`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use plimsoll_core::{Classify as _, Digest, Kind, Limits, Reference, Timestamp};
use plimsoll_http::{Client, Settings};
use plimsoll_image::{Descriptor, Listing, Referrers, Source as _};
use plimsoll_registry::Registry;
use plimsoll_registry::{Cache, cache};
use plimsoll_testkit as testkit;
use testkit::{Artifact, ImageBuilder, Layer, attachment};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const HOUR: Duration = Duration::from_hours(1);

/// The clock by which the kernel dates files. Only this process has another one where the tests run under another clock.
fn now() -> Timestamp {
    let file = tempfile::tempfile().unwrap();
    Timestamp::try_from(file.metadata().unwrap().modified().unwrap()).unwrap()
}

fn later() -> Timestamp {
    now() + HOUR * 2
}

/// A cache in `folder` for one run, by this clock.
fn settings(folder: &Path) -> cache::Settings {
    cache::Settings {
        folder: folder.join("cache"),
        bytes: 64 << 20,
        named: true,
        fresh_for: Duration::ZERO,
        offline: false,
        now,
    }
}

fn open(fake: &testkit::Registry, tag: &str, settings: cache::Settings) -> Registry {
    let http = Settings { retries: 0, offline: settings.offline, ..Settings::default() };
    let reference: Reference = fake.reference("app", tag).parse().unwrap();
    let registry = Registry::new(Client::new(http).unwrap(), &reference, None, Limits::default()).unwrap();
    registry.with_cache(&Cache::new(settings))
}

/// An image `app:1` with two bundles attached.
fn signed(fake: &testkit::Registry) -> (Artifact, Vec<Artifact>) {
    let image = ImageBuilder::new().layer(Layer::new().file("a", "b")).build();
    image.push(fake, "app", "1");
    let bundles: Vec<_> =
        [&b"one"[..], b"two"].map(|content| attachment(&image.top, BUNDLE, BUNDLE, content)).into();
    for bundle in &bundles {
        bundle.push_by_digest(fake, "app");
    }
    (image, bundles)
}

/// Everything that verifying reads: lists, manifests, bundles.
fn read(registry: &Registry, subject: &Digest, bundles: &[Artifact]) -> Referrers {
    let listed = registry.listed(subject, Listing::First).unwrap();
    for bundle in bundles {
        let manifest = Descriptor::for_bytes(bundle.media_type(), &bundle.top.bytes);
        assert_eq!(registry.manifest(&manifest).unwrap(), bundle.top.bytes);
        let blob = bundle.parts.iter().find(|part| part.media_type == BUNDLE).unwrap();
        let mut bytes = Vec::new();
        let stream = registry.blob(&Descriptor::for_bytes(BUNDLE, &blob.bytes)).unwrap();
        stream.take(1 << 20).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, blob.bytes);
    }
    listed
}

fn asked(fake: &testkit::Registry) -> Vec<String> {
    let asked = fake.requests().into_iter().map(|request| {
        let conditional = if request.header("if-none-match").is_some() { " if changed" } else { "" };
        let path = request.path().rsplit_once("app/").unwrap().1.split_once('/').unwrap();
        let what =
            if path.1.contains(':') { "DIGEST" } else { path.1.split_once('-').map_or(path.1, |_| "TAG") };
        format!("{} {}/{what}{conditional}", request.method, path.0)
    });
    let asked = asked.collect();
    fake.clear_requests();
    asked
}

#[test]
fn objects_are_not_asked_for_twice_and_lists_are_asked_whether_they_hold() {
    let (place, fake) = (tempfile::tempdir().unwrap(), testkit::Registry::start());
    let (image, bundles) = signed(&fake);
    let cold = read(&open(&fake, "1", settings(place.path())), &image.digest(), &bundles);
    let objects = ["GET manifests/DIGEST", "GET blobs/DIGEST"];
    assert_eq!(asked(&fake), [&["GET referrers/DIGEST"][..], &objects, &objects].concat());
    let warm = read(&open(&fake, "1", settings(place.path())), &image.digest(), &bundles);
    assert_eq!(asked(&fake), ["GET referrers/DIGEST if changed"]);
    assert_eq!(warm, cold);
    assert_eq!(warm.descriptors.len(), 2);
    // What is new is seen at once.
    let third = attachment(&image.top, BUNDLE, BUNDLE, b"three");
    third.push_by_digest(&fake, "app");
    let changed = read(&open(&fake, "1", settings(place.path())), &image.digest(), &bundles);
    assert_eq!((changed.descriptors.len(), asked(&fake).len()), (3, 1));
}

#[test]
fn tags_are_asked_whether_they_have_moved() {
    let (place, fake) = (tempfile::tempdir().unwrap(), testkit::Registry::start());
    let (image, _) = signed(&fake);
    let resolved = || open(&fake, "1", settings(place.path())).resolve().unwrap();
    assert_eq!(resolved().digest, image.digest());
    assert_eq!(asked(&fake), ["GET manifests/1"]);
    assert_eq!(resolved(), resolved());
    assert_eq!(asked(&fake), ["GET manifests/1 if changed"; 2]);
    let other = ImageBuilder::new().layer(Layer::new().file("a", "c")).build();
    other.push(&fake, "app", "1");
    assert_eq!(resolved().digest, other.digest());
    // A digest is asked for: whether the registry has it is the question.
    fake.clear_requests();
    let digest = image.digest().to_string();
    open(&fake, &digest, settings(place.path())).resolve().unwrap();
    assert_eq!(asked(&fake), ["GET manifests/DIGEST"]);
}

#[test]
fn the_fallback_tag_is_a_list_like_the_other() {
    let (place, fake) =
        (tempfile::tempdir().unwrap(), testkit::Registry::builder().referrers_api(false).start());
    let (image, _) = signed(&fake);
    let tag = format!("sha256-{}", image.digest().hex());
    let list = || open(&fake, "1", settings(place.path()));
    let both = |registry: &Registry| {
        [Listing::First, Listing::Rest]
            .map(|listing| registry.listed(&image.digest(), listing).unwrap().descriptors.len())
    };
    assert_eq!(both(&list()), [0, 0]);
    assert_eq!(asked(&fake), ["GET referrers/DIGEST", "GET manifests/TAG"], "the rest is not asked for");
    // No such tag, and no API, may be otherwise now: both are asked for again.
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":1}}]}}"#,
        Digest::sha256(b"x")
    );
    let index = fake.add_manifest("app", "application/vnd.oci.image.index.v1+json", index);
    fake.tag("app", &tag, &index);
    assert_eq!(both(&list()), [1, 0]);
    assert_eq!(asked(&fake), ["GET referrers/DIGEST", "GET manifests/TAG"]);
    assert_eq!(both(&list()), [1, 0]);
    assert_eq!(asked(&fake), ["GET referrers/DIGEST", "GET manifests/TAG if changed"]);
}

#[test]
fn without_versions_lists_are_fetched_again() {
    let (place, fake) = (tempfile::tempdir().unwrap(), testkit::Registry::builder().etags(false).start());
    let (image, bundles) = signed(&fake);
    for _ in 0..2 {
        let registry = open(&fake, "1", settings(place.path()));
        registry.resolve().unwrap();
        read(&registry, &image.digest(), &bundles);
        assert_eq!(asked(&fake)[..2], ["GET manifests/1", "GET referrers/DIGEST"]);
    }
    // So is one of several pages, of which a version would say nothing.
    let fake = testkit::Registry::builder().referrers_page(1).start();
    let (image, bundles) = signed(&fake);
    for _ in 0..2 {
        let listed = read(&open(&fake, "1", settings(place.path())), &image.digest(), &bundles);
        assert_eq!(listed.descriptors.len(), 2);
        assert_eq!(asked(&fake)[..2], ["GET referrers/DIGEST"; 2]);
    }
}

#[test]
fn lists_may_be_believed_for_a_while() {
    let (place, fake) = (tempfile::tempdir().unwrap(), testkit::Registry::start());
    let (image, bundles) = signed(&fake);
    let patient = |now| cache::Settings { fresh_for: HOUR, now, ..settings(place.path()) };
    let registry = open(&fake, "1", patient(now));
    registry.resolve().unwrap();
    let cold = read(&registry, &image.digest(), &bundles);
    assert_eq!(registry.as_of(), None, "it was asked");
    fake.clear_requests();
    let registry = open(&fake, "1", patient(now));
    registry.resolve().unwrap();
    assert_eq!(read(&registry, &image.digest(), &bundles), cold);
    assert_eq!(asked(&fake), [""; 0]);
    let age = now().duration_since(registry.as_of().unwrap());
    assert!(age.as_secs() < 600, "{age}");
    // Not for longer; and an answer from the future is of no known age.
    for clock in [later, || now() - HOUR * 2] {
        let registry = open(&fake, "1", patient(clock));
        read(&registry, &image.digest(), &bundles);
        assert_eq!(asked(&fake), ["GET referrers/DIGEST if changed"]);
        assert_eq!(registry.as_of(), None);
    }
    // With the Rest, which is nothing, the same.
    let rest = || open(&fake, "1", patient(now)).listed(&image.digest(), Listing::Rest).unwrap();
    assert_eq!(rest(), rest());
    assert_eq!(asked(&fake), ["GET manifests/TAG"]);
}

#[test]
fn without_a_network_everything_that_is_there_is_used() {
    let (place, fake) = (tempfile::tempdir().unwrap(), testkit::Registry::start());
    let (image, bundles) = signed(&fake);
    let registry = open(&fake, "1", settings(place.path()));
    registry.resolve().unwrap();
    let cold = read(&registry, &image.digest(), &bundles);
    fake.clear_requests();
    let offline = || cache::Settings { offline: true, now: later, ..settings(place.path()) };
    for tag in ["1", &image.digest().to_string()] {
        let registry = open(&fake, tag, offline());
        let top = registry.resolve().unwrap();
        assert_eq!((top.digest, &*top.media_type), (image.digest(), image.media_type()));
        assert_eq!(registry.manifest(&top).unwrap(), image.top.bytes);
        assert_eq!(read(&registry, &image.digest(), &bundles), cold);
        assert!(registry.as_of().is_some());
    }
    // A list that was never fetched is unknown, which is not the same as empty.
    let registry = open(&fake, "2", offline());
    for error in [
        registry.resolve().unwrap_err(),
        registry.listed(&Digest::sha256(b"other"), Listing::First).unwrap_err(),
        registry.listed(&image.digest(), Listing::Rest).unwrap_err(),
        registry.named("sha256-0.sig").unwrap_err(),
    ] {
        assert!(error.to_string().contains("offline") && error.kind() != Kind::NotFound, "{error}");
    }
    assert_eq!(asked(&fake), [""; 0]);
}

#[test]
fn the_first_request_is_one_that_is_needed() {
    let fake = testkit::Registry::start();
    let (image, bundles) = signed(&fake);
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    let client = Client::new(Settings::default()).unwrap();
    let registry = Registry::new(client, &reference, None, Limits::default()).unwrap();
    read(&registry, &image.digest(), &bundles[..1]);
    assert_eq!(asked(&fake), ["GET referrers/DIGEST", "GET manifests/DIGEST", "GET blobs/DIGEST"]);
}
