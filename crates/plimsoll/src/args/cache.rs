//! `plimsoll cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::db;
use super::shared::OUTPUT;

/// Show or empty the caches of registry answers and of layers
///
/// `verify` keeps the answers of registries; `sbom`, `scan` and `check` keep the facts that they read from layers.
/// Everything in the caches can be fetched and read again, so nothing is lost when they are emptied. The advisory
/// database and the trusted roots are not caches in this sense.
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "\
Examples:
  plimsoll cache status
  plimsoll cache clear"
)]
pub(crate) struct Cache {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `cache`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Status(Status),
    Clear(Clear),
}

/// Show where the caches are, and their sizes
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll cache status\n  plimsoll cache status -o json | jq .caches[].bytes"
)]
pub(crate) struct Status {
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: db::Format,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Empty the caches
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll cache clear\n  plimsoll cache clear --cache-dir /var/cache/plimsoll"
)]
pub(crate) struct Clear {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where the caches are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Folder of the caches of registry answers and of layers [default: plimsoll in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}
