//! Compares a table of contents with the tar.

use plimsoll_core::text::shown;
use plimsoll_core::{Algorithm, Digest, Hasher, Limits};

use super::table::{Chunk, Listed, Row};
use super::{TABLE, differs};
use crate::Error;
use crate::tar::{Entry, Kind, Reader, Stream, clean_link};

/// Compares the tar with the table.
pub(super) fn compare(
    stream: impl Stream,
    listed: &[Listed],
    has_table: bool,
    what: &str,
    limits: &Limits,
) -> Result<(), Error> {
    let mut reader = Reader::new(stream, what, limits);
    // The root exists whether or not it is listed.
    let is_root = |listed: &&Listed| listed.row.r#type == "dir" && clean(&listed.row.name).is_empty();
    let mut listed = listed.iter().filter(|listed| !is_root(listed));
    while reader.advance()? {
        let entry = reader.entry();
        let is_table = has_table && entry.path == TABLE && entry.kind == Kind::File;
        if is_table || (entry.path.is_empty() && entry.kind == Kind::Directory) {
            continue;
        }
        let name = shown(&String::from_utf8_lossy(&entry.path));
        let Some(row) = listed.next() else {
            return Err(differs(what, &format!("does not list `{name}`")));
        };
        if let Some(problem) = disagreement(entry, &row.row) {
            return Err(differs(what, &format!("gives {problem} of `{name}`")));
        }
        if entry.size > 0 && !has_content(&mut reader, row)? {
            return Err(differs(what, &format!("gives another content of `{name}`")));
        }
    }
    reader.finish()?;
    match listed.next() {
        Some(row) => {
            Err(differs(what, &format!("lists `{}`, which is not in the tar", shown(&row.row.name))))
        }
        None => Ok(()),
    }
}

fn clean(name: &str) -> Vec<u8> {
    clean_link(name.as_bytes())
}

/// The permission bits of a mode. The others state the type of the file.
const PERMISSIONS: i64 = 0o7777;

/// What the table states differently about an entry.
fn disagreement(entry: &Entry, row: &Row) -> Option<&'static str> {
    // Writers of JSON replace bytes that are not UTF-8.
    let same = |tar: &[u8], listed: &[u8]| String::from_utf8_lossy(tar) == String::from_utf8_lossy(listed);
    let kind = match entry.kind {
        Kind::File => row.r#type == "reg",
        Kind::Directory => row.r#type == "dir",
        Kind::Symlink => row.r#type == "symlink",
        Kind::Hardlink => row.r#type == "hardlink",
        Kind::Device => row.r#type == "char" || row.r#type == "block",
        Kind::Other => row.r#type == "fifo",
    };
    let link = match entry.kind {
        Kind::Symlink => same(&entry.link, row.link_name.as_bytes()),
        Kind::Hardlink => same(&clean_link(&entry.link), &clean(&row.link_name)),
        _ => true,
    };
    // The tar has none of these, or it would have been refused.
    let overlay = |name: &String| name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
    if !same(&entry.path, &clean(&row.name)) {
        Some("another name")
    } else if !kind {
        Some("another type")
    } else if entry.kind == Kind::File && entry.size != row.size {
        Some("another size")
    } else if entry.kind == Kind::File && i64::from(entry.mode) != row.mode & PERMISSIONS {
        // A file that one runtime executes would be data for others and for catalogers.
        Some("another mode")
    } else if !link {
        Some("another target")
    } else if row.xattrs.iter().flatten().any(|(name, _)| overlay(name)) {
        Some("attributes of an overlay file system")
    } else {
        None
    }
}

/// Whether the current entry has the content that the table describes by digests. Every given digest must
/// match, and together they must cover all of the content.
fn has_content<S: Stream>(reader: &mut Reader<S>, listed: &Listed) -> Result<bool, Error> {
    let whole: Option<Digest> = match listed.row.digest.as_str() {
        "" => None,
        text => match text.parse() {
            Ok(digest) => Some(digest),
            Err(_) => return Ok(false),
        },
    };
    let is_covered = |chunk: &Chunk| chunk.zeros || chunk.digest.is_some();
    if whole.is_none() && !listed.chunks.iter().all(is_covered) {
        return Ok(false);
    }
    let mut all = Hasher::new(whole.map_or(Algorithm::Sha256, |digest| digest.algorithm()));
    let mut chunks = listed.chunks.iter();
    let mut current = chunks.next().map(Progress::new);
    let mut holds = true;
    reader.pieces(u64::MAX, |mut piece| {
        if whole.is_some() {
            all.update(piece);
        }
        while let (Some(progress), false) = (&mut current, piece.is_empty()) {
            let count = usize::try_from(progress.left).map_or(piece.len(), |left| left.min(piece.len()));
            let (own, rest) = piece.split_at(count);
            holds &= progress.take(own);
            piece = rest;
            if progress.left == 0 {
                let done = current.take();
                holds &= done.is_some_and(Progress::finish);
                current = chunks.next().map(Progress::new);
            }
        }
    })?;
    Ok(holds && current.is_none() && whole.is_none_or(|digest| all.finish() == digest))
}

/// The state of a chunk that is being read.
struct Progress {
    left: u64,
    expected: Option<Digest>,
    hasher: Hasher,
    zeros: bool,
}

impl Progress {
    fn new(chunk: &Chunk) -> Self {
        let algorithm = chunk.digest.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let Chunk { size, digest, zeros, .. } = *chunk;
        Self { left: size, expected: digest, hasher: Hasher::new(algorithm), zeros }
    }

    /// False if zeros were announced but other bytes come.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.left -= bytes.len() as u64;
        if self.expected.is_some() {
            self.hasher.update(bytes);
        }
        !self.zeros || bytes.iter().all(|byte| *byte == 0)
    }

    fn finish(self) -> bool {
        self.expected.is_none_or(|digest| self.hasher.finish() == digest)
    }
}
