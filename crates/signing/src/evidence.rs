//! The bundles that are attached to an image.
//!
//! Owns finding and fetching them as OCI referrers; nothing is verified here, and nothing is believed: anybody who may push
//! to the repository can attach anything. What follows from that:
//!
//! - The kind that a listing states (`artifactType`) filters nothing: fallback indexes of GHCR and of older tools state
//!   `application/vnd.oci.empty.v1+json` or nothing for real signatures. It only says what is looked at first.
//! - A referrer that is broken, or is something else, is set aside with its reason and stops nothing.
//! - A registry that cannot answer is an error, never "no signatures".
//! - Number and bytes are bounded (CVE-2023-46737, CVE-2024-29902), and [`Bundles::truncated`] says when a bound was hit.
//!
//! Follows cosign's `BUNDLE_SPEC` and the OCI distribution specification 1.1, "Listing Referrers". The manifest of a
//! referrer is shown in [`crate::image`].

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_core::{Digest, LimitExceeded, Limits, read, text};
use plimsoll_oci::manifest::{self, Document};
use plimsoll_oci::source::Referrers;
use plimsoll_oci::{Descriptor, Error as OciError, Source, media};

use crate::Error;
use crate::image::CREATED;

/// Every version's media type begins so: `….bundle.v0.3+json`, `….bundle+json;version=0.3`.
const BUNDLE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";

/// All bundles of one subject together may have this many times the bytes of the largest one. Small ones come first, so
/// that giants cannot crowd out signatures, which have about a kilobyte.
const TOTAL: u64 = 16;

/// Referrers fetched at the same time: the way to a registry is mostly waiting.
const AT_ONCE: usize = 8;

/// What is attached to a subject.
#[derive(Debug, Default)]
pub struct Bundles {
    /// Bundles, those that say they are newest first. Neither parsed nor verified.
    pub found: Vec<FoundBundle>,
    /// Referrers that were looked at and hold no bundle that could be read.
    pub skipped: Vec<Skipped>,
    /// There is more than the limits let through: what is missing may be there.
    pub truncated: bool,
}

/// The bytes of a bundle, and where they were.
#[derive(Debug, Clone)]
pub struct FoundBundle {
    /// The manifest that ties the bundle to the subject.
    pub referrer: Descriptor,
    /// The bundle.
    pub bytes: Vec<u8>,
    /// The digest of the bytes, checked.
    pub digest: Digest,
}

/// A referrer without a usable bundle.
#[derive(Debug)]
pub struct Skipped {
    /// As it was listed.
    pub descriptor: Descriptor,
    /// Why it does not count.
    pub reason: SkipReason,
}

/// Why a referrer does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// An artifact of another kind, such as an SBOM. Nothing is wrong with it.
    #[error("holds {}, not a bundle", text::terminal(media_type))]
    OtherArtifact {
        /// The media type of its layer, or of itself.
        media_type: String,
    },
    /// It has not exactly one layer.
    #[error("has {got} layers, expected one")]
    LayerCount {
        /// How many it has.
        got: usize,
    },
    /// It is listed for this subject, but says that it belongs to another one, or to none.
    #[error("refers to {}, not to this image", got.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string()))]
    OtherSubject {
        /// The subject in its manifest.
        got: Option<Digest>,
    },
    /// Its manifest or bundle is missing, damaged or beyond a limit.
    #[error(transparent)]
    Object(Box<OciError>),
    /// The bundles together are too large, and this is one of the larger.
    #[error("bundle of {size} bytes, more than all bundles of an image together may still have")]
    OverTotal {
        /// Its size.
        size: u64,
    },
}

/// Fetches the bundles attached to `subject`.
pub fn bundles(source: &dyn Source, subject: &Digest, limits: &Limits) -> Result<Bundles, Error> {
    let Referrers { descriptors: mut listed, mut truncated } = source.referrers(subject)?;
    listed.sort_by_cached_key(order);
    truncated |= listed.len() > limits.referrers;
    listed.truncate(limits.referrers);

    let mut skipped = Vec::new();
    let mut candidates = Vec::new();
    let layers = at_once(&listed, |referrer| bundle_layer(source, referrer, subject, limits));
    for (descriptor, layer) in listed.into_iter().zip(layers) {
        match layer? {
            Ok(layer) => candidates.push((descriptor, layer)),
            Err(reason) => skipped.push(Skipped { descriptor, reason }),
        }
    }

    let fitting = fitting(&candidates, limits.bundle_bytes.saturating_mul(TOTAL));
    let (wanted, over): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|(referrer, _)| fitting.contains(&referrer.digest));
    for (descriptor, layer) in over {
        truncated = true;
        skipped.push(Skipped { descriptor, reason: SkipReason::OverTotal { size: layer.size } });
    }

    let mut found = Vec::new();
    let contents = at_once(&wanted, |(_, layer)| content(source, layer, limits));
    for ((referrer, layer), bytes) in wanted.into_iter().zip(contents) {
        match bytes? {
            Ok(bytes) => found.push(FoundBundle { referrer, bytes, digest: layer.digest }),
            Err(reason) => skipped.push(Skipped { descriptor: referrer, reason }),
        }
    }
    Ok(Bundles { found, skipped, truncated })
}

/// What is looked at first: what says it is a bundle, then what may be one, then the rest; the newest of each first. All of
/// it is claimed by whoever pushed it, and decides nothing but what is left out when there is too much.
fn order(referrer: &Descriptor) -> (u8, Reverse<String>, Digest) {
    let rank = match referrer.artifact_type.as_deref() {
        Some(kind) if kind.starts_with(BUNDLE_PREFIX) => 0,
        None | Some("" | media::OCI_EMPTY) => 1,
        Some(_) => 2,
    };
    let created = referrer.annotations.get(CREATED).cloned().unwrap_or_default();
    (rank, Reverse(created), referrer.digest)
}

/// The layer with the bundle. The outer error stops everything, the inner one is this referrer's own.
fn bundle_layer(
    source: &dyn Source,
    referrer: &Descriptor,
    subject: &Digest,
    limits: &Limits,
) -> Result<Result<Descriptor, SkipReason>, Error> {
    if !media::is_manifest(&referrer.media_type) {
        return Ok(Err(SkipReason::OtherArtifact { media_type: referrer.media_type.clone() }));
    }
    let bytes = match source.manifest(referrer) {
        Ok(bytes) => bytes,
        Err(error) => return own_fault(error).map(Err),
    };
    let what = format!("referrer {}", referrer.digest);
    let manifest = match manifest::parse(&bytes, &referrer.media_type, &what, limits) {
        Ok(Document::Manifest(manifest)) => manifest,
        Ok(Document::Index(_)) => {
            return Ok(Err(SkipReason::OtherArtifact { media_type: media::OCI_INDEX.to_owned() }));
        }
        Err(error) => return own_fault(error).map(Err),
    };
    let refers_to = manifest.subject.map(|subject| subject.digest);
    if refers_to.as_ref() != Some(subject) {
        return Ok(Err(SkipReason::OtherSubject { got: refers_to }));
    }
    Ok(match <[Descriptor; 1]>::try_from(manifest.layers) {
        Ok([layer]) if layer.media_type.starts_with(BUNDLE_PREFIX) => Ok(layer),
        Ok([layer]) => Err(SkipReason::OtherArtifact { media_type: layer.media_type }),
        Err(layers) => Err(SkipReason::LayerCount { got: layers.len() }),
    })
}

/// The referrers whose bundles are fetched: the smallest ones, as far as `budget` goes.
fn fitting(candidates: &[(Descriptor, Descriptor)], budget: u64) -> BTreeSet<Digest> {
    let mut by_size: Vec<(u64, Digest)> =
        candidates.iter().map(|(referrer, layer)| (layer.size, referrer.digest)).collect();
    by_size.sort_unstable();
    let mut total = 0_u64;
    by_size
        .into_iter()
        .take_while(|(size, _)| {
            total = total.saturating_add(*size);
            total <= budget
        })
        .map(|(_, digest)| digest)
        .collect()
}

fn content(
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
            return own_fault(OciError::SizeMismatch { what, got, expected }).map(Err);
        }
        Err(read::Error::Io { source, .. }) => return own_fault(unwrapped(what, source)).map(Err),
        Err(other) => return Err(OciError::Io { what, source: io::Error::other(other) }.into()),
    };
    match layer.check(&bytes, &what) {
        Ok(()) => Ok(Ok(bytes)),
        Err(error) => own_fault(error).map(Err),
    }
}

/// Takes the error out that a blob's stream has wrapped.
fn unwrapped(what: String, error: io::Error) -> OciError {
    match error.downcast::<OciError>() {
        Ok(inner) => inner,
        Err(source) => OciError::Io { what, source },
    }
}

/// Whether the object itself is bad, which says nothing about the others, or the way to it, which means that nothing is
/// known. What is not known to be the first is the second.
fn own_fault(error: OciError) -> Result<SkipReason, Error> {
    match error {
        OciError::NotFound { .. }
        | OciError::DigestMismatch { .. }
        | OciError::SizeMismatch { .. }
        | OciError::MediaTypeMismatch { .. }
        | OciError::Json { .. }
        | OciError::Ambiguous { .. }
        | OciError::Schema1 { .. }
        | OciError::Malformed { .. }
        | OciError::NotAnImage { .. }
        | OciError::Limit(_) => Ok(SkipReason::Object(Box::new(error))),
        other => Err(other.into()),
    }
}

/// Applies `f` to each item, several at a time, and returns the results in the order of the items.
fn at_once<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
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
                    // A thread that panicked takes the whole scope down; what it left in here is not looked at.
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
