//! Signed waivers.
//!
//! Owns the form in which a waiver is signed: an in-toto statement of predicate type `https://plimsoll.dev/waiver/v1`
//! whose predicate is the waiver's document, in a bundle like any other. The policy decides what a waiver may waive,
//! and whose signature counts.
//!
//! ```json
//! {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://plimsoll.dev/waiver/v1",
//!  "subject": [{"name": "cve-2026-0001", "digest": {"sha256": "<of the predicate in canonical JSON>"}}],
//!  "predicate": {"apiVersion": "plimsoll.dev/v1", "kind": "Waiver", "metadata": {"name": "cve-2026-0001"}}}
//! ```

use plimsoll_core::{Digest, json};
use plimsoll_verify::{Statement, Subject, WAIVER_V1};
use serde_json::Value;

use crate::Error;

/// The statement that an approver of a waiver signs, with a key or keyless: [`make`](fn@crate::make).
///
/// Its subject is the document itself: the SHA-256 of its canonical JSON, under its `metadata.name`. So its subject is
/// the waiver itself, and it can never be mistaken for a statement about an image.
pub fn statement(waiver: &Value) -> Result<Statement, Error> {
    let name = waiver.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(Error::WaiverName);
    }
    let subject = Subject::new(name, &Digest::sha256(&json::canonical(waiver)));
    Ok(Statement::new(subject, WAIVER_V1, waiver.clone()))
}
