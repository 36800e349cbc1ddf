//! The header of a file in an archive: a block of POSIX ustar that contains only name and size.
//!
//! ```text
//! name 100 · mode "0000644" · uid, gid "0000000" · size, 11 octal digits · mtime 0 · checksum · type '0' · … · "ustar" "00"
//! ```

use crate::error::ArchiveProblem;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;
/// Eleven octal digits.
pub(super) const MAX_BYTES: u64 = 0o777_7777_7777;
const NAME: usize = 100;
/// The place of the checksum, which counts as spaces.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// The content of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// The header of a file. `None` if name or size do not fit.
pub(super) fn encode(name: &str, bytes: u64) -> Option<[u8; BLOCK]> {
    if name.is_empty() || name.len() >= NAME || name.contains('\0') || bytes > MAX_BYTES {
        return None;
    }
    let mut block = [0; BLOCK];
    let size = format!("{bytes:011o}");
    let fields = [
        (0, name),
        (100, "0000644"),
        (108, "0000000"),
        (116, "0000000"),
        (124, &size),
        (136, "00000000000"),
        (CHECKSUM.start, "        "),
        (156, "0"),
        (257, "ustar"),
        (263, "00"),
        (329, "0000000"),
        (337, "0000000"),
    ];
    for (at, text) in fields {
        block.get_mut(at..at + text.len())?.copy_from_slice(text.as_bytes());
    }
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block.get_mut(CHECKSUM)?.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

/// Decodes a header. `None` if the block is empty, which is the end. It must have exactly the form of [`encode`].
pub(super) fn decode(block: &[u8; BLOCK]) -> Result<Option<Header>, ArchiveProblem> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let text = |from: usize, to: usize| {
        let field = block.get(from..to)?.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(field).ok()
    };
    let name = text(0, NAME).ok_or(ArchiveProblem::Form)?;
    let bytes = text(124, 136).and_then(|digits| u64::from_str_radix(digits, 8).ok());
    let bytes = bytes.ok_or(ArchiveProblem::Form)?;
    if encode(name, bytes).as_ref() != Some(block) {
        return Err(ArchiveProblem::Form);
    }
    Ok(Some(Header { name: name.to_owned(), bytes }))
}

/// The bytes that fill the last block of a file.
pub(super) fn padding(bytes: u64) -> usize {
    let last = usize::try_from(bytes % BLOCK as u64).unwrap_or(0);
    (BLOCK - last) % BLOCK
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn tar_reads_written_headers_and_no_other_form_is_accepted() {
        let mut tar = encode("database.json", 3).unwrap().to_vec();
        assert_eq!(decode(tar.as_slice().try_into().unwrap()).unwrap().unwrap().bytes, 3);
        tar.extend_from_slice(b"abc");
        tar.resize(tar.len() + padding(3) + 2 * BLOCK, 0);
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("database.json"));
        assert_eq!(entry.header().mode().unwrap(), 0o644);
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert_eq!(content, "abc");

        for at in 0..BLOCK {
            let mut block = encode("database.json", 3).unwrap();
            block[at] ^= 1;
            assert!(decode(&block).is_err(), "byte {at}");
        }
        assert!(encode("database.json", MAX_BYTES).is_some());
        assert!(encode("database.json", MAX_BYTES + 1).is_none());
        assert!(encode(&"a".repeat(NAME), 1).is_none() && encode("", 1).is_none());
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
