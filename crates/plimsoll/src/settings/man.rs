//! Settings of `plimsoll man`.

use std::path::PathBuf;

use crate::args::Man;

/// What `man` writes.
pub(crate) struct ManSettings {
    /// The folder that the pages are written to.
    pub(crate) folder: PathBuf,
}

impl ManSettings {
    pub(crate) fn resolve(arguments: &Man) -> Self {
        Self { folder: arguments.folder.clone() }
    }
}
