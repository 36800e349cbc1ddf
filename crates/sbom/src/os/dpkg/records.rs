//! Which files a package brought: `.md5sums` (deb-md5sums(5): 32 hex digits, two spaces, a path without `/` in front) and
//! `.list`, of which only those lines are kept that are about files which show a package of another kind. Of files that
//! nobody may read, the place alone.

use plimsoll_core::rootfs::Footprint;

use crate::cataloger::File;
use crate::os::files::BroughtFiles;
use crate::ownership::{Record, RecordedDigest};

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
    let mut files = BroughtFiles::new(file, file.content.len());
    for line in file.content.split(|byte| *byte == b'\n') {
        let Some((path, digest)) = str::from_utf8(line).ok().and_then(&split) else { continue };
        files.add(path, digest.map(RecordedDigest::md5));
    }
    let (shown, places) = files.finish();
    Records { shown, places }
}
