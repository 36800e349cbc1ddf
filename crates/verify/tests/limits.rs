//! What the limits let through, and what each says when it is hit.

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
use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_testkit::sigstore::{Pair, now, pae};
use plimsoll_verify::{
    BUNDLE_V0_3, Bundle, Check, Error, IN_TOTO_PAYLOAD, PublicKey, Requirements, Statement, Subject, Trusted,
    TrustedKey, check_predicate, legacy, provenance, statement_by_key, verify,
};
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

/// A statement of some `bytes`, most of them in a list of texts.
fn statement(bytes: usize) -> Vec<u8> {
    const PIECE: usize = 50_000;
    let files: Vec<String> = (0..bytes / PIECE).map(|n| format!("{n:0PIECE$}")).collect();
    let subject = Subject::new("", &Digest::sha256(b"image"));
    Statement::new(subject, "https://example.com/p/v1", json!({ "files": files })).to_json()
}

fn envelope(pair: &Pair, payload: &[u8]) -> Value {
    json!({
        "payload": STANDARD.encode(payload),
        "payloadType": IN_TOTO_PAYLOAD,
        "signatures": [{"sig": STANDARD.encode(pair.sign(&pae(IN_TOTO_PAYLOAD, payload)))}],
    })
}

fn bundle(pair: &Pair, payload: &[u8]) -> Vec<u8> {
    let bundle = json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "dsseEnvelope": envelope(pair, payload),
    });
    bundle.to_string().into_bytes()
}

fn public(pair: &Pair) -> PublicKey {
    PublicKey::from_pem(pair.public_pem().as_bytes()).unwrap()
}

/// The error names the limit and the flag that raises it.
fn names(error: &Error, limit: &str) {
    assert!(matches!(error, Error::Limit(_)), "{error}");
    assert_eq!(error.kind(), Kind::Failed);
    assert!(error.to_string().contains(&format!("--limit {limit}=…")), "{error}");
}

/// SBOMs of ordinary images have 7 to 12 MiB, and base64 makes a third more of them.
#[test]
fn a_statement_of_30_mb_verifies_without_a_word_about_limits() {
    let (pair, payload) = (Pair::new(), statement(30_000_000));
    assert!(payload.len() > 29_000_000);
    let limits = Limits::default();
    let bundle = Bundle::parse(&bundle(&pair, &payload), &limits).unwrap();
    let keys = [TrustedKey::from(public(&pair))];
    let requirements = Requirements { logs: None, ..Requirements::default() };
    let check = Check { trusted: Trusted::Keys(&keys), root: None, requirements, now: now() };
    let verified = verify(&bundle, Some(&Digest::sha256(b"image")), &check).unwrap();
    assert_eq!(verified.value().to_json(), payload);
    // The same in cosign's older layout.
    let envelope = envelope(&pair, &payload).to_string();
    let older = legacy::bundle_of_attestation(envelope.as_bytes(), &[].into(), &limits).unwrap();
    let older = Bundle::parse(&older, &limits).unwrap();
    assert!(verify(&older, Some(&Digest::sha256(b"image")), &check).is_ok());
}

#[test]
fn larger_input_is_refused_with_the_name_of_the_limit() {
    let (pair, payload) = (Pair::new(), statement(2 * MIB));
    let bytes = bundle(&pair, &payload);
    let mut limits = Limits::default();
    limits.set("bundle_bytes", &(bytes.len() - 1).to_string()).unwrap();
    names(&Bundle::parse(&bytes, &limits).unwrap_err(), "bundle_bytes");
    names(&legacy::upgraded(&bytes, &limits).unwrap_err(), "bundle_bytes");
    names(&provenance::bundles(&bytes, &limits).unwrap_err(), "bundle_bytes");
    let envelope = envelope(&pair, &payload).to_string();
    limits.set("bundle_bytes", &(envelope.len() - 1).to_string()).unwrap();
    let error = legacy::bundle_of_attestation(envelope.as_bytes(), &[].into(), &limits).unwrap_err();
    names(&error, "bundle_bytes");

    // Raising the one leaves the other: a bundle that fits may carry a statement that does not.
    let mut limits = Limits::default();
    limits.set("statement_bytes", &(payload.len() - 1).to_string()).unwrap();
    let parsed = Bundle::parse(&bytes, &limits).unwrap();
    names(&statement_by_key(&parsed, &[public(&pair)]).unwrap_err(), "statement_bytes");
    names(&Statement::parse(&payload, &limits).unwrap_err(), "statement_bytes");
    assert!(parsed.claimed_statement().is_none());
    limits.set("statement_bytes", &payload.len().to_string()).unwrap();
    let parsed = Bundle::parse(&bytes, &limits).unwrap();
    assert!(statement_by_key(&parsed, &[public(&pair)]).is_ok());
}

#[test]
fn the_lists_in_statements_predicates_and_files_are_bounded_by_limits_that_can_be_raised() {
    let digest = Digest::sha256(b"image");
    let subjects = vec![Subject::new("", &digest); 3];
    let payload =
        Statement { subjects, predicate_type: "https://example.com/p/v1".into(), predicate: json!({}) }
            .to_json();
    let mut limits = Limits::default();
    limits.subjects = 2;
    let error = Statement::parse(&payload, &limits).unwrap_err();
    assert!(matches!(error, Error::SubjectCount { got: 3, limit: 2 }), "{error}");

    let kind = "https://cyclonedx.org/bom";
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}, {}, {}]});
    assert!(check_predicate(kind, &sbom, &limits).is_ok());
    limits.predicate_items = 2;
    let error = check_predicate(kind, &sbom, &limits).unwrap_err();
    assert!(error.to_string().contains("--limit predicate_items=…"), "{error}");
    limits.predicate_items = 3;
    assert!(check_predicate(kind, &sbom, &limits).is_ok(), "as many as there may be");

    let line = String::from_utf8(bundle(&Pair::new(), &payload)).unwrap();
    let file = vec![line.clone(); 3].join("\n");
    assert_eq!(provenance::bundles(file.as_bytes(), &limits).unwrap().len(), 3);
    limits.attestations = 2;
    names(&provenance::bundles(file.as_bytes(), &limits).unwrap_err(), "attestations");
    // The same for each form of a file.
    let members = |count: usize| {
        let list = vec![format!(r#"{{"bundle":{line}}}"#); count].join(",");
        [format!(r#"{{"attestations":[{list}]}}"#), format!("[{list}]")]
    };
    for form in 0..2 {
        assert_eq!(provenance::bundles(members(2)[form].as_bytes(), &limits).unwrap().len(), 2);
        names(&provenance::bundles(members(3)[form].as_bytes(), &limits).unwrap_err(), "attestations");
    }
}
