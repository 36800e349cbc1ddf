//! Java archives that are not named like one: `java -jar app` reads a file of any name.
//!
//! A jar is a zip file. Its first entry is `META-INF/` or what is in it, unless it was made without a manifest, as libraries
//! and merged archives are: then classes come early. Only files whose head is read anyway are looked at, which are those that
//! are executable.
//!
//! ```text
//! PK\x03\x04 | 2 version | 2 flags | 2 method | 4 time | 4 CRC | 4 size | 4 uncompressed | 2 n | 2 m | n name | m extra
//! ```

use super::table::Kind;
use crate::cataloger::Cataloger as _;
use crate::language::java::Java;

pub(super) const JAR: Kind = Kind { ecosystem: "Maven", files: "jar without the ending .jar" };

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
/// Entries that are looked at; a head of one KiB has room for some ten folders.
const ENTRIES: usize = 16;
/// Flag of an entry whose size comes after its content, so that the next one cannot be found.
const SIZE_FOLLOWS: u64 = 1 << 3;

/// Whether a file with this head is a jar.
pub(super) fn is_jar(head: &[u8]) -> bool {
    let mut rest = head;
    for _ in 0..ENTRIES {
        let Some(header) = rest.strip_prefix(LOCAL_HEADER) else { return false };
        let number = |at: usize, bytes: usize| {
            let digits = header.get(at..at + bytes)?.iter().rev();
            Some(digits.fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
        };
        let fields = (number(2, 2), number(14, 4), number(22, 2), number(24, 2));
        let (Some(flags), Some(size), Some(name_length), Some(extra)) = fields else { return false };
        let Some(name) = usize::try_from(name_length).ok().and_then(|length| header.get(26..26 + length))
        else {
            return false;
        };
        if [b"META-INF/", b"BOOT-INF/"].iter().any(|folder| name.starts_with(*folder))
            || name.starts_with(b"WEB-INF/")
            || name.ends_with(b".class")
        {
            return true;
        }
        let next = usize::try_from(26 + name_length + extra + size).ok().and_then(|next| header.get(next..));
        match next {
            Some(next) if flags & SIZE_FOLLOWS == 0 => rest = next,
            _ => return false,
        }
    }
    false
}

/// Whether the cataloger of Java selects the file by its name.
pub(super) fn is_named_like_one(path: &str) -> bool {
    let paths = Java.selections().iter().flat_map(|selection| selection.paths);
    paths.filter_map(|pattern| pattern.strip_prefix("**/*")).any(|ending| path.ends_with(ending))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The header of a stored entry, and its content.
    pub(crate) fn entry(name: &str, flags: u8, content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        [
            LOCAL_HEADER,
            &[20, 0, flags, 0, 0, 0],
            &[0; 8],
            &size,
            &size,
            &length,
            &[0, 0],
            name.as_bytes(),
            content,
        ]
        .concat()
    }

    #[test]
    fn a_jar_is_told_from_other_zip_files_by_its_first_entries() {
        let jar = entry("META-INF/MANIFEST.MF", 8, b"");
        assert!(is_jar(&jar));
        let folders =
            [entry("com/", 0, b""), entry("com/example/", 0, b""), entry("com/example/A.class", 8, b"")];
        assert!(is_jar(&folders.concat()));
        let after_a_file = [entry("LICENSE", 0, b"text"), entry("A.class", 0, b"")].concat();
        assert!(is_jar(&after_a_file));
        assert!(is_jar(&entry("BOOT-INF/classes/", 0, b"")));
        let many = entry("x/", 0, b"").repeat(ENTRIES);
        for other in [
            entry("word/document.xml", 0, b""),
            // Where the next entry begins is not known.
            [entry("x", 8, b""), entry("A.class", 0, b"")].concat(),
            [many, entry("A.class", 0, b"")].concat(),
            entry("__main__.py", 0, b""),
            jar[..29].to_vec(),
            LOCAL_HEADER.to_vec(),
            b"PK\x05\x06".to_vec(),
            b"#!/bin/sh\n".to_vec(),
            Vec::new(),
        ] {
            assert!(!is_jar(&other), "{other:?}");
        }
        // Sizes that lead beyond any head.
        let mut huge = entry("x/", 0, b"");
        huge[18..22].copy_from_slice(&[0xff; 4]);
        assert!(!is_jar(&huge));
    }
}
