//! Transfers of images from one place to another with all their evidence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_attach::evidence::{bundles, legacy_bundles, legacy_tag};
use plimsoll_attach::layout::LayoutStore;
use plimsoll_attach::transfer::{Transfer, Transferred};
use plimsoll_core::{Classify as _, Digest, Kind, Limits, Reference, Timestamp};
use plimsoll_http::{Client, Settings};
use plimsoll_image::layout::Layout;
use plimsoll_image::{Descriptor, Error as ImageError, Referrers, Source, Store as _, media};
use plimsoll_keys::PrivateKey;
use plimsoll_registry::Registry;
use plimsoll_signing::image;
use plimsoll_testkit::{Fault, ImageBuilder, IndexBuilder, Layer, Registry as Fake};
use serde_json::json;

fn open(fake: &Fake, repository: &str) -> Registry {
    let reference: Reference = fake.reference(repository, "1").parse().unwrap();
    let settings = Settings { retries: 0, ..Settings::default() };
    Registry::new(Client::new(settings).unwrap(), &reference, None, Limits::default()).unwrap()
}

/// An index of two images with all kinds of evidence: the index is signed, one image is signed, an SBOM has its own
/// signature, and one signature is under an older tag.
fn signed(fake: &Fake) -> (Descriptor, BTreeSet<Digest>) {
    let image = |platform: &str| {
        ImageBuilder::new().platform(platform).layer(Layer::new().file("a", platform)).build()
    };
    let index = IndexBuilder::new().image(image("linux/amd64")).image(image("linux/arm64")).build();
    index.push(fake, "app", "1");
    let store = open(fake, "app");
    let top = store.resolve().unwrap();
    let key = PrivateKey::generate_p256().unwrap();
    let now: Timestamp = "2026-11-21T01:18:01Z".parse().unwrap();
    let sign =
        |subject: &Descriptor| image::sign(&store, subject, &key, &BTreeMap::new(), now).unwrap().referrer;
    let one = Descriptor::for_bytes(media::OCI_MANIFEST, &index.images[0].manifest.bytes);
    let mut evidence = BTreeSet::from([sign(&top), sign(&one)]);
    let (sbom, config) = (
        store.put_blob("application/spdx+json", b"{}").unwrap(),
        store.put_blob(media::OCI_EMPTY, b"{}").unwrap(),
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "artifactType": "application/spdx+json",
        "config": config, "layers": [sbom], "subject": one,
    });
    let sbom = store.attach(media::OCI_MANIFEST, manifest.to_string().as_bytes()).unwrap();
    evidence.insert(sbom.digest);
    evidence.insert(sign(&Descriptor::new(media::OCI_MANIFEST, sbom.digest, sbom.size)));

    let payload = store.put_blob("application/vnd.dev.cosign.simplesigning.v1+json", b"{}").unwrap();
    let mut layer = serde_json::to_value(&payload).unwrap();
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": "AAAA"});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": [layer],
    });
    let tag = legacy_tag(&one.digest, "sig");
    store.put_manifest(Some(&tag), media::OCI_MANIFEST, manifest.to_string().as_bytes()).unwrap();
    (top, evidence)
}

fn transfer(source: Arc<dyn Source>, mount_from: Option<&str>) -> Transfer {
    Transfer {
        source,
        evidence: None,
        mount_from: mount_from.map(str::to_owned),
        limits: Limits::default(),
        progress: Arc::new(()),
    }
}

/// Everything that is attached to the image and its content, by digest.
fn evidence(source: &dyn Source, top: &Descriptor) -> BTreeSet<Digest> {
    let limits = Limits::default();
    let loaded = plimsoll_image::artifact::load(source, top, &limits).unwrap();
    let mut left: Vec<Digest> =
        loaded.images.iter().map(|image| image.manifest.digest).chain([top.digest]).collect();
    let mut all = BTreeSet::new();
    while let Some(subject) = left.pop() {
        for referrer in source.referrers(&subject).unwrap().descriptors {
            if all.insert(referrer.digest) {
                left.push(referrer.digest);
            }
        }
    }
    all
}

fn says(done: &Transferred) -> (usize, usize, usize) {
    assert!(done.left.is_empty(), "{:?}", done.left);
    (done.manifests, done.referrers, done.legacy_tags)
}

#[test]
fn registry_to_layout_to_registry_keeps_every_digest() {
    for (from_api, to_api) in [(true, false), (false, true)] {
        let fake = Fake::builder().referrers_api(from_api).start();
        let (top, expected) = signed(&fake);
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("image");
        let layout = LayoutStore::create(&directory, Limits::default()).unwrap();
        let source: Arc<dyn Source> = Arc::new(open(&fake, "app"));
        assert_eq!(says(&transfer(source, None).run(&top, &layout, "1").unwrap()), (3, 4, 1));
        let read = || Layout::open(&directory, Some("1"), Limits::default()).unwrap();
        assert_eq!(read().resolve().unwrap().digest, top.digest);
        assert_eq!(evidence(&read(), &top), expected);

        // A second transfer changes nothing.
        let before = std::fs::read(directory.join("index.json")).unwrap();
        let source: Arc<dyn Source> = Arc::new(open(&fake, "app"));
        transfer(source, None).run(&top, &layout, "1").unwrap();
        assert_eq!(std::fs::read(directory.join("index.json")).unwrap(), before);

        drop(fake);
        let other = Fake::builder().referrers_api(to_api).start();
        let destination = open(&other, "copy");
        let source: Arc<dyn Source> = Arc::new(read());
        assert_eq!(says(&transfer(source, None).run(&top, &destination, "1").unwrap()), (3, 4, 1));
        assert_eq!(open(&other, "copy").resolve().unwrap().digest, top.digest);
        assert_eq!(evidence(&destination, &top), expected);
        let loaded = plimsoll_image::artifact::load(&destination, &top, &Limits::default()).unwrap();
        let signed: Vec<usize> = loaded
            .images
            .iter()
            .map(|image| {
                legacy_bundles(&destination, &image.manifest.digest, &Limits::default()).unwrap().found.len()
            })
            .collect();
        assert_eq!(signed.iter().sum::<usize>(), 1);
        assert_eq!(bundles(&destination, &top.digest, &Limits::default()).unwrap().found.len(), 1);
    }
}

#[test]
fn blobs_of_the_same_registry_are_mounted_instead_of_sent() {
    let fake = Fake::start();
    let (top, expected) = signed(&fake);
    fake.clear_requests();
    let source: Arc<dyn Source> = Arc::new(open(&fake, "app"));
    let destination = open(&fake, "copy");
    transfer(source, Some("app")).run(&top, &destination, "1").unwrap();
    assert_eq!(evidence(&destination, &top), expected);
    assert!(fake.requests_to("PUT /v2/copy/blobs/*").is_empty());
    assert!(fake.requests_to("GET /v2/app/blobs/*").is_empty());
}

#[test]
fn a_blob_is_sent_if_mounting_is_refused() {
    let fake = Fake::start();
    let (top, expected) = signed(&fake);
    let source: Arc<dyn Source> = Arc::new(open(&fake, "app"));
    let destination = open(&fake, "copy");
    transfer(source, Some("elsewhere")).run(&top, &destination, "1").unwrap();
    assert_eq!(evidence(&destination, &top), expected);
}

/// A layer that is damaged in transit must not be stored, and the name must not be written.
#[test]
fn a_blob_that_is_damaged_in_transit_is_refused_and_named() {
    let fake = Fake::start();
    let layer = Layer::new().file("a", "content that will be damaged");
    let built = ImageBuilder::new().layer(layer).build();
    built.push(&fake, "app", "1");
    let source = open(&fake, "app");
    let top = source.resolve().unwrap();
    let loaded = plimsoll_image::artifact::load(&source, &top, &Limits::default()).unwrap();
    let layer = &loaded.images[0].layers[0].descriptor;
    let right = fake.blob("app", &layer.digest).unwrap();
    fake.add_blob_as("app", &layer.digest, vec![0; right.len()]);
    let other = Fake::start();
    let destination = open(&other, "copy");
    let error = transfer(Arc::new(source), None).run(&top, &destination, "1").unwrap_err();
    assert!(error.to_string().contains(&layer.digest.to_string()), "{error}");
    assert!(other.blob("copy", &layer.digest).is_none());
    assert!(other.tags("copy").is_empty());

    let folder = tempfile::tempdir().unwrap();
    let layout = LayoutStore::create(folder.path(), Limits::default()).unwrap();
    let source: Arc<dyn Source> = Arc::new(open(&fake, "app"));
    let error = transfer(source, None).run(&top, &layout, "1").unwrap_err();
    assert!(error.to_string().contains(&layer.digest.to_string()), "{error}");
    assert!(!folder.path().join("blobs/sha256").join(layer.digest.hex()).exists());
}

#[test]
fn a_place_that_cannot_list_evidence_stops_the_copy() {
    let fake = Fake::start();
    let (top, _) = signed(&fake);
    for place in ["GET */referrers/*", "GET */manifests/sha256-*.sig"] {
        fake.behave();
        fake.misbehave(place, Fault::Status(503));
        let other = Fake::start();
        let source: Arc<dyn Source> = Arc::new(open(&fake, "app"));
        let error = transfer(source, None).run(&top, &open(&other, "copy"), "1").unwrap_err();
        assert_eq!(error.kind(), Kind::Transient, "{error}");
        assert!(other.tags("copy").is_empty());
    }
}

/// A large blob is transferred in constant memory; this test checks that it comes in many pieces.
#[test]
fn a_layer_of_many_pieces_arrives_intact() {
    let fake = Fake::start();
    let mut noise = 1_u32;
    let bytes: Vec<u8> = (0..3_000_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        })
        .collect();
    let built = ImageBuilder::new().layer(Layer::new().file("big", bytes)).build();
    built.push(&fake, "app", "1");
    let source = open(&fake, "app");
    let top = source.resolve().unwrap();
    let other = Fake::builder().bearer("me", "secret").anonymous_pull().start();
    let refused =
        transfer(Arc::new(open(&fake, "app")), None).run(&top, &open(&other, "copy"), "1").unwrap_err();
    assert_eq!(refused.kind(), Kind::Unauthorized, "{refused}");
    let other = Fake::start();
    let done = transfer(Arc::new(source), None).run(&top, &open(&other, "copy"), "1").unwrap();
    assert!(done.bytes > 3_000_000, "{done:?}");
    assert_eq!(open(&other, "copy").resolve().unwrap().digest, top.digest);
}

/// An image with one signature, and the descriptor of the signature's manifest.
fn signed_once(fake: &Fake) -> (Registry, Descriptor, Descriptor) {
    ImageBuilder::new().layer(Layer::new().file("a", "a")).build().push(fake, "app", "1");
    let store = open(fake, "app");
    let top = store.resolve().unwrap();
    let key = PrivateKey::generate_p256().unwrap();
    image::sign(&store, &top, &key, &BTreeMap::new(), "2026-11-21T01:18:01Z".parse().unwrap()).unwrap();
    let signature = store.referrers(&top.digest).unwrap().descriptors.swap_remove(0);
    (store, top, signature)
}

/// A manifest, attached or not, with these layers.
fn manifest(store: &Registry, layers: &[serde_json::Value], subject: Option<&Descriptor>) -> Vec<u8> {
    let config = store.put_blob(media::OCI_EMPTY, b"{}").unwrap();
    let mut manifest =
        json!({"schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": layers});
    if let Some(subject) = subject {
        manifest["subject"] = json!(Descriptor::new(&subject.media_type, subject.digest, subject.size));
    }
    manifest.to_string().into_bytes()
}

#[test]
fn no_manifest_hides_another_by_listing_it_as_a_blob() {
    for api in [true, false] {
        let fake = Fake::builder().referrers_api(true).start();
        let (store, top, signature) = signed_once(&fake);
        let bytes = store.manifest(&signature).unwrap();
        let blob = store.put_blob("text/plain", &bytes).unwrap();
        // In any order of the list: by its digest, one referrer is before the signature, and one after it.
        for number in 0..8 {
            let mut layer = serde_json::to_value(&blob).unwrap();
            layer["annotations"] = json!({"number": number.to_string()});
            store.attach(media::OCI_MANIFEST, &manifest(&store, &[layer], Some(&top))).unwrap();
        }
        let other = Fake::builder().referrers_api(api).start();
        let destination = open(&other, "copy");
        transfer(Arc::new(open(&fake, "app")), None).run(&top, &destination, "1").unwrap();
        let found = bundles(&destination, &top.digest, &Limits::default()).unwrap();
        assert_eq!(found.found.len(), 1);
    }
}

#[test]
fn a_signature_that_is_also_listed_in_the_index_is_attached() {
    for api in [true, false] {
        let fake = Fake::start();
        let (store, image, signature) = signed_once(&fake);
        let plain = |one: &Descriptor| Descriptor::new(&one.media_type, one.digest, one.size);
        let index = json!({
            "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [plain(&signature), plain(&image)],
        });
        store.put_manifest(Some("2"), media::OCI_INDEX, index.to_string().as_bytes()).unwrap();
        let top = Descriptor::for_bytes(media::OCI_INDEX, index.to_string().as_bytes());
        let other = Fake::builder().referrers_api(api).start();
        let destination = open(&other, "copy");
        transfer(Arc::new(store), None).run(&top, &destination, "2").unwrap();
        assert_eq!(bundles(&destination, &image.digest, &Limits::default()).unwrap().found.len(), 1);
    }
}

/// A layer with a signature in the older format. All signatures of an image have the same payload.
fn older(store: &Registry, signature: &str) -> serde_json::Value {
    let payload = store.put_blob("application/vnd.dev.cosign.simplesigning.v1+json", b"{}").unwrap();
    let mut layer = serde_json::to_value(&payload).unwrap();
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
    layer
}

fn tagged(source: &dyn Source, tag: &str) -> Vec<String> {
    let Some((_, bytes)) = source.named(tag).unwrap() else { return Vec::new() };
    let manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    let name = "dev.cosignproject.cosign/signature";
    layers.map(|layer| layer["annotations"][name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn signatures_under_older_tags_are_merged_and_none_is_lost() {
    for suffix in ["sig", "att"] {
        let fake = Fake::start();
        let (store, top, _) = signed_once(&fake);
        let tag = legacy_tag(&top.digest, suffix);
        let put = |store: &Registry, signatures: &[&str]| {
            let layers: Vec<_> = signatures.iter().map(|signature| older(store, signature)).collect();
            let bytes = manifest(store, &layers, None);
            store.put_manifest(Some(&tag), media::OCI_MANIFEST, &bytes).unwrap();
            bytes
        };
        let ours = put(&store, &["b", "junk"]);
        let other = Fake::builder().etags(true).start();
        let destination = open(&other, "copy");
        put(&destination, &["good", "b"]);
        let copy = || transfer(Arc::new(open(&fake, "app")), None).run(&top, &destination, "1").unwrap();
        copy();
        assert_eq!(tagged(&open(&other, "copy"), &tag), ["good", "b", "junk"]);
        let both = other.manifest("copy", &tag).unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&both).unwrap();
        let config: Digest = parsed["config"]["digest"].as_str().unwrap().parse().unwrap();
        assert!(other.blob("copy", &config).is_some());
        // Repeating it, or copying fewer, changes nothing.
        copy();
        put(&store, &["junk"]);
        copy();
        assert_eq!(other.manifest("copy", &tag).unwrap(), both);
        // A manifest that contains everything of the destination keeps its digest.
        put(&destination, &["b"]);
        put(&store, &["b", "junk"]);
        copy();
        assert_eq!(other.manifest("copy", &tag).unwrap(), ours);

        // The same for a layout, twice from different places.
        let folder = tempfile::tempdir().unwrap();
        let layout = LayoutStore::create(folder.path(), Limits::default()).unwrap();
        transfer(Arc::new(open(&fake, "app")), None).run(&top, &layout, "1").unwrap();
        put(&store, &["later"]);
        transfer(Arc::new(open(&fake, "app")), None).run(&top, &layout, "1").unwrap();
        assert_eq!(tagged(&layout, &tag), ["b", "junk", "later"]);
        let read = Layout::open(folder.path(), Some("1"), Limits::default()).unwrap();
        transfer(Arc::new(read), None).run(&top, &destination, "1").unwrap();
        assert_eq!(tagged(&open(&other, "copy"), &tag), ["b", "junk", "later"]);
    }
}

#[test]
fn manifests_that_cannot_be_merged_are_refused_or_reported() {
    let fake = Fake::start();
    let (store, top, _) = signed_once(&fake);
    let other = Fake::start();
    let destination = open(&other, "copy");
    // An index in place of signatures.
    let tag = legacy_tag(&top.digest, "sig");
    store
        .put_manifest(Some(&tag), media::OCI_MANIFEST, &manifest(&store, &[older(&store, "a")], None))
        .unwrap();
    let index = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": []}).to_string();
    destination.put_manifest(Some(&tag), media::OCI_INDEX, index.as_bytes()).unwrap();
    let error = transfer(Arc::new(open(&fake, "app")), None).run(&top, &destination, "1").unwrap_err();
    assert!(error.to_string().contains("got an index"), "{error}");
    assert!(!other.tags("copy").contains(&"1".to_owned()), "the name comes last");
    // More signatures than are read.
    let many: Vec<_> =
        (0..Limits::default().referrers).map(|n| older(&destination, &n.to_string())).collect();
    destination.put_manifest(Some(&tag), media::OCI_MANIFEST, &manifest(&destination, &many, None)).unwrap();
    let error = transfer(Arc::new(open(&fake, "app")), None).run(&top, &destination, "1").unwrap_err();
    assert!(error.to_string().contains("256"), "{error}");

    // An unsigned SBOM of the destination stays.
    let tag = legacy_tag(&top.digest, "sbom");
    let fake = Fake::start();
    let (store, top, _) = signed_once(&fake);
    let put = |store: &Registry, text: &str| {
        let layer = store.put_blob("text/spdx+json", text.as_bytes()).unwrap();
        let bytes = manifest(store, &[serde_json::to_value(layer).unwrap()], None);
        store.put_manifest(Some(&tag), media::OCI_MANIFEST, &bytes).unwrap()
    };
    put(&store, "theirs");
    let other = Fake::start();
    let destination = open(&other, "copy");
    let kept = put(&destination, "ours");
    let done = transfer(Arc::new(store), None).run(&top, &destination, "1").unwrap();
    assert_eq!(done.legacy_tags, 0);
    assert!(done.left[0].1.contains(&kept.digest.to_string()), "{:?}", done.left);
    assert_eq!(destination.named(&tag).unwrap().unwrap().0.digest, kept.digest);
}

#[test]
fn evidence_that_is_attached_too_deep_is_reported() {
    let fake = Fake::start();
    let (store, top, signature) = signed_once(&fake);
    let mut subject = signature;
    for depth in 0..4 {
        let layer = serde_json::to_value(store.put_blob("text/plain", depth.to_string().as_bytes()).unwrap());
        let bytes = manifest(&store, &[layer.unwrap()], Some(&subject));
        subject = store.attach(media::OCI_MANIFEST, &bytes).unwrap();
    }
    let other = Fake::start();
    let done = transfer(Arc::new(store), None).run(&top, &open(&other, "copy"), "1").unwrap();
    assert_eq!((done.referrers, done.left.len()), (4, 1));
    assert_eq!(done.left[0].0.digest, subject.digest);
}

/// Passes on the content of a registry, and lists this many additional entries for each subject, all of them missing.
struct Listing {
    registry: Registry,
    more: usize,
    padding: usize,
}

impl Source for Listing {
    fn describe(&self) -> String {
        self.registry.describe()
    }

    fn resolve(&self) -> Result<Descriptor, ImageError> {
        self.registry.resolve()
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        self.registry.manifest(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn std::io::Read + Send>, ImageError> {
        self.registry.blob(descriptor)
    }

    fn named(&self, name: &str) -> Result<Option<(Descriptor, Vec<u8>)>, ImageError> {
        self.registry.named(name)
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, ImageError> {
        let mut listed = self.registry.referrers(subject)?;
        listed.descriptors.extend((0..self.more).map(|number| {
            let digest = Digest::sha256(format!("{subject} {number}").as_bytes());
            let media_type = format!("application/{}", "x".repeat(self.padding));
            Descriptor::new(media_type, digest, 2)
        }));
        Ok(listed)
    }
}

#[test]
fn lists_of_omitted_evidence_are_bounded_in_total() {
    for (padding, is_within) in [(10, true), (40_000, false)] {
        let fake = Fake::start();
        let (registry, top, _) = signed_once(&fake);
        let mut transfer = transfer(Arc::new(Listing { registry, more: 30, padding }), None);
        transfer.limits.manifest_bytes = 20_000;
        let other = Fake::start();
        let done = transfer.run(&top, &open(&other, "copy"), "1");
        assert_eq!(done.is_ok(), is_within, "{:?}", done.map(|done| done.left.len()));
        if let Ok(done) = done {
            assert_eq!(done.left.len(), 2 * 30);
        }
    }
}

#[test]
fn an_index_of_more_images_than_are_read_is_not_copied() {
    let fake = Fake::start();
    let image = |n: usize| ImageBuilder::new().layer(Layer::new().file("a", n.to_string())).build();
    let nested = |n: usize| {
        let images = (0..3).fold(IndexBuilder::new(), |index, m| index.image(image(10 * n + m)));
        images.build()
    };
    let index = (0..3).fold(IndexBuilder::new(), |index, n| index.image(nested(n))).build();
    index.push(&fake, "app", "1");
    let store = open(&fake, "app");
    let top = store.resolve().unwrap();
    let mut transfer = transfer(Arc::new(store), None);
    transfer.limits.index_entries = 12;
    let other = Fake::start();
    transfer.run(&top, &open(&other, "copy"), "1").unwrap();
    transfer.limits.index_entries = 11;
    let error = transfer.run(&top, &open(&other, "more"), "1").unwrap_err();
    assert!(error.to_string().contains("index_entries"), "{error}");
}

#[test]
fn an_immutable_tag_is_reported_at_once() {
    for status in [412, 409, 403] {
        let fake = Fake::builder().referrers_api(false).start();
        let (store, top, _) = signed_once(&fake);
        let tag = format!("PUT */manifests/sha256-{}", top.digest.hex());
        fake.misbehave(&tag, Fault::Status(status));
        fake.clear_requests();
        let bytes = manifest(&store, &[older(&store, "a")], Some(&top));
        let error = store.attach(media::OCI_MANIFEST, &bytes).unwrap_err().to_string();
        assert!(error.contains(&status.to_string()), "{error}");
        assert!(!error.contains("changed by others"), "{error}");
        assert!(fake.requests_to(&tag).len() <= 3);
    }
}
