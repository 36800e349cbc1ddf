//! Flags of the commands that can fetch advisories before they look something up.

use std::path::PathBuf;

use clap::Args;
use plimsoll_feeds::Mirror;

use super::shared::{JUDGEMENT, parse_switch};

/// Whether the database is updated first, and from where.
#[derive(Debug, Clone, Args)]
pub(crate) struct Updating {
    /// If the database lacks an ecosystem that is needed, or its data is too old to count, update it first, as `db update` does
    #[arg(long, env = "PLIMSOLL_DB_UPDATE", value_parser = parse_switch, help_heading = JUDGEMENT)]
    pub(crate) db_update: bool,
    /// Where a publisher's files lie instead of at its own server, for --db-update; may be repeated
    #[arg(long, value_name = "PUBLISHER=URL", env = "PLIMSOLL_FEED_MIRROR", hide_short_help = true, value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) mirror: Vec<Mirror>,
    /// Folder for the publishers' files, for --db-update [default: plimsoll/feeds in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_FEEDS", hide_short_help = true, help_heading = JUDGEMENT)]
    pub(crate) feeds: Option<PathBuf>,
}
