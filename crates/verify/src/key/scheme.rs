//! The signature algorithms that a key may have used: those of Sigstore's [algorithm registry] for its kind, and those of
//! older tools.
//!
//! RSA-PSS is not supported although the registry has it, because no key dictates it, and neither is SHA-1.
//!
//! [algorithm registry]: https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md

use aws_lc_rs::digest as lc_digest;
use aws_lc_rs::signature as lc;
use sigstore_types::HashAlgorithm;

use super::{KeyAlgorithm, ed25519};

/// A signature algorithm with the digest that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    EcdsaP256Sha256,
    EcdsaP384Sha384,
    /// What cosign 2 and sigstore-python 2 made with P-384 keys.
    EcdsaP384Sha256,
    EcdsaP521Sha512,
    /// What cosign 2 made with P-521 keys.
    EcdsaP521Sha256,
    RsaPkcs1Sha256,
    /// Over the message itself.
    Ed25519,
    /// Over the SHA-512 of the message (RFC 8032, 5.1), as cosign 3 does.
    Ed25519ph,
}

impl KeyAlgorithm {
    /// The algorithms that a key of this kind may have signed with, the registry's first.
    pub(crate) fn schemes(self) -> &'static [Scheme] {
        match self {
            Self::EcdsaP256 => &[Scheme::EcdsaP256Sha256],
            Self::EcdsaP384 => &[Scheme::EcdsaP384Sha384, Scheme::EcdsaP384Sha256],
            Self::EcdsaP521 => &[Scheme::EcdsaP521Sha512, Scheme::EcdsaP521Sha256],
            Self::Ed25519 => &[Scheme::Ed25519, Scheme::Ed25519ph],
            Self::Rsa => &[Scheme::RsaPkcs1Sha256],
        }
    }
}

impl Scheme {
    /// The digest that is signed instead of a message; `None` if the message itself is.
    pub(crate) fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP384Sha256 | Self::EcdsaP521Sha256 | Self::RsaPkcs1Sha256 => {
                Some(HashAlgorithm::Sha2256)
            }
            Self::EcdsaP384Sha384 => Some(HashAlgorithm::Sha2384),
            Self::EcdsaP521Sha512 | Self::Ed25519ph => Some(HashAlgorithm::Sha2512),
            Self::Ed25519 => None,
        }
    }

    /// Whether `signature` over `message` is valid under the key with these raw bytes.
    pub(super) fn verifies(self, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        if let Some(parser) = self.parser() {
            return lc::UnparsedPublicKey::new(parser, key).verify(message, signature).is_ok();
        }
        let digest = lc_digest::digest(&lc_digest::SHA512, message);
        ed25519::verifies(key, digest.as_ref(), signature)
    }

    /// Whether `signature` is valid over the message with this digest, which is by the algorithm in [`Self::hash`].
    pub(super) fn verifies_digest(self, key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
        let Some(algorithm) = self.hash().and_then(digest_algorithm) else { return false };
        let Ok(imported) = lc_digest::Digest::import_less_safe(digest, algorithm) else { return false };
        match self.parser() {
            Some(parser) => {
                lc::UnparsedPublicKey::new(parser, key).verify_digest(&imported, signature).is_ok()
            }
            None => ed25519::verifies(key, digest, signature),
        }
    }

    /// `None` for Ed25519ph, which aws-lc-rs does not have.
    pub(super) fn parser(self) -> Option<&'static dyn lc::VerificationAlgorithm> {
        Some(match self {
            Self::EcdsaP256Sha256 => &lc::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP384Sha384 => &lc::ECDSA_P384_SHA384_ASN1,
            Self::EcdsaP384Sha256 => &lc::ECDSA_P384_SHA256_ASN1,
            Self::EcdsaP521Sha512 => &lc::ECDSA_P521_SHA512_ASN1,
            Self::EcdsaP521Sha256 => &lc::ECDSA_P521_SHA256_ASN1,
            Self::RsaPkcs1Sha256 => &lc::RSA_PKCS1_2048_8192_SHA256,
            Self::Ed25519 => &lc::ED25519,
            Self::Ed25519ph => return None,
        })
    }
}

fn digest_algorithm(hash: HashAlgorithm) -> Option<&'static lc_digest::Algorithm> {
    match hash {
        HashAlgorithm::Sha2256 => Some(&lc_digest::SHA256),
        HashAlgorithm::Sha2384 => Some(&lc_digest::SHA384),
        HashAlgorithm::Sha2512 => Some(&lc_digest::SHA512),
        _ => None,
    }
}
