//! Flags about what is kept of what registries sent.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::shared::parse_duration;

const CACHE: &str = "Cache";

/// Flags of the commands that keep what registries sent.
#[derive(Debug, Clone, Args)]
pub(crate) struct Caching {
    /// Folder for what registries sent [default: plimsoll/registry in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_CACHE_DIR", help_heading = CACHE)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Fetch everything, keep nothing
    #[arg(long, env = "PLIMSOLL_NO_CACHE", value_parser = clap::builder::FalseyValueParser::new(), help_heading = CACHE)]
    pub(crate) no_cache: bool,
    /// Believe for so long, such as 10m, what a registry said about tags and about what is attached, without asking again
    #[arg(long, value_name = "DURATION", env = "PLIMSOLL_CACHE_FOR", value_parser = parse_duration, help_heading = CACHE)]
    pub(crate) cache_for: Option<Duration>,
}
