//! Programs by how they begin: ELF, PE and Mach-O, and those among them that Go's linker made.
//!
//! Only the head is looked at. Go's linker puts its build ID there: in a note of an ELF file, in front of the code of the
//! others. Where it was told to leave that out, and for Rust, whose list of crates lies in a section far behind, the file is a
//! program that nobody reads.

use super::table::Kind;

/// Bytes that are looked at: the headers, and where the code begins.
pub(super) const HEAD: u64 = 8 << 10;

/// The ecosystem of programs that say nothing about where they come from.
pub(super) const EXECUTABLES: &str = "executables";
pub(super) const GO: Kind = Kind { ecosystem: "Go", files: "executable" };
const PROGRAM: Kind = Kind { ecosystem: EXECUTABLES, files: "file" };

/// What a file with this head is, if it is a program.
pub(super) fn kind(head: &[u8]) -> Option<Kind> {
    match format(head)? {
        _ if is_go(head) => Some(GO),
        // Windows programs run nowhere here, and pip brings some.
        Format::Pe => None,
        Format::Elf | Format::MachO => Some(PROGRAM),
    }
}

/// Whether Go's linker made it.
pub(super) fn is_go(head: &[u8]) -> bool {
    match format(head) {
        Some(Format::Elf) => GO_NOTES.iter().any(|note| contains(head, note)),
        Some(Format::Pe | Format::MachO) => contains(head, b"\xff Go build ID: \""),
        None => false,
    }
}

enum Format {
    Elf,
    Pe,
    MachO,
}

fn format(head: &[u8]) -> Option<Format> {
    match head {
        // Programs and shared objects, of either byte order. Object files and core dumps are none.
        [0x7f, b'E', b'L', b'F', _, 1, _, _, _, _, _, _, _, _, _, _, 2 | 3, 0, ..]
        | [0x7f, b'E', b'L', b'F', _, 2, _, _, _, _, _, _, _, _, _, _, 0, 2 | 3, ..] => Some(Format::Elf),
        [b'M', b'Z', ..] => Some(Format::Pe),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => Some(Format::MachO),
        _ => None,
    }
}

/// The type and the name of the note with the build ID, in either byte order.
const GO_NOTES: [&[u8]; 2] = [b"\x04\0\0\0Go\0\0", b"\0\0\0\x04Go\0\0"];

fn contains(head: &[u8], wanted: &[u8]) -> bool {
    // Most bytes are not the first one, which is all that is compared of them.
    let Some((first, rest)) = wanted.split_first() else { return true };
    let mut left = head;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = left.get(at + 1..).unwrap_or_default();
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an ELF file for a machine of this byte order, with `more` somewhere behind.
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
    fn programs_are_told_by_their_first_bytes() {
        let note = b"\x04\0\0\0\x53\0\0\0\x04\0\0\0Go\0\0abc/def";
        for (head, expected) in [
            (elf(1, [2, 0], b""), Some(PROGRAM)),
            (elf(1, [3, 0], b""), Some(PROGRAM)),
            (elf(2, [0, 2], b""), Some(PROGRAM)),
            (elf(1, [2, 0], note), Some(GO)),
            (elf(2, [0, 2], b"\0\0\0\x04\0\0\0\x53\0\0\0\x04Go\0\0abc"), Some(GO)),
            // Object files and core dumps.
            (elf(1, [1, 0], note), None),
            (elf(1, [4, 0], b""), None),
            (b"\xcf\xfa\xed\xfe....".to_vec(), Some(PROGRAM)),
            (b"\xcf\xfa\xed\xfe....\xff Go build ID: \"x".to_vec(), Some(GO)),
            (b"MZ....".to_vec(), None),
            (b"MZ....\xff Go build ID: \"x".to_vec(), Some(GO)),
            (b"#!/bin/sh\n\x04\0\0\0Go\0\0".to_vec(), None),
            (b"\x7fELF".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(kind(&head), expected, "{head:?}");
        }
    }
}
