//! A private key in this process.
//!
//! Owns generating keys, reading the encodings inside key files, and signing. [`crate::file`] owns the files.

use aws_lc_rs::digest as lc;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use pkcs8::PrivateKeyInfo;
use plimsoll_verify::PublicKey;

use crate::der::{EC, ED25519, P256, P384, RSA};
use crate::signer::{Payload, SigningKey};
use crate::{Error, Zeroizing};

/// The largest RSA key that signs, in bytes: cosign accepts none above 4,096 bits.
const MOST_MODULUS: usize = 512;

/// What kind of key to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NewKey {
    /// ECDSA on P-256, which every Sigstore client and log accepts.
    #[default]
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA with 3,072 bits.
    Rsa3072,
    /// RSA with 4,096 bits.
    Rsa4096,
    /// Ed25519.
    Ed25519,
}

/// A private key. It cannot be printed, and its bytes are wiped when it is dropped.
pub struct PrivateKey {
    pair: Keypair,
    public: PublicKey,
}

enum Keypair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Generates a key.
    pub fn generate(kind: NewKey) -> Result<Self, Error> {
        let failed = |_| Error::Crypto { step: "generate a key" };
        Self::from_pair(match kind {
            NewKey::P256 => {
                Keypair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?)
            }
            NewKey::P384 => {
                Keypair::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(failed)?)
            }
            NewKey::Rsa3072 => Keypair::Rsa(RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?),
            NewKey::Rsa4096 => Keypair::Rsa(RsaKeyPair::generate(KeySize::Rsa4096).map_err(failed)?),
            NewKey::Ed25519 => Keypair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        })
    }

    /// Generates a key on P-256, the one curve that every Sigstore client and log accepts.
    pub fn generate_p256() -> Result<Self, Error> {
        Self::generate(NewKey::P256)
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let refused = |got: &str| Error::KeyAlgorithm { got: got.to_owned() };
        let info = PrivateKeyInfo::try_from(der).map_err(|_| refused("bytes that are not PKCS#8"))?;
        let curve = info.algorithm.parameters_oid().ok();
        Self::from_pair(match (info.algorithm.oid, curve) {
            (EC, Some(P256)) => Keypair::P256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
                    .map_err(|_| refused("bytes that are not a key on P-256"))?,
            ),
            (EC, Some(P384)) => Keypair::P384(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, der)
                    .map_err(|_| refused("bytes that are not a key on P-384"))?,
            ),
            (RSA, _) => Keypair::Rsa(
                RsaKeyPair::from_pkcs8(der)
                    .map_err(|_| refused("RSA bytes that are no key of at least 2048 bits"))?,
            ),
            (ED25519, _) => Keypair::Ed25519(
                Ed25519KeyPair::from_pkcs8(der).map_err(|_| refused("bytes that are not an Ed25519 key"))?,
            ),
            (oid, Some(curve)) => return Err(refused(&format!("algorithm {oid} with {curve}"))),
            (oid, None) => return Err(refused(&format!("algorithm {oid}"))),
        })
    }

    /// `ECPrivateKey` of RFC 5915: the key of an `EC PRIVATE KEY`.
    pub(crate) fn from_sec1(der: &[u8]) -> Result<Self, Error> {
        // The library would also accept PKCS#8 under this label.
        if PrivateKeyInfo::try_from(der).is_ok() {
            return Err(Error::KeyFile { got: "PKCS#8 in a block `EC PRIVATE KEY`".to_owned() });
        }
        let on = |curve: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::from_private_key_der(curve, der).ok();
        let pair = on(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map(Keypair::P256)
            .or_else(|| on(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Keypair::P384))
            .ok_or_else(|| Error::KeyAlgorithm {
                got: "an elliptic-curve key on another curve".to_owned(),
            })?;
        Self::from_pair(pair)
    }

    /// `RSAPrivateKey` of RFC 8017: the key of an `RSA PRIVATE KEY`.
    pub(crate) fn from_pkcs1(der: &[u8]) -> Result<Self, Error> {
        let pair = RsaKeyPair::from_der(der).map_err(|_| Error::KeyAlgorithm {
            got: "RSA bytes that are no key of at least 2048 bits".to_owned(),
        })?;
        Self::from_pair(Keypair::Rsa(pair))
    }

    /// PKCS#8 version 1: Go's library does not accept version 2.
    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| Error::Crypto { step: "encode the key" };
        let der = match &self.pair {
            Keypair::P256(pair) | Keypair::P384(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Keypair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
            Keypair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
        };
        Ok(Zeroizing::new(der))
    }

    fn from_pair(pair: Keypair) -> Result<Self, Error> {
        let failed = |_| Error::Crypto { step: "derive the public key" };
        let spki: PublicKeyX509Der<'_> = match &pair {
            Keypair::P256(pair) | Keypair::P384(pair) => pair.public_key().as_der().map_err(failed)?,
            Keypair::Rsa(pair) => {
                let bits = pair.public_modulus_len().saturating_mul(8);
                if pair.public_modulus_len() > MOST_MODULUS {
                    return Err(Error::KeyAlgorithm { got: format!("RSA of {bits} bits") });
                }
                pair.public_key().as_der().map_err(failed)?
            }
            Keypair::Ed25519(pair) => pair.public_key().as_der().map_err(failed)?,
        };
        let public = PublicKey::from_spki_der(spki.as_ref()).map_err(Error::PublicKey)?;
        Ok(Self { pair, public })
    }
}

impl SigningKey for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, payload: &Payload<'_>) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Crypto { step: "sign" };
        match &self.pair {
            Keypair::P256(pair) => {
                let signature = pair.sign_digest(&sha256(payload)?).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Keypair::P384(pair) => {
                let signature = pair.sign_digest(&sha384(payload)?).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Keypair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, &sha256(payload)?, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Keypair::Ed25519(pair) => match payload {
                Payload::Message(message) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
                Payload::Digests(_) => Err(Error::WholeMessageOnly),
            },
        }
    }

    fn describe(&self) -> String {
        format!("key {}", self.public.id())
    }
}

/// What P-256 and RSA sign.
fn sha256(payload: &Payload<'_>) -> Result<lc::Digest, Error> {
    match payload {
        Payload::Message(message) => Ok(lc::digest(&lc::SHA256, message)),
        Payload::Digests(file) => lc::Digest::import_less_safe(file.sha256.as_bytes(), &lc::SHA256)
            .map_err(|_| Error::Crypto { step: "sign" }),
    }
}

/// What P-384 signs.
fn sha384(payload: &Payload<'_>) -> Result<lc::Digest, Error> {
    match payload {
        Payload::Message(message) => Ok(lc::digest(&lc::SHA384, message)),
        Payload::Digests(file) => lc::Digest::import_less_safe(file.sha384.as_bytes(), &lc::SHA384)
            .map_err(|_| Error::Crypto { step: "sign" }),
    }
}

#[cfg(test)]
mod tests;
