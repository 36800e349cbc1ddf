//! An archive that comes as a stream: it cannot be seeked in, but can be requested again.
//!
//! The first pass keeps the small JSON documents, because only the end of the stream shows which ones matter, and the
//! positions of everything else. To read a member later, the stream is read up to it: the last used one if it has not
//! passed it yet, else a new one. Members read in order cost one further pass together.
//!
//! Nothing relies on the stream being the same each time: its content is hashed like everything else.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::{LimitExceeded, Limits};

use super::span::Span;
use crate::Error;
use crate::inflate::MAGIC_BYTES;
use crate::tar::Stream;

/// Bytes of all kept documents together.
const KEPT_BYTES: u64 = 64 * 1024 * 1024;

/// Opens the archive from its beginning, any number of times.
pub(crate) trait ArchiveStream: Send + Sync + std::fmt::Debug {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error>;
}

#[derive(Debug)]
pub(super) struct Rereader {
    stream: Box<dyn ArchiveStream>,
    /// A partly read stream and its position.
    idle: Mutex<Option<Underway>>,
    kept: HashMap<u64, Vec<u8>>,
    kept_bytes: u64,
    heads: HashMap<u64, Vec<u8>>,
}

struct Underway {
    stream: Box<dyn Read + Send>,
    position: u64,
}

impl std::fmt::Debug for Underway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at {}", self.position)
    }
}

impl Rereader {
    pub(super) fn new(stream: Box<dyn ArchiveStream>) -> Self {
        let (kept, heads) = (HashMap::new(), HashMap::new());
        Self { stream, idle: Mutex::new(None), kept, kept_bytes: 0, heads }
    }

    pub(super) fn first(&self) -> Result<Box<dyn Read + Send>, Error> {
        self.stream.open()
    }

    /// Remembers a small member's content when it looks like a document.
    pub(super) fn keep(
        &mut self,
        offset: u64,
        content: Vec<u8>,
        place: &str,
        limits: &Limits,
    ) -> Result<(), Error> {
        let is_document =
            matches!(content.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['));
        if !is_document {
            self.head(offset, &content);
            return Ok(());
        }
        self.kept_bytes += content.len() as u64;
        let limit = KEPT_BYTES.max(limits.manifest_bytes);
        if self.kept_bytes > limit {
            return Err(LimitExceeded::fixed("bytes of all documents", limit, place).into());
        }
        self.kept.insert(offset, content);
        Ok(())
    }

    /// Remembers how a member begins.
    pub(super) fn head(&mut self, offset: u64, start: &[u8]) {
        self.heads.insert(offset, start.iter().take(MAGIC_BYTES).copied().collect());
    }

    pub(super) fn start(&self, span: Span) -> Option<&[u8]> {
        self.kept.get(&span.offset).or_else(|| self.heads.get(&span.offset)).map(Vec::as_slice)
    }

    pub(super) fn has_kept(&self, span: Span) -> bool {
        self.kept.contains_key(&span.offset)
    }

    pub(super) fn read(self: &Arc<Self>, span: Span) -> Box<dyn Read + Send> {
        match self.kept.get(&span.offset) {
            Some(bytes) => Box::new(io::Cursor::new(bytes.clone())),
            None => Box::new(Waiting {
                rereader: Arc::clone(self),
                at: span.offset,
                left: span.size,
                underway: None,
            }),
        }
    }

    /// A stream at position `offset`.
    fn at(&self, offset: u64) -> io::Result<Underway> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut underway = match idle.filter(|underway| underway.position <= offset) {
            Some(underway) => underway,
            None => Underway { stream: self.stream.open().map_err(io::Error::other)?, position: 0 },
        };
        let ahead = offset - underway.position;
        if io::copy(&mut (&mut underway.stream).take(ahead), &mut io::sink())? < ahead {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        underway.position = offset;
        Ok(underway)
    }

    fn give_back(&self, underway: Underway) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(underway);
    }
}

/// A member that the stream has not reached yet.
struct Waiting {
    rereader: Arc<Rereader>,
    at: u64,
    left: u64,
    underway: Option<Underway>,
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let mut underway = match self.underway.take() {
            Some(underway) => underway,
            None => self.rereader.at(self.at)?,
        };
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = underway.stream.read(buffer.get_mut(..most).unwrap_or_default())?;
        underway.position += count as u64;
        self.at += count as u64;
        self.left -= count as u64;
        if self.left == 0 {
            self.rereader.give_back(underway);
        } else {
            self.underway = Some(underway);
        }
        Ok(count)
    }
}

/// The first pass: records the beginning of skipped members.
pub(super) struct Tap<R> {
    inner: R,
    noted: Arc<Mutex<Option<Vec<u8>>>>,
}

impl<R: BufRead> Tap<R> {
    pub(super) fn new(inner: R, noted: Arc<Mutex<Option<Vec<u8>>>>) -> Self {
        Self { inner, noted }
    }
}

impl<R: BufRead> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Tap<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
    }
}

impl<R: BufRead> Stream for Tap<R> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut left = count;
        while left > 0 {
            let available = self.inner.fill_buf()?;
            if available.is_empty() {
                break;
            }
            let step = usize::try_from(left).map_or(available.len(), |left| left.min(available.len()));
            if let Some(noted) = self.noted.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                let missing = MAGIC_BYTES.saturating_sub(noted.len());
                noted.extend(available.iter().take(missing.min(step)));
            }
            self.inner.consume(step);
            left -= step as u64;
        }
        Ok(count - left)
    }
}
