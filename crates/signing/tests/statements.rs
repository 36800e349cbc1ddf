//! Signed statements: images, waivers, and statements that are refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;

use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_image::{Descriptor, media};
use plimsoll_keys::PrivateKey;
use plimsoll_signing::{image, sign_statement, waiver};
use plimsoll_verify::{Bundle, Statement, Subject, WAIVER_V1, statement_by_key};
use serde_json::json;

fn subject() -> Descriptor {
    Descriptor::for_bytes(media::OCI_MANIFEST, b"an image's manifest")
}

#[test]
fn a_signature_of_an_image_is_a_statement_that_verifies() {
    let key = PrivateKey::generate_p256().unwrap();
    let annotations = BTreeMap::from([("team".to_owned(), "infra".to_owned())]);
    let statement = image::statement(&subject(), &annotations);
    let bundle = sign_statement(&key, &statement, &Limits::default()).unwrap();
    assert!(bundle.starts_with(
        br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""#
    ));
    let bundle = Bundle::parse(&bundle, &Limits::default()).unwrap();
    let verified = statement_by_key(&bundle, std::slice::from_ref(key.public_key())).unwrap();
    assert!(verified.value().is_signature() && verified.value().names(&subject().digest));
    assert_eq!(verified.value().subjects[0].annotations["team"], "infra");
}

#[test]
fn a_waiver_is_signed_as_a_statement_about_itself() {
    let key = PrivateKey::generate_p256().unwrap();
    let document = json!({
        "apiVersion": "plimsoll.dev/v1", "kind": "Waiver", "metadata": {"name": "cve-2026-0001"},
        "spec": {"reason": "not reachable", "expires": "2026-12-01T00:00:00Z"},
    });
    let bundle = Bundle::parse(
        &sign_statement(&key, &waiver::statement(&document).unwrap(), &Limits::default()).unwrap(),
        &Limits::default(),
    )
    .unwrap();
    let verified = statement_by_key(&bundle, std::slice::from_ref(key.public_key())).unwrap();
    let statement = verified.value();
    assert_eq!(statement.predicate_type, WAIVER_V1);
    assert_eq!(statement.predicate, document);
    assert_eq!(statement.subjects[0].name, "cve-2026-0001");
    assert!(statement.names(&Digest::sha256(&plimsoll_core::json::canonical(&document))));
    assert!(!statement.is_signature());

    for nameless in
        [json!({}), json!({"metadata": {"name": ""}}), json!({"metadata": {"name": 7}}), json!(null)]
    {
        assert_eq!(waiver::statement(&nameless).unwrap_err().kind(), Kind::Usage);
    }
}

#[test]
fn statements_that_no_verifier_accepts_are_not_signed() {
    let key = PrivateKey::generate_p256().unwrap();
    let mut nothing = Statement::new(Subject::new("", &subject().digest), WAIVER_V1, json!({}));
    nothing.subjects.clear();
    assert_eq!(sign_statement(&key, &nothing, &Limits::default()).unwrap_err().kind(), Kind::Failed);

    let large = Statement::new(Subject::new("", &subject().digest), WAIVER_V1, json!("x".repeat(33 << 20)));
    let error = sign_statement(&key, &large, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("statement_bytes"), "{error}");
}
