//! Settings of `plimsoll help`.

use crate::args::help::Detail;
use crate::args::{Help, definition};

/// Which help is printed.
pub(crate) struct HelpSettings {
    /// The command line.
    pub(crate) definition: clap::Command,
    /// The words of the command; none mean the program.
    pub(crate) words: Vec<String>,
    pub(crate) detail: Detail,
}

impl HelpSettings {
    pub(crate) fn resolve(arguments: &Help, verbose: bool) -> Self {
        let detail = if verbose { Detail::Full } else { Detail::Concise };
        Self { definition: definition(), words: arguments.command.clone(), detail }
    }
}
