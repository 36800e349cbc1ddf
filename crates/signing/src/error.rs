//! Why something could not be signed, attached or found.

use plimsoll_core::{Classify, Kind};

/// Why something could not be signed, attached or found. No message contains key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// A passphrase without characters protects nothing and looks as if it did.
    #[error("the passphrase is empty")]
    PassphraseEmpty,
    /// The key file is encrypted in a way that is not read, or that would take too long to open.
    #[error(
        "private key: cannot decrypt {got}, expected PBES2 with PBKDF2 or scrypt, or scrypt and secretbox, of bounded cost"
    )]
    KeyEncryption {
        /// What the file asks for.
        got: String,
    },
    /// Ed25519 hashes what it signs twice, so digests are not enough for it.
    #[error("an Ed25519 key signs whole messages, and a file is signed by its digest")]
    WholeMessageOnly,
    /// Whoever wrote the file would have a signature of a statement of their own.
    #[error(
        "the file begins with `DSSEv1 `: a signature of it would also be one of the statement that may follow"
    )]
    FileIsEnvelope,
    /// A reference to a key that is not understood.
    #[error("key reference {reference}: {problem}")]
    KeyReference {
        /// What was given.
        reference: String,
        /// What is wrong with it, or what was expected.
        problem: String,
    },
    /// What a reference leads to is no public key that can verify.
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
    /// A service or program that keeps a key did not do what it was asked.
    #[error("{place}: {problem}")]
    KeyService {
        /// The key, by its reference.
        place: String,
        /// Which step failed, and why; never a secret.
        problem: String,
        /// Whether it was refused, is not there, or may work later.
        kind: Kind,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A signing service did not do what it was asked, or answered with something else.
    #[error("{service} {place} was to {step}: {problem}")]
    SigningService {
        /// What kind of service it is.
        service: &'static str,
        /// Where it is.
        place: String,
        /// What it was to do.
        step: &'static str,
        /// What happened; never a secret.
        problem: String,
        /// Whether it was refused, is not there, or may work later.
        kind: Kind,
        /// What to do about it.
        hint: Option<String>,
    },
    /// No service of a kind that signing cannot do without.
    #[error("signing without a key needs {names}, and none is configured")]
    ServiceMissing {
        /// What is missing.
        names: &'static str,
    },
    /// A signing configuration that cannot be used.
    #[error("signing configuration: {problem}")]
    SigningConfig {
        /// What is wrong with it.
        problem: String,
    },
    /// An identity token that cannot be used.
    #[error("identity token from {place}: {problem}")]
    IdentityToken {
        /// Where it came from.
        place: String,
        /// What is wrong with it; none of its content.
        problem: String,
    },
    /// An identity token that has expired.
    #[error("identity token from {place}: it expired at {expired}")]
    TokenExpired {
        /// Where it came from.
        place: String,
        /// When.
        expired: plimsoll_core::Timestamp,
    },
    /// An identity token that is meant for somebody else.
    #[error("identity token from {place}: it is not for the audience `{audience}`")]
    TokenAudience {
        /// Where it came from.
        place: String,
        /// Whom it should be for.
        audience: String,
    },
    /// A key of an algorithm that the log does not take, or of which nobody could verify its entry.
    #[error("this transparency log takes no such signature by a key of {algorithm:?} with {bits} bits")]
    NotLogged {
        /// The algorithm.
        algorithm: plimsoll_verify::KeyAlgorithm,
        /// Of the curve or the modulus.
        bits: usize,
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
    /// Trust material from a mirror was refused.
    #[error("{mirror}: {problem}")]
    TrustRefused {
        /// The mirror, by its URL.
        mirror: String,
        /// What kind of thing was wrong.
        fault: crate::trust::TrustFault,
        /// What was seen.
        problem: String,
    },
    /// A mirror could not be reached.
    #[error(transparent)]
    TrustFetch(Box<plimsoll_http::Error>),
    /// The time is before one that was seen already.
    #[error("it is {now}, and trust material was brought up to date at {seen}: the clock was set back")]
    ClockSetBack {
        /// The time now.
        now: plimsoll_core::Timestamp,
        /// The latest time that was seen.
        seen: plimsoll_core::Timestamp,
        /// What remembers it.
        folder: std::path::PathBuf,
    },
    /// An instance of which nothing is known.
    #[error("nothing is known of the instance {instance}")]
    TrustUnknown {
        /// Its name.
        instance: String,
    },
    /// An instance is known with another first root than the one that was given.
    #[error("the instance {instance} is known already, with another root")]
    TrustOtherRoot {
        /// Its name.
        instance: String,
        /// What is known of it.
        folder: std::path::PathBuf,
    },
    /// The cache of trust material cannot be used.
    #[error("{}: {problem}", path.display())]
    TrustCache {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Something that a trusted root or signing config is made of cannot be used.
    #[error("{place}: {problem}")]
    TrustFile {
        /// The file, URL or setting.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A trusted root that cannot be used.
    #[error(transparent)]
    TrustedRoot(plimsoll_verify::Error),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] plimsoll_files::Error),
    /// Reading from or writing to the registry or layout failed.
    #[error(transparent)]
    Store(Box<plimsoll_image::Error>),
}

impl From<plimsoll_image::Error> for Error {
    fn from(error: plimsoll_image::Error) -> Self {
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
            | Self::WholeMessageOnly
            | Self::FileIsEnvelope
            | Self::KeyReference { .. }
            | Self::ServiceMissing { .. }
            | Self::SigningConfig { .. }
            | Self::NotLogged { .. }
            | Self::TrustFile { .. }
            | Self::WaiverName => Kind::Usage,
            Self::PassphraseWrong
            | Self::IdentityToken { .. }
            | Self::TokenExpired { .. }
            | Self::TokenAudience { .. } => Kind::Unauthorized,
            Self::SigningService { kind, .. } | Self::KeyService { kind, .. } => *kind,
            Self::KeySource { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Kind::NotFound,
            Self::Crypto { .. } => Kind::Internal,
            Self::Store(error) => error.kind(),
            Self::TrustRefused { .. } => Kind::Denied,
            Self::TrustFetch(error) => error.kind(),
            Self::WouldNotVerify(_)
            | Self::KeySource { .. }
            | Self::ClockSetBack { .. }
            | Self::TrustCache { .. } => Kind::Failed,
            Self::TrustUnknown { .. } => Kind::NotFound,
            Self::TrustOtherRoot { .. } => Kind::Conflict,
            Self::PublicKey(error) | Self::TrustedRoot(error) => error.kind(),
            Self::File(error) => error.kind(),
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
            Self::FileIsEnvelope => Some("sign an archive that holds the file instead".into()),
            Self::SigningService { hint, .. } | Self::KeyService { hint, .. } => hint.clone(),
            Self::TokenExpired { .. } => {
                Some("get a fresh token just before signing, or check this machine's clock".into())
            }
            Self::TokenAudience { audience, .. } => {
                Some(format!("ask the provider for a token with the audience `{audience}`"))
            }
            Self::NotLogged { .. } => Some(
                "use a P-256 key, which every log takes: plimsoll key generate --algorithm p256 NAME".into(),
            ),
            Self::KeyAlgorithm { .. } => Some("make one: plimsoll key generate".into()),
            Self::KeyEncryption { .. } => {
                Some("encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW".into())
            }
            Self::Store(error) => error.hint(),
            Self::TrustRefused { fault, .. } => Some(fault.hint().to_owned()),
            Self::TrustFetch(error) if matches!(**error, plimsoll_http::Error::Offline { .. }) => {
                Some("leave out --offline, or name a copy in a folder: --mirror file:///…".to_owned())
            }
            Self::TrustFetch(error) => error.hint(),
            Self::ClockSetBack { folder, .. } => Some(format!(
                "set the machine's clock; if it was wrong at that time, remove {} and update again",
                folder.display()
            )),
            Self::TrustUnknown { instance } => Some(format!(
                "fetch it first: plimsoll trust update --instance {instance} --mirror URL --root FILE"
            )),
            Self::TrustOtherRoot { folder, .. } => {
                Some(format!("choose another --instance, or remove {} to start anew", folder.display()))
            }
            Self::TrustCache { path, .. } => {
                Some(format!("remove {} and run plimsoll trust update", path.display()))
            }
            Self::PublicKey(error) | Self::TrustedRoot(error) => error.hint(),
            Self::File(error) => error.hint(),
            _ => None,
        }
    }
}
