//! What can go wrong with the database. A database that cannot be trusted is an error, never a shorter list.

use std::io;
use std::path::PathBuf;

use plimsoll_core::{Classify, Kind, LimitExceeded, Stopped};

/// Why the database gives no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory contains no database, or does not exist.
    #[error("no vulnerability database in {}", dir.display())]
    NoDatabase {
        /// The directory.
        dir: PathBuf,
    },
    /// The operating system refused to open or read a file.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not a database, is cut short, or bytes in it have changed.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: Damage,
    },
    /// The file was written by another version of Plimsoll.
    #[error("{} has database format {got}, expected {expected}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format in the file.
        got: u32,
        /// The format that this version reads.
        expected: u32,
    },
    /// The directory contains files of a database, but no list of them: another version of Plimsoll wrote them.
    #[error("{} has files of a database, but no database.json that lists them", dir.display())]
    Unlisted {
        /// The directory.
        dir: PathBuf,
    },
    /// A text could not be compressed while a database was written.
    #[error("cannot compress a text of the database: {0}")]
    Compress(io::Error),
    /// The caller no longer waits.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A bound was hit while writing or reading.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

/// What is wrong with a damaged file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The first bytes are not those of a database.
    #[error("not a Plimsoll database")]
    Magic,
    /// The file is shorter or longer than its header says.
    #[error("got {got} bytes, expected {expected}")]
    Length {
        /// Bytes in the file.
        got: u64,
        /// Bytes that the header accounts for.
        expected: u64,
    },
    /// The header contradicts itself or has another shape than expected.
    #[error("header is not valid: {0}")]
    Header(&'static str),
    /// A part does not match its recorded digest.
    #[error("the digest of its {part} does not match")]
    Digest {
        /// Header, directory or block.
        part: &'static str,
    },
    /// A part with the right digest still does not decode: a defect of the writer.
    #[error("its {part} does not decode")]
    Encoding {
        /// Directory, block, package record or text.
        part: &'static str,
    },
    /// The list of the database's files is invalid, or contains files that no database has.
    #[error("not a list of database files")]
    List,
    /// The file's name means another ecosystem than its content.
    #[error("it contains {got}, but its name means {expected}")]
    Misnamed {
        /// The ecosystem in the header.
        got: String,
        /// The ecosystem that the file name means.
        expected: String,
    },
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoDatabase { .. } => Kind::NotFound,
            Self::Stopped(stopped) => stopped.kind(),
            Self::Read { .. }
            | Self::Damaged { .. }
            | Self::Format { .. }
            | Self::Unlisted { .. }
            | Self::Compress(_)
            | Self::Limit(_) => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Stopped(stopped) => stopped.hint(),
            Self::NoDatabase { .. } => Some(
                "`plimsoll db update` fetches the publishers' advisories; without a network, `plimsoll db build --from DIR \
                 --as-of TIME` takes them from a folder"
                    .into(),
            ),
            Self::Damaged { .. } | Self::Format { .. } | Self::Unlisted { .. } => Some(
                "make it again: `plimsoll db update`, or `plimsoll db build --from DIR --as-of TIME` from files".into(),
            ),
            Self::Read { .. } | Self::Compress(_) | Self::Limit(_) => None,
        }
    }
}
