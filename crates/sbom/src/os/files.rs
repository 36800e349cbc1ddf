//! Which files a package brought, as far as that matters: those that show a package of another kind are kept with their paths,
//! those that nobody may read as a number for their place.
//!
//! Databases write directories and names apart, so that a long directory with a million names in it would be paths of terabytes.
//! Paths that no file system has are passed over, and all of them together may not be much longer than what they were read from.

use plimsoll_core::rootfs::{Footprint, FoundFile};
use serde::{Deserialize, Serialize};

use crate::cataloger::File;
use crate::context::Context;
use crate::inventory::{Component, ComponentIndex, Location};
use crate::ownership::{Record, RecordedDigest, distinct, hash_of_path};

/// Bytes of paths for each byte of a database. Those of real ones are shorter than the database.
const EXPANSION: usize = 16;

/// The files that a package brought.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Brought {
    /// Those that show packages of another kind, in order.
    records: Vec<Record>,
    /// The places of those that nobody may read, in order.
    places: Box<[u64]>,
}

impl Brought {
    /// Bytes that it owns, about.
    pub(super) fn bytes(&self) -> usize {
        Record::bytes(&self.records) + size_of_val(&*self.places)
    }

    /// Notes that `owner` brought them.
    pub(super) fn claim<'f>(&'f self, owner: ComponentIndex, context: &mut Context<'_, 'f>) {
        context.found.claims.extend(self.records.iter().map(|record| record.claim(owner)));
        context.found.places.push((&self.places, owner));
    }
}

impl Footprint for Brought {
    fn footprint(&self) -> usize {
        size_of::<Self>() + self.bytes()
    }
}

/// Adds the package that `file` of a database lists.
pub(super) fn add_listed(
    context: &mut Context<'_, '_>,
    file: &FoundFile,
    package: Component,
) -> ComponentIndex {
    let locations = vec![Location { path: file.path.clone(), layer: file.layer }];
    context.add(Component { locations, ..package })
}

/// Takes the files of one package, or of one file of a database.
pub(super) struct BroughtFiles<'a, 'f> {
    file: &'f File<'a>,
    records: Vec<Record>,
    places: Vec<u64>,
    path: String,
    /// Bytes of paths that may still come.
    room: usize,
}

impl<'a, 'f> BroughtFiles<'a, 'f> {
    /// Starts with what is written in `bytes` of `file`.
    pub(super) fn new(file: &'f File<'a>, bytes: usize) -> Self {
        let room = bytes.saturating_mul(EXPANSION);
        Self { file, records: Vec::new(), places: Vec::new(), path: String::new(), room }
    }

    /// So many bytes more are written about the package.
    pub(super) fn written(&mut self, bytes: usize) {
        self.room = self.room.saturating_add(bytes.saturating_mul(EXPANSION));
    }

    /// A file with this path; true where it is kept as a record.
    pub(super) fn add(&mut self, path: &str, digest: Option<RecordedDigest>) -> bool {
        self.add_in("", path, digest)
    }

    /// A file of this name in a directory, which ends with a slash unless it is the root.
    pub(super) fn add_in(&mut self, directory: &str, name: &str, digest: Option<RecordedDigest>) -> bool {
        let length = directory.len().saturating_add(name.len());
        let max = usize::try_from(self.file.limits.path_bytes).unwrap_or(usize::MAX);
        let Some(room) = self.room.checked_sub(length) else {
            self.room = 0;
            return false;
        };
        if length > max {
            return false;
        }
        self.room = room;
        self.path.clear();
        self.path.push_str(directory);
        self.path.push_str(name);
        let path = self.path.strip_prefix("./").or_else(|| self.path.strip_prefix('/')).unwrap_or(&self.path);
        if (self.file.may_be_unread)(path) {
            self.places.push(hash_of_path(path));
        }
        let shown = (self.file.shows_package)(path);
        if shown {
            self.records.push(Record { path: path.into(), digest });
        }
        shown
    }

    /// The digest of the last record, where the database writes it behind the path.
    pub(super) fn set_digest(&mut self, digest: Option<RecordedDigest>) {
        if let Some(last) = self.records.last_mut() {
            last.digest = digest;
        }
    }

    pub(super) fn finish(self) -> Brought {
        let Self { mut records, places, .. } = self;
        records.sort_unstable();
        records.dedup();
        records.shrink_to_fit();
        Brought { records, places: distinct(places) }
    }
}
