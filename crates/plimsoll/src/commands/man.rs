//! `plimsoll man`.

use plimsoll_core::Kind;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::man::ManSettings;

pub(super) fn run(settings: &ManSettings, console: Console) -> Result<Exit, Failure> {
    let mut command = whole(settings.definition.clone());
    // Gives each subcommand its full name, `plimsoll-db-build`, which is also the name of the page.
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    for (name, page) in &pages {
        output::emit(Some(&settings.folder.join(name)), |out| out.write_all(page))?;
    }
    console.say(format_args!("wrote {} manual pages to {}", pages.len(), settings.folder.display()));
    Ok(Exit::Done)
}

/// The same with everything shown: a manual page has room for rare flags, and names each flag's environment variable.
fn whole(command: clap::Command) -> clap::Command {
    let shown = |argument: clap::Arg| {
        let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string);
        let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
        let argument = argument.hide_short_help(false);
        match (help, variable) {
            (Some(help), Some(variable)) => {
                argument.long_help(format!("{help}\n\nEnvironment variable: {variable}"))
            }
            _ => argument,
        }
    };
    command.mut_args(shown).mut_subcommands(whole)
}

fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    let man = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)
        .map_err(|e| Failure::new(Kind::Internal, format!("cannot render a manual page: {e}")))?;
    pages.push((man.get_filename(), page));
    command.get_subcommands().try_for_each(|c| collect(c, pages))
}
