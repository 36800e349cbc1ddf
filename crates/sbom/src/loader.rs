//! Whether an ELF program names a loader. Without its loader it does not run in the image, so such a program shows that
//! there is an operating system. A shared object names none.

use crate::magic::Elf;

/// Whether a file with this start is an ELF program that names a loader. One whose headers are elsewhere counts as
/// such.
pub(crate) fn names_loader(head: &[u8]) -> bool {
    const PT_INTERP: u64 = 3;
    let Some(Elf { class: class @ (1 | 2), big_endian, .. }) = Elf::parse(head) else { return false };
    let number = |at: u64, size: usize| -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = head.get(at..at.checked_add(size)?)?;
        let add = |number, byte: &u8| number << 8 | u64::from(*byte);
        Some(if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    };
    let headers = || match class {
        1 => Some((number(28, 4)?, number(42, 2)?, number(44, 2)?)),
        _ => Some((number(32, 8)?, number(54, 2)?, number(56, 2)?)),
    };
    let Some((start, size, count)) = headers() else { return true };
    let mut kinds = (0..count).map(|index| number(start.saturating_add(index.saturating_mul(size)), 4));
    kinds.any(|kind| kind.is_none_or(|kind| kind == PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header followed by program headers of these types.
    fn elf(class: u8, order: u8, kinds: &[u32]) -> Vec<u8> {
        let number = |value: u32, size: usize| -> Vec<u8> {
            let mut bytes = value.to_le_bytes().to_vec();
            bytes.resize(size.max(4), 0);
            bytes.truncate(size);
            if order == 2 {
                bytes.reverse();
            }
            bytes
        };
        let (header, entry, start, counts) = if class == 1 { (52, 32, 28, 42) } else { (64, 56, 32, 54) };
        let mut head = vec![0; header];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[0x7f, b'E', b'L', b'F', class, order]);
        put(start, &number(u32::try_from(header).unwrap(), if class == 1 { 4 } else { 8 }));
        put(counts, &number(u32::try_from(entry).unwrap(), 2));
        put(counts + 2, &number(u32::try_from(kinds.len()).unwrap(), 2));
        for kind in kinds {
            let mut program = number(*kind, 4);
            program.resize(entry, 0);
            head.extend(program);
        }
        head
    }

    #[test]
    fn a_program_that_names_a_loader_is_distinguished_from_one_that_runs_alone() {
        for (class, order) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            assert!(names_loader(&elf(class, order, &[6, 3, 1])), "{class} {order}");
            assert!(!names_loader(&elf(class, order, &[1, 1, 4])), "{class} {order}");
            assert!(!names_loader(&elf(class, order, &[])), "{class} {order}");
        }
        for other in [&b""[..], b"MZ", b"#!/bin/sh\n", b"\x7fELF\x09\x01"] {
            assert!(!names_loader(other), "{other:?}");
        }
    }

    #[test]
    fn missing_headers_may_name_a_loader() {
        let whole = elf(2, 1, &[1, 1]);
        assert!(names_loader(&whole[..whole.len() - 56]));
        assert!(names_loader(&whole[..20]));
        let mut elsewhere = whole.clone();
        elsewhere[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(names_loader(&elsewhere));
    }
}
