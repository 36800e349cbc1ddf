//! `plimsoll help`.

use plimsoll_core::Kind;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::help::HelpSettings;

pub(super) fn run(settings: &HelpSettings, console: Console) -> Result<Exit, Failure> {
    match settings {
        HelpSettings::Page(page) => {
            output::emit(None, |out| {
                if console.page(None).paint.0 {
                    write!(out, "{}", page.ansi())
                } else {
                    write!(out, "{page}")
                }
            })?;
            Ok(Exit::Done)
        }
        HelpSettings::Unknown { word, hint } => {
            Err(Failure::new(Kind::Usage, format!("there is no command `{word}`")).with_hint(hint.clone()))
        }
    }
}
