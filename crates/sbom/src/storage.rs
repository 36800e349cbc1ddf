//! Files of records: SQLite's tables, Berkeley DB's hashes, and rpm's own `Packages.db`.
//!
//! Each format has its own reader, which visits the records of one file in memory. A library would add a whole engine
//! that opens files, writes journals, and does not bound circular pages. Catalogers interpret the records. An
//! unreadable record is reported to the visitor, and the others are still visited.
//!
//! In a sound file no two records share a byte. A [`Budget`] of the file's own length therefore bounds the work on any other:
//! loops, chains that join, a million pointers to one record.

pub(crate) mod berkeley;
pub(crate) mod rpm_ndb;
pub(crate) mod sqlite;

use std::ops::ControlFlow;

use plimsoll_core::LimitExceeded;

/// What is wrong with a file of records, or with one record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// It has another format.
    #[error("is not a {format} file")]
    Format {
        /// What was expected.
        format: &'static str,
    },
    /// It has a feature that is not supported.
    #[error("is a {format} file with {what}, which is not read")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// The feature.
        what: &'static str,
    },
    /// It is shorter than its header says.
    #[error("is cut off: {got} bytes, expected {expected}")]
    CutOff {
        /// Its length in bytes.
        got: u64,
        /// The length that its header states.
        expected: u64,
    },
    /// A part of it contradicts the format.
    #[error("{part} {number}: {what}")]
    Part {
        /// The unit: page, slot.
        part: &'static str,
        /// Its number.
        number: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Records share bytes, or are circular.
    #[error("{part} {number}: more than the whole file was read, so its records overlap")]
    Overlap {
        /// The unit: page, slot.
        part: &'static str,
        /// Where the limit was reached.
        number: u64,
    },
    /// A record is too long.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

/// Receives the records of a file one by one, until it breaks.
pub(crate) type Visit<'v> = dyn FnMut(Result<&[u8], Malformed>) -> ControlFlow<()> + 'v;

/// The bytes that may still be read.
struct Budget(u64);

impl Budget {
    fn new(content: &[u8]) -> Self {
        Self(content.len() as u64)
    }

    fn spend(&mut self, bytes: u64, part: &'static str, number: impl Into<u64>) -> Result<(), Malformed> {
        let overlap = || Malformed::Overlap { part, number: number.into() };
        self.0 = self.0.checked_sub(bytes).ok_or_else(overlap)?;
        Ok(())
    }
}

/// Refuses a record that is longer than `max` bytes, the limit of metadata.
fn within(length: u64, max: u64, part: &'static str, number: impl Into<u64>) -> Result<(), Malformed> {
    if length <= max {
        return Ok(());
    }
    let what = format!("the record of {length} bytes at {part} {}", number.into());
    Err(LimitExceeded::new("metadata_bytes", max, what).into())
}

fn bytes_at<const N: usize>(content: &[u8], at: usize) -> Option<[u8; N]> {
    content.get(at..)?.first_chunk().copied()
}

fn u16_be(content: &[u8], at: usize) -> Option<u16> {
    bytes_at(content, at).map(u16::from_be_bytes)
}

fn u32_be(content: &[u8], at: usize) -> Option<u32> {
    bytes_at(content, at).map(u32::from_be_bytes)
}

fn u32_le(content: &[u8], at: usize) -> Option<u32> {
    bytes_at(content, at).map(u32::from_le_bytes)
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
