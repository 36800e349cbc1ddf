//! `plimsoll man`.

use plimsoll_core::Kind;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::man::ManSettings;

pub(super) fn run(settings: &ManSettings, console: Console) -> Result<Exit, Failure> {
    let mut command = settings.definition.clone();
    // Gives each subcommand its full name, `plimsoll-db-build`, which is also the page's.
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    for (name, page) in &pages {
        output::emit(Some(&settings.folder.join(name)), |out| out.write_all(page))?;
    }
    console.say(format_args!("wrote {} manual pages to {}", pages.len(), settings.folder.display()));
    Ok(Exit::Done)
}

fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    let man = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)
        .map_err(|e| Failure::new(Kind::Internal, format!("cannot render a manual page: {e}")))?;
    pages.push((man.get_filename(), page));
    command.get_subcommands().try_for_each(|c| collect(c, pages))
}
