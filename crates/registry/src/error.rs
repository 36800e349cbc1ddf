//! What can go wrong between Plimsoll and a registry, what kind of failure it is, and what to do about it.
//!
//! [`plimsoll_image::Error`] is what can go wrong with an image in any place. Foreign text in messages is escaped when
//! it is put into the error. No message contains a secret.

use plimsoll_core::{Classify, Kind, LimitExceeded};
use plimsoll_image::PlaceError;

/// Why a registry could not be read from or written to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image itself is at fault.
    #[error(transparent)]
    Image(#[from] plimsoll_image::Error),
    /// A call to a registry failed.
    #[error("{what}: {source}")]
    Http {
        /// What was asked for.
        what: String,
        /// The failure.
        #[source]
        source: Box<plimsoll_http::Error>,
    },
    /// The registry requires credentials or other ones, or does not allow this to their owner.
    #[error("{what}: {place} answered {status}{}{}", after(", ", .how), after(": ", .detail))]
    Unauthorized {
        /// What was asked for.
        what: String,
        /// The registry's host.
        place: String,
        /// 401 or 403.
        status: u16,
        /// Whether and why no credentials were sent; empty when they were.
        how: String,
        /// The registry's explanation.
        detail: String,
    },
    /// The registry answered with an unexpected status.
    #[error("{what}: {place} answered {status}{}", after(": ", .detail))]
    Refused {
        /// What was asked for.
        what: String,
        /// The registry's host.
        place: String,
        /// The status.
        status: u16,
        /// The registry's explanation.
        detail: String,
    },
    /// The registry requires credentials, and the identity that a cloud gives this machine could not be used.
    #[error("{what}: {place} answered {status}{}; {failure}", after(": ", .detail))]
    CloudIdentity {
        /// What was asked for.
        what: String,
        /// The registry's host.
        place: String,
        /// 401 or 403, to a request without credentials.
        status: u16,
        /// The registry's explanation.
        detail: String,
        /// Which step with which cloud failed, and why; never a secret.
        failure: String,
        /// Whether trying again may help.
        transient: bool,
        /// What helps.
        hint: &'static str,
    },
    /// A file with credentials, or a credential helper, that cannot be used.
    #[error("{place}: {problem}")]
    Credentials {
        /// The file or the helper program.
        place: String,
        /// What is wrong; never a secret.
        problem: String,
    },
    /// A file about registries, mirrors or their certificates that cannot be used.
    #[error("{place}: {problem}")]
    RegistryConfig {
        /// The file, and the line where that is known.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A file says to ask a place without TLS or its checks, which is not followed, and the place fails with them.
    #[error("{place} is configured for insecure TLS, which is not followed: {source}")]
    InsecureConfig {
        /// The file and line.
        place: String,
        /// The failure when asking it with proper TLS.
        #[source]
        source: Box<Self>,
    },
    /// The configuration allows no place for this.
    #[error("{what}: {place} allows no place to ask for it")]
    NoPlace {
        /// What was wanted.
        what: String,
        /// The file.
        place: String,
    },
    /// Others kept changing the fallback tag.
    #[error("{what}: changed by others {attempts} times while it was being updated")]
    Contended {
        /// The tag.
        what: String,
        /// How often it was tried.
        attempts: u32,
    },
}

impl From<LimitExceeded> for Error {
    fn from(limit: LimitExceeded) -> Self {
        Self::Image(limit.into())
    }
}

impl From<Error> for plimsoll_image::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Image(error) => error,
            other => Self::Place(Box::new(other)),
        }
    }
}

impl PlaceError for Error {}

impl Error {
    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Image(plimsoll_image::Error::io(what, source))
    }

    pub(crate) fn malformed(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Image(plimsoll_image::Error::malformed(what, problem))
    }
}

/// `text` after a separator, or nothing.
fn after(separator: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{separator}{text}") }
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Image(error) => error.kind(),
            Self::Http { source, .. } => source.kind(),
            Self::CloudIdentity { transient: true, .. } => Kind::Transient,
            Self::Unauthorized { .. } | Self::CloudIdentity { .. } => Kind::Unauthorized,
            Self::Contended { .. } | Self::Refused { status: 409 | 412, .. } => Kind::Conflict,
            Self::Refused { .. } => Kind::Failed,
            Self::RegistryConfig { .. }
            | Self::InsecureConfig { .. }
            | Self::NoPlace { .. }
            | Self::Credentials { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Http { source, .. } => source.hint(),
            Self::CloudIdentity { hint, .. } => Some((*hint).to_owned()),
            Self::RegistryConfig { .. } | Self::NoPlace { .. } => Some(
                "correct the file, or name others with --registry-config FILE (`--registry-config none` for none)".to_owned(),
            ),
            Self::InsecureConfig { .. } => Some(
                "give the host's authority with --ca-file FILE, or follow the setting with --insecure-registry-config"
                    .to_owned(),
            ),
            Self::Unauthorized { place, status: 401, .. } => Some(format!(
                "log in with `docker login {place}` or `podman login {place}`, or check the credentials there"
            )),
            Self::Unauthorized { place, .. } => Some(format!(
                "these credentials do not allow it; use others with `docker login {place}`, or ask for access"
            )),
            Self::Contended { .. } => Some("try again when the others have finished".to_owned()),
            _ => None,
        }
    }
}
