//! What layers yielded, for the next image of the run that has the same layer.
//!
//! Images that were built on one base share its layers, and so do often the platforms of an index. [`Shared`] reads
//! such a layer once, also when two images ask for it at the same time: the second waits for the first.
//!
//! What is kept is evidence: the facts of a layer whose size, digest and diff ID held. They depend on that layer, on what
//! was looked for in it and on the limits, and on nothing else, least of all on other layers or on where the bytes came
//! from. So the key is everything that takes part in reading one: the descriptor (the stored bytes are verified against
//! it, and its media type says how they must be compressed), the diff ID, and the entries asked for by a further pass.
//! What to select and the limits are the same for all that one `Shared` reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_core::rootfs::{FileSet, Select};
use plimsoll_core::{Digest, Limits};

use super::Hashing;
use super::facts::Facts;
use super::paths::Keyed;
use super::scan::{Interest, Targets};
use crate::artifact::{Image, Layer};
use crate::{Error, Progress, Source};

/// Facts kept for images to come, by default. A layer of 100,000 files costs about 2 MiB beside the wanted files, so the
/// common bases of a cluster's images fit; whatever was used longest ago is dropped beyond it, and read again when asked
/// for.
const KEPT_BYTES: u64 = 64 << 20;

/// How often one who waits for another's reading looks whether it was cancelled itself.
const PATIENCE: Duration = Duration::from_millis(50);

/// Reads the images of one run, each layer once.
pub struct Shared<'a> {
    pub(super) select: &'a dyn Select,
    pub(super) limits: Limits,
    /// One key for all layers: their hashes are compared with each other.
    pub(super) keyed: Keyed,
    kept_bytes: u64,
    slots: Mutex<Slots>,
    changed: Condvar,
}

#[derive(Default)]
struct Slots {
    by_key: BTreeMap<Key, Slot>,
    bytes: u64,
    /// Counts what is asked for, to know what was used longest ago.
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

/// All that the facts of a layer depend on, beside what a [`Shared`] has in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    digest: Digest,
    size: u64,
    media_type: String,
    diff_id: Digest,
    targets: Option<Targets>,
    hashing: Hashing,
}

impl Key {
    pub(super) fn new(layer: &Layer, interest: &Interest<'_>, hashing: Hashing) -> Self {
        Self {
            digest: layer.descriptor.digest,
            size: layer.descriptor.size,
            media_type: layer.descriptor.media_type.clone(),
            diff_id: layer.diff_id,
            targets: interest.only_targets().cloned(),
            hashing,
        }
    }
}

/// Where facts came from.
pub(super) enum Recalled {
    /// They were read now.
    Read(Arc<Facts>),
    /// Another image had the same layer.
    Known(Arc<Facts>),
}

impl<'a> Shared<'a> {
    /// Nothing has been read yet. `select` says what to look for in every image, `limits` bounds each of them.
    pub fn new(select: &'a dyn Select, limits: Limits) -> Self {
        Self {
            select,
            limits,
            keyed: Keyed::random(),
            kept_bytes: KEPT_BYTES,
            slots: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Keeps at most about so many bytes of facts between images; 0 keeps none.
    #[must_use]
    pub fn keeping(mut self, bytes: u64) -> Self {
        self.kept_bytes = bytes;
        self
    }

    /// The limits that hold for each image.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// As [`super::read`], without reading layers again that another image had.
    pub fn read(
        &self,
        source: &dyn Source,
        image: &Image,
        progress: &dyn Progress,
    ) -> Result<FileSet, Error> {
        super::read_image(self, source, image, Hashing::AsNamed, progress).map(|(files, _)| files)
    }

    /// The same, and what the layers, stored and uncompressed, hash to by the algorithm that the image does not name them
    /// by: the same bytes may be known under another digest.
    pub fn read_with_aliases(
        &self,
        source: &dyn Source,
        image: &Image,
        progress: &dyn Progress,
    ) -> Result<(FileSet, Vec<Digest>), Error> {
        super::read_image(self, source, image, Hashing::Both, progress)
    }

    /// The facts under `key`, which `read` finds out when nobody has. Its failure is nobody else's: whoever waited
    /// tries with the source of its own image.
    pub(super) fn once(
        &self,
        key: Key,
        cancelled: &AtomicBool,
        read: impl FnOnce() -> Result<Facts, Error>,
    ) -> Result<Recalled, Error> {
        let mut slots = self.lock();
        loop {
            slots.clock += 1;
            let now = slots.clock;
            match slots.by_key.get_mut(&key) {
                Some(Slot::Known { facts, used, .. }) => {
                    *used = now;
                    return Ok(Recalled::Known(Arc::clone(facts)));
                }
                Some(Slot::Reading) => {
                    let waited = self.changed.wait_timeout(slots, PATIENCE);
                    slots = waited.unwrap_or_else(PoisonError::into_inner).0;
                    if cancelled.load(Ordering::Relaxed) {
                        return Err(Error::Cancelled);
                    }
                }
                None => break,
            }
        }
        slots.by_key.insert(key.clone(), Slot::Reading);
        drop(slots);
        let claim = Claim { shared: self, key };
        let facts = Arc::new(read()?);
        claim.keep(&facts);
        Ok(Recalled::Read(facts))
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Nothing is left half-changed in it by a panic.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to read what a key stands for. Given back on drop, also when reading failed.
struct Claim<'a> {
    shared: &'a Shared<'a>,
    key: Key,
}

impl Claim<'_> {
    fn keep(self, facts: &Arc<Facts>) {
        // What a slot costs beside the facts.
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
    /// Drops what was used longest ago when `limit` does not hold any more, and an eighth at once, so that going through
    /// all of them does not happen for each layer that is added.
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
mod tests;
