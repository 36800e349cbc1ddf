//! A streaming tar reader for foreign archives.
//!
//! Follows POSIX.1-2017 `pax` (ustar and extended headers) and the GNU formats (long names, base-256 numbers,
//! sparse files). Where readers differ, it reads like Go's `archive/tar`, which container runtimes use to
//! unpack: a scanner that sees other files than the runtime is worthless (CVE-2025-62518). Where Go's choice
//! would surprise every other reader, the archive is refused. Unlike the `tar` crate it bounds every name and
//! extended header before reading it.
//!
//! Owns headers, names, sizes. Does not own the meaning of whiteouts and links, which is in [`crate::layers`]. Content
//! that nobody requests is skipped in the stream's own buffer, never copied.
//!
//! ```text
//! ┌ 512 bytes: name, size, checksum, type ┐┌ content ┐┌ zeros up to a multiple of 512 ┐ … ┌ two zero blocks ┐
//! ```

mod header;
mod name;
mod pax;
mod sparse;

use std::collections::BTreeSet;
use std::io::{self, BufRead};

use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits};

use crate::Error;
use crate::error::TarProblem;
use header::{BLOCK, Block, Format};
use pax::Records;
use sparse::Sparse;

pub(crate) use name::{clean_link, normalise};

/// Bytes that a tar is read from.
pub trait Stream: BufRead {
    /// Moves forward by `count` bytes, or to the end if there are fewer; returns how many bytes were skipped.
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut left = count;
        while left > 0 {
            let available = self.fill_buf()?.len();
            if available == 0 {
                break;
            }
            let step = usize::try_from(left).map_or(available, |left| left.min(available));
            self.consume(step);
            left -= step as u64;
        }
        Ok(count - left)
    }
}

impl Stream for &[u8] {}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file, sparse or not.
    File,
    /// A symbolic link.
    Symlink,
    /// A further name of an earlier file.
    Hardlink,
    /// A directory.
    Directory,
    /// A character or block device. Runtimes without the right to make one leave it out.
    Device,
    /// A FIFO, or something that no runtime unpacks.
    Other,
}

/// The header of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative, without `.`, `..` or empty components; empty for the root directory. Not necessarily UTF-8.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Target of a link, as written.
    pub link: Vec<u8>,
    /// The unpacked size of a file; 0 unless it is a file.
    pub size: u64,
    /// Its permission bits.
    pub mode: u32,
    /// Position among all entries, from 0.
    pub ordinal: u64,
    /// Where the content begins in the stream.
    pub offset: u64,
    /// Whether the content in the stream has holes.
    pub is_sparse: bool,
}

/// Reads entries one after the other.
#[derive(Debug)]
pub struct Reader<R> {
    stream: R,
    what: String,
    limits: Limits,
    entry: Entry,
    sparse: Option<Sparse>,
    /// The position in the stream.
    position: u64,
    /// Where the current header began; for errors.
    header: u64,
    /// Stored bytes of the current entry that have not been read yet.
    left: u64,
    /// Zeros after them.
    padding: u64,
    blocks: u64,
    logical: u64,
    globals: BTreeSet<Vec<u8>>,
    ended: bool,
}

/// How many names of global extended headers are kept for one archive. Writers that make them use one name.
const GLOBALS: usize = 16;

impl<R: Stream> Reader<R> {
    /// A reader of `stream`; `what` names the archive in errors.
    pub fn new(stream: R, what: impl Into<String>, limits: &Limits) -> Self {
        let entry = Entry {
            path: Vec::new(),
            kind: Kind::Other,
            link: Vec::new(),
            size: 0,
            mode: 0,
            ordinal: 0,
            offset: 0,
            is_sparse: false,
        };
        Self {
            stream,
            what: what.into(),
            limits: limits.clone(),
            entry,
            sparse: None,
            position: 0,
            header: 0,
            left: 0,
            padding: 0,
            blocks: 0,
            logical: 0,
            globals: BTreeSet::new(),
            ended: false,
        }
    }

    /// Goes to the next entry, skipping the rest of the current one. False at the end of the archive; the stream is
    /// then after the end marker, not necessarily at its own end.
    pub fn advance(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        let mut extended: Option<Records> = None;
        let mut long_name: Option<Vec<u8>> = None;
        let mut long_link: Option<Vec<u8>> = None;
        loop {
            self.pass_content()?;
            self.header = self.position;
            let Some(block) = self.next_header()? else {
                self.ended = true;
                // A header describes an entry that never comes: the archive is truncated.
                if extended.is_some() || long_name.is_some() || long_link.is_some() {
                    return Err(self.broken(TarProblem::Truncated));
                }
                return Ok(false);
            };
            self.blocks += 1;
            if self.blocks > self.limits.entries {
                return Err(self.limit("entries", self.limits.entries));
            }
            match block.kind() {
                b'x' => {
                    if extended.is_some() {
                        return Err(self.broken(TarProblem::Pax("two of them for one entry")));
                    }
                    let bytes = self.special(&block, self.limits.extended_bytes, "extended_bytes")?;
                    extended = Some(Records::parse(&bytes).map_err(|problem| self.broken(problem))?);
                }
                b'g' => {
                    let bytes = self.special(&block, self.limits.extended_bytes, "extended_bytes")?;
                    let records = Records::parse(&bytes).map_err(|problem| self.broken(problem))?;
                    if let Some(key) = records.first_structural() {
                        return Err(self.broken(TarProblem::Global(shown(key))));
                    }
                    // Go forgets the description for the next entry; GNU tar and Python remember it.
                    if extended.is_some() || long_name.is_some() || long_link.is_some() {
                        return Err(self.broken(TarProblem::MisplacedGlobal));
                    }
                    self.global(&block)?;
                }
                b'L' | b'K' => {
                    let bytes =
                        self.special(&block, self.limits.path_bytes.saturating_add(1), "path_bytes")?;
                    let slot = if block.kind() == b'L' { &mut long_name } else { &mut long_link };
                    let text = header::text(&bytes).to_vec();
                    // Then, Go uses the header's own name, others an empty one.
                    if text.is_empty() {
                        return Err(self.broken(TarProblem::EmptyLongName));
                    }
                    if slot.replace(text).is_some() {
                        return Err(self.broken(TarProblem::TwoNames));
                    }
                }
                // Solaris' extended header: GNU tar and Python apply it, Go treats it as an entry.
                b'X' => return Err(self.broken(TarProblem::Pax("of Solaris' own kind"))),
                _ => {
                    let extended = extended.unwrap_or_default();
                    self.open(&block, &extended, long_name, long_link)?;
                    return Ok(true);
                }
            }
        }
    }

    /// The names of the global extended headers so far, as paths. They are not entries, but containerd
    /// removes what is at these paths.
    pub(crate) fn globals(&self) -> impl Iterator<Item = &[u8]> {
        self.globals.iter().map(Vec::as_slice)
    }

    /// The current entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The whole content of the current entry, holes filled with zeros. Empty if it was read or skipped before. The
    /// caller has checked [`Entry::size`] against its limit.
    pub fn content(&mut self) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        self.pieces(u64::MAX, |piece| content.extend_from_slice(piece))?;
        Ok(content)
    }

    /// Passes up to `count` bytes of the current entry to `take` in pieces, holes as zeros. Does nothing if it was read
    /// or skipped before.
    pub fn pieces(&mut self, count: u64, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        match self.sparse.take() {
            None => self.stored(self.left.min(count), take),
            Some(sparse) => self.sparse_pieces(sparse, count, &mut take),
        }
    }

    /// Reads the stream to its end, past anything after the end marker, and returns it.
    pub fn finish(mut self) -> Result<R, Error> {
        while self.stream.skip(1 << 30).map_err(|source| Error::io(self.what.as_str(), source))? > 0 {}
        Ok(self.stream)
    }

    fn open(
        &mut self,
        block: &Block,
        extended: &Records,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        if let Some(name) = extended.overlay_attribute() {
            return Err(self.broken(TarProblem::OverlayAttribute(shown(name))));
        }
        let (path, link) = (extended.path(), extended.link());
        if (path.is_some() && long_name.is_some()) || (link.is_some() && long_link.is_some()) {
            return Err(self.broken(TarProblem::TwoNames));
        }
        let mut stored = match extended.size() {
            Some(size) => size,
            None => block.size().map_err(|problem| self.broken(problem))?,
        };
        let mut raw = match (path, long_name) {
            (Some(path), _) => path.to_vec(),
            (None, Some(name)) => name,
            (None, None) => block.name(),
        };
        let link = match (link, long_link) {
            (Some(link), _) => link.to_vec(),
            (None, Some(link)) => link,
            (None, None) => block.link().to_vec(),
        };
        let kind = kind(block.kind(), raw.last() == Some(&b'/'));
        // These have no content, even if they have a size; old tars wrote the file's size into hard links.
        let header_only = matches!(block.kind(), b'1'..=b'6') || kind == Kind::Directory;
        if header_only {
            stored = 0;
        }
        let sparse = self.sparse_of(block, extended, stored)?;
        if sparse.is_some() && header_only {
            return Err(self.broken(TarProblem::Sparse("on an entry without content")));
        }
        if sparse.is_some()
            && let Some(name) = extended.sparse_name()
        {
            raw = name.to_vec();
        }
        if raw.len() as u64 > self.limits.path_bytes || link.len() as u64 > self.limits.path_bytes {
            return Err(self.limit("path_bytes", self.limits.path_bytes));
        }
        self.entry.path.clear();
        if !normalise(&raw, &mut self.entry.path) || (self.entry.path.is_empty() && kind != Kind::Directory) {
            return Err(self.broken(TarProblem::Escapes(shown(&String::from_utf8_lossy(&raw)))));
        }
        let size = sparse.as_ref().map_or(stored, |sparse| sparse.size);
        self.logical = self.logical.saturating_add(size);
        if self.logical > self.limits.unpacked_bytes {
            return Err(self.limit("unpacked_bytes", self.limits.unpacked_bytes));
        }
        self.entry.ordinal = if self.entry.offset == 0 { 0 } else { self.entry.ordinal + 1 };
        self.entry.kind = kind;
        self.entry.link = link;
        self.entry.size = if kind == Kind::File { size } else { 0 };
        self.entry.mode = block.mode();
        self.entry.offset = self.position;
        self.entry.is_sparse = sparse.is_some();
        self.sparse = sparse;
        self.expect(stored);
        Ok(())
    }

    fn global(&mut self, block: &Block) -> Result<(), Error> {
        let (raw, mut path) = (block.name(), Vec::new());
        if !normalise(&raw, &mut path) {
            return Err(self.broken(TarProblem::Escapes(shown(&String::from_utf8_lossy(&raw)))));
        }
        self.globals.insert(path);
        if self.globals.len() > GLOBALS {
            return Err(self.broken(TarProblem::Pax("too many global ones")));
        }
        Ok(())
    }

    /// Records that `stored` bytes and their padding follow.
    fn expect(&mut self, stored: u64) {
        self.left = stored;
        self.padding = stored.wrapping_neg() % BLOCK as u64;
    }

    /// The content of a header that describes the following one.
    fn special(&mut self, block: &Block, limit: u64, name: &'static str) -> Result<Vec<u8>, Error> {
        let size = block.size().map_err(|problem| self.broken(problem))?;
        if size > limit {
            return Err(self.limit(name, limit));
        }
        self.sparse = None;
        self.expect(size);
        let mut content = Vec::new();
        self.read_stored(size, &mut content)?;
        Ok(content)
    }

    /// Whether the entry has holes, by its header or its extended header. Reads the header's continuation blocks.
    fn sparse_of(&mut self, block: &Block, extended: &Records, stored: u64) -> Result<Option<Sparse>, Error> {
        if block.kind() == b'S' {
            // Go refuses it, GNU tar treats the map as content, Python treats the content as a map.
            if block.format() != Format::Gnu {
                return Err(self.broken(TarProblem::Sparse("in a header that is not GNU's")));
            }
            let mut map = block.sparse().map_err(|problem| self.broken(problem))?;
            let mut more = block.sparse_continues();
            while more {
                let Some(block) = self.block()? else { return Err(self.broken(TarProblem::Truncated)) };
                more = block.extend_sparse(&mut map).map_err(|problem| self.broken(problem))?;
            }
            let size = block.sparse_size().map_err(|problem| self.broken(problem))?;
            return Sparse::mapped(map, size, stored).map(Some).map_err(|problem| self.broken(problem));
        }
        Sparse::of_records(extended, stored).map_err(|problem| self.broken(problem))
    }

    fn sparse_pieces(
        &mut self,
        sparse: Sparse,
        count: u64,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Error> {
        let map = if let Some(map) = sparse.map {
            map
        } else {
            let mut reader = sparse::MapReader::default();
            let mut block = Vec::new();
            let map = loop {
                block.clear();
                self.read_stored(self.left.min(BLOCK as u64), &mut block)?;
                if block.is_empty() {
                    return Err(self.broken(TarProblem::Sparse("the map does not end")));
                }
                if let Some(map) = reader.take(&block).map_err(|problem| self.broken(problem))? {
                    break map;
                }
            };
            sparse::check(&map, sparse.size, self.left).map_err(|problem| self.broken(problem))?;
            map
        };
        let mut position = 0;
        for (offset, length) in map {
            let end = offset.checked_add(length).filter(|end| position <= offset && *end <= sparse.size);
            let Some(end) = end else {
                return Err(self.broken(TarProblem::Sparse("a piece is past the end")));
            };
            zeros(offset.min(count).saturating_sub(position), take);
            let within = end.min(count).saturating_sub(offset);
            self.stored(within, &mut *take)?;
            position = end;
            if position >= count {
                return Ok(());
            }
        }
        zeros(sparse.size.min(count).saturating_sub(position), take);
        Ok(())
    }

    /// Appends the next `count` stored bytes of the entry to `out`.
    fn read_stored(&mut self, count: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        self.stored(count, |piece| out.extend_from_slice(piece))
    }

    /// Passes the next `count` stored bytes of the entry to `take`.
    fn stored(&mut self, count: u64, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut left = count;
        while left > 0 {
            let buffer = self.stream.fill_buf().map_err(|source| Error::io(self.what.as_str(), source))?;
            let step = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let Some(piece) = buffer.get(..step).filter(|piece| !piece.is_empty()) else {
                return Err(self.broken(TarProblem::Truncated));
            };
            take(piece);
            self.stream.consume(step);
            left -= step as u64;
            self.left -= step as u64;
            self.position += step as u64;
        }
        Ok(())
    }

    fn pass_content(&mut self) -> Result<(), Error> {
        let expected = self.left + self.padding;
        if expected == 0 {
            return Ok(());
        }
        let passed = self.stream.skip(expected).map_err(|source| Error::io(self.what.as_str(), source))?;
        // Some writers omit the padding of the last entry, and runtimes tolerate that; content must be complete.
        if passed < self.left {
            return Err(self.broken(TarProblem::Truncated));
        }
        self.position += passed;
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// The next header, or `None` at the end marker or at a clean end of the stream.
    fn next_header(&mut self) -> Result<Option<Block>, Error> {
        let Some(block) = self.block()? else { return Ok(None) };
        if !block.is_zero() {
            block.check().map_err(|problem| self.broken(problem))?;
            return Ok(Some(block));
        }
        match self.block()? {
            Some(block) if !block.is_zero() => Err(self.broken(TarProblem::LoneZeroBlock)),
            _ => Ok(None),
        }
    }

    /// The next 512 bytes, or `None` at the end of the stream.
    fn block(&mut self) -> Result<Option<Block>, Error> {
        let mut block = Block::zero();
        let mut filled = 0;
        while filled < BLOCK {
            let buffer = self.stream.fill_buf().map_err(|source| Error::io(self.what.as_str(), source))?;
            if buffer.is_empty() {
                return if filled == 0 { Ok(None) } else { Err(self.broken(TarProblem::Truncated)) };
            }
            let step = block.fill(filled, buffer);
            self.stream.consume(step);
            filled += step;
        }
        self.position += BLOCK as u64;
        Ok(Some(block))
    }

    fn broken(&self, problem: TarProblem) -> Error {
        Error::Tar { what: self.what.clone(), offset: self.header, problem }
    }

    fn limit(&self, name: &'static str, limit: u64) -> Error {
        LimitExceeded::new(name, limit, self.what.as_str()).into()
    }
}

/// A hole of `count` bytes.
fn zeros(count: u64, take: &mut dyn FnMut(&[u8])) {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut left = count;
    while left > 0 {
        let step = left.min(ZEROS.len() as u64);
        take(ZEROS.get(..usize::try_from(step).unwrap_or(ZEROS.len())).unwrap_or(&ZEROS));
        left -= step;
    }
}

fn kind(flag: u8, slash: bool) -> Kind {
    match flag {
        b'\0' if slash => Kind::Directory,
        b'0' | b'\0' | b'7' | b'S' => Kind::File,
        b'1' => Kind::Hardlink,
        b'2' => Kind::Symlink,
        b'5' => Kind::Directory,
        b'3' | b'4' => Kind::Device,
        _ => Kind::Other,
    }
}
