//! Where the objects of an image come from, and the progress of reading.
//!
//! [`Source`] is synchronous on purpose: hashing and inflating run on separate threads, and the registry
//! transport hides its asynchronous side behind [`Source::blob`].

use std::io::Read;
use std::ops::Range;

use plimsoll_core::{Digest, Timestamp};

use crate::artifact::Layer;
use crate::{Content, Descriptor, Error};

/// A place that holds the objects of one image: a registry's repository, a layout, an archive.
pub trait Source: Send + Sync {
    /// The name of the place, for messages: `registry 127.0.0.1:5000/app`, `oci:DIR`.
    fn describe(&self) -> String;

    /// What the user named, as a descriptor. A tag is resolved here, once; everything after that uses digests.
    fn resolve(&self) -> Result<Descriptor, Error>;

    /// Other digests by which the resolved image may be known.
    fn surroundings(&self) -> Result<Surroundings, Error> {
        Ok(Surroundings::default())
    }

    /// The bytes of a manifest or index; size and digest have been checked.
    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error>;

    /// The raw bytes of a blob as a stream, not verified: the reader must count and hash them. A failure within the
    /// stream arrives as an [`std::io::Error`]; one that wraps an [`Error`] keeps its kind.
    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error>;

    /// A part of a blob as a stream of exactly so many bytes, not verified. `None` if the place does not send parts, or did
    /// not send this one: then the whole blob has to be read.
    fn part(
        &self,
        _descriptor: &Descriptor,
        _range: Range<u64>,
    ) -> Result<Option<Box<dyn Read + Send>>, Error> {
        Ok(None)
    }

    /// Whether the place is known to lack a blob, without a request for it. `false` if only reading it would
    /// show that.
    fn lacks(&self, _blob: &Descriptor) -> Result<bool, Error> {
        Ok(false)
    }

    /// The layer in the form in which this place stores it. Usually that is the blob in the manifest. A
    /// container engine's store may have only the uncompressed tar, whose digest is the diff ID in the
    /// configuration.
    fn stored(&self, layer: &Layer) -> Result<Descriptor, Error> {
        Ok(layer.descriptor.clone())
    }

    /// Where a blob begins in the only stream of this place. `None` if blobs can be read in any order and in parallel;
    /// otherwise, reading them one by one in this order avoids requesting the stream again.
    fn position(&self, _descriptor: &Descriptor) -> Option<u64> {
        None
    }

    /// Whether those who use the image fetch its layers from this place by digest, and compare. Only then do facts that an
    /// earlier run kept under that digest say what they use. On disk, the bytes may be others than their name says, and an
    /// engine that has unpacked a layer never compares again: they are read each time.
    fn is_fetched_by_digest(&self) -> bool {
        false
    }

    /// Manifests whose `subject` is `subject`, from every mechanism of the place. Empty means that there are
    /// none; a failed search is an error.
    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error>;

    /// Like [`Source::referrers`], but from only one of the place's lists, so that a caller that finds enough
    /// in the first need not wait for the other. Only both lists together can show that there are no
    /// referrers.
    fn listed(&self, subject: &Digest, listing: Listing) -> Result<Referrers, Error> {
        match listing {
            Listing::First => self.referrers(subject),
            Listing::Rest => Ok(Referrers::default()),
        }
    }

    /// The manifest with another name in the same place, with its bytes: `sha256-<hex>.sig` beside an image.
    /// `None` if there is no such name, and in places without names; a failed search is an error.
    fn named(&self, _name: &str) -> Result<Option<(Descriptor, Vec<u8>)>, Error> {
        Ok(None)
    }

    /// The time of the oldest answer that came from a cache without confirmation. `None` if the place itself
    /// answered.
    fn as_of(&self) -> Option<Timestamp> {
        None
    }
}

/// Digests by which an image may be known besides its own and those of what it refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The indexes in the same place that list it, directly or through other indexes. Their bytes have been checked.
    pub indexes: Vec<Digest>,
    /// Digests that the place states without the bytes to prove it.
    pub stated: Vec<Digest>,
}

/// One of the lists of referrers that a place may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// What a registry's referrers API lists, or its fallback tag where it has no such API.
    First,
    /// What the fallback tag lists in a registry that has the API: entries by clients that wrote it before
    /// the API existed, or still do.
    Rest,
}

/// The referrers of a subject that a place lists. These are claims: each manifest's own `subject` must be checked,
/// because a fallback tag can list anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Referrers {
    /// The manifests, in the order of the place, each digest once.
    pub descriptors: Vec<Descriptor>,
    /// A limit was reached: there are more. These may still be enough to allow, but never to show that something does
    /// not exist.
    pub truncated: bool,
}

/// A change of a manifest that others may change too. It gets the current manifest, if there is one, and
/// returns the media type and the bytes that replace it, or `None` if there is nothing to change.
pub type Change<'a> =
    dyn FnMut(Option<(&Descriptor, &[u8])>) -> Result<Option<(String, Vec<u8>)>, Error> + 'a;

/// A place that evidence can be attached to.
pub trait Store: Source {
    /// Stores a blob, unless it is there already, and returns its descriptor.
    fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error>;

    /// Stores a blob in constant memory, unless it is already there. A blob that does not match its
    /// descriptor is not stored.
    fn put_content(&self, content: &Content) -> Result<(), Error>;

    /// Stores a manifest under its digest, and under `name` if one is given. Its objects must be there
    /// already. A previous manifest of that name loses the name. With a digest as the name, it can be found
    /// without a name.
    fn put_manifest(
        &self,
        name: Option<&str>,
        media_type: &str,
        manifest: &[u8],
    ) -> Result<Descriptor, Error>;

    /// Replaces the manifest under `name` by what `change` makes of it, read from the place that is written
    /// to, so that nothing that others have written is lost. `change` is called again until it has nothing to
    /// change.
    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), Error>;

    /// Stores a manifest with a `subject` so that [`Source::referrers`] finds it, and returns its descriptor.
    fn attach(&self, media_type: &str, manifest: &[u8]) -> Result<Descriptor, Error>;
}

/// Gets the progress of reading. Called from several threads.
pub trait Progress: Sync {
    /// Announces compressed bytes to read, in addition to earlier ones: for each image, and again for a layer that must
    /// be read a second time.
    fn layer_total(&self, _compressed: u64) {}

    /// Reports further compressed bytes that were read.
    fn advance(&self, _compressed: u64) {}
}

/// Ignores the progress.
impl Progress for () {}
