//! Trusted public keys.
//!
//! Owns which keys can verify at all: PEM with one `PUBLIC KEY` block (X.509 `SubjectPublicKeyInfo`, RFC 5480, 8017,
//! 8410) or one `RSA PUBLIC KEY` block (PKCS#1, RFC 8017, A.1.1), the algorithm from a closed list, never from a
//! signature or a bundle. The policy decides where keys come from and what each may sign.
//!
//! | key | signature |
//! | --- | --- |
//! | ECDSA P-256 | SHA-256, DER |
//! | ECDSA P-384 | SHA-384, or SHA-256 as in older signatures, DER |
//! | ECDSA P-521 | SHA-512, or SHA-256 as in older signatures, DER |
//! | RSA 2048–8192 | PKCS#1 v1.5, SHA-256 |
//! | Ed25519 | pure Ed25519, or Ed25519ph as cosign 3 makes it |

mod ed25519;
mod scheme;
mod unsupported;

use std::fmt::{self, Write as _};

use aws_lc_rs::signature as lc;
use plimsoll_core::{Algorithm, Digest};
use serde::{Serialize, Serializer};
use sigstore_crypto::{VerificationKey, validate_raw_public_key};
use sigstore_types::{DerPublicKey, SignatureBytes};
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{AnyRef, SequenceOf, UintRef};
use x509_cert::der::oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_521_R_1};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::Error;
use crate::error::excerpt;

/// Names a public key: the SHA-256 of its `SubjectPublicKeyInfo` in DER, shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// The id of the key with this DER encoding, which need not be a key that can verify.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(Digest::sha256(der))
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Reads the hint of a bundle as cosign writes it: standard base64 of the 32 bytes. Other tools write other text,
    /// which names no key.
    pub(crate) fn from_hint(hint: &str) -> Option<Self> {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(hint).ok()?;
        let mut digest = format!("{}:", Algorithm::Sha256.name());
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(digest, "{byte:02x}");
        }
        digest.parse().ok().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.hex())
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(crate) use ed25519::Challenge;
pub(crate) use scheme::Scheme;

/// The supported kinds of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
    /// RSA PKCS#1 v1.5.
    Rsa,
}

/// A public key that can verify.
#[derive(Clone)]
pub struct PublicKey {
    spki: Vec<u8>,
    /// The bits in it: a point, or an RSA key.
    raw: Vec<u8>,
    id: KeyId,
    algorithm: KeyAlgorithm,
}

impl PublicKey {
    /// Reads a PEM file with exactly one `PUBLIC KEY` or `RSA PUBLIC KEY` block. Two blocks are refused, because the second
    /// would silently be ignored.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        const BEGIN: &str = "-----BEGIN ";
        /// Ten times an RSA key of 8,192 bits.
        const MAX_PEM: usize = 16 * 1024;
        let not_pem = |got: &str| Error::NotPublicKeyPem { got: excerpt(got) };

        if pem.len() > MAX_PEM {
            return Err(not_pem(&format!("{} bytes", pem.len())));
        }
        let text = str::from_utf8(pem).map_err(|_| not_pem("bytes that are not text"))?;
        let labels: Vec<&str> =
            text.split(BEGIN).skip(1).map(|block| block.split("-----").next().unwrap_or("")).collect();
        match labels.as_slice() {
            ["PUBLIC KEY"] => {}
            ["RSA PUBLIC KEY"] => {
                let der = from_pkcs1(text).and_then(|der| Self::from_spki_der(&der).ok());
                return der.ok_or_else(|| {
                    not_pem("a block `RSA PUBLIC KEY` without an RSA key of 2048 to 8192 bits")
                });
            }
            [] => return Err(not_pem("no PEM block")),
            [label] => return Err(not_pem(&format!("a block `{label}`"))),
            more => return Err(not_pem(&format!("{} PEM blocks", more.len()))),
        }
        let der = DerPublicKey::from_pem(text).map_err(|error| not_pem(&error.to_string()))?;
        Self::from_spki_der(der.as_bytes())
    }

    /// Takes a `SubjectPublicKeyInfo` in DER.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let unusable = |got: String| Error::UnusableKey { got: excerpt(&got) };

        let (algorithm, raw) = match p521_point(der) {
            Some(point) => (KeyAlgorithm::EcdsaP521, point),
            None => read(der).map_err(|problem| unusable(unsupported::name(der).unwrap_or(problem)))?,
        };
        // The form of points. Otherwise, the key would be accepted and never verify anything.
        let parser = algorithm.schemes().iter().find_map(|scheme| scheme.parser());
        if parser.is_none_or(|parser| lc::ParsedPublicKey::new(parser, &raw).is_err()) {
            return Err(unusable(format!("{algorithm:?} key bytes that are not a valid key")));
        }
        if algorithm == KeyAlgorithm::Ed25519 && is_of_small_order(&raw) {
            return Err(unusable(
                "an Ed25519 point of small order, for which one signature fits many messages".to_owned(),
            ));
        }
        if algorithm == KeyAlgorithm::Rsa && !has_null_parameters(der) {
            // The reader above also accepts a key without them: the same key with another ID, which would count as two
            // signers.
            return Err(unusable("RSA parameters other than NULL".to_owned()));
        }
        Ok(Self { spki: der.to_vec(), raw, id: KeyId::of_spki(der), algorithm })
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Bits of the curve, or of an RSA key's modulus.
    pub fn bits(&self) -> usize {
        match self.algorithm {
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Ed25519 => 256,
            KeyAlgorithm::EcdsaP384 => 384,
            KeyAlgorithm::EcdsaP521 => 521,
            KeyAlgorithm::Rsa => rsa_bits(&self.spki).unwrap_or_default(),
        }
    }

    /// The second log version's name for keys of this kind (`PublicKeyDetails` of `sigstore_common.proto`); `None` if
    /// it does not accept them: other sizes of RSA, and Ed25519 without prehashing, because it gets a digest and never
    /// the message.
    pub fn log_name(&self) -> Option<&'static str> {
        self.algorithm.schemes().first().and_then(|scheme| self.log_name_for(*scheme))
    }

    /// That name for signatures by this algorithm, which is one of the key's.
    pub(crate) fn log_name_for(&self, scheme: Scheme) -> Option<&'static str> {
        match (scheme, self.bits()) {
            (Scheme::EcdsaP256Sha256, _) => Some("PKIX_ECDSA_P256_SHA_256"),
            (Scheme::EcdsaP384Sha384, _) => Some("PKIX_ECDSA_P384_SHA_384"),
            (Scheme::EcdsaP521Sha512, _) => Some("PKIX_ECDSA_P521_SHA_512"),
            (Scheme::Ed25519ph, _) => Some("PKIX_ED25519_PH"),
            (Scheme::RsaPkcs1Sha256, 2048) => Some("PKIX_RSA_PKCS1V15_2048_SHA256"),
            (Scheme::RsaPkcs1Sha256, 3072) => Some("PKIX_RSA_PKCS1V15_3072_SHA256"),
            (Scheme::RsaPkcs1Sha256, 4096) => Some("PKIX_RSA_PKCS1V15_4096_SHA256"),
            _ => None,
        }
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The key as a PEM file.
    pub fn to_pem(&self) -> String {
        // cosign, openssl and Go all end lines with LF; the encoder's default is CRLF.
        DerPublicKey::from_bytes(&self.spki).to_pem().replace("\r\n", "\n")
    }

    /// Whether `signature` over `message` is valid. For the signer, to check it before it is used; [`crate::verify`]
    /// decides what a signature of a statement is worth.
    pub fn verifies_signature(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifies(message, &SignatureBytes::from_bytes(signature)).is_some()
    }

    /// The same over the digest of a message: one of those that the key's algorithms sign.
    pub fn verifies_signature_of_digest(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.algorithm.schemes().iter().any(|scheme| scheme.verifies_digest(&self.raw, digest, signature))
    }

    /// By which algorithm `signature` over `message` is valid.
    pub(crate) fn verifies(&self, message: &[u8], signature: &SignatureBytes) -> Option<Scheme> {
        let mut schemes = self.algorithm.schemes().iter().copied();
        schemes.find(|scheme| scheme.verifies(&self.raw, message, signature.as_bytes()))
    }

    /// The hash to feed a message into, so that a pure Ed25519 signature over it can be verified afterwards; `None` for keys
    /// that sign digests.
    pub(crate) fn challenge(&self, signature: &SignatureBytes) -> Option<Challenge> {
        (self.algorithm == KeyAlgorithm::Ed25519).then(|| Challenge::new(&self.raw, signature.as_bytes()))?
    }

    /// Whether `signature` over the message with this digest is valid by this algorithm, which is one of the key's.
    pub(crate) fn verifies_digest(&self, scheme: Scheme, digest: &[u8], signature: &SignatureBytes) -> bool {
        scheme.verifies_digest(&self.raw, digest, signature.as_bytes())
    }

    /// Whether `signature` is valid over the message that was read with `challenge`.
    pub(crate) fn verifies_read(&self, challenge: &Challenge, signature: &SignatureBytes) -> bool {
        challenge.verifies(&self.raw, signature.as_bytes())
    }
}

/// Kind and bits of a key, except for P-521, which the official reader does not know. The error says what is wrong.
fn read(der: &[u8]) -> Result<(KeyAlgorithm, Vec<u8>), String> {
    let key =
        VerificationKey::from_spki(&DerPublicKey::from_bytes(der)).map_err(|error| error.to_string())?;
    let algorithm = match key.scheme().key_algorithm() {
        sigstore_crypto::KeyAlgorithm::EcdsaP256 => KeyAlgorithm::EcdsaP256,
        sigstore_crypto::KeyAlgorithm::EcdsaP384 => KeyAlgorithm::EcdsaP384,
        sigstore_crypto::KeyAlgorithm::Ed25519 => KeyAlgorithm::Ed25519,
        sigstore_crypto::KeyAlgorithm::Rsa => KeyAlgorithm::Rsa,
        other => return Err(format!("{other:?}")),
    };
    // Size of RSA keys, form of points.
    validate_raw_public_key(key.scheme(), key.as_bytes()).map_err(|error| error.to_string())?;
    Ok((algorithm, key.as_bytes().to_vec()))
}

/// The point of a P-521 key (RFC 5480): uncompressed, as those of the other curves.
fn p521_point(der: &[u8]) -> Option<Vec<u8>> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let is_p521 =
        info.algorithm.oid == ID_EC_PUBLIC_KEY && info.algorithm.parameters_oid() == Ok(SECP_521_R_1);
    let point = info.subject_public_key.as_bytes().filter(|point| point.first() == Some(&4))?;
    is_p521.then(|| point.to_vec())
}

/// The `SubjectPublicKeyInfo` of the PKCS#1 key in a PEM text with this one block.
fn from_pkcs1(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use x509_cert::der::Encode as _;
    use x509_cert::der::asn1::{Any, BitString};
    use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

    let (_, rest) = text.split_once("-----BEGIN RSA PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END RSA PUBLIC KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    let key = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
    let info = SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid: RSA_ENCRYPTION, parameters: Some(Any::null()) },
        subject_public_key: BitString::from_bytes(&key).ok()?,
    };
    info.to_der().ok()
}

/// Whether the algorithm has parameters, and they are NULL (RFC 3279, 2.3.1).
fn has_null_parameters(spki: &[u8]) -> bool {
    SubjectPublicKeyInfoRef::from_der(spki)
        .is_ok_and(|info| info.algorithm.parameters.is_some_and(|any: AnyRef<'_>| any.is_null()))
}

/// Whether an Ed25519 key is one of the eight points of small order, in any encoding: with either sign, and with `y` beyond
/// the prime (RFC 8032, 5.1.3). The reader above accepts all of them.
fn is_of_small_order(point: &[u8]) -> bool {
    /// `y` of the four points of order 8 without its last byte, which also contains the sign of `x`.
    const ORDER_8: [([u8; 31], u8); 2] = [
        (
            [
                0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
                0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
                0xfc,
            ],
            0x05,
        ),
        (
            [
                0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
                0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
                0x03,
            ],
            0x7a,
        ),
    ];
    let Some((last, rest)) = point.split_last() else { return false };
    match (rest, last & 0x7f) {
        // 0 and 1.
        ([0 | 1, rest @ ..], 0) => rest.iter().all(|byte| *byte == 0),
        // One less than the prime, the prime, and one more.
        ([0xec..=0xee, rest @ ..], 0x7f) => rest.iter().all(|byte| *byte == 0xff),
        (rest, last) => ORDER_8.iter().any(|(known, end)| rest == known && last == *end),
    }
}

/// The length of the modulus of an RSA key (RFC 8017, A.1.1).
fn rsa_bits(spki: &[u8]) -> Option<usize> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
    let key = SequenceOf::<UintRef<'_>, 2>::from_der(info.subject_public_key.as_bytes()?).ok()?;
    let modulus = key.get(0)?.as_bytes();
    let unused = modulus.first()?.leading_zeros();
    modulus.len().checked_mul(8)?.checked_sub(usize::try_from(unused).ok()?)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?} {})", self.algorithm, self.id)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};

    use super::*;

    const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0et1CbwCTQVGmC6/1g0SzK008H5f
QolSa9uCyVgJ5sEGF4aNJk7n0kPW1fQjftRksUAGBIdWmKJgPdh2UumXxw==
-----END PUBLIC KEY-----
";
    /// secp256k1, which is not supported.
    const K256: &str = "-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEgzp3DlMEox3WZ5RhmE9LMg7ZWwa2G6Rl
e9CrUFUV+w1njcAAMCdrOA7kElZBNPErfCqEmKnzbfyJqWtF7Iqi9A==
-----END PUBLIC KEY-----
";

    #[test]
    fn a_key_file_gives_the_id_that_cosign_writes_as_hint_and_comes_out_as_it_went_in() {
        let key = PublicKey::from_pem(P256.as_bytes()).unwrap();
        assert_eq!(KeyId::from_hint("l0ip5LC18tE2PpGX3ZfS8ZqFbSzog/Fl65yxLieqWCo="), Some(key.id()));
        assert_eq!(key.to_pem(), P256);
        assert_eq!(key.algorithm(), KeyAlgorithm::EcdsaP256);
        assert_eq!(KeyId::from_hint("my-key"), None);
    }

    #[test]
    fn s21_other_curves_points_off_the_curve_and_trailing_bytes_are_refused() {
        let refused = |der: &[u8]| matches!(PublicKey::from_spki_der(der), Err(Error::UnusableKey { .. }));
        assert!(matches!(PublicKey::from_pem(K256.as_bytes()), Err(Error::UnusableKey { .. })));

        let good = PublicKey::from_pem(P256.as_bytes()).unwrap().spki_der().to_vec();
        let mut off_curve = good.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        assert!(refused(&off_curve));
        let mut trailing = good.clone();
        trailing.push(0);
        assert!(refused(&trailing));
        assert!(refused(&good[..good.len() - 1]));
        assert!(refused(b""));
    }

    #[test]
    fn s21_rsa_below_2048_bits_is_refused_and_2048_is_taken() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        let key = PublicKey::from_spki_der(der.as_ref()).unwrap();
        assert_eq!((key.algorithm(), key.bits()), (KeyAlgorithm::Rsa, 2048));

        // openssl genrsa 1024
        let small = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7frlEuTL5r5LGWFhsKeCS+Nog
5JBYSUa5CJFo/ti0CUghRF402TEARdPNCJ3tyj4+URk6plabgwSAh41ZQXAIPsXH
aXH2JIzF39REE/FoJG8/WEkFdpC4lfnIM++6PHY3tqO8Ut8E270ZeLTFyZlyOoBk
T69o4iRyjul/1BioqwIDAQAB
-----END PUBLIC KEY-----
";
        let error = PublicKey::from_pem(small.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("1024 bits"), "{error}");
    }

    #[test]
    fn anything_but_one_public_key_block_is_refused_by_name() {
        for (file, said) in [
            (String::new(), "no PEM block"),
            (format!("{P256}{P256}"), "2 PEM blocks"),
            (P256.replace("PUBLIC KEY", "RSA PUBLIC KEY"), "`RSA PUBLIC KEY`"),
            (P256.replace("PUBLIC KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"), "PRIVATE KEY"),
            (P256.replace("PUBLIC KEY", "CERTIFICATE"), "`CERTIFICATE`"),
            (P256.replace("-----END", "-----DNE"), "PEM"),
            (P256.replace("MFkw", "M!kw"), "PEM"),
            ("x".repeat(20_000), "20000 bytes"),
        ] {
            let error = PublicKey::from_pem(file.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::NotPublicKeyPem { .. }), "{error}");
            assert!(error.to_string().contains(said), "{error} does not mention {said}");
        }
        assert!(PublicKey::from_pem(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn a_point_that_only_ends_like_one_of_small_order_is_a_key() {
        for last in [0x05, 0x7a, 0x85, 0xfa] {
            let mut point = [7; 32];
            point[31] = last;
            assert!(!is_of_small_order(&point), "{last:x}");
        }
        let mut zero = [0; 32];
        assert!(is_of_small_order(&zero));
        zero[31] = 0x80;
        assert!(is_of_small_order(&zero), "the sign does not matter");
    }

    #[test]
    fn an_algorithm_has_the_name_that_logs_of_the_second_version_give_it() {
        let key = PublicKey::from_pem(P256.as_bytes()).unwrap();
        for (scheme, name) in [
            (Scheme::EcdsaP256Sha256, Some("PKIX_ECDSA_P256_SHA_256")),
            (Scheme::EcdsaP384Sha384, Some("PKIX_ECDSA_P384_SHA_384")),
            (Scheme::EcdsaP521Sha512, Some("PKIX_ECDSA_P521_SHA_512")),
            (Scheme::Ed25519ph, Some("PKIX_ED25519_PH")),
            // Of no RSA key that they accept.
            (Scheme::RsaPkcs1Sha256, None),
        ] {
            assert_eq!(key.log_name_for(scheme), name);
        }
    }
}
