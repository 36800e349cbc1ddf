//! `plimsoll db update|build|status`.

use std::sync::Arc;

use plimsoll_core::{Cancel, quantity};
use plimsoll_feeds::update::{self, FileReport};
use plimsoll_http::Client;
use plimsoll_vuln::Database;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Transfer;
use crate::render;
use crate::report::db::Report;
use crate::settings::Format;
use crate::settings::db::{BuildSettings, DbSettings, StatusSettings, UpdateSettings};

pub(super) fn run(settings: &DbSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        DbSettings::Update(settings) => update(settings, console),
        DbSettings::Build(settings) => build(settings, console),
        DbSettings::Status(settings) => status(settings, console),
    }
}

fn update(settings: &UpdateSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let UpdateSettings { wanted, mirrors, feeds, folder, http, now, limits } = settings;
    let cancel = Cancel::never();
    let transfer = Arc::new(Transfer::new(console));
    let heard = Arc::clone(&transfer);
    let fetched = update::update(&update::Settings {
        folder: feeds,
        wanted,
        mirrors,
        client: &Client::new(http.clone())?,
        limits,
        now: *now,
        cancel: &cancel,
        listener: Arc::new(move |event| heard.event(event)),
    });
    transfer.finish();
    for FileReport { file, received, bytes, .. } in fetched? {
        match received {
            Some(_) => console.say(format_args!("{file}: {}, fetched", quantity::size(bytes))),
            None => console.say(format_args!("{file}: unchanged")),
        }
    }
    let report = plimsoll_feeds::build(feeds, *now, folder, *now, limits)?;
    for feed in &report.feeds {
        console.say(feed);
    }
    console.say(format_args!("the database is in {}", folder.display()));
    Ok(Exit::Done)
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
