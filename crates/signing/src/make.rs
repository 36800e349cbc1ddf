//! From content and signer to a bundle, with a certificate, log entries and timestamps if services are given.
//!
//! The order is cosign's: sign, then timestamps and log entries over the signature. Every answer is compared with what
//! was sent. With a trusted root, the whole bundle is verified before it is returned, so that a wrong answer of a
//! service is noticed here and not by the users of the signature (CVE-2026-22703).

use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Limits, Timestamp as Instant};
use plimsoll_keys::PrivateKey;
use plimsoll_keys::SigningKey;
use plimsoll_trust::LogVersion;
use plimsoll_verify::{
    Bundle, Check, Identity, Requirements, Trusted, TrustedKey, TrustedRoot, verify, verify_message,
};

use crate::Error;
use crate::bundle::{Content, RawBytes, Signed, Timestamp, Timestamps, VerificationMaterial, sign_by_key};
use crate::services::{Entry, IdentityToken, Services, Verifier, certify};

/// Who signs.
#[derive(Clone, Copy)]
pub enum Signer<'a> {
    /// The holder of this key.
    Key(&'a dyn SigningKey),
    /// The token's subject, with an ephemeral key and a certificate for it.
    Keyless {
        /// Who it is.
        token: &'a IdentityToken,
    },
}

/// What a new bundle is verified with before it is returned.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation<'a> {
    /// The authorities and logs that its readers trust, if known.
    pub root: Option<&'a TrustedRoot>,
    /// The instant of the verification.
    pub now: Instant,
    /// The limits of its readers.
    pub limits: &'a Limits,
}

/// Signs `content` and returns the bundle as JSON.
///
/// Without `services` a key signs alone, as in an air gap: [`sign_by_key`]. With them the bundle contains an entry of
/// each log and a timestamp of each authority. Keyless signing needs a certificate authority, and a log of version 1 or
/// a timestamp authority to attest the time, since the certificate expires in minutes.
///
/// With a trusted root the result has been verified completely. Without one, the services' answers were compared with
/// the requests, but their signatures were not verified.
pub fn make(
    content: Content<'_>,
    signer: Signer<'_>,
    services: Option<&Services>,
    confirmation: &Confirmation<'_>,
) -> Result<Vec<u8>, Error> {
    match (signer, services) {
        (Signer::Key(key), None) => sign_by_key(content, key, confirmation.limits),
        (Signer::Key(key), Some(services)) if services.logs.is_empty() && services.timestamps.is_empty() => {
            sign_by_key(content, key, confirmation.limits)
        }
        (Signer::Key(key), Some(services)) => {
            let signature = Signed::new(content, key)?;
            let material = VerificationMaterial::of_key(key);
            let verifier = Verifier::Key(key.public_key());
            let bytes = signature.bundle(witnessed(&signature, material, &verifier, services)?)?;
            let keys = [TrustedKey::from(key.public_key().clone())];
            confirm(&bytes, &signature, Trusted::Keys(&keys), services, confirmation)?;
            Ok(bytes)
        }
        (Signer::Keyless { token }, services) => {
            let missing = |names| Error::ServiceMissing { names };
            let services = services.ok_or(missing("a certificate authority"))?;
            let authority = services.authority.as_ref().ok_or(missing("a certificate authority"))?;
            let somebody_says_when = !services.timestamps.is_empty()
                || services.logs.iter().any(|log| log.version == LogVersion::V1);
            if !somebody_says_when {
                return Err(missing("a timestamp authority, or a log of version 1"));
            }
            let key = PrivateKey::generate_p256()?;
            // First the signature: if it fails, no certificate is requested, which would be published.
            let signature = Signed::new(content, &key)?;
            let certificate = certify(&services.caller(), authority, &key, token)?;
            let raw_bytes = STANDARD.encode(&certificate.der);
            let material = VerificationMaterial {
                certificate: Some(RawBytes { raw_bytes }),
                ..VerificationMaterial::default()
            };
            let verifier = Verifier::Certificate { der: &certificate.der, key: key.public_key() };
            let bytes = signature.bundle(witnessed(&signature, material, &verifier, services)?)?;
            let identities: [Identity; 1] = [certificate.identity];
            let trusted = Trusted::Identities(&identities);
            confirm(&bytes, &signature, trusted, services, confirmation)?;
            Ok(bytes)
        }
    }
}

/// `material` with the timestamps and log entries of the signature.
fn witnessed(
    signed: &Signed<'_>,
    mut material: VerificationMaterial,
    verifier: &Verifier<'_>,
    services: &Services,
) -> Result<VerificationMaterial, Error> {
    let caller = services.caller();
    let mut stamps = Vec::with_capacity(services.timestamps.len());
    for authority in &services.timestamps {
        let stamp = caller.timestamp(authority, &signed.signature)?;
        stamps.push(Timestamp { signed_timestamp: STANDARD.encode(stamp) });
    }
    if !stamps.is_empty() {
        material.timestamp_verification_data = Some(Timestamps { rfc3161_timestamps: stamps });
    }
    let entry = match signed.content() {
        Content::Statement(_) => Entry::Statement { payload: signed.payload(), signature: &signed.signature },
        Content::File(digests) => Entry::File { digests, signature: &signed.signature },
    };
    for log in &services.logs {
        material.tlog_entries.push(caller.record(log, &entry, verifier)?);
    }
    Ok(material)
}

/// Verifies the bundle as its users will, if a trusted root is given.
fn confirm(
    bytes: &[u8],
    signed: &Signed<'_>,
    trusted: Trusted<'_>,
    services: &Services,
    confirmation: &Confirmation<'_>,
) -> Result<(), Error> {
    let bundle = Bundle::parse(bytes, confirmation.limits).map_err(Error::WouldNotVerify)?;
    let Some(root) = confirmation.root else { return Ok(()) };
    let requirements = Requirements {
        logs: NonZeroUsize::new(services.logs.len()),
        timestamps: services.timestamps.len(),
        // A private authority may have no certificate log; then its trusted root names none.
        certificate_log: !root.material().ctlogs.is_empty(),
    };
    let check = Check { trusted, root: Some(root), requirements, now: confirmation.now };
    match signed.content() {
        Content::Statement(_) => verify(&bundle, None, &check).map(|_| ()).map_err(Error::WouldNotVerify),
        Content::File(digests) => {
            verify_message(&bundle, digests.artifact(), &check).map(|_| ()).map_err(Error::WouldNotVerify)
        }
    }
}
