//! The DER of public keys and signatures, for services and tokens that return numbers and points instead.

use pkcs8::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, SequenceOf, UintRef};
use pkcs8::der::{self, Encode as _};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use plimsoll_verify::KeyAlgorithm;

// Object identifiers of algorithms and curves.
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(crate) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
pub(crate) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// `SEQUENCE { INTEGER, INTEGER }`: both an RSA key (RFC 8017) and an ECDSA signature (RFC 3279).
pub(super) fn integers(first: &[u8], second: &[u8]) -> der::Result<Vec<u8>> {
    let mut sequence = SequenceOf::<UintRef<'_>, 2>::new();
    sequence.add(UintRef::new(first)?)?;
    sequence.add(UintRef::new(second)?)?;
    sequence.to_der()
}

/// A signature from a token or vault as bundles contain it: r and s side by side become DER, RSA and Ed25519
/// stay as they are.
pub(super) fn signature(algorithm: KeyAlgorithm, plain: Vec<u8>) -> Option<Vec<u8>> {
    let half = match algorithm {
        KeyAlgorithm::EcdsaP256 => 32,
        KeyAlgorithm::EcdsaP384 => 48,
        _ => return Some(plain),
    };
    match plain.split_at_checked(half) {
        Some((r, s)) if s.len() == half => integers(r, s).ok(),
        _ => None,
    }
}

/// A point on a named curve (RFC 5480), uncompressed.
pub(super) fn ec_key(curve: &ObjectIdentifier, point: &[u8]) -> Option<Vec<u8>> {
    spki(AlgorithmIdentifierRef { oid: EC, parameters: Some(AnyRef::from(curve)) }, point)
}

/// An RSA key (RFC 3279).
pub(super) fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let key = integers(modulus, exponent).ok()?;
    spki(AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) }, &key)
}

/// The 32 bytes of an Ed25519 key (RFC 8410).
pub(super) fn ed25519_key(point: &[u8]) -> Option<Vec<u8>> {
    spki(AlgorithmIdentifierRef { oid: ED25519, parameters: None }, point)
}

fn spki(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Option<Vec<u8>> {
    let subject_public_key = BitStringRef::from_bytes(key).ok()?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_signature_become_integers_in_their_shortest_form() {
        assert_eq!(integers(&[0, 0, 1], &[0x80, 2]).unwrap(), [0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 2]);
        let mut halves = vec![0; 64];
        halves[31] = 1;
        halves[63] = 2;
        let der = [0x30, 6, 2, 1, 1, 2, 1, 2];
        assert_eq!(signature(KeyAlgorithm::EcdsaP256, halves.clone()).unwrap(), der);
        assert_eq!(signature(KeyAlgorithm::EcdsaP384, halves.clone()), None);
        assert_eq!(signature(KeyAlgorithm::Rsa, halves.clone()), Some(halves));
    }
}
