//! The facts of layers, kept for the next image of the run that has the same layer.
//!
//! Images with the same base share its layers, and the platforms of an index often share layers too.
//! [`Shared`] reads such a layer once, even if two images need it at the same time: the second waits for the
//! first.
//!
//! Only evidence is kept: the facts of a layer with verified size, digest and diff ID. They depend only on
//! that layer, on the selection and on the limits, and never on other layers or on the source of the bytes.
//! So the key contains everything that influences reading a layer: the descriptor (the stored bytes are
//! verified against it, its media type determines their compression, and the table of contents that it announces is
//! compared with them), the diff ID, and the entries that a further pass requests. The selection and the limits are the
//! same for everything that one `Shared` reads.
//!
//! With a [`LayerCache`], facts are also kept for later runs, under the same key.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use plimsoll_core::rootfs::{FileSet, Select};
use plimsoll_core::{Digest, Limits};

use super::cache::{FactsCache, LayerCache};
use super::facts::Facts;
use super::key::Key;
use super::paths::Keyed;
use super::{Hashing, LayerDigests};
use crate::artifact::Image;
use crate::{Error, Progress, Source};

/// Facts kept for images to come, by default. A layer of 100,000 files takes about 2 MiB in addition to the
/// wanted files, so the common bases of a cluster's images fit. Beyond this size, the facts that were used
/// longest ago are dropped, and read again when needed.
const KEPT_BYTES: u64 = 64 << 20;

/// How often a waiting reader checks whether it was cancelled.
const PATIENCE: Duration = Duration::from_millis(50);

/// Reads the images of one run, each layer once.
pub struct Shared<'a> {
    pub(super) select: &'a dyn Select,
    pub(super) limits: Limits,
    /// One key for all layers: their hashes are compared with each other.
    keyed: OnceLock<Keyed>,
    cache: Option<FactsCache<'a>>,
    kept_bytes: u64,
    slots: Mutex<Slots>,
    changed: Condvar,
}

#[derive(Default)]
struct Slots {
    by_key: BTreeMap<Key, Slot>,
    bytes: u64,
    /// Counts the requests, to know which facts were used longest ago.
    clock: u64,
}

enum Slot {
    /// Somebody is reading it.
    Reading,
    Known {
        facts: Arc<Facts>,
        bytes: u64,
        used: u64,
    },
}

/// Where facts came from.
pub(super) enum FactsSource {
    /// They were read now.
    Read(Arc<Facts>),
    /// Another image had the same layer, in this run or before.
    Known(Arc<Facts>),
}

impl<'a> Shared<'a> {
    /// Nothing has been read yet. `select` decides what is wanted of every image, and `limits` bounds each of
    /// them.
    pub fn new(select: &'a dyn Select, limits: Limits) -> Self {
        Self {
            select,
            limits,
            keyed: OnceLock::new(),
            cache: None,
            kept_bytes: KEPT_BYTES,
            slots: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Keeps at most about `bytes` bytes of facts between images; 0 keeps none.
    #[must_use]
    pub fn keeping(mut self, bytes: u64) -> Self {
        self.kept_bytes = bytes;
        self
    }

    /// Keeps facts in `cache`, too, and uses what earlier runs kept there. A selection without a codec keeps nothing.
    #[must_use]
    pub fn cached(mut self, cache: Option<LayerCache>) -> Self {
        let cache = cache.zip(self.select.codec());
        self.cache = cache.map(|(cache, codec)| FactsCache::new(cache, codec, self.limits.clone()));
        self
    }

    /// The limits for each image.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Like [`super::read`], but does not read layers again that another image had.
    pub fn read(
        &self,
        source: &dyn Source,
        image: &Image,
        progress: &dyn Progress,
    ) -> Result<FileSet, Error> {
        self.read_as(source, image, LayerDigests::Computed, progress)
    }

    /// The same, but whether the digests of layers have to be computed is up to the caller.
    pub fn read_as(
        &self,
        source: &dyn Source,
        image: &Image,
        digests: LayerDigests,
        progress: &dyn Progress,
    ) -> Result<FileSet, Error> {
        super::read_image(self, source, image, Hashing::AsNamed, digests, progress).map(|(files, _)| files)
    }

    /// Like [`Self::read`], with the digests of the layers, stored and uncompressed, by the algorithm that
    /// the image does not use: the same bytes may be known under another digest.
    pub fn read_with_aliases(
        &self,
        source: &dyn Source,
        image: &Image,
        progress: &dyn Progress,
    ) -> Result<(FileSet, Vec<Digest>), Error> {
        super::read_image(self, source, image, Hashing::Both, LayerDigests::Computed, progress)
    }

    /// The facts under `key` of an earlier image, or of an earlier run if `may_recall`.
    pub(super) fn known(&self, key: &Key, may_recall: bool) -> Option<Arc<Facts>> {
        let mut slots = self.lock();
        slots.clock += 1;
        let now = slots.clock;
        if let Some(Slot::Known { facts, used, .. }) = slots.by_key.get_mut(key) {
            *used = now;
            return Some(Arc::clone(facts));
        }
        drop(slots);
        let cache = self.cache.as_ref().filter(|_| may_recall)?;
        cache.facts(key).map(Arc::new)
    }

    /// The facts under `key`; `read` reads them if they are missing. Its failure does not affect others: a
    /// waiting reader then tries the source of its own image. `may_recall` says whether facts of earlier runs count.
    pub(super) fn once<E: From<Error>>(
        &self,
        key: Key,
        may_recall: bool,
        cancelled: &AtomicBool,
        read: impl FnOnce() -> Result<Facts, E>,
    ) -> Result<FactsSource, E> {
        let mut slots = self.lock();
        loop {
            slots.clock += 1;
            let now = slots.clock;
            match slots.by_key.get_mut(&key) {
                Some(Slot::Known { facts, used, .. }) => {
                    *used = now;
                    return Ok(FactsSource::Known(Arc::clone(facts)));
                }
                Some(Slot::Reading) => {
                    let waited = self.changed.wait_timeout(slots, PATIENCE);
                    slots = waited.unwrap_or_else(PoisonError::into_inner).0;
                    if cancelled.load(Ordering::Relaxed) {
                        return Err(Error::Cancelled.into());
                    }
                }
                None => break,
            }
        }
        slots.by_key.insert(key.clone(), Slot::Reading);
        drop(slots);
        let claim = Claim { shared: self, key };
        if may_recall && let Some(facts) = self.cache.as_ref().and_then(|cache| cache.facts(&claim.key)) {
            let facts = Arc::new(facts);
            claim.keep(&facts);
            return Ok(FactsSource::Known(facts));
        }
        let facts = Arc::new(read()?);
        if let Some(cache) = &self.cache {
            cache.keep(&claim.key, &facts);
        }
        claim.keep(&facts);
        Ok(FactsSource::Read(facts))
    }

    /// Hashes the paths of all layers.
    pub(super) fn keyed(&self) -> &Keyed {
        self.keyed
            .get_or_init(|| self.cache.as_ref().and_then(FactsCache::keyed).unwrap_or_else(Keyed::random))
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // A panic leaves nothing half-changed in it.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to read the layer of a key. It is given back on drop, even if reading failed.
struct Claim<'a> {
    shared: &'a Shared<'a>,
    key: Key,
}

impl Claim<'_> {
    fn keep(self, facts: &Arc<Facts>) {
        // The memory of a slot in addition to its facts.
        const SLOT: u64 = 512;
        let bytes = facts.bytes() + SLOT;
        if bytes > self.shared.kept_bytes {
            return;
        }
        let mut slots = self.shared.lock();
        let used = slots.clock;
        slots.bytes += bytes;
        slots.by_key.insert(self.key.clone(), Slot::Known { facts: Arc::clone(facts), bytes, used });
        slots.forget(self.shared.kept_bytes);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut slots = self.shared.lock();
        if matches!(slots.by_key.get(&self.key), Some(Slot::Reading)) {
            slots.by_key.remove(&self.key);
        }
        drop(slots);
        self.shared.changed.notify_all();
    }
}

impl Slots {
    /// Drops the facts that were used longest ago if `limit` is exceeded. It drops an eighth at once, so that
    /// not every added layer leads to a search through all of them.
    fn forget(&mut self, limit: u64) {
        if self.bytes <= limit {
            return;
        }
        let known = self.by_key.iter().filter_map(|(key, slot)| match slot {
            Slot::Known { bytes, used, .. } => Some((*used, *bytes, key.clone())),
            Slot::Reading => None,
        });
        let mut known: Vec<(u64, u64, Key)> = known.collect();
        known.sort_unstable();
        // The last was used just now.
        known.pop();
        for (_, bytes, key) in known {
            if self.bytes <= limit - limit / 8 {
                return;
            }
            self.by_key.remove(&key);
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
