//! Distributions in a zip archive from which Python imports without unpacking it: eggs, wheels, zipped applications.
//!
//! Only the directory is read, and only metadata entries are inflated.

use std::collections::BTreeMap;

use super::place;
use crate::zip::Zip;

/// Inflated bytes of one entry: the largest metadata known has about 1 MiB.
const MAX_ENTRY: usize = 4 << 20;
/// Inflated bytes of all entries of one archive.
const MAX_TOTAL: usize = 32 << 20;
/// Distributions in one archive.
const MAX_DISTRIBUTIONS: usize = 10_000;

/// The metadata in an archive by its path there, or why it cannot be read. `None` if it is not an archive.
pub(super) fn metadata(archive: &[u8]) -> Option<Result<BTreeMap<String, Vec<u8>>, String>> {
    Some(Zip::open(archive)?.and_then(|archive| in_archive(&archive)))
}

fn in_archive(archive: &Zip<'_>) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    let mut total = 0;
    for entry in archive.entries() {
        let entry = entry?;
        let Some(name) = str::from_utf8(entry.name).ok().filter(|name| place::is_metadata(name)) else {
            continue;
        };
        let shown = plimsoll_core::text::shortened(name);
        if found.len() >= MAX_DISTRIBUTIONS {
            return Err(format!("has more than {MAX_DISTRIBUTIONS} distributions"));
        }
        let content = archive.content(&entry, MAX_ENTRY).map_err(|what| format!("{shown} {what}"))?;
        total += content.len();
        if total > MAX_TOTAL {
            return Err(format!("has more than {MAX_TOTAL} bytes of metadata"));
        }
        // One reader would take the first, another the last.
        if found.insert(name.to_owned(), content.into_owned()).is_some() {
            return Err(format!("{shown} occurs twice"));
        }
    }
    Ok(found)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::zip::tests::{closed, entry, zip};

    const NAME: &str = "x-1.dist-info/METADATA";

    #[test]
    fn metadata_is_read_from_eggs_and_wheels() {
        let text = "Name: x\n".repeat(500);
        let archive = zip(&[("x/__init__.py", b"1"), (NAME, text.as_bytes()), ("x-1.dist-info/RECORD", b"")]);
        for prefix in [&b""[..], b"#!/usr/bin/env python3\n"] {
            let found = metadata(&[prefix, &archive].concat()).unwrap().unwrap();
            assert_eq!(found, BTreeMap::from([(NAME.to_owned(), text.as_bytes().to_vec())]));
        }
        assert_eq!(metadata(b"not an archive at all, but long enough"), None);
        assert_eq!(metadata(b""), None);
    }

    #[test]
    fn an_archive_that_readers_interpret_differently_is_an_error() {
        let twice = zip(&[(NAME, b"Name: x"), (NAME, b"Name: y")]);
        assert!(metadata(&twice).unwrap().unwrap_err().contains("twice"));
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        entry(&mut archive, &mut directory, "x-1.dist-info/METADATB", (0, 0), b"\x03\0");
        let at = directory.len() - 1;
        directory[at] = b'A';
        assert!(metadata(&closed(archive, &directory, 1)).unwrap().unwrap_err().contains("another name"));
    }

    #[test]
    fn an_archive_cannot_inflate_beyond_the_limits() {
        let huge = vec![b'x'; MAX_ENTRY + 1];
        assert!(metadata(&zip(&[(NAME, &huge)])).unwrap().unwrap_err().contains("too large"));
        // Twenty thousand entries that are all the same bytes.
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&vec![b'x'; MAX_ENTRY]).unwrap();
        let data = encoder.finish().unwrap();
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        entry(&mut archive, &mut directory, "a0.dist-info/METADATA", (0, MAX_ENTRY), &data);
        let same = directory.clone();
        directory.clear();
        for _ in 0..20_000 {
            directory.extend(&same);
        }
        let error = metadata(&closed(archive, &directory, 20_000)).unwrap().unwrap_err();
        assert!(error.contains("twice") || error.contains("more than"), "{error}");
    }

    proptest! {
        #[test]
        fn never_panics(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let mut archive = zip(&[(NAME, b"Name: x\nVersion: 1\n"), ("EGG-INFO/PKG-INFO", b"Name: y\n")]);
            for (at, byte) in flips {
                let at = at.index(archive.len());
                archive[at] = byte;
            }
            let _ = metadata(&archive);
        }
    }
}
