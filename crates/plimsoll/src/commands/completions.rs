//! `plimsoll completions`.

use crate::failure::{Exit, Failure};
use crate::output;
use crate::settings::completions::CompletionsSettings;

pub(super) fn run(settings: &CompletionsSettings) -> Result<Exit, Failure> {
    // The generator panics when its writer fails, so it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(settings.shell, &mut settings.definition.clone(), "plimsoll", &mut script);
    output::emit(None, |out| out.write_all(&script))?;
    Ok(Exit::Done)
}
