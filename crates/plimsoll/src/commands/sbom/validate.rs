//! `plimsoll sbom validate`.

use plimsoll_core::Kind;
use plimsoll_core::quantity::count;

use super::document;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::sbom_validation::{Report, Validated};
use crate::settings::Format;
use crate::settings::sbom::ValidateSettings;

pub(super) fn run(settings: &ValidateSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let (mut validated, mut exit) = (Vec::new(), Exit::Done);
    for path in &settings.documents {
        // An unreadable document does not affect the others.
        let outcome = document::bytes(path, settings.limits).and_then(|bytes| {
            plimsoll_sbom::validate(&bytes, settings.limits)
                .map_err(|source| plimsoll_gather::Error::Sbom { path: path.clone(), source }.into())
        });
        match outcome {
            Ok(validation) => validated.push(Validated { file: path.display().to_string(), validation }),
            Err(failure) => {
                console.report(&failure);
                exit = exit.and(Exit::Kind(failure.kind()));
            }
        }
    }
    let report = Report::new(&validated);
    match settings.format {
        Format::Json => output::emit_json(None, &report)?,
        Format::Table => {
            let page = console.page(None);
            output::emit(None, |out| render::sbom_validation::write(&report, page, out))?;
        }
    }
    let errors = report.errors();
    console.say(format_args!("{} read, {}", count(validated.len(), "document"), count(errors, "error")));
    Ok(if errors > 0 { exit.and(Exit::Kind(Kind::Failed)) } else { exit })
}
