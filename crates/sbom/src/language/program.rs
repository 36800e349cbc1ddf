//! Executables by their heads: ELF, PE and Mach-O, and the places where compilers store metadata.
//!
//! Follows the ELF specification (program headers) and Go's `debug/buildinfo`: in an ELF file, Go's blob is in the
//! first segment that is writable and not executable. Sections that only tools read, such as Rust's list of crates,
//! come after everything that is loaded. The other formats are searched completely.

use crate::magic::{Elf, Format};

/// Bytes that are enough for this: the headers, and the start of the code.
pub(super) const HEAD: usize = 8 << 10;

/// The content of the head of a program.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Program {
    /// Whether the head contains the mark of Go's linker, which `-ldflags=-buildid=` leaves out.
    pub(super) is_go: bool,
    pub(super) big_endian: bool,
    /// The loaded segments, in the order of the headers.
    segments: Vec<Segment>,
    /// The writable segments, from the first to the last.
    data: Option<Segment>,
}

/// A part of the file that is loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Segment {
    /// Its offset in the file.
    pub(super) offset: u64,
    /// Its bytes in the file.
    pub(super) size: u64,
    /// Its address in memory.
    pub(super) address: u64,
}

impl Segment {
    /// The segment from the start of the first to the end of the last in the file.
    fn to_the_end_of(self, other: Self) -> Self {
        let end = |it: &Self| it.offset.saturating_add(it.size);
        let first = if other.offset < self.offset { other } else { self };
        Self { size: end(&self).max(end(&other)) - first.offset, ..first }
    }
}

/// The part of the file that is searched if no header limits it.
const EVERYTHING: Segment = Segment { offset: 0, size: u64::MAX, address: 0 };

impl Program {
    /// `None` if the file is not a program.
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        match Format::recognise(head)? {
            Format::Elf => {
                let elf = Elf::parse(head).filter(|elf| elf.is_loaded())?;
                Some(Self::elf(head, elf.class == 2, elf.big_endian))
            }
            Format::Pe | Format::MachO => {
                let is_go = memchr::memmem::find(head, b"\xff Go build ID: \"").is_some();
                Some(Self { is_go, ..Self::default() })
            }
        }
    }

    fn elf(head: &[u8], wide: bool, big_endian: bool) -> Self {
        let is_go = GO_NOTES.iter().any(|note| memchr::memmem::find(head, note).is_some());
        let mut program = Self { is_go, big_endian, ..Self::default() };
        let fields = Fields { bytes: head, wide, big_endian };
        // If the headers are unreadable, everything is searched.
        for (segment, flags) in fields.segments().unwrap_or_default() {
            if flags & (WRITE | EXECUTE) == WRITE {
                program.data = Some(program.data.map_or(segment, |first| first.to_the_end_of(segment)));
            }
            program.segments.push(segment);
        }
        program
    }

    /// Where the blob is searched for.
    pub(super) fn data(&self) -> Segment {
        self.data.unwrap_or(EVERYTHING)
    }

    /// Whether the headers state the address of [`Self::data`] in memory.
    pub(super) fn has_data_segment(&self) -> bool {
        self.data.is_some()
    }

    /// The end of everything that is loaded, in the file. 0 if the headers do not state it.
    pub(super) fn loaded_end(&self) -> u64 {
        let end = |segment: &Segment| segment.offset.saturating_add(segment.size);
        self.segments.iter().map(end).max().unwrap_or_default()
    }

    /// The offset in the file of `address` in memory.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let inside = |segment: &&Segment| {
            address.checked_sub(segment.address).is_some_and(|distance| distance < segment.size)
        };
        let segment = self.segments.iter().find(inside)?;
        segment.offset.checked_add(address - segment.address)
    }
}

/// The type and the name of the note with the build ID, in either byte order.
const GO_NOTES: [&[u8]; 2] = [b"\x04\0\0\0Go\0\0", b"\0\0\0\x04Go\0\0"];

const EXECUTE: u32 = 1;
const WRITE: u32 = 2;

/// The fields of an ELF file.
struct Fields<'a> {
    bytes: &'a [u8],
    wide: bool,
    big_endian: bool,
}

impl Fields<'_> {
    /// The loaded segments with their permissions. `None` if the program headers are not in the head.
    fn segments(&self) -> Option<Vec<(Segment, u32)>> {
        const LOAD: u32 = 1;
        let (table, size, count) = if self.wide {
            (self.address(32)?, self.half(54)?, self.half(56)?)
        } else {
            (self.address(28)?, self.half(42)?, self.half(44)?)
        };
        let mut segments = Vec::new();
        for number in 0..usize::from(count) {
            let at = usize::try_from(table).ok()?.checked_add(number.checked_mul(usize::from(size))?)?;
            let field = |distance: usize| at.checked_add(distance);
            if self.word(at)? != LOAD {
                continue;
            }
            let (flags, offset, address, size) = if self.wide { (4, 8, 16, 32) } else { (24, 4, 8, 16) };
            let segment = Segment {
                offset: self.address(field(offset)?)?,
                size: self.address(field(size)?)?,
                address: self.address(field(address)?)?,
            };
            segments.push((segment, self.word(field(flags)?)?));
        }
        Some(segments)
    }

    fn address(&self, at: usize) -> Option<u64> {
        if self.wide { unsigned(self.bytes, at, 8, self.big_endian) } else { self.word(at).map(u64::from) }
    }

    fn word(&self, at: usize) -> Option<u32> {
        unsigned(self.bytes, at, 4, self.big_endian).and_then(|word| word.try_into().ok())
    }

    fn half(&self, at: usize) -> Option<u16> {
        unsigned(self.bytes, at, 2, self.big_endian).and_then(|half| half.try_into().ok())
    }
}

/// A number of `size` bytes, at most eight.
pub(super) fn unsigned(bytes: &[u8], at: usize, size: usize, big_endian: bool) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(size)?)?;
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    Some(if big_endian { field.iter().fold(0, add) } else { field.iter().rfold(0, add) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of an ELF file for a machine of this byte order, with `more` somewhere after it.
    fn elf(order: u8, kind: [u8; 2], more: &[u8]) -> Vec<u8> {
        let mut head = b"\x7fELF\x02".to_vec();
        head.push(order);
        head.resize(16, 0);
        head.extend(kind);
        head.resize(200, 0);
        head.extend(more);
        head
    }

    #[test]
    fn programs_are_recognised_by_their_first_bytes_and_gos_by_its_mark() {
        let note = b"\x04\0\0\0\x53\0\0\0\x04\0\0\0Go\0\0abc/def";
        for (head, expected) in [
            (elf(1, [2, 0], b""), Some(false)),
            (elf(1, [3, 0], b""), Some(false)),
            (elf(2, [0, 2], b""), Some(false)),
            (elf(1, [2, 0], note), Some(true)),
            (elf(2, [0, 2], b"\0\0\0\x04\0\0\0\x53\0\0\0\x04Go\0\0abc"), Some(true)),
            // Object files and core dumps.
            (elf(1, [1, 0], note), None),
            (elf(1, [4, 0], b""), None),
            (b"\xcf\xfa\xed\xfe....".to_vec(), Some(false)),
            (b"\xcf\xfa\xed\xfe....\xff Go build ID: \"x".to_vec(), Some(true)),
            (b"MZ....".to_vec(), Some(false)),
            (b"MZ....\xff Go build ID: \"x".to_vec(), Some(true)),
            (b"#!/bin/sh\n\x04\0\0\0Go\0\0".to_vec(), None),
            (b"\x7fELF".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(Program::read(&head).map(|program| program.is_go), expected, "{head:?}");
        }
    }

    #[test]
    fn everything_is_searched_if_headers_are_elsewhere_or_missing() {
        for table in [64_u64, 1 << 20, u64::MAX] {
            let mut head = elf(1, [2, 0], b"");
            head[32..40].copy_from_slice(&table.to_le_bytes());
            head[54..58].copy_from_slice(&[56, 0, 255, 255]);
            let program = Program::read(&head).unwrap();
            assert_eq!(program.data(), EVERYTHING, "{table}");
        }
    }
}
