//! Bundles as cosign v3 writes them.
//!
//! Owns the written form: version 0.3, the hint for a key (standard base64 of the SHA-256 of its
//! `SubjectPublicKeyInfo`), one DSSE signature without `keyid` or one signature over a file. Follows
//! `sigstore_bundle.proto` and the DSSE protocol. Members are cosign's, in its order; its encoder puts spaces at random
//! places, ours puts none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::Limits;
use plimsoll_keys::{FileDigests, Payload, SigningKey};
use plimsoll_verify::{
    BUNDLE_V0_3, Bundle, Check, IN_TOTO_PAYLOAD, KeyAlgorithm, Requirements, Statement, Trusted, TrustedKey,
    statement_by_key, verify_message,
};
use serde::Serialize;
use serde_json::Value;

use crate::Error;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// A statement about artifacts: an image's signature, an attestation.
    Statement(&'a Statement),
    /// A file itself.
    File(&'a FileDigests),
}

/// A signature and its content, not yet a bundle.
pub(crate) struct Signed<'a> {
    content: Content<'a>,
    /// The statement as it was signed; empty for a file.
    payload: Vec<u8>,
    /// The signature's bytes.
    pub(crate) signature: Vec<u8>,
    algorithm: KeyAlgorithm,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BundleDocument {
    media_type: &'static str,
    verification_material: VerificationMaterial,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_signature: Option<MessageSignature>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dsse_envelope: Option<Envelope>,
}

/// What a bundle contains to verify its signature.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerificationMaterial {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<PublicKeyIdentifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<RawBytes>,
    /// Entries of transparency logs, as the logs returned them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tlog_entries: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp_verification_data: Option<Timestamps>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PublicKeyIdentifier {
    pub(crate) hint: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawBytes {
    pub(crate) raw_bytes: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timestamps {
    pub(crate) rfc3161_timestamps: Vec<Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timestamp {
    pub(crate) signed_timestamp: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageSignature {
    message_digest: MessageDigest,
    signature: String,
}

#[derive(Serialize)]
struct MessageDigest {
    algorithm: &'static str,
    digest: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: &'static str,
    signatures: [Signature; 1],
}

#[derive(Serialize)]
struct Signature {
    sig: String,
}

impl VerificationMaterial {
    /// For a signature by a key.
    pub(crate) fn of_key(key: &dyn SigningKey) -> Self {
        let hint = STANDARD.encode(key.public_key().id().as_bytes());
        Self { public_key: Some(PublicKeyIdentifier { hint }), ..Self::default() }
    }
}

impl<'a> Signed<'a> {
    /// Signs `content` with `key`.
    pub(crate) fn new(content: Content<'a>, key: &dyn SigningKey) -> Result<Self, Error> {
        let payload = match content {
            Content::Statement(statement) => statement.to_json(),
            Content::File(_) => Vec::new(),
        };
        let public = key.public_key();
        let (signature, holds);
        match content {
            Content::Statement(_) => {
                let message = sigstore_types::pae(IN_TOTO_PAYLOAD, &payload);
                signature = key.sign(&Payload::Message(&message))?;
                holds = public.verifies_signature(&message, &signature);
            }
            Content::File(digests) => {
                if let Some(form) = digests.signed_form() {
                    return Err(Error::SignedForm { form });
                }
                signature = key.sign(&Payload::Digests(digests))?;
                let digest = match public.algorithm() {
                    KeyAlgorithm::EcdsaP384 => digests.sha384.as_bytes(),
                    _ => digests.sha256.as_bytes(),
                };
                holds = public.verifies_signature_of_digest(digest, &signature);
            }
        }
        if !holds {
            // Faulty hardware, or a wrong public key: the signature goes nowhere, not even to a log.
            return Err(Error::Crypto { step: "make a signature that holds" });
        }
        Ok(Self { content, payload, signature, algorithm: key.public_key().algorithm() })
    }

    /// What was signed.
    pub(crate) fn content(&self) -> Content<'a> {
        self.content
    }

    /// The statement as it was signed; empty for a file.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bundle as JSON.
    pub(crate) fn bundle(&self, material: VerificationMaterial) -> Result<Vec<u8>, Error> {
        let sig = STANDARD.encode(&self.signature);
        let mut written = BundleDocument {
            media_type: BUNDLE_V0_3,
            verification_material: material,
            message_signature: None,
            dsse_envelope: None,
        };
        match self.content {
            Content::Statement(_) => {
                written.dsse_envelope = Some(Envelope {
                    payload: STANDARD.encode(&self.payload),
                    payload_type: IN_TOTO_PAYLOAD,
                    signatures: [Signature { sig }],
                });
            }
            Content::File(digests) => {
                // The digest that was signed: readers take the signature's algorithm from it.
                let (algorithm, digest) = match self.algorithm {
                    KeyAlgorithm::EcdsaP384 => ("SHA2_384", digests.sha384.as_bytes()),
                    KeyAlgorithm::Ed25519 => ("SHA2_512", digests.sha512.as_bytes()),
                    _ => ("SHA2_256", digests.sha256.as_bytes()),
                };
                let message_digest = MessageDigest { algorithm, digest: STANDARD.encode(digest) };
                written.message_signature = Some(MessageSignature { message_digest, signature: sig });
            }
        }
        serde_json::to_vec(&written).map_err(|_| Error::Crypto { step: "write the bundle" })
    }
}

/// Signs `content` with a key alone and returns the bundle as JSON: no log, no timestamp.
///
/// The result has been verified with the public half. So a statement that nobody would accept, because it has no
/// subject or is larger than a bundle may be, and a signature spoilt by faulty hardware are errors here and not for the
/// reader.
pub fn sign_by_key(content: Content<'_>, key: &dyn SigningKey, limits: &Limits) -> Result<Vec<u8>, Error> {
    let bytes = Signed::new(content, key)?.bundle(VerificationMaterial::of_key(key))?;
    let parsed = Bundle::parse(&bytes, limits).map_err(Error::WouldNotVerify)?;
    match content {
        Content::Statement(_) => {
            statement_by_key(&parsed, std::slice::from_ref(key.public_key()))
                .map_err(Error::WouldNotVerify)?;
        }
        Content::File(digests) => {
            let keys = [TrustedKey::from(key.public_key().clone())];
            let requirements = Requirements { logs: None, ..Requirements::default() };
            // No log or authority is involved whose time would matter.
            let now = plimsoll_core::Timestamp::UNIX_EPOCH;
            let check = Check { trusted: Trusted::Keys(&keys), root: None, requirements, now };
            verify_message(&parsed, digests.artifact(), &check).map_err(Error::WouldNotVerify)?;
        }
    }
    Ok(bytes)
}

/// Signs `statement` with a key alone: [`sign_by_key`].
pub fn sign_statement(
    key: &dyn SigningKey,
    statement: &Statement,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    sign_by_key(Content::Statement(statement), key, limits)
}
