//! Evidence in the older format: found under its tags and as OCI 1.1 artifacts, and verified like the rest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_attach::evidence::{Form, Search, SkipReason, all, bundles, legacy_bundles, legacy_tag};
use plimsoll_core::{Classify as _, Digest, Kind, Limits, Reference};
use plimsoll_http::{Client, Settings};
use plimsoll_image::{Descriptor, Source as _, media};
use plimsoll_registry::Registry;
use plimsoll_testkit::sigstore::{Pair, pae};
use plimsoll_testkit::{Fault, ImageBuilder, Layer, Registry as Fake};
use plimsoll_verify::{Check, PublicKey, Requirements, Step, Trusted, TrustedKey};
use serde_json::{Value, json};

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const BY_KEY: Requirements = Requirements { logs: None, timestamps: 0, certificate_log: true };

struct Signed {
    fake: Fake,
    key: Pair,
    image: Digest,
}

impl Signed {
    fn new() -> Self {
        let fake = Fake::start();
        let image = ImageBuilder::new().layer(Layer::new().file("a", "a")).build();
        image.push(&fake, "app", "1");
        Self { fake, key: Pair::new(), image: image.digest() }
    }

    fn open(&self) -> Registry {
        let reference: Reference = self.fake.reference("app", "1").parse().unwrap();
        let settings = Settings { retries: 0, ..Settings::default() };
        Registry::new(Client::new(settings).unwrap(), &reference, None, Limits::default()).unwrap()
    }

    fn signature(&self, about: &Digest, key: &Pair) -> Value {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": ""},
                "image": {"docker-manifest-digest": about.to_string()},
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let mut layer = self.layer(SIMPLE_SIGNING, payload.as_bytes());
        layer["annotations"] =
            json!({"dev.cosignproject.cosign/signature": STANDARD.encode(key.sign(payload.as_bytes()))});
        layer
    }

    fn attestation(&self) -> Value {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://example.org/p",
            "subject": [{"name": "x", "digest": {"sha256": self.image.hex()}}], "predicate": {},
        })
        .to_string();
        let kind = "application/vnd.in-toto+json";
        let envelope = json!({
            "payloadType": kind, "payload": STANDARD.encode(&statement),
            "signatures": [{"keyid": "", "sig": STANDARD.encode(self.key.sign(&pae(kind, statement.as_bytes())))}],
        });
        self.layer(DSSE, envelope.to_string().as_bytes())
    }

    fn layer(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = self.fake.add_blob("app", bytes);
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    }

    fn manifest(&self, layers: &[Value]) -> Value {
        json!({
            "schemaVersion": 2, "mediaType": media::OCI_MANIFEST,
            "config": self.layer(media::OCI_CONFIG, b"{}"), "layers": layers,
        })
    }

    fn tag(&self, suffix: &str, manifest: &Value) {
        let digest = self.fake.add_manifest("app", media::OCI_MANIFEST, manifest.to_string());
        self.fake.tag("app", &legacy_tag(&self.image, suffix), &digest);
    }

    fn check<T>(&self, use_it: impl FnOnce(&Check<'_>) -> T) -> T {
        let keys = [TrustedKey::from(PublicKey::from_spki_der(self.key.spki()).unwrap())];
        use_it(&Check {
            trusted: Trusted::Keys(&keys),
            root: None,
            requirements: BY_KEY,
            now: plimsoll_core::clock::now(),
        })
    }
}

#[test]
fn signatures_and_attestations_under_tags_are_found_and_verified() {
    let signed = Signed::new();
    let stranger = Pair::new();
    signed.tag(
        "sig",
        &signed.manifest(&[
            signed.signature(&signed.image, &stranger),
            signed.signature(&Digest::sha256(b"another image"), &signed.key),
            signed.signature(&signed.image, &signed.key),
        ]),
    );
    signed.tag("att", &signed.manifest(&[signed.attestation()]));
    let store = signed.open();
    assert!(bundles(&store, &signed.image, &Limits::default()).unwrap().found.is_empty());
    let found = legacy_bundles(&store, &signed.image, &Limits::default()).unwrap();
    assert!(found.skipped.is_empty() && !found.truncated);
    let outcomes: Vec<_> = signed.check(|check| {
        found
            .found
            .iter()
            .map(|bundle| {
                bundle
                    .verify(&signed.image, check, &Limits::default())
                    .map_err(|error| error.failed_step().unwrap())
            })
            .map(|outcome| outcome.map(|verified| verified.value().is_signature()))
            .collect()
    });
    assert_eq!(outcomes, [Err(Step::Signature), Err(Step::Artifact), Ok(true), Ok(false)]);
    assert!(matches!(found.found[0].form, Form::SimpleSigning(_)));
    assert_eq!(
        found.found[3].claimed_predicate(&Limits::default()).as_deref(),
        Some("https://example.org/p")
    );
}

/// cosign's experimental OCI 1.1 mode: the same layers in a manifest with a subject.
#[test]
fn signatures_as_artifacts_are_found_among_the_referrers() {
    let signed = Signed::new();
    let store = signed.open();
    let subject = store.resolve().unwrap();
    for (kind, layers) in [
        (
            "application/vnd.dev.cosign.artifact.sig.v1+json",
            vec![signed.signature(&signed.image, &signed.key), signed.signature(&signed.image, &Pair::new())],
        ),
        ("application/vnd.in-toto+json", vec![signed.attestation()]),
        // BuildKit's attachments under the same name are not signed.
        ("application/vnd.in-toto+json", vec![signed.layer("application/vnd.in-toto+json", b"{}")]),
    ] {
        let mut manifest = signed.manifest(&layers);
        manifest["artifactType"] = json!(kind);
        manifest["subject"] = json!({
            "mediaType": subject.media_type, "digest": subject.digest.to_string(), "size": subject.size,
        });
        signed.fake.add_manifest("app", media::OCI_MANIFEST, manifest.to_string());
    }
    let found = bundles(&store, &signed.image, &Limits::default()).unwrap();
    assert_eq!(found.found.len(), 3);
    let held = signed.check(|check| {
        found
            .found
            .iter()
            .filter(|bundle| bundle.verify(&signed.image, check, &Limits::default()).is_ok())
            .count()
    });
    assert_eq!(held, 2);
    assert_eq!(found.skipped.len(), 1);
    assert!(matches!(found.skipped[0].reason, SkipReason::OtherArtifact { .. }));
}

#[test]
fn a_failing_registry_never_means_an_older_format_or_no_signatures() {
    let signed = Signed::new();
    signed.tag("sig", &signed.manifest(&[signed.signature(&signed.image, &signed.key)]));
    for status in [401, 403, 429, 500, 503] {
        for place in ["GET */referrers/*", "GET */manifests/sha256-*.sig", "GET */manifests/sha256-*.att"] {
            signed.fake.behave();
            signed.fake.misbehave(place, Fault::Status(status));
            let error = all(&signed.open(), &signed.image, &Limits::default()).unwrap_err();
            assert_ne!(error.kind(), Kind::NotFound, "{place} {status}: {error}");
        }
    }
}

/// CVE-2023-46737, CVE-2024-29902, CVE-2024-29903.
#[test]
fn endless_and_giant_older_signatures_are_cut_with_notice() {
    let signed = Signed::new();
    let layers: Vec<Value> = (0..300).map(|_| signed.signature(&signed.image, &signed.key)).collect();
    signed.tag("sig", &signed.manifest(&layers));
    let limits = Limits::default();
    let found = legacy_bundles(&signed.open(), &signed.image, &limits).unwrap();
    assert!(found.truncated);
    assert_eq!(found.found.len(), limits.referrers);

    let mut giant = signed.signature(&signed.image, &signed.key);
    giant["size"] = json!(limits.bundle_bytes + 1);
    signed.tag("sig", &signed.manifest(&[giant, signed.signature(&signed.image, &signed.key)]));
    let found = legacy_bundles(&signed.open(), &signed.image, &limits).unwrap();
    assert_eq!(found.found.len(), 1);
    assert!(matches!(&found.skipped[0].reason, SkipReason::Object(_)), "{:?}", found.skipped);
}

#[test]
fn an_older_signature_with_false_claims_is_set_aside() {
    let signed = Signed::new();
    let mut unsigned = signed.signature(&signed.image, &signed.key);
    unsigned["annotations"] = json!({});
    let swapped = {
        let mut layer = signed.signature(&signed.image, &signed.key);
        let digest: Digest = layer["digest"].as_str().unwrap().parse().unwrap();
        let bytes = vec![b' '; usize::try_from(layer["size"].as_u64().unwrap()).unwrap()];
        let claimed = Digest::sha256(b"never stored");
        signed.fake.add_blob_as("app", &claimed, bytes);
        assert_ne!(digest, claimed);
        layer["digest"] = json!(claimed.to_string());
        layer
    };
    signed.tag("sig", &signed.manifest(&[unsigned, swapped]));
    let found = legacy_bundles(&signed.open(), &signed.image, &Limits::default()).unwrap();
    assert!(found.found.is_empty());
    let reasons: Vec<_> = found.skipped.iter().map(|skipped| skipped.reason.to_string()).collect();
    assert!(found.skipped.iter().any(|s| matches!(s.reason, SkipReason::Legacy(_))), "{reasons:?}");
    assert!(found.skipped.iter().any(|s| matches!(s.reason, SkipReason::Object(_))), "{reasons:?}");

    // Something else under the tag: an index, and a picture.
    let other: Descriptor = Descriptor::for_bytes(media::OCI_MANIFEST, b"x");
    let index = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [other]});
    let digest = signed.fake.add_manifest("app", media::OCI_INDEX, index.to_string());
    signed.fake.tag("app", &legacy_tag(&signed.image, "sig"), &digest);
    let found = legacy_bundles(&signed.open(), &signed.image, &Limits::default()).unwrap();
    assert!(found.found.is_empty() && found.skipped.len() == 1);
}

#[test]
fn the_search_continues_from_place_to_place_on_request() {
    let signed = Signed::new();
    let (limits, subjects) = (Limits::default(), [signed.image]);
    signed.tag("att", &signed.manifest(&[signed.attestation()]));
    let layer = signed.layer("application/vnd.dev.sigstore.bundle.v0.3+json", b"{}");
    let top: Value = json!({"mediaType": media::OCI_MANIFEST, "digest": signed.image.to_string(), "size": 1});
    let mut referrer = signed.manifest(&[layer]);
    referrer["subject"] = top;
    signed.fake.add_manifest("app", media::OCI_MANIFEST, referrer.to_string());

    let store = signed.open();
    let mut search = Search::new(&store, &subjects, &limits);
    let count = |search: &mut Search<'_>| {
        let place = search.next_place().unwrap();
        place.map(|place| place.iter().map(|(_, found)| found.found.len()).sum::<usize>())
    };
    assert_eq!(count(&mut search), Some(1));
    assert_eq!(count(&mut search), Some(0), "the other list repeats nothing");
    let older = || signed.fake.requests_to("GET */manifests/*.att").len();
    assert_eq!(older(), 0, "the last place was not requested yet");
    assert_eq!(count(&mut search), Some(1));
    assert_eq!(older(), 1);
    assert_eq!(count(&mut search), None);
    assert_eq!(all(&store, &signed.image, &limits).unwrap().found.len(), 2);
}
