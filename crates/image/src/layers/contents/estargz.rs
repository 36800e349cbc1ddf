//! eStargz: gzip members, one or more for each file, and the table as the last file of the tar.
//!
//! Follows the stargz snapshotter's `docs/estargz.md`. The last 51 bytes say where the table is:
//!
//! ```text
//! 1f 8b 08 04 … | 1a 00 | "SG" | 16 00 | 16 hex digits, "STARGZ" | an empty deflate block | CRC and length
//!  gzip header    XLEN             LEN     the place of the table
//! ```

use plimsoll_core::{Digest, Limits};

use super::TABLE;
use super::format::{FetchedTable, Format, digest};
use super::ranges::{Ranges, Refusal};
use crate::inflate::{Budget, Inflate, detect};
use crate::media::Compression;
use crate::tar::{Kind, Reader};

/// The digest of the table, uncompressed.
pub(super) const DIGEST: &str = "containerd.io/snapshot/stargz/toc.digest";

const FOOTER: usize = 51;
/// A gzip header with only an extra field.
const HEADER: [u8; 4] = [0x1f, 0x8b, 0x08, 0x04];
/// The lengths of the extra field and of its only part, and the name of that.
const EXTRA: [u8; 6] = [26, 0, b'S', b'G', 22, 0];

pub(super) struct Estargz;

impl Format for Estargz {
    fn annotations(&self) -> &'static [&'static str] {
        &[DIGEST]
    }

    fn compression(&self) -> Compression {
        Compression::Gzip
    }

    fn table(&self, layer: &Ranges<'_>, announced: &[&str]) -> Result<FetchedTable, Refusal> {
        let [expected] = announced else {
            return Err(Refusal::new("its table of contents is not announced"));
        };
        let expected = digest(expected)?;
        let before = layer.size().checked_sub(FOOTER as u64).ok_or_else(no_footer)?;
        let end = place(&layer.bytes(before..layer.size())?).filter(|place| *place < before);
        let end = end.ok_or_else(no_footer)?;
        let bytes = in_tar(&layer.bytes(end..before)?, layer.what(), layer.limits())?;
        if Digest::compute(expected.algorithm(), &bytes) != expected {
            return Err(Refusal::new("its table of contents has another digest than the manifest says"));
        }
        Ok(FetchedTable { bytes, end })
    }
}

fn no_footer() -> Refusal {
    Refusal::new("it does not end as eStargz does")
}

/// The place of the table that a footer names.
pub(super) fn place(footer: &[u8]) -> Option<u64> {
    let footer: &[u8; FOOTER] = footer.try_into().ok()?;
    let name = footer.get(16..38)?.strip_suffix(b"STARGZ")?;
    let is_one = footer.starts_with(&HEADER) && footer.get(10..16) == Some(&EXTRA[..]);
    let is_hex = name.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(name).ok().filter(|_| is_one && is_hex)?;
    u64::from_str_radix(digits, 16).ok()
}

/// The table in the end of the tar, of which `stored` is the compressed form.
pub(super) fn in_tar(stored: &[u8], what: &str, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let budget = Budget::new(stored.len() as u64, limits);
    let mut inflate = Inflate::new(stored, detect(stored), budget, limits, what)?;
    // A header of the tar, the table, and the end of the tar.
    let most = limits.kept_file_bytes.saturating_add(TAR);
    let tar = inflate.up_to(most)?;
    let mut reader = Reader::new(tar.as_slice(), what, limits);
    if !reader.advance()? || reader.entry().path != TABLE || reader.entry().kind != Kind::File {
        return Err(Refusal::new("its table of contents is not where its end says"));
    }
    let table = reader.content()?;
    if reader.advance()? {
        return Err(Refusal::new("something follows its table of contents"));
    }
    Ok(table)
}

/// Bytes of the tar around the table: its header, an extended one, padding and the end marker.
const TAR: u64 = 64 << 10;
