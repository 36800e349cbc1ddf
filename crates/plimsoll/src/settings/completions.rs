//! Settings of `plimsoll completions`.

use crate::args::Completions;

/// What `completions` prints.
pub(crate) struct CompletionsSettings {
    /// The shell that the script is for.
    pub(crate) shell: clap_complete::Shell,
}

impl CompletionsSettings {
    pub(crate) fn resolve(arguments: &Completions) -> Self {
        Self { shell: arguments.shell }
    }
}
