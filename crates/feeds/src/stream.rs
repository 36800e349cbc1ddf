//! Large files that are read as a stream, and uncompressed if their name says so: `.gz`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use plimsoll_core::{Digest, LimitExceeded, Limits};

use crate::Error;
use crate::hashing::HashingReader;

const BUFFER: usize = 1 << 16;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digests {
    /// That of the file.
    pub(crate) stored: Digest,
    /// That of its content.
    pub(crate) uncompressed: Digest,
    /// The size of its content.
    pub(crate) uncompressed_bytes: u64,
}

/// Passes the content of a file to `take`, at most `left` bytes of it, which is what is left of `feed_bytes`. If that succeeds, the
/// rest is read, so that the digests are those of the whole file.
pub(crate) fn read<T, E>(
    path: &Path,
    left: u64,
    limits: &Limits,
    take: impl FnOnce(&mut dyn BufRead) -> Result<T, E>,
) -> Result<(Result<T, E>, Digests), Error> {
    let is_compressed = path.extension().is_some_and(|ending| ending == "gz");
    read_as(path, is_compressed, left, limits, take)
}

/// The digests of a file, whose content is at most `feed_bytes`.
pub(crate) fn digests(path: &Path, is_compressed: bool, limits: &Limits) -> Result<Digests, Error> {
    let (read, digests) = read_as(path, is_compressed, limits.feed_bytes, limits, |_| Ok::<_, Error>(()))?;
    read.map(|()| digests)
}

fn read_as<T, E>(
    path: &Path,
    is_compressed: bool,
    left: u64,
    limits: &Limits,
    take: impl FnOnce(&mut dyn BufRead) -> Result<T, E>,
) -> Result<(Result<T, E>, Digests), Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut stored = HashingReader::new(File::open(path).map_err(failed)?);
    let (taken, uncompressed, uncompressed_bytes, ended) = {
        let stored = BufReader::with_capacity(BUFFER, &mut stored);
        let content: Box<dyn Read + '_> =
            if is_compressed { Box::new(MultiGzDecoder::new(stored)) } else { Box::new(stored) };
        // One byte more tells a file that ends there from a longer one.
        let mut content = HashingReader::new(content.take(left.saturating_add(1)));
        let mut buffered = BufReader::with_capacity(BUFFER, &mut content);
        let taken = take(&mut buffered);
        let ended = if taken.is_ok() { io::copy(&mut buffered, &mut io::sink()) } else { Ok(0) };
        drop(buffered);
        let (digest, bytes) = content.finish();
        (taken, digest, bytes, ended)
    };
    if uncompressed_bytes > left {
        let what = path.display().to_string();
        return Err(LimitExceeded::new("feed_bytes", limits.feed_bytes, what).into());
    }
    ended.map_err(failed)?;
    let (stored, _) = stored.finish();
    Ok((taken, Digests { stored, uncompressed, uncompressed_bytes }))
}
