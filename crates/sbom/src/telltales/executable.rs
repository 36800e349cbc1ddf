//! Programs and shared objects by their heads: ELF and Mach-O.
//!
//! A shared object that names a loader is a program, and so is one that is not named like a library: linkers write both
//! the same way. Programs that a cataloger reads, such as Go programs and Rust programs with a list of crates, are
//! excluded later. Windows programs are ignored: they do not run in these images, and pip contains some.

use super::table::Kind;
use crate::loader::names_loader;
use crate::magic::{Elf, Format};

/// Bytes that are read. Linkers write the program headers directly after the file's own header.
pub(super) const HEAD: usize = 1 << 10;

/// The ecosystem of programs without information about their origin.
pub const EXECUTABLES: &str = "executables";
pub(super) const PROGRAM: Kind = Kind { ecosystem: EXECUTABLES, files: "file" };

/// The ecosystem of libraries without information about their origin.
pub(super) const SHARED_OBJECTS: &str = "shared objects";
const LIBRARY: Kind = Kind { ecosystem: SHARED_OBJECTS, files: "file" };

/// Whether a file with this head is a program.
pub(super) fn is_program(head: &[u8]) -> bool {
    match Format::recognise(head) {
        Some(Format::Elf) => Elf::parse(head).is_some_and(Elf::is_loaded),
        Some(Format::MachO) => true,
        Some(Format::Pe) | None => false,
    }
}

/// Whether one of them may be a library: it can be loaded at any address, and names no loader.
pub(super) fn is_shared_object(head: &[u8]) -> bool {
    Elf::parse(head).is_some_and(Elf::is_shared) && !names_loader(head)
}

/// The kind of such a file at this path.
pub(super) fn kind_of_shared_object(path: &str) -> Kind {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.split('.').skip(1).any(|part| part == "so") { LIBRARY } else { PROGRAM }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_recognised_by_their_first_bytes() {
        let elf = |order: u8, kind: [u8; 2]| {
            let mut head = b"\x7fELF\x02".to_vec();
            head.push(order);
            head.resize(16, 0);
            head.extend(kind);
            // Without program headers.
            head.resize(64, 0);
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

    #[test]
    fn a_library_is_recognised_by_its_head_and_its_name() {
        let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
        assert!(!is_shared_object(&head), "its headers are beyond the head");
        head.resize(64, 0);
        assert!(is_shared_object(&head));
        head[16] = 2;
        assert!(!is_shared_object(&head));
        for (path, expected) in [("lib/libz.so", LIBRARY), ("lib/libz.so.1.2", LIBRARY), ("bin/so", PROGRAM)]
        {
            assert_eq!(kind_of_shared_object(path), expected, "{path}");
        }
    }
}
