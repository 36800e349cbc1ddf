//! Attachments of somebody who may push to an image's repository. Each test is named after its row in the catalogue of
//! bad inputs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_attach::evidence::{SkipReason, bundles};
use plimsoll_core::{Digest, Limits, Reference};
use plimsoll_http::{Client, Settings};
use plimsoll_image::Source as _;
use plimsoll_keys::{FileDigests, Payload, PrivateKey, SignedForm, SigningKey as _};
use plimsoll_registry::Registry;
use plimsoll_signing::{Confirmation, Content, Error, Signer, make};
use plimsoll_testkit::sigstore::pae;
use plimsoll_testkit::{Artifact, Fault, ImageBuilder, Registry as Fake, attachment};
use plimsoll_verify::{Bundle, Statement, Subject, statement_by_key};
use serde_json::json;

mod sign_in;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn pushed() -> (Fake, Artifact, Registry) {
    let fake = Fake::start();
    let image = ImageBuilder::new().build();
    image.push(&fake, "app", "1");
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    let settings = Settings { retries: 0, ..Settings::default() };
    let store = Registry::new(Client::new(settings).unwrap(), &reference, None, Limits::default()).unwrap();
    (fake, image, store)
}

#[test]
fn r09_an_attachment_beyond_the_limit_is_set_aside_before_a_byte_of_it_is_requested() {
    let (fake, image, store) = pushed();
    let mut limits = Limits::default();
    limits.bundle_bytes = 1_000;
    attachment(&image.top, BUNDLE, BUNDLE, &vec![b' '; 1_001]).push_by_digest(&fake, "app");
    attachment(&image.top, BUNDLE, BUNDLE, b"{}").push_by_digest(&fake, "app");
    fake.clear_requests();
    let result = bundles(&store, &image.digest(), &limits).unwrap();
    assert_eq!((result.found.len(), result.skipped.len()), (1, 1));
    let reason = result.skipped[0].reason.to_string();
    assert!(reason.contains("bundle_bytes"), "{reason}");
    assert!(result.truncated, "its content is unknown");
    assert_eq!(fake.requests_to("GET */blobs/*").len(), 1, "only the small one is read");
}

#[test]
fn r09_many_attachments_are_bounded_in_total_too_and_reported_as_cut() {
    let (fake, image, store) = pushed();
    let mut limits = Limits::default();
    limits.bundle_bytes = 1_000;
    limits.bundles_bytes = 16_000;
    for n in 0..20_u8 {
        attachment(&image.top, BUNDLE, BUNDLE, &[n; 1_000]).push_by_digest(&fake, "app");
    }
    // A signature is small, and is read first: giants cannot crowd it out.
    let small = attachment(&image.top, BUNDLE, BUNDLE, b"{}");
    small.push_by_digest(&fake, "app");
    let result = bundles(&store, &image.digest(), &limits).unwrap();
    assert!(result.truncated);
    assert!(result.found.iter().any(|bundle| bundle.bytes == b"{}"));
    assert!(result.found.iter().map(|bundle| bundle.bytes.len()).sum::<usize>() <= 16_000);
    assert!(
        result.skipped.iter().any(|skipped| matches!(skipped.reason, SkipReason::OverTotal { size: 1_000 }))
    );
}

#[test]
fn r09_an_attachment_that_is_larger_than_announced_is_not_read_to_its_end() {
    for fault in [Fault::Longer(64 << 20), Fault::Chunked] {
        let (fake, image, store) = pushed();
        let lying = attachment(&image.top, BUNDLE, BUNDLE, b"{}");
        lying.push_by_digest(&fake, "app");
        let blob = lying.parts[1].digest();
        if matches!(fault, Fault::Chunked) {
            // No length is announced, and the body is longer than the manifest says.
            fake.add_blob_as("app", &blob, vec![b' '; 64 << 20]);
        }
        fake.misbehave("GET */blobs/*", fault);
        let result = bundles(&store, &image.digest(), &Limits::default()).unwrap();
        assert_eq!((result.found.len(), result.skipped.len()), (0, 1));
        assert!(matches!(result.skipped[0].reason, SkipReason::Object(_)), "{:?}", result.skipped[0]);
    }
}

#[test]
fn r08_too_many_attachments_are_incomplete_and_never_none() {
    let (fake, image, store) = pushed();
    let mut limits = Limits::default();
    limits.referrers = 3;
    for n in 0..5_u8 {
        attachment(&image.top, BUNDLE, BUNDLE, &[n]).push_by_digest(&fake, "app");
    }
    let result = bundles(&store, &image.digest(), &limits).unwrap();
    assert!(result.truncated);
    assert_eq!(result.found.len(), 3);
}

#[test]
fn r19_a_listed_attachment_that_belongs_to_another_image() {
    let (fake, image, store) = pushed();
    let other = ImageBuilder::new().label("other", "image").build();
    other.push_by_digest(&fake, "app");
    let foreign = attachment(&other.top, BUNDLE, BUNDLE, b"{}");
    foreign.push_by_digest(&fake, "app");
    // Everyone who may push can write the fallback tag.
    let descriptor = foreign.top.descriptor();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{descriptor}]}}"#
    );
    let index = fake.add_manifest("app", "application/vnd.oci.image.index.v1+json", index);
    fake.tag("app", &format!("sha256-{}", image.digest().hex()), &index);
    fake.misbehave("*/referrers/*", Fault::Status(404));
    let result = bundles(&store, &image.digest(), &Limits::default()).unwrap();
    assert!(result.found.is_empty());
    assert!(matches!(result.skipped[0].reason, SkipReason::OtherSubject { .. }), "{:?}", result.skipped);
    assert!(store.resolve().is_ok());
}

/// A file is signed as it is, a statement with its type and length before it. A file with all of that would give its
/// author a signature of their statement. Readers cannot distinguish the two, so such a file is not signed.
#[test]
fn s11_a_file_with_the_signed_form_of_a_statement() {
    let key = PrivateKey::generate_p256().unwrap();
    let statement = Statement::new(Subject::new("", &Digest::sha256(b"evil")), "p", json!({})).to_json();
    let file = pae("application/vnd.in-toto+json", &statement);
    let digests = FileDigests::read(&file[..]).unwrap();
    let signature = key.sign(&Payload::Digests(&digests)).unwrap();
    let forged = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": STANDARD.encode(key.public_key().id().as_bytes())}},
        "dsseEnvelope": {"payload": STANDARD.encode(&statement), "payloadType": "application/vnd.in-toto+json",
                         "signatures": [{"sig": STANDARD.encode(signature)}]},
    });
    let forged = Bundle::parse(forged.to_string().as_bytes(), &Limits::default()).unwrap();
    assert!(statement_by_key(&forged, std::slice::from_ref(key.public_key())).is_ok(), "this is the attack");

    let sign = |file: &[u8]| {
        // In pieces, as from a pipe.
        let pieces =
            file.chunks(3).fold(Box::new(std::io::empty()) as Box<dyn std::io::Read>, |all, piece| {
                Box::new(std::io::Read::chain(all, piece))
            });
        let digests = FileDigests::read(pieces).unwrap();
        let limits = Limits::default();
        let confirmation =
            Confirmation { root: None, now: plimsoll_core::Timestamp::UNIX_EPOCH, limits: &limits };
        make(Content::File(&digests), Signer::Key(&key), None, &confirmation)
    };
    let dsse = |result| matches!(result, Err(Error::SignedForm { form: SignedForm::Dsse }));
    assert!(dsse(sign(&file)) && dsse(sign(b"DSSEv1 ")));
    let image =
        format!(r#"{{"critical":{{"image":{{"docker-manifest-digest":"{}"}}}}}}"#, Digest::sha256(b"evil"));
    assert!(matches!(sign(image.as_bytes()), Err(Error::SignedForm { form: SignedForm::ImageSignature })));
    for harmless in [&b"DSSEv1"[..], b" DSSEv1 ", b"DSSEv2 28", b""] {
        assert!(sign(harmless).is_ok(), "{harmless:?}");
    }
}
