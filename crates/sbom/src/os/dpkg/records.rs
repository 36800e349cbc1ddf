//! Which files a package brought: `.md5sums` (deb-md5sums(5): 32 hex digits, two spaces, a path without `/` in front) and
//! `.list`, of which only those lines are kept that are about files which show a package of another kind. Of files that
//! nobody may read, the place alone.

use plimsoll_core::rootfs::Footprint;

use crate::cataloger::File;
use crate::ownership::{Record, RecordedDigest, distinct, hash_of_path};

/// The records of one package.
#[derive(Debug, PartialEq)]
pub(super) struct Records {
    /// Files that show a package of another kind.
    pub(super) shown: Vec<Record>,
    /// The places of files that nobody may read.
    pub(super) places: Box<[u64]>,
}

impl Footprint for Records {
    fn footprint(&self) -> usize {
        Record::bytes(&self.shown) + size_of_val(&*self.places)
    }
}

/// Reads `.md5sums`.
pub(super) fn digests(file: &File<'_>) -> Records {
    of_lines(file, |line| {
        let (digest, path) = line.split_once(' ')?;
        Some((path.strip_prefix([' ', '*'])?, Some(digest)))
    })
}

/// Reads `.list`, which has no digests.
pub(super) fn list(file: &File<'_>) -> Records {
    of_lines(file, |line| Some((line, None)))
}

fn of_lines<'a>(file: &File<'a>, split: impl Fn(&'a str) -> Option<(&'a str, Option<&'a str>)>) -> Records {
    let (mut shown, mut places) = (Vec::new(), Vec::new());
    for line in file.content.split(|byte| *byte == b'\n') {
        let Some((path, digest)) = str::from_utf8(line).ok().and_then(&split) else { continue };
        let path = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path);
        if (file.may_be_unread)(path) {
            places.push(hash_of_path(path));
        }
        if (file.shows_package)(path) {
            shown.push(Record { path: path.into(), digest: digest.map(RecordedDigest::md5) });
        }
    }
    shown.sort_unstable();
    shown.dedup();
    shown.shrink_to_fit();
    Records { shown, places: distinct(places) }
}
