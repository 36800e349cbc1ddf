//! Settings of `plimsoll db`.

mod archive;

use std::path::{Path, PathBuf};

use plimsoll_core::{Ecosystem, Limits, Timestamp};
use plimsoll_feeds::{Mirror, Wanted};

pub(crate) use archive::{ExportSettings, ImportSettings};

use super::network::http;
use super::{Context, Format};
use crate::args::db::{Command, Db};
use crate::failure::Failure;

/// Settings of `plimsoll db`.
pub(crate) enum DbSettings<'a> {
    Update(Box<UpdateSettings<'a>>),
    Build(BuildSettings<'a>),
    Export(Box<ExportSettings<'a>>),
    Import(Box<ImportSettings<'a>>),
    Status(StatusSettings<'a>),
    Search(SearchSettings<'a>),
    Diff(DiffSettings<'a>),
}

/// What is fetched, and what is built from it.
pub(crate) struct UpdateSettings<'a> {
    /// What the database is to cover besides what it covers already.
    pub(crate) wanted: Vec<Wanted>,
    /// Where publishers' files lie instead of at their own servers.
    pub(crate) mirrors: Vec<Mirror>,
    /// Folder for the publishers' files.
    pub(crate) feeds: PathBuf,
    /// Folder of the database.
    pub(crate) folder: PathBuf,
    pub(crate) http: plimsoll_http::Settings,
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a Limits,
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
pub(crate) struct StatusSettings<'a> {
    /// Folder of the database.
    pub(crate) folder: PathBuf,
    /// The instant that ages are counted to.
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a Limits,
    pub(crate) format: Format,
}

/// What is looked up, and where.
pub(crate) struct SearchSettings<'a> {
    /// Folder of the database.
    pub(crate) folder: PathBuf,
    /// The name of a package or the identifier of an advisory.
    pub(crate) text: &'a str,
    /// Only in these ecosystems, and if one has a release, in that; in all if there are none.
    pub(crate) wanted: Vec<(Ecosystem, Option<&'a str>)>,
    pub(crate) format: Format,
}

/// Which databases are compared.
pub(crate) struct DiffSettings<'a> {
    /// Folder of the old one.
    pub(crate) old: &'a Path,
    /// Folder of the new one.
    pub(crate) new: &'a Path,
    pub(crate) format: Format,
}

impl<'a> DbSettings<'a> {
    pub(crate) fn resolve(arguments: &'a Db, context: &Context<'a>) -> Result<Self, Failure> {
        match &arguments.command {
            Command::Update(arguments) => Ok(Self::Update(Box::new(UpdateSettings {
                wanted: arguments.ecosystem.clone(),
                mirrors: arguments.mirror.clone(),
                feeds: match &arguments.feeds {
                    Some(folder) => folder.clone(),
                    None => context.cache_folder()?.join("feeds"),
                },
                folder: context.database_folder(&arguments.db)?,
                http: http(&arguments.network, context)?,
                now: whole_seconds(context.clock()()),
                limits: context.limits,
            }))),
            Command::Build(arguments) => Ok(Self::Build(BuildSettings {
                from: arguments.from.clone(),
                as_of: arguments.as_of,
                folder: context.database_folder(&arguments.db)?,
                built_at: context.now(&arguments.instant),
                limits: context.limits,
            })),
            Command::Export(arguments) => {
                Ok(Self::Export(Box::new(ExportSettings::resolve(arguments, context)?)))
            }
            Command::Import(arguments) => {
                Ok(Self::Import(Box::new(ImportSettings::resolve(arguments, context)?)))
            }
            Command::Status(arguments) => Ok(Self::Status(StatusSettings {
                folder: context.database_folder(&arguments.db)?,
                now: context.now(&arguments.instant),
                limits: context.limits,
                format: arguments.output,
            })),
            Command::Search(arguments) => Ok(Self::Search(SearchSettings {
                folder: context.database_folder(&arguments.db)?,
                text: &arguments.text,
                wanted: arguments.ecosystem.iter().filter_map(place).collect(),
                format: arguments.output,
            })),
            Command::Diff(arguments) => Ok(Self::Diff(DiffSettings {
                old: &arguments.old,
                new: &arguments.new,
                format: arguments.output,
            })),
        }
    }
}

/// Where packages are searched for. What is known by CVE names none, nor does all of GitHub's.
fn place(wanted: &Wanted) -> Option<(Ecosystem, Option<&str>)> {
    match wanted {
        Wanted::Packages { ecosystem, release } => Some((*ecosystem, release.as_deref())),
        Wanted::Cves | Wanted::GitHub => None,
    }
}

/// An age is counted from here, and nobody needs its nanoseconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
