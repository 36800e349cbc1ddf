//! The files that a package installed, as far as they matter. Files that show a package of another kind are kept with
//! their paths; files that no cataloger may read as a hash of their path, and one of path and digest.
//!
//! Databases store directories and names separately, so the paths of a long directory with a million names could take
//! terabytes. Paths that no file system allows are ignored, and all of them together may not be much longer than the
//! text that they were read from.

use plimsoll_core::rootfs::{Footprint, FoundFile};
use serde::{Deserialize, Serialize};

use crate::cataloger::File;
use crate::context::Context;
use crate::inventory::{Component, ComponentIndex, Location};
use crate::ownership::{Record, RecordedDigest, distinct, hash_of_file, hash_of_path};

/// Bytes of paths for each byte of a database. In real databases, the paths are shorter than the database.
const EXPANSION: usize = 16;

/// The files that a package installed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OwnedFiles {
    /// Those that show packages of another kind, in order.
    records: Vec<Record>,
    /// The places of those that no cataloger may read, in order.
    places: Box<[u64]>,
}

impl OwnedFiles {
    /// About how many bytes it owns.
    pub(super) fn bytes(&self) -> usize {
        Record::bytes(&self.records) + size_of_val(&*self.places)
    }

    /// Records that `owner` installed them.
    pub(super) fn claim<'f>(&'f self, owner: ComponentIndex, context: &mut Context<'_, 'f>) {
        context.found.claims.extend(self.records.iter().map(|record| record.claim(owner)));
        context.found.places.push((&self.places, owner));
    }
}

impl Footprint for OwnedFiles {
    fn footprint(&self) -> usize {
        size_of::<Self>() + self.bytes()
    }
}

/// Adds a package that `file` of a database lists and that a layer installed.
pub(super) fn add_listed(
    context: &mut Context<'_, '_>,
    file: &FoundFile,
    layer: Option<usize>,
    package: Component,
) -> ComponentIndex {
    let locations = vec![Location { path: file.path.clone(), layer }];
    context.add(Component { locations, ..package })
}

/// How the last file is kept.
#[derive(Default)]
struct Last {
    is_place: bool,
    is_record: bool,
}

/// Collects the files of one package, or of one file of a database.
pub(super) struct OwnedFilesBuilder<'a, 'f> {
    file: &'f File<'a>,
    records: Vec<Record>,
    places: Vec<u64>,
    path: String,
    /// Whether no cataloger may read the last file, and whether it is kept as a record.
    last: Last,
    /// Bytes of paths that are still allowed.
    room: usize,
}

impl<'a, 'f> OwnedFilesBuilder<'a, 'f> {
    /// Starts with the `bytes` of `file`.
    pub(super) fn new(file: &'f File<'a>, bytes: usize) -> Self {
        let room = bytes.saturating_mul(EXPANSION);
        Self {
            file,
            records: Vec::new(),
            places: Vec::new(),
            path: String::new(),
            last: Last::default(),
            room,
        }
    }

    /// Allows paths for this many more bytes of the database.
    pub(super) fn written(&mut self, bytes: usize) {
        self.room = self.room.saturating_add(bytes.saturating_mul(EXPANSION));
    }

    /// Adds a file with this path.
    pub(super) fn add(&mut self, path: &str, digest: Option<RecordedDigest>) {
        self.add_in("", path, digest);
    }

    /// Adds a file with this name in a directory, which ends with a slash unless it is the root.
    pub(super) fn add_in(&mut self, directory: &str, name: &str, digest: Option<RecordedDigest>) {
        self.last = Last::default();
        let length = directory.len().saturating_add(name.len());
        let max = usize::try_from(self.file.limits.path_bytes).unwrap_or(usize::MAX);
        let Some(room) = self.room.checked_sub(length) else {
            self.room = 0;
            return;
        };
        if length > max {
            return;
        }
        self.room = room;
        self.path.clear();
        self.path.push_str(directory);
        self.path.push_str(name);
        let path = relative(&self.path);
        let is_place = (self.file.may_be_unread)(path);
        if is_place {
            self.places.push(hash_of_path(path));
            self.places.extend(digest.as_ref().map(|digest| hash_of_file(path, digest)));
        }
        let is_record = (self.file.shows_package)(path);
        if is_record {
            self.records.push(Record { path: path.into(), digest });
        }
        self.last = Last { is_place, is_record };
    }

    /// Adds the digest of the last file, if the database writes it after the path. Only the first one counts.
    pub(super) fn set_digest(&mut self, digest: Option<RecordedDigest>) {
        let Last { is_place, is_record } = std::mem::take(&mut self.last);
        if is_place {
            let path = relative(&self.path);
            self.places.extend(digest.as_ref().map(|digest| hash_of_file(path, digest)));
        }
        if let Some(last) = self.records.last_mut().filter(|_| is_record) {
            last.digest = digest;
        }
    }

    pub(super) fn finish(self) -> OwnedFiles {
        let Self { mut records, places, .. } = self;
        records.sort_unstable();
        records.dedup();
        records.shrink_to_fit();
        OwnedFiles { records, places: distinct(places) }
    }
}

/// A path relative to the root.
fn relative(path: &str) -> &str {
    path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path)
}
