//! Settings of `plimsoll cache`.

use std::path::PathBuf;

use super::{Context, Format};
use crate::args::cache::{Cache, Command, Place};
use crate::failure::Failure;

/// What is done with the caches.
pub(crate) enum CacheSettings {
    /// Their sizes are shown.
    Status(Vec<CacheFolder>, Format),
    /// They are emptied.
    Clear(Vec<CacheFolder>),
}

/// One cache.
pub(crate) struct CacheFolder {
    /// What is kept there.
    pub(crate) name: &'static str,
    pub(crate) folder: PathBuf,
    /// Bytes that it takes at most.
    pub(crate) limit: u64,
}

impl CacheSettings {
    pub(crate) fn resolve(arguments: &Cache, context: &Context<'_>) -> Result<Self, Failure> {
        Ok(match &arguments.command {
            Command::Status(arguments) => Self::Status(folders(&arguments.place, context)?, arguments.output),
            Command::Clear(arguments) => Self::Clear(folders(&arguments.place, context)?),
        })
    }
}

fn folders(place: &Place, context: &Context<'_>) -> Result<Vec<CacheFolder>, Failure> {
    let (place, limits) = (place.cache_dir.as_deref(), context.limits);
    Ok(vec![
        CacheFolder {
            name: "registry",
            folder: context.registry_cache_folder(place)?,
            limit: limits.cache_bytes,
        },
        CacheFolder {
            name: "layers",
            folder: context.layer_cache_folder(place)?,
            limit: limits.layer_cache_bytes,
        },
    ])
}
