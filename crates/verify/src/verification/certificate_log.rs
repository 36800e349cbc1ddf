//! The certificate's embedded timestamp by a trusted certificate log (RFC 6962, 3.2 and 3.3).
//!
//! The log signed the certificate without this extension, and the hash of its issuer's key. That key comes from the verified
//! path, because several authorities may have the same name.

use jiff::Timestamp;
use plimsoll_core::Digest;
use sigstore_crypto::SigningScheme;
use sigstore_types::{Sha256Hash, SignatureBytes};
use x509_cert::Certificate;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::sct::{HashAlgorithm, SignatureAlgorithm, SignatureAndHashAlgorithm, Version};
use x509_cert::ext::pkix::{SignedCertificateTimestamp, SignedCertificateTimestampList};

use crate::{Error, Step, TrustedRoot};

/// Verifies that a trusted certificate log, valid at the time, has announced `certificate`, which the key `issuer` signed.
pub(super) fn check(certificate: &[u8], issuer: &[u8], root: &TrustedRoot) -> Result<(), Error> {
    holds(certificate, issuer, root)
        .map_err(|got| Error::step(Step::CertificateLog, got, "one timestamp by a trusted certificate log"))
}

fn holds(certificate: &[u8], issuer: &[u8], root: &TrustedRoot) -> Result<(), String> {
    let certificate = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let stamp = embedded(&certificate)?;
    let scheme = scheme(&stamp.signature.algorithm).ok_or("a timestamp by an unknown signature algorithm")?;
    let milliseconds = i64::try_from(stamp.timestamp).map_err(|error| error.to_string())?;
    let time = Timestamp::from_millisecond(milliseconds).map_err(|error| error.to_string())?;
    let signed = signed_data(&certificate, &stamp, issuer)?;
    let signature = SignatureBytes::from_bytes(stamp.signature.signature.as_slice());
    root.certificate_log_keys(scheme)
        .ok_or("a timestamp by an unknown signature algorithm")?
        .verify_with_key_id_at(&Sha256Hash::new(stamp.log_id.key_id), time, signed, &signature)
        .map_err(|error| error.to_string())
}

/// The one timestamp in the certificate.
fn embedded(certificate: &Certificate) -> Result<SignedCertificateTimestamp, String> {
    let list = certificate.tbs_certificate.get::<SignedCertificateTimestampList>();
    let Some((_, list)) = list.map_err(|error| error.to_string())? else {
        return Err("a certificate without a timestamp".to_owned());
    };
    let stamps =
        list.parse_timestamps().map_err(|error| format!("timestamps that cannot be read: {error:?}"))?;
    let [stamp] = stamps.as_slice() else {
        return Err(format!("a certificate with {} timestamps", stamps.len()));
    };
    stamp.parse_timestamp().map_err(|error| format!("a timestamp that cannot be read: {error:?}"))
}

fn scheme(algorithm: &SignatureAndHashAlgorithm) -> Option<SigningScheme> {
    match (&algorithm.signature, &algorithm.hash) {
        (SignatureAlgorithm::Ecdsa, HashAlgorithm::Sha256) => Some(SigningScheme::EcdsaP256Sha256),
        (SignatureAlgorithm::Ecdsa, HashAlgorithm::Sha384) => Some(SigningScheme::EcdsaP384Sha384),
        (SignatureAlgorithm::Rsa, HashAlgorithm::Sha256) => Some(SigningScheme::RsaPkcs1Sha256),
        (SignatureAlgorithm::Rsa, HashAlgorithm::Sha384) => Some(SigningScheme::RsaPkcs1Sha384),
        (SignatureAlgorithm::Rsa, HashAlgorithm::Sha512) => Some(SigningScheme::RsaPkcs1Sha512),
        _ => None,
    }
}

/// What the log signed: `digitally-signed struct` of RFC 6962, 3.2, for a `precert_entry`.
fn signed_data(
    certificate: &Certificate,
    stamp: &SignedCertificateTimestamp,
    issuer: &[u8],
) -> Result<Vec<u8>, String> {
    let mut announced = certificate.tbs_certificate.clone();
    if let Some(extensions) = &mut announced.extensions {
        extensions.retain(|extension| extension.extn_id != SignedCertificateTimestampList::OID);
    }
    let announced = announced.to_der().map_err(|error| error.to_string())?;
    let Version::V1 = stamp.version;
    let mut signed = vec![0, 0];
    signed.extend(stamp.timestamp.to_be_bytes());
    signed.extend([0, 1]);
    signed.extend(Digest::sha256(issuer).as_bytes());
    // The length of the certificate has three bytes, that of the extensions two.
    let length = u32::try_from(announced.len()).ok().filter(|length| length >> 24 == 0);
    signed.extend(&length.ok_or("a certificate of more than 16 MiB")?.to_be_bytes()[1..]);
    signed.extend(announced);
    let extensions = stamp.extensions.as_slice();
    signed.extend(u16::try_from(extensions.len()).map_err(|error| error.to_string())?.to_be_bytes());
    signed.extend(extensions);
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RFC 6962, 2.1.4, allows and what it is called here; MD5 and SHA-1 are among what TLS could name, too.
    #[test]
    fn logs_sign_by_these_algorithms_and_no_others() {
        use {HashAlgorithm as Hash, SignatureAlgorithm as Signature, SigningScheme as Scheme};
        let of = |signature, hash| scheme(&SignatureAndHashAlgorithm { hash, signature });
        assert!(matches!(of(Signature::Ecdsa, Hash::Sha256), Some(Scheme::EcdsaP256Sha256)));
        assert!(matches!(of(Signature::Ecdsa, Hash::Sha384), Some(Scheme::EcdsaP384Sha384)));
        assert!(matches!(of(Signature::Rsa, Hash::Sha256), Some(Scheme::RsaPkcs1Sha256)));
        assert!(matches!(of(Signature::Rsa, Hash::Sha384), Some(Scheme::RsaPkcs1Sha384)));
        assert!(matches!(of(Signature::Rsa, Hash::Sha512), Some(Scheme::RsaPkcs1Sha512)));
        for (signature, hash) in [
            (Signature::Rsa, Hash::Sha1),
            (Signature::Ecdsa, Hash::Md5),
            (Signature::Anonymous, Hash::Sha256),
        ] {
            assert!(of(signature, hash).is_none());
        }
    }
}
