//! `plimsoll help`.

use plimsoll_core::{Kind, nearest, text};

use crate::args::{habits, help};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::help::HelpSettings;

pub(super) fn run(settings: &HelpSettings, console: Console) -> Result<Exit, Failure> {
    let page = help::page(settings.definition.clone(), &settings.words, settings.detail)
        .map_err(|word| unknown(&word, settings))?;
    output::emit(None, |out| {
        if console.page(None).paint.0 { write!(out, "{}", page.ansi()) } else { write!(out, "{page}") }
    })?;
    Ok(Exit::Done)
}

fn unknown(word: &str, settings: &HelpSettings) -> Failure {
    let failure = Failure::new(Kind::Usage, format!("there is no command `{}`", text::terminal(word)));
    let known = settings.definition.get_subcommands().map(clap::Command::get_name);
    match (habits::answer("plimsoll", word), nearest(word, known)) {
        (Some(answer), _) => failure.with_hint(answer),
        (None, Some(name)) => failure.with_hint(format!("did you mean `plimsoll help {name}`?")),
        (None, None) => failure.with_hint("`plimsoll help` lists the commands"),
    }
}
