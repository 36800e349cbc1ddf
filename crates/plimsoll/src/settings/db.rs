//! Settings of `plimsoll db`.

use std::path::PathBuf;

use plimsoll_core::{Limits, Timestamp};

use super::{Context, Format};
use crate::args::db::{Command, Db};
use crate::failure::Failure;

/// Settings of `plimsoll db`.
pub(crate) enum DbSettings<'a> {
    Build(BuildSettings<'a>),
    Status(StatusSettings),
}

/// How the database is built.
pub(crate) struct BuildSettings<'a> {
    /// Folder with the publishers' files.
    pub(crate) from: PathBuf,
    /// When these were retrieved.
    pub(crate) as_of: Timestamp,
    /// Folder of the database.
    pub(crate) folder: PathBuf,
    /// When the database is built.
    pub(crate) built_at: Timestamp,
    pub(crate) limits: &'a Limits,
}

/// Which database is shown, and how.
pub(crate) struct StatusSettings {
    /// Folder of the database.
    pub(crate) folder: PathBuf,
    /// The instant that ages are counted to.
    pub(crate) now: Timestamp,
    pub(crate) format: Format,
}

impl<'a> DbSettings<'a> {
    pub(crate) fn resolve(arguments: &Db, context: &Context<'a>) -> Result<Self, Failure> {
        match &arguments.command {
            Command::Build(arguments) => Ok(Self::Build(BuildSettings {
                from: arguments.from.clone(),
                as_of: arguments.as_of,
                folder: context.database_folder(&arguments.db)?,
                built_at: context.clock()(),
                limits: context.limits,
            })),
            Command::Status(arguments) => Ok(Self::Status(StatusSettings {
                folder: context.database_folder(&arguments.db)?,
                now: context.now(&arguments.instant),
                format: arguments.output,
            })),
        }
    }
}
