//! The members of a tar file by name, read in place.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::text::shown;
use plimsoll_core::{Cancel, LimitExceeded, Limits};

use super::packed::{self, Packed};
use super::reread::{ArchiveStream, Rereader, Tap};
use super::span::Span;
use crate::error::TarProblem;
use crate::inflate::{MAGIC_BYTES, detect};
use crate::layout::small;
use crate::media::Compression;
use crate::objects::Objects;
use crate::stoppable::StoppableStream;
use crate::tar::{Entry, Kind, Reader, Stream, clean_link};
use crate::{Descriptor, Error};

#[derive(Debug)]
enum Member {
    File(Span),
    /// Another member's name, relative to this one. `docker save` of before version 1.12 linked layers that images share.
    Symlink(Vec<u8>),
    /// Docker unpacks a hard link and reads it; containerd passes it over, skopeo and podman see an empty file.
    Hardlink,
    Directory,
    Other,
}

#[derive(Debug)]
enum Backing {
    File(Arc<File>),
    Stream(Arc<Rereader>),
}

#[derive(Debug)]
pub(super) struct Members {
    backing: Backing,
    by_name: HashMap<Vec<u8>, Member>,
    place: String,
    limits: Limits,
    /// Stops whatever goes through the archive, such as the hashing of compressed layers when it is opened.
    cancel: Cancel,
}

impl Members {
    /// Scans the tar once, from header to header.
    pub(super) fn open(path: &Path, limits: Limits, cancel: &Cancel) -> Result<Self, Error> {
        let place = format!("archive:{}", path.display());
        let failed = |source| Error::io(path.display().to_string(), source);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::UnknownFormat { place, problem: "it is not a file".to_owned() });
        }
        let length = metadata.len();
        let file = Arc::new(file);
        let mut stream = Seeking::new(Arc::clone(&file), length);
        let start = stream.fill_buf().map_err(failed)?;
        if let Some(compression) = packed::other(start) {
            let file = path.display().to_string();
            return Err(Error::CompressedArchive { file, compression });
        }
        let compression = detect(start);
        if compression != Compression::None {
            let packed = Packed {
                file,
                length,
                compression,
                place: place.clone(),
                limits: limits.clone(),
                cancel: cancel.clone(),
            };
            return Self::streamed(Box::new(packed), place, limits, cancel);
        }
        let mut reader = Reader::new(stream, place.as_str(), &limits);
        let mut members = Collected::default();
        while reader.advance().map_err(|error| no_tar(error, &place))? {
            cancel.check()?;
            members.add(reader.entry(), &place, &limits)?;
        }
        let by_name = members.finish(&place)?;
        Ok(Self { backing: Backing::File(file), by_name, place, limits, cancel: cancel.clone() })
    }

    /// Scans a stream once, keeping small members.
    pub(super) fn streamed(
        stream: Box<dyn ArchiveStream>,
        place: String,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        let mut rereader = Rereader::new(stream);
        let noted = Arc::new(Mutex::new(None));
        let tap = Tap::new(BufReader::with_capacity(BUFFER, rereader.first()?), Arc::clone(&noted));
        let mut reader = Reader::new(tap, place.as_str(), &limits);
        let mut members = Collected::default();
        let mut passed: Option<u64> = None;
        loop {
            cancel.check()?;
            let is_one = reader.advance().map_err(|error| no_tar(error, &place))?;
            let start = noted.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let (Some(offset), Some(start)) = (passed.take(), start) {
                rereader.head(offset, &start);
            }
            if !is_one {
                break;
            }
            members.add(reader.entry(), &place, &limits)?;
            let (kind, offset, size) = (reader.entry().kind, reader.entry().offset, reader.entry().size);
            if kind != Kind::File {
                continue;
            }
            if size <= limits.manifest_bytes {
                rereader.keep(offset, reader.content()?, &place, &limits)?;
            } else {
                passed = Some(offset);
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
            }
        }
        // To the end, so that a late failure of the engine is noticed.
        reader.finish()?;
        let by_name = members.finish(&place)?;
        let backing = Backing::Stream(Arc::new(rereader));
        Ok(Self { backing, by_name, place, limits, cancel: cancel.clone() })
    }

    /// The position of the content of `span` in a stream; `None` for a file.
    pub(super) fn position(&self, span: Span) -> Option<u64> {
        match &self.backing {
            Backing::File(_) => None,
            Backing::Stream(_) => Some(span.offset),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        !matches!(
            self.by_name.get(&clean_link(name.as_bytes())),
            None | Some(Member::Directory | Member::Other)
        )
    }

    /// Where the content of the member `name` is. Links are refused: containerd follows none to a document or a blob,
    /// Docker all of them.
    pub(super) fn span(&self, name: &str) -> Result<Span, Error> {
        match self.by_name.get(&clean_link(name.as_bytes())) {
            Some(Member::File(span)) => Ok(*span),
            Some(Member::Symlink(_) | Member::Hardlink) => Err(self.link(name)),
            Some(Member::Directory | Member::Other) | None => Err(self.missing(name)),
        }
    }

    /// Where the content of the layer `name` is, which may be a link as old versions of `docker save` wrote it: a symbolic
    /// one that leads straight to another member.
    pub(super) fn layer(&self, name: &str) -> Result<Span, Error> {
        let path = clean_link(name.as_bytes());
        let Some(Member::Symlink(target)) = self.by_name.get(&path) else { return self.span(name) };
        let directory: &[u8] = path.rsplitn(2, |byte| *byte == b'/').nth(1).unwrap_or_default();
        // What leads out is cut off at the archive's root by some and left by others.
        let Some(target) = inside(directory, target) else { return Err(self.link(name)) };
        match self.by_name.get(&target) {
            Some(Member::File(span)) => Ok(*span),
            Some(Member::Symlink(_) | Member::Hardlink) => Err(self.link(name)),
            Some(Member::Directory | Member::Other) | None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> Error {
        Error::NotFound { what: format!("member {}", shown(name)), place: self.place.clone() }
    }

    fn link(&self, name: &str) -> Error {
        let problem = format!("member `{}` is a link that readers follow differently", shown(name));
        Error::malformed(self.place.as_str(), problem)
    }

    pub(super) fn read(&self, span: Span) -> Box<dyn Read + Send> {
        let stream = match &self.backing {
            Backing::File(file) => {
                Box::new(Piece { file: Arc::clone(file), at: span.offset, left: span.size })
            }
            Backing::Stream(rereader) => rereader.read(span),
        };
        Box::new(StoppableStream::new(stream, &self.cancel))
    }

    /// The compression that the first bytes show.
    pub(super) fn compression(&self, span: Span) -> Result<Compression, Error> {
        if let Backing::Stream(rereader) = &self.backing
            && let Some(start) = rereader.start(span)
        {
            return Ok(detect(start));
        }
        let mut start = Vec::new();
        let mut piece = self.read(span).take(MAGIC_BYTES as u64);
        piece.read_to_end(&mut start).map_err(|source| Error::io(self.place.as_str(), source))?;
        Ok(detect(&start))
    }

    /// A document that only the limits bound.
    pub(super) fn small(&self, name: &str) -> Result<Vec<u8>, Error> {
        let span = self.span(name)?;
        let what = format!("{}: {}", self.place, shown(name));
        self.expect_document(span, &what)?;
        small(self.read(span), &what, &self.limits)
    }

    /// Refuses what does not begin like a document, before a stream is gone through once more for it.
    fn expect_document(&self, span: Span, what: &str) -> Result<(), Error> {
        let limit = self.limits.manifest_bytes;
        if span.size > limit {
            return Err(LimitExceeded::new("manifest_bytes", limit, what).into());
        }
        match &self.backing {
            Backing::Stream(rereader) if !rereader.has_kept(span) => {
                Err(Error::malformed(what, "it does not begin like a JSON document"))
            }
            _ => Ok(()),
        }
    }
}

impl Objects for Members {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = &descriptor.digest;
        let span = self.span(&format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()))?;
        if span.size != descriptor.size {
            let what = format!("{}: blob {digest}", self.place);
            return Err(Error::SizeMismatch { what, got: span.size, expected: descriptor.size });
        }
        Ok(self.read(span))
    }

    fn check_document(&self, descriptor: &Descriptor) -> Result<(), Error> {
        let digest = &descriptor.digest;
        let name = format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
        self.expect_document(self.span(&name)?, &format!("{}: {name}", self.place))
    }
}

/// What begins with no header of a tar is none.
fn no_tar(error: Error, place: &str) -> Error {
    match error {
        Error::Tar {
            offset: 0, problem: TarProblem::Checksum { .. } | TarProblem::Number { .. }, ..
        } => Error::UnknownFormat { place: place.to_owned(), problem: "it is not a tar".to_owned() },
        other => other,
    }
}

/// `target` seen from `directory`; none when it does not stay inside.
fn inside(directory: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.starts_with(b"/") {
        return None;
    }
    let mut names: Vec<&[u8]> =
        directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join(&b'/'))
}

/// The members so far.
#[derive(Default)]
struct Collected {
    by_name: HashMap<Vec<u8>, Member>,
    /// What they take of the memory for names.
    bytes: u64,
}

/// What a member takes beside its name. Empty ones cost their writer nothing once they are compressed.
const MEMBER_BYTES: u64 = 128;

impl Collected {
    fn add(&mut self, entry: &Entry, place: &str, limits: &Limits) -> Result<(), Error> {
        let name = || shown(&String::from_utf8_lossy(&entry.path));
        let member = match entry.kind {
            Kind::File if entry.is_sparse => {
                return Err(Error::malformed(place, format!("member `{}` is a sparse file", name())));
            }
            Kind::File => Member::File(Span { offset: entry.offset, size: entry.size }),
            Kind::Symlink => Member::Symlink(entry.link.clone()),
            Kind::Hardlink => Member::Hardlink,
            Kind::Directory => Member::Directory,
            Kind::Device | Kind::Other => Member::Other,
        };
        self.bytes += MEMBER_BYTES + (entry.path.len() + entry.link.len()) as u64;
        if self.bytes > limits.name_bytes {
            let what = format!("{place}: the names of its members");
            return Err(LimitExceeded::new("name_bytes", limits.name_bytes, what).into());
        }
        let is_directory = matches!(member, Member::Directory);
        // Which of two members of one name counts is a matter of taste, and tastes differ between readers.
        if let Some(there) = self.by_name.insert(entry.path.clone(), member)
            && !(is_directory && matches!(there, Member::Directory))
        {
            let problem = TarProblem::Duplicate(name());
            return Err(Error::Tar { what: place.to_owned(), offset: entry.offset, problem });
        }
        Ok(())
    }

    /// Refuses members that lie below a file or a link: on a disk they would be elsewhere, or replace another one.
    fn finish(self, place: &str) -> Result<HashMap<Vec<u8>, Member>, Error> {
        let members = self.by_name;
        // With `/` before all other bytes, what lies below a member comes right behind it.
        let key = |path: &&Vec<u8>| -> Vec<u16> {
            path.iter().map(|byte| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 }).collect()
        };
        let mut paths: Vec<&Vec<u8>> = members.keys().collect();
        paths.sort_by_cached_key(key);
        for (above, below) in paths.iter().zip(paths.iter().skip(1)) {
            let is_below =
                below.strip_prefix(above.as_slice()).is_some_and(|rest| rest.first() == Some(&b'/'));
            if is_below && !matches!(members.get(*above), Some(Member::Directory)) {
                let problem =
                    format!("member `{}` has members below it", shown(&String::from_utf8_lossy(above)));
                return Err(Error::malformed(place, problem));
            }
        }
        Ok(members)
    }
}

/// A part of a file.
struct Piece {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Piece {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A file as a stream that skips content without reading it.
struct Seeking {
    file: Arc<File>,
    length: u64,
    /// Where the next buffer comes from.
    next: u64,
    buffer: Vec<u8>,
    position: usize,
    filled: usize,
}

/// A header and a little more: the content is mostly skipped.
const BUFFER: usize = 16 * 1024;

impl Seeking {
    fn new(file: Arc<File>, length: u64) -> Self {
        Self { file, length, next: 0, buffer: vec![0; BUFFER], position: 0, filled: 0 }
    }
}

impl BufRead for Seeking {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.filled {
            self.filled = self.file.read_at(&mut self.buffer, self.next)?;
            self.next += self.filled as u64;
            self.position = 0;
        }
        Ok(self.buffer.get(self.position..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Read for Seeking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Stream for Seeking {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let buffered = (self.filled - self.position) as u64;
        if count <= buffered {
            self.position += usize::try_from(count).unwrap_or(0);
            return Ok(count);
        }
        self.position = self.filled;
        // Seeking past the end succeeds, so the end is checked here: a truncated archive must not pass.
        let ahead = (count - buffered).min(self.length.saturating_sub(self.next));
        self.next += ahead;
        Ok(buffered + ahead)
    }
}
