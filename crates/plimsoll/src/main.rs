//! `plimsoll`: arguments → settings → library calls → rendering → exit code.
//!
//! No domain logic lives here. Standard output carries data, standard error talk; the exit code follows
//! [`plimsoll_core::Kind`], and a panic ends in 7, never in success.

mod args;
mod commands;
mod documents;
mod failure;
mod output;
mod progress;
mod render;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Arguments;
use crate::failure::Exit;
use crate::output::Console;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::usage(&error),
    };
    let console = Console::new(&arguments.global);
    console.start_log();
    let exit = failure::guarded(|| {
        commands::run(&arguments.command, console).unwrap_or_else(|failure| {
            console.report(&failure);
            Exit::Kind(failure.kind())
        })
    });
    exit.into()
}
