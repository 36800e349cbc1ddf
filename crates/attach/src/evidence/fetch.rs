//! Fetching several small objects at the same time, within limits, and distinguishing an object's own faults from those
//! of the connection.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_core::{LimitExceeded, Limits, read};
use plimsoll_image::content::unwrapped;
use plimsoll_image::{Descriptor, Error as ImageError, Source};

use super::SkipReason;
use crate::Error;

/// Referrers fetched at the same time: talking to a registry is mostly waiting.
const AT_ONCE: usize = 8;

/// Which bundles of these sizes are fetched: the smallest ones, as far as `budget` goes.
pub(super) fn fitting(sizes: &[u64], budget: u64) -> Vec<bool> {
    let mut by_size: Vec<(u64, usize)> = sizes.iter().copied().zip(0..).collect();
    by_size.sort_unstable();
    let (mut total, mut fits) = (0_u64, vec![false; sizes.len()]);
    for (size, index) in by_size {
        total = total.saturating_add(size);
        if total > budget {
            break;
        }
        if let Some(fits) = fits.get_mut(index) {
            *fits = true;
        }
    }
    fits
}

/// The bytes of a layer.
pub(super) fn content(
    source: &dyn Source,
    layer: &Descriptor,
    limits: &Limits,
) -> Result<Result<Vec<u8>, SkipReason>, Error> {
    let what = format!("bundle {}", layer.digest);
    if layer.size > limits.bundle_bytes {
        let limit = LimitExceeded::new("bundle_bytes", limits.bundle_bytes, what);
        return own_fault(limit.into()).map(Err);
    }
    let stream = match source.blob(layer) {
        Ok(stream) => stream,
        Err(error) => return own_fault(error).map(Err),
    };
    // One byte more than announced is enough to know.
    let bytes = match read::to_end(stream, layer.size, "bundle_bytes", &what) {
        Ok(bytes) => bytes,
        Err(read::Error::Limit(_)) => {
            let (got, expected) = (layer.size.saturating_add(1), layer.size);
            return own_fault(ImageError::SizeMismatch { what, got, expected }).map(Err);
        }
        Err(read::Error::Io { source, .. }) => return own_fault(unwrapped(what, source)).map(Err),
        Err(other) => return Err(ImageError::Io { what, source: io::Error::other(other) }.into()),
    };
    match layer.check(&bytes, &what) {
        Ok(()) => Ok(Ok(bytes)),
        Err(error) => own_fault(error).map(Err),
    }
}

/// Decides whether the object itself is bad, which says nothing about the others, or fetching it failed, which means
/// that nothing is known. When in doubt, it is the second.
pub(crate) fn own_fault(error: ImageError) -> Result<SkipReason, Error> {
    match error {
        ImageError::NotFound { .. }
        | ImageError::DigestMismatch { .. }
        | ImageError::SizeMismatch { .. }
        | ImageError::MediaTypeMismatch { .. }
        | ImageError::Json { .. }
        | ImageError::Ambiguous { .. }
        | ImageError::Schema1 { .. }
        | ImageError::Malformed { .. }
        | ImageError::NotAnImage { .. }
        | ImageError::Limit(_) => Ok(SkipReason::Object(Box::new(error))),
        other => Err(other.into()),
    }
}

/// Applies `f` to each item, several at a time, and returns the results in the order of the items.
pub(crate) fn at_once<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() < 2 {
        return items.iter().map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..items.len().min(AT_ONCE) {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let result = f(item);
                    // A thread that panics ends the whole scope, so nobody reads what it left here.
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
