//! SQLite's tables, read from a file in memory.
//!
//! Follows "Database File Format" (sqlite.org/fileformat2.html), sections 1.3 to 1.6 and 2: the tree of a table is walked from
//! its root, which `sqlite_schema` names. Numbers are big-endian. Changes in a write-ahead log or rollback journal are
//! not in the file; the caller checks for these.
//!
//! ```text
//! header  "SQLite format 3\0", page size 2, …, reserved bytes of each page at 20, pages at 28, text encoding at 56
//! page    type 1, free block 2, cells 2, content 2, fragments 1, in inner pages the last child 4; offsets of cells 2 each
//! cell    in leaves: length, row, record, first overflow page 4; in inner pages: child 4, row
//! record  length of the head, types of the columns; the columns
//! ```

use std::ops::ControlFlow;

use super::{Budget, Malformed, Visit, u16_be, u32_be, within};

const FORMAT: &str = "SQLite";
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
const INNER: u8 = 0x05;
const LEAF: u8 = 0x0d;
/// The least cost of a step of the walk, so that empty records are not free: the offset of a cell.
const STEP: u64 = 2;

/// A database.
pub(crate) struct Database<'a> {
    content: &'a [u8],
    page_size: usize,
    /// Bytes of each page without those that extensions reserve.
    usable: usize,
    pages: u32,
}

/// The value of a column, as far as catalogers need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'r> {
    /// Null, or a floating-point number.
    Other,
    Integer(i64),
    Text(&'r [u8]),
    Blob(&'r [u8]),
}

impl<'a> Database<'a> {
    /// Opens a database. An empty file is a database without tables.
    pub(crate) fn open(content: &'a [u8]) -> Result<Self, Malformed> {
        if content.is_empty() {
            return Ok(Self { content, page_size: 0, usable: 0, pages: 0 });
        }
        let format = || Malformed::Format { format: FORMAT };
        if !content.starts_with(MAGIC) || content.len() < HEADER {
            return Err(format());
        }
        let page_size = match u16_be(content, 16) {
            Some(1) => 65_536,
            Some(size) if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err(format()),
        };
        if u32_be(content, 56).is_some_and(|encoding| encoding > 1) {
            return Err(Malformed::Unsupported { format: FORMAT, what: "text in UTF-16" });
        }
        let reserved = content.get(20).copied().map_or(0, usize::from);
        let usable = page_size.checked_sub(reserved).filter(|usable| *usable >= 480).ok_or_else(format)?;
        let got = content.len() as u64;
        let there = got / page_size as u64;
        // The count is only valid if the version that wrote it also wrote last.
        let counted = u32_be(content, 28).filter(|_| u32_be(content, 24) == u32_be(content, 92));
        let counted = counted.map_or(1, u64::from).max(1);
        if counted > there {
            return Err(Malformed::CutOff { got, expected: counted * page_size as u64 });
        }
        Ok(Self { content, page_size, usable, pages: u32::try_from(there).unwrap_or(u32::MAX) })
    }

    /// Visits the records of a table, up to `max` bytes long. Returns false if there is no such table.
    pub(crate) fn table(&self, name: &str, max: u64, visit: &mut Visit<'_>) -> Result<bool, Malformed> {
        let mut root = None;
        let mut broken = None;
        // The schema is the tree of the first page.
        self.tree(1, max, &mut |record| {
            match record {
                Ok(record) => {
                    let is_table = column(record, 0) == Some(Value::Text(b"table"));
                    if is_table && column(record, 1) == Some(Value::Text(name.as_bytes())) {
                        root = match column(record, 3) {
                            Some(Value::Integer(root)) => Some(u32::try_from(root).unwrap_or_default()),
                            _ => Some(0),
                        };
                        return ControlFlow::Break(());
                    }
                }
                Err(malformed) => broken = Some(malformed),
            }
            ControlFlow::Continue(())
        });
        match (root, broken) {
            (Some(root), _) => {
                self.tree(root, max, visit);
                Ok(true)
            }
            (None, None) => Ok(false),
            (None, Some(malformed)) => Err(malformed),
        }
    }

    /// Visits the records below the page `root`.
    fn tree(&self, root: u32, max: u64, visit: &mut Visit<'_>) {
        if self.pages == 0 {
            return;
        }
        // Each page is a step of the walk, and the bytes of its records are read from it or from others.
        let mut walk = Walk {
            pages: Budget::new(self.content),
            records: Budget::new(self.content),
            buffer: Vec::new(),
            waiting: vec![root],
        };
        while let Some(number) = walk.waiting.pop() {
            match self.visit_page(number, max, &mut walk, visit) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return,
                Err(malformed) => {
                    let overlaps = matches!(malformed, Malformed::Overlap { .. });
                    if visit(Err(malformed)).is_break() || overlaps {
                        return;
                    }
                }
            }
        }
    }

    fn visit_page(
        &self,
        number: u32,
        max: u64,
        walk: &mut Walk,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Malformed> {
        let wrong = |what| Malformed::Part { part: "page", number: number.into(), what };
        let page = self.page(number).ok_or_else(|| wrong("is missing"))?;
        // The file header comes before the content of the first page.
        let head = if number == 1 { HEADER } else { 0 };
        let cells = u16_be(page, head + 3).map_or(0, usize::from);
        let offset = |index: usize, first: usize| u16_be(page, head + first + 2 * index).map(usize::from);
        match page.get(head) {
            Some(&LEAF) => {
                for index in 0..cells {
                    let cell = offset(index, 8).and_then(|at| page.get(..self.usable)?.get(at..));
                    let record = match cell {
                        Some(cell) => self.record(cell, number, max, walk),
                        None => Err(wrong("has a cell outside the page")),
                    };
                    let overlaps = matches!(record, Err(Malformed::Overlap { .. }));
                    if visit(record).is_break() || overlaps {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Some(&INNER) => {
                let last = u32_be(page, head + 8).ok_or_else(|| wrong("has no last child"))?;
                walk.wait(self.page_size, number, last)?;
                for index in (0..cells).rev() {
                    let child = offset(index, 12).and_then(|at| u32_be(page, at));
                    let child = child.ok_or_else(|| wrong("has a cell outside the page"))?;
                    walk.wait(self.page_size, number, child)?;
                }
            }
            _ => return Err(wrong("is not a page of a table")),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let before = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = before.checked_mul(self.page_size)?;
        self.content.get(start..start.checked_add(self.page_size)?)
    }

    /// The record of a cell in a leaf, joined with its part in overflow pages.
    fn record<'b>(
        &self,
        cell: &'b [u8],
        number: u32,
        max: u64,
        walk: &'b mut Walk,
    ) -> Result<&'b [u8], Malformed> {
        let wrong = |what| Malformed::Part { part: "page", number: number.into(), what };
        let cut_off = || wrong("has a cell that is cut off");
        let (length, rest) = varint(cell).ok_or_else(cut_off)?;
        let (_, rest) = varint(rest).ok_or_else(cut_off)?;
        walk.records.spend(length.max(STEP), "page", number)?;
        within(length, max, "page", number)?;
        let length = usize::try_from(length).map_err(|_| cut_off())?;
        let local = self.local(length);
        let (local_part, rest) = rest.split_at_checked(local).ok_or_else(cut_off)?;
        if local == length {
            return Ok(local_part);
        }
        walk.buffer.clear();
        walk.buffer.extend_from_slice(local_part);
        let mut next = u32_be(rest, 0).ok_or_else(cut_off)?;
        while walk.buffer.len() < length {
            let missing = length - walk.buffer.len();
            let page =
                self.page(next).ok_or_else(|| wrong("has a record that continues in a missing page"))?;
            let part = page.get(4..self.usable).unwrap_or_default();
            walk.buffer.extend_from_slice(part.get(..missing).unwrap_or(part));
            next = u32_be(page, 0).unwrap_or_default();
        }
        Ok(&walk.buffer)
    }

    /// How many bytes of a record of this length are in its leaf.
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = least + (length - least) % (self.usable - 4);
        if local <= most { local } else { least }
    }
}

/// Bytes of a log or journal that [`is_pending`] reads: two headers.
pub(crate) const PENDING_HEAD: u64 = 56;

/// Whether the file with this head, the `-wal` or `-journal` of a database, has changes that belong into the database:
/// frames of the log that its current salt marks as written since the last reset, or saved pages of a journal that is
/// still valid.
pub(crate) fn is_pending(head: &[u8]) -> bool {
    const JOURNAL: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    const LOG: u32 = 0x377f_0682;
    let is_log = u32_be(head, 0).is_some_and(|magic| magic & !1 == LOG);
    let salt = head.get(16..24).zip(head.get(40..48));
    head.starts_with(JOURNAL) || is_log && salt.is_some_and(|(log, frame)| log == frame)
}

/// A walk through the tree of a table.
struct Walk {
    pages: Budget,
    records: Budget,
    buffer: Vec<u8>,
    /// Pages to visit, the last first.
    waiting: Vec<u32>,
}

impl Walk {
    fn wait(&mut self, page_size: usize, from: u32, child: u32) -> Result<(), Malformed> {
        self.pages.spend(page_size as u64, "page", from)?;
        self.waiting.push(child);
        Ok(())
    }
}

/// The column of a record with this number, from 0. `None` if the record has no such column or is inconsistent.
pub(crate) fn column(record: &[u8], wanted: usize) -> Option<Value<'_>> {
    let (head, rest) = varint(record)?;
    let head = usize::try_from(head).ok()?;
    let mut types = record.get(record.len() - rest.len()..head)?;
    let mut at = head;
    for _ in 0..wanted {
        let (kind, rest) = varint(types)?;
        types = rest;
        at = at.checked_add(size(kind)?)?;
    }
    let (kind, _) = varint(types)?;
    let bytes = record.get(at..at.checked_add(size(kind)?)?)?;
    Some(match kind {
        1..=6 => Value::Integer(integer(bytes)),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        12.. if kind % 2 == 0 => Value::Blob(bytes),
        12.. => Value::Text(bytes),
        _ => Value::Other,
    })
}

/// The bytes of a column of this type.
fn size(kind: u64) -> Option<usize> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        12.. => usize::try_from((kind - 12) / 2).ok()?,
        _ => return None,
    })
}

/// A number in two's complement.
fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

/// A number of one to nine bytes, seven bits each and eight in the ninth, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        if index == 8 {
            return Some((number << 8 | u64::from(*byte), bytes.get(9..)?));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}
