//! Why something could not be signed, attached or found.

use plimsoll_core::{Classify, Kind};

/// Why something could not be signed, attached or found. No message contains key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A private key file without one PEM block that decodes.
    #[error("private key: got {got}, expected one PEM block `PRIVATE KEY` or `ENCRYPTED PRIVATE KEY`")]
    KeyFile {
        /// What was found instead.
        got: String,
    },
    /// A key of another algorithm than ECDSA on P-256.
    #[error("private key: got {got}, expected ECDSA on P-256")]
    KeyAlgorithm {
        /// What was found instead.
        got: String,
    },
    /// The key file is encrypted, and there is no passphrase.
    #[error("the private key is encrypted and no passphrase was given")]
    PassphraseMissing,
    /// The key file does not decrypt.
    #[error("the passphrase does not open the private key")]
    PassphraseWrong,
    /// A passphrase without characters protects nothing and looks as if it did.
    #[error("the passphrase is empty")]
    PassphraseEmpty,
    /// The key file is encrypted in a way that is not read, or that would take too long to open.
    #[error("private key: cannot decrypt {got}, expected PBES2 with PBKDF2 or scrypt of bounded cost")]
    KeyEncryption {
        /// What the file asks for.
        got: String,
    },
    /// The cryptographic library refused; a defect or a broken environment.
    #[error("the cryptographic library could not {step}")]
    Crypto {
        /// What it was asked to do.
        step: &'static str,
    },
    /// What was to be signed would not verify afterwards: a statement about nothing, or one that is too large.
    #[error("this would not verify: {0}")]
    WouldNotVerify(#[source] plimsoll_verify::Error),
    /// A waiver without a name.
    #[error("waiver: got no `metadata.name`, expected a non-empty text")]
    WaiverName,
    /// Reading from or writing to the registry or layout failed.
    #[error(transparent)]
    Store(Box<plimsoll_oci::Error>),
}

impl From<plimsoll_oci::Error> for Error {
    fn from(error: plimsoll_oci::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::KeyFile { .. }
            | Self::KeyAlgorithm { .. }
            | Self::KeyEncryption { .. }
            | Self::PassphraseMissing
            | Self::PassphraseEmpty
            | Self::WaiverName => Kind::Usage,
            Self::PassphraseWrong => Kind::Unauthorized,
            Self::Crypto { .. } => Kind::Internal,
            Self::WouldNotVerify(_) => Kind::Failed,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::KeyFile { got } if got.contains("SIGSTORE") || got.contains("COSIGN") => Some(
                "this is cosign's own format, which is not read yet; import a PKCS#8 key into both".into(),
            ),
            Self::KeyFile { got } if got.contains("`EC PRIVATE KEY`") => {
                Some("convert it: openssl pkcs8 -topk8 -in KEY -out NEW".into())
            }
            Self::KeyFile { got } if got.contains("`PUBLIC KEY`") => {
                Some("this is the public half; signing needs the private key".into())
            }
            Self::KeyAlgorithm { .. } => Some("make one: plimsoll key generate".into()),
            Self::KeyEncryption { .. } => {
                Some("encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW".into())
            }
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}
