//! `plimsoll version`.

use crate::failure::{Exit, Failure};
use crate::output;

pub(super) fn run() -> Result<Exit, Failure> {
    output::emit(None, |out| writeln!(out, "plimsoll {}", env!("CARGO_PKG_VERSION")))?;
    Ok(Exit::Done)
}
