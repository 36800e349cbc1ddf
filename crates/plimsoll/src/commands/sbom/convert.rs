//! `plimsoll sbom convert`.

use plimsoll_sbom::{Loss, unread, unwritten};

use super::document;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::render::table::safe;
use crate::settings::sbom::{ConvertSettings, Format};

pub(super) fn run(settings: &ConvertSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let limits = settings.new.limits;
    let bytes = document::bytes(&settings.document, limits)?;
    let read = document::read(&settings.document, &bytes, limits, console)?;
    let subject = document::subject(&read);
    let written = document::write(&read.inventory, subject, read.created.as_deref(), &settings.new, console)?;
    tell("not read", &unread(&bytes, &read, limits)?, console);
    if let Format::Document(format, _) = settings.new.format {
        let what = format!("no place in {}", format.id());
        tell(&what, &unwritten(&read.inventory, &written, format, limits)?, console);
    }
    Ok(Exit::Done)
}

/// Says what the new document does not have, in one line.
fn tell(why: &str, losses: &[Loss], console: Console) {
    if losses.is_empty() {
        return;
    }
    let lost: Vec<String> =
        losses.iter().map(|loss| format!("{} ({})", safe(&loss.what), loss.count)).collect();
    console.warn(format_args!("not carried over, {why}: {}", lost.join(", ")));
}
