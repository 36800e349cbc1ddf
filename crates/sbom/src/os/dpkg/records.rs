//! Which files a package brought: `.md5sums` (deb-md5sums(5): 32 hex digits, two spaces, a path without `/` in front) and
//! `.list`, of which only those lines are kept that are about files which show a package of another kind.

use plimsoll_core::rootfs::Footprint;

use crate::cataloger::File;
use crate::ownership::{Record, RecordedDigest};

/// The records of one package.
#[derive(Debug, PartialEq)]
pub(super) struct Records(pub(super) Vec<Record>);

impl Footprint for Records {
    fn footprint(&self) -> usize {
        Record::bytes(&self.0)
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
    let record = |line: &'a [u8]| {
        let (path, digest) = split(str::from_utf8(line).ok()?)?;
        let path = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path);
        let shown = (file.shows_package)(path);
        shown.then(|| Record { path: path.into(), digest: digest.map(RecordedDigest::md5) })
    };
    Records(file.content.split(|byte| *byte == b'\n').filter_map(record).collect())
}
