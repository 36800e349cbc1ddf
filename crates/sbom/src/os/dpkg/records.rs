//! The files that a package installed: `.md5sums` (deb-md5sums(5): 32 hex digits, two spaces, a path without a leading
//! `/`) and `.list`. Of the latter, only the lines about files that show a package of another kind are kept; of files
//! that no cataloger may read, only the place.

use crate::cataloger::File;
use crate::os::files::{OwnedFiles, OwnedFilesBuilder};
use crate::ownership::RecordedDigest;

/// Reads `.md5sums`.
pub(super) fn digests(file: &File<'_>) -> OwnedFiles {
    of_lines(file, |line| {
        let (digest, path) = line.split_once(' ')?;
        Some((path.strip_prefix([' ', '*'])?, Some(digest)))
    })
}

/// Reads `.list`, which has no digests.
pub(super) fn list(file: &File<'_>) -> OwnedFiles {
    of_lines(file, |line| Some((line, None)))
}

fn of_lines<'a>(
    file: &File<'a>,
    split: impl Fn(&'a str) -> Option<(&'a str, Option<&'a str>)>,
) -> OwnedFiles {
    let mut files = OwnedFilesBuilder::new(file, file.content.len());
    for line in file.content.split(|byte| *byte == b'\n') {
        let Some((path, digest)) = str::from_utf8(line).ok().and_then(&split) else { continue };
        files.add(path, digest.map(RecordedDigest::md5));
    }
    files.finish()
}
