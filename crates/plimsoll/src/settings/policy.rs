//! Settings of `plimsoll policy`.

use std::path::PathBuf;

use plimsoll_core::{Limits, Timestamp};

use super::{Context, Format};
use crate::args::policy::{Command, Policy};

pub(crate) use crate::args::policy::{Document, ImportFormat};

/// Settings of `plimsoll policy`.
pub(crate) enum PolicySettings<'a> {
    /// A policy to edit is printed.
    Example,
    Import(ImportSettings<'a>),
    Lint(LintSettings<'a>),
    /// The schema of this document is printed.
    Schema(Document),
}

/// Settings of `plimsoll policy import`.
pub(crate) struct ImportSettings<'a> {
    /// Files or folders; `-` is standard input.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) target: ImportTarget,
    pub(crate) format: ImportFormat,
    /// Whether files that exist are replaced.
    pub(crate) force: bool,
    /// The instant by which something has expired.
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a Limits,
}

/// Where imported policies go.
pub(crate) enum ImportTarget {
    /// One document after the other, to this file or to standard output.
    Stream(Option<PathBuf>),
    /// Each into a file of its own.
    Folder(PathBuf),
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
            Command::Import(arguments) => Self::Import(ImportSettings {
                paths: arguments.paths.clone(),
                target: match &arguments.output_dir {
                    Some(folder) => ImportTarget::Folder(folder.clone()),
                    None => ImportTarget::Stream(arguments.output_file.output_file.clone()),
                },
                format: arguments.output,
                force: arguments.overwriting.force,
                now: context.clock()(),
                limits: context.limits,
            }),
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
