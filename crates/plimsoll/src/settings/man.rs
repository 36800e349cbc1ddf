//! Settings of `plimsoll man`.

use std::path::PathBuf;

use crate::args::{Man, definition};

/// What `man` writes.
pub(crate) struct ManSettings {
    /// The command line.
    pub(crate) definition: clap::Command,
    /// The folder that the pages are written to.
    pub(crate) folder: PathBuf,
}

impl ManSettings {
    pub(crate) fn resolve(arguments: &Man) -> Self {
        Self { definition: definition(), folder: arguments.folder.clone() }
    }
}
