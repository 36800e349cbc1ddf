//! A database as one file, for machines without a network: a tar in one zstd frame.
//!
//! ```text
//! database.json             the list, with the digest of every file's header
//! database.sigstore.json    its signature, if somebody signed it
//! cve-9f….plimsolldb        the files, as the list names them and in its order
//! pypi-1c….plimsolldb
//! ```
//!
//! The list comes first, and determines all the rest. An archive is [opened](Archive::open) only up to its signature,
//! and nothing else of it is read before the caller has decided whom to trust. The files must be those that the list
//! names: no name in an archive ever becomes a path. Every header must equal the one that [`write()`] writes byte for
//! byte, so that tar readers cannot disagree about anything.
//!
//! Equal databases give equal archives.

mod member;

use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use plimsoll_core::{LimitExceeded, Limits};
use plimsoll_vuln::Database;
use plimsoll_vuln::database::{FileList, LIST, MAX_SIGNATURE};
use zstd::stream::raw::DParameter;
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use crate::Error;
use crate::error::ArchiveProblem;
use member::{BLOCK, Header, padding};

/// The name of the signature in an archive.
const SIGNATURE: &str = "database.sigstore.json";
/// Higher levels take several times as long, and save a few percent.
const LEVEL: i32 = 9;
const PIECE: usize = 128 * 1024;

/// Writes `database` to `out`, with the `signature` of its list.
pub fn write(database: &Database, signature: Option<&[u8]>, out: impl Write) -> Result<(), Error> {
    database.verify()?;
    let mut out = Encoder::new(out, LEVEL).map_err(Error::Export)?;
    out.include_checksum(true).map_err(Error::Export)?;
    let list = database.list().encode();
    put(&mut out, LIST, list.len() as u64, |out| out.write_all(&list).map_err(Error::Export))?;
    if let Some(signature) = signature {
        let write = |out: &mut Encoder<'_, _>| out.write_all(signature).map_err(Error::Export);
        put(&mut out, SIGNATURE, signature.len() as u64, write)?;
    }
    for stored in database.stored()? {
        let copy =
            |out: &mut Encoder<'_, _>| stored.copy(|piece| out.write_all(piece).map_err(Error::Export));
        put(&mut out, stored.name, stored.bytes, copy)?;
    }
    out.write_all(&[0; 2 * BLOCK]).and_then(|()| out.finish()?.flush()).map_err(Error::Export)
}

/// Writes a member of so many bytes, which `content` writes.
fn put<W: Write>(
    out: &mut W,
    name: &str,
    bytes: u64,
    content: impl FnOnce(&mut W) -> Result<(), Error>,
) -> Result<(), Error> {
    let too_large = || LimitExceeded::fixed("member_bytes", member::MAX_BYTES, name);
    let header = member::encode(name, bytes).ok_or_else(too_large)?;
    out.write_all(&header).map_err(Error::Export)?;
    content(out)?;
    let zeros = [0; BLOCK];
    out.write_all(zeros.get(..padding(bytes)).unwrap_or_default()).map_err(Error::Export)
}

/// An archive, read up to its signature.
pub struct Archive<R: BufRead> {
    input: Inflate<R>,
    list: FileList,
    signature: Option<Vec<u8>>,
    /// The header of the first file, if it was read already.
    ahead: Option<Header>,
}

impl<R: BufRead> Archive<R> {
    /// Reads list and signature. Of `limits`, `exported_bytes`, `ratio`, `ratio_floor_bytes` and `zstd_window_bytes` bound
    /// the archive.
    pub fn open(input: R, limits: &Limits) -> Result<Self, Error> {
        let mut input = Inflate::new(input, limits)?;
        let list = match input.header() {
            Ok(Some(Header { name, bytes })) if name == LIST => {
                input.whole(bytes, FileList::MAX_BYTES, "database_list_bytes", LIST)?
            }
            Ok(_) | Err(Error::Archive(ArchiveProblem::Inflate(_))) => {
                return Err(ArchiveProblem::Form.into());
            }
            Err(_) if input.is_empty() => return Err(ArchiveProblem::Form.into()),
            Err(error) => return Err(error),
        };
        let bytes = list;
        let list = FileList::parse(&bytes, Path::new(LIST))?;
        // A signature is about the bytes that are installed.
        if list.encode() != bytes {
            return Err(ArchiveProblem::Form.into());
        }
        let mut ahead = input.header()?;
        let signature = match &ahead {
            Some(Header { name, bytes }) if name == SIGNATURE => {
                let read = input.whole(*bytes, MAX_SIGNATURE, "database_signature_bytes", SIGNATURE)?;
                ahead = input.header()?;
                Some(read)
            }
            _ => None,
        };
        Ok(Self { input, list, signature, ahead })
    }

    /// The list of the files, which the signature must be about.
    pub fn list(&self) -> &FileList {
        &self.list
    }

    /// The bundle with the signature, not verified.
    pub fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref()
    }

    /// Passes each file to `take`, with its name in the list and its bytes, and checks that the archive contains
    /// nothing else.
    pub(crate) fn files(
        mut self,
        mut take: impl FnMut(&str, &mut dyn Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut ahead = self.ahead.take();
        for expected in self.list.names() {
            let header = match ahead.take() {
                Some(header) if header.name == expected => header,
                other => {
                    let got = other.map(|header| header.name);
                    return Err(ArchiveProblem::Member { got, expected }.into());
                }
            };
            self.input.within_limits(header.bytes, &expected)?;
            let mut content = Content { input: &mut self.input, left: header.bytes, failed: None };
            let taken = take(&expected, &mut content);
            let (left, failed) = (content.left, content.failed.take());
            match (failed, taken) {
                (Some(error), _) | (None, Err(error)) => return Err(error),
                (None, Ok(())) if left > 0 => return Err(ArchiveProblem::Truncated.into()),
                (None, Ok(())) => {}
            }
            self.input.padding(header.bytes)?;
            ahead = self.input.header()?;
        }
        if ahead.is_some() {
            return Err(ArchiveProblem::Trailing.into());
        }
        self.input.end()
    }
}

/// The bytes of exactly one file.
struct Content<'a, R: BufRead> {
    input: &'a mut Inflate<R>,
    left: u64,
    /// What went wrong while they were read.
    failed: Option<Error>,
}

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len()).min(PIECE);
        let Some(piece) = buffer.get_mut(..length) else { return Ok(0) };
        match self.input.exactly(piece) {
            Ok(()) => {
                self.left -= length as u64;
                Ok(length)
            }
            Err(error) => {
                let told = io::Error::other(error.to_string());
                self.failed = Some(error);
                Err(told)
            }
        }
    }
}

/// The uncompressed archive, within limits.
struct Inflate<R: BufRead> {
    decoder: Decoder<'static, Counted<R>>,
    produced: u64,
    limits: Limits,
}

impl<R: BufRead> Inflate<R> {
    fn new(input: R, limits: &Limits) -> Result<Self, Error> {
        let failed = |source| Error::from(ArchiveProblem::Inflate(source));
        let mut decoder = Decoder::with_buffer(Counted { inner: input, bytes: 0 }).map_err(failed)?;
        let window = limits.zstd_window_bytes.max(1).ilog2();
        decoder.set_parameter(DParameter::WindowLogMax(window)).map_err(failed)?;
        Ok(Self { decoder: decoder.single_frame(), produced: 0, limits: limits.clone() })
    }

    /// Whether there was nothing to uncompress.
    fn is_empty(&self) -> bool {
        self.decoder.get_ref().bytes == 0
    }

    /// Refuses data that would become too large before they are read.
    fn within_limits(&self, more: u64, what: &str) -> Result<(), Error> {
        let (limits, produced) = (&self.limits, self.produced.saturating_add(more));
        if produced > limits.exported_bytes {
            return Err(LimitExceeded::new("exported_bytes", limits.exported_bytes, what).into());
        }
        Ok(())
    }

    /// Fills `buffer`.
    fn exactly(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.within_limits(buffer.len() as u64, "the archive")?;
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.decoder.read(rest) {
                Ok(0) => return Err(ArchiveProblem::Truncated.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(ArchiveProblem::Truncated.into());
                }
                Err(error) => return Err(ArchiveProblem::Inflate(error).into()),
            }
        }
        self.produced = self.produced.saturating_add(filled as u64);
        let (limits, compressed) = (&self.limits, self.decoder.get_ref().bytes);
        if self.produced > limits.ratio_floor_bytes && self.produced > compressed.saturating_mul(limits.ratio)
        {
            return Err(LimitExceeded::new("ratio", limits.ratio, "the archive").into());
        }
        Ok(())
    }

    /// The next header. `None` at the end.
    fn header(&mut self) -> Result<Option<Header>, Error> {
        let mut block = [0; BLOCK];
        self.exactly(&mut block)?;
        Ok(member::decode(&block)?)
    }

    /// A file that is kept in memory.
    fn whole(&mut self, bytes: u64, limit: u64, name: &'static str, what: &str) -> Result<Vec<u8>, Error> {
        let length = usize::try_from(bytes).ok().filter(|_| bytes <= limit);
        let length = length.ok_or_else(|| LimitExceeded::fixed(name, limit, what))?;
        let mut content = vec![0; length];
        self.exactly(&mut content)?;
        self.padding(bytes)?;
        Ok(content)
    }

    /// Reads the padding of the last block of a file.
    fn padding(&mut self, bytes: u64) -> Result<(), Error> {
        let mut zeros = [0; BLOCK];
        let Some(rest) = zeros.get_mut(..padding(bytes)) else { return Ok(()) };
        self.exactly(rest)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(ArchiveProblem::Form.into());
        }
        Ok(())
    }

    /// The second empty block, with nothing after it in the frame or after the frame.
    fn end(mut self) -> Result<(), Error> {
        if self.header()?.is_some() {
            return Err(ArchiveProblem::Form.into());
        }
        match self.decoder.read(&mut [0]) {
            Ok(0) => {}
            Ok(_) => return Err(ArchiveProblem::Trailing.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(ArchiveProblem::Truncated.into());
            }
            Err(error) => return Err(ArchiveProblem::Inflate(error).into()),
        }
        match self.decoder.finish().fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(ArchiveProblem::Trailing.into()),
            Err(error) => Err(ArchiveProblem::Inflate(error).into()),
        }
    }
}

/// Counts the compressed bytes.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes = self.bytes.saturating_add(read as u64);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes = self.bytes.saturating_add(amount as u64);
        self.inner.consume(amount);
    }
}
