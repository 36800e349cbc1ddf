//! The inventory of files: every regular file is hashed while its layer is read, also files that no cataloger needs.
//!
//! Owns which entries of a layer are listed. Squashing decides which of them are visible ([`super::squash`]).

use plimsoll_core::rootfs::listing::{FileContent, FileLog, Logged};
use plimsoll_core::{LimitExceeded, Limits};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::Used;
use super::exact::Tree;
use super::paths::{WHITEOUT, base};
use super::scan::Entries;
use crate::Error;
use crate::tar::{Entry, Kind, clean_link};

/// Takes the digests of a file piece by piece.
#[derive(Default)]
pub(crate) struct ContentHasher {
    size: u64,
    sha1: Sha1,
    sha256: Sha256,
}

impl ContentHasher {
    pub(crate) fn take(&mut self, piece: &[u8]) {
        self.size = self.size.saturating_add(piece.len() as u64);
        self.sha1.update(piece);
        self.sha256.update(piece);
    }

    /// How many bytes were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.size
    }

    pub(crate) fn finish(self) -> FileContent {
        FileContent {
            size: self.size,
            sha1: self.sha1.finalize().into(),
            sha256: self.sha256.finalize().into(),
        }
    }
}

/// How rows are identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownBy {
    /// The path of the entry, in a layer that does not depend on its own order.
    Path,
    /// The number of the entry. Its path is known after all entries were read.
    Number,
}

/// Passes entries on, and records every file.
pub(super) struct Listing<'a, E> {
    entries: E,
    log: FileLog,
    /// The number of each row's entry, in rising order, if rows are identified by it.
    numbers: Vec<u64>,
    by: KnownBy,
    /// What was hashed of the current entry.
    current: Option<FileContent>,
    is_open: bool,
    limits: &'a Limits,
    used: &'a Used,
    /// The bytes that were counted against the limit that all layers share.
    own_bytes: u64,
}

impl<'a, E: Entries> Listing<'a, E> {
    pub(super) fn new(entries: E, by: KnownBy, limits: &'a Limits, used: &'a Used) -> Self {
        Self {
            entries,
            log: FileLog::default(),
            numbers: Vec::new(),
            by,
            current: None,
            is_open: false,
            limits,
            used,
            own_bytes: 0,
        }
    }

    pub(super) fn entries(&self) -> &E {
        &self.entries
    }

    /// The entries, and the files of a layer whose entries are at their own paths. Their bytes stay counted.
    pub(super) fn into_log(mut self) -> (E, FileLog) {
        self.log.settle();
        (self.entries, self.log)
    }

    /// Like [`Self::into_log`], for a layer that unpacks to `tree`.
    pub(super) fn into_log_of(self, tree: &Tree) -> (E, FileLog) {
        let mut log = FileLog::default();
        for (path, number) in tree.files() {
            let row = self.numbers.binary_search(&number).ok().and_then(|row| self.log.get(row));
            if let Some((_, logged)) = row {
                log.push(path, logged);
            }
        }
        log.settle();
        (self.entries, log)
    }

    /// Takes back the counted bytes of a log that is not used.
    pub(super) fn give_up(self) -> E {
        self.used.give_back_listed(self.own_bytes);
        self.entries
    }

    /// Records the current entry, and hashes it if nobody has read it.
    fn close(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_open) {
            return Ok(());
        }
        let is_file = self.entries.entry().kind == Kind::File;
        if is_file && self.current.is_none() && is_listed(self.entries.entry()) {
            self.hash(0, |_| {})?;
        }
        let entry = self.entries.entry();
        if !is_listed(entry) {
            return Ok(());
        }
        let target;
        let logged = match (entry.kind, self.current.take()) {
            (Kind::File, Some(content)) => Logged::File(content),
            (Kind::Hardlink, _) => {
                target = clean_link(&entry.link);
                if self.by == KnownBy::Path { Logged::Link(&target) } else { Logged::LinkBelow(&target) }
            }
            // A directory does not replace a file; otherwise the layer is read in the exact way.
            (Kind::Directory, _) => return Ok(()),
            _ => Logged::Other,
        };
        let path = if self.by == KnownBy::Path { entry.path.as_slice() } else { &[] };
        let bytes = FileLog::cost(&entry.path).saturating_add(entry.link.len() as u64);
        self.own_bytes = self.own_bytes.saturating_add(bytes);
        self.used.take_listed(bytes, self.limits)?;
        self.log.push(path, logged);
        if self.by == KnownBy::Number {
            self.numbers.push(entry.ordinal);
        }
        Ok(())
    }

    /// Hashes the whole file, and passes its first `count` bytes on, because an entry can be read only once.
    fn hash(&mut self, count: u64, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let (size, mut left) = (self.entries.entry().size, count);
        let mut hasher = ContentHasher::default();
        self.entries.pieces(size, |piece| {
            hasher.take(piece);
            let step = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            if step > 0 {
                take(piece.get(..step).unwrap_or(piece));
                left -= step as u64;
            }
        })?;
        self.current = Some(hasher.finish());
        Ok(())
    }
}

/// Whether an entry is listed. Whiteouts and markers are not files.
fn is_listed(entry: &Entry) -> bool {
    !entry.path.is_empty() && !base(&entry.path).starts_with(WHITEOUT)
}

impl<E: Entries> Entries for Listing<'_, E> {
    fn advance(&mut self) -> Result<bool, Error> {
        self.close()?;
        self.is_open = self.entries.advance()?;
        self.current = None;
        Ok(self.is_open)
    }

    fn entry(&self) -> &Entry {
        self.entries.entry()
    }

    fn pieces(&mut self, count: u64, take: impl FnMut(&[u8])) -> Result<(), Error> {
        self.hash(count, take)
    }
}

impl Used {
    /// Counts bytes of the inventory of files.
    pub(super) fn take_listed(&self, bytes: u64, limits: &Limits) -> Result<(), Error> {
        let limit = ("file_list_bytes", limits.file_list_bytes);
        Self::take(&self.listed_bytes, bytes, limit, || "the inventory of files".to_owned())
    }

    fn give_back_listed(&self, bytes: u64) {
        self.listed_bytes.fetch_sub(bytes, std::sync::atomic::Ordering::Relaxed);
    }
}

/// The error for a list with more files or layers than it has numbers for.
pub(super) fn too_many() -> Error {
    LimitExceeded::fixed("entries", u32::MAX.into(), "the inventory of files").into()
}
