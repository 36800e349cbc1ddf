//! `plimsoll completions`.

use crate::args::{Completions, definition};
use crate::failure::{Exit, Failure};
use crate::output;

pub(super) fn run(arguments: &Completions) -> Result<Exit, Failure> {
    // The generator panics when its writer fails, so it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut definition(), "plimsoll", &mut script);
    output::emit(None, |out| out.write_all(&script))?;
    Ok(Exit::Done)
}
