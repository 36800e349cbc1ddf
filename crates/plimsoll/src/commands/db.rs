//! `plimsoll db build|status`.

use plimsoll_core::{Limits, Timestamp, clock};
use plimsoll_vuln::{Database, FeedStatus};
use serde::Serialize;

use crate::args::db::{Build, Command, Db, Format, Status};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::{render, settings};

/// The version of the JSON result.
const STATUS_V1: &str = "plimsoll.dev/db-status/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    schema_version: &'static str,
    checked_at: Timestamp,
    feeds: Vec<FeedStatus>,
}

pub(super) fn run(arguments: &Db, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Build(arguments) => build(arguments, limits, console),
        Command::Status(arguments) => status(arguments, console),
    }
}

fn build(arguments: &Build, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let folder = settings::database_folder(&arguments.db)?;
    let report = plimsoll_feeds::build(&arguments.from, arguments.as_of, &folder, clock::now(), limits)?;
    for feed in &report.feeds {
        console.say(feed);
    }
    Ok(Exit::Done)
}

fn status(arguments: &Status, console: Console) -> Result<Exit, Failure> {
    let now = settings::now(&arguments.instant);
    let folder = settings::database_folder(&arguments.db)?;
    let database = Database::open(&folder)?;
    database.verify()?;
    let feeds = database.status();
    match arguments.output {
        Format::Table => output::emit(None, |out| render::database::write(&feeds, now, out))?,
        Format::Json => {
            output::emit_json(None, &Report { schema_version: STATUS_V1, checked_at: now, feeds })?;
        }
    }
    console.say(format_args!("every file in {} is whole", folder.display()));
    Ok(Exit::Done)
}
