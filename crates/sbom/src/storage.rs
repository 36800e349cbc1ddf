//! Files of records: SQLite's tables, Berkeley DB's hashes, and rpm's own `Packages.db`.
//!
//! Each format has a reader of its own that visits the records of one file in memory. A library would bring a whole engine, which
//! opens files and writes journals, and which has no bound for pages that lead in circles. What a record means is for catalogers
//! to say. A record that cannot be read is told to the visitor, and the others still come.
//!
//! In a sound file no two records share a byte. A [`Budget`] of the file's own length therefore bounds the work on any other:
//! loops, chains that join, a million pointers to one record.

pub(crate) mod berkeley;
pub(crate) mod rpm_ndb;
pub(crate) mod sqlite;

use std::ops::ControlFlow;

use plimsoll_core::LimitExceeded;

/// What is wrong with a file of records, or with one of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// It is something else.
    #[error("is no {format} file")]
    Format {
        /// What was expected.
        format: &'static str,
    },
    /// It is of a kind that is not read.
    #[error("is a {format} file with {what}, which is not read")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// What it has.
        what: &'static str,
    },
    /// There is less of it than its header says.
    #[error("is cut off: {got} bytes, expected {expected}")]
    CutOff {
        /// Bytes that are there.
        got: u64,
        /// Bytes that its header counts.
        expected: u64,
    },
    /// A part of it contradicts the format.
    #[error("{part} {number}: {what}")]
    Part {
        /// What is counted: page, slot.
        part: &'static str,
        /// Which one.
        number: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Records have bytes in common, or lead in circles.
    #[error("{part} {number}: more than the whole file is reached, so that its records overlap")]
    Overlap {
        /// What is counted: page, slot.
        part: &'static str,
        /// Where the last byte was spent.
        number: u64,
    },
    /// A record is too long.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

/// Takes the records of a file one by one, until it breaks off.
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
