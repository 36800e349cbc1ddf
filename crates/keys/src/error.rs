//! Why a key cannot be used, found or made.

use plimsoll_core::{Classify, Kind};

/// Why a key cannot be found, created or used. No message contains key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that is neither a private nor a public key.
    #[error("key: got {got}, expected one PEM block with a private or a public key")]
    NoKey {
        /// What was found instead.
        got: String,
    },
    /// A private key file without one PEM block that decodes.
    #[error(
        "private key: got {got}, expected one PEM block with a private key (PKCS#8, SEC 1, PKCS#1 or cosign's)"
    )]
    KeyFile {
        /// What was found instead.
        got: String,
    },
    /// A key of an algorithm that is not on the list.
    #[error("private key: got {got}, expected ECDSA on P-256 or P-384, RSA of 2048 to 4096 bits, or Ed25519")]
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
    /// An empty passphrase protects nothing but looks as if it did.
    #[error("the passphrase is empty")]
    PassphraseEmpty,
    /// The key file is encrypted in a way that is not supported, or that would take too long to open.
    #[error(
        "private key: cannot decrypt {got}, expected PBES2 with PBKDF2 or scrypt, or scrypt and secretbox, of bounded cost"
    )]
    KeyEncryption {
        /// What the file requires.
        got: String,
    },
    /// Ed25519 hashes its input twice, so a digest is not enough.
    #[error("an Ed25519 key signs whole messages, but a file is signed by its digest")]
    WholeMessageOnly,
    /// A reference to a key that is not understood.
    #[error("key reference {reference}: {problem}")]
    KeyReference {
        /// The reference.
        reference: String,
        /// What is wrong with it, or what was expected.
        problem: String,
    },
    /// The reference leads to something that is not a usable public key.
    #[error(transparent)]
    PublicKey(plimsoll_verify::Error),
    /// A key file that cannot be read.
    #[error("cannot read {place}: {source}")]
    KeySource {
        /// The file.
        place: String,
        /// The failure.
        #[source]
        source: std::io::Error,
    },
    /// A service or program that keeps a key failed.
    #[error("{place}: {problem}")]
    KeyService {
        /// The key, by its reference.
        place: String,
        /// Which step failed, and why; never a secret.
        problem: String,
        /// Whether it was refused, does not exist, or may work later.
        kind: Kind,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The cryptographic library refused; a defect or a broken environment.
    #[error("the cryptographic library could not {step}")]
    Crypto {
        /// The step that failed.
        step: &'static str,
    },
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::KeyFile { .. }
            | Self::NoKey { .. }
            | Self::KeyAlgorithm { .. }
            | Self::KeyEncryption { .. }
            | Self::PassphraseMissing
            | Self::PassphraseEmpty
            | Self::WholeMessageOnly
            | Self::KeyReference { .. } => Kind::Usage,
            Self::PassphraseWrong => Kind::Unauthorized,
            Self::KeyService { kind, .. } => *kind,
            Self::KeySource { source, .. } => Kind::of_reading(source),
            Self::Crypto { .. } => Kind::Internal,
            Self::PublicKey(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::KeyFile { got } if got.contains("`PUBLIC KEY`") => {
                Some("this is the public half; signing needs the private key".into())
            }
            Self::WholeMessageOnly => {
                Some("use a P-256 key for files: plimsoll key generate --algorithm p256 NAME".into())
            }
            Self::KeyService { hint, .. } => hint.clone(),
            Self::KeyAlgorithm { .. } => Some("make one: plimsoll key generate".into()),
            Self::KeyEncryption { .. } => {
                Some("encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW".into())
            }
            Self::PublicKey(error) => error.hint(),
            _ => None,
        }
    }
}
