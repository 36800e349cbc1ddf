//! `plimsoll config show|path`.

use serde::Serialize;

use crate::args::config::{Command, Config as Arguments, Show};
use crate::args::db::Format;
use crate::config::{Config, LimitRow, Rank, SettingRow};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;

/// The version of the JSON result.
const CONFIG_V1: &str = "plimsoll.dev/config/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    schema_version: &'static str,
    files: Vec<Looked>,
    settings: Vec<SettingRow>,
    limits: &'a [LimitRow],
}

/// A place that was looked at.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Looked {
    path: String,
    rank: Rank,
    read: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Config, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Show(arguments) => show(arguments, config),
        Command::Path(_) => path(config, console),
    }
}

fn show(arguments: &Show, config: &Config) -> Result<Exit, Failure> {
    let settings = config.settings();
    match arguments.output {
        Format::Table => output::emit(None, |out| render::config::write(&settings, config.limits(), out))?,
        Format::Json => {
            let files = looked(config);
            let report = Report { schema_version: CONFIG_V1, files, settings, limits: config.limits() };
            output::emit_json(None, &report)?;
        }
    }
    Ok(Exit::Done)
}

fn path(config: &Config, console: Console) -> Result<Exit, Failure> {
    output::emit(None, |out| {
        for place in looked(config) {
            writeln!(
                out,
                "{}{}",
                render::table::safe(&place.path),
                if place.read { "" } else { " (not there)" }
            )?;
        }
        Ok(())
    })?;
    match &config.fault {
        None => Ok(Exit::Done),
        Some(failure) => {
            console.report(failure);
            Ok(Exit::Kind(failure.kind()))
        }
    }
}

fn looked(config: &Config) -> Vec<Looked> {
    let places = config.places.iter().map(|place| Looked {
        path: place.path.display().to_string(),
        rank: place.rank,
        read: place.path.exists(),
    });
    places.collect()
}
