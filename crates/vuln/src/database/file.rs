//! One open database file: header, index and records, independent of their content.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use plimsoll_core::{Cancel, Digest};

use super::blocks::{BlockPlace, Directory, PackageBlock, Recent};
use super::format::{
    self, AnyFeed, AnyHeader, FORMAT, FeedAge, Header, MAGIC, MAX_BLOCK, MAX_DIRECTORY, MAX_HEADER, PREAMBLE,
    Part,
};
use super::record::Place;
use super::texts::{self, Inflater, TextBlock};
use super::wire::Reader;
use crate::error::{Damage, Error};

/// Bytes before the digest of the header.
const OPENING: usize = 16;

/// An open file with a verified header.
#[derive(Debug)]
pub(super) struct TableFile {
    path: PathBuf,
    file: fs::File,
    bytes: u64,
    /// Magic, format and the length of the header.
    opening: [u8; OPENING],
    digest: Digest,
    header: Header,
    /// Where the directory and the blocks of packages are in the file.
    packages: Range<u64>,
    /// Where those of texts are.
    texts: Range<u64>,
    package_directory: OnceLock<Directory>,
    text_directory: OnceLock<Directory>,
    package_blocks: Mutex<Recent<PackageBlock>>,
    text_blocks: Mutex<(Recent<TextBlock>, Inflater)>,
    labels: OnceLock<Vec<String>>,
}

/// The record of one package, in a verified block.
#[derive(Debug)]
pub(super) struct Record {
    block: Arc<PackageBlock>,
    number: usize,
}

impl Record {
    pub(super) fn content(&self) -> &[u8] {
        self.block.record(self.number).unwrap_or_default()
    }
}

impl TableFile {
    /// Opens the file at `path`, which must have this content, and a header with this digest.
    pub(super) fn open(path: PathBuf, content: &str, header_digest: Digest) -> Result<Self, Error> {
        let FileStart { file, opening, format, header, digest } = FileStart::read(&path, header_digest)?;
        if format != FORMAT {
            return Err(other_format(&path, format));
        }
        let damaged = |reason| Error::Damaged { path: path.clone(), reason };
        let bytes = file.metadata().map_err(|source| Error::Read { path: path.clone(), source })?.len();
        let length = header.len() as u64;
        let header: Header = plimsoll_core::json::from_slice(&header, u64::from(MAX_HEADER))
            .map_err(|_| damaged(Damage::Header("shape")))?;
        if header.content != content {
            return Err(damaged(Damage::Misnamed { got: header.content, expected: content.to_owned() }));
        }
        if header.feeds.is_empty() {
            return Err(damaged(Damage::Header("feeds")));
        }
        if [&header.packages, &header.texts].iter().any(|part| part.directory.bytes > MAX_DIRECTORY) {
            return Err(damaged(Damage::Header("directory length")));
        }
        // The directories are bounded, so only the blocks can be too long.
        let packages_start = PREAMBLE as u64 + length;
        let texts_start = packages_start + header.packages.directory.bytes;
        let blocks_start = texts_start + header.texts.directory.bytes;
        let between = blocks_start.saturating_add(header.packages.bytes);
        let expected = between.saturating_add(header.texts.bytes);
        if expected != bytes {
            return Err(damaged(Damage::Length { got: bytes, expected }));
        }
        Ok(Self {
            path,
            file,
            bytes,
            opening,
            digest,
            header,
            packages: packages_start..blocks_start,
            texts: texts_start..between,
            package_directory: OnceLock::new(),
            text_directory: OnceLock::new(),
            package_blocks: Mutex::default(),
            text_blocks: Mutex::default(),
            labels: OnceLock::new(),
        })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The digest of the header, which contains those of the rest.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// The size of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn package_directory(&self) -> Result<&Directory, Error> {
        self.directory(&self.package_directory, &self.header.packages, self.packages.start)
    }

    fn text_directory(&self) -> Result<&Directory, Error> {
        let directory = self.directory(&self.text_directory, &self.header.texts, self.texts.start)?;
        texts::within_ratio(directory.plain(), self.header.texts.bytes, &self.path.display().to_string())?;
        Ok(directory)
    }

    fn directory<'a>(
        &self,
        known: &'a OnceLock<Directory>,
        part: &Part,
        start: u64,
    ) -> Result<&'a Directory, Error> {
        if let Some(directory) = known.get() {
            return Ok(directory);
        }
        let bytes = self.directory_bytes(part, start)?;
        let directory = Directory::decode(&bytes, part.bytes).ok_or_else(|| self.encoding("directory"))?;
        Ok(known.get_or_init(|| directory))
    }

    /// The bytes of a directory, verified.
    fn directory_bytes(&self, part: &Part, start: u64) -> Result<Vec<u8>, Error> {
        let bytes = read_at(&self.file, &self.path, start, part.directory.bytes)?;
        if Digest::sha256(&bytes) != part.directory.digest {
            return Err(self.damaged(Damage::Digest { part: "directory" }));
        }
        Ok(bytes)
    }

    /// The stored bytes of a block, verified.
    fn stored(&self, start: u64, place: &BlockPlace) -> Result<Vec<u8>, Error> {
        if place.stored > MAX_BLOCK || place.plain > MAX_BLOCK {
            return Err(self.encoding("directory"));
        }
        let bytes = read_at(&self.file, &self.path, start.saturating_add(place.offset), place.stored.into())?;
        if Digest::sha256(&bytes).as_bytes() != place.digest {
            return Err(self.damaged(Damage::Digest { part: "block" }));
        }
        Ok(bytes)
    }

    fn package_block(
        &self,
        recent: &mut Recent<PackageBlock>,
        place: &BlockPlace,
    ) -> Result<Arc<PackageBlock>, Error> {
        if let Some(block) = recent.get(place.number) {
            return Ok(block);
        }
        let bytes = self.stored(self.packages.end, place)?;
        let block = Arc::new(PackageBlock::decode(bytes).ok_or_else(|| self.encoding("block"))?);
        recent.put(place.number, &block, block.size());
        Ok(block)
    }

    /// The record under `key`, if there is one.
    pub(super) fn find(&self, key: &str) -> Result<Option<Record>, Error> {
        let directory = self.package_directory()?;
        let mut recent = self.package_blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = directory.block_of(key.as_bytes(), recent.last()) else { return Ok(None) };
        let block = self.package_block(&mut recent, place)?;
        Ok(block.find(key.as_bytes()).map(|number| Record { block, number }))
    }

    /// The names of all packages, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for place in self.package_directory()?.iter() {
            let mut recent = self.package_blocks.lock().unwrap_or_else(PoisonError::into_inner);
            let block = self.package_block(&mut recent, place)?;
            for number in 0..block.len() {
                let name = block.name(number).and_then(|name| str::from_utf8(name).ok());
                names.push(name.ok_or_else(|| self.encoding("block"))?.to_owned());
            }
        }
        Ok(names)
    }

    /// Passes the text at `place` to `read`.
    pub(super) fn text<T>(&self, place: Place, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, Error> {
        let block = self.text_block(place.block)?;
        block.text(place.offset).and_then(read).ok_or_else(|| self.encoding("text"))
    }

    fn text_block(&self, number: u32) -> Result<Arc<TextBlock>, Error> {
        let directory = self.text_directory()?;
        let place = usize::try_from(number).ok().and_then(|number| directory.get(number));
        let place = place.ok_or_else(|| self.encoding("place of a text"))?;
        let mut blocks = self.text_blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let (recent, inflater) = &mut *blocks;
        if let Some(block) = recent.get(place.number) {
            return Ok(block);
        }
        let stored = self.stored(self.texts.end, place)?;
        let block = inflater.inflate(&stored, place.plain).ok_or_else(|| self.encoding("block"))?;
        let block = Arc::new(block);
        recent.put(place.number, &block, block.size());
        Ok(block)
    }

    /// The label with this number.
    pub(super) fn label(&self, number: u32) -> Result<&str, Error> {
        if self.labels.get().is_none() {
            let read = self.read_labels()?;
            self.labels.get_or_init(|| read);
        }
        let labels = self.labels.get().map(Vec::as_slice).unwrap_or_default();
        let label = usize::try_from(number).ok().and_then(|number| labels.get(number));
        label.map(String::as_str).ok_or_else(|| self.encoding("labels"))
    }

    fn read_labels(&self) -> Result<Vec<String>, Error> {
        let Some(number) = self.header.labels else { return Ok(Vec::new()) };
        let block = u32::try_from(number).map_err(|_| self.damaged(Damage::Header("labels")))?;
        self.text(Place { block, offset: 0 }, |text| {
            let mut reader = Reader::new(text);
            let labels = reader.list(|reader| reader.text().map(str::to_owned));
            labels.filter(|_| reader.is_at_end())
        })
    }

    /// The name of the file.
    pub(super) fn name(&self) -> Option<&str> {
        self.path.file_name()?.to_str()
    }

    /// Passes all its bytes from the start to `take`, in pieces that were compared with their digests.
    pub(super) fn copy<E: From<Error>>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let start = read_at(&self.file, &self.path, 0, self.packages.start)?;
        let (preamble, header) = start.split_at_checked(PREAMBLE).unwrap_or_default();
        if !preamble.starts_with(&self.opening)
            || !preamble.ends_with(self.digest.as_bytes())
            || Digest::sha256(header) != self.digest
        {
            return Err(self.damaged(Damage::Digest { part: "header" }).into());
        }
        take(&start)?;
        let parts = [(&self.header.packages, self.packages.start), (&self.header.texts, self.texts.start)];
        for (part, start) in parts {
            take(&self.directory_bytes(part, start)?)?;
        }
        for (directory, start) in
            [(self.package_directory()?, self.packages.end), (self.text_directory()?, self.texts.end)]
        {
            for place in directory.iter() {
                take(&self.stored(start, place)?)?;
            }
        }
        Ok(())
    }

    /// Reads and decodes every block of packages, and passes each record to `visit`.
    pub(super) fn verify_packages(
        &self,
        cancel: &Cancel,
        mut visit: impl FnMut(&Record) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut keys, mut last) = (0, Vec::new());
        let directory = self.package_directory()?;
        for place in directory.iter() {
            cancel.check()?;
            let bytes = self.stored(self.packages.end, place)?;
            let block = Arc::new(PackageBlock::decode(bytes).ok_or_else(|| self.encoding("block"))?);
            if block.name(0).is_none() || block.name(0) != directory.name(place.number) {
                return Err(self.encoding("directory"));
            }
            for number in 0..block.len() {
                // What is not sorted would not be found.
                let name = block.name(number).filter(|name| keys == 0 || *name > last.as_slice());
                last = name.ok_or_else(|| self.encoding("block"))?.to_vec();
                visit(&Record { block: Arc::clone(&block), number })?;
                keys += 1;
            }
        }
        if keys == self.header.keys { Ok(()) } else { Err(self.damaged(Damage::Header("keys"))) }
    }

    /// Inflates every block of texts once, and passes the texts at `places` to `decodes`. No two of them overlap, so that all
    /// of them together are no longer than their blocks, however many places there are.
    pub(super) fn verify_texts(
        &self,
        mut places: Vec<Place>,
        cancel: &Cancel,
        decodes: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Error> {
        places.sort_unstable();
        places.dedup();
        let mut places = places.into_iter().peekable();
        let mut inflater = Inflater::default();
        for block in self.text_directory()?.iter() {
            cancel.check()?;
            let stored = self.stored(self.texts.end, block)?;
            let content = inflater.inflate(&stored, block.plain).ok_or_else(|| self.encoding("block"))?;
            let mut end = 0;
            while let Some(place) = places.next_if(|place| u64::from(place.block) == block.number as u64) {
                cancel.check()?;
                let text = content.text_until(place.offset);
                let follows = usize::try_from(place.offset).is_ok_and(|start| start >= end);
                let (text, at) = text.filter(|_| follows).ok_or_else(|| self.encoding("place of a text"))?;
                if !decodes(text) {
                    return Err(self.encoding("text"));
                }
                end = at;
            }
        }
        if places.next().is_some() {
            return Err(self.encoding("place of a text"));
        }
        self.read_labels().map(|_| ())
    }

    fn damaged(&self, reason: Damage) -> Error {
        Error::Damaged { path: self.path.clone(), reason }
    }

    /// Verified bytes of this part do not decode.
    pub(super) fn encoding(&self, part: &'static str) -> Error {
        self.damaged(Damage::Encoding { part })
    }
}

/// The start of a file, which all formats have.
struct FileStart {
    file: fs::File,
    opening: [u8; OPENING],
    format: u32,
    /// Verified, in whichever format it is.
    header: Vec<u8>,
    digest: Digest,
}

impl FileStart {
    fn read(path: &Path, header_digest: Digest) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let damaged = |reason| Error::Damaged { path: path.to_owned(), reason };
        let file = fs::File::open(path).map_err(read)?;
        let mut preamble = [0; PREAMBLE];
        match file.read_exact_at(&mut preamble, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged(Damage::Magic)),
            Err(error) => return Err(read(error)),
        }
        if !preamble.starts_with(&MAGIC) {
            return Err(damaged(Damage::Magic));
        }
        let opening = preamble.first_chunk().copied().unwrap_or_default();
        let field = |at| format::number::<4>(&preamble, at).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let (format, length) = (field(8), field(12));
        let header = if length > MAX_HEADER {
            Err(damaged(Damage::Header("length")))
        } else {
            read_at(&file, path, PREAMBLE as u64, u64::from(length))
        };
        let is_right = |header: &[u8]| {
            let digest = Digest::sha256(header);
            preamble.ends_with(digest.as_bytes()) && digest == header_digest
        };
        match header {
            Ok(header) if is_right(&header) => {
                Ok(Self { file, opening, format, header, digest: header_digest })
            }
            // A format that is unknown may say otherwise where its header is.
            Ok(_) | Err(Error::Damaged { .. }) if format != FORMAT => Err(other_format(path, format)),
            Ok(_) => Err(damaged(Damage::Digest { part: "header" })),
            Err(error) => Err(error),
        }
    }
}

/// What the header of the file at `path` says of its feeds, in whichever format it is.
pub(super) fn ages(path: PathBuf, header_digest: Digest) -> Result<Vec<FeedAge>, Error> {
    let FileStart { format, header, .. } = FileStart::read(&path, header_digest)?;
    match plimsoll_core::json::from_slice::<AnyHeader>(&header, u64::from(MAX_HEADER)) {
        Ok(AnyHeader { content, feeds }) => {
            let age = |AnyFeed { publisher, as_of }| FeedAge { ecosystem: content.clone(), publisher, as_of };
            Ok(feeds.into_iter().map(age).collect())
        }
        Err(_) if format == FORMAT => Err(Error::Damaged { path, reason: Damage::Header("shape") }),
        Err(_) => Err(other_format(&path, format)),
    }
}

fn other_format(path: &Path, got: u32) -> Error {
    Error::Format { path: path.to_owned(), got, expected: FORMAT }
}

/// Reads exactly `length` bytes, which the caller has bounded.
fn read_at(file: &fs::File, path: &Path, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let length = usize::try_from(length).map_err(|_| read(io::ErrorKind::OutOfMemory.into()))?;
    let mut bytes = vec![0; length];
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let got = file.metadata().map_err(read)?.len();
            let expected = offset.saturating_add(bytes.len() as u64);
            Err(Error::Damaged { path: path.to_owned(), reason: Damage::Length { got, expected } })
        }
        Err(source) => Err(read(source)),
    }
}
