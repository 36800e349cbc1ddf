//! Flags for the caches of registry answers and of layers.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::shared::{parse_duration, parse_switch};

const CACHE: &str = "Cache";

/// Flags of the commands that cache something.
#[derive(Debug, Clone, Args)]
pub(crate) struct CachePlace {
    /// Folder of the caches of registry answers and of layers [default: plimsoll in the user's cache folder]. If the variable
    /// CI is set, layers are only cached in a folder that is named here
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_CACHE_DIR", hide_short_help = true, help_heading = CACHE)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Do not use the caches
    #[arg(long, env = "PLIMSOLL_NO_CACHE", hide_short_help = true, value_parser = parse_switch, help_heading = CACHE)]
    pub(crate) no_cache: bool,
}

/// Flags of the commands that cache registry answers.
#[derive(Debug, Clone, Args)]
pub(crate) struct Caching {
    #[command(flatten)]
    pub(crate) place: CachePlace,
    /// How long to trust cached answers about tags and attached evidence without asking the registry again, such as 10m
    #[arg(long, value_name = "DURATION", env = "PLIMSOLL_CACHE_FOR", hide_short_help = true, value_parser = parse_duration, help_heading = CACHE)]
    pub(crate) cache_for: Option<Duration>,
}
