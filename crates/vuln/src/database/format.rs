//! The layout of a database file: one for the advisories of each ecosystem, and one for facts by CVE.
//!
//! ```text
//! preamble   magic (8) · format u32 · header length u32 · SHA-256 of the header (32)
//! header     JSON: {"content":"Alpine","keys":1433,
//!                   "feeds":[{"id":"alpine","publisher":"Alpine security database","asOf":"2026-08-21T00:00:00Z",
//!                             "advisories":2710,"packages":1433,"releases":["v3.20"],"source":"sha256:…", …}, …],
//!                   "labels":{"offset":…,"length":…},
//!                   "index":{"bytes":…,"digest":"sha256:…"},"body":{"bytes":…,"digest":"sha256:…"}}
//! index      count u32 · count × (name offset u32 · name length u32 · record offset u64 · record length u32) · names
//! body       records, each: the first 8 bytes of SHA-256(offset ‖ content) · content
//! ```
//!
//! An ecosystem may have several feeds, one per publisher, each with its own age and digest. Their data about
//! one package is in one record, and each entry names its feed, so that a lookup takes one read, no matter
//! how many publishers there are. Texts that repeat (module streams, architectures, products, publishers) are
//! labels: a record of their own, read when the first entry refers to one.
//!
//! Numbers are little-endian, names are sorted by their bytes. The digest of the header fixes all the others,
//! so it stands for the file. The header and the index are verified when they are read; a record has its own
//! checksum, so that reading a record by its position never returns bytes that changed on the disk, or those
//! of another record. The digest of the whole body is for [`verify`](crate::Database::verify).
//!
//! What an advisory says of a package is stored once for all its identifiers, and equal details are stored once: an erratum
//! is one advisory for each of its vulnerabilities, a hundred for some kernels.
//!
//! Details are not compressed. They are 0.4 KiB on average, and zstd in blocks of 16 KiB makes them a third
//! of that, but each hit would then inflate a block and use a fortieth of it. That would take longer than
//! reading, checking and decoding an uncompressed detail. A file is between a third and 0.6 of the zip that
//! it was made from.

use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_core::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::Place;

/// First bytes of a file. The high bit and the line ends show a transfer that mangled it, as in PNG.
pub(crate) const MAGIC: [u8; 8] = *b"\x89PLDB\r\n\x1a";
/// Raised with every change that an older reader would misread.
pub(crate) const FORMAT: u32 = 5;
/// Bytes before the header.
pub(crate) const PREAMBLE: usize = 48;
/// A header lists at most some dozens of feeds and releases, which is far below 64 KiB.
pub(crate) const MAX_HEADER: u32 = 64 * 1024;
/// The names of the largest ecosystem (npm, some 250,000 affected packages) need about 12 MiB.
pub(crate) const MAX_INDEX: u64 = 256 * 1024 * 1024;
/// The largest real record, the Linux kernel in a Debian release, is below 2 MiB.
pub(crate) const MAX_RECORD: u32 = 64 * 1024 * 1024;
/// Bytes of an index entry.
const ENTRY: usize = 20;
/// Bytes of the checksum in front of a record.
pub(crate) const CHECKSUM: usize = 8;

/// The header of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Header {
    /// The name of the ecosystem, or `CVE`.
    pub(crate) content: String,
    /// Entries refer to them by their position in this list. Never empty.
    pub(crate) feeds: Vec<FeedHeader>,
    /// How many names the index has.
    pub(crate) keys: u64,
    /// The record with the labels, if there are any.
    pub(crate) labels: Option<Place>,
    pub(crate) index: Section,
    pub(crate) body: Section,
}

/// The header of one publisher's data in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FeedHeader {
    /// The publisher's stable name.
    pub(crate) id: String,
    /// The publisher's name for people.
    pub(crate) publisher: String,
    pub(crate) as_of: Timestamp,
    /// The date that the publisher gives the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<Timestamp>,
    pub(crate) advisories: u64,
    pub(crate) packages: u64,
    /// The releases that the feed covers; empty if the ecosystem has none.
    pub(crate) releases: Vec<String>,
    /// Digest of the publisher's data that the file was made from.
    pub(crate) source: Digest,
    pub(crate) licence: Option<String>,
    pub(crate) unproven: bool,
    #[serde(default, skip_serializing_if = "Malformed::is_none")]
    pub(crate) malformed: Malformed,
}

/// Documents of a publisher that could not be read. Nothing is decided about their packages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Malformed {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

impl Malformed {
    /// Whether all documents could be read.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// One of the two parts after the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Section {
    pub(crate) bytes: u64,
    pub(crate) digest: Digest,
}

/// The checksum of the record at `offset` of the body.
pub(crate) fn checksum(offset: u64, content: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = plimsoll_core::Hasher::new(plimsoll_core::Algorithm::Sha256);
    hasher.update(&offset.to_le_bytes());
    hasher.update(content);
    let mut short = [0; CHECKSUM];
    for (to, from) in short.iter_mut().zip(hasher.finish().as_bytes()) {
        *to = *from;
    }
    short
}

/// Writes the index for names that are sorted and distinct.
pub(crate) fn encode_index(names: &[(&str, Place)]) -> Option<Vec<u8>> {
    let count = u32::try_from(names.len()).ok()?;
    let mut out = count.to_le_bytes().to_vec();
    let mut offset = 0_u32;
    for (name, place) in names {
        let length = u32::try_from(name.len()).ok()?;
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&place.offset.to_le_bytes());
        out.extend_from_slice(&place.length.to_le_bytes());
        offset = offset.checked_add(length)?;
    }
    for (name, _) in names {
        out.extend_from_slice(name.as_bytes());
    }
    Some(out)
}

/// Bytes with the right digest that still do not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecodeError;

/// The index as it was read: looked up in place, so that opening it costs one read and one digest.
#[derive(Debug)]
pub(crate) struct Index {
    bytes: Vec<u8>,
    /// The number of the entry where the last search ended. Inventories are mostly sorted as the index is, and the next name is
    /// a few entries on: comparing names is most of what searching costs.
    last: AtomicUsize,
}

impl Index {
    /// Takes bytes whose digest was verified.
    pub(crate) fn new(bytes: Vec<u8>) -> Option<Self> {
        let index = Self { bytes, last: AtomicUsize::new(0) };
        index.bytes.get(index.names_start()?..).map(|_| ())?;
        Some(index)
    }

    fn count(&self) -> Option<usize> {
        usize::try_from(number::<4>(&self.bytes, 0)?).ok()
    }

    fn names_start(&self) -> Option<usize> {
        self.count()?.checked_mul(ENTRY)?.checked_add(4)
    }

    /// Finds the record of `name`; `None` if the name is not in the index.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Place>, DecodeError> {
        let names = self.names_start().and_then(|start| self.bytes.get(start..)).ok_or(DecodeError)?;
        let count = self.count().ok_or(DecodeError)?;
        let compare = |number: usize| {
            let (found, place) = self.entry(number, names).ok_or(DecodeError)?;
            Ok((found.cmp(name.as_bytes()), place))
        };
        // All entries before `low` are less than the name, those from `high` on greater. Steps that double lead from where the
        // last search ended to where half the distance is the next step.
        let (mut low, mut high) = (0, count);
        let (mut next, mut step) = (self.last.load(Ordering::Relaxed).min(count.saturating_sub(1)), 1_usize);
        let mut found = None;
        while low < high {
            let (order, place) = compare(next)?;
            match order {
                std::cmp::Ordering::Equal => {
                    (low, found) = (next, Some(place));
                    break;
                }
                std::cmp::Ordering::Less => low = next + 1,
                std::cmp::Ordering::Greater => high = next,
            }
            let middle = low + (high - low) / 2;
            next = match order {
                std::cmp::Ordering::Less => middle.min(next.saturating_add(step)),
                _ => middle.max(next.saturating_sub(step)),
            };
            step = step.saturating_mul(2);
        }
        self.last.store(low, Ordering::Relaxed);
        Ok(found)
    }

    /// All names with their places; ends at the first that does not decode.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<(&[u8], Place)>> {
        let names = self.names_start().and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        (0..self.count().unwrap_or_default()).map(move |i| self.entry(i, names))
    }

    fn entry<'n>(&self, number_of_entry: usize, names: &'n [u8]) -> Option<(&'n [u8], Place)> {
        let at = number_of_entry.checked_mul(ENTRY)?.checked_add(4)?;
        let start = usize::try_from(number::<4>(&self.bytes, at)?).ok()?;
        let length = usize::try_from(number::<4>(&self.bytes, at + 4)?).ok()?;
        let offset = number::<8>(&self.bytes, at + 8)?;
        let place = Place { offset, length: u32::try_from(number::<4>(&self.bytes, at + 16)?).ok()? };
        Some((names.get(start..start.checked_add(length)?)?, place))
    }
}

/// The little-endian number of `N` bytes at `at`.
pub(crate) fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_others_are_not() {
        let place = |offset| Place { offset, length: 9 };
        let names: Vec<String> = (0..100).map(|i| format!("name{i:03}")).collect();
        let entries: Vec<_> = names.iter().zip(0..).map(|(n, i)| (n.as_str(), place(i))).collect();
        let index = Index::new(encode_index(&entries).unwrap()).unwrap();
        for (name, place) in &entries {
            assert_eq!(index.find(name), Ok(Some(*place)));
        }
        for name in ["", "name", "name0000", "name1", "zzz"] {
            assert_eq!(index.find(name), Ok(None), "{name}");
        }
        // Wherever the search before it ended.
        for (first, _) in entries.iter().step_by(7) {
            for (second, place) in &entries {
                index.find(first).unwrap();
                assert_eq!(index.find(second), Ok(Some(*place)), "{second} after {first}");
            }
            for name in ["", "name0000", "name050x", "zzz"] {
                index.find(first).unwrap();
                assert_eq!(index.find(name), Ok(None), "{name} after {first}");
            }
        }
        assert_eq!(index.iter().count(), 100);
    }

    #[test]
    fn a_count_beyond_the_bytes_does_not_decode() {
        assert!(Index::new(u32::MAX.to_le_bytes().to_vec()).is_none());
        assert!(Index::new(vec![1, 0]).is_none());
        let empty = Index::new(encode_index(&[]).unwrap()).unwrap();
        assert_eq!(empty.find("a"), Ok(None));
    }
}
