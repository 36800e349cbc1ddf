//! Where the objects of an image come from, and how far reading has got.
//!
//! [`Source`] is synchronous on purpose: hashing and inflating run on threads of their own, and the registry transport
//! hides its asynchronous side behind [`Source::blob`].

use std::io::Read;

use plimsoll_core::{Digest, Timestamp};

use crate::artifact::Layer;
use crate::{Content, Descriptor, Error};

/// A place that holds the objects of one image: a registry's repository, a layout, an archive.
pub trait Source: Send + Sync {
    /// The place in words, for messages: `registry 127.0.0.1:5000/app`, `oci:DIR`.
    fn describe(&self) -> String;

    /// What the user named, as a descriptor. A tag is resolved here, once; everything after goes by digest.
    fn resolve(&self) -> Result<Descriptor, Error>;

    /// The bytes of a manifest or index; size and digest have been checked.
    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error>;

    /// The raw bytes of a blob as a stream, not verified: whoever reads it must count and hash. A failure within the
    /// stream arrives as an [`std::io::Error`]; one that wraps an [`Error`] keeps its kind.
    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error>;

    /// The layer in the form in which this place has it. Mostly that is the blob that the manifest names. A container
    /// engine's own store may have the uncompressed tar alone; it goes by the diff ID, which the configuration names.
    fn stored(&self, layer: &Layer) -> Result<Descriptor, Error> {
        Ok(layer.descriptor.clone())
    }

    /// Where a blob begins in the one stream that this place can give. None where blobs can be had in any order, several
    /// at a time; otherwise reading them one after the other, in this order, spares asking for the stream again.
    fn position(&self, _descriptor: &Descriptor) -> Option<u64> {
        None
    }

    /// Manifests whose `subject` is `subject`, from every mechanism that the place has. Empty means that there are
    /// none; not being able to find out is an error.
    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error>;

    /// The same from one of the place's lists only, so that who has found enough in the first need not wait for the other.
    /// Both together are [`Source::referrers`]; nothing less says that there are none.
    fn listed(&self, subject: &Digest, listing: Listing) -> Result<Referrers, Error> {
        match listing {
            Listing::First => self.referrers(subject),
            Listing::Rest => Ok(Referrers::default()),
        }
    }

    /// The manifest that goes by another name in the same place, with its bytes: `sha256-<hex>.sig` beside an image. None
    /// when there is no such name, and in places without names; not being able to find out is an error.
    fn named(&self, _name: &str) -> Result<Option<(Descriptor, Vec<u8>)>, Error> {
        Ok(None)
    }

    /// From when the oldest answer is that was taken from a cache without asking whether it still holds. None when the
    /// place was asked.
    fn as_of(&self) -> Option<Timestamp> {
        None
    }
}

/// One of the lists of referrers that a place may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// What a registry's referrers API lists, or its fallback tag where it has no such API.
    First,
    /// What the fallback tag lists in a registry that has the API: such as wrote there before it had, or do still.
    Rest,
}

/// What a place says refers to a subject. Claims: each manifest's own `subject` has to be looked at, because a fallback
/// tag can list anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Referrers {
    /// The manifests, in the order of the place, each digest once.
    pub descriptors: Vec<Descriptor>,
    /// A cap was reached: there are more. What is here may still be enough to allow; it is never enough to say that
    /// something does not exist.
    pub truncated: bool,
}

/// A place that evidence can be attached to.
pub trait Store: Source {
    /// Stores a blob, unless it is there already, and returns its descriptor.
    fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error>;

    /// Stores a blob in constant memory, unless it is there already. What is not as its descriptor says is not kept.
    fn put_content(&self, content: &Content) -> Result<(), Error>;

    /// Stores a manifest whose objects are there, by its digest, and under `name` if one is given. What went by that name
    /// before loses it. A digest as name makes it findable without one.
    fn put_manifest(
        &self,
        name: Option<&str>,
        media_type: &str,
        manifest: &[u8],
    ) -> Result<Descriptor, Error>;

    /// Stores a manifest that has a `subject`, in such a way that [`Source::referrers`] finds it afterwards, and returns
    /// its descriptor.
    fn attach(&self, media_type: &str, manifest: &[u8]) -> Result<Descriptor, Error>;
}

/// Hears how far reading has got. Called from several threads.
pub trait Progress: Sync {
    /// So many compressed bytes are to be read, in addition to those announced before: for each image, and again for a
    /// layer that has to be read a second time.
    fn layer_total(&self, _compressed: u64) {}

    /// So many further compressed bytes were read.
    fn advance(&self, _compressed: u64) {}
}

/// Nobody listens.
impl Progress for () {}
