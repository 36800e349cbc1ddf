//! Reads the documents in a zip archive, one after the other, in memory.
//!
//! The archive is foreign: names are only shown, never used as paths; every entry is bounded by its real
//! uncompressed size, not by the stated one (zip bombs); entries that hide others with the same name are
//! refused.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use plimsoll_core::{Algorithm, Digest, Hasher, LimitExceeded, Limits};
use zip::ZipArchive;

use crate::error::DocumentProblem;
use crate::{Entry, Error};

/// Entries below this size may have any ratio, because lists of versions compress very well.
const RATIO_FLOOR: u64 = 1 << 20;

/// Passes each file in the archive at `path` whose name is `wanted` to `visit`, and returns the digest of the archive. Others are
/// not uncompressed.
pub(crate) fn read(
    path: &Path,
    limits: &Limits,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<(), Error>,
) -> Result<Digest, Error> {
    let failed = |source: io::Error| Error::Read { path: path.to_owned(), source };
    let exceeded = |name, limit, entry: &str| {
        let entry = plimsoll_core::text::terminal(entry);
        let what = format!("{}{}{entry}", path.display(), if entry.is_empty() { "" } else { ", entry " });
        Error::from(LimitExceeded::new(name, limit, what))
    };
    let broken = |entry: Option<&str>, reason| Error::Broken {
        file: path.to_owned(),
        entry: entry.map(str::to_owned),
        reason,
    };
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > limits.feed_bytes {
        return Err(exceeded("feed_bytes", limits.feed_bytes, ""));
    }
    let digest = digest(&mut file).map_err(failed)?;
    let expected = entry_count(&mut file).map_err(failed)?;
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(|e| broken(None, e.into()))?;
    let got = archive.len() as u64;
    if let Some(expected) = expected.filter(|expected| *expected != got) {
        return Err(broken(None, DocumentProblem::DuplicateNames { got, expected }));
    }
    if got > limits.advisories {
        return Err(exceeded("advisories", limits.advisories, ""));
    }
    let mut total = 0_u64;
    for index in 0..archive.len() {
        if !archive.name_for_index(index).is_none_or(wanted) {
            continue;
        }
        let mut entry = archive.by_index(index).map_err(|e| broken(None, e.into()))?;
        let name = entry.name().to_owned();
        let compressed = entry.compressed_size();
        let mut bytes = Vec::new();
        let bound = limits.advisory_bytes.saturating_add(1);
        (&mut entry)
            .take(bound)
            .read_to_end(&mut bytes)
            .map_err(|e| broken(Some(&name), DocumentProblem::Zip(e.into())))?;
        let length = bytes.len() as u64;
        if length > limits.advisory_bytes {
            return Err(exceeded("advisory_bytes", limits.advisory_bytes, &name));
        }
        if length > RATIO_FLOOR && length > compressed.saturating_mul(limits.ratio) {
            return Err(exceeded("ratio", limits.ratio, &name));
        }
        total = total.saturating_add(length);
        if total > limits.feed_bytes {
            return Err(exceeded("feed_bytes", limits.feed_bytes, ""));
        }
        visit(Entry { file: path, name: Some(&name), bytes: &bytes })?;
    }
    Ok(digest)
}

fn digest(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hasher.update(buffer.get(..length).unwrap_or_default()),
        }
    }
    file.rewind()?;
    Ok(hasher.finish())
}

/// The number of entries that the archive's end says it has (APPNOTE 4.3.14 and 4.3.16). The zip crate keeps
/// only the last of several entries with one name, so this number shows whether some were lost. `None` if
/// there is no end record, which the crate reports itself.
fn entry_count(file: &mut File) -> io::Result<Option<u64>> {
    const END: &[u8] = b"PK\x05\x06";
    const END_64: &[u8] = b"PK\x06\x06";
    /// The end record with the longest comment, the locator and the 64-bit record before it.
    const TAIL: u64 = 22 + 0xffff + 20 + 56;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    file.rewind()?;
    let field = |signature: &[u8], at: usize, size: usize| {
        let start = tail.windows(signature.len()).rposition(|window| window == signature)?.checked_add(at)?;
        let bytes = tail.get(start..start.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    Ok(match field(END, 10, 2) {
        Some(0xffff) => field(END_64, 32, 8),
        count => count,
    })
}
