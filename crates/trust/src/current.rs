//! The only place that decides which trusted root to use: a file, the cache, or the built-in one.

use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_core::{Limits, Timestamp, read};
use plimsoll_verify::TrustedRoot;
use sigstore_trust_root::SIGSTORE_PRODUCTION_SIGNING_CONFIG;

use crate::cache::Cached;
use crate::instance::{InitialRoot, Instance, PUBLIC_GOOD};
use crate::{Error, update};

/// Which trusted root to verify with.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// A file that the user named. It is used as it is, at any age.
    pub file: Option<&'a Path>,
    /// The instance, when there is no file.
    pub instance: &'a str,
    /// The folder of all instances; `None` when the user has no cache folder.
    pub folder: Option<&'a Path>,
    /// The time.
    pub now: Timestamp,
    /// How to reach the mirror, if the network may be used.
    pub http: &'a plimsoll_http::Settings,
}

/// A trusted root and where it came from.
#[derive(Debug)]
pub struct CurrentRoot {
    /// The root.
    pub root: TrustedRoot,
    /// The services of the same instance, for signing; `None` with a file.
    pub signing_config: Option<Vec<u8>>,
    /// Where they came from.
    pub origin: Origin,
}

/// Where trust came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The file that the user named.
    File(PathBuf),
    /// The cache of an instance.
    Cache {
        /// The instance.
        instance: String,
        /// When it was last updated.
        updated: Timestamp,
        /// When the instance's metadata expires.
        expires: Timestamp,
        /// Whether it was updated just now, because it had expired.
        refreshed: bool,
    },
    /// The public instance's as of this version of Plimsoll.
    BuiltIn,
}

/// The trusted root to verify with: the file, otherwise the cache, otherwise (for the public instance only)
/// the built-in one.
///
/// The network is used in one case: the cached metadata has expired, and `http` is not offline. If the update
/// then fails, so does this. Otherwise, an attacker who blocks the mirror could keep an old root in force.
/// Offline, the cache is used at any age; [`Origin`] tells the age. A verification never fetches an instance
/// for the first time.
pub fn current(choice: &Choice<'_>) -> Result<CurrentRoot, Error> {
    if let Some(path) = choice.file {
        let root = TrustedRoot::parse(&read_file(path)?).map_err(Error::TrustedRoot)?;
        return Ok(CurrentRoot { root, signing_config: None, origin: Origin::File(path.to_owned()) });
    }
    let cached = match choice.folder {
        Some(folder) => Cached::open(folder, choice.instance)?,
        None => None,
    };
    let Some((cached, folder)) = cached.zip(choice.folder) else {
        if choice.instance != PUBLIC_GOOD {
            return Err(Error::Unknown { instance: choice.instance.to_owned() });
        }
        let root = TrustedRoot::public_good().map_err(Error::TrustedRoot)?;
        let signing_config = Some(SIGSTORE_PRODUCTION_SIGNING_CONFIG.as_bytes().to_vec());
        return Ok(CurrentRoot { root, signing_config, origin: Origin::BuiltIn });
    };
    cached.clock_is_not_behind(choice.now)?;
    if cached.expires() >= choice.now || choice.http.offline {
        return from_cache(cached, false);
    }
    let instance = Instance {
        name: choice.instance.to_owned(),
        mirror: cached.mirror().to_owned(),
        root: InitialRoot::Known,
    };
    from_cache(update(&instance, folder, choice.now, choice.http)?.cached, true)
}

/// The current root from what an update has stored.
fn from_cache(cached: Cached, refreshed: bool) -> Result<CurrentRoot, Error> {
    let root = TrustedRoot::parse(cached.trusted_root()).map_err(Error::TrustedRoot)?;
    let signing_config = cached.signing_config.map(String::into_bytes);
    let (instance, updated, expires) = (cached.instance, cached.updated, cached.expires);
    let origin = Origin::Cache { instance, updated, expires, refreshed };
    Ok(CurrentRoot { root, signing_config, origin })
}

/// Reads a trusted root or signing config, within the limit.
fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|source| Error::Unreadable { place: place.clone(), source })?;
    read::to_end(file, Limits::TRUSTED_ROOT_BYTES, "trusted_root_bytes", &place).map_err(
        |error| match error {
            read::Error::Io { source, .. } => Error::Unreadable { place, source },
            other => Error::File { place, problem: other.to_string() },
        },
    )
}
