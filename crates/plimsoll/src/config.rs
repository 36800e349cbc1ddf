//! The configuration file: where it is searched for, its content, and how its values reach the arguments.
//!
//! Every long flag is a key, named as the flag is. Keys at the top count for every command that has the flag; those below
//! `commands` for one. Flags take precedence over environment variables, these over the user's file, and that over the
//! system's. The file is never searched for in the current directory: what is judged must not configure its judge.
//!
//! ```yaml
//! insecure-registry: [registry.local:5000]
//! limit: {layers: 1000, layer_bytes: 64GiB}
//! commands:
//!   policy lint:
//!     output: json
//! ```

mod apply;
mod environment;
mod file;
mod misuse;
mod outputs;
mod report;

use std::cell::LazyCell;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;
use plimsoll_core::{Kind, Limits};

use crate::args::help::{Detail, with_detail};
use crate::args::shared::parse_limit;
use crate::args::{self, Arguments, Command, config};
use crate::failure::Failure;
use crate::report::config::{ConfigFile, LimitRow, Origin, SettingRow};

use apply::FileSettings;
pub(crate) use environment::blamed;
use environment::{SetByVariable, misspelled, set_by_variables};
pub(crate) use file::Place;
use file::places;

/// The typed arguments, merged with environment and configuration files.
pub(crate) struct Parsed {
    pub(crate) arguments: Arguments,
    /// The files to which the result will be written.
    pub(crate) outputs: Vec<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) config: Config,
}

/// The origins of settings, for commands that show them.
#[derive(Default)]
pub(crate) struct Config {
    /// Every place that was searched, in order of precedence.
    pub(crate) places: Vec<Place>,
    /// The contents of the files, in the same order.
    files: Vec<FileSettings>,
    /// The global flags that were typed.
    typed: Vec<String>,
    /// Why the files could not be used. Then only commands that report on them continue.
    pub(crate) fault: Option<Failure>,
    limits: Vec<LimitRow>,
    /// Flags that the environment sets.
    pub(crate) set_by_variables: Vec<SetByVariable>,
    /// Variables without effect, each with the one that was probably meant.
    pub(crate) misspelled: Vec<(String, String)>,
}

/// Why no command is run.
pub(crate) enum Stop {
    /// The argument parser returned an error, or help.
    Clap(clap::Error),
    /// The configuration is wrong.
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

/// Parses the command line, with the configuration files as the defaults.
pub(crate) fn parse(typed: &[OsString]) -> Result<Parsed, Stop> {
    let named = file::named(typed, std::env::var_os("PLIMSOLL_CONFIG"));
    let places = places(named, |name| std::env::var_os(name));
    let whole = LazyCell::new(args::definition as fn() -> clap::Command);
    let load = |place: &Place| {
        let written = place.read()?;
        written.map(|written| FileSettings::check(&place.path, written, &whole)).transpose()
    };
    let loaded: Result<Vec<_>, Failure> = places.iter().map(load).collect();
    let (files, fault) = match loaded {
        Ok(files) => (files.into_iter().flatten().collect(), None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let mut definition = if files.is_empty() {
        args::definition_for(typed.get(1).map(OsString::as_os_str))
    } else {
        whole.clone()
    };
    let outcome = match apply::parse(&mut definition, &files, typed) {
        Err(Stop::Clap(error)) if is_help(&error) => {
            let detail = Detail::of_words(typed);
            apply::parse(&mut with_detail(whole.clone(), detail), &files, typed)
        }
        // The version is not misuse, and explaining needs the whole definition.
        Err(Stop::Clap(error)) if error.use_stderr() => {
            Err(misuse::explained(error, typed, &whole, &|name| std::env::var_os(name)))
        }
        outcome => outcome,
    };
    match (outcome, fault) {
        (Ok((matches, arguments)), fault) => {
            let reports = matches!(
                arguments.command,
                Command::Doctor(_) | Command::Config(config::Config { command: config::Command::Path(_) })
            );
            if let (Some(failure), false) = (&fault, reports) {
                return Err(Stop::Failure(failure.clone()));
            }
            let (limits, rows) = limits(&files, &matches, &arguments)?;
            let typed = report::typed(&matches, &definition);
            let outputs = outputs::outputs(&matches);
            let set_by_variables = set_by_variables(&matches, &definition);
            let misspelled = misspelled(std::env::vars_os().map(|(name, _)| name), &mut || whole.clone());
            let config = Config { places, files, typed, fault, limits: rows, set_by_variables, misspelled };
            Ok(Parsed { arguments, outputs, limits, config })
        }
        // An invalid file is reported first, because it may contain what is missing. Help is shown in any case.
        (Err(Stop::Clap(error)), Some(failure)) if error.use_stderr() => Err(Stop::Failure(failure)),
        (Err(Stop::Failure(_)), Some(failure)) => Err(Stop::Failure(failure)),
        (Err(stop), _) => Err(stop),
    }
}

/// Whether the parser has help to show, asked for or not.
fn is_help(error: &clap::Error) -> bool {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand};
    matches!(error.kind(), DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand)
}

/// Limits from the environment, separated by commas.
const VARIABLE: &str = "PLIMSOLL_LIMIT";

/// The limits, each set by its name: a flag for one leaves those that a file sets for others.
fn limits(
    files: &[FileSettings],
    matches: &ArgMatches,
    arguments: &Arguments,
) -> Result<(Limits, Vec<LimitRow>), Failure> {
    let mut limits = Limits::default();
    let mut origins: Vec<(String, Origin)> = Vec::new();
    let mut set = |text: &str, origin: Origin| -> Result<(), Failure> {
        let (name, value) = parse_limit(text)
            .map_err(|error| Failure::new(Kind::Usage, format!("limit from {origin}: {error}")))?;
        limits
            .set(&name, &value)
            .map_err(|error| Failure::new(Kind::Usage, format!("limit from {origin}: {error}")))?;
        origins.retain(|(known, _)| *known != name);
        origins.push((name, origin));
        Ok(())
    };
    for file in files.iter().rev() {
        for text in file.limits() {
            set(text, Origin::File(file.path().to_owned()))?;
        }
    }
    if let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) {
        for text in text.split(',') {
            set(text, Origin::Environment(VARIABLE.to_owned()))?;
        }
    }
    if matches.value_source("limit") == Some(ValueSource::CommandLine) {
        for (name, value) in &arguments.global.limit {
            set(&format!("{name}={value}"), Origin::Flag)?;
        }
    }
    let rows = report::limit_rows(&limits, &origins);
    Ok((limits, rows))
}

impl Config {
    /// Every setting of every command, with its value and origin.
    pub(crate) fn settings(&self) -> Vec<SettingRow> {
        report::settings(&args::definition(), &self.files, &self.typed)
    }

    /// Every limit, with its value and origin.
    pub(crate) fn limits(&self) -> &[LimitRow] {
        &self.limits
    }

    /// Every place of a file, in order of precedence.
    pub(crate) fn searched(&self) -> Vec<ConfigFile> {
        let file = |place: &Place| ConfigFile {
            path: place.path.display().to_string(),
            rank: place.rank,
            read: place.path.exists(),
        };
        self.places.iter().map(file).collect()
    }

    /// The files that were read, in order of precedence.
    pub(crate) fn read(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().map(FileSettings::path)
    }
}
