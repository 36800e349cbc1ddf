//! Distributions in a zip archive, which Python imports from without unpacking it: eggs, wheels, zipped applications.
//!
//! Read as Python's `zipimport` and `zipfile` do, by the directory at the end ([APPNOTE.TXT], 4.3.12 and 4.3.16), which is where
//! it is counted back from; what stands in front of the archive does not matter. Only the directory is walked, and of the
//! entries only those that are metadata are inflated. Several entries may point to the same bytes, so what comes out is bounded
//! for the archive as a whole.
//!
//! [APPNOTE.TXT]: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress, Status};

use super::place;

/// Inflated bytes of one entry: the largest metadata known has about 1 MiB.
const MAX_ENTRY: usize = 4 << 20;
/// Inflated bytes of all entries of one archive.
const MAX_TOTAL: usize = 32 << 20;
/// Distributions in one archive.
const MAX_DISTRIBUTIONS: usize = 10_000;

const END: [u8; 4] = *b"PK\x05\x06";
const END_LENGTH: usize = 22;
/// An archive may end with a comment.
const MAX_COMMENT: usize = u16::MAX as usize;
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The metadata in an archive by its path there, or why it cannot be read. None for what is no archive.
pub(super) fn metadata(archive: &[u8]) -> Option<Result<BTreeMap<String, Vec<u8>>, String>> {
    let end = end(archive)?;
    Some(Directory::new(archive, end).and_then(|directory| directory.metadata()))
}

/// Where the record at the end begins.
fn end(archive: &[u8]) -> Option<usize> {
    let first = archive.len().checked_sub(END_LENGTH)?;
    let last = first.saturating_sub(MAX_COMMENT);
    (last..=first).rev().find(|at| archive.get(*at..).is_some_and(|rest| rest.starts_with(&END)))
}

struct Directory<'a> {
    archive: &'a [u8],
    entries: &'a [u8],
    /// Bytes in front of the archive.
    before: usize,
}

impl<'a> Directory<'a> {
    fn new(archive: &'a [u8], end: usize) -> Result<Self, String> {
        let record = archive.get(end..).unwrap_or_default();
        let (size, offset) = (long(record, 12), long(record, 16));
        let (Some(size), Some(offset)) = (size, offset) else { return Err("ends too early".to_owned()) };
        if u32::try_from(size) == Ok(u32::MAX) || u32::try_from(offset) == Ok(u32::MAX) {
            return Err("is a zip64 archive, which is not read".to_owned());
        }
        let start = end.checked_sub(size).ok_or("has a directory that is larger than itself")?;
        let before = start.checked_sub(offset).ok_or("has a directory that begins before itself")?;
        let entries = archive.get(start..end).unwrap_or_default();
        Ok(Self { archive, entries, before })
    }

    fn metadata(&self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let mut found = BTreeMap::new();
        let mut total = 0;
        let mut left = self.entries;
        while !left.is_empty() {
            let entry = Entry::read(left).ok_or("has a broken directory")?;
            left = left.get(entry.length..).unwrap_or_default();
            let Some(name) = str::from_utf8(entry.name).ok().filter(|name| place::is_metadata(name)) else {
                continue;
            };
            let shown = plimsoll_core::text::shortened(name);
            if found.len() >= MAX_DISTRIBUTIONS {
                return Err(format!("has more than {MAX_DISTRIBUTIONS} distributions"));
            }
            let content = self.content(&entry).map_err(|what| format!("{shown} {what}"))?;
            total += content.len();
            if total > MAX_TOTAL {
                return Err(format!("has more than {MAX_TOTAL} bytes of metadata"));
            }
            // One reader would take the first, another the last.
            if found.insert(name.to_owned(), content).is_some() {
                return Err(format!("{shown} is there twice"));
            }
        }
        Ok(found)
    }

    fn content(&self, entry: &Entry<'_>) -> Result<Vec<u8>, &'static str> {
        let broken = "lies outside of the archive";
        let start = self.before.checked_add(entry.offset).ok_or(broken)?;
        let local = self.archive.get(start..).ok_or(broken)?;
        let lengths = (short(local, 26), short(local, 28));
        let (Some(name), Some(extra)) = lengths else { return Err(broken) };
        let names = (local.get(LOCAL_LENGTH..LOCAL_LENGTH + name), local.starts_with(&LOCAL));
        if names != (Some(entry.name), true) {
            return Err("is called otherwise at its place");
        }
        let data = local.get(LOCAL_LENGTH + name + extra..).and_then(|data| data.get(..entry.size));
        let data = data.ok_or(broken)?;
        match (entry.flags & 1, entry.method) {
            (1, _) => Err("is encrypted"),
            (_, STORED) if data.len() <= MAX_ENTRY => Ok(data.to_vec()),
            (_, DEFLATED) => inflate(data),
            (_, STORED) => Err(TOO_LARGE),
            _ => Err("is compressed in a way that is not read"),
        }
    }
}

const TOO_LARGE: &str = "is too large for package metadata";

fn inflate(data: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut inflater = Decompress::new(false);
    let mut out = Vec::with_capacity(data.len().saturating_mul(3).clamp(1 << 10, MAX_ENTRY + 1));
    loop {
        let read = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let rest = data.get(read..).unwrap_or_default();
        let before = (inflater.total_in(), inflater.total_out());
        let status = inflater.decompress_vec(rest, &mut out, FlushDecompress::None);
        if out.len() > MAX_ENTRY {
            return Err(TOO_LARGE);
        }
        match status {
            Ok(Status::StreamEnd) => return Ok(out),
            Ok(_) if out.len() == out.capacity() => out.reserve(out.len().max(1 << 10)),
            Ok(_) if (inflater.total_in(), inflater.total_out()) != before => {}
            _ => return Err("cannot be inflated"),
        }
    }
}

/// An entry of the directory.
struct Entry<'a> {
    flags: u16,
    method: u16,
    size: usize,
    offset: usize,
    name: &'a [u8],
    /// Bytes of the entry itself.
    length: usize,
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let name = short(bytes, 28)?;
        let more = short(bytes, 30)? + short(bytes, 32)?;
        bytes.starts_with(&ENTRY).then_some(())?;
        Some(Self {
            flags: u16::try_from(short(bytes, 8)?).ok()?,
            method: u16::try_from(short(bytes, 10)?).ok()?,
            size: long(bytes, 20)?,
            offset: long(bytes, 42)?,
            name: bytes.get(ENTRY_LENGTH..ENTRY_LENGTH + name)?,
            length: ENTRY_LENGTH + name + more,
        })
    }
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::write::DeflateEncoder;
    use flate2::{Compression, Crc};
    use proptest::prelude::*;

    use super::*;

    /// A zip archive of these files, deflated.
    pub(in super::super) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in files {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(content).unwrap();
            let data = encoder.finish().unwrap();
            let mut crc = Crc::new();
            crc.update(content);
            entry(&mut archive, &mut directory, name, (crc.sum(), content.len()), &data);
        }
        closed(archive, &directory, files.len())
    }

    fn entry(
        archive: &mut Vec<u8>,
        directory: &mut Vec<u8>,
        name: &str,
        (crc, size): (u32, usize),
        data: &[u8],
    ) {
        let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let mut common = vec![0, 0, 8, 0, 0, 0, 0, 0];
        common.extend([crc.to_le_bytes(), number(data.len()), number(size)].concat());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        directory.extend([&ENTRY[..], &[20, 0, 20, 0], &common, &[0; 10], &number(archive.len())].concat());
        directory.extend(name.as_bytes());
        archive.extend([&LOCAL[..], &[20, 0], &common, name.as_bytes(), data].concat());
    }

    fn closed(mut archive: Vec<u8>, directory: &[u8], count: usize) -> Vec<u8> {
        let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
        let start = archive.len();
        archive.extend(directory);
        archive.extend(
            [&END[..], &[0; 4], &count, &count, &number(directory.len()), &number(start), &[0, 0]].concat(),
        );
        archive
    }

    const NAME: &str = "x-1.dist-info/METADATA";

    #[test]
    fn metadata_comes_out_of_eggs_and_wheels() {
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
    fn what_readers_disagree_about_is_an_error() {
        let twice = zip(&[(NAME, b"Name: x"), (NAME, b"Name: y")]);
        assert!(metadata(&twice).unwrap().unwrap_err().contains("twice"));
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        entry(&mut archive, &mut directory, "x-1.dist-info/METADATB", (0, 0), b"\x03\0");
        let at = directory.len() - 1;
        directory[at] = b'A';
        assert!(metadata(&closed(archive, &directory, 1)).unwrap().unwrap_err().contains("otherwise"));
    }

    #[test]
    fn an_archive_cannot_become_larger_than_the_limits() {
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
