//! `plimsoll config`.

use clap::{Args, Subcommand};

use super::db::Format;
use super::shared::OUTPUT;

/// Show the settings and where they come from
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(Show),
    Path(Path),
}

/// Show every setting and limit with its value and origin
///
/// Flags take precedence over environment variables, then the user's configuration file, then the system's. Each name
/// is a key of the file, a long flag, and the variable PLIMSOLL_NAME.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll config show
  plimsoll config show -o json | jq '.settings[] | select(.origin.kind != \"default\")'
  plimsoll config show --config ci/plimsoll.yaml")]
pub(crate) struct Show {
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
}

/// Show where configuration files are searched, in order of precedence
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plimsoll config path")]
pub(crate) struct Path {}
