//! Stand-ins for the services that keep signing keys. Each speaks the service's documented protocol and
//! checks what the service checks: tokens, request signatures, key versions, algorithms, the length of
//! digests. It refuses invalid requests in the same way as the real service. The signatures are real.

mod aws;
mod azure;
mod google;
mod kubernetes;
mod vault;

pub use aws::AwsKms;
pub use azure::AzureVault;
pub use google::GoogleKms;
pub use kubernetes::Kubernetes;
pub use vault::Vault;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The key that a service keeps.
pub enum ServiceKey {
    /// ECDSA on P-256.
    P256(EcdsaKeyPair),
    /// ECDSA on P-384.
    P384(EcdsaKeyPair),
    /// RSA with 2,048 bits.
    Rsa(RsaKeyPair),
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
}

impl ServiceKey {
    /// A fresh key: `p256`, `p384`, `rsa`, `ed25519`.
    pub fn new(kind: &str) -> Self {
        match kind {
            "p256" => Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
            "p384" => Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap()),
            "rsa" => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            "ed25519" => Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            other => panic!("no kind {other}"),
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_der().unwrap(),
            Self::Rsa(pair) => pair.public_key().as_der().unwrap(),
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    /// The same as PEM.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(self.spki());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// The signature over a digest, if the digest has the length for this key.
    fn sign(&self, digest: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256(pair) => {
                let digest = digest::Digest::import_less_safe(digest, &digest::SHA256).ok()?;
                Some(pair.sign_digest(&digest).ok()?.as_ref().to_vec())
            }
            Self::P384(pair) => {
                let digest = digest::Digest::import_less_safe(digest, &digest::SHA384).ok()?;
                Some(pair.sign_digest(&digest).ok()?.as_ref().to_vec())
            }
            Self::Rsa(pair) => {
                let digest = digest::Digest::import_less_safe(digest, &digest::SHA256).ok()?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, &digest, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ed25519(_) => None,
        }
    }
}

/// How a stand-in misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Misbehaviour {
    /// Nothing.
    #[default]
    None,
    /// It signs another digest than requested.
    OtherDigest,
    /// It answers with a redirect to somewhere else.
    Redirect,
    /// Its answers never end.
    Endless,
}

impl Misbehaviour {
    /// The answer that replaces the right one.
    fn instead(self) -> Option<crate::Answer> {
        match self {
            Self::Redirect => Some(crate::Answer::new(307).header("Location", "http://127.0.0.1:9/")),
            Self::Endless => Some(crate::Answer::new(200).body(vec![b' '; 1 << 20])),
            Self::None | Self::OtherDigest => None,
        }
    }

    fn digest(self, digest: &[u8]) -> Vec<u8> {
        let mut digest = digest.to_vec();
        if let (Self::OtherDigest, Some(first)) = (self, digest.first_mut()) {
            *first ^= 1;
        }
        digest
    }
}
