//! The threads that a layer passes through, and the verification around them.
//!
//! Buffers circulate through bounded channels, so each layer takes the same memory, regardless of its size.
//! The reader of the compressed bytes continues to their end even if the tar is broken: a wrong digest of the
//! blob is the better explanation, and the one that decides the exit code.

use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use plimsoll_core::{Algorithm, Digest, Hasher, Limits};

use crate::artifact::Layer;
use crate::inflate::{Budget, Inflate, agreed};
use crate::media::Compression;
use crate::tar::Stream;
use crate::{Error, Progress, Source};

/// Compressed bytes in one buffer: large enough that handing it over costs nothing, small enough to stay in a core's
/// cache between reading and hashing.
const CHUNK: usize = 256 * 1024;
/// Uncompressed bytes in one buffer.
const PIECE: usize = 512 * 1024;
/// Buffers of each kind; the threads wait for each other when all are full.
const BUFFERS: usize = 4;

pub(super) struct Pipe<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) layer: &'a Layer,
    pub(super) limits: &'a Limits,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancelled: &'a AtomicBool,
    /// Whether the bytes are hashed by both algorithms, not only by the algorithm of their digest.
    pub(super) aliases: bool,
}

/// Hashes by the algorithm of the bytes' digest, and by the other algorithm if requested.
struct Hashers {
    own: Hasher,
    other: Option<Hasher>,
}

impl Hashers {
    fn new(algorithm: Algorithm, aliases: bool) -> Self {
        Self { own: Hasher::new(algorithm), other: aliases.then(|| Hasher::new(algorithm.other())) }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.own.update(bytes);
        if let Some(other) = &mut self.other {
            other.update(bytes);
        }
    }

    fn finish(self) -> (Digest, Option<Digest>) {
        (self.own.finish(), self.other.map(Hasher::finish))
    }
}

impl Pipe<'_> {
    /// Streams the layer through `parse`, which must read its stream to the end. Returns the result of
    /// `parse` only if size, digest and diff ID match, with the digests of the stored and uncompressed bytes
    /// by the other algorithm.
    pub(super) fn run<T>(
        &self,
        parse: impl FnOnce(&mut Unpacked, &str) -> Result<T, Error>,
    ) -> Result<(T, Vec<Digest>), Error> {
        let what = format!("layer {}", self.layer.descriptor.digest);
        let blob = self.source.blob(&self.layer.descriptor)?;
        thread::scope(|scope| {
            let (free_sender, free) = circle(CHUNK);
            let (full, chunks) = sync_channel(BUFFERS);
            let name = what.as_str();
            let feeder = start(scope, name, move || self.feed(blob, name, &free, &full))?;
            let feed = CompressedStream { chunks, free: free_sender, chunk: Chunk::default(), position: 0 };
            let parsed = self.unpack(scope, feed, name, parse);
            // All ends of the channels that `unpack` had are gone now, so the feeder waits for nobody.
            let stored = join(feeder)?;
            let (parsed, (diff_id, alias)) = parsed?;
            if diff_id != self.layer.diff_id {
                let what = what.clone();
                return Err(Error::DiffIdMismatch { what, got: diff_id, expected: self.layer.diff_id });
            }
            Ok((parsed, stored.into_iter().chain(alias).collect()))
        })
    }

    /// Reads the blob to its end, counts and hashes it, and passes it on as long as somebody receives it.
    fn feed(
        &self,
        mut blob: Box<dyn Read + Send>,
        what: &str,
        free: &Receiver<Vec<u8>>,
        full: &SyncSender<Chunk>,
    ) -> Result<Option<Digest>, Error> {
        let descriptor = &self.layer.descriptor;
        let mut hasher = Hashers::new(descriptor.digest.algorithm(), self.aliases);
        let mut total = 0_u64;
        let mut own = None;
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let mut buffer = match own.take() {
                Some(buffer) => buffer,
                None => free.recv().unwrap_or_else(|_| vec![0; CHUNK]),
            };
            let length = fill(&mut *blob, &mut buffer).map_err(|source| Error::io(what, source))?;
            if length == 0 {
                break;
            }
            total += length as u64;
            if total > descriptor.size {
                return Err(Error::SizeMismatch {
                    what: what.to_owned(),
                    got: total,
                    expected: descriptor.size,
                });
            }
            hasher.update(buffer.get(..length).unwrap_or_default());
            self.progress.advance(length as u64);
            if let Err(returned) = full.send(Chunk { bytes: buffer, length }) {
                own = Some(returned.0.bytes);
            }
        }
        if total != descriptor.size {
            return Err(Error::SizeMismatch { what: what.to_owned(), got: total, expected: descriptor.size });
        }
        let (got, alias) = hasher.finish();
        if got != descriptor.digest {
            return Err(Error::DigestMismatch { what: what.to_owned(), got, expected: descriptor.digest });
        }
        Ok(alias)
    }

    fn unpack<'scope, T>(
        &self,
        scope: &'scope thread::Scope<'scope, '_>,
        mut feed: CompressedStream,
        what: &str,
        parse: impl FnOnce(&mut Unpacked, &str) -> Result<T, Error>,
    ) -> Result<(T, (Digest, Option<Digest>)), Error> {
        let descriptor = &self.layer.descriptor;
        let start_of = feed.fill_buf().map_err(|source| Error::io(what, source))?;
        let compression = agreed(start_of, &descriptor.media_type, what)?;
        let budget = Budget::new(descriptor.size, self.limits);
        if compression == Compression::None && descriptor.digest.algorithm() == self.layer.diff_id.algorithm()
        {
            // Stored and uncompressed bytes are the same, and so are their digests: the feeder already
            // computes them.
            budget.check(descriptor.size, what)?;
            let parsed = parse(&mut Unpacked::Stored(feed), what)?;
            return Ok((parsed, (descriptor.digest, None)));
        }
        let (free_sender, free) = circle(PIECE);
        let (full, pieces) = sync_channel(BUFFERS);
        let algorithm = self.layer.diff_id.algorithm();
        let hashers = Hashers::new(algorithm, self.aliases);
        let hashing = start(scope, what, move || hash(&pieces, &free_sender, hashers))?;
        let inflate = Inflate::new(feed, compression, budget, self.limits, what)?;
        let mut stream = Unpacked::Inflated(Inflated {
            inflate,
            free,
            full,
            piece: Chunk::default(),
            position: 0,
            ended: false,
        });
        let parsed = parse(&mut stream, what);
        drop(stream);
        let digests = join(hashing);
        Ok((parsed?, digests))
    }
}

/// A buffer and how much of it is filled.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    length: usize,
}

impl Chunk {
    fn from(&self, position: usize) -> &[u8] {
        self.bytes.get(position..self.length).unwrap_or_default()
    }
}

/// A channel that already contains all buffers.
fn circle(size: usize) -> (SyncSender<Vec<u8>>, Receiver<Vec<u8>>) {
    let (sender, receiver) = sync_channel(BUFFERS + 1);
    for _ in 0..BUFFERS {
        // It has room for them and its receiver is here.
        let _ = sender.send(vec![0; size]);
    }
    (sender, receiver)
}

fn start<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    what: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, T>, Error> {
    thread::Builder::new().spawn_scoped(scope, work).map_err(|source| Error::io(what, source))
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn hash(
    pieces: &Receiver<Chunk>,
    free: &SyncSender<Vec<u8>>,
    mut hasher: Hashers,
) -> (Digest, Option<Digest>) {
    while let Ok(piece) = pieces.recv() {
        hasher.update(piece.from(0));
        // After the last piece, nobody waits for it any more.
        let _ = free.send(piece.bytes);
    }
    hasher.finish()
}

/// The compressed bytes as they come from the feeder.
pub(super) struct CompressedStream {
    chunks: Receiver<Chunk>,
    free: SyncSender<Vec<u8>>,
    chunk: Chunk,
    position: usize,
}

impl BufRead for CompressedStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.chunk.length {
            let used = std::mem::take(&mut self.chunk);
            self.position = 0;
            if !used.bytes.is_empty() {
                let _ = self.free.send(used.bytes);
            }
            // If the feeder is gone, the stream ends; the reason is known when its thread is joined.
            self.chunk = self.chunks.recv().unwrap_or_default();
        }
        Ok(self.chunk.from(self.position))
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Read for CompressedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// The uncompressed bytes of a layer.
pub(super) enum Unpacked {
    Stored(CompressedStream),
    Inflated(Inflated),
}

pub(super) struct Inflated {
    inflate: Inflate<CompressedStream>,
    free: Receiver<Vec<u8>>,
    full: SyncSender<Chunk>,
    piece: Chunk,
    position: usize,
    ended: bool,
}

impl Inflated {
    fn next(&mut self) -> Result<(), Error> {
        if self.ended {
            return Ok(());
        }
        let used = std::mem::take(&mut self.piece);
        self.position = 0;
        if used.length > 0 {
            // The hashing thread ends only after this sender.
            let _ = self.full.send(used);
        }
        let mut bytes = self.free.recv().unwrap_or_else(|_| vec![0; PIECE]);
        // After a failure, nothing more comes either.
        self.ended = true;
        let length = self.inflate.fill(&mut bytes)?;
        self.ended = length == 0;
        self.piece = Chunk { bytes, length };
        Ok(())
    }
}

impl BufRead for Unpacked {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Stored(feed) => feed.fill_buf(),
            Self::Inflated(inflated) => {
                if inflated.position >= inflated.piece.length {
                    inflated.next().map_err(io::Error::other)?;
                }
                Ok(inflated.piece.from(inflated.position))
            }
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Stored(feed) => feed.consume(count),
            Self::Inflated(inflated) => inflated.position += count,
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Stream for Unpacked {}
impl Stream for &mut Unpacked {}
