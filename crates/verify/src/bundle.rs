//! Sigstore bundles, version 0.3.
//!
//! Owns the way from bytes to a [`Bundle`], of which nothing is trusted yet. It does not verify and does not decide
//! which material is good enough. Follows `sigstore_bundle.proto`; what is stricter here stands in `shape`. One as cosign
//! writes it with a key and no services:
//!
//! ```json
//! {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
//!  "verificationMaterial": {"publicKey": {"hint": "l0ip5LC18tE2PpGX3ZfS8ZqFbSzog/Fl65yxLieqWCo="}},
//!  "dsseEnvelope": {"payload": "eyJfdHlwZSI6…", "payloadType": "application/vnd.in-toto+json",
//!                   "signatures": [{"sig": "MEYCIQD0…"}]}}
//! ```

use plimsoll_core::{Digest, Limits, json};
use serde_json::{Map, Value};
use sigstore_types::bundle::{SignatureContent, VerificationMaterialContent};
use sigstore_types::{DsseEnvelope, MediaType};

use crate::error::excerpt;
use crate::{Error, KeyId, NotChecked, shape};

/// The media type of a bundle of version 0.3.
pub const BUNDLE_V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The payload type of a DSSE envelope with an in-toto statement.
pub const IN_TOTO_PAYLOAD: &str = "application/vnd.in-toto+json";

/// A well-formed bundle. Nothing in it has been verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    parsed: sigstore_types::Bundle,
    digest: Digest,
}

impl Bundle {
    /// Reads a bundle: at most 4 MiB of strict JSON without duplicate names (two readers must not see two bundles),
    /// no unknown field, version 0.3 in its new or old spelling, one kind of verification material, one kind of content,
    /// exactly one signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let value = json::value(bytes, Limits::default().bundle_bytes)
            .map_err(|source| Error::BundleJson { source })?;
        let empty = Map::new();
        let fields = value.as_object().unwrap_or(&empty);

        // The version comes first: of another version everything else may rightly look otherwise. A missing one would
        // be taken for version 0.1.
        match fields.get("mediaType") {
            None => return Err(Error::Missing { names: &["mediaType"] }),
            Some(Value::String(text)) if matches!(text.parse(), Ok(MediaType::Bundle0_3)) => {}
            Some(other) => {
                let got = other.as_str().map_or_else(|| other.to_string(), ToOwned::to_owned);
                return Err(Error::BundleVersion { got: excerpt(&got) });
            }
        }
        shape::check(&value)?;

        let material = fields.get("verificationMaterial").and_then(Value::as_object).unwrap_or(&empty);
        // The typed parser would take whichever comes first.
        exactly_one(material, &["publicKey", "certificate", "x509CertificateChain"])?;
        exactly_one(fields, &["dsseEnvelope", "messageSignature"])?;
        if material.contains_key("x509CertificateChain") {
            // Version 0.3 carries the leaf alone: a chain would let the signer bring a root of their own.
            return Err(Error::UnknownField { path: "verificationMaterial.x509CertificateChain".into() });
        }
        let signatures = fields.get("dsseEnvelope").and_then(|envelope| envelope.get("signatures"));
        if let Some(signatures) = signatures.and_then(Value::as_array)
            && signatures.len() != 1
        {
            return Err(Error::SignatureCount { got: signatures.len() });
        }

        let parsed = serde_json::from_value(value).map_err(|source| Error::BundleContent { source })?;
        Ok(Self { parsed, digest: Digest::sha256(bytes) })
    }

    /// The SHA-256 of the bytes that were parsed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The key that the bundle says it was signed with, if it names one as cosign does. Not signed: good to choose among
    /// trusted keys or for a message, never to trust one.
    pub fn claimed_key(&self) -> Option<KeyId> {
        match &self.parsed.verification_material.content {
            VerificationMaterialContent::PublicKey(key) => KeyId::from_hint(&key.hint),
            _ => None,
        }
    }

    /// Whether it was signed with a certificate, not a key.
    pub fn has_certificate(&self) -> bool {
        self.parsed.signing_certificate().is_some()
    }

    /// Log entries and timestamps in it, which verification by key alone leaves unchecked.
    pub(crate) fn extras(&self) -> Vec<NotChecked> {
        let material = &self.parsed.verification_material;
        let mut extras = Vec::new();
        if !material.tlog_entries.is_empty() {
            extras.push(NotChecked::TransparencyLog);
        }
        if !material.timestamp_verification_data.rfc3161_timestamps.is_empty() {
            extras.push(NotChecked::Timestamp);
        }
        extras
    }

    pub(crate) fn material(&self) -> &VerificationMaterialContent {
        &self.parsed.verification_material.content
    }

    /// The envelope, unless the bundle signs a message.
    pub(crate) fn envelope(&self) -> Option<&DsseEnvelope> {
        match &self.parsed.content {
            SignatureContent::DsseEnvelope(envelope) => Some(envelope),
            _ => None,
        }
    }
}

fn exactly_one(fields: &Map<String, Value>, names: &'static [&'static str]) -> Result<(), Error> {
    let present: Vec<&'static str> =
        names.iter().copied().filter(|name| fields.contains_key(*name)).collect();
    match present.as_slice() {
        [_] => Ok(()),
        [] => Err(Error::Missing { names }),
        [first, second, ..] => Err(Error::Ambiguous { first, second }),
    }
}
