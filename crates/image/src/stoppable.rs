//! A place that is read only until the work is cancelled.

use std::io::{self, Read};
use std::ops::Range;

use plimsoll_core::{Cancel, Digest, Timestamp};

use crate::artifact::Layer;
use crate::{Descriptor, Error, Listing, Referrers, Source, Surroundings};

/// A [`Source`] that checks before every answer, and before every piece of a blob, whether to continue. A
/// place that waits for a network must also watch the token itself: nothing here wakes it.
pub struct Stoppable {
    source: Box<dyn Source>,
    cancel: Cancel,
}

impl Stoppable {
    /// Reads `source` until `cancel` stops it.
    pub fn new(source: Box<dyn Source>, cancel: &Cancel) -> Self {
        Self { source, cancel: cancel.clone() }
    }

    fn source(&self) -> Result<&dyn Source, Error> {
        self.cancel.check()?;
        Ok(self.source.as_ref())
    }
}

impl Source for Stoppable {
    fn describe(&self) -> String {
        self.source.describe()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        self.source()?.resolve()
    }

    fn surroundings(&self) -> Result<Surroundings, Error> {
        self.source()?.surroundings()
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.source()?.manifest(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let stream = self.source()?.blob(descriptor)?;
        Ok(Box::new(StoppableStream::new(stream, &self.cancel)))
    }

    fn part(
        &self,
        descriptor: &Descriptor,
        range: Range<u64>,
    ) -> Result<Option<Box<dyn Read + Send>>, Error> {
        let part = self.source()?.part(descriptor, range)?;
        Ok(part.map(|part| Box::new(StoppableStream::new(part, &self.cancel)) as Box<dyn Read + Send>))
    }

    fn lacks(&self, blob: &Descriptor) -> Result<bool, Error> {
        self.source()?.lacks(blob)
    }

    fn stored(&self, layer: &Layer) -> Result<Descriptor, Error> {
        self.source()?.stored(layer)
    }

    fn position(&self, descriptor: &Descriptor) -> Option<u64> {
        self.source.position(descriptor)
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        self.source()?.referrers(subject)
    }

    fn listed(&self, subject: &Digest, listing: Listing) -> Result<Referrers, Error> {
        self.source()?.listed(subject, listing)
    }

    fn named(&self, name: &str) -> Result<Option<(Descriptor, Vec<u8>)>, Error> {
        self.source()?.named(name)
    }

    fn is_fetched_by_digest(&self) -> bool {
        self.source.is_fetched_by_digest()
    }

    fn as_of(&self) -> Option<Timestamp> {
        self.source.as_of()
    }
}

/// A stream that checks before every piece whether to go on.
pub(crate) struct StoppableStream {
    stream: Box<dyn Read + Send>,
    cancel: Cancel,
}

impl StoppableStream {
    pub(crate) fn new(stream: Box<dyn Read + Send>, cancel: &Cancel) -> Self {
        Self { stream, cancel: cancel.clone() }
    }
}

impl Read for StoppableStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(|stopped| io::Error::other(Error::Stopped(stopped)))?;
        self.stream.read(buffer)
    }
}
