//! Why trust material cannot be used, fetched or made.

use plimsoll_core::{Classify, Kind};

use crate::TrustFault;

/// Why trust material cannot be used, fetched or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {place}: {source}")]
    Unreadable {
        /// The file.
        place: String,
        /// The failure.
        #[source]
        source: std::io::Error,
    },
    /// A signing configuration that cannot be used.
    #[error("signing configuration: {problem}")]
    SigningConfig {
        /// What is wrong with it.
        problem: String,
    },
    /// Trust material from a mirror was refused.
    #[error("{mirror}: {problem}")]
    Refused {
        /// The mirror, by its URL.
        mirror: String,
        /// The kind of fault.
        fault: TrustFault,
        /// What is wrong.
        problem: String,
    },
    /// A mirror could not be reached.
    #[error(transparent)]
    Fetch(Box<plimsoll_http::Error>),
    /// The time is earlier than one that was already seen.
    #[error("it is {now}, but trust material was updated at {seen}: the clock was set back")]
    ClockSetBack {
        /// The time now.
        now: plimsoll_core::Timestamp,
        /// The latest time that was seen.
        seen: plimsoll_core::Timestamp,
        /// The folder that records it.
        folder: std::path::PathBuf,
    },
    /// An unknown instance.
    #[error("the instance {instance} is unknown")]
    Unknown {
        /// Its name.
        instance: String,
    },
    /// The instance is known, but with another first root than the given one.
    #[error("the instance {instance} is already known, with another root")]
    OtherRoot {
        /// Its name.
        instance: String,
        /// The folder with its data.
        folder: std::path::PathBuf,
    },
    /// The cache of trust material cannot be used.
    #[error("{}: {problem}", path.display())]
    Cache {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// An input for a trusted root or signing config cannot be used.
    #[error("{place}: {problem}")]
    File {
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
    Written(#[from] plimsoll_files::Error),
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::SigningConfig { .. } | Self::File { .. } => Kind::Usage,
            Self::Unreadable { source, .. } => Kind::of_reading(source),
            Self::Refused { .. } => Kind::Denied,
            Self::Fetch(error) => error.kind(),
            Self::ClockSetBack { .. } | Self::Cache { .. } => Kind::Failed,
            Self::Unknown { .. } => Kind::NotFound,
            Self::OtherRoot { .. } => Kind::Conflict,
            Self::TrustedRoot(error) => error.kind(),
            Self::Written(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { fault, .. } => Some(fault.hint().to_owned()),
            Self::Fetch(error) if matches!(**error, plimsoll_http::Error::Offline { .. }) => {
                Some("leave out --offline, or name a copy in a folder: --mirror file:///…".to_owned())
            }
            Self::Fetch(error) => error.hint(),
            Self::ClockSetBack { folder, .. } => Some(format!(
                "set the machine's clock; if it was wrong at that time, remove {} and update again",
                folder.display()
            )),
            Self::Unknown { instance } => Some(format!(
                "fetch it first: plimsoll trust update --instance {instance} --mirror URL --root FILE"
            )),
            Self::OtherRoot { folder, .. } => {
                Some(format!("choose another --instance, or remove {} to start anew", folder.display()))
            }
            Self::Cache { path, .. } => {
                Some(format!("remove {} and run plimsoll trust update", path.display()))
            }
            Self::TrustedRoot(error) => error.hint(),
            Self::Written(error) => error.hint(),
            _ => None,
        }
    }
}
