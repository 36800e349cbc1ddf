//! The place with the objects of an index: a folder or a tar file.

use std::io::Read;

use plimsoll_core::{LimitExceeded, Limits, read};

use crate::manifest::{self, Document};
use crate::{Descriptor, Error};

/// The objects in an index.
pub(crate) trait Objects {
    /// The place, for messages.
    fn describe(&self) -> String;

    /// Limits for what is read.
    fn limits(&self) -> &Limits;

    /// A blob, unverified.
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error>;

    /// Refuses what costs much to open and cannot be a document.
    fn check_document(&self, _: &Descriptor) -> Result<(), Error> {
        Ok(())
    }

    /// A small blob, verified.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let what = format!("manifest {}", descriptor.digest);
        let limit = self.limits().manifest_bytes;
        if descriptor.size > limit {
            return Err(LimitExceeded::new("manifest_bytes", limit, what).into());
        }
        self.check_document(descriptor)?;
        let stream = self.open(descriptor)?;
        let bytes = read::to_end(stream, descriptor.size, "size", &what).map_err(|error| match error {
            read::Error::Io { what, source } => Error::io(what, source),
            _ => Error::SizeMismatch {
                what: what.clone(),
                got: descriptor.size + 1,
                expected: descriptor.size,
            },
        })?;
        descriptor.check(&bytes, &what)?;
        Ok(bytes)
    }

    /// A manifest, verified and parsed.
    fn parsed(&self, descriptor: &Descriptor) -> Result<Document, Error> {
        let what = format!("manifest {}", descriptor.digest);
        manifest::parse(&self.document(descriptor)?, &descriptor.media_type, &what, self.limits())
    }
}
