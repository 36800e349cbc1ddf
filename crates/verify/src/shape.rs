//! The fields that a bundle may have, checked before anything is interpreted.
//!
//! Adds strictness where the typed parser is lenient: that accepts URL-safe and unpadded base64, ignores unknown
//! fields, and does not bound lists. Follows `sigstore_bundle.proto`, version 0.3, in the JSON mapping of Protocol
//! Buffers with two choices:
//!
//! - **An unknown field is an error**, as that mapping demands. The fields around the envelope are not signed; if this
//!   reader skips a field that another obeys, the two see different bundles. A later version has a later media type.
//! - **One spelling**: lowerCamelCase names, standard padded base64. The mapping also allows snake_case and the
//!   URL-safe alphabet; no writer uses them, and each would be a second form of the same bundle.

use base64::Engine as _;
use serde_json::Value;

use crate::Error;
use crate::error::excerpt;

use Shape::{Base64, List, Object, Scalar};

/// What is allowed at a place.
enum Shape {
    Object(&'static [(&'static str, Shape)]),
    List(&'static Shape, usize),
    Base64,
    Scalar,
}

/// sigstore-python stops at 32 timestamps, sigstore-go at 32 entries (CVE-2024-45395: lists without end).
const MOST_ITEMS: usize = 32;
/// An inclusion path has one hash per level: no log will have the leaves of 64 levels.
const MOST_HASHES: usize = 64;

const BUNDLE: Shape = Object(&[
    ("mediaType", Scalar),
    ("verificationMaterial", MATERIAL),
    ("messageSignature", MESSAGE_SIGNATURE),
    ("dsseEnvelope", ENVELOPE),
]);

const MATERIAL: Shape = Object(&[
    ("publicKey", Object(&[("hint", Scalar)])),
    ("certificate", CERTIFICATE),
    ("x509CertificateChain", Object(&[("certificates", List(&CERTIFICATE, MOST_ITEMS))])),
    ("tlogEntries", List(&LOG_ENTRY, MOST_ITEMS)),
    ("timestampVerificationData", Object(&[("rfc3161Timestamps", List(&TIMESTAMP, MOST_ITEMS))])),
]);

const CERTIFICATE: Shape = Object(&[("rawBytes", Base64)]);
const TIMESTAMP: Shape = Object(&[("signedTimestamp", Base64)]);

const LOG_ENTRY: Shape = Object(&[
    ("logIndex", Scalar),
    ("logId", Object(&[("keyId", Base64)])),
    ("kindVersion", Object(&[("kind", Scalar), ("version", Scalar)])),
    ("integratedTime", Scalar),
    ("inclusionPromise", Object(&[("signedEntryTimestamp", Base64)])),
    ("inclusionProof", INCLUSION_PROOF),
    ("canonicalizedBody", Base64),
]);

const INCLUSION_PROOF: Shape = Object(&[
    ("logIndex", Scalar),
    ("rootHash", Base64),
    ("treeSize", Scalar),
    ("hashes", List(&Base64, MOST_HASHES)),
    ("checkpoint", Object(&[("envelope", Scalar)])),
]);

const MESSAGE_SIGNATURE: Shape =
    Object(&[("messageDigest", Object(&[("algorithm", Scalar), ("digest", Base64)])), ("signature", Base64)]);

const ENVELOPE: Shape =
    Object(&[("payload", Base64), ("payloadType", Scalar), ("signatures", List(&SIGNATURE, MOST_ITEMS))]);

const SIGNATURE: Shape = Object(&[("sig", Base64), ("keyid", Scalar)]);

/// Checks every field of a bundle; the typed parser interprets the values.
pub(crate) fn check(bundle: &Value) -> Result<(), Error> {
    BUNDLE.check(bundle, &mut Vec::new())
}

impl Shape {
    fn check(&self, value: &Value, path: &mut Vec<String>) -> Result<(), Error> {
        match (self, value) {
            (Object(fields), Value::Object(members)) => {
                for (name, member) in members {
                    path.push(excerpt(name));
                    let Some((_, shape)) = fields.iter().find(|(field, _)| field == name) else {
                        return Err(Error::UnknownField { path: path.join(".") });
                    };
                    // An explicit null is an absent field; the typed parser decides whether it may be absent.
                    if !member.is_null() {
                        shape.check(member, path)?;
                    }
                    path.pop();
                }
                Ok(())
            }
            (List(_, limit), Value::Array(items)) if items.len() > *limit => {
                Err(Error::TooMany { path: path.join("."), got: items.len(), limit: *limit })
            }
            (List(shape, _), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    shape.check(item, path)?;
                    path.pop();
                }
                Ok(())
            }
            (Base64, Value::String(text)) => base64::engine::general_purpose::STANDARD
                .decode(text)
                .map(drop)
                .map_err(|_| Error::Base64 { path: path.join(".") }),
            (Scalar, Value::String(_) | Value::Number(_)) => Ok(()),
            _ => Err(Error::FieldType {
                path: if path.is_empty() { "the document".into() } else { path.join(".") },
                expected: self.expected(),
            }),
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Object(_) => "an object",
            List(..) => "a list",
            Base64 => "a string in base64",
            Scalar => "a string or a number",
        }
    }
}
