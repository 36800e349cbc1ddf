//! Settings of `plimsoll policy`.

use std::path::PathBuf;

use plimsoll_core::{Limits, Timestamp};

use super::{Context, Format};
use crate::args::policy::{Command, Policy};

pub(crate) use crate::args::policy::Document;

/// Settings of `plimsoll policy`.
pub(crate) enum PolicySettings<'a> {
    /// A policy to edit is printed.
    Example,
    Lint(LintSettings<'a>),
    /// The schema of this document is printed.
    Schema(Document),
}

/// Settings of `plimsoll policy lint`.
pub(crate) struct LintSettings<'a> {
    /// Policy files or folders.
    pub(crate) paths: Vec<PathBuf>,
    /// The instant by which something has expired.
    pub(crate) now: Timestamp,
    pub(crate) format: Format,
    pub(crate) limits: &'a Limits,
}

impl<'a> PolicySettings<'a> {
    pub(crate) fn resolve(arguments: &Policy, context: &Context<'a>) -> Self {
        match &arguments.command {
            Command::Example(_) => Self::Example,
            Command::Lint(arguments) => Self::Lint(LintSettings {
                paths: arguments.paths.clone(),
                now: context.clock()(),
                format: arguments.output,
                limits: context.limits,
            }),
            Command::Schema(arguments) => Self::Schema(arguments.document),
        }
    }
}
