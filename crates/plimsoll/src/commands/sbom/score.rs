//! `plimsoll sbom score`.

use plimsoll_core::Kind;

use super::document;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::sbom_score::Report;
use crate::settings::Format;
use crate::settings::sbom::ScoreSettings;

pub(super) fn run(settings: &ScoreSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let bytes = document::bytes(&settings.document, settings.limits)?;
    let read = document::read(&settings.document, &bytes, settings.limits, console)?;
    let scores = settings.guidelines.iter().map(|guideline| plimsoll_sbom::score(&read, *guideline));
    let report = Report::new(settings.document.display().to_string(), scores.collect());
    match settings.format {
        Format::Json => output::emit_json(None, &report)?,
        Format::Table => {
            let page = console.page(None);
            output::emit(None, |out| render::sbom_score::write(&report, page, out))?;
        }
    }
    let least = settings.at_least.unwrap_or_default();
    let is_enough = report.scores.iter().all(|score| score.percent >= least);
    Ok(if is_enough { Exit::Done } else { Exit::Kind(Kind::Denied) })
}
