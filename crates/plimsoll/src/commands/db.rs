//! `plimsoll db build|status`.

use plimsoll_vuln::Database;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::db::Report;
use crate::settings::Format;
use crate::settings::db::{BuildSettings, DbSettings, StatusSettings};

pub(super) fn run(settings: &DbSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        DbSettings::Build(settings) => build(settings, console),
        DbSettings::Status(settings) => status(settings, console),
    }
}

fn build(settings: &BuildSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let BuildSettings { from, as_of, folder, built_at, limits } = settings;
    let report = plimsoll_feeds::build(from, *as_of, folder, *built_at, limits)?;
    for feed in &report.feeds {
        console.say(feed);
    }
    Ok(Exit::Done)
}

fn status(settings: &StatusSettings, console: Console) -> Result<Exit, Failure> {
    let StatusSettings { folder, now, format } = settings;
    let database = Database::open(folder)?;
    database.verify()?;
    let feeds = database.status();
    match format {
        Format::Table => output::emit(None, |out| render::database::write(&feeds, *now, out))?,
        Format::Json => output::emit_json(None, &Report::new(*now, feeds))?,
    }
    console.say(format_args!("every file in {} is whole", folder.display()));
    Ok(Exit::Done)
}
