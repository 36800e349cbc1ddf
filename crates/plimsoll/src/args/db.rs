//! `plimsoll db`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use plimsoll_core::Timestamp;

use super::shared::{DatabaseChoice, Instant, OUTPUT};

/// Build and inspect the advisory database
#[derive(Debug, Args)]
pub(crate) struct Db {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `db`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(Build),
    Status(Status),
}

/// Build the database from a folder of publishers' advisories
///
/// Reads DIR/ECOSYSTEM/all.zip or DIR/ECOSYSTEM/*.json (OSV; also below DIR/osv), DIR/debian/tracker.json (the Debian
/// security tracker) and DIR/alpine/RELEASE/*.json (the Alpine security database), and writes one file per ecosystem.
/// If a feed cannot be read completely, the database does not change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  curl --create-dirs -fo feeds/PyPI/all.zip \\
      https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip
  plimsoll db build --from feeds/ --as-of $(date -u +%Y-%m-%dT%H:%M:%SZ)

The publishers' files (docs/feeds.md has all of them):
  PyPI, Go, npm, …  https://osv-vulnerabilities.storage.googleapis.com/ECOSYSTEM/all.zip
  Debian            https://security-tracker.debian.org/tracker/data/json
  Alpine            https://secdb.alpinelinux.org/RELEASE/main.json, …/community.json")]
pub(crate) struct Build {
    /// Folder with the publishers' files
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_FROM")]
    pub(crate) from: PathBuf,
    /// When the files were retrieved from their publishers (RFC 3339); the database's age counts from then
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_AS_OF")]
    pub(crate) as_of: Timestamp,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
}

/// Show the feeds in the database and how old they are
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plimsoll db status --db db/\n  plimsoll db status -o json")]
pub(crate) struct Status {
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) instant: Instant,
}

/// Formats of reports that have no standard of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
}
