//! Settings of `plimsoll completions`.

use crate::args::{Completions, definition};

/// What `completions` prints.
pub(crate) struct CompletionsSettings {
    /// The command line.
    pub(crate) definition: clap::Command,
    /// The shell that the script is for.
    pub(crate) shell: clap_complete::Shell,
}

impl CompletionsSettings {
    pub(crate) fn resolve(arguments: &Completions) -> Self {
        Self { definition: definition(), shell: arguments.shell }
    }
}
