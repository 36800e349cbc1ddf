//! One open database file: header, index and records, independent of their content.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use plimsoll_core::{Algorithm, Digest, Hasher};

use super::format::{
    self, CHECKSUM, FORMAT, Header, Index, MAGIC, MAX_HEADER, MAX_INDEX, MAX_RECORD, PREAMBLE,
};
use super::record::Place;
use super::wire::Reader;
use crate::error::{Damage, Error};

/// Bytes that are read at once for a package; reading fewer is hardly faster.
const WINDOW: u64 = 16 * 1024;

/// An open file with a verified header.
#[derive(Debug)]
pub(super) struct TableFile {
    path: PathBuf,
    file: fs::File,
    bytes: u64,
    digest: Digest,
    header: Header,
    /// Where the index starts in the file.
    index_start: u64,
    index: OnceLock<Index>,
    labels: OnceLock<Vec<String>>,
    window: Mutex<Window>,
}

/// The part of a file that was last read for a package. Inventory and records are both sorted, so the next one is
/// usually in it.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

/// Whether the next requested record probably follows.
#[derive(Clone, Copy)]
enum NextRead {
    Adjacent,
    Elsewhere,
}

/// A verified record, preceded by its checksum, as it was read.
#[derive(Debug)]
pub(super) struct Record(Vec<u8>);

impl Record {
    pub(super) fn content(&self) -> &[u8] {
        self.0.get(CHECKSUM..).unwrap_or_default()
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
        if header.index.bytes > MAX_INDEX {
            return Err(damaged(Damage::Header("index length")));
        }
        let index_start = PREAMBLE as u64 + u64::from(length);
        let expected = index_start.saturating_add(header.index.bytes).saturating_add(header.body.bytes);
        if expected != bytes {
            return Err(damaged(Damage::Length { got: bytes, expected }));
        }
        Ok(Self {
            path,
            file,
            bytes,
            digest,
            header,
            index_start,
            index: OnceLock::new(),
            labels: OnceLock::new(),
            window: Mutex::default(),
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

    pub(super) fn index(&self) -> Result<&Index, Error> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let bytes = read_at(&self.file, &self.path, self.index_start, self.header.index.bytes)?;
        if Digest::sha256(&bytes) != self.header.index.digest {
            return Err(self.damaged(Damage::Digest { part: "index" }));
        }
        let index = Index::new(bytes).ok_or_else(|| self.encoding("index"))?;
        Ok(self.index.get_or_init(|| index))
    }

    /// The record under `key`, if there is one.
    pub(super) fn find(&self, key: &str) -> Result<Option<Record>, Error> {
        let place = self.index()?.find(key).map_err(|_| self.encoding("index"))?;
        place.map(|place| self.read_record(place, NextRead::Adjacent)).transpose()
    }

    /// The record at `place`, to which another record refers.
    pub(super) fn record(&self, place: Place) -> Result<Record, Error> {
        self.read_record(place, NextRead::Elsewhere)
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
        let Some(place) = self.header.labels else { return Ok(Vec::new()) };
        let record = self.record(place)?;
        let mut reader = Reader::new(record.content());
        let labels = reader.list(|reader| reader.text().map(str::to_owned));
        labels.filter(|_| reader.is_at_end()).ok_or_else(|| self.encoding("labels"))
    }

    fn read_record(&self, place: Place, near: NextRead) -> Result<Record, Error> {
        let length = CHECKSUM as u64 + u64::from(place.length);
        let inside = place.offset.checked_add(length).is_some_and(|end| end <= self.header.body.bytes);
        if !inside || place.length > MAX_RECORD {
            return Err(self.encoding("place of a record"));
        }
        let start = self.index_start.saturating_add(self.header.index.bytes).saturating_add(place.offset);
        let bytes = match near {
            NextRead::Adjacent => self.through_window(start, length)?,
            NextRead::Elsewhere => read_at(&self.file, &self.path, start, length)?,
        };
        let (checksum, content) = bytes.split_at_checked(CHECKSUM).ok_or_else(|| self.encoding("record"))?;
        if checksum != format::checksum(place.offset, content) {
            return Err(self.damaged(Damage::Digest { part: "record" }));
        }
        Ok(Record(bytes))
    }

    /// `length` bytes at `start`, which are inside the file, through the window.
    fn through_window(&self, start: u64, length: u64) -> Result<Vec<u8>, Error> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |window: &Window| {
            let from = usize::try_from(start.checked_sub(window.start)?).ok()?;
            window.bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?).map(<[u8]>::to_vec)
        };
        if let Some(bytes) = known(&window) {
            return Ok(bytes);
        }
        let ahead = WINDOW.max(length).min(self.bytes.saturating_sub(start));
        let bytes = read_at(&self.file, &self.path, start, ahead)?;
        *window = Window { start, bytes };
        known(&window).ok_or_else(|| self.encoding("place of a record"))
    }

    /// The name of the file.
    pub(super) fn name(&self) -> Option<&str> {
        self.path.file_name()?.to_str()
    }

    /// Its bytes from the start.
    pub(super) fn read(&self) -> impl Read + '_ {
        FromStart { file: &self.file, at: 0 }
    }

    /// Compares all bytes with the digests in the header.
    pub(super) fn hash(&self) -> Result<(), Error> {
        self.index()?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let (mut at, end) = (self.index_start.saturating_add(self.header.index.bytes), self.bytes);
        while at < end {
            let chunk = read_at(&self.file, &self.path, at, (end - at).min(1 << 20))?;
            hasher.update(&chunk);
            at += chunk.len() as u64;
        }
        if hasher.finish() != self.header.body.digest {
            return Err(self.damaged(Damage::Digest { part: "body" }));
        }
        Ok(())
    }

    /// Reads every byte, and passes each record of the index to `visit`.
    pub(super) fn verify(&self, mut visit: impl FnMut(Record) -> Result<(), Error>) -> Result<(), Error> {
        self.hash()?;
        self.read_labels()?;
        let mut keys = 0;
        for entry in self.index()?.iter() {
            let (_, place) = entry.ok_or_else(|| self.encoding("index"))?;
            visit(self.read_record(place, NextRead::Adjacent)?)?;
            keys += 1;
        }
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
