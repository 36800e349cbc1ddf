//! The trusted root: authorities, logs and their validity times, against which certificates' signatures are verified.

use std::fmt;

use jiff::Timestamp;
use plimsoll_core::{Digest, Limits, json};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use sigstore_crypto::{Keyring, SigningScheme, parse_certificate_info};
use sigstore_trust_root as upstream;
use sigstore_types::{DerCertificate, TransparencyLogEntry};
use sigstore_verify::Verifier;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::Error;
use crate::entry::Kind;
use crate::error::excerpt;

/// A trusted root, version 0.1 or 0.2 of Sigstore's `trusted_root.json`, ready to verify with.
pub struct TrustedRoot {
    root: upstream::TrustedRoot,
    log_keys: Keyring,
    /// Those of certificate logs, as far as they can sign by each algorithm.
    certificate_log_keys: Vec<(SigningScheme, Keyring)>,
    authorities: Vec<Authority>,
    digest: Digest,
}

/// A certificate authority, and the time in which all of its certificates were valid.
pub(crate) struct Authority {
    /// The certificate at the end of its chain. The others are not anchors: path validation asks an anchor for nothing, so
    /// what they may be used for would not hold.
    pub(crate) anchor: TrustAnchor<'static>,
    /// The same certificate as a whole.
    pub(crate) top: Certificate,
    /// The certificates before it.
    pub(crate) below: Vec<CertificateDer<'static>>,
    window: Window,
}

/// A period of validity, including both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub start: Timestamp,
    /// The last one.
    pub end: Timestamp,
}

impl Window {
    /// Whether `time` is in it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && time <= self.end
    }

    fn narrow(&mut self, start: Timestamp, end: Timestamp) {
        self.start = self.start.max(start);
        self.end = self.end.min(end);
    }
}

impl TrustedRoot {
    /// Reads a trusted root: strict JSON of at most [`Limits::TRUSTED_ROOT_BYTES`], with usable keys and certificates.
    /// No key may belong to two logs.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |problem: String| Error::TrustedRoot { problem: excerpt(&problem) };
        let value =
            json::value(bytes, Limits::TRUSTED_ROOT_BYTES).map_err(|source| wrong(source.to_string()))?;
        let media_type = value.get("mediaType").and_then(serde_json::Value::as_str).unwrap_or_default();
        if !matches!(
            media_type,
            "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
                | "application/vnd.dev.sigstore.trustedroot+json;version=0.2"
                | "application/vnd.dev.sigstore.trustedroot.v0.2+json"
        ) {
            return Err(wrong(format!(
                "got media type {media_type:?}, expected application/vnd.dev.sigstore.trustedroot+json;version=0.1"
            )));
        }
        let root: upstream::TrustedRoot =
            serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        Self::prepare(root, Digest::sha256(bytes))
    }

    /// The public-good instance as of this version of Plimsoll. With a network, `plimsoll trust update` fetches the
    /// current one.
    pub fn public_good() -> Result<Self, Error> {
        Self::parse(upstream::SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes())
    }

    /// The staging instance, for tests against it. Do not rely on anything that it vouches for.
    pub fn staging() -> Result<Self, Error> {
        Self::parse(upstream::SIGSTORE_STAGING_TRUSTED_ROOT.as_bytes())
    }

    fn prepare(root: upstream::TrustedRoot, digest: Digest) -> Result<Self, Error> {
        let wrong = |problem: String| Error::TrustedRoot { problem: excerpt(&problem) };
        // Keys and certificates that cannot be used, logs of one name, windows that end before they start.
        Verifier::new(&root).map_err(|error| wrong(error.to_string()))?;
        let mut authorities = Vec::with_capacity(root.certificate_authorities.len());
        for authority in &root.certificate_authorities {
            let mut window = Window { start: Timestamp::MIN, end: Timestamp::MAX };
            if let Some(range) = authority.valid_for {
                window.narrow(range.start, range.end.unwrap_or(Timestamp::MAX));
            }
            let unusable = |problem: String| wrong(format!("certificate of {}: {problem}", authority.uri));
            let mut below = Vec::with_capacity(authority.cert_chain.certificates.len());
            for certificate in &authority.cert_chain.certificates {
                let parsed = parse_certificate_info(&certificate.raw_bytes)
                    .map_err(|error| unusable(error.to_string()))?;
                window.narrow(parsed.not_before, parsed.not_after);
                below.push(CertificateDer::from(certificate.raw_bytes.as_bytes()).into_owned());
            }
            let top = below.pop().ok_or_else(|| unusable("there is none".to_owned()))?;
            let anchor = webpki::anchor_from_trusted_cert(&top)
                .map_err(|error| unusable(error.to_string()))?
                .to_owned();
            let top = Certificate::from_der(&top).map_err(|error| unusable(error.to_string()))?;
            authorities.push(Authority { anchor, top, below, window });
        }
        let log_keys = root.rekor_keys().map_err(|error| wrong(error.to_string()))?;
        let certificate_log_keys = [
            SigningScheme::EcdsaP256Sha256,
            SigningScheme::EcdsaP384Sha384,
            SigningScheme::RsaPkcs1Sha256,
            SigningScheme::RsaPkcs1Sha384,
            SigningScheme::RsaPkcs1Sha512,
        ]
        .into_iter()
        .map(|scheme| Ok((scheme, root.ctfe_keys(scheme).map_err(|error| wrong(error.to_string()))?)))
        .collect::<Result<_, Error>>()?;
        Ok(Self { root, log_keys, certificate_log_keys, authorities, digest })
    }

    /// The SHA-256 of the bytes that were parsed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its content, in the official types.
    pub fn material(&self) -> &upstream::TrustedRoot {
        &self.root
    }

    /// The keys of the transparency logs.
    pub(crate) fn log_keys(&self) -> &Keyring {
        &self.log_keys
    }

    /// The keys of the certificate logs that sign by this algorithm; `None` if no such log is known to sign by it.
    pub(crate) fn certificate_log_keys(&self, scheme: SigningScheme) -> Option<&Keyring> {
        self.certificate_log_keys.iter().find(|(known, _)| *known == scheme).map(|(_, keys)| keys)
    }

    /// Whether it has the log that `entry` says it is of. Entries of the second version are proven by their checkpoint alone,
    /// so there the keys that may have signed it count as well.
    pub(crate) fn has_log_of(&self, kind: Kind, entry: &TransparencyLogEntry, now: Timestamp) -> bool {
        let proof = entry.inclusion_proof.as_ref().filter(|_| kind.is_second());
        let signatures = proof.and_then(|proof| proof.checkpoint.checkpoint()).into_iter();
        self.root.tlogs.iter().any(|log| log.log_id.key_id == entry.log_id.key_id)
            || signatures
                .flat_map(sigstore_types::Checkpoint::signatures)
                .any(|signature| self.log_keys.keys_by_hint(&signature.key_id, now).next().is_some())
    }

    /// Those authorities whose certificates were all valid at all of `times`.
    pub(crate) fn authorities_valid_at(&self, times: &[Timestamp]) -> impl Iterator<Item = &Authority> {
        self.authorities
            .iter()
            .filter(move |authority| times.iter().all(|time| authority.window.contains(*time)))
    }
}

/// Whether a certificate names itself as its issuer, as those of authorities do, or cannot be read.
pub(crate) fn is_self_issued(certificate: &DerCertificate) -> bool {
    Certificate::from_der(certificate.as_bytes())
        .map_or(true, |parsed| parsed.tbs_certificate.issuer == parsed.tbs_certificate.subject)
}

impl fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedRoot({})", self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_root_reads_and_an_expired_authority_is_left_out() {
        let root = TrustedRoot::public_good().unwrap();
        let anchors = |time: &str| root.authorities_valid_at(&[time.parse().unwrap()]).count();
        assert!(anchors("2025-01-01T00:00:00Z") > 0);
        assert_eq!(anchors("2001-01-01T00:00:00Z"), 0);
        assert_eq!(anchors("2101-01-01T00:00:00Z"), 0);
    }

    #[test]
    fn an_invalid_trusted_root_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","mediaType":"x"}"#,
            r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=9"}"#,
            r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{}]}"#,
            r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "certificateAuthorities":[{"uri":"x","certChain":{"certificates":[]}}]}"#,
        ] {
            assert!(matches!(TrustedRoot::parse(text.as_bytes()), Err(Error::TrustedRoot { .. })), "{text}");
        }
    }
}
