//! The facts of layers in the user's cache folder, for later runs.
//!
//! Owns what is kept, under which name, and when it may be used. [`plimsoll_files::cache`] owns where it is stored, and that
//! it stays small; `entry` owns the bytes.
//!
//! - **A layer is known by everything that its reading verified**: the digest, size and media type of the stored bytes, the
//!   diff ID, and the table of contents that its manifest announces. The diff ID alone is not enough. A configuration can
//!   claim the diff ID of a harmless layer for other content; engines that do not compare it when they unpack would run that
//!   content. The digest of the stored bytes is what every runtime fetches by.
//! - **A place whose users fetch by digest** ([`crate::Source::is_fetched_by_digest`]), which means a registry, is the
//!   only one for which earlier facts count. Layers on this machine are read each time, and their facts are kept for
//!   later runs with a registry.
//! - **The facts** depend on the selection with its version, on the limits, and on this program. All of them are part
//!   of the name, so that facts of another version are not found. A file that exceeds a limit gives the same facts
//!   again. A layer that cannot be read has no facts.
//! - **Paths** are kept as keyed hashes (`paths.rs`). The key comes from the folder's secret, because the hashes of all
//!   layers are compared with each other. Whoever can read the folder could prepare layers in which paths collide, so it is
//!   0700 like everything there.
//!
//! Readers take no lock: an entry is complete, missing, or has a wrong checksum. Nothing here can fail a run. If the
//! cache cannot be used, this is reported once, and layers are read.

pub(super) mod entry;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use plimsoll_core::rootfs::FactCodec;
use plimsoll_core::{Classify as _, Digest, Limits};
use plimsoll_files::cache as files;

use super::facts::Facts;
use super::key::{Fields, Key};
use super::paths::Keyed;

/// Raised whenever the format of an entry changes.
const FORMAT: &str = "plimsoll layer 1";
const SECTION: &str = "layers";

/// How a cache is used.
#[derive(Debug, Clone)]
pub struct LayerCacheSettings {
    /// Its folder. Created when something is first kept.
    pub folder: PathBuf,
    /// Whether the user named the folder and so is warned if it cannot be used.
    pub named: bool,
    /// Approximate bytes that it may take on disk.
    pub bytes: u64,
    /// Differs for programs that may make other facts of the same file.
    pub program: &'static str,
}

/// A cache for the facts of layers. Clones are the same cache.
#[derive(Clone)]
pub struct LayerCache(Arc<Inner>);

impl fmt::Debug for LayerCache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("LayerCache").field(&self.0.settings).finish()
    }
}

struct Inner {
    settings: LayerCacheSettings,
    /// Opened when it is first needed; `None` if it cannot be used.
    opened: OnceLock<Option<Opened>>,
    /// Set once a failure to keep or read something was reported.
    told: OnceLock<()>,
}

struct Opened {
    files: files::Cache,
    secret: [u8; files::SECRET_BYTES],
}

impl LayerCache {
    /// The cache that `settings` name. Opens nothing yet.
    pub fn new(settings: LayerCacheSettings) -> Self {
        Self(Arc::new(Inner { settings, opened: OnceLock::new(), told: OnceLock::new() }))
    }

    fn opened(&self) -> Option<&Opened> {
        self.0.opened()
    }
}

/// A cache as one selection uses it, within limits.
pub(super) struct FactsCache<'a> {
    cache: LayerCache,
    codec: &'a dyn FactCodec,
    limits: Limits,
    /// The common part of all names of its entries.
    common: OnceLock<Digest>,
}

impl<'a> FactsCache<'a> {
    pub(super) fn new(cache: LayerCache, codec: &'a dyn FactCodec, limits: Limits) -> Self {
        Self { cache, codec, limits, common: OnceLock::new() }
    }

    /// The key for the hashes of paths; `None` if the cache cannot be used.
    pub(super) fn keyed(&self) -> Option<Keyed> {
        let opened = self.cache.opened()?;
        let key = Digest::sha256(&[b"paths ".as_slice(), &opened.secret].concat());
        Keyed::with_key(key.as_bytes())
    }

    /// The facts under `key`, if they are kept.
    pub(super) fn facts(&self, key: &Key) -> Option<Facts> {
        let opened = self.cache.opened()?;
        let name = self.name(opened, key);
        // Larger entries are never kept.
        let most = self.cache.0.settings.bytes / 4;
        let bytes = match opened.files.read(SECTION, &name, most) {
            Ok(entry) => entry?.bytes,
            Err(error) => {
                self.cache.0.trouble(&error);
                return None;
            }
        };
        if let Some(facts) = entry::decode(&bytes, &name, self.codec) {
            opened.files.touch(SECTION, &name);
            return Some(facts);
        }
        tracing::warn!("a layer in the cache is damaged, and is read again");
        opened.files.remove(SECTION, &name);
        None
    }

    /// Keeps the facts under `key`, all parts of which were verified by the reading.
    pub(super) fn keep(&self, key: &Key, facts: &Facts) {
        let Some(opened) = self.cache.opened() else { return };
        let name = self.name(opened, key);
        let Some(bytes) = entry::encode(facts, &name, self.codec) else { return };
        if let Err(error) = opened.files.write(SECTION, &name, &bytes) {
            self.cache.0.trouble(&error);
        }
    }

    /// The name of an entry: a hash of everything that it depends on.
    fn name(&self, opened: &Opened, key: &Key) -> String {
        let mut name = Fields::new();
        name.field(self.common.get_or_init(|| self.common(opened)).as_bytes());
        key.fields(&mut name);
        name.finish().hex()
    }

    fn common(&self, opened: &Opened) -> Digest {
        let mut common = Fields::new();
        common.field(FORMAT.as_bytes());
        common.field(&opened.secret);
        common.field(self.cache.0.settings.program.as_bytes());
        common.field(self.codec.version().as_bytes());
        // The size of the cache does not affect facts.
        for limit in self.limits.list().iter().filter(|limit| !limit.name.ends_with("cache_bytes")) {
            common.field(limit.name.as_bytes());
            common.field(&limit.value.to_le_bytes());
        }
        common.finish()
    }
}

/// Reads the part after the checksum of an entry and writes it again. `None` if it is not the facts of a layer. For
/// fuzzing and tests: runs use [`LayerCache`].
pub fn rewritten(bytes: &[u8], codec: &dyn FactCodec) -> Option<Vec<u8>> {
    entry::encode_layer(&entry::decode_layer(bytes, codec)?, Vec::new(), codec)
}

impl Inner {
    fn opened(&self) -> Option<&Opened> {
        let open = || match self.open() {
            Ok(opened) => Some(opened),
            Err(error) => {
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                // A home folder that is not writable needs no warning each time, but one that others can write to does.
                if self.settings.named || !matches!(error, plimsoll_files::Error::Io { .. }) {
                    tracing::warn!("layers are not cached: {error}{hint}");
                } else {
                    tracing::info!("layers are not cached: {error}{hint}");
                }
                None
            }
        };
        self.opened.get_or_init(open).as_ref()
    }

    fn open(&self) -> Result<Opened, plimsoll_files::Error> {
        let files = files::Cache::open(&self.settings.folder, self.settings.bytes)?;
        let secret = files.secret(|| {
            let mut random = [0; files::SECRET_BYTES];
            getrandom::fill(&mut random).map_err(io::Error::from)?;
            Ok(random)
        })?;
        Ok(Opened { files, secret })
    }

    /// Reports once that entries cannot be kept or read.
    fn trouble(&self, error: &plimsoll_files::Error) {
        self.told.get_or_init(|| tracing::warn!("the cache of layers cannot be used: {error}"));
    }
}

#[cfg(test)]
pub(super) mod tests;
