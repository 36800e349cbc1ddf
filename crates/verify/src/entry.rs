//! Log entries rebuilt from the bundle.
//!
//! A log entry proves something about a bundle only when it is the entry of this very signature: cosign took any valid
//! one twice (CVE-2022-36056, CVE-2026-22703). So the body that the log must have stored is written anew from the
//! bundle's own digest, signature and verifier, in canonical JSON, and compared byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Algorithm, Digest, json};
use serde_json::{Value, json};
use sigstore_types::bundle::SignatureContent;
use sigstore_types::{DerCertificate, DerPublicKey, KindVersion, TransparencyLogEntry};

use crate::{Bundle, KeyAlgorithm, PublicKey};

/// What verifies the signature.
pub(crate) enum Verifier<'a> {
    Certificate(&'a DerCertificate, KeyAlgorithm),
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

    fn algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::Certificate(_, algorithm) => *algorithm,
            Self::Key(key) => key.algorithm(),
        }
    }

    /// As the second version of the log stores it.
    fn typed(&self) -> Option<Value> {
        let details = match self.algorithm() {
            KeyAlgorithm::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
            KeyAlgorithm::EcdsaP384 => "PKIX_ECDSA_P384_SHA_384",
            KeyAlgorithm::Ed25519 => "PKIX_ED25519",
            // Names the size of the key too; the semantic comparison covers it.
            KeyAlgorithm::Rsa => return None,
        };
        let (field, bytes) = match self {
            Self::Certificate(certificate, _) => ("x509Certificate", certificate.as_bytes()),
            Self::Key(key) => ("publicKey", key.spki_der()),
        };
        Some(json!({"keyDetails": details, (field): {"rawBytes": STANDARD.encode(bytes)}}))
    }
}

/// Whether the entry is byte for byte the one of this bundle; `None` for the kinds of entry that hold something that the
/// bundle does not (`intoto`), of which only the parts can be compared.
pub(crate) fn is_of(
    entry: &TransparencyLogEntry,
    bundle: &Bundle,
    message: &Digest,
    verifier: &Verifier<'_>,
) -> Option<bool> {
    let logged = entry.canonicalized_body.as_bytes();
    let expected = match (entry.kind_version, bundle.content()) {
        (KindVersion::HashedRekordV001, SignatureContent::MessageSignature(content)) => json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": message.algorithm().name(), "value": message.hex()}},
                "signature": {
                    "content": STANDARD.encode(content.signature.as_bytes()),
                    "publicKey": {"content": verifier.pem()},
                },
            },
        }),
        (KindVersion::HashedRekordV002, content) => {
            let (digest, signature) = match content {
                SignatureContent::MessageSignature(content) => (*message, &content.signature),
                SignatureContent::DsseEnvelope(envelope) => {
                    (Digest::sha256(&envelope.pae()), &envelope.signature.sig)
                }
                _ => return Some(false),
            };
            // The key dictates the digest's algorithm, which is not always the one at hand.
            if verifier.algorithm() != KeyAlgorithm::EcdsaP256 || digest.algorithm() != Algorithm::Sha256 {
                return None;
            }
            json!({
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {"hashedRekordV002": {
                    "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(digest.as_bytes())},
                    "signature": {"content": STANDARD.encode(signature.as_bytes()), "verifier": verifier.typed()?},
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
