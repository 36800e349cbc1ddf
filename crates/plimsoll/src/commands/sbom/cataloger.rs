//! `plimsoll sbom cataloger`.

use crate::args::db::Format;
use crate::args::sbom::{Cataloger, CatalogerCommand};
use crate::failure::{Exit, Failure};
use crate::report::catalogers::Report;
use crate::{output, render};

pub(super) fn run(arguments: &Cataloger) -> Result<Exit, Failure> {
    let CatalogerCommand::List(arguments) = &arguments.command;
    let catalogers = plimsoll_sbom::catalogers();
    match arguments.output {
        Format::Json => output::emit_json(None, &Report::new(&catalogers))?,
        Format::Table => output::emit(None, |out| render::catalogers::write(&catalogers, out))?,
    }
    Ok(Exit::Done)
}
