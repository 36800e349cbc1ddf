//! Settings of what updates the database before something is looked up.

use std::path::PathBuf;

use plimsoll_feeds::Mirror;
use plimsoll_gather::Access;

use super::Context;
use crate::args::update_flags::Updating;
use crate::failure::Failure;

/// How the database is updated when it lacks something.
pub(crate) struct UpdatingSettings {
    /// Where publishers' files lie instead of at their own servers.
    pub(crate) mirrors: Vec<Mirror>,
    /// Folder for the publishers' files.
    pub(crate) feeds: PathBuf,
    pub(crate) access: Access,
    /// The machine's clock: when something is retrieved is not a question of `--at`.
    pub(crate) clock: fn() -> plimsoll_core::Timestamp,
}

impl UpdatingSettings {
    /// `None` if the database stays as it is.
    pub(crate) fn resolve(
        arguments: &Updating,
        access: &Access,
        context: &Context<'_>,
    ) -> Result<Option<Self>, Failure> {
        if !arguments.db_update {
            return Ok(None);
        }
        let feeds = match &arguments.feeds {
            Some(folder) => folder.clone(),
            None => context.cache_folder()?.join("feeds"),
        };
        let (mirrors, access, clock) = (arguments.mirror.clone(), access.clone(), context.clock());
        Ok(Some(Self { mirrors, feeds, access, clock }))
    }
}
