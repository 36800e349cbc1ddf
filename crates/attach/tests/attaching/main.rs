//! Attaching evidence to an image, and finding it again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod evidence;
mod layout;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_attach::{AttachedBundle, attach_bundle};
use plimsoll_core::Timestamp;
use plimsoll_image::{Descriptor, Store};
use plimsoll_testkit::sigstore::{Pair, pae};
use plimsoll_verify::{BUNDLE_V0_3, COSIGN_SIGN_V1, IN_TOTO_PAYLOAD, Statement, Subject};
use serde_json::json;

fn now() -> Timestamp {
    "2026-11-21T01:18:01.75Z".parse().unwrap()
}

/// Signs `subject` with a new key, so that all bundles differ, and attaches the signature.
fn sign(store: &dyn Store, subject: &Descriptor) -> AttachedBundle {
    let statement = Statement::new(Subject::new("", &subject.digest), COSIGN_SIGN_V1, json!({})).to_json();
    let signature = Pair::new().sign(&pae(IN_TOTO_PAYLOAD, &statement));
    let bundle = json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {"publicKey": {"hint": "a key"}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(statement),
            "payloadType": IN_TOTO_PAYLOAD,
            "signatures": [{"sig": STANDARD.encode(signature)}],
        },
    });
    attach_bundle(store, subject, bundle.to_string().as_bytes(), COSIGN_SIGN_V1, now()).unwrap()
}
