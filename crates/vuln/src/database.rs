//! The advisory database: a directory with one file for each ecosystem, `pypi.plimsolldb`, `debian.plimsolldb`, …
//!
//! Owns the files' format and their reading. It neither fetches nor parses publishers' data, and does not know what is
//! installed.
//!
//! Opening reads the headers. The index of an ecosystem is read at the first lookup in it, at once; hits are positioned
//! reads. Every file is held open, so that a replacement while a scan runs does not mix two states. Whatever is read is
//! verified first: a damaged file is an error, never a shorter answer.

mod format;
mod record;
mod wire;
mod writer;

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use plimsoll_core::{Algorithm, Digest, Ecosystem, Hasher, Timestamp};
use serde::Serialize;

pub use record::{Detail, Entry, Place};
pub use writer::{About, File, Writer, key};

use crate::error::{Damage, Error};
use crate::version::{self, VersionOrder};
use format::{CHECKSUM, FORMAT, Header, Index, MAGIC, MAX_HEADER, MAX_INDEX, MAX_RECORD, PREAMBLE};

/// The ending of database files.
pub const ENDING: &str = "plimsolldb";

/// An open database.
#[derive(Debug)]
pub struct Database {
    feeds: Vec<Feed>,
}

/// What is known about the feed of one ecosystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedStatus {
    /// OSV's name of the ecosystem.
    pub ecosystem: String,
    /// Who published the data.
    pub publisher: String,
    /// When it was retrieved from the publisher.
    pub as_of: Timestamp,
    /// How many advisories are in it.
    pub advisories: u64,
    /// How many packages they speak about; in an ecosystem with releases, each release counts.
    pub packages: u64,
    /// The releases that the feed speaks about; empty where the ecosystem has none.
    pub releases: Vec<String>,
    /// Stands for the whole file: the digest of its header, which holds the digests of the rest.
    pub file_digest: Digest,
    /// Digest of the publisher's data that it was built from.
    pub source: Digest,
    /// Size of the file.
    pub bytes: u64,
}

impl Database {
    /// Opens the database in `dir`.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let mut feeds = Vec::new();
        for (ecosystem, order) in covered() {
            let path = file_path(dir, ecosystem);
            match fs::File::open(&path) {
                Ok(file) => feeds.push(Feed::open(ecosystem, order, path, file)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::Read { path, source }),
            }
        }
        if feeds.is_empty() {
            return Err(Error::NoDatabase { dir: dir.to_owned() });
        }
        Ok(Self { feeds })
    }

    /// The state of each feed, in the order of the file names.
    pub fn status(&self) -> Vec<FeedStatus> {
        self.feeds.iter().map(Feed::status).collect()
    }

    /// One digest for all files, for verdicts to name.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for feed in &self.feeds {
            hasher.update(format!("{} {}\n", feed.ecosystem.id(), feed.digest).as_bytes());
        }
        hasher.finish()
    }

    /// Reads every byte of every file and decodes every record.
    pub fn verify(&self) -> Result<(), Error> {
        self.feeds.iter().try_for_each(Feed::verify)
    }

    /// The feed of `ecosystem`.
    pub fn feed(&self, ecosystem: Ecosystem) -> Option<&Feed> {
        self.feeds.iter().find(|feed| feed.ecosystem == ecosystem)
    }
}

/// The ecosystems that a database may hold, in the order of their files' names.
fn covered() -> Vec<(Ecosystem, &'static dyn VersionOrder)> {
    let order = |ecosystem: &Ecosystem| Some((*ecosystem, version::of_ecosystem(*ecosystem)?));
    let mut covered: Vec<_> = Ecosystem::ALL.iter().filter_map(order).collect();
    covered.sort_unstable_by_key(|(ecosystem, _)| ecosystem.id());
    covered
}

/// The path of an ecosystem's file in `dir`.
pub fn file_path(dir: &Path, ecosystem: Ecosystem) -> PathBuf {
    dir.join(format!("{}.{ENDING}", ecosystem.id()))
}

/// One open database file.
#[derive(Debug)]
pub struct Feed {
    ecosystem: Ecosystem,
    order: &'static dyn VersionOrder,
    path: PathBuf,
    file: fs::File,
    bytes: u64,
    digest: Digest,
    header: Header,
    /// Where the index starts in the file.
    index_start: u64,
    index: OnceLock<Index>,
    window: Mutex<Window>,
}

/// The part of a file that was read last for a package. An inventory is sorted and so are the records, so the next one is
/// most often in it.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

/// Bytes that are read at once for a package; reading fewer takes hardly less time.
const WINDOW: u64 = 16 * 1024;

/// The record of one package: the bytes, verified, from which entries are read.
#[derive(Debug)]
pub struct Package(Record);

/// Whether the record that is asked for next is likely to follow.
#[derive(Clone, Copy)]
enum Near {
    Next,
    Nothing,
}

/// A verified record with its checksum in front, as it was read.
#[derive(Debug)]
struct Record(Vec<u8>);

impl Record {
    fn content(&self) -> &[u8] {
        self.0.get(CHECKSUM..).unwrap_or_default()
    }
}

impl Feed {
    fn open(
        ecosystem: Ecosystem,
        order: &'static dyn VersionOrder,
        path: PathBuf,
        file: fs::File,
    ) -> Result<Self, Error> {
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
        if !preamble.ends_with(digest.as_bytes()) {
            return Err(damaged(Damage::Digest { part: "header" }));
        }
        let header: Header = plimsoll_core::json::from_slice(&header, u64::from(MAX_HEADER))
            .map_err(|_| damaged(Damage::Header("shape")))?;
        if header.ecosystem != ecosystem.name() {
            let expected = ecosystem.name().to_owned();
            return Err(damaged(Damage::Misnamed { got: header.ecosystem, expected }));
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
            ecosystem,
            order,
            path,
            file,
            bytes,
            digest,
            header,
            index_start,
            index: OnceLock::new(),
            window: Mutex::default(),
        })
    }

    /// The state of this feed.
    pub fn status(&self) -> FeedStatus {
        FeedStatus {
            ecosystem: self.header.ecosystem.clone(),
            publisher: self.header.publisher.clone(),
            as_of: self.header.as_of,
            advisories: self.header.advisories,
            packages: self.header.packages,
            releases: self.header.releases.clone(),
            file_digest: self.digest,
            source: self.header.source,
            bytes: self.bytes,
        }
    }

    /// The ecosystem of all its records.
    pub fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    /// How the versions in it are ordered.
    pub fn order(&self) -> &'static dyn VersionOrder {
        self.order
    }

    /// When the data was retrieved from its publisher.
    pub fn as_of(&self) -> Timestamp {
        self.header.as_of
    }

    /// Whether the feed speaks about a release.
    pub fn covers(&self, release: &str) -> bool {
        self.header.releases.iter().any(|r| r == release)
    }

    /// The keys of all packages that there are advisories about, sorted.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        let name = |entry: Option<(&[u8], Place)>| Some(str::from_utf8(entry?.0).ok()?.to_owned());
        self.index()?.iter().map(|entry| name(entry).ok_or_else(|| self.encoding("index"))).collect()
    }

    /// The record of the package stored under `key` (see [`key`]); nothing when there is no advisory about it.
    pub fn package(&self, key: &str) -> Result<Option<Package>, Error> {
        let place = self.index()?.find(key).map_err(|_| self.encoding("index"))?;
        place.map(|place| self.record(place, Near::Next).map(Package)).transpose()
    }

    /// Hands the entries of a package record to `visit`, one after the other.
    pub fn visit<'a>(
        &self,
        package: &'a Package,
        visit: impl FnMut(&Entry<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        record::visit_entries(package.0.content(), visit).ok_or_else(|| self.encoding("package record"))?
    }

    /// What is to be shown about an advisory.
    pub fn detail(&self, place: Place) -> Result<Detail, Error> {
        Detail::decode(self.record(place, Near::Nothing)?.content())
            .ok_or_else(|| self.encoding("advisory record"))
    }

    fn index(&self) -> Result<&Index, Error> {
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

    fn record(&self, place: Place, near: Near) -> Result<Record, Error> {
        let length = CHECKSUM as u64 + u64::from(place.length);
        let inside = place.offset.checked_add(length).is_some_and(|end| end <= self.header.body.bytes);
        if !inside || place.length > MAX_RECORD {
            return Err(self.encoding("place of a record"));
        }
        let start = self.index_start.saturating_add(self.header.index.bytes).saturating_add(place.offset);
        let bytes = match near {
            Near::Next => self.through_window(start, length)?,
            Near::Nothing => read_at(&self.file, &self.path, start, length)?,
        };
        let (checksum, content) = bytes.split_at_checked(CHECKSUM).ok_or_else(|| self.encoding("record"))?;
        if checksum != format::checksum(place.offset, content) {
            return Err(self.damaged(Damage::Digest { part: "record" }));
        }
        Ok(Record(bytes))
    }

    /// `length` bytes at `start`, which lie inside the file, through the window.
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

    fn verify(&self) -> Result<(), Error> {
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
        let mut packages = 0;
        for entry in self.index()?.iter() {
            let (_, place) = entry.ok_or_else(|| self.encoding("index"))?;
            let package = Package(self.record(place, Near::Next)?);
            self.visit(&package, |entry| self.detail(entry.detail).map(|_| ()))?;
            packages += 1;
        }
        if packages == self.header.packages { Ok(()) } else { Err(self.damaged(Damage::Header("packages"))) }
    }

    fn damaged(&self, reason: Damage) -> Error {
        Error::Damaged { path: self.path.clone(), reason }
    }

    fn encoding(&self, part: &'static str) -> Error {
        self.damaged(Damage::Encoding { part })
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

#[cfg(test)]
mod tests;
