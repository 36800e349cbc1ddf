//! One layer from its source to its tar entries: four threads joined by bounded channels.
//!
//! ```text
//! fetch, SHA-256 of what is stored ──▶ uncompress ─┬─▶ SHA-256 of the tar (diff ID)
//!                                                  └─▶ tar entries (the caller's work)
//! ```
//!
//! Memory is a fixed number of buffers, whatever the layer's size; they are recycled. The stored bytes are read to their
//! end even when uncompressing or the tar failed, because then the digest tells whether the layer was damaged on its way
//! or was made that way.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use plimsoll_core::{Digest, Hasher, LimitExceeded, Limits};

use crate::image::Layer;
use crate::inflate::{self, Budget, Inflate};
use crate::tar::{Reader, Stream};
use crate::{Error, Progress, Source};

/// Bytes of one buffer. Large enough that handing over costs nothing, small enough for the second-level cache.
const BUFFER: usize = 128 << 10;
/// Buffers that may wait between two threads.
const WAITING: usize = 8;

/// A buffer and how much of it is filled.
struct Piece {
    bytes: Vec<u8>,
    len: usize,
}

impl Piece {
    /// A buffer that came back, or a new one.
    fn from(empty: &Receiver<Vec<u8>>) -> Self {
        Self { bytes: empty.try_recv().unwrap_or_else(|_| vec![0; BUFFER]), len: 0 }
    }

    /// Fills the buffer as far as `reader` goes.
    fn fill(&mut self, reader: &mut dyn Read) -> io::Result<usize> {
        self.len = 0;
        while let Some(space) = self.bytes.get_mut(self.len..).filter(|space| !space.is_empty()) {
            match reader.read(space) {
                Ok(0) => break,
                Ok(count) => self.len += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.len)
    }

    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Reads `layer`, hands its tar to `work`, and gives the result of `work` once size, digest and diff ID hold.
pub(super) fn run<T>(
    source: &dyn Source,
    layer: &Layer,
    limits: &Limits,
    progress: &dyn Progress,
    stop: &AtomicBool,
    work: impl FnOnce(Reader<Pieces>) -> Result<T, Error>,
) -> Result<T, Error> {
    let descriptor = &layer.descriptor;
    let what = format!("layer {}", descriptor.digest);
    if descriptor.size > limits.layer_bytes {
        return Err(LimitExceeded::new("layer_bytes", limits.layer_bytes, what).into());
    }
    let (back, empty) = channel();
    let (stored, pieces) = Pieces::channel(&back);
    let stored = Pool { out: stored, empty };
    let (back, empty) = channel();
    let (to_hash, hashing) = Pieces::channel(&back);
    let (to_tar, tar) = Pieces::channel(&back);
    let takers = [to_hash, to_tar];
    thread::scope(|scope| {
        let fetch = scope.spawn(|| fetch(source, layer, &what, progress, stop, stored));
        let unpack = scope.spawn(|| unpack(pieces, layer, &what, limits, takers, empty));
        let hash = scope.spawn(|| diff_id(layer, hashing));
        let found = work(Reader::new(tar, what.as_str(), limits));

        // In the order of cause and effect: what came wrong explains what could not be unpacked or read.
        joined(fetch.join())?;
        joined(unpack.join())?;
        let found = found?;
        let got = joined(hash.join().map(Ok))?;
        if got != layer.diff_id {
            return Err(Error::DiffIdMismatch { what: what.clone(), got, expected: layer.diff_id });
        }
        Ok(found)
    })
}

/// A panic in one of the threads is a defect, and goes on in the thread that waits for it.
fn joined<T>(result: thread::Result<Result<T, Error>>) -> Result<T, Error> {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Reads the stored bytes to their end and checks them.
fn fetch(
    source: &dyn Source,
    layer: &Layer,
    what: &str,
    progress: &dyn Progress,
    stop: &AtomicBool,
    pool: Pool,
) -> Result<(), Error> {
    let descriptor = &layer.descriptor;
    let mut stream = source.blob(descriptor)?;
    let mut hasher = Hasher::new(descriptor.digest.algorithm());
    let Pool { out, empty } = pool;
    let mut out = Some(out);
    let mut total = 0_u64;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        let mut piece = Piece::from(&empty);
        let count = piece.fill(&mut *stream).map_err(|source| Error::io(what, source))?;
        if count == 0 {
            break;
        }
        total += count as u64;
        if total > descriptor.size {
            return Err(Error::SizeMismatch { what: what.to_owned(), got: total, expected: descriptor.size });
        }
        hasher.update(piece.filled());
        progress.advance(count as u64);
        // Nobody takes it any more: unpacking failed. The digest will tell why.
        if out.as_ref().is_some_and(|out| out.send(Arc::new(piece)).is_err()) {
            out = None;
        }
    }
    if total != descriptor.size {
        return Err(Error::SizeMismatch { what: what.to_owned(), got: total, expected: descriptor.size });
    }
    let got = hasher.finish();
    if got != descriptor.digest {
        return Err(Error::DigestMismatch { what: what.to_owned(), got, expected: descriptor.digest });
    }
    Ok(())
}

/// Uncompresses to two takers, within the limits on size and ratio.
fn unpack(
    mut stored: Pieces,
    layer: &Layer,
    what: &str,
    limits: &Limits,
    takers: [SyncSender<Arc<Piece>>; 2],
    empty: Receiver<Vec<u8>>,
) -> Result<(), Error> {
    let start = stored.fill_buf().map_err(|source| Error::io(what, source))?;
    let compression = inflate::agreed(start, &layer.descriptor.media_type, what)?;
    let budget = Budget::new(layer.descriptor.size, limits);
    let mut stream = Inflate::new(stored, compression, budget, limits, what)?;
    loop {
        let mut piece = Piece::from(&empty);
        piece.len = stream.fill(&mut piece.bytes)?;
        if piece.len == 0 {
            return Ok(());
        }
        let piece = Arc::new(piece);
        if takers.iter().any(|taker| taker.send(Arc::clone(&piece)).is_err()) {
            // The tar could not be read; its reader has the error.
            return Ok(());
        }
    }
}

fn diff_id(layer: &Layer, mut pieces: Pieces) -> Digest {
    let mut hasher = Hasher::new(layer.diff_id.algorithm());
    while let Some(piece) = pieces.next() {
        hasher.update(piece.filled());
    }
    hasher.finish()
}

/// Where filled buffers go, and where they come back from.
struct Pool {
    out: SyncSender<Arc<Piece>>,
    empty: Receiver<Vec<u8>>,
}

/// The receiving end: the buffers as one stream.
#[derive(Debug)]
pub(super) struct Pieces {
    full: Receiver<Arc<Piece>>,
    empty: Sender<Vec<u8>>,
    current: Option<Arc<Piece>>,
    at: usize,
}

impl Pieces {
    /// A channel whose buffers go back through `back` once all takers are done with them.
    fn channel(back: &Sender<Vec<u8>>) -> (SyncSender<Arc<Piece>>, Self) {
        let (out, full) = sync_channel(WAITING);
        (out, Self { full, empty: back.clone(), current: None, at: 0 })
    }

    /// The next buffer; the one before goes back, unless another taker still has it and will send it.
    fn next(&mut self) -> Option<&Piece> {
        if let Some(piece) = self.current.take().and_then(Arc::into_inner) {
            // The sender may have ended; then the buffer is just dropped.
            let _ = self.empty.send(piece.bytes);
        }
        self.at = 0;
        self.current = self.full.recv().ok();
        self.current.as_deref()
    }

    fn rest(&self) -> &[u8] {
        self.current.as_ref().and_then(|piece| piece.filled().get(self.at..)).unwrap_or_default()
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest().is_empty() {
            self.next();
        }
        Ok(self.rest())
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl Stream for Pieces {}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({} bytes)", self.len)
    }
}
