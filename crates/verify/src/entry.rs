//! Log entries rebuilt from the bundle.
//!
//! A log entry proves something about a bundle only if it is the entry of this very signature; twice, cosign accepted any
//! valid entry (CVE-2022-36056, CVE-2026-22703). So the body that the log must have stored is rebuilt from the bundle's own
//! digest, signature and verifier, in canonical JSON, and compared byte for byte. A repeated field, another kind or another
//! algorithm makes another body.
//!
//! Three kinds contain the hash of an envelope as it was sent, and bundles do not keep its spelling. `dsse` 0.0.1 and
//! `intoto` 0.0.2 also contain payload hash, signature and verifier, so the hash is taken from the entry. In `intoto` 0.0.1
//! only this hash binds the signature, so it has to be the hash of this envelope in the spelling that the tools of that time
//! sent. A `hashedrekord` covers a file, or DSSE's encoding of an envelope.
//!
//! ```json
//! {"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"4a78…"}},
//!  "signature":{"content":"MEUC…","publicKey":{"content":"LS0t…"}}}}
//! {"apiVersion":"0.0.1","kind":"dsse","spec":{"envelopeHash":{"algorithm":"sha256","value":"…"},
//!  "payloadHash":{"algorithm":"sha256","value":"…"},"signatures":[{"signature":"MEUC…","verifier":"LS0t…"}]}}
//! {"apiVersion":"0.0.1","kind":"intoto","spec":{"content":{"hash":{"algorithm":"sha256","value":"…"},
//!  "payloadHash":{"algorithm":"sha256","value":"…"}},"publicKey":"LS0t…"}}
//! {"apiVersion":"0.0.2","kind":"intoto","spec":{"content":{"envelope":{"payloadType":"application/vnd.in-toto+json",
//!  "signatures":[{"publicKey":"LS0t…","sig":"TUVVQ…"}]},"hash":{…},"payloadHash":{…}}}}
//! ```

use aws_lc_rs::digest as lc;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, json};
use serde_json::{Value, json};
use sigstore_types::bundle::SignatureContent;
use sigstore_types::{DerCertificate, DerPublicKey, DsseEnvelope, HashAlgorithm, SignatureBytes};

use crate::covered::Covered;
use crate::error::excerpt;
use crate::key::Scheme;
use crate::{Bundle, PublicKey};

/// The kinds of entry that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HashedRekordV1,
    HashedRekordV2,
    DsseV1,
    DsseV2,
    IntotoV1,
    IntotoV2,
}

impl Kind {
    /// By the names in `kindVersion`.
    pub(crate) fn read(kind: &str, version: &str) -> Option<Self> {
        match (kind, version) {
            ("hashedrekord", "0.0.1") => Some(Self::HashedRekordV1),
            ("hashedrekord", "0.0.2") => Some(Self::HashedRekordV2),
            ("dsse", "0.0.1") => Some(Self::DsseV1),
            ("dsse", "0.0.2") => Some(Self::DsseV2),
            ("intoto", "0.0.1") => Some(Self::IntotoV1),
            ("intoto", "0.0.2") => Some(Self::IntotoV2),
            _ => None,
        }
    }

    /// Whether it belongs to a log of the second version, which gives neither a time nor a promise.
    pub(crate) fn is_second(self) -> bool {
        matches!(self, Self::HashedRekordV2 | Self::DsseV2)
    }

    /// Its name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HashedRekordV1 => "hashedrekord 0.0.1",
            Self::HashedRekordV2 => "hashedrekord 0.0.2",
            Self::DsseV1 => "dsse 0.0.1",
            Self::DsseV2 => "dsse 0.0.2",
            Self::IntotoV1 => "intoto 0.0.1",
            Self::IntotoV2 => "intoto 0.0.2",
        }
    }
}

/// What verified the signature, and by which algorithm.
pub(crate) struct Verifier<'a> {
    pub(crate) key: &'a PublicKey,
    /// The certificate that contains the key, if there is one.
    pub(crate) certificate: Option<&'a DerCertificate>,
    pub(crate) scheme: Scheme,
}

impl Verifier<'_> {
    /// The form that the first version of the log stores: PEM in base64.
    fn pem(&self) -> String {
        let pem = match self.certificate {
            Some(certificate) => certificate.to_pem(),
            None => DerPublicKey::from_bytes(self.key.spki_der()).to_pem(),
        };
        // Logs write PEM with line feeds, after the last line too.
        STANDARD.encode(format!("{}\n", pem.replace("\r\n", "\n").trim_end()))
    }

    /// Whether `stored` is the same PEM with other line breaks: one block and nothing else.
    fn is_pem(&self, stored: &str) -> bool {
        let (label, der) = match self.certificate {
            Some(certificate) => ("CERTIFICATE", certificate.as_bytes()),
            None => ("PUBLIC KEY", self.key.spki_der()),
        };
        let text = STANDARD.decode(stored).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let body = text.as_deref().and_then(|text| {
            let body = text.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?;
            body.strip_suffix(&format!("-----END {label}-----"))
        });
        body.is_some_and(|body| {
            let body: String = body.split_ascii_whitespace().collect();
            STANDARD.decode(body).is_ok_and(|found| found == der)
        })
    }

    /// The form that the second version stores; `None` if it does not accept such signatures.
    fn typed(&self) -> Option<Value> {
        let (field, bytes) = match self.certificate {
            Some(certificate) => ("x509Certificate", certificate.as_bytes()),
            None => ("publicKey", self.key.spki_der()),
        };
        Some(
            json!({"keyDetails": self.key.log_name_for(self.scheme)?, (field): {"rawBytes": STANDARD.encode(bytes)}}),
        )
    }
}

/// Checks that `logged` is byte for byte the entry of this bundle's signature. The error says what differs.
pub(crate) fn check(
    kind: Kind,
    logged: &[u8],
    bundle: &Bundle,
    covered: &Covered,
    verifier: &Verifier<'_>,
) -> Result<(), String> {
    if kind.is_second() && verifier.key.log_name_for(verifier.scheme).is_none() {
        return Err(format!(
            "an entry of version 2 by a key of {} bits, which such logs do not accept with this algorithm",
            verifier.key.bits()
        ));
    }
    let stored: Value =
        serde_json::from_slice(logged).map_err(|_| "which is not the JSON of an entry".to_owned())?;
    let expected = match (bundle.content(), covered) {
        (SignatureContent::MessageSignature(content), Covered::Message(digests)) => {
            let hash = verifier.scheme.hash().ok_or("of a signature over no digest")?;
            let digest = digests.get(hash).ok_or("of a digest that is not known")?;
            of_message(kind, hash, digest, &content.signature, verifier)
        }
        (SignatureContent::DsseEnvelope(envelope), Covered::Statement(_)) => {
            of_envelope(kind, &stored, envelope, verifier)
        }
        _ => None,
    };
    let Some(expected) = expected else {
        return Err(format!("of the kind {}, which no log makes for such a signature", kind.name()));
    };
    if json::canonical(&expected) == logged {
        return Ok(());
    }
    Err(match difference(&expected, &stored) {
        Some(place) => format!("which belongs to another signature: {} differs", excerpt(&place)),
        None => "which is not in the one form that logs write".to_owned(),
    })
}

/// Where two documents first differ: `spec.data.hash.value`.
fn difference(expected: &Value, stored: &Value) -> Option<String> {
    let below = |name: &str, place: String| {
        if place.is_empty() { name.to_owned() } else { format!("{name}.{place}") }
    };
    match (expected, stored) {
        (Value::Object(expected), Value::Object(stored)) => {
            if let Some(more) = stored.keys().find(|name| !expected.contains_key(*name)) {
                return Some(more.clone());
            }
            expected.iter().find_map(|(name, value)| match stored.get(name) {
                Some(stored) => difference(value, stored).map(|place| below(name, place)),
                None => Some(name.clone()),
            })
        }
        (Value::Array(expected), Value::Array(stored)) if expected.len() == stored.len() => {
            let mut pairs = expected.iter().zip(stored).enumerate();
            pairs.find_map(|(index, (expected, stored))| {
                difference(expected, stored).map(|place| below(&index.to_string(), place))
            })
        }
        _ => (expected != stored).then(String::new),
    }
}

/// The entry of a signature over the bytes with this digest: a file, or DSSE's encoding of an envelope.
fn of_message(
    kind: Kind,
    hash: HashAlgorithm,
    digest: &[u8],
    signature: &SignatureBytes,
    verifier: &Verifier<'_>,
) -> Option<Value> {
    match kind {
        Kind::HashedRekordV1 => Some(json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": hash.as_rekor_str(), "value": hex(digest)}},
                "signature": {
                    "content": STANDARD.encode(signature.as_bytes()),
                    "publicKey": {"content": verifier.pem()},
                },
            },
        })),
        Kind::HashedRekordV2 => Some(json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {"algorithm": hash.to_string(), "digest": STANDARD.encode(digest)},
                "signature": {
                    "content": STANDARD.encode(signature.as_bytes()),
                    "verifier": verifier.typed()?,
                },
            }},
        })),
        _ => None,
    }
}

/// The entry of an envelope. What bundles do not keep is taken from `stored`, the logged entry.
fn of_envelope(
    kind: Kind,
    stored: &Value,
    envelope: &DsseEnvelope,
    verifier: &Verifier<'_>,
) -> Option<Value> {
    let payload = Digest::sha256(envelope.payload.as_bytes());
    let signature = &envelope.signature.sig;
    let sha256 = |value: String| json!({"algorithm": "sha256", "value": value});
    Some(match kind {
        // The entry of DSSE's encoding, which the envelope's signature covers. Logs of the second version make no other, and
        // some clients send it to logs of the first version.
        Kind::HashedRekordV1 | Kind::HashedRekordV2 => {
            let hash = verifier.scheme.hash()?;
            let algorithm = match hash {
                HashAlgorithm::Sha2256 => &lc::SHA256,
                HashAlgorithm::Sha2384 => &lc::SHA384,
                _ => &lc::SHA512,
            };
            of_message(kind, hash, lc::digest(algorithm, &envelope.pae()).as_ref(), signature, verifier)?
        }
        Kind::DsseV1 => json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": sha256(stored_sha256(stored, "/spec/envelopeHash")?),
                "payloadHash": sha256(payload.hex()),
                "signatures": [{
                    "signature": STANDARD.encode(signature.as_bytes()),
                    "verifier": verifier.pem(),
                }],
            },
        }),
        Kind::DsseV2 => json!({
            "apiVersion": "0.0.2",
            "kind": "dsse",
            "spec": {"dsseV002": {
                "payloadHash": {"algorithm": "SHA2_256", "digest": STANDARD.encode(payload.as_bytes())},
                "signatures": [{
                    "content": STANDARD.encode(signature.as_bytes()),
                    "verifier": verifier.typed()?,
                }],
            }},
        }),
        Kind::IntotoV1 => json!({
            "apiVersion": "0.0.1",
            "kind": "intoto",
            "spec": {
                "content": {"hash": sha256(envelope_sha256(envelope)?), "payloadHash": sha256(payload.hex())},
                "publicKey": verifier.pem(),
            },
        }),
        Kind::IntotoV2 => {
            // This kind keeps the PEM as it was sent, and some clients send it on one line.
            let sent =
                stored.pointer("/spec/content/envelope/signatures/0/publicKey").and_then(Value::as_str);
            let mut signed = json!({
                "publicKey": sent.filter(|sent| verifier.is_pem(sent)).map_or_else(|| verifier.pem(), str::to_owned),
                // The log encodes the envelope's text of the signature once more.
                "sig": STANDARD.encode(STANDARD.encode(signature.as_bytes())),
            });
            // A name for the key. It decides nothing, and the bundle may lack it.
            if let Some(name) =
                stored.pointer("/spec/content/envelope/signatures/0/keyid").filter(|name| name.is_string())
                && let Some(fields) = signed.as_object_mut()
            {
                fields.insert("keyid".into(), name.clone());
            }
            let mut stored_envelope = json!({"payloadType": envelope.payload_type, "signatures": [signed]});
            // Logs usually omit the payload. If it is there, it has to be this one, encoded once more like the signature.
            if stored.pointer("/spec/content/envelope/payload").is_some()
                && let Some(fields) = stored_envelope.as_object_mut()
            {
                let payload = STANDARD.encode(STANDARD.encode(envelope.payload.as_bytes()));
                fields.insert("payload".into(), payload.into());
            }
            json!({
                "apiVersion": "0.0.2",
                "kind": "intoto",
                "spec": {"content": {
                    "envelope": stored_envelope,
                    "hash": sha256(stored_sha256(stored, "/spec/content/hash")?),
                    "payloadHash": sha256(payload.hex()),
                }},
            })
        }
    })
}

/// A SHA-256 in the logged entry, if it is one.
fn stored_sha256(stored: &Value, path: &str) -> Option<String> {
    let hash = stored.pointer(path)?;
    let value = hash.get("value")?.as_str()?;
    (hash.get("algorithm")? == "sha256").then_some(())?;
    format!("sha256:{value}").parse::<Digest>().ok().map(|digest| digest.hex())
}

/// The SHA-256 of an envelope as Go's library for DSSE writes it. Clients sent these bytes to the log and pushed them as a
/// layer.
fn envelope_sha256(envelope: &DsseEnvelope) -> Option<String> {
    let text = |text: &str| serde_json::to_string(text).ok();
    let written = format!(
        r#"{{"payloadType":{},"payload":"{}","signatures":[{{"keyid":{},"sig":"{}"}}]}}"#,
        text(&envelope.payload_type)?,
        STANDARD.encode(envelope.payload.as_bytes()),
        text(envelope.signature.keyid.as_str())?,
        STANDARD.encode(envelope.signature.sig.as_bytes()),
    );
    Some(Digest::sha256(written.as_bytes()).hex())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_entry_differs_is_told_by_its_path() {
        let entry = json!({"kind": "dsse", "spec": {"hash": {"value": "00"}, "signatures": [{"sig": "a"}, {"sig": "b"}]}});
        assert_eq!(difference(&entry, &entry.clone()), None);
        for (at, value, path) in [
            ("/kind", json!("intoto"), "kind"),
            ("/spec/hash/value", json!("01"), "spec.hash.value"),
            ("/spec/hash", json!("00"), "spec.hash"),
            ("/spec/hash", json!({"value": "00", "more": 1}), "spec.hash.more"),
            ("/spec/hash", json!({}), "spec.hash.value"),
            ("/spec/signatures/1/sig", json!("a"), "spec.signatures.1.sig"),
            ("/spec/signatures", json!([{"sig": "a"}]), "spec.signatures"),
            ("", json!([]), ""),
        ] {
            let mut stored = entry.clone();
            *stored.pointer_mut(at).unwrap() = value;
            assert_eq!(difference(&entry, &stored).as_deref(), Some(path), "{at}");
        }
    }
}
