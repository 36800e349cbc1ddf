//! Key files: PEM with one private key.
//!
//! Follows RFC 5958 (`PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`), RFC 8018 (PBES2), RFC 5915 (`EC PRIVATE KEY`) and RFC
//! 8017 (`RSA PRIVATE KEY`). It reads files that openssl writes, and openssl reads the files written here.
//!
//! ```text
//! -----BEGIN ENCRYPTED PRIVATE KEY-----
//! MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBC…
//! -----END ENCRYPTED PRIVATE KEY-----
//! ```

use std::fmt;

use aws_lc_rs::rand;
use pkcs8::der::pem::{self, LineEnding};
use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo, SecretDocument};
use plimsoll_core::text;

use crate::cost::{MAX_FILE, check_cost};
use crate::private::PrivateKey;
use crate::{Error, Zeroizing, cosign};

/// OWASP's count for PBKDF2 with HMAC-SHA-256 (2023). PBKDF2 rather than scrypt, because openssl opens scrypt files only
/// up to 32 MiB of memory, and Go's and Java's libraries not at all.
const PBKDF2_ITERATIONS: u32 = 600_000;

/// The format of a private key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `PRIVATE KEY`.
    Pkcs8,
    /// `ENCRYPTED PRIVATE KEY`.
    EncryptedPkcs8,
    /// `ENCRYPTED SIGSTORE PRIVATE KEY`, or the older `ENCRYPTED COSIGN PRIVATE KEY`.
    Cosign,
    /// `EC PRIVATE KEY`.
    Sec1,
    /// `RSA PRIVATE KEY`.
    Pkcs1,
}

impl Format {
    fn from_label(label: &str) -> Option<Self> {
        Some(match label {
            "PRIVATE KEY" => Self::Pkcs8,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedPkcs8,
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => Self::Cosign,
            "EC PRIVATE KEY" => Self::Sec1,
            "RSA PRIVATE KEY" => Self::Pkcs1,
            _ => return None,
        })
    }

    /// Whether a passphrase is needed.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::EncryptedPkcs8 | Self::Cosign)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pkcs8 | Self::EncryptedPkcs8 => "pkcs8",
            Self::Cosign => "cosign",
            Self::Sec1 => "sec1",
            Self::Pkcs1 => "pkcs1",
        })
    }
}

/// What can be read from a key file without a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFileInfo {
    /// Its format.
    pub format: Format,
}

/// Inspects a private key file without decrypting it. What is not a private key may be a public one, so it is not called the
/// one or the other.
pub fn inspect(file: &[u8]) -> Result<KeyFileInfo, Error> {
    match block(file) {
        Ok((format, _)) => Ok(KeyFileInfo { format }),
        Err(Error::KeyFile { got }) => Err(Error::NoKey { got }),
        Err(error) => Err(error),
    }
}

/// Whether the first PEM block of a file says that it is a public key, of whatever kind.
pub fn is_called_public(file: &[u8]) -> bool {
    str::from_utf8(file).is_ok_and(|text| label(text).is_some_and(|label| label.ends_with("PUBLIC KEY")))
}

impl PrivateKey {
    /// Reads a PEM file with one key, in any of the formats of [`Format`]. A `passphrase` for an unencrypted
    /// file is ignored.
    pub fn from_pem(pem: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        read(pem, passphrase)
    }

    /// The key as a PEM file; with a passphrase, as `ENCRYPTED PRIVATE KEY` (PBKDF2 with HMAC-SHA-256, AES-256-CBC).
    pub fn to_pem(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<String>, Error> {
        pkcs8(&self.to_pkcs8()?, passphrase)
    }

    /// The key in cosign's format: `ENCRYPTED SIGSTORE PRIVATE KEY`.
    pub fn to_cosign_pem(&self, passphrase: &[u8]) -> Result<Zeroizing<String>, Error> {
        cosign::seal(&self.to_pkcs8()?, passphrase)
    }
}

fn unreadable(got: &str) -> Error {
    Error::KeyFile { got: got.to_owned() }
}

/// The one block of a file.
fn block(file: &[u8]) -> Result<(Format, &str), Error> {
    if file.len() > MAX_FILE {
        return Err(unreadable("a file larger than 16 KiB"));
    }
    let text = str::from_utf8(file).map_err(|_| unreadable("bytes that are not text"))?;
    let mut text = text.trim();
    // openssl writes the curve before the key, in a separate block; the key contains it, too.
    if label(text) == Some("EC PARAMETERS")
        && let Some((_, rest)) = text.split_once("-----END EC PARAMETERS-----")
    {
        text = rest.trim();
    }
    let found = label(text).ok_or_else(|| unreadable("no PEM block"))?;
    let format = Format::from_label(found)
        .ok_or_else(|| unreadable(&format!("a block `{}`", text::terminal(found))))?;
    Ok((format, text))
}

/// The label of the first PEM block.
fn label(text: &str) -> Option<&str> {
    text.split_once("-----BEGIN ")?.1.split_once("-----").map(|(label, _)| label)
}

fn read(file: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKey, Error> {
    let (format, text) = block(file)?;
    // Encryption from before PKCS#8: one round of MD5 over the passphrase.
    if text.contains("Proc-Type:") {
        return Err(Error::KeyEncryption { got: "the encryption in the header of the PEM block".to_owned() });
    }
    // The PEM reader accepts exactly one block.
    let (_, der) =
        pem::decode_vec(text.as_bytes()).map_err(|_| unreadable("a PEM block that does not decode"))?;
    let der = Zeroizing::new(der);
    match format {
        Format::Pkcs8 => PrivateKey::from_pkcs8(&der),
        Format::Sec1 => PrivateKey::from_sec1(&der),
        Format::Pkcs1 => PrivateKey::from_pkcs1(&der),
        Format::Cosign => {
            let passphrase = passphrase.ok_or(Error::PassphraseMissing)?;
            PrivateKey::from_pkcs8(&cosign::open(&der, passphrase)?)
        }
        Format::EncryptedPkcs8 => {
            let passphrase = passphrase.ok_or(Error::PassphraseMissing)?;
            let encrypted = EncryptedPrivateKeyInfo::try_from(der.as_slice())
                .map_err(|_| unreadable("an encrypted key that does not decode"))?;
            check_cost(&encrypted.encryption_algorithm)?;
            // A wrong passphrase results in bad padding or, one time in 256, in noise that is not PKCS#8.
            let document = encrypted.decrypt(passphrase).map_err(|_| Error::PassphraseWrong)?;
            if PrivateKeyInfo::try_from(document.as_bytes()).is_err() {
                return Err(Error::PassphraseWrong);
            }
            PrivateKey::from_pkcs8(document.as_bytes())
        }
    }
}

/// Writes PKCS#8, encrypted if there is a passphrase.
fn pkcs8(der: &[u8], passphrase: Option<&[u8]>) -> Result<Zeroizing<String>, Error> {
    let failed = |_| Error::Crypto { step: "encode the key" };

    let Some(passphrase) = passphrase else {
        let document = SecretDocument::try_from(der).map_err(failed)?;
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
    PrivateKeyInfo::try_from(der)
        .and_then(|key| key.encrypt_with_params(parameters, passphrase))
        .map_err(encrypt)?
        .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
        .map_err(failed)
}
