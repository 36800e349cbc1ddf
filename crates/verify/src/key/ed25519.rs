//! The parts of Ed25519 (RFC 8032, 5.1) that aws-lc-rs lacks: Ed25519ph, which covers the SHA-512 of a message and has a prefix
//! so that no signature is valid as both kinds, and pure Ed25519 over a message that is read once and not kept in memory.
//!
//! The equation of 5.1.7 is written here over curve25519-dalek's group. The check is the strict one: canonical scalar, no
//! cofactor, `R` compared by its bytes. No secret is involved.

use aws_lc_rs::digest as lc;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;

/// The prefix of `dom2(1, "")`.
const DOMAIN: &[u8] = b"SigEd25519 no Ed25519 collisions";

/// The hash that binds a pure signature to its key and message: the SHA-512 of `R`, the key and the message, which is added
/// in pieces.
#[derive(Clone)]
pub(crate) struct Challenge {
    key: Vec<u8>,
    hash: lc::Context,
}

impl Challenge {
    /// For this signature by the key with these raw bytes.
    pub(super) fn new(key: &[u8], signature: &[u8]) -> Option<Self> {
        let (r, _) = signature.split_at_checked(32)?;
        let mut hash = lc::Context::new(&lc::SHA512);
        hash.update(r);
        hash.update(key);
        Some(Self { key: key.to_vec(), hash })
    }

    /// Adds a piece of the message.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.hash.update(piece);
    }

    /// Whether the signature is valid over the message. Always false for another key.
    pub(super) fn verifies(&self, key: &[u8], signature: &[u8]) -> bool {
        self.key == key && equation(key, self.hash.clone(), signature).unwrap_or_default()
    }
}

/// Whether `signature` by Ed25519ph over the message with this SHA-512 is valid. The caller has refused keys of small order.
pub(super) fn verifies(key: &[u8], sha512: &[u8], signature: &[u8]) -> bool {
    let Some((r, _)) = signature.split_at_checked(32) else { return false };
    let mut hash = lc::Context::new(&lc::SHA512);
    for part in [DOMAIN, &[1, 0], r, key, sha512] {
        hash.update(part);
    }
    sha512.len() == 64 && equation(key, hash, signature).unwrap_or_default()
}

/// 5.1.7: `[s]B = R + [k]A`, where `k` is what was hashed.
fn equation(key: &[u8], hash: lc::Context, signature: &[u8]) -> Option<bool> {
    let (r, s) = signature.split_at_checked(32)?;
    let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s.try_into().ok()?))?;
    let point = CompressedEdwardsY::from_slice(key).ok()?.decompress()?;
    let k = Scalar::from_bytes_mod_order_wide(hash.finish().as_ref().try_into().ok()?);
    let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-point, &s);
    Some(expected.compress().as_bytes() == r)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// RFC 8032, 7.3.
    #[test]
    fn the_standards_own_example_holds_and_nothing_beside_it() {
        let key = bytes("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf");
        let signature = bytes(concat!(
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41",
            "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
        ));
        let sha512 = |message: &[u8]| lc::digest(&lc::SHA512, message).as_ref().to_vec();
        assert!(verifies(&key, &sha512(b"abc"), &signature));

        assert!(!verifies(&key, &sha512(b"abd"), &signature));
        assert!(!verifies(&key, b"abc", &signature), "the message is not its digest");
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!verifies(&key, &sha512(b"abc"), &changed), "byte {at}");
        }
        for length in [0, 32, 63] {
            assert!(!verifies(&key, &sha512(b"abc"), &signature[..length]));
        }
        assert!(!verifies(&key, &sha512(b"abc"), &[&*signature, &[0]].concat()));
        assert!(!verifies(&key[1..], &sha512(b"abc"), &signature));
    }

    /// The same signatures as aws-lc-rs, which gets the message whole.
    #[test]
    fn a_message_in_pieces_is_the_message() {
        use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
        let (pair, other) = (Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap());
        let key = pair.public_key().as_ref();
        for message in [&b""[..], b"abc", &[7; 1000]] {
            let signature = pair.sign(message);
            let judge = |pieces: &[&[u8]], signature: &[u8]| {
                let mut challenge = Challenge::new(key, signature).unwrap();
                for piece in pieces {
                    challenge.update(piece);
                }
                assert!(!challenge.verifies(other.public_key().as_ref(), signature));
                challenge.verifies(key, signature)
            };
            let (first, rest) = message.split_at(message.len() / 3);
            assert!(judge(&[first, rest], signature.as_ref()));
            assert!(!judge(&[first, rest, b"x"], signature.as_ref()));
            assert!(!judge(&[message], other.sign(message).as_ref()));
            let mut changed = signature.as_ref().to_vec();
            changed[40] ^= 1;
            assert!(!judge(&[message], &changed));
        }
        assert!(Challenge::new(key, &[0; 31]).is_none());
    }

    /// The same scalar plus the order of the group: a second spelling of the same signature.
    #[test]
    fn a_scalar_beyond_the_order_is_refused() {
        let key = bytes("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf");
        let signature = bytes(concat!(
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41",
            "1ecc469f609f3c8d30bdfa7241a7d4bfa10b8c61e636062aaad11c2a26083416"
        ));
        assert!(!verifies(&key, lc::digest(&lc::SHA512, b"abc").as_ref(), &signature));
    }
}
