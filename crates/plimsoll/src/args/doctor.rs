//! `plimsoll doctor`.

use std::path::PathBuf;

use clap::Args;

use super::db::Format;
use super::shared::{DatabaseChoice, Instant, Network, OUTPUT, parse_switch};

/// Check what Plimsoll depends on: clock, configuration, database, trust root, cache, disk, proxies, registries
///
/// Without SUBJECT, no registry is asked. With one, its registry is asked for the subject's referrers, which shows
/// whether TLS, credentials and the referrers API work, how long an answer takes, and whether the clocks agree. Exit
/// code 0: nothing failed, although there may be warnings; 1: something failed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll doctor
  plimsoll doctor registry.example/team/app
  plimsoll doctor --json | jq '.checks[] | select(.status == \"fail\")'")]
pub(crate) struct Doctor {
    /// Images whose registries to check
    #[arg(value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    /// The same as --output json
    #[arg(long, env = "PLIMSOLL_JSON", value_parser = parse_switch)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    /// Folder of the caches of registry answers and of layers [default: plimsoll in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) instant: Instant,
    #[command(flatten)]
    pub(crate) network: Network,
}
