//! The path from a signing certificate to an authority of the trusted root.

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use sigstore_types::DerCertificate;
use x509_cert::der::Decode as _;

use crate::{Bundle, Error, Step, TrustedRoot};

/// Verifies the certificate's path again. Only authorities whose certificates were all valid at every signing time are
/// anchors.
///
/// The official verifier treats each certificate of an authority as an anchor, and path validation does not check an
/// anchor's own validity: an expired intermediate would still vouch for a leaf (CVE-2026-24122).
pub(super) fn check_chain(bundle: &Bundle, root: &TrustedRoot, times: &[Timestamp]) -> Result<(), Error> {
    /// id-kp-codeSigning, 1.3.6.1.5.5.7.3.3.
    const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
    let chain = bundle.certificates();
    let refused = |got: String| {
        Error::step(Step::Chain, got, "a path to a trusted authority, all of it valid at every signing time")
    };
    let Some((leaf, rest)) = chain.split_first() else { return Err(refused("no certificate".into())) };
    let leaf = CertificateDer::from(leaf.as_bytes());
    let leaf = webpki::EndEntityCert::try_from(&leaf).map_err(|error| refused(error.to_string()))?;
    let rest: Vec<_> = rest.iter().map(|certificate| CertificateDer::from(certificate.as_bytes())).collect();
    if times.is_empty() {
        return Err(Error::step(Step::SigningTime, "no trusted time", "a timestamp, or a log's promise"));
    }
    let anchors = root.anchors_valid_at(times);
    for time in times {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        leaf.verify_for_usage(
            sigstore_crypto::WEBPKI_VERIFICATION_ALGS,
            &anchors,
            &rest,
            at,
            webpki::KeyUsage::required(CODE_SIGNING),
            None,
            None,
        )
        .map_err(|error| refused(format!("at {time}: {error}")))?;
    }
    Ok(())
}

/// Whether a certificate names itself as its issuer, or cannot be read.
pub(super) fn is_self_issued(certificate: &DerCertificate) -> bool {
    x509_cert::Certificate::from_der(certificate.as_bytes())
        .map_or(true, |parsed| parsed.tbs_certificate.issuer == parsed.tbs_certificate.subject)
}
