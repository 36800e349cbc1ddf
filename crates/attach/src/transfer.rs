//! An image with all its evidence, from one place to another.
//!
//! Owns what belongs together and the order in which it is written: blobs, manifests from the inside out, their
//! referrers, what older versions of cosign kept under tags, and last the name. So anybody who finds the image by its
//! name finds its evidence too. Every object keeps its bytes and so its digest; each is checked on the way.
//!
//! Nothing at the destination is lost: signatures under the same older tag are merged (`older`).
//!
//! Referrers of referrers belong to it as well (a signature of an SBOM). A referrer that is listed but missing, or that
//! belongs to something else, is left out and reported; a place that cannot answer is an error, and so is a list that
//! does not end.

mod older;

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::{Digest, LimitExceeded, Limits};
use plimsoll_image::manifest::{self, Document};
use plimsoll_image::{Content, Descriptor, Error as ImageError, Progress, Source, Store};

use crate::Error;
use crate::evidence::{LEGACY_SUFFIXES, legacy_tag, own_fault, parallel};
use older::Outcome;

/// How far referrers of referrers are followed: evidence, a signature of it, and one more.
const DEPTH: usize = 3;
/// Bounds all referrers of an image together, in multiples of the limit for one subject. No real image has more.
const MANY: usize = 64;
/// All manifests of one image together, in multiples of the limit for one: they are held in memory.
const MANIFESTS: u64 = 64;
/// Bytes of an entry that is left out, in addition to its texts.
const LEFT_BYTES: u64 = 128;

/// How a transfer is done.
pub struct Transfer {
    /// Where the image comes from.
    pub source: Arc<dyn Source>,
    /// The evidence repository, if there is one (`COSIGN_REPOSITORY`).
    pub evidence: Option<Arc<dyn Source>>,
    /// A repository in the destination registry that already has the blobs.
    pub mount_from: Option<String>,
    /// Bounds for what is read.
    pub limits: Limits,
    /// Receives the progress.
    pub progress: Arc<dyn Progress + Send + Sync>,
}

/// What was transferred.
#[derive(Debug, Default)]
pub struct Transferred {
    /// Manifests and indexes of the image itself.
    pub manifests: usize,
    /// What is attached to them, at any depth.
    pub referrers: usize,
    /// Tags of older versions of cosign.
    pub legacy_tags: usize,
    /// Blobs.
    pub blobs: usize,
    /// Bytes of the blobs.
    pub bytes: u64,
    /// Referrers that were listed but left out, and why.
    pub left: Vec<(Descriptor, String)>,
}

/// What was found so far. Manifests and blobs are recorded separately, because what one manifest lists as a blob may be
/// another manifest, and each has to arrive as what it is. The same applies to what is in the image and what is attached.
#[derive(Default)]
struct Collected {
    inside: BTreeSet<Digest>,
    attached: BTreeSet<Digest>,
    sent: BTreeSet<Digest>,
    manifests: Vec<Piece>,
    blobs: Vec<(Descriptor, Origin)>,
    /// Bytes of the manifests, and of the entries of lists that were left out.
    bytes: u64,
    done: Transferred,
}

struct Piece {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Image,
    Evidence,
}

/// How a manifest is written.
enum How {
    Inside,
    Attached,
    Named(String),
}

impl Transfer {
    /// Copies what `top` names and everything attached to it, and gives it `name` at `destination`: a tag, or a digest for
    /// no name.
    pub fn run(&self, top: &Descriptor, destination: &dyn Store, name: &str) -> Result<Transferred, Error> {
        let mut collected = Collected::default();
        self.image(top, 0, &mut collected)?;
        let images: Vec<Digest> = collected.manifests.iter().map(|piece| piece.descriptor.digest).collect();
        collected.done.manifests = images.len();
        for image in &images {
            self.referrers(image, 0, &mut collected)?;
            self.legacy(image, &mut collected)?;
        }
        self.write(collected, top, destination, name)
    }

    fn place(&self, origin: Origin) -> &Arc<dyn Source> {
        match (origin, &self.evidence) {
            (Origin::Evidence, Some(evidence)) => evidence,
            _ => &self.source,
        }
    }

    /// The image or index and what is in it, from the inside out.
    fn image(&self, descriptor: &Descriptor, depth: usize, collected: &mut Collected) -> Result<(), Error> {
        if !collected.inside.insert(descriptor.digest) {
            return Ok(());
        }
        let what = format!("manifest {}", descriptor.digest);
        // The same limit as when an image is read: each costs several requests.
        if collected.inside.len() > self.limits.index_entries.saturating_add(1) {
            return Err(over("index_entries", self.limits.index_entries, what));
        }
        if depth > self.limits.index_depth {
            return Err(over("index_depth", self.limits.index_depth, what));
        }
        let bytes = self.source.manifest(descriptor)?;
        match manifest::parse(&bytes, &descriptor.media_type, &what, &self.limits)? {
            Document::Index(index) => {
                for child in &index.manifests {
                    self.image(child, depth + 1, collected)?;
                }
            }
            Document::Manifest(manifest) => {
                self.blobs(
                    Origin::Image,
                    std::iter::once(manifest.config).chain(manifest.layers),
                    collected,
                )?;
            }
        }
        self.keep(Piece { descriptor: descriptor.clone(), bytes, how: How::Inside }, collected)
    }

    fn referrers(&self, subject: &Digest, depth: usize, collected: &mut Collected) -> Result<(), Error> {
        let source = self.place(Origin::Evidence);
        let listed = source.referrers(subject)?;
        let what = format!("referrers of {subject}");
        if listed.truncated || collected.done.referrers > self.limits.referrers.saturating_mul(MANY) {
            return Err(over("referrers", self.limits.referrers, what));
        }
        if depth > DEPTH {
            let reason = || format!("attached to what is attached, more than {DEPTH} times over");
            return listed
                .descriptors
                .into_iter()
                .try_for_each(|referrer| self.leave(referrer, reason(), collected));
        }
        let new: Vec<Descriptor> = listed
            .descriptors
            .into_iter()
            .filter(|referrer| !collected.attached.contains(&referrer.digest))
            .collect();
        // All of them are in memory at once before each is counted.
        let announced = new.iter().fold(0_u64, |sum, referrer| sum.saturating_add(referrer.size));
        self.within(collected.bytes.saturating_add(announced))?;
        for (referrer, bytes) in new.iter().zip(parallel(&new, |referrer| source.manifest(referrer))) {
            let read = bytes.and_then(|bytes| {
                let what = format!("referrer {}", referrer.digest);
                Ok((manifest::parse(&bytes, &referrer.media_type, &what, &self.limits)?, bytes))
            });
            let (document, bytes) = match read {
                Ok(read) => read,
                Err(error) => {
                    let reason = own_fault(error)?.to_string();
                    self.leave(referrer.clone(), reason, collected)?;
                    continue;
                }
            };
            let (about, blobs) = match document {
                Document::Manifest(manifest) => {
                    (manifest.subject, std::iter::once(manifest.config).chain(manifest.layers).collect())
                }
                Document::Index(index) if index.manifests.is_empty() => (index.subject, Vec::new()),
                Document::Index(_) => {
                    let reason = "an index with manifests of its own".to_owned();
                    self.leave(referrer.clone(), reason, collected)?;
                    continue;
                }
            };
            if about.is_none_or(|about| about.digest != *subject) {
                self.leave(referrer.clone(), "refers to something else".to_owned(), collected)?;
                continue;
            }
            if !collected.attached.insert(referrer.digest) {
                continue;
            }
            self.blobs(Origin::Evidence, blobs, collected)?;
            collected.done.referrers += 1;
            let descriptor = Descriptor::new(&referrer.media_type, referrer.digest, referrer.size);
            self.keep(Piece { descriptor, bytes, how: How::Attached }, collected)?;
            self.referrers(&referrer.digest, depth + 1, collected)?;
        }
        Ok(())
    }

    /// What is stored under the tags of older versions of cosign.
    fn legacy(&self, subject: &Digest, collected: &mut Collected) -> Result<(), Error> {
        let source = self.place(Origin::Evidence);
        let tags = LEGACY_SUFFIXES.map(|suffix| legacy_tag(subject, suffix));
        for (tag, found) in tags.iter().zip(parallel(&tags, |tag| source.named(tag))) {
            let Some((descriptor, bytes)) = found? else { continue };
            let what = format!("manifest {tag}");
            match manifest::parse(&bytes, &descriptor.media_type, &what, &self.limits)? {
                Document::Manifest(manifest) => {
                    let blobs = std::iter::once(manifest.config).chain(manifest.layers);
                    self.blobs(Origin::Evidence, blobs, collected)?;
                }
                Document::Index(_) => {
                    collected.done.left.push((descriptor, format!("an index under the tag {tag}")));
                    continue;
                }
            }
            collected.done.legacy_tags += 1;
            self.keep(Piece { descriptor, bytes, how: How::Named(tag.clone()) }, collected)?;
        }
        Ok(())
    }

    fn blobs(
        &self,
        origin: Origin,
        blobs: impl IntoIterator<Item = Descriptor>,
        collected: &mut Collected,
    ) -> Result<(), Error> {
        for blob in blobs {
            if blob.size > self.limits.layer_bytes {
                let what = format!("blob {}", blob.digest);
                return Err(LimitExceeded::new("layer_bytes", self.limits.layer_bytes, what).into_error());
            }
            if collected.sent.insert(blob.digest) {
                collected.done.blobs += 1;
                collected.done.bytes = collected.done.bytes.saturating_add(blob.size);
                // Without annotations, which may be larger than everything else.
                collected.blobs.push((Descriptor::new(blob.media_type, blob.digest, blob.size), origin));
            }
        }
        Ok(())
    }

    fn keep(&self, piece: Piece, collected: &mut Collected) -> Result<(), Error> {
        collected.bytes = collected.bytes.saturating_add(piece.bytes.len() as u64);
        self.within(collected.bytes)?;
        collected.manifests.push(piece);
        Ok(())
    }

    /// Reports a referrer that is not copied.
    fn leave(&self, referrer: Descriptor, reason: String, collected: &mut Collected) -> Result<(), Error> {
        let referrer = Descriptor::new(referrer.media_type, referrer.digest, referrer.size);
        let bytes = LEFT_BYTES + (referrer.media_type.len() + reason.len()) as u64;
        collected.bytes = collected.bytes.saturating_add(bytes);
        self.within(collected.bytes)?;
        collected.done.left.push((referrer, reason));
        Ok(())
    }

    fn within(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.limits.manifest_bytes.saturating_mul(MANIFESTS) {
            let what = "the manifests of the image and its evidence together";
            return Err(LimitExceeded::new("manifest_bytes", self.limits.manifest_bytes, what).into_error());
        }
        Ok(())
    }

    fn write(
        &self,
        mut collected: Collected,
        top: &Descriptor,
        destination: &dyn Store,
        name: &str,
    ) -> Result<Transferred, Error> {
        for (blob, _) in &collected.blobs {
            self.progress.layer_total(blob.size);
        }
        for sent in parallel(&collected.blobs, |(blob, origin)| self.send(blob, *origin, destination)) {
            sent?;
        }
        // The image before its referrers, and its name last.
        let phase =
            |wanted: fn(&How) -> bool| collected.manifests.iter().filter(move |piece| wanted(&piece.how));
        let inside = phase(|how| matches!(how, How::Inside));
        let mut kept = Vec::new();
        for piece in inside.chain(phase(|how| !matches!(how, How::Inside))) {
            if let Some(left) = put(piece, destination, &self.limits)? {
                kept.push((piece.descriptor.clone(), left));
            }
        }
        collected.done.legacy_tags -= kept.len();
        collected.done.left.extend(kept);
        if let Some(piece) = collected.manifests.iter().find(|piece| piece.descriptor.digest == top.digest) {
            destination.put_manifest(Some(name), &piece.descriptor.media_type, &piece.bytes)?;
        }
        Ok(collected.done)
    }

    fn send(&self, blob: &Descriptor, origin: Origin, destination: &dyn Store) -> Result<(), Error> {
        let (source, progress) = (Arc::clone(self.place(origin)), Arc::clone(&self.progress));
        let (wanted, so_far) = (blob.clone(), Arc::new(AtomicU64::new(0)));
        let counter = Arc::clone(&so_far);
        let content = Content::new(blob.clone(), move || {
            let stream = source.blob(&wanted)?;
            let (progress, counter) = (Arc::clone(&progress), Arc::clone(&counter));
            Ok(Box::new(Counting { stream, progress, counter, size: wanted.size }))
        });
        let mount = self.mount_from.clone().filter(|_| origin == Origin::Image || self.evidence.is_none());
        destination.put_content(&content.mount_from(mount))?;
        // The part that was not read was already there, or was mounted.
        self.progress.advance(blob.size.saturating_sub(so_far.load(Ordering::Relaxed)));
        Ok(())
    }
}

/// Writes a manifest, and reports if another one stays in its place.
fn put(piece: &Piece, destination: &dyn Store, limits: &Limits) -> Result<Option<String>, Error> {
    let Piece { descriptor, bytes, how } = piece;
    let written = match how {
        How::Inside => destination.put_manifest(None, &descriptor.media_type, bytes)?,
        How::Attached => destination.attach(&descriptor.media_type, bytes)?,
        How::Named(tag) => {
            return Ok(match older::merge(destination, tag, descriptor, bytes, limits)? {
                Outcome::Together => None,
                Outcome::Kept(other) => Some(format!("the destination has another one under {tag}: {other}")),
            });
        }
    };
    if written.digest != descriptor.digest {
        let what = format!("manifest {}", descriptor.digest);
        let (got, expected) = (written.digest, descriptor.digest);
        return Err(ImageError::DigestMismatch { what, got, expected }.into());
    }
    Ok(None)
}

fn over(name: &'static str, limit: usize, what: String) -> Error {
    LimitExceeded::new(name, limit as u64, what).into_error()
}

trait IntoError {
    fn into_error(self) -> Error;
}

impl IntoError for LimitExceeded {
    fn into_error(self) -> Error {
        ImageError::from(self).into()
    }
}

/// Reports how much was read, counting each byte once however often the stream is opened.
struct Counting {
    stream: Box<dyn Read + Send>,
    progress: Arc<dyn Progress + Send + Sync>,
    counter: Arc<AtomicU64>,
    size: u64,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let before = self.counter.fetch_add(count as u64, Ordering::Relaxed);
        if before < self.size {
            self.progress.advance((count as u64).min(self.size - before));
        }
        Ok(count)
    }
}
