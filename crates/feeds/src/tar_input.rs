//! Reads the documents in a tar archive that is compressed by Zstandard, one after the other, in memory.
//!
//! The archive is foreign: names are only shown and compared, never used as paths; an entry, all of them, and the ratio to the size
//! of the archive are bounded. Only regular files with names of the plain header are documents. What programs write in front of
//! them is skipped if it says nothing about name and size, and otherwise refused.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use plimsoll_core::{Digest, LimitExceeded, Limits};
use tar::EntryType;

use crate::error::DocumentProblem;
use crate::hashing::HashingReader;
use crate::{Entry, Error};

/// Bytes of what stands in front of a file. Times and comments have a hundred.
const EXTENSION_BYTES: u64 = 64 << 10;
/// Uncompressed bytes up to which the ratio is not checked.
const RATIO_FLOOR: u64 = 256 << 20;
/// Memory for the window of Zstandard, as a power of two: what `zstd` itself accepts without being told.
const WINDOW: u32 = 27;

/// Passes each file in the archive at `path` whose name is `wanted` to `visit`, and returns the digest of the archive.
pub(crate) fn read(
    path: &Path,
    limits: &Limits,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<(), Error>,
) -> Result<Digest, Error> {
    let failed = |source: io::Error| Error::Read { path: path.to_owned(), source };
    let broken = |source: io::Error| Error::Broken {
        file: path.to_owned(),
        entry: None,
        reason: DocumentProblem::Tar(source),
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut stored = HashingReader::new(file);
    {
        let mut decoder = zstd::Decoder::new(&mut stored).map_err(broken)?;
        decoder.window_log_max(WINDOW).map_err(broken)?;
        let most = limits.feed_bytes.min(length.saturating_mul(limits.ratio).max(RATIO_FLOOR));
        // One byte more tells an archive that ends there from a longer one.
        let mut content = BufReader::new(decoder).take(most.saturating_add(1));
        let read = entries(&mut content, path, limits, wanted, visit);
        if content.limit() == 0 {
            let name = if most == limits.feed_bytes { "feed_bytes" } else { "ratio" };
            return Err(exceeded(name, most, path, ""));
        }
        read?;
        // Zeros at the end, and what the digest needs.
        io::copy(&mut content, &mut io::sink()).map_err(broken)?;
        if content.limit() == 0 {
            return Err(exceeded("feed_bytes", most, path, ""));
        }
    }
    io::copy(&mut stored, &mut io::sink()).map_err(failed)?;
    Ok(stored.finish().0)
}

fn entries(
    content: &mut impl Read,
    path: &Path,
    limits: &Limits,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let broken = |entry: Option<&str>, source: io::Error| Error::Broken {
        file: path.to_owned(),
        entry: entry.map(str::to_owned),
        reason: DocumentProblem::Tar(source),
    };
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut archive = tar::Archive::new(content);
    let (mut count, mut bytes) = (0_u64, Vec::new());
    for entry in archive.entries().map_err(|error| broken(None, error))?.raw(true) {
        let mut entry = entry.map_err(|error| broken(None, error))?;
        count += 1;
        // Files have one entry in front of them at most.
        if count > limits.advisories.saturating_mul(2) {
            return Err(exceeded("advisories", limits.advisories, path, ""));
        }
        let name = String::from_utf8(entry.path_bytes().into_owned());
        let name = name.map_err(|_| broken(None, invalid("a name is not UTF-8")))?;
        bytes.clear();
        match entry.header().entry_type() {
            EntryType::XHeader | EntryType::XGlobalHeader => {
                let read = (&mut entry).take(EXTENSION_BYTES + 1).read_to_end(&mut bytes);
                read.map_err(|error| broken(Some(&name), error))?;
                let is_harmless = bytes.len() as u64 <= EXTENSION_BYTES
                    && ![&b" path="[..], b" size=", b" linkpath=", b" GNU.sparse"]
                        .iter()
                        .any(|key| bytes.windows(key.len()).any(|window| window == *key));
                if !is_harmless {
                    return Err(broken(Some(&name), invalid("it renames or resizes what follows")));
                }
            }
            EntryType::Regular if wanted(&name) => {
                let read = (&mut entry).take(limits.advisory_bytes.saturating_add(1)).read_to_end(&mut bytes);
                read.map_err(|error| broken(Some(&name), error))?;
                if bytes.len() as u64 > limits.advisory_bytes {
                    return Err(exceeded("advisory_bytes", limits.advisory_bytes, path, &name));
                }
                if entry.header().entry_size().ok() != Some(bytes.len() as u64) {
                    return Err(broken(Some(&name), io::ErrorKind::UnexpectedEof.into()));
                }
                visit(Entry { file: path, name: Some(&name), bytes: &bytes })?;
            }
            EntryType::Regular | EntryType::Directory => {}
            _ => return Err(broken(Some(&name), invalid("it is neither a file nor a folder"))),
        }
    }
    Ok(())
}

fn exceeded(name: &'static str, limit: u64, path: &Path, entry: &str) -> Error {
    let entry = plimsoll_core::text::terminal(entry);
    let what = format!("{}{}{entry}", path.display(), if entry.is_empty() { "" } else { ", entry " });
    LimitExceeded::new(name, limit, what).into()
}
