//! Holders of keys of every kind, signing by every algorithm that logs have taken.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;

/// A signature algorithm, as a test names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    P256,
    P384,
    /// SHA-256 by a P-384 key.
    P384Older,
    P521,
    /// SHA-256 by a P-521 key.
    P521Older,
    Rsa,
    Ed25519,
    Ed25519ph,
}

impl Algorithm {
    pub const ALL: [Self; 8] = [
        Self::P256,
        Self::P384,
        Self::P384Older,
        Self::P521,
        Self::P521Older,
        Self::Rsa,
        Self::Ed25519,
        Self::Ed25519ph,
    ];

    /// The digest that it signs: its name in a log of the first version, and in a bundle.
    pub fn hash(self) -> Option<(&'static str, &'static str, &'static digest::Algorithm)> {
        match self {
            Self::P256 | Self::P384Older | Self::P521Older | Self::Rsa => {
                Some(("sha256", "SHA2_256", &digest::SHA256))
            }
            Self::P384 => Some(("sha384", "SHA2_384", &digest::SHA384)),
            Self::P521 | Self::Ed25519ph => Some(("sha512", "SHA2_512", &digest::SHA512)),
            Self::Ed25519 => None,
        }
    }

    fn ecdsa(self) -> Option<&'static EcdsaSigningAlgorithm> {
        Some(match self {
            Self::P256 => &lc::ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 | Self::P384Older => &lc::ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521 => &lc::ECDSA_P521_SHA512_ASN1_SIGNING,
            Self::P521Older => &lc::ECDSA_P521_SHA256_ASN1_SIGNING,
            Self::Rsa | Self::Ed25519 | Self::Ed25519ph => return None,
        })
    }
}

/// A key and the algorithm by which it signs.
pub struct Key {
    pub algorithm: Algorithm,
    inner: Inner,
    pub spki: Vec<u8>,
}

enum Inner {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
    /// Its secret scalar.
    Ed25519ph(Scalar, [u8; 32]),
}

impl Key {
    pub fn new(algorithm: Algorithm) -> Self {
        let (inner, spki) = match algorithm {
            Algorithm::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                let spki = spki.as_ref().to_vec();
                (Inner::Rsa(pair), spki)
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::generate().unwrap();
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                let spki = spki.as_ref().to_vec();
                (Inner::Ed25519(pair), spki)
            }
            Algorithm::Ed25519ph => {
                let mut seed = [0; 32];
                aws_lc_rs::rand::fill(&mut seed).unwrap();
                let secret = Scalar::from_bytes_mod_order(seed);
                let point = EdwardsPoint::mul_base(&secret).compress().to_bytes();
                // SubjectPublicKeyInfo of RFC 8410.
                let head = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
                (Inner::Ed25519ph(secret, point), [&head[..], &point].concat())
            }
            ecdsa => {
                let pair = EcdsaKeyPair::generate(ecdsa.ecdsa().unwrap()).unwrap();
                let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                let spki = spki.as_ref().to_vec();
                (Inner::Ecdsa(pair), spki)
            }
        };
        Self { algorithm, inner, spki }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.inner {
            Inner::Ecdsa(pair) if self.algorithm == Algorithm::P384Older => {
                // aws-lc-rs verifies these and does not make them. A digest is a number to ECDSA, so zeros before it make
                // it one of the length that the key pair is told to sign.
                let sha256 = digest::digest(&digest::SHA256, message);
                let padded = [&[0; 16], sha256.as_ref()].concat();
                let padded = digest::Digest::import_less_safe(&padded, &digest::SHA384).unwrap();
                pair.sign_digest(&padded).unwrap().as_ref().to_vec()
            }
            Inner::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Inner::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&lc::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Inner::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Inner::Ed25519ph(secret, point) => {
                let mut seed = [0; 64];
                aws_lc_rs::rand::fill(&mut seed).unwrap();
                let nonce = Scalar::from_bytes_mod_order_wide(&seed);
                let r = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
                let sha512 = digest::digest(&digest::SHA512, message);
                let domain = b"SigEd25519 no Ed25519 collisions\x01\x00";
                let text = [&domain[..], &r, point, sha512.as_ref()].concat();
                let hash = digest::digest(&digest::SHA512, &text);
                let k = Scalar::from_bytes_mod_order_wide(hash.as_ref().try_into().unwrap());
                [r, (nonce + k * secret).to_bytes()].concat()
            }
        }
    }
}
