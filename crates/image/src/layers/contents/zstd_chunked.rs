//! zstd:chunked: zstd frames, one or more for each file, and the table in a frame that decoders skip.
//!
//! Follows containers/storage (`pkg/chunked`). The manifest of the image says where the table is:
//!
//! ```text
//! …manifest-checksum: the digest of the table, compressed
//! …manifest-position: 70875666:734487:3865123:1, which is place, length, length uncompressed, kind of table
//! ```

use plimsoll_core::{Digest, Limits};

use super::format::{FetchedTable, Format, digest};
use super::ranges::{Ranges, Refusal};
use crate::inflate::{Budget, Inflate, detect};
use crate::media::Compression;

/// The format under one of the names of its annotations.
pub(super) struct ZstdChunked {
    /// The digest of the compressed table, and its position.
    pub(super) annotations: &'static [&'static str; 2],
}

impl ZstdChunked {
    pub(super) const CURRENT: Self = Self {
        annotations: &[
            "io.github.containers.zstd-chunked.manifest-checksum",
            "io.github.containers.zstd-chunked.manifest-position",
        ],
    };
    pub(super) const FORMER: Self = Self {
        annotations: &[
            "io.containers.zstd-chunked.manifest-checksum",
            "io.containers.zstd-chunked.manifest-position",
        ],
    };
}

/// The position of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) unpacked: u64,
}

impl Position {
    /// Reads `OFFSET:LENGTH:UNPACKED:1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = text.split(':').map(|number| number.parse().ok()).collect();
        let Some(&[offset, length, unpacked, 1]) = numbers.as_deref() else { return None };
        Some(Self { offset, length, unpacked })
    }

    /// Its end, if that is within a layer of `size` bytes.
    pub(super) fn end(&self, size: u64) -> Option<u64> {
        self.offset.checked_add(self.length).filter(|end| *end <= size)
    }
}

impl Format for ZstdChunked {
    fn annotations(&self) -> &'static [&'static str] {
        self.annotations
    }

    fn compression(&self) -> Compression {
        Compression::Zstd
    }

    fn table(&self, layer: &Ranges<'_>, announced: &[&str]) -> Result<FetchedTable, Refusal> {
        let [expected, position] = announced else {
            return Err(Refusal::new("its table of contents is not announced"));
        };
        let expected = digest(expected)?;
        let position = Position::parse(position);
        let end = position.and_then(|position| position.end(layer.size()));
        let Some((position, end)) = position.zip(end) else {
            return Err(Refusal::new("its table of contents is announced at an invalid position"));
        };
        let stored = layer.bytes(position.offset..end)?;
        if Digest::compute(expected.algorithm(), &stored) != expected {
            return Err(Refusal::new("its table of contents has another digest than the manifest says"));
        }
        let bytes = unpacked(&stored, position.unpacked, layer.what(), layer.limits())?;
        Ok(FetchedTable { bytes, end: position.offset })
    }
}

/// The table from its compressed form `stored`, which must inflate to `length` bytes.
pub(super) fn unpacked(stored: &[u8], length: u64, what: &str, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let budget = Budget::new(stored.len() as u64, limits);
    let mut inflate = Inflate::new(stored, detect(stored), budget, limits, what)?;
    let table = inflate.up_to(limits.kept_file_bytes)?;
    if table.len() as u64 != length {
        return Err(Refusal::new("its table of contents is not as long as the manifest says"));
    }
    Ok(table)
}
