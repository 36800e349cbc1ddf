//! Flags that several commands share.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use plimsoll_core::{Platform, Timestamp};

const LOOKS: &str = "Appearance";
const NETWORK: &str = "Network";
const OUTPUT: &str = "Output";

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Say nothing but errors
    #[arg(short, long, global = true, env = "PLIMSOLL_QUIET", value_parser = clap::builder::FalseyValueParser::new(), help_heading = LOOKS)]
    pub(crate) quiet: bool,
    /// Say more; twice: every request
    #[arg(short, long, global = true, action = ArgAction::Count, env = "PLIMSOLL_VERBOSE", conflicts_with = "quiet", help_heading = LOOKS)]
    pub(crate) verbose: u8,
    /// Colours and progress bars
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", env = "PLIMSOLL_COLOR", help_heading = LOOKS)]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Flags of the commands that talk to registries.
#[derive(Debug, Clone, Args)]
pub(crate) struct Network {
    /// Make no network call; a subject in a registry is then refused
    #[arg(long, env = "PLIMSOLL_OFFLINE", value_parser = clap::builder::FalseyValueParser::new(), help_heading = NETWORK)]
    pub(crate) offline: bool,
    /// Give up on one network call after so long, such as 90s or 5m
    #[arg(long, value_name = "DURATION", default_value = "30m", env = "PLIMSOLL_TIMEOUT", value_parser = parse_duration, help_heading = NETWORK)]
    pub(crate) timeout: std::time::Duration,
    /// A registry (host or host:port) that may be reached without TLS; may be repeated
    #[arg(long, value_name = "HOST", env = "PLIMSOLL_INSECURE_REGISTRY", value_delimiter = ',', help_heading = NETWORK)]
    pub(crate) insecure_registry: Vec<String>,
    /// Certificate authorities to trust beside the system's, in PEM; may be repeated
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_FILE", value_delimiter = ',', help_heading = NETWORK)]
    pub(crate) ca_file: Vec<PathBuf>,
}

/// Flags of the commands that read subjects and write a result about them.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Where the result goes.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputFile {
    /// Write the result to this file, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_OUTPUT_FILE", help_heading = OUTPUT)]
    pub(crate) output_file: Option<PathBuf>,
}

/// Which image of an index.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlatformChoice {
    /// The platform to look at, such as linux/amd64
    #[arg(long, value_name = "OS/ARCH", env = "PLIMSOLL_PLATFORM")]
    pub(crate) platform: Option<Platform>,
}

/// The advisory database.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseChoice {
    /// Folder of the advisory database [default: plimsoll/db in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_DB")]
    pub(crate) db: Option<PathBuf>,
}

/// The instant that counts as now.
#[derive(Debug, Clone, Args)]
pub(crate) struct Instant {
    /// Judge as of this instant (RFC 3339, such as 2026-11-20T12:00:00Z) instead of now
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_AT")]
    pub(crate) at: Option<Timestamp>,
}

/// A duration as people write it: `90s`, `5m`, `24h`, `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("got `{text}`, expected a duration such as 90s, 5m or 1h30m");
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    std::time::Duration::try_from(duration).ok().filter(|d| !d.is_zero()).ok_or_else(wrong)
}
