//! Log entries rebuilt from the bundle.
//!
//! A log entry proves something about a bundle only when it is the entry of this very signature: cosign took any valid
//! one twice (CVE-2022-36056, CVE-2026-22703). So the body that the log must have stored is written anew from the
//! bundle's own digest, signature and verifier, in canonical JSON, and compared byte for byte.

use aws_lc_rs::digest as lc;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, json};
use serde_json::{Value, json};
use sigstore_types::bundle::SignatureContent;
use sigstore_types::{DerCertificate, DerPublicKey, KindVersion, SignatureBytes, TransparencyLogEntry};

use crate::artifact::Digests;
use crate::{Bundle, KeyAlgorithm, PublicKey};

/// What verifies the signature.
pub(crate) enum Verifier<'a> {
    Certificate(&'a DerCertificate, PublicKey),
    Key(&'a PublicKey),
}

impl Verifier<'_> {
    /// As the log stores it: PEM, in base64.
    fn pem(&self) -> String {
        let pem = match self {
            Self::Certificate(certificate, _) => certificate.to_pem(),
            Self::Key(key) => DerPublicKey::from_bytes(key.spki_der()).to_pem(),
        };
        // Logs write PEM with line feeds, after the last line too.
        STANDARD.encode(format!("{}\n", pem.replace("\r\n", "\n").trim_end()))
    }

    pub(crate) fn key(&self) -> &PublicKey {
        match self {
            Self::Certificate(_, key) => key,
            Self::Key(key) => key,
        }
    }

    /// As the second version of the log stores it.
    fn typed(&self) -> Option<Value> {
        let (field, bytes) = match self {
            Self::Certificate(certificate, _) => ("x509Certificate", certificate.as_bytes()),
            Self::Key(key) => ("publicKey", key.spki_der()),
        };
        Some(json!({"keyDetails": self.key().log_name()?, (field): {"rawBytes": STANDARD.encode(bytes)}}))
    }
}

/// Whether `entry` is of a log of the second version, which gives no time.
pub(crate) fn is_second(entry: &TransparencyLogEntry) -> bool {
    entry.kind_version == KindVersion::HashedRekordV002
}

/// Whether the official verifier can read the entry: of the second version it knows those of P-256 alone. What the body says
/// of itself is enough to choose by: on either way it has to be the entry of this bundle, byte for byte.
pub(crate) fn is_read_upstream(entry: &TransparencyLogEntry) -> bool {
    if !is_second(entry) {
        return true;
    }
    let Ok(body) = serde_json::from_slice::<Value>(entry.canonicalized_body.as_bytes()) else { return true };
    let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    text("/kind") == "hashedrekord"
        && text("/spec/hashedRekordV002/data/algorithm") == "SHA2_256"
        && text("/spec/hashedRekordV002/signature/verifier/keyDetails") == "PKIX_ECDSA_P256_SHA_256"
}

/// Whether the entry is byte for byte the one of this bundle; `None` for kinds of entry that hold something that the
/// bundle does not (`intoto`): only their parts can be compared.
pub(crate) fn matches(
    entry: &TransparencyLogEntry,
    is_dsse: bool,
    bundle: &Bundle,
    message: &Digests,
    verifier: &Verifier<'_>,
) -> Option<bool> {
    let logged = entry.canonicalized_body.as_bytes();
    let expected = match (entry.kind_version, bundle.content()) {
        (KindVersion::HashedRekordV001, SignatureContent::MessageSignature(content)) => json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {
                    "algorithm": message.sha256.algorithm().name(),
                    "value": message.sha256.hex(),
                }},
                "signature": {
                    "content": STANDARD.encode(content.signature.as_bytes()),
                    "publicKey": {"content": verifier.pem()},
                },
            },
        }),
        (KindVersion::HashedRekordV002, SignatureContent::DsseEnvelope(envelope)) if is_dsse => json!({
            "apiVersion": "0.0.2",
            "kind": "dsse",
            "spec": {"dsseV002": {
                "payloadHash": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(Digest::sha256(envelope.payload.as_bytes()).as_bytes()),
                },
                "signatures": [{
                    "content": STANDARD.encode(envelope.signature.sig.as_bytes()),
                    "verifier": verifier.typed(),
                }],
            }},
        }),
        (KindVersion::HashedRekordV002, _) if is_dsse => return Some(false),
        (KindVersion::HashedRekordV002, content) => {
            let Some((algorithm, digest, signature)) = signed(content, message, verifier.key().algorithm())
            else {
                return Some(false);
            };
            json!({
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {"hashedRekordV002": {
                    "data": {"algorithm": algorithm, "digest": STANDARD.encode(digest)},
                    "signature": {"content": STANDARD.encode(signature.as_bytes()), "verifier": verifier.typed()},
                }},
            })
        }
        (KindVersion::DsseV001, SignatureContent::DsseEnvelope(envelope)) => {
            // Of the envelope as it was sent, whose spelling the bundle does not keep. Payload and signature, the two
            // things in it that matter, stand beside it.
            let stored: Value = serde_json::from_slice(logged).ok()?;
            let envelope_hash = stored.pointer("/spec/envelopeHash")?;
            json!({
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": envelope_hash,
                    "payloadHash": {
                        "algorithm": "sha256",
                        "value": Digest::sha256(envelope.payload.as_bytes()).hex(),
                    },
                    "signatures": [{
                        "signature": STANDARD.encode(envelope.signature.sig.as_bytes()),
                        "verifier": verifier.pem(),
                    }],
                },
            })
        }
        _ => return None,
    };
    Some(json::canonical(&expected) == logged)
}

/// What the second version of the log holds of a signature: the digest that the key signed, by the name of its algorithm.
fn signed<'a>(
    content: &'a SignatureContent,
    message: &Digests,
    key: KeyAlgorithm,
) -> Option<(&'static str, Vec<u8>, &'a SignatureBytes)> {
    let (name, algorithm) = match key {
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa => ("SHA2_256", &lc::SHA256),
        KeyAlgorithm::EcdsaP384 => ("SHA2_384", &lc::SHA384),
        KeyAlgorithm::Ed25519 => return None,
    };
    match content {
        SignatureContent::MessageSignature(content) => {
            Some((name, message.signed_by(key)?.to_vec(), &content.signature))
        }
        SignatureContent::DsseEnvelope(envelope) => {
            Some((name, lc::digest(algorithm, &envelope.pae()).as_ref().to_vec(), &envelope.signature.sig))
        }
        _ => None,
    }
}
