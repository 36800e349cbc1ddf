//! Why something could not be signed.

use plimsoll_core::{Classify, Kind};
use plimsoll_keys::SignedForm;

/// Why something could not be signed. No message contains key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key.
    #[error(transparent)]
    Key(#[from] plimsoll_keys::Error),
    /// The signing configuration, or the trusted root that belongs to it.
    #[error(transparent)]
    Trust(#[from] plimsoll_trust::Error),
    /// The place that the signature was to be attached at.
    #[error(transparent)]
    Attach(#[from] plimsoll_attach::Error),
    /// A file with an identity token cannot be read.
    #[error("cannot read {place}: {source}")]
    TokenFile {
        /// The file.
        place: String,
        /// The failure.
        #[source]
        source: std::io::Error,
    },
    /// The file's author would get a signature of their choice under another protocol.
    #[error("a signature of the file would also be one of {form}, which the author of the file could use")]
    SignedForm {
        /// What it would be a signature of.
        form: SignedForm,
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
    /// A required kind of service is missing.
    #[error("signing without a key needs {names}, but none is configured")]
    ServiceMissing {
        /// What is missing.
        names: &'static str,
    },
    /// An identity token that cannot be used.
    #[error("identity token from {place}: {problem}")]
    IdentityToken {
        /// Where it came from.
        place: String,
        /// What is wrong with it, without its content.
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
    /// An identity token for another audience.
    #[error("identity token from {place}: it is not for the audience `{audience}`")]
    TokenAudience {
        /// Where it came from.
        place: String,
        /// The audience that it should be for.
        audience: String,
    },
    /// A key whose algorithm the log does not accept, or whose entry nobody could verify.
    #[error("this transparency log does not accept such a signature by a {algorithm:?} key of {bits} bits")]
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
    /// The content would not verify afterwards: a statement without subject, or one that is too large.
    #[error("this would not verify: {0}")]
    WouldNotVerify(#[source] plimsoll_verify::Error),
    /// A waiver without a name.
    #[error("waiver: got no `metadata.name`, expected a non-empty text")]
    WaiverName,
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Key(error) => error.kind(),
            Self::Trust(error) => error.kind(),
            Self::Attach(error) => error.kind(),
            Self::SignedForm { .. }
            | Self::ServiceMissing { .. }
            | Self::NotLogged { .. }
            | Self::WaiverName => Kind::Usage,
            Self::IdentityToken { .. } | Self::TokenExpired { .. } | Self::TokenAudience { .. } => {
                Kind::Unauthorized
            }
            Self::SigningService { kind, .. } => *kind,
            Self::TokenFile { source, .. } => Kind::of_reading(source),
            Self::WouldNotVerify(_) => Kind::Failed,
            Self::Crypto { .. } => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Key(error) => error.hint(),
            Self::Trust(error) => error.hint(),
            Self::Attach(error) => error.hint(),
            Self::SignedForm { .. } => {
                Some("sign an archive that contains the file instead, or pass --allow-signed-form".into())
            }
            Self::SigningService { hint, .. } => hint.clone(),
            Self::TokenExpired { .. } => {
                Some("get a fresh token just before signing, or check this machine's clock".into())
            }
            Self::TokenAudience { audience, .. } => {
                Some(format!("ask the provider for a token with the audience `{audience}`"))
            }
            Self::NotLogged { .. } => Some(
                "use a P-256 key, which every log takes: plimsoll key generate --algorithm p256 NAME".into(),
            ),
            _ => None,
        }
    }
}
