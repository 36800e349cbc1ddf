//! One open database file: header, index and records, independent of their content.

use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use plimsoll_core::Digest;

use super::blocks::{BlockPlace, Directory, PackageBlock, Recent};
use super::format::{self, FORMAT, Header, MAGIC, MAX_BLOCK, MAX_DIRECTORY, MAX_HEADER, PREAMBLE, Part};
use super::record::Place;
use super::texts::{Inflater, TextBlock};
use super::wire::Reader;
use crate::error::{Damage, Error};

/// An open file with a verified header.
#[derive(Debug)]
pub(super) struct TableFile {
    path: PathBuf,
    file: fs::File,
    bytes: u64,
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
        let file = fs::File::open(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let read = |source| Error::Read { path: path.clone(), source };
        let damaged = |reason| Error::Damaged { path: path.clone(), reason };
        let bytes = file.metadata().map_err(read)?.len();
        let mut preamble = [0; PREAMBLE];
        match file.read_exact_at(&mut preamble, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged(Damage::Magic)),
            Err(error) => return Err(read(error)),
        }
        if !preamble.starts_with(&MAGIC) {
            return Err(damaged(Damage::Magic));
        }
        let field = |at| format::number::<4>(&preamble, at).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let (format, length) = (field(8), field(12));
        if format != FORMAT {
            return Err(Error::Format { path, got: format, expected: FORMAT });
        }
        if length > MAX_HEADER {
            return Err(damaged(Damage::Header("length")));
        }
        let header = read_at(&file, &path, PREAMBLE as u64, u64::from(length))?;
        let digest = Digest::sha256(&header);
        if !preamble.ends_with(digest.as_bytes()) || digest != header_digest {
            return Err(damaged(Damage::Digest { part: "header" }));
        }
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
        let packages_start = PREAMBLE as u64 + u64::from(length);
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
        self.directory(&self.text_directory, &self.header.texts, self.texts.start)
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
        let bytes = read_at(&self.file, &self.path, start, part.directory.bytes)?;
        if Digest::sha256(&bytes) != part.directory.digest {
            return Err(self.damaged(Damage::Digest { part: "directory" }));
        }
        let directory = Directory::decode(&bytes, part.bytes).ok_or_else(|| self.encoding("directory"))?;
        Ok(known.get_or_init(|| directory))
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

    /// Its bytes from the start.
    pub(super) fn read(&self) -> impl Read + '_ {
        FromStart { file: &self.file, at: 0 }
    }

    /// Reads and decodes every block, and passes each record to `visit`.
    pub(super) fn verify(&self, mut visit: impl FnMut(&Record) -> Result<(), Error>) -> Result<(), Error> {
        let (mut keys, mut last) = (0, Vec::new());
        let directory = self.package_directory()?;
        for place in directory.iter() {
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
        let mut inflater = Inflater::default();
        for place in self.text_directory()?.iter() {
            let stored = self.stored(self.texts.end, place)?;
            inflater.inflate(&stored, place.plain).ok_or_else(|| self.encoding("block"))?;
        }
        self.read_labels()?;
        if keys == self.header.keys { Ok(()) } else { Err(self.damaged(Damage::Header("keys"))) }
    }

    fn damaged(&self, reason: Damage) -> Error {
        Error::Damaged { path: self.path.clone(), reason }
    }

    /// Verified bytes of this part do not decode.
    pub(super) fn encoding(&self, part: &'static str) -> Error {
        self.damaged(Damage::Encoding { part })
    }
}

/// Reads a file by positions, so that its own position does not matter.
struct FromStart<'a> {
    file: &'a fs::File,
    at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
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
