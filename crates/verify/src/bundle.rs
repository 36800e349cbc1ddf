//! Sigstore bundles, versions 0.1 to 0.3.
//!
//! Owns the parsing of bytes into a [`Bundle`]. Nothing in it is trusted yet: other code verifies it and decides which
//! material is good enough. Follows `sigstore_bundle.proto`; `shape` lists what is stricter here. A bundle as cosign
//! writes it with a key and no services:
//!
//! ```json
//! {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
//!  "verificationMaterial": {"publicKey": {"hint": "l0ip5LC18tE2PpGX3ZfS8ZqFbSzog/Fl65yxLieqWCo="}},
//!  "dsseEnvelope": {"payload": "eyJfdHlwZSI6…", "payloadType": "application/vnd.in-toto+json",
//!                   "signatures": [{"sig": "MEYCIQD0…"}]}}
//! ```

use std::borrow::Cow;

use jiff::Timestamp;
use plimsoll_core::{Digest, Limits, json};
use serde_json::{Map, Value};
use sigstore_types::bundle::{SignatureContent, VerificationMaterialContent};
use sigstore_types::{DerCertificate, DsseEnvelope, MediaType, SignatureBytes, TransparencyLogEntry};

use crate::entry::Kind;
use crate::error::{excerpt, within};
use crate::trust::is_self_issued;
use crate::{CertificateIdentity, Error, KeyId, NotChecked, Statement, TrustedRoot, shape};

/// The media type of a bundle of version 0.3.
pub const BUNDLE_V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The payload type of a DSSE envelope with an in-toto statement.
pub const IN_TOTO_PAYLOAD: &str = "application/vnd.in-toto+json";

/// A well-formed bundle. Nothing in it has been verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    parsed: sigstore_types::Bundle,
    /// What kind of entry each of its log entries is. The official types do not know all of them.
    kinds: Vec<Kind>,
    version: BundleVersion,
    digest: Digest,
    /// The limits it was read with, which bound its content, too.
    limits: Limits,
}

/// The versions of the bundle that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BundleVersion {
    /// 0.1: a promise of the log is enough.
    V0_1,
    /// 0.2: the log's proof is needed.
    V0_2,
    /// 0.3: one certificate instead of a chain.
    V0_3,
}

impl Bundle {
    /// Reads a bundle: at most `bundle_bytes` of strict JSON without duplicate names (two readers must not see two
    /// bundles), no unknown field, version 0.1 to 0.3, one kind of verification material, one kind of content, exactly
    /// one signature. The same limits bound the content of its envelope when it is read.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        within(bytes, "bundle", ("bundle_bytes", limits.bundle_bytes))?;
        let value = json::value(bytes, limits.bundle_bytes).map_err(|source| Error::BundleJson { source })?;

        // The version comes first, because another version may rightly look different. A missing one would count as
        // version 0.1.
        let media_type = value
            .get("mediaType")
            .or_else(|| value.get("media_type"))
            .ok_or(Error::Missing { names: &["mediaType"] })?;
        let version = match media_type.as_str().map(str::parse) {
            Some(Ok(MediaType::Bundle0_1)) => BundleVersion::V0_1,
            Some(Ok(MediaType::Bundle0_2)) => BundleVersion::V0_2,
            Some(Ok(MediaType::Bundle0_3)) => BundleVersion::V0_3,
            _ => {
                let got = media_type.as_str().map_or_else(|| media_type.to_string(), ToOwned::to_owned);
                return Err(Error::BundleVersion { got: excerpt(&got) });
            }
        };
        let mut value = shape::normalise(value)?;
        let empty = Map::new();
        let fields = value.as_object().unwrap_or(&empty);

        let material = fields.get("verificationMaterial").and_then(Value::as_object).unwrap_or(&empty);
        // The typed parser would take the first one.
        exactly_one(material, &["publicKey", "certificate", "x509CertificateChain"])?;
        exactly_one(fields, &["dsseEnvelope", "messageSignature"])?;
        if version == BundleVersion::V0_3 && material.contains_key("x509CertificateChain") {
            // Version 0.3 contains only the leaf: a chain would let the signer bring a root of their own.
            return Err(Error::UnknownField { path: "verificationMaterial.x509CertificateChain".into() });
        }
        let chain = value.pointer("/verificationMaterial/x509CertificateChain/certificates");
        if chain.is_some_and(|chain| chain.as_array().is_none_or(Vec::is_empty)) {
            return Err(Error::Missing { names: &["x509CertificateChain.certificates"] });
        }
        let signatures = fields.get("dsseEnvelope").and_then(|envelope| envelope.get("signatures"));
        if let Some(signatures) = signatures.and_then(Value::as_array)
            && signatures.len() != 1
        {
            return Err(Error::SignatureCount { got: signatures.len() });
        }

        let kinds = take_kinds(&mut value);
        let parsed: sigstore_types::Bundle =
            serde_json::from_value(value).map_err(|source| Error::BundleContent { source })?;
        bound_checkpoints(&parsed)?;
        if kinds.len() != parsed.verification_material.tlog_entries.len() {
            return Err(Error::Missing { names: &["tlogEntries.kindVersion"] });
        }
        Ok(Self { parsed, kinds, version, digest: Digest::sha256(bytes), limits: limits.clone() })
    }

    /// Which version it is.
    pub fn version(&self) -> BundleVersion {
        self.version
    }

    /// The SHA-256 of the bytes that were parsed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The key that the bundle says it was signed with, if it names one as cosign does. Not signed: useful to choose
    /// among trusted keys or for a message, never to trust one.
    pub fn claimed_key(&self) -> Option<KeyId> {
        match &self.parsed.verification_material.content {
            VerificationMaterialContent::PublicKey(key) => KeyId::from_hint(&key.hint),
            _ => None,
        }
    }

    /// The identity that its certificate was issued to, if it has a readable one. Not verified: anybody can make such a
    /// certificate.
    pub fn claimed_holder(&self) -> Option<CertificateIdentity> {
        CertificateIdentity::read(self.certificate()?.as_bytes()).ok()
    }

    /// Its statement, not verified: for showing what a bundle claims.
    pub fn claimed_statement(&self) -> Option<Statement> {
        Statement::parse(self.envelope()?.payload.as_bytes(), &self.limits).ok()
    }

    /// The bytes in its envelope, not verified.
    pub fn claimed_payload(&self) -> Option<&[u8]> {
        Some(self.envelope()?.payload.as_bytes())
    }

    /// The predicate type that its statement claims; `None` without a statement. Not verified: a bundle of another type
    /// than the wanted one need not be verified, and the right type proves nothing yet.
    pub fn claimed_predicate(&self) -> Option<String> {
        self.claimed_statement().map(|statement| statement.predicate_type)
    }

    /// Whether it signs a file itself, not a statement.
    pub fn signs_message(&self) -> bool {
        self.envelope().is_none()
    }

    /// Whether it was signed with a certificate, not a key.
    pub fn has_certificate(&self) -> bool {
        self.parsed.signing_certificate().is_some()
    }

    /// Log entries and timestamps in it, which verification by key alone leaves unchecked.
    pub fn extras(&self) -> Vec<NotChecked> {
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

    /// The limits that it was read with.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn parsed(&self) -> &sigstore_types::Bundle {
        &self.parsed
    }

    pub(crate) fn content(&self) -> &SignatureContent {
        &self.parsed.content
    }

    pub(crate) fn certificate(&self) -> Option<&DerCertificate> {
        self.parsed.signing_certificate()
    }

    /// The signing certificate and, before version 0.3, those that the signer sent with it.
    pub(crate) fn certificates(&self) -> Vec<&DerCertificate> {
        match self.material() {
            VerificationMaterialContent::Certificate(certificate) => vec![&certificate.raw_bytes],
            VerificationMaterialContent::X509CertificateChain { certificates } => {
                certificates.iter().map(|certificate| &certificate.raw_bytes).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The bundle without the parts that are ignored: entries of logs that `root` does not list, because a second log could
    /// not be introduced otherwise while older roots are in use, and authorities' own certificates, which old bundles contain
    /// and verifiers should ignore (`sigstore_bundle.proto`). Removing evidence never helps the signer. If all entries are of
    /// unknown logs and one is `needed`, they stay, so that the error can name the log.
    pub(crate) fn counting(&self, root: &TrustedRoot, now: Timestamp, needed: bool) -> Cow<'_, Self> {
        let known: Vec<bool> =
            self.log_entries().map(|(kind, entry)| root.has_log_of(kind, entry, now)).collect();
        let superfluous = self.certificates().into_iter().skip(1).any(is_self_issued);
        if !superfluous && !known.contains(&false) {
            return Cow::Borrowed(self);
        }
        let mut counting = self.clone();
        let material = &mut counting.parsed.verification_material;
        if let VerificationMaterialContent::X509CertificateChain { certificates } = &mut material.content {
            let mut first = true;
            certificates
                .retain(|certificate| std::mem::take(&mut first) || !is_self_issued(&certificate.raw_bytes));
        }
        if known.contains(&true) || !needed {
            let mut kept = known.iter().copied();
            counting.kinds.retain(|_| kept.next().unwrap_or_default());
            let mut kept = known.iter().copied();
            material.tlog_entries.retain(|_| kept.next().unwrap_or_default());
        }
        Cow::Owned(counting)
    }

    /// The log entries, each with its kind.
    pub(crate) fn log_entries(&self) -> impl Iterator<Item = (Kind, &TransparencyLogEntry)> {
        self.kinds.iter().copied().zip(self.entries())
    }

    /// The log entries, as the official types read them. Their kind is a placeholder: see [`take_kinds`].
    pub(crate) fn entries(&self) -> &[TransparencyLogEntry] {
        &self.parsed.verification_material.tlog_entries
    }

    /// The one signature.
    pub(crate) fn signature(&self) -> Result<&SignatureBytes, Error> {
        match self.content() {
            SignatureContent::MessageSignature(message) => Ok(&message.signature),
            SignatureContent::DsseEnvelope(envelope) => Ok(&envelope.signature.sig),
            _ => Err(Error::NotAMessage),
        }
    }

    /// How many signed timestamps there are.
    pub(crate) fn timestamps(&self) -> usize {
        self.parsed.verification_material.timestamp_verification_data.rfc3161_timestamps.len()
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

/// Each signature under the ID of a trusted log is verified, and a bundle has room for 40,000 of them, which would take
/// seconds. The limit is for all entries of the bundle, because the same entry may be repeated. Go's reader of such notes has
/// the same limit for one; a log has some ten witnesses.
fn bound_checkpoints(bundle: &sigstore_types::Bundle) -> Result<(), Error> {
    const MOST: usize = 100;
    let mut got = 0_usize;
    for (index, entry) in bundle.verification_material.tlog_entries.iter().enumerate() {
        let checkpoint = entry.inclusion_proof.as_ref().and_then(|proof| proof.checkpoint.checkpoint());
        got = got.saturating_add(checkpoint.map_or(0, |checkpoint| checkpoint.signatures().len()));
        if got > MOST {
            let path = format!("verificationMaterial.tlogEntries.{index}.inclusionProof.checkpoint.envelope");
            return Err(Error::TooMany { path, got, limit: MOST });
        }
    }
    Ok(())
}

/// Reads the known kinds of log entries, and replaces them with one that the official types can read. Unknown kinds stay,
/// so that the parser refuses them by name.
fn take_kinds(bundle: &mut Value) -> Vec<Kind> {
    let entries = bundle.pointer_mut("/verificationMaterial/tlogEntries").and_then(Value::as_array_mut);
    let mut kinds = Vec::new();
    for entry in entries.into_iter().flatten() {
        let Some(name) = entry.get_mut("kindVersion").and_then(Value::as_object_mut) else { continue };
        let [kind, version] = ["kind", "version"].map(|field| name.get(field).and_then(Value::as_str));
        let Some(found) = kind.zip(version).and_then(|(kind, version)| Kind::read(kind, version)) else {
            continue;
        };
        kinds.push(found);
        name.insert("kind".to_owned(), "hashedrekord".into());
        name.insert("version".to_owned(), "0.0.1".into());
    }
    kinds
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
