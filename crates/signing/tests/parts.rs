//! The parts of real indexes, which are signed one by one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use plimsoll_core::{Classify as _, Kind, Limits, Reference};
use plimsoll_http::{Client, Settings};
use plimsoll_image::artifact::parts;
use plimsoll_image::{Descriptor, Source as _, Store as _, media};
use plimsoll_registry::Registry;
use plimsoll_testkit::{ImageBuilder, Layer, Registry as Fake};
use serde_json::{Value, json};

fn open(fake: &Fake) -> Registry {
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    let settings = Settings { retries: 0, ..Settings::default() };
    Registry::new(Client::new(settings).unwrap(), &reference, None, Limits::default()).unwrap()
}

fn index(store: &Registry, manifests: &[Value]) -> Descriptor {
    let index = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": manifests});
    store.put_manifest(None, media::OCI_INDEX, index.to_string().as_bytes()).unwrap()
}

#[test]
fn artifacts_nested_indexes_and_images_without_a_platform_are_parts() {
    let fake = Fake::start();
    ImageBuilder::new().layer(Layer::new().file("a", "a")).build().push(&fake, "app", "1");
    let store = open(&fake);
    let image = store.resolve().unwrap();
    let empty = store.put_blob(media::OCI_EMPTY, b"{}").unwrap();
    // Neither an operating system nor an architecture, and not even an image.
    let artifact = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "artifactType": "application/vnd.example.sbom",
        "config": empty, "layers": [empty],
    });
    let artifact = store.put_manifest(None, media::OCI_MANIFEST, artifact.to_string().as_bytes()).unwrap();
    let mut attestation = json!(
        store
            .put_manifest(
                None,
                media::OCI_MANIFEST,
                json!({
                    "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": empty, "layers": [],
                })
                .to_string()
                .as_bytes()
            )
            .unwrap()
    );
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let plain =
        |one: &Descriptor| json!({"mediaType": one.media_type, "digest": one.digest, "size": one.size});
    let nested = index(&store, &[plain(&artifact), plain(&image)]);
    let top = index(&store, &[plain(&image), attestation, plain(&nested), plain(&artifact)]);
    let found = parts(&store, &top, &Limits::default()).unwrap();
    let digests: Vec<_> = found.iter().map(|part| part.digest).collect();
    assert_eq!(digests, [top.digest, image.digest, nested.digest, artifact.digest], "each once");
    assert_eq!(parts(&store, &image, &Limits::default()).unwrap().len(), 1);

    let mut few = Limits::default();
    few.index_entries = 2;
    assert!(matches!(parts(&store, &top, &few), Err(plimsoll_image::Error::Limit(_))));
    let mut deep = top;
    for _ in 0..=Limits::default().index_depth {
        deep = index(&store, &[plain(&deep)]);
    }
    let error = parts(&store, &deep, &Limits::default()).unwrap_err();
    assert!(matches!(&error, plimsoll_image::Error::Limit(limit) if limit.name == "index_depth"), "{error}");
    // A missing part cannot be left out.
    let missing = Descriptor::for_bytes(media::OCI_MANIFEST, b"{}");
    let lists = json!({
        "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [plain(&image), plain(&missing)],
    });
    let bytes = lists.to_string().into_bytes();
    let top = Descriptor::for_bytes(media::OCI_INDEX, &bytes);
    fake.add_manifest("app", media::OCI_INDEX, bytes);
    assert_eq!(parts(&store, &top, &Limits::default()).unwrap_err().kind(), Kind::NotFound);
}
