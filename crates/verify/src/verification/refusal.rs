//! From the official verifier's errors to the step that failed.

use plimsoll_core::Digest;
use sigstore_verify::{CertificateError, Error as Upstream, TimestampError, TransparencyLogError};

use crate::error::excerpt;
use crate::{Bundle, Error, Step};

/// Which of our steps failed, and the official verifier's message.
///
/// `named`: whether the bundle is known to be about the artifact, so that a different digest must be the log entry's.
pub(super) fn refusal(error: &Upstream, named: bool) -> Error {
    let (step, expected) = match error {
        Upstream::SignatureInvalid(_) => (Step::Signature, "a valid signature"),
        Upstream::ArtifactMismatch(_) if named => (Step::LogEntry, "the entry that this bundle leads to"),
        Upstream::ArtifactMismatch(_) => (Step::Artifact, "a bundle about this artifact"),
        Upstream::UnsupportedArtifact(_) => (Step::Artifact, "the artifact itself instead of a digest"),
        Upstream::Certificate(CertificateError::Sct(_)) => {
            (Step::CertificateLog, "one timestamp by a trusted certificate log")
        }
        Upstream::Certificate(_) => {
            (Step::Chain, "a path to a trusted authority that is valid at the signing time")
        }
        Upstream::TransparencyLog(TransparencyLogError::InclusionPromise(_)) => {
            (Step::LogPromise, "a promise by a trusted log")
        }
        Upstream::TransparencyLog(TransparencyLogError::IntegratedTime(_)) => {
            (Step::SigningTime, "a time of entry within the certificate's validity, and in the past")
        }
        Upstream::TransparencyLog(
            TransparencyLogError::EntryMismatch(_) | TransparencyLogError::MalformedEntry(_),
        ) => (Step::LogEntry, "the entry that this bundle leads to"),
        Upstream::TransparencyLog(_) => {
            (Step::LogInclusion, "a proof under a checkpoint that a trusted log signed")
        }
        Upstream::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => {
            (Step::SigningTime, "a timestamp, or a log's promise")
        }
        Upstream::Timestamp(_) => (Step::Timestamp, "a timestamp over this signature by a trusted authority"),
        Upstream::Bundle(_) => (Step::LogInclusion, "what its version requires"),
        _ => (Step::Content, "a bundle that can be verified"),
    };
    Error::step(step, excerpt(&error.to_string()), expected)
}

/// Whether the bundle itself names this artifact, so that a different digest must be the log entry's. A statement was
/// compared with the artifact before.
pub(super) fn is_named(bundle: &Bundle, digest: Digest) -> bool {
    bundle.envelope().is_some() || bundle.message_digest() == Some(digest)
}
