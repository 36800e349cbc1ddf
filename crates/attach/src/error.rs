//! Why something could not be attached, found or copied.

use plimsoll_core::{Classify, Kind};

/// Why something could not be attached, found or copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading from or writing to the registry or layout failed.
    #[error(transparent)]
    Store(Box<plimsoll_image::Error>),
    /// The manifest that ties evidence to its subject cannot be written: a defect.
    #[error("cannot write the manifest of what is attached")]
    Manifest,
}

impl From<plimsoll_image::Error> for Error {
    fn from(error: plimsoll_image::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Manifest => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Manifest => None,
        }
    }
}
