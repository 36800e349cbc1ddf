//! Private keys for signing: ECDSA on P-256, in PKCS#8.
//!
//! Owns the key files and what is done with the secret. Follows RFC 5958 (`PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`) and
//! RFC 8018 (PBES2). Files that openssl writes are read, and the other way round. It does not write files and does not
//! ask for passphrases.
//!
//! ```text
//! -----BEGIN ENCRYPTED PRIVATE KEY-----
//! MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBC…
//! -----END ENCRYPTED PRIVATE KEY-----
//! ```

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use pkcs8::der::pem::LineEnding;
use pkcs8::pkcs5::{EncryptionScheme, pbes2};
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo, SecretDocument};
use plimsoll_core::text;
use plimsoll_verify::PublicKey;

use crate::Error;

/// Wipes its content when it is dropped.
pub use pkcs8::der::zeroize::Zeroizing;

/// Ten times a P-256 key; files are read whole before they are looked at.
const MAX_FILE: usize = 16 * 1024;

/// OWASP's count for PBKDF2 with HMAC-SHA-256 (2023). PBKDF2 rather than scrypt, because openssl opens scrypt files only
/// up to 32 MiB of memory, and Go's and Java's libraries not at all.
const PBKDF2_ITERATIONS: u32 = 600_000;
/// Opening a file may cost this much: seconds of PBKDF2, …
const MOST_ITERATIONS: u32 = 10_000_000;
/// … or this much memory for scrypt. A key file that asks for terabytes must not abort the process.
const MOST_SCRYPT_BYTES: u64 = 1 << 30;

/// A private key. It cannot be printed, and its bytes are wiped when it is dropped.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl PrivateKey {
    /// Makes a new key on P-256, the one curve that every Sigstore client and log takes.
    pub fn generate_p256() -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| Error::Crypto { step: "generate a key" })?;
        Self::of(pair)
    }

    /// Reads a PEM file with one key. A `passphrase` for a file that is not encrypted is not used.
    pub fn from_pem(pem: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        let unreadable = |got: &str| Error::KeyFile { got: got.to_owned() };

        if pem.len() > MAX_FILE {
            return Err(unreadable("a file larger than 16 KiB"));
        }
        let text = str::from_utf8(pem).map_err(|_| unreadable("bytes that are not text"))?;
        let found = label(text).ok_or_else(|| unreadable("no PEM block"))?;
        if !matches!(found, "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY") {
            return Err(unreadable(&format!("a block `{}`", text::terminal(found))));
        }
        // The reader of PEM stops at anything but one block.
        let (found, document) = SecretDocument::from_pem(text.trim())
            .map_err(|_| unreadable("a PEM block that does not decode"))?;

        if found == "PRIVATE KEY" {
            return Self::from_pkcs8(document.as_bytes());
        }
        let passphrase = passphrase.ok_or(Error::PassphraseMissing)?;
        let encrypted = EncryptedPrivateKeyInfo::try_from(document.as_bytes())
            .map_err(|_| unreadable("an encrypted key that does not decode"))?;
        check_cost(&encrypted.encryption_algorithm)?;
        // A wrong passphrase shows as bad padding or, one time in 256, as noise that is not PKCS#8.
        let document = encrypted.decrypt(passphrase).map_err(|_| Error::PassphraseWrong)?;
        if PrivateKeyInfo::try_from(document.as_bytes()).is_err() {
            return Err(Error::PassphraseWrong);
        }
        Self::from_pkcs8(document.as_bytes())
    }

    /// The key as a PEM file; with a passphrase as `ENCRYPTED PRIVATE KEY` (PBKDF2 with HMAC-SHA-256, AES-256-CBC).
    pub fn to_pem(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<String>, Error> {
        let failed = |_| Error::Crypto { step: "encode the key" };

        let pkcs8 = self.pair.to_pkcs8v1().map_err(|_| Error::Crypto { step: "encode the key" })?;
        let Some(passphrase) = passphrase else {
            let document = SecretDocument::try_from(pkcs8.as_ref()).map_err(failed)?;
            return document.to_pem("PRIVATE KEY", LineEnding::LF).map_err(failed);
        };
        if passphrase.is_empty() {
            return Err(Error::PassphraseEmpty);
        }
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        for random in [&mut salt, &mut iv] {
            rand::fill(random).map_err(|_| Error::Crypto { step: "draw random bytes" })?;
        }
        let encrypt = |_| Error::Crypto { step: "encrypt the key" };
        let parameters = pbes2::Parameters::pbkdf2_sha256_aes256cbc(PBKDF2_ITERATIONS, &salt, &iv)
            .map_err(|_| Error::Crypto { step: "encrypt the key" })?;
        PrivateKeyInfo::try_from(pkcs8.as_ref())
            .and_then(|key| key.encrypt_with_params(parameters, passphrase))
            .map_err(encrypt)?
            .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
            .map_err(failed)
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`: ECDSA over its SHA-256, in DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| Error::Crypto { step: "sign" })?.as_ref().to_vec())
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map_err(|_| {
            let got = match PrivateKeyInfo::try_from(der) {
                Ok(key) => match key.algorithm.parameters_oid() {
                    Ok(curve) => format!("algorithm {} with {curve}", key.algorithm.oid),
                    Err(_) => format!("algorithm {}", key.algorithm.oid),
                },
                Err(_) => "bytes that are not PKCS#8".to_owned(),
            };
            Error::KeyAlgorithm { got }
        })?;
        Self::of(pair)
    }

    fn of(pair: EcdsaKeyPair) -> Result<Self, Error> {
        let spki: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| Error::Crypto { step: "derive the public key" })?;
        let public = PublicKey::from_spki_der(spki.as_ref()).map_err(Error::WouldNotVerify)?;
        Ok(Self { pair, public })
    }
}

/// The label of the first PEM block.
fn label(text: &str) -> Option<&str> {
    text.split_once("-----BEGIN ")?.1.split_once("-----").map(|(label, _)| label)
}

fn check_cost(scheme: &EncryptionScheme<'_>) -> Result<(), Error> {
    let refused = |got: String| Err(Error::KeyEncryption { got });
    let Some(parameters) = scheme.pbes2() else {
        return refused(format!("scheme {}", scheme.oid()));
    };
    match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(kdf) if kdf.iteration_count > MOST_ITERATIONS => {
            refused(format!("PBKDF2 with {} iterations", kdf.iteration_count))
        }
        pbes2::Kdf::Scrypt(kdf) => {
            let work = u64::from(kdf.parallelization).max(1);
            let memory = kdf.cost_parameter.saturating_mul(u64::from(kdf.block_size)).saturating_mul(128);
            if memory.saturating_mul(work) > MOST_SCRYPT_BYTES {
                return refused(format!("scrypt with N={} and r={}", kdf.cost_parameter, kdf.block_size));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_verify::KeyAlgorithm;

    use super::*;

    /// openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt
    const PLAIN: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgauIkS8QkIN78kpe2
RQegm8qdcqJ/rD1JR4Kj7/Mt0HmhRANCAAT1VIHlgyQf6R1i5LTOy8PhN2h9t3u3
q14o4JC42St6PwgP+s3NTIVG/HxLLgHiQHpkIjmt2cHitUreV05KWydw
-----END PRIVATE KEY-----
";
    /// The same key: openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:hunter2
    const OPENSSL_PBKDF2: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg5UwAz3yVbIAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKJtY+MFhq1Llyav+ScjfwMEgZBS
41M0ge0PEeUr4TOW4dGFseFv9fdOTcj4vlQtS+VsWyqsnwCA+Ok3vhocqju9k0Dp
LB7a+mBrBVWQk13CL2Tph/4EUoYtiOqjhX7DKEH6VMeIPTqxx8fItqbbmJkbEPrG
9+Ci9kuJJhiY7HXRJX+S3rdMdclwJ99wVxnyK5/a5YZolMRoGvVevIZPF/3Q8jg=
-----END ENCRYPTED PRIVATE KEY-----
";
    /// The same key: openssl pkcs8 -topk8 -scrypt -passout pass:hunter2
    const OPENSSL_SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAhnPW5dmtxPxgICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBCV3eTMZv12iHgHEAH2U3KZBIGQVDjigiRP9y0b
BKSR/khT8QToC+2qnRG70BUiRxLSX+O/gY8VRr0dOdCDJTX4G8zlD4JturhM6Pq2
B2eNRsXPN0egF8tvJrFJn4mgfR+0efbsfpgpm/m2DYtAPXMifTpzvAJsqnSEQxJh
U05Q/zgL2b09S7wiTFE9eIsZzKnySVygQk3TPiIS3HVgozbCdlij
-----END ENCRYPTED PRIVATE KEY-----
";
    /// openssl ecparam -name secp384r1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt
    const P384: &str = "-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDD9huGQaMVvAFSiuw7l
bkzzGnR5M7TokdbMOwXLbR861kxUvrah0IeuHjUa88LALyuhZANiAAS2VBdFNlMY
mBXCS58yKPMqHymCsRrrsgQm66ogz0+hcOUe7l1P5+lGVVygTPNCMStsVVtNyb12
al5KryYgimP3Eh3OYq8WJcR1TeirAryK1S1JBYTyS/P1MNw/XZOz5xU=
-----END PRIVATE KEY-----
";

    fn refusal(pem: &str, passphrase: Option<&[u8]>) -> Error {
        PrivateKey::from_pem(pem.as_bytes(), passphrase).err().unwrap()
    }

    #[test]
    fn a_key_file_reads_back_with_and_without_a_passphrase() {
        let key = PrivateKey::generate_p256().unwrap();
        assert_eq!(key.public_key().algorithm(), KeyAlgorithm::EcdsaP256);
        let plain = key.to_pem(None).unwrap();
        assert!(plain.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(PrivateKey::from_pem(plain.as_bytes(), None).unwrap().public_key() == key.public_key());

        let locked = key.to_pem(Some(b"hunter2")).unwrap();
        assert!(locked.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let opened = PrivateKey::from_pem(locked.as_bytes(), Some(b"hunter2")).unwrap();
        assert!(opened.public_key() == key.public_key());
        assert!(matches!(refusal(&locked, Some(b"Hunter2")), Error::PassphraseWrong));
        assert!(matches!(refusal(&locked, Some(b"")), Error::PassphraseWrong));
        assert!(matches!(refusal(&locked, None), Error::PassphraseMissing));
        assert!(matches!(key.to_pem(Some(b"")), Err(Error::PassphraseEmpty)));
        // Salted: the same key and passphrase do not show as the same file.
        assert_ne!(*locked, *key.to_pem(Some(b"hunter2")).unwrap());
    }

    #[test]
    fn files_of_openssl_open() {
        let key = PrivateKey::from_pem(PLAIN.as_bytes(), None).unwrap();
        for file in [OPENSSL_PBKDF2, OPENSSL_SCRYPT] {
            let opened = PrivateKey::from_pem(file.as_bytes(), Some(b"hunter2")).unwrap();
            assert!(opened.public_key() == key.public_key());
            assert!(matches!(refusal(file, Some(b"other")), Error::PassphraseWrong));
        }
        assert!(PrivateKey::from_pem(PLAIN.as_bytes(), Some(b"not needed")).is_ok());
        assert!(PrivateKey::from_pem(PLAIN.replace('\n', "\r\n").as_bytes(), None).is_ok());
    }

    #[test]
    fn other_keys_and_other_files_are_refused_by_name_and_never_shown() {
        let error = refusal(P384, None);
        assert!(matches!(error, Error::KeyAlgorithm { .. }));
        assert!(error.to_string().contains("1.3.132.0.34"), "{error}");
        let secret = PLAIN.lines().nth(1).unwrap();
        for (file, said) in [
            (String::new(), "no PEM block"),
            (PLAIN.replace("PRIVATE", "EC PRIVATE"), "`EC PRIVATE KEY`"),
            (PLAIN.replace("PRIVATE", "ENCRYPTED SIGSTORE PRIVATE"), "SIGSTORE"),
            (PLAIN.replace("PRIVATE", "PUBLIC"), "PUBLIC"),
            (PLAIN.replace("-----END", "-----DNE"), "does not decode"),
            (format!("{PLAIN}{PLAIN}"), "does not decode"),
            (PLAIN.replace("MIGH", "M!GH"), "does not decode"),
            (" ".repeat(20_000), "larger than 16 KiB"),
        ] {
            let error = refusal(&file, None);
            assert!(error.to_string().contains(said), "{error}");
            assert!(!format!("{error:?}").contains(secret));
        }
        assert!(PrivateKey::from_pem(&[0xff], None).is_err());
    }

    #[test]
    fn a_key_file_cannot_ask_for_unbounded_work() {
        use pkcs8::pkcs5::pbes2::{Kdf, Parameters, ScryptParams};

        let key = PrivateKey::generate_p256().unwrap().pair.to_pkcs8v1().unwrap();
        let mut parameters = Parameters::pbkdf2_sha256_aes256cbc(1, b"salt", &[0; 16]).unwrap();
        let document = PrivateKeyInfo::try_from(key.as_ref())
            .unwrap()
            .encrypt_with_params(parameters.clone(), "x")
            .unwrap();
        let with = |parameters: Parameters<'_>| {
            let mut info = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).unwrap();
            info.encryption_algorithm = parameters.into();
            let pem =
                SecretDocument::encode_msg(&info).unwrap().to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF);
            refusal(&pem.unwrap(), Some(b"x"))
        };
        if let Kdf::Pbkdf2(kdf) = &mut parameters.kdf {
            kdf.iteration_count = u32::MAX;
        }
        assert!(matches!(with(parameters.clone()), Error::KeyEncryption { .. }));
        parameters.kdf = Kdf::Scrypt(ScryptParams {
            salt: b"salt",
            cost_parameter: 1 << 40,
            block_size: 8,
            parallelization: 1,
            key_length: None,
        });
        assert!(matches!(with(parameters), Error::KeyEncryption { .. }));
    }
}
