//! The layers of an image as one set of files.
//!
//! Each layer is streamed once: hashed as stored, uncompressed, hashed again, and its tar read for what a cataloger
//! wants. What was found stays private until size, digest and diff ID hold. Then the layers are squashed by the OCI rules
//! (image specification, "Representing Changes"): whiteouts and opaque directories hide what lies below, an entry
//! replaces what had its path, and what is not a directory hides what was beneath it.
//!
//! Of a path that nobody wants, 8 bytes are kept: a keyed hash, which is all that squashing needs. Links to wanted places
//! are resolved inside the image; where they lead to content that has already gone by, the layers that can hold it are
//! read again for just that, and verified again.

mod contents;
mod pipeline;
mod squash;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use plimsoll_core::rootfs::{FileSet, LayerRef, Select};
use plimsoll_core::{LimitExceeded, Limits};

use crate::image::{Image, Layer};
use crate::{Error, Progress, Source};
use contents::{Collector, Contents, Keys, Wanted};
use squash::Squash;

/// Rounds of reading again for links that lead to links that lead elsewhere. Each round follows them further; real
/// images need none, or one.
const ROUNDS: usize = 4;

/// Reads the layers of `image` and squashes them into the files that `select` wants.
pub fn read(
    source: &dyn Source,
    image: &Image,
    select: &dyn Select,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<FileSet, Error> {
    if image.layers.len() > limits.layers {
        let what = format!("image {}", image.manifest.digest);
        return Err(LimitExceeded::new("layers", limits.layers as u64, what).into());
    }
    let reading = Reading { source, limits, progress, keys: Keys::random(), kept: AtomicU64::new(0) };
    let all: Vec<usize> = (0..image.layers.len()).collect();
    let mut contents = reading.pass(&image.layers, &all, &Wanted::Selected(select))?;
    for _ in 0..ROUNDS {
        let squash = Squash::new(&contents, &reading.keys, limits);
        let missing = squash.missing(select.fixed_paths());
        if missing.is_empty() {
            break;
        }
        let places = squash.layers_of(&missing);
        let found = reading.pass(&image.layers, &places, &Wanted::Exactly(&missing))?;
        for (place, found) in places.into_iter().zip(found) {
            if let Some(known) = contents.get_mut(place) {
                known.add(found);
            }
        }
    }
    let mut files = Squash::new(&contents, &reading.keys, limits).files(select.fixed_paths());
    files.layers = image
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| LayerRef { index, digest: layer.descriptor.digest, diff_id: layer.diff_id })
        .collect();
    Ok(files)
}

/// What all layers of a run share.
struct Reading<'a> {
    source: &'a dyn Source,
    limits: &'a Limits,
    progress: &'a dyn Progress,
    keys: Keys,
    /// Bytes of kept content, over all layers.
    kept: AtomicU64,
}

impl Reading<'_> {
    /// Reads the layers at `places` in parallel; the results are in the order of `places`.
    fn pass(&self, layers: &[Layer], places: &[usize], wanted: &Wanted<'_>) -> Result<Vec<Contents>, Error> {
        let mut order: Vec<(usize, &Layer)> =
            places.iter().enumerate().filter_map(|(slot, place)| Some((slot, layers.get(*place)?))).collect();
        // The largest first: whoever starts last should have the least to do.
        order.sort_by_key(|(slot, layer)| (std::cmp::Reverse(layer.descriptor.size), *slot));
        self.progress.layer_total(order.iter().map(|(_, layer)| layer.descriptor.size).sum());

        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results: Mutex<Vec<Option<Result<Contents, Error>>>> =
            Mutex::new(std::iter::repeat_with(|| None).take(order.len()).collect());
        let work = || {
            while let Some((slot, layer)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = if stop.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { self.layer(layer, wanted, &stop) };
                if result.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = results.get_mut(*slot) {
                    *place = Some(result);
                }
            }
        };
        let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(order.len());
        thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let mut contents = Vec::with_capacity(order.len());
        let mut failure = None;
        for result in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match result.unwrap_or(Err(Error::Cancelled)) {
                Ok(layer) => contents.push(layer),
                // The one that failed first stopped the others, which say only that.
                Err(Error::Cancelled) if failure.is_some() => {}
                Err(error) => match &failure {
                    None | Some(Error::Cancelled) => failure = Some(error),
                    Some(_) => {}
                },
            }
        }
        failure.map_or(Ok(contents), Err)
    }

    fn layer(&self, layer: &Layer, wanted: &Wanted<'_>, stop: &AtomicBool) -> Result<Contents, Error> {
        let collector = Collector::new(wanted, &self.keys, self.limits, &self.kept);
        pipeline::run(self.source, layer, self.limits, self.progress, stop, |tar| collector.read(tar))
    }
}

/// The paths above `path`, the nearest first, without the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.rmatch_indices('/').filter_map(|(end, _)| path.get(..end))
}

/// Paths that are looked for in a targeted pass.
type Paths = BTreeSet<String>;

#[cfg(test)]
mod tests;
