//! The fields that a bundle may have, checked and rewritten in one spelling before anything is interpreted.
//!
//! Follows `sigstore_bundle.proto`, version 0.3, in the [JSON mapping of Protocol Buffers]. That allows either name of a
//! field, base64 in either alphabet with or without padding, the name or number of an enum or nothing, and `null` for an
//! absent field. All of these are accepted, and rewritten in the one spelling that the typed parser and the rest of this
//! crate know. In addition, these are checked here:
//!
//! - **An unknown field is an error**, as that mapping demands. The fields around the envelope are not signed; if this
//!   reader skips a field that another reader uses, the two see different bundles. A later version has a later media type.
//! - **A field under both of its names is an error**, because two readers could use different values.
//! - Lists have a limit.
//!
//! [JSON mapping of Protocol Buffers]: https://protobuf.dev/programming-guides/json/

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use serde_json::{Map, Value};

use crate::Error;
use crate::error::excerpt;

use Shape::{Base64, Hash, List, Object, Scalar};

/// What is allowed in one place.
enum Shape {
    Object(&'static [(&'static str, Shape)]),
    List(&'static Shape, usize),
    Base64,
    /// A `HashAlgorithm`.
    Hash,
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
    Object(&[("messageDigest", Object(&[("algorithm", Hash), ("digest", Base64)])), ("signature", Base64)]);

const ENVELOPE: Shape =
    Object(&[("payload", Base64), ("payloadType", Scalar), ("signatures", List(&SIGNATURE, MOST_ITEMS))]);

const SIGNATURE: Shape = Object(&[("sig", Base64), ("keyid", Scalar)]);

/// `HashAlgorithm` of `sigstore_common.proto`, by number.
const HASHES: [&str; 6] =
    ["HASH_ALGORITHM_UNSPECIFIED", "SHA2_256", "SHA2_384", "SHA2_512", "SHA3_256", "SHA3_384"];

/// Checks every field of a bundle and rewrites it in the one spelling; the typed parser interprets the values.
pub(crate) fn normalise(bundle: Value) -> Result<Value, Error> {
    let mut bundle = BUNDLE.spell(bundle, &mut Vec::new())?;
    // A digest with neither algorithm nor bytes, which cosign 3 writes for Ed25519 keys, is removed: it names nothing.
    if let Some(message) = bundle.get_mut("messageSignature").and_then(Value::as_object_mut)
        && let Some(digest) = message.get("messageDigest").and_then(Value::as_object)
    {
        let is = |name: &str, zero: &str| digest.get(name).is_none_or(|value| value == zero);
        match (is("algorithm", HASHES[0]), is("digest", "")) {
            (true, true) => drop(message.remove("messageDigest")),
            (true, false) => {
                return Err(Error::Missing { names: &["messageSignature.messageDigest.algorithm"] });
            }
            _ => {}
        }
    }
    Ok(bundle)
}

impl Shape {
    fn spell(&self, value: Value, path: &mut Vec<String>) -> Result<Value, Error> {
        match (self, value) {
            (Object(fields), Value::Object(members)) => {
                let mut spelled = Map::new();
                for (name, member) in members {
                    path.push(excerpt(&name));
                    let known = fields.iter().find(|(field, _)| *field == name || snake_case(field) == name);
                    let Some((field, shape)) = known else {
                        return Err(Error::UnknownField { path: path.join(".") });
                    };
                    // An explicit null is an absent field; the typed parser decides whether it may be absent.
                    let member = if member.is_null() { member } else { shape.spell(member, path)? };
                    if spelled.insert((*field).to_owned(), member).is_some() {
                        return Err(Error::TwoNames { path: path.join(".") });
                    }
                    path.pop();
                }
                Ok(Value::Object(spelled))
            }
            (List(_, limit), Value::Array(items)) if items.len() > *limit => {
                Err(Error::TooMany { path: path.join("."), got: items.len(), limit: *limit })
            }
            (List(shape, _), Value::Array(items)) => {
                let mut spelled = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    path.push(index.to_string());
                    spelled.push(shape.spell(item, path)?);
                    path.pop();
                }
                Ok(Value::Array(spelled))
            }
            (Base64, Value::String(text)) => {
                let spelled = base64(text).ok_or_else(|| Error::Base64 { path: path.join(".") })?;
                Ok(Value::String(spelled))
            }
            (Hash, Value::String(name)) if HASHES.contains(&name.as_str()) => Ok(Value::String(name)),
            (Hash, Value::Number(number)) => {
                let name = number.as_u64().and_then(|number| HASHES.get(usize::try_from(number).ok()?));
                name.map(|name| Value::from(*name)).ok_or_else(|| self.wrong(path))
            }
            (Scalar, value @ (Value::String(_) | Value::Number(_))) => Ok(value),
            _ => Err(self.wrong(path)),
        }
    }

    fn wrong(&self, path: &[String]) -> Error {
        let path = if path.is_empty() { "the document".into() } else { path.join(".") };
        Error::FieldType { path, expected: self.expected() }
    }

    fn expected(&self) -> &'static str {
        match self {
            Object(_) => "an object",
            List(..) => "a list",
            Base64 => "a string in base64",
            Hash => "the name or number of a hash algorithm",
            Scalar => "a string or a number",
        }
    }
}

/// The name of a field as the `.proto` file has it: `log_id` for `logId`.
fn snake_case(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}

/// The standard spelling of `text`; `None` if it is not base64. Text that already has it, which may be most of the bundle, is
/// returned as it is.
fn base64(text: String) -> Option<String> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
    let is_whole = text.len().is_multiple_of(4);
    // Padding is complete or absent.
    if text.ends_with('=') && !is_whole {
        return None;
    }
    let is_url_safe = text.contains(['-', '_']);
    let bytes = if is_url_safe { URL_SAFE.decode(&text) } else { STANDARD.decode(&text) }.ok()?;
    Some(if is_whole && !is_url_safe { text } else { general_purpose::STANDARD.encode(bytes) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_is_found_under_both_of_its_names_and_refused_under_both_at_once() {
        let camel = json!({"messageSignature": {"messageDigest": {"algorithm": 1, "digest": "-_8"}}});
        let snake =
            json!({"message_signature": {"message_digest": {"algorithm": "SHA2_256", "digest": "+/8="}}});
        assert_eq!(normalise(camel).unwrap(), normalise(snake).unwrap());
        for both in [
            json!({"mediaType": "a", "media_type": "a"}),
            json!({"dsseEnvelope": {"payloadType": "a", "payload_type": "b"}}),
        ] {
            assert!(matches!(normalise(both), Err(Error::TwoNames { .. })));
        }
        for unknown in ["MediaType", "MEDIA_TYPE", "media-type", "mediatype", "media__type"] {
            assert!(matches!(normalise(json!({unknown: "a"})), Err(Error::UnknownField { .. })), "{unknown}");
        }
    }

    #[test]
    fn base64_is_of_one_alphabet_and_has_nothing_beside_it() {
        for (text, usual) in [("", ""), ("AA", "AA=="), ("AA==", "AA=="), ("-_8", "+/8="), ("+/8", "+/8=")] {
            assert_eq!(base64(text.to_owned()).as_deref(), Some(usual), "{text}");
        }
        for text in ["A", "A===", "AA=", "AB==", "-/8=", "AA==\n", " AA==", "AA==AA==", "A=A="] {
            let found = base64(text.to_owned());
            assert!(found.is_none(), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_digest_without_an_algorithm_names_nothing_or_is_refused_by_name() {
        let message = |digest: Value| normalise(json!({"messageSignature": {"messageDigest": digest}}));
        for nothing in [
            json!({}),
            json!({"algorithm": 0}),
            json!({"algorithm": "HASH_ALGORITHM_UNSPECIFIED", "digest": ""}),
        ] {
            assert_eq!(message(nothing).unwrap(), json!({"messageSignature": {}}));
        }
        for digest in [json!({"digest": "AA=="}), json!({"algorithm": 0, "digest": "AA=="})] {
            let error = message(digest).unwrap_err().to_string();
            assert!(error.contains("messageDigest.algorithm"), "{error}");
        }
        for algorithm in
            [json!(-1), json!(6), json!(1.5), json!("sha256"), json!("SHA1"), json!("1"), json!(true)]
        {
            let error = message(json!({"algorithm": algorithm, "digest": "AA=="})).unwrap_err();
            assert!(matches!(error, Error::FieldType { .. }), "{error}");
        }
    }

    #[test]
    fn base64_of_either_alphabet_is_rewritten_in_the_standard_one() {
        for (text, usual) in [("-_-_", "+/+/"), ("+/+/", "+/+/"), ("-_8=", "+/8="), ("AAAA", "AAAA")] {
            assert_eq!(base64(text.to_owned()).as_deref(), Some(usual), "{text}");
        }
    }

    #[test]
    fn a_list_has_as_many_items_as_it_may_and_no_more() {
        let stamps = |count: usize| {
            let stamps = vec![json!({"signedTimestamp": "AA=="}); count];
            normalise(
                json!({"verificationMaterial": {"timestampVerificationData": {"rfc3161Timestamps": stamps}}}),
            )
        };
        assert!(stamps(MOST_ITEMS).is_ok());
        let error = stamps(MOST_ITEMS + 1).unwrap_err();
        assert!(matches!(error, Error::TooMany { got: 33, limit: 32, .. }), "{error}");
    }

    #[test]
    fn what_a_field_should_have_been_is_told() {
        for (bundle, told) in [
            (json!([]), "bundle: the document: expected an object"),
            (json!({"mediaType": []}), "bundle: mediaType: expected a string or a number"),
            (json!({"dsseEnvelope": 1}), "bundle: dsseEnvelope: expected an object"),
            (json!({"dsseEnvelope": {"signatures": {}}}), "bundle: dsseEnvelope.signatures: expected a list"),
            (
                json!({"dsseEnvelope": {"payload": 1}}),
                "bundle: dsseEnvelope.payload: expected a string in base64",
            ),
            (
                json!({"messageSignature": {"messageDigest": {"algorithm": "MD5"}}}),
                "bundle: messageSignature.messageDigest.algorithm: expected the name or number of a hash algorithm",
            ),
        ] {
            assert_eq!(normalise(bundle).unwrap_err().to_string(), told);
        }
    }
}
