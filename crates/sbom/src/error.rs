//! Why a document was not read or written.

use std::io;

use plimsoll_core::{Classify, Kind, LimitExceeded, Stopped};

use crate::documents::xml::XmlError;

/// An error about an SBOM document as a whole. An error about single components is a [`crate::Problem`] of the
/// inventory instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not JSON, or violates the strict rules: too large, duplicate names, nested too deeply, unexpected types.
    #[error("SBOM is not usable: {0}")]
    Json(#[from] plimsoll_core::json::Error),
    /// It is not XML, or not XML that is read.
    #[error("SBOM is not usable: {0}")]
    Xml(#[from] XmlError),
    /// It is not YAML, or not YAML that is read.
    #[error("SBOM is not usable: {0}")]
    Yaml(#[from] plimsoll_core::yaml::Error),
    /// It is tag-value with an invalid line.
    #[error("SBOM is not usable: line {line}: {problem}")]
    TagValue {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The payload of an envelope is not base64.
    #[error("SBOM is a DSSE envelope whose payload is not base64")]
    Payload,
    /// It is a statement about something else.
    #[error(
        "SBOM is an in-toto statement of {predicate_type}, expected a predicate that is SPDX or CycloneDX"
    )]
    Predicate {
        /// The type that the statement names, shortened.
        predicate_type: String,
    },
    /// It has an encoding that is not supported.
    #[error("SBOM is {encoding}, expected UTF-8 or UTF-16 with a byte order mark")]
    Encoding {
        /// The encoding.
        encoding: &'static str,
    },
    /// It is empty: the tool that should have written it probably failed.
    #[error("SBOM is empty, expected SPDX 2.2, 2.3 or 3.0, CycloneDX 1.2 to 1.7 or Syft's JSON")]
    Empty,
    /// It has a known format that is not read.
    #[error("SBOM is {got}, expected SPDX 2.2, 2.3 or 3.0, CycloneDX 1.2 to 1.7 or Syft's JSON")]
    OtherFormat {
        /// What it is: `CycloneDX XML`.
        got: &'static str,
        /// How to get a document that is read.
        way: &'static str,
    },
    /// It is JSON, but not of a format that is read.
    #[error(
        "SBOM has neither `spdxVersion` nor `bomFormat`, expected SPDX 2.2, 2.3 or 3.0, CycloneDX 1.2 to 1.7 or Syft's JSON"
    )]
    UnknownFormat,
    /// It has a version that is not read.
    #[error("SBOM is {format} {got}, expected {expected}")]
    Version {
        /// The format's name.
        format: &'static str,
        /// The version it claims, shortened.
        got: String,
        /// The versions that are read.
        expected: String,
    },
    /// Documents of this format are read only.
    #[error("{format} is read and not written")]
    OnlyRead {
        /// The format's name.
        format: &'static str,
    },
    /// It has more components than allowed.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The caller no longer waits.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Writing failed.
    #[error("writing the SBOM: {0}")]
    Write(#[from] io::Error),
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Stopped(stopped) => stopped.kind(),
            _ => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Stopped(stopped) => stopped.hint(),
            Self::OtherFormat { way, .. } => Some((*way).to_owned()),
            Self::Predicate { .. } => Some(
                "name the SBOM that is attested: plimsoll evidence tree IMAGE lists attestations".to_owned(),
            ),
            Self::Xml(XmlError::DocumentType) => Some("remove the <!DOCTYPE …> from it".to_owned()),
            Self::Empty => Some("check the messages of the tool that made it".to_owned()),
            Self::Encoding { .. } => Some("convert it to UTF-8".to_owned()),
            Self::UnknownFormat | Self::Version { .. } => {
                Some("convert it with the tool that made it".to_owned())
            }
            _ => None,
        }
    }
}
