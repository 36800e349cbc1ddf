//! `plimsoll db update|build|export|import|status|search|diff`.

mod archive;

use plimsoll_core::text::shown;
use plimsoll_core::{Cancel, Kind};
use plimsoll_feeds::update;
use plimsoll_vuln::{Database, lookup};

use crate::commands::updating::{Source, warn_removed};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::db::{Differences, Found, Report};
use crate::settings::Format;
use crate::settings::db::{
    BuildSettings, DbSettings, DiffSettings, SearchSettings, StatusSettings, UpdateSettings,
};

pub(super) fn run(settings: &DbSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        DbSettings::Update(settings) => update(settings, console),
        DbSettings::Build(settings) => build(settings, console),
        DbSettings::Export(settings) => archive::export(settings, console),
        DbSettings::Import(settings) => archive::import(settings, console),
        DbSettings::Status(settings) => status(settings, console),
        DbSettings::Search(settings) => search(settings, console),
        DbSettings::Diff(settings) => diff(settings, console),
    }
}

fn update(settings: &UpdateSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let UpdateSettings { wanted, mirrors, feeds, folder, http, now, limits } = settings;
    let source = Source { feeds, mirrors, http, now: *now, limits };
    source.fetch(wanted, &Cancel::never(), console, |settings| update::update(settings, folder).map(Some))?;
    console.say(format_args!("the database is in {}", folder.display()));
    Ok(Exit::Done)
}

fn build(settings: &BuildSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let BuildSettings { from, as_of, folder, built_at, limits } = settings;
    let report = plimsoll_feeds::build(from, *as_of, folder, *built_at, limits)?;
    for feed in &report.feeds {
        console.say(feed);
    }
    warn_removed(&report, console);
    Ok(Exit::Done)
}

fn status(settings: &StatusSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let StatusSettings { folder, now, limits, format } = settings;
    let database = Database::open(folder)?;
    database.verify()?;
    let report = Report::new(*now, &database, limits);
    match format {
        Format::Table => output::emit(None, |out| render::database::write(&report, out))?,
        Format::Json => output::emit_json(None, &report)?,
    }
    console.say(format_args!("every file in {} is intact", folder.display()));
    Ok(Exit::Done)
}

fn search(settings: &SearchSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let SearchSettings { folder, text, wanted, format } = settings;
    let database = Database::open(folder)?;
    let answer = lookup::search(&database, text, wanted)?;
    if answer.advice.is_empty() {
        let failure = Failure::new(
            Kind::NotFound,
            format!("no advisory about a package or with an identifier {}", shown(text)),
        );
        return Err(if answer.similar.is_empty() {
            failure.with_hint("`plimsoll db status` shows what the database covers")
        } else {
            let names: Vec<_> = answer.similar.iter().map(|name| shown(name)).collect();
            failure.with_hint(format!("there are advisories about {}", names.join(", ")))
        });
    }
    match format {
        Format::Table => {
            output::emit(None, |out| render::database::advice(&answer.advice, console.page(None), out))?;
        }
        Format::Json => output::emit_json(None, &Found::new(&answer.advice))?,
    }
    Ok(Exit::Done)
}

fn diff(settings: &DiffSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let DiffSettings { old, new, format } = settings;
    let differences = lookup::difference(&Database::open(old)?, &Database::open(new)?)?;
    match format {
        Format::Table if differences.is_empty() => console.say("no advisory is added, removed or changed"),
        Format::Table => {
            output::emit(None, |out| render::database::differences(&differences, console.page(None), out))?;
        }
        Format::Json => output::emit_json(None, &Differences::new(&differences))?,
    }
    Ok(Exit::Done)
}
