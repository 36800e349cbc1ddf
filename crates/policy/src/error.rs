//! What can be wrong with a policy, a waiver or a deny list.
//!
//! A verdict is never an error: missing or bad evidence leads to an outcome of [`crate::evaluate()`]. These
//! errors say that the documents for a verdict cannot be used, so nothing is judged with them.

use plimsoll_core::{Classify, Kind, LimitExceeded, yaml};

/// A document that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document is larger than any honest document.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The document cannot be read as YAML with the fields that it may have.
    #[error(transparent)]
    Document(#[from] yaml::Error),
    /// The file is not a Sigstore bundle.
    #[error("{origin}: {source}")]
    Bundle {
        /// File name or other name of the bundle.
        origin: String,
        /// The verifier's error.
        source: plimsoll_verify::Error,
    },
    /// The document is well-formed, but its content is contradictory or not allowed.
    #[error("{origin}: {path}: {reason}")]
    Invalid {
        /// File name or other name of the document.
        origin: String,
        /// Where in the document.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A key that the policy names cannot be read or is not a public key.
    #[error("{origin}: {path}: {reason}")]
    Key {
        /// File name or other name of the document.
        origin: String,
        /// Where in the document.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A waiver's bundle does not verify with any approver's key.
    #[error("{origin}: waiver is not signed by an approver of policy `{policy}`: {reason}")]
    WaiverSignature {
        /// File name or other name of the bundle.
        origin: String,
        /// The policy whose approvers were tried.
        policy: String,
        /// The verifier's message.
        reason: String,
    },
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::WaiverSignature { .. } => Kind::Denied,
            _ => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Document(yaml::Error::Text { .. }) => None,
            Self::Document(error) => Some(
                error
                    .hint()
                    .unwrap_or_else(|| "the format as a JSON Schema: plimsoll policy schema".to_owned()),
            ),
            Self::WaiverSignature { .. } => {
                Some("an approver signs it: plimsoll waiver sign --key KEY WAIVER.yaml".to_owned())
            }
            _ => None,
        }
    }
}
