//! Content that is copied from one place to another.
//!
//! Owns what copying a blob in constant memory needs: a way to read the blob again, and a check of size and
//! digest. The check withholds the end of a blob that does not match its descriptor, so that no place ever
//! stores it completely.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use plimsoll_core::Hasher;

use crate::{Descriptor, Error};

type Opener = dyn Fn() -> Result<Box<dyn Read + Send>, Error> + Send + Sync;

/// A blob that can be read from its beginning any number of times.
#[derive(Clone)]
pub struct Content {
    descriptor: Descriptor,
    open: Arc<Opener>,
    mount_from: Option<String>,
}

impl Content {
    /// The blob that `descriptor` names; `open` reads it.
    pub fn new(
        descriptor: Descriptor,
        open: impl Fn() -> Result<Box<dyn Read + Send>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { descriptor, open: Arc::new(open), mount_from: None }
    }

    /// Names a repository of the same registry that has it, so that it need not be sent.
    #[must_use]
    pub fn mount_from(mut self, repository: Option<String>) -> Self {
        self.mount_from = repository;
        self
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The repository of the same registry that has it.
    pub fn mounted_from(&self) -> Option<&str> {
        self.mount_from.as_deref()
    }

    /// Reads it from its beginning. The stream fails before its last bytes if it does not match the descriptor; such an
    /// [`io::Error`] wraps an [`Error`].
    pub fn open(&self) -> Result<impl Read + Send + use<>, Error> {
        Ok(Checked {
            stream: (self.open)()?,
            hasher: Hasher::new(self.descriptor.digest.algorithm()),
            descriptor: self.descriptor.clone(),
            count: 0,
        })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

struct Checked {
    stream: Box<dyn Read + Send>,
    hasher: Hasher,
    descriptor: Descriptor,
    count: u64,
}

impl Checked {
    fn what(&self) -> String {
        format!("blob {}", self.descriptor.digest)
    }

    fn size(&self, got: u64) -> io::Error {
        let expected = self.descriptor.size;
        io::Error::other(Error::SizeMismatch { what: self.what(), got, expected })
    }

    /// At the last byte: checks that nothing follows, and that the digest is right.
    fn check(&mut self) -> io::Result<()> {
        if self.stream.read(&mut [0])? != 0 {
            return Err(self.size(self.count.saturating_add(1)));
        }
        let hasher = self.hasher.clone();
        let (got, expected) = (hasher.finish(), self.descriptor.digest);
        if got != expected {
            return Err(io::Error::other(Error::DigestMismatch { what: self.what(), got, expected }));
        }
        Ok(())
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let left = self.descriptor.size.saturating_sub(self.count);
        if left == 0 {
            // An empty blob has not been checked yet; for other blobs, another check does no harm.
            self.check()?;
            return Ok(0);
        }
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        let count = self.stream.read(buffer)?;
        if count == 0 {
            return Err(self.size(self.count));
        }
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.count = self.count.saturating_add(count as u64);
        if self.count == self.descriptor.size {
            self.check()?;
        }
        Ok(count)
    }
}

/// Unwraps the error in a stream's failure.
pub fn unwrapped(what: impl Into<String>, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(inner) => inner,
        Err(source) => Error::Io { what: what.into(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stored: &'static [u8], named: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let content = Content::new(Descriptor::for_bytes("m", named), move || Ok(Box::new(stored)));
        let mut got = Vec::new();
        // Read byte by byte, to show what is withheld.
        let mut stream = content.open().unwrap();
        let mut byte = [0];
        loop {
            match stream.read(&mut byte) {
                Ok(0) => return (got, Ok(0)),
                Ok(_) => got.push(byte[0]),
                Err(error) => return (got, Err(error)),
            }
        }
    }

    #[test]
    fn correct_content_is_passed_on_completely() {
        for bytes in [&b""[..], b"x", b"some content"] {
            let (got, end) = read(bytes, bytes);
            assert_eq!(got, bytes);
            assert_eq!(end.unwrap(), 0);
        }
    }

    #[test]
    fn the_end_of_what_is_wrong_is_withheld() {
        let digest = |error: io::Error| matches!(unwrapped("", error), Error::DigestMismatch { .. });
        let size = |error: io::Error| matches!(unwrapped("", error), Error::SizeMismatch { .. });
        let (got, end) = read(b"same length!", b"some content");
        assert_eq!(got.len(), 11);
        assert!(digest(end.unwrap_err()));
        let (got, end) = read(b"some content, and more", b"some content");
        assert_eq!(got.len(), 11);
        assert!(size(end.unwrap_err()));
        let (_, end) = read(b"some", b"some content");
        assert!(size(end.unwrap_err()));
        let (_, end) = read(b"x", b"");
        assert!(size(end.unwrap_err()));
    }
}
