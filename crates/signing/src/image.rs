//! Signatures of images.
//!
//! Owns the statement that is the signature of an image, as cosign v3 makes it. `plimsoll-attach` ties it to the image.

use std::collections::BTreeMap;

use plimsoll_attach::{AttachedBundle, attach_bundle};
use plimsoll_core::{Limits, Timestamp};
use plimsoll_image::{Descriptor, Store};
use plimsoll_keys::SigningKey;
use plimsoll_verify::{COSIGN_SIGN_V1, Statement, Subject};
use serde_json::Value;

use crate::{Error, sign_statement};

/// Signs the image or index `subject` and attaches the signature to it.
///
/// `annotations` are signed, too, as with `cosign sign -a`. `subject` must come from the store itself, resolved once:
/// signing a tag that moves in between would sign something else.
pub fn sign(
    store: &dyn Store,
    subject: &Descriptor,
    key: &dyn SigningKey,
    annotations: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<AttachedBundle, Error> {
    let statement = statement(subject, annotations);
    let bundle = sign_statement(key, &statement, &Limits::default())?;
    Ok(attach_bundle(store, subject, &bundle, COSIGN_SIGN_V1, now)?)
}

/// The statement that is the signature of `subject`, for callers that sign or store it in another way than [`sign`].
pub fn statement(subject: &Descriptor, annotations: &BTreeMap<String, String>) -> Statement {
    let mut named = Subject::new("", &subject.digest);
    named.annotations =
        annotations.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    Statement::new(named, COSIGN_SIGN_V1, Value::Object(serde_json::Map::new()))
}
