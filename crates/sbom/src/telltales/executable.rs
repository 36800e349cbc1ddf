//! Programs by how they begin: ELF and Mach-O. Only the head is looked at.
//!
//! Those that a cataloger reads are told apart later: a program of Go is one, and so is one of Rust that lists its crates. Windows programs run nowhere here, and pip brings some.

use super::table::Kind;

/// Bytes that are looked at.
pub(super) const HEAD: u64 = 64;

/// The ecosystem of programs that say nothing about where they come from.
pub(super) const EXECUTABLES: &str = "executables";
const PROGRAM: Kind = Kind { ecosystem: EXECUTABLES, files: "file" };

/// What a file with this head is, if it is a program.
pub(super) fn kind(head: &[u8]) -> Option<Kind> {
    match head {
        // Programs and shared objects, of either byte order. Object files and core dumps are none.
        [0x7f, b'E', b'L', b'F', _, 1, _, _, _, _, _, _, _, _, _, _, 2 | 3, 0, ..]
        | [0x7f, b'E', b'L', b'F', _, 2, _, _, _, _, _, _, _, _, _, _, 0, 2 | 3, ..]
        | [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..]
        | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => Some(PROGRAM),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_by_their_first_bytes() {
        let elf = |order: u8, kind: [u8; 2]| {
            let mut head = b"\x7fELF\x02".to_vec();
            head.push(order);
            head.resize(16, 0);
            head.extend(kind);
            head
        };
        for (head, expected) in [
            (elf(1, [2, 0]), Some(PROGRAM)),
            (elf(1, [3, 0]), Some(PROGRAM)),
            (elf(2, [0, 2]), Some(PROGRAM)),
            // Object files and core dumps.
            (elf(1, [1, 0]), None),
            (elf(1, [4, 0]), None),
            (b"\xcf\xfa\xed\xfe....".to_vec(), Some(PROGRAM)),
            (b"MZ....".to_vec(), None),
            (b"#!/bin/sh\n".to_vec(), None),
            (b"\x7fELF".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(kind(&head), expected, "{head:?}");
        }
    }
}
