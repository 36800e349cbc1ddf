//! Programs by how they begin: ELF and Mach-O. Only the head is looked at.
//!
//! Those that a cataloger reads are told apart later: a program of Go is one, and so is one of Rust that lists its crates. Windows programs run nowhere here, and pip brings some.

use super::table::Kind;

/// Bytes that are looked at.
pub(super) const HEAD: u64 = 64;

/// The ecosystem of programs that say nothing about where they come from.
pub(super) const EXECUTABLES: &str = "executables";
pub(super) const PROGRAM: Kind = Kind { ecosystem: EXECUTABLES, files: "file" };

/// Whether a file with this head is a program.
pub(super) fn is_program(head: &[u8]) -> bool {
    // Programs and shared objects, of either byte order. Object files and core dumps are none.
    matches!(
        head,
        [0x7f, b'E', b'L', b'F', _, 1, _, _, _, _, _, _, _, _, _, _, 2 | 3, 0, ..]
            | [0x7f, b'E', b'L', b'F', _, 2, _, _, _, _, _, _, _, _, _, _, 0, 2 | 3, ..]
            | [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..]
            | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
    )
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
            (elf(1, [2, 0]), true),
            (elf(1, [3, 0]), true),
            (elf(2, [0, 2]), true),
            // Object files and core dumps.
            (elf(1, [1, 0]), false),
            (elf(1, [4, 0]), false),
            (b"\xcf\xfa\xed\xfe....".to_vec(), true),
            (b"MZ....".to_vec(), false),
            (b"#!/bin/sh\n".to_vec(), false),
            (b"\x7fELF".to_vec(), false),
            (Vec::new(), false),
        ] {
            assert_eq!(is_program(&head), expected, "{head:?}");
        }
    }
}
