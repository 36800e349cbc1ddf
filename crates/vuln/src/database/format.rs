//! The layout of a database file: one for the advisories of each ecosystem, and one for facts by CVE.
//!
//! ```text
//! preamble   magic (8) · format u32 · header length u32 · SHA-256 of the header (32)
//! header     JSON: {"content":"Alpine","keys":1433,
//!                   "feeds":[{"id":"alpine","publisher":"Alpine security database","asOf":"2026-08-21T00:00:00Z",
//!                             "advisories":2710,"packages":1433,"releases":["v3.20"],"source":"sha256:…", …}, …],
//!                   "labels":7,
//!                   "packages":{"directory":{"bytes":…,"digest":"sha256:…"},"bytes":…},"texts":{…}}
//! packages   the directory of the blocks of packages
//! texts      the directory of the blocks of texts
//! blocks     of packages, then of texts
//! ```
//!
//! An ecosystem may have several feeds, one per publisher, each with its own age and digest. Their data about
//! one package is in one record, and each entry names its feed, so that a lookup takes one read, no matter
//! how many publishers there are. Texts that repeat (module streams, architectures, products, publishers) are
//! labels: a block of their own, read when the first entry refers to one.
//!
//! Numbers are little-endian, names are sorted by their bytes. The digest of the header fixes all the others, so it stands for
//! the file. [Directories and blocks](super::blocks) are verified when they are read: nothing that changed on the disk is ever used,
//! and what is not used is not read.
//!
//! What an advisory says of a package is stored once for all its identifiers, and equal details are stored once: an erratum
//! is one advisory for each of its vulnerabilities, a hundred for some kernels.
//!
//! Packages are not compressed: a scan of a large inventory reads most of them, and would take twice as long. Texts are, with zstd: only
//! findings need them. They are in the order of the packages, so that the advisories about one package are mostly in one block.
//!
//! Versions are stored as texts, not as keys in whose order their bytes are. Parsing and comparing them is 4 % of the instructions of a
//! scan of 10,800 components, and a key beside each text, which findings show, would make the packages larger.

use plimsoll_core::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// First bytes of a file. The high bit and the line ends show a transfer that mangled it, as in PNG.
pub(crate) const MAGIC: [u8; 8] = *b"\x89PLDB\r\n\x1a";
/// Raised with every change that an older reader would misread.
pub(crate) const FORMAT: u32 = 6;
/// Bytes before the header.
pub(crate) const PREAMBLE: usize = 48;
/// A header lists at most some dozens of feeds and releases, which is far below 64 KiB.
pub(crate) const MAX_HEADER: u32 = 64 * 1024;
/// The directory of the largest part (the texts of npm, some 100 MiB) needs about half a MiB.
pub(crate) const MAX_DIRECTORY: u64 = 64 * 1024 * 1024;
/// The largest real record, the Linux kernel in a Debian release, is below 2 MiB.
pub(crate) const MAX_RECORD: u32 = 64 * 1024 * 1024;
/// A block ends with the record that makes it large enough.
pub(crate) const MAX_BLOCK: u32 = MAX_RECORD + 64 * 1024;

/// The header of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Header {
    /// The name of the ecosystem, or `CVE`.
    pub(crate) content: String,
    /// Entries refer to them by their position in this list. Never empty.
    pub(crate) feeds: Vec<FeedHeader>,
    /// How many names of packages there are.
    pub(crate) keys: u64,
    /// The block of texts with the labels, if there are any.
    pub(crate) labels: Option<u64>,
    pub(crate) packages: Part,
    pub(crate) texts: Part,
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

/// How old one publisher's data in a file is, which the headers of all formats say in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedAge {
    /// OSV's name of the ecosystem, or `CVE`.
    pub ecosystem: String,
    /// Who published the data.
    pub publisher: String,
    /// When it was retrieved from the publisher.
    pub as_of: Timestamp,
}

/// The members of a header that all formats have.
#[derive(Debug, Deserialize)]
pub(crate) struct AnyHeader {
    pub(crate) content: String,
    pub(crate) feeds: Vec<AnyFeed>,
}

/// The members of a feed that all formats have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnyFeed {
    pub(crate) publisher: String,
    pub(crate) as_of: Timestamp,
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
pub(crate) struct Part {
    pub(crate) directory: Section,
    /// Bytes of all its blocks.
    pub(crate) bytes: u64,
}

/// Bytes that are verified as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Section {
    pub(crate) bytes: u64,
    pub(crate) digest: Digest,
}

/// The little-endian number of `N` bytes at `at`.
pub(crate) fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    Some(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}
