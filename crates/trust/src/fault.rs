//! What was wrong with trust material from a mirror.

use std::error::Error as _;

use sigstore_tuf::Error as Tuf;

use crate::Error;

/// What was wrong with trust material from a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustFault {
    /// A version is lower than one seen before.
    Rollback,
    /// The metadata has expired: the mirror serves an old state, or nobody maintains the repository.
    Expired,
    /// The versions of roots have a gap.
    RootVersion,
    /// Too few valid signatures, or a threshold of zero.
    Threshold,
    /// One key signs twice, or is listed as two.
    SameKey,
    /// A length, hash or version differs from what the metadata above states.
    Integrity,
    /// It is not TUF metadata of a known form.
    Malformed,
    /// A required part is missing.
    Missing,
    /// A file name that could lead elsewhere.
    Name,
    /// The first root is not the expected one.
    InitialRoot,
    /// The metadata is valid, but the file that it describes cannot be used.
    Unusable,
}

impl TrustFault {
    /// What to do about it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Expired => {
                "check this machine's clock; if it is right, the mirror is outdated: try another one, or try again later"
            }
            Self::Rollback => {
                "the mirror serves an older state than before: try another one; do not remove the cache because of it"
            }
            Self::InitialRoot => "get the root and its checksum again from the instance's operator",
            Self::Missing => "check the URL of the mirror: timestamp.json and targets/ must be below it",
            _ => {
                "the trust material in use was not changed; ask the mirror's operator, or try another mirror"
            }
        }
    }
}

/// The error of `mirror` for an error of the TUF client.
pub(super) fn from_tuf(mirror: &str, error: &Tuf) -> Error {
    let fault = match error {
        Tuf::Rollback { .. } => TrustFault::Rollback,
        Tuf::Expired { .. } => TrustFault::Expired,
        Tuf::BadRootVersion { .. } => TrustFault::RootVersion,
        Tuf::ThresholdNotMet { .. } => TrustFault::Threshold,
        Tuf::DuplicateSignature { .. } => TrustFault::SameKey,
        Tuf::IntegrityMismatch(_) => TrustFault::Integrity,
        _ => TrustFault::Malformed,
    };
    let mut problem = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        problem.push_str(": ");
        problem.push_str(&cause.to_string());
        source = cause.source();
    }
    refused(mirror, fault, problem)
}

pub(super) fn refused(mirror: &str, fault: TrustFault, problem: impl Into<String>) -> Error {
    /// Names in metadata are foreign and can have any length.
    const MOST: usize = 300;
    let problem: String = problem.into();
    let problem = problem.chars().take(MOST).collect();
    Error::Refused { mirror: mirror.to_owned(), fault, problem }
}
