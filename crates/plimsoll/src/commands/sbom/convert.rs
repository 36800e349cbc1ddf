//! `plimsoll sbom convert`.

use super::document;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::sbom::ConvertSettings;

pub(super) fn run(settings: &ConvertSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let limits = settings.new.limits;
    let bytes = document::bytes(&settings.document, limits)?;
    let read = document::read(&settings.document, &bytes, limits, console)?;
    document::tell_unread(&settings.document, &bytes, &read, limits, console)?;
    let subject = document::subject(&settings.document, &read);
    let (made, states) = (document::made(&read), read.completeness);
    document::write(&read.inventory, subject, made, states, &settings.new, console)?;
    Ok(Exit::Done)
}
