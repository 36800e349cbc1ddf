//! What can keep a verdict from being made.

use std::path::PathBuf;

use plimsoll_core::{Classify, Kind, Stopped, json};

/// Why there is no verdict. Missing evidence is not an error: the verdict reports its effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] plimsoll_files::Error),
    /// There is no policy to judge by.
    #[error("no policy in {}", place.display())]
    NoPolicy {
        /// The file or folder.
        place: PathBuf,
    },
    /// It has the name of a document, but is not a file.
    #[error("{} is named like a document but is not a file", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// Documents in a place where none are read.
    #[error("{} has documents, and folders within a folder of documents are not read", path.display())]
    Nested {
        /// The folder.
        path: PathBuf,
    },
    /// A document of a kind that contains no rules.
    #[error("{origin} is of a kind that contains no rules")]
    OtherDocument {
        /// The file.
        origin: String,
    },
    /// A policy, waiver or deny list cannot be used.
    #[error(transparent)]
    Document(#[from] plimsoll_policy::Error),
    /// A VEX document cannot be read.
    #[error("{}: {source}", path.display())]
    Vex {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: plimsoll_vuln::vex::Error,
    },
    /// A JSON Schema is not valid JSON.
    #[error("schema {}: {source}", path.display())]
    SchemaJson {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: json::Error,
    },
    /// A JSON Schema cannot be used.
    #[error("schema {}: {problem}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A trusted root cannot be used, or there is nothing to verify with.
    #[error(transparent)]
    Verify(#[from] plimsoll_verify::Error),
    /// The subject cannot be opened or read whole, or what is attached to it cannot be listed.
    #[error(transparent)]
    Gather(#[from] plimsoll_gather::Error),
    /// The caller no longer waits.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The queue of judgements is full.
    #[error("{waiting} judgements are already waiting")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// There was nothing to evaluate: a defect.
    #[error("no evidence was gathered about {subject}")]
    NoEvidence {
        /// The subject.
        subject: String,
    },
    /// A judgement ended without a result: a defect.
    #[error("the judgement of {subject} stopped unexpectedly")]
    Lost {
        /// The subject.
        subject: String,
    },
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Vex { source, .. } => source.kind(),
            Self::NoPolicy { .. }
            | Self::NotAFile { .. }
            | Self::Nested { .. }
            | Self::OtherDocument { .. }
            | Self::SchemaJson { .. }
            | Self::Schema { .. } => Kind::Usage,
            Self::Document(error) => error.kind(),
            Self::Verify(error) => error.kind(),
            Self::Gather(error) => error.kind(),
            Self::Stopped(stopped) => stopped.kind(),
            Self::Busy { .. } => Kind::Transient,
            Self::NoEvidence { .. } | Self::Lost { .. } => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Stopped(stopped) => stopped.hint(),
            Self::NoPolicy { .. } => {
                Some("a policy is a .yaml, .yml or .json file with kind: Policy".to_owned())
            }
            Self::Nested { .. } => Some("move them up, or let the folder's name start with a dot".to_owned()),
            Self::Schema { .. } => Some("a `$ref` must refer to a place in the same file".to_owned()),
            Self::Document(error) => error.hint(),
            Self::Verify(error) => error.hint(),
            Self::Gather(error) => error.hint(),
            _ => None,
        }
    }
}
