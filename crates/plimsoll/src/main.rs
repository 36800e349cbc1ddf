//! `plimsoll`: arguments → settings → library calls → rendering → exit code.
//!
//! No domain logic lives here. Standard output is for data, standard error for messages; the exit code follows
//! [`plimsoll_core::Kind`], and a panic ends in 7, never in success.

mod args;
mod commands;
mod config;
mod failure;
mod output;
mod progress;
mod render;
mod report;
mod schemas;
mod settings;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::config::Stop;
use crate::failure::Exit;
use crate::output::Console;
use crate::settings::Context;
use crate::settings::console::ConsoleSettings;

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let parsed = match config::parse(&typed) {
        Ok(parsed) => parsed,
        Err(Stop::Clap(error)) => return failure::usage(&error),
        Err(Stop::Failure(failure)) => {
            Console::new(ConsoleSettings::without_arguments()).report(&failure);
            return Exit::Kind(failure.kind()).into();
        }
    };
    let console = Console::new(ConsoleSettings::resolve(&parsed.arguments.global));
    console.start_log();
    for (name, meant) in &parsed.config.misspelled {
        console.warn(format_args!("the environment variable {name} has no effect; did you mean {meant}?"));
    }
    let exit = failure::guarded(|| {
        let run = || {
            // Before anything is requested or read: nobody should wait for a result that cannot be written.
            parsed.outputs.iter().try_for_each(|file| plimsoll_files::writable(file))?;
            let context = Context::of_process(&parsed.limits, &parsed.config)?;
            commands::run(&parsed.arguments.command, &context, console)
        };
        run().unwrap_or_else(|failure| {
            let failure = config::blamed(failure, &parsed.config.set_by_variables);
            console.report(&failure);
            Exit::Kind(failure.kind())
        })
    });
    exit.into()
}
