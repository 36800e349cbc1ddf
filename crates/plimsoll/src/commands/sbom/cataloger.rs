//! `plimsoll sbom cataloger`.

use crate::failure::{Exit, Failure};
use crate::report::catalogers::Report;
use crate::settings::Format;
use crate::{output, render};

pub(super) fn run(format: Format) -> Result<Exit, Failure> {
    let catalogers = plimsoll_sbom::catalogers();
    match format {
        Format::Json => output::emit_json(None, &Report::new(&catalogers))?,
        Format::Table => output::emit(None, |out| render::catalogers::write(&catalogers, out))?,
    }
    Ok(Exit::Done)
}
