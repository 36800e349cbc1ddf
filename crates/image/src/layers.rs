//! Reading the layers of an image: streamed, verified, squashed.
//!
//! Each layer passes through three threads: one reads the compressed bytes and hashes them, one uncompresses
//! and reads the tar, one hashes the uncompressed bytes. The content of the tar stays private to that layer
//! until its size, its digest and its diff ID are verified. Then the layers are squashed in the same way as
//! by container runtimes. Each layer is unpacked separately, by the rules of the OCI image specification,
//! "Image Layer Filesystem Changeset", and placed over the layers below. Whiteouts and opaque directories
//! hide content of lower layers, the topmost layer counts, and links are resolved inside the image. If
//! runtimes differ, either the layer is refused, or files that only some of them show are found and also
//! reported as unreadable. Nothing is written to disk.
//!
//! A layer takes memory for the facts that were made of wanted files in passing, and for a keyed 64-bit hash
//! of each other path. If a file turns out to be wanted only after it has passed (the target of a link), a
//! second pass over its layer is needed, and the layer is verified again.
//!
//! ```text
//! source ─▶ count, hash ─▶ inflate ─▶ tar ─▶ facts of the layer ─┐
//!                             └─▶ hash (diff ID)                 ├─▶ squash ─▶ FileSet
//!                                             … other layers … ──┘
//! ```

pub mod cache;
mod contents;
mod exact;
mod facts;
mod index;
mod key;
pub(crate) mod listing;
mod paths;
mod pipe;
mod scan;
mod shared;
mod squash;
mod work;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use plimsoll_core::rootfs::{FileSet, LayerRef, Select};
use plimsoll_core::{Digest, LimitExceeded, Limits};

use crate::artifact::{Image, Layer};
use crate::{Error, Progress, Source};
use contents::Refusal;
use facts::{Facts, Known, Verified};
use index::PathIndex;
use key::Key;
use pipe::Pipe;
use scan::{Interest, Scan, Targets};
use shared::FactsSource;
use squash::Stack;

pub use shared::Shared;

/// Reads all layers of `image` from `source` and returns the files that `select` wants as they are visible in
/// the final root file system. The result is the same from run to run. A layer that cannot be read
/// completely, or differs from what the image states, is an error: there is no inventory of half an image.
pub fn read(
    source: &dyn Source,
    image: &Image,
    select: &dyn Select,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<FileSet, Error> {
    Shared::new(select, limits.clone()).read(source, image, progress)
}

/// Whether the digests of layers have to be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerDigests {
    /// Each layer is read as a whole, and compared with its digest and diff ID.
    Computed,
    /// A layer in a registry that has a table of contents may be read in parts, which only their digests in the table verify.
    /// Which layers were read so is in [`FileSet::unhashed_layers`]. A table can describe other files than the layer has, and
    /// whoever unpacks that sees those.
    Optional,
}

/// Whether layers are hashed by both algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hashing {
    AsNamed,
    Both,
}

/// The files, and the layers' digests by the other algorithm, under which they are not named.
fn read_image(
    shared: &Shared<'_>,
    source: &dyn Source,
    image: &Image,
    hashing: Hashing,
    digests: LayerDigests,
    progress: &dyn Progress,
) -> Result<(FileSet, Vec<Digest>), Error> {
    let Shared { select, limits, .. } = shared;
    let keyed = shared.keyed();
    let run = Run { shared, source, image, limits, progress, hashing, digests, used: Used::default() };
    let first: Vec<(usize, Interest<'_>)> =
        (0..image.layers.len()).map(|index| (index, Interest::selected(*select))).collect();
    let mut known: Vec<Known> = run.pass(&first)?.into_iter().map(|(_, facts)| Known::new(facts)).collect();
    let Some(index) = PathIndex::new(&known) else {
        return Err(LimitExceeded::fixed("layers", u16::MAX.into(), "the image").into());
    };
    for _ in 0..FURTHER_PASSES {
        let needs = Stack::new(&known, &index, keyed.clone(), *select, limits).needs()?;
        if needs.is_empty() {
            break;
        }
        let interests: Vec<(usize, Interest<'_>)> =
            needs.into_iter().map(|(index, targets)| (index, Interest::targets(*select, targets))).collect();
        for (index, found) in run.pass(&interests)? {
            if let Some(known) = known.get_mut(index) {
                known.add(found);
            }
        }
    }
    let layers = image.layers.iter().enumerate().map(|(index, layer)| LayerRef {
        index,
        digest: layer.descriptor.digest,
        diff_id: layer.diff_id,
    });
    let stack = Stack::new(&known, &index, keyed.clone(), *select, limits);
    let files = stack.files()?;
    let listed = if select.lists_files() { Some(Arc::new(stack.listed()?)) } else { None };
    let aliases = known.iter().flat_map(|known| known.aliases().iter().copied()).collect();
    let unhashed = known.iter().enumerate().filter(|(_, known)| !known.is_hashed());
    let unhashed_layers = unhashed.map(|(index, _)| index).collect();
    drop(known);
    let files = files.into_set(layers.collect(), limits)?;
    Ok((FileSet { unhashed_layers, listed, ..files }, aliases))
}

/// How many further passes may follow chains of links. Each pass resolves at least one more link. Real images
/// need one pass; files that need more than this are reported as unreadable.
const FURTHER_PASSES: usize = 4;

struct Run<'a> {
    shared: &'a Shared<'a>,
    source: &'a dyn Source,
    image: &'a Image,
    limits: &'a Limits,
    progress: &'a dyn Progress,
    hashing: Hashing,
    digests: LayerDigests,
    used: Used,
}

/// How much of the image's limits its layers have used so far, over all passes.
#[derive(Debug, Default)]
struct Used {
    /// Bytes of facts.
    kept_bytes: AtomicU64,
    /// Bytes of the names that belong to them.
    name_bytes: AtomicU64,
    /// Paths of ledgers.
    places: AtomicU64,
    /// Bytes of the inventory of files.
    listed_bytes: AtomicU64,
}

impl Used {
    /// Counts `more` against a limit.
    fn take(
        used: &AtomicU64,
        more: u64,
        (name, limit): (&'static str, u64),
        what: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        if used.fetch_add(more, Ordering::Relaxed).saturating_add(more) > limit {
            return Err(LimitExceeded::new(name, limit, what()).into());
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Reads the given layers, as many at a time as there are processors, the largest first, so that it is
    /// not read last and alone. Results are in the order of `wanted`. After a failure no further layer is
    /// begun, and layers in progress stop.
    fn pass(&self, wanted: &[(usize, Interest<'_>)]) -> Result<Vec<(usize, Arc<Facts>)>, Error> {
        let mut order: Vec<(usize, Layer, &Interest<'_>)> = Vec::new();
        for (index, interest) in wanted {
            let Some(layer) = self.image.layers.get(*index) else { continue };
            let layer = Layer { descriptor: self.source.stored(layer)?, ..layer.clone() };
            if layer.descriptor.size > self.limits.layer_bytes {
                let what = format!("layer {}", layer.descriptor.digest);
                return Err(LimitExceeded::new("layer_bytes", self.limits.layer_bytes, what).into());
            }
            order.push((*index, layer, interest));
        }
        self.progress.layer_total(order.iter().map(|(_, layer, _)| layer.descriptor.size).sum());
        order.sort_by_key(|(index, layer, _)| (std::cmp::Reverse(layer.descriptor.size), *index));
        let mut workers = thread::available_parallelism().map_or(1, NonZero::get).min(order.len());
        let position = |layer: &Layer| self.source.position(&layer.descriptor);
        if order.iter().any(|(_, layer, _)| position(layer).is_some()) {
            order.sort_by_key(|(_, layer, _)| position(layer));
            workers = workers.min(1);
        }
        let (next, cancelled) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut mine: Vec<(usize, Result<Arc<Facts>, Error>)> = Vec::new();
            while !cancelled.load(Ordering::Relaxed) {
                let Some((index, layer, interest)) = order.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                let result = self.layer(layer, interest, &cancelled);
                if result.is_err() {
                    cancelled.store(true, Ordering::Relaxed);
                }
                mine.push((*index, result));
            }
            mine
        };
        let done: Vec<(usize, Result<Arc<Facts>, Error>)> = thread::scope(|scope| {
            // This thread is one of the workers.
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            done
        });
        let mut found = BTreeMap::new();
        let mut failed: Option<(usize, Error)> = None;
        for (index, result) in done {
            match result {
                Ok(facts) => {
                    found.insert(index, facts);
                }
                Err(Error::Cancelled) => {}
                Err(error) if failed.as_ref().is_none_or(|(first, _)| index < *first) => {
                    failed = Some((index, error));
                }
                Err(_) => {}
            }
        }
        match failed {
            Some((_, error)) => Err(error),
            None if found.len() == order.len() => Ok(found.into_iter().collect()),
            None => Err(Error::Cancelled),
        }
    }

    /// The content of one layer, from another image that had it, from the cache, or by reading it.
    fn layer(
        &self,
        layer: &Layer,
        interest: &Interest<'_>,
        cancelled: &AtomicBool,
    ) -> Result<Arc<Facts>, Error> {
        let key = Key::new(layer, interest, self.hashing);
        let has_table = key.has_table();
        let read = || {
            if has_table {
                contents::check(&self.pipe(layer, cancelled))?;
            }
            self.unpack(layer, interest, cancelled)
        };
        let may_recall = self.source.is_fetched_by_digest();
        let in_parts = self.in_parts(&key, layer, interest, cancelled)?;
        let recalled = match in_parts {
            Some(found) => found,
            None => self.shared.once(key, may_recall, cancelled, read)?,
        };
        let (FactsSource::Read(facts) | FactsSource::Known(facts)) = &recalled;
        let what = || format!("the image up to layer {}", layer.descriptor.digest);
        Used::take(&self.used.places, facts.ledger.places() as u64, ("entries", self.limits.entries), what)?;
        if let FactsSource::Known(facts) = &recalled {
            self.progress.advance(layer.descriptor.size);
            // Each image has its own budget, and its result must not depend on what was read before it.
            let limit = ("kept_total_bytes", self.limits.kept_total_bytes);
            let what = || format!("wanted files up to layer {}", layer.descriptor.digest);
            Used::take(&self.used.kept_bytes, facts.kept_bytes, limit, what)?;
            let limit = ("name_bytes", self.limits.name_bytes);
            Used::take(&self.used.name_bytes, facts.name_bytes, limit, what)?;
            if let Some(files) = &facts.files {
                self.used.take_listed(files.memory(), self.limits)?;
            }
        }
        Ok(Arc::clone(facts))
    }

    /// The content of a layer by its table of contents, if that is enough and can be used. What a layer was read as a whole for
    /// is better, and comes first.
    fn in_parts(
        &self,
        key: &Key,
        layer: &Layer,
        interest: &Interest<'_>,
        cancelled: &AtomicBool,
    ) -> Result<Option<FactsSource>, Error> {
        let may_recall = self.source.is_fetched_by_digest();
        let is_enough = self.digests == LayerDigests::Optional
            && self.hashing == Hashing::AsNamed
            && !self.shared.select.lists_files();
        // A table need not list the root, so that its entries may have other numbers than those of the tar.
        let is_by_number = interest.only_targets().is_some_and(Targets::has_numbers);
        if !is_enough || !may_recall || is_by_number || !contents::is_readable_in_parts(&layer.descriptor) {
            return Ok(None);
        }
        if let Some(facts) = self.shared.known(key, may_recall) {
            return Ok(Some(FactsSource::Known(facts)));
        }
        let read = || {
            let scan = Scan::new(interest, self.shared.keyed(), self.limits, &self.used);
            let facts = contents::read_in_parts(
                self.source,
                &layer.descriptor,
                interest,
                scan,
                self.shared.keyed(),
                self.limits,
                cancelled,
            )?;
            self.progress.advance(layer.descriptor.size);
            Ok(Facts { verified: Verified::TableOfContents, ..facts })
        };
        // No earlier run keeps them, because whoever finds an entry takes it for a layer that was read as a whole.
        match self.shared.once(key.by_table(layer), false, cancelled, read) {
            Ok(found) => Ok(Some(found)),
            Err(Refusal::Stopped(error)) => Err(error),
            Err(Refusal::Whole(reason)) => {
                tracing::info!("layer {} is read as a whole: {reason}", layer.descriptor.digest);
                Ok(None)
            }
        }
    }

    fn pipe<'a>(&'a self, layer: &'a Layer, cancelled: &'a AtomicBool) -> Pipe<'a> {
        Pipe {
            source: self.source,
            layer,
            limits: self.limits,
            progress: self.progress,
            cancelled,
            aliases: self.hashing == Hashing::Both,
        }
    }

    /// Reads one layer, verified as a whole. A layer that writes through its own links or replaces its own
    /// directories is read again with all its names in memory, which the fast way avoids.
    fn unpack(&self, layer: &Layer, interest: &Interest<'_>, cancelled: &AtomicBool) -> Result<Facts, Error> {
        let pipe = self.pipe(layer, cancelled);
        let (fast, aliases) = pipe.run(|stream, what| {
            let mut scan = Scan::new(interest, self.shared.keyed(), self.limits, &self.used);
            scan.fast(stream, what)
        })?;
        if let Some(facts) = fast {
            return Ok(Facts { aliases, ..facts });
        }
        self.progress.layer_total(layer.descriptor.size);
        let (facts, aliases) = pipe.run(|stream, what| {
            let mut scan = Scan::new(interest, self.shared.keyed(), self.limits, &self.used);
            scan.exact(stream, what)
        })?;
        Ok(Facts { aliases, ..facts })
    }
}

#[cfg(test)]
mod tests;
