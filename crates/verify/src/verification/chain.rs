//! The path from a signing certificate to an authority of the trusted root.

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use sigstore_types::DerCertificate;
use x509_cert::Certificate;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_CODE_SIGNING};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use crate::trust::Authority;
use crate::{Bundle, Error, Step, TrustedRoot};

/// Verifies the certificate's path, up to the last certificate of an authority whose certificates were all valid at
/// every signing time.
///
/// Only the last certificate of an authority is an anchor, because path validation does not check anchors: neither their
/// validity, so that an expired intermediate would still vouch for a leaf (CVE-2026-24122), nor their usage. Here every
/// certificate of the path is checked, including the last (RFC 5280, 6.1.4): name constraints, path length, key usage,
/// extended key usage.
///
/// Returns the key that issued the certificate.
pub(super) fn check_chain(
    bundle: &Bundle,
    root: &TrustedRoot,
    times: &[Timestamp],
) -> Result<Vec<u8>, Error> {
    let chain = bundle.certificates();
    let Some((leaf, rest)) = chain.split_first() else { return Err(refused("no certificate".into())) };
    if times.is_empty() {
        return Err(Error::step(Step::SigningTime, "no trusted time", "a timestamp, or a log's promise"));
    }
    let rest: Vec<_> = rest.iter().map(|certificate| CertificateDer::from(certificate.as_bytes())).collect();
    let mut problem = "no authority of which all certificates were valid".to_owned();
    for authority in root.authorities_valid_at(times) {
        match path(leaf, &rest, authority, times) {
            Ok(issuer) => return Ok(issuer),
            Err(got) => problem = got,
        }
    }
    Err(refused(problem))
}

fn refused(got: String) -> Error {
    Error::step(Step::Chain, got, "a path to a trusted authority, all of it valid at every signing time")
}

/// Verifies the path to one authority, and returns the issuer's key; the error says what is wrong.
fn path(
    leaf: &DerCertificate,
    rest: &[CertificateDer<'_>],
    authority: &Authority,
    times: &[Timestamp],
) -> Result<Vec<u8>, String> {
    /// id-kp-codeSigning, 1.3.6.1.5.5.7.3.3.
    const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
    let holder = read(leaf.as_bytes())?;
    if extension::<ExtendedKeyUsage>(&holder)?.is_none_or(|usage| !usage.0.contains(&ID_KP_CODE_SIGNING)) {
        return Err("the certificate is not for code signing".to_owned());
    }
    if extension::<KeyUsage>(&holder)?.is_some_and(|usage| !usage.digital_signature()) {
        return Err("the certificate's key is not for signatures".to_owned());
    }
    let der = CertificateDer::from(leaf.as_bytes());
    let leaf = webpki::EndEntityCert::try_from(&der).map_err(|error| error.to_string())?;
    let between: Vec<_> = rest.iter().chain(&authority.below).cloned().collect();
    let anchors = std::slice::from_ref(&authority.anchor);
    let mut key = None;
    for time in times {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let found = leaf
            .verify_for_usage(
                sigstore_crypto::WEBPKI_VERIFICATION_ALGS,
                anchors,
                &between,
                at,
                // An intermediate without the extension may issue for every use.
                webpki::KeyUsage::required_if_present(CODE_SIGNING),
                None,
                None,
            )
            .map_err(|error| format!("at {time}: {error}"))?;
        let mut below = 0;
        for issuer in found.intermediate_certificates() {
            let issuer = read(&issuer.der())?;
            may_issue(&issuer, below)?;
            key.get_or_insert(spki(&issuer)?);
            // 6.1.4 (l): a self-issued certificate does not count towards the length.
            if !names_itself(&issuer) {
                below += 1;
            }
        }
        may_issue(&authority.top, below)?;
        key.get_or_insert(spki(&authority.top)?);
    }
    key.ok_or_else(|| "no signing time".to_owned())
}

fn spki(certificate: &Certificate) -> Result<Vec<u8>, String> {
    certificate.tbs_certificate.subject_public_key_info.to_der().map_err(|error| error.to_string())
}

/// Whether `issuer` may have a leaf and this many other authorities below it.
fn may_issue(issuer: &Certificate, below: usize) -> Result<(), String> {
    let name = &issuer.tbs_certificate.subject;
    if let Some(constraints) = extension::<BasicConstraints>(issuer)? {
        if !constraints.ca {
            return Err(format!("{name} is no authority"));
        }
        if let Some(most) = constraints.path_len_constraint.filter(|most| below > usize::from(*most)) {
            return Err(format!("{name} may stand above {most} other authorities, got {below}"));
        }
    }
    if extension::<KeyUsage>(issuer)?.is_some_and(|usage| !usage.key_cert_sign()) {
        return Err(format!("the key of {name} may not sign certificates"));
    }
    let usage = extension::<ExtendedKeyUsage>(issuer)?;
    let signs_code = |usage: &ExtendedKeyUsage| {
        usage.0.contains(&ID_KP_CODE_SIGNING) || usage.0.contains(&ANY_EXTENDED_KEY_USAGE)
    };
    if usage.is_some_and(|usage| !signs_code(&usage)) {
        return Err(format!("{name} does not issue for code signing"));
    }
    Ok(())
}

/// An extension of a certificate. A repeated or unreadable one is an error.
fn extension<'a, T>(certificate: &'a Certificate) -> Result<Option<T>, String>
where
    T: x509_cert::der::Decode<'a> + x509_cert::der::oid::AssociatedOid,
{
    let found = certificate.tbs_certificate.get::<T>().map_err(|error| error.to_string())?;
    Ok(found.map(|(_, extension)| extension))
}

fn read(der: &[u8]) -> Result<Certificate, String> {
    Certificate::from_der(der).map_err(|error| error.to_string())
}

fn names_itself(certificate: &Certificate) -> bool {
    certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject
}
