//! `plimsoll config show|path`.

use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::config::Report;
use crate::settings::Format;
use crate::settings::config::{ConfigSettings, ConfigView};

pub(super) fn run(settings: &ConfigSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings.shown {
        ConfigView::Settings(format) => show(settings.config, format),
        ConfigView::Places => path(settings.config, console),
    }
}

fn show(config: &Config, format: Format) -> Result<Exit, Failure> {
    let report = Report::new(config.searched(), config.settings(), config.limits());
    match format {
        Format::Table => {
            output::emit(None, |out| render::config::write(&report.settings, report.limits, out))?;
        }
        Format::Json => output::emit_json(None, &report)?,
    }
    Ok(Exit::Done)
}

fn path(config: &Config, console: Console) -> Result<Exit, Failure> {
    output::emit(None, |out| render::config::places(&config.searched(), out))?;
    match &config.fault {
        None => Ok(Exit::Done),
        Some(failure) => {
            console.report(failure);
            Ok(Exit::Kind(failure.kind()))
        }
    }
}
