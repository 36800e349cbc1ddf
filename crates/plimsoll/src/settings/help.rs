//! Settings of `plimsoll help`.

use clap::builder::StyledStr;
use plimsoll_core::{nearest, text};

use crate::args::help::{self, Detail};
use crate::args::{Help, definition, habits};

/// Which help is printed.
pub(crate) enum HelpSettings {
    /// The page of a command, or of the program.
    Page(StyledStr),
    /// There is no such command.
    Unknown {
        /// What was typed, as a terminal may show it.
        word: String,
        /// What to type instead.
        hint: String,
    },
}

impl HelpSettings {
    pub(crate) fn resolve(arguments: &Help, verbose: bool) -> Self {
        let detail = if verbose { Detail::Full } else { Detail::Concise };
        match help::page(definition(), &arguments.command, detail) {
            Ok(page) => Self::Page(page),
            Err(word) => Self::Unknown { hint: hint(&word), word: text::terminal(&word).into() },
        }
    }
}

fn hint(word: &str) -> String {
    let definition = definition();
    let known = definition.get_subcommands().map(clap::Command::get_name);
    match (habits::answer("plimsoll", word), nearest(word, known)) {
        (Some(answer), _) => answer.into(),
        (None, Some(name)) => format!("did you mean `plimsoll help {name}`?"),
        (None, None) => "`plimsoll help` lists the commands".to_owned(),
    }
}
