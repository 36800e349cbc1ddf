//! One command, one file, named by its verb. A command sees settings, calls libraries, hands the result to a renderer.

mod check;
mod completions;
mod db;
mod key;
mod man;
mod policy;
mod sbom;
mod scan;
mod sign;
mod waiver;

use crate::args::Command;
use crate::failure::{Exit, Failure};
use crate::output::Console;

/// Runs `command` and says how it ended.
pub(crate) fn run(command: &Command, console: Console) -> Result<Exit, Failure> {
    match command {
        Command::Check(arguments) => check::run(arguments, console),
        Command::Sbom(arguments) => sbom::run(arguments, console),
        Command::Scan(arguments) => scan::run(arguments, console),
        Command::Db(arguments) => db::run(arguments, console),
        Command::Sign(arguments) => sign::run(arguments, console),
        Command::Key(arguments) => key::run(arguments, console),
        Command::Policy(arguments) => policy::run(arguments, console),
        Command::Waiver(arguments) => waiver::run(arguments, console),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Man(arguments) => man::run(arguments, console),
    }
}
