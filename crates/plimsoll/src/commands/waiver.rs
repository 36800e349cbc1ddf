//! `plimsoll waiver sign`.

use plimsoll_core::Limits;
use plimsoll_files::Mode;

use crate::args::waiver::{Command, Sign, Waiver};
use crate::documents::beside;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings;

pub(super) fn run(arguments: &Waiver, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Sign(arguments) => sign(arguments, limits, console),
    }
}

fn sign(arguments: &Sign, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let bytes = settings::read_document(&arguments.waiver, limits)?;
    settings::document_fits(&bytes, &arguments.waiver, limits)?;
    let origin = arguments.waiver.display().to_string();
    let waiver = plimsoll_policy::Waiver::from_unsigned(&bytes, &origin)?;
    let key = settings::private_key(&arguments.key)?;
    let bundle = plimsoll_signing::waiver::sign(waiver.document(), &key)?;
    let target = arguments.file.output_file.clone().unwrap_or_else(|| beside(&arguments.waiver));
    plimsoll_files::replace_with(&target, Mode::Public, |out| out.write_all(&bundle))?;
    console.say(format_args!(
        "signed waiver {} until {} with key {}; wrote {}",
        waiver.name(),
        waiver.expires(),
        key.public_key().id(),
        target.display()
    ));
    Ok(Exit::Done)
}
