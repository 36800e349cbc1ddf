//! Zip archives: the directory at the end, and the content of single entries.
//!
//! Archives are read as Java, Python's `zipimport` and `zipfile` do: by the directory at the end ([APPNOTE.TXT], 4.3.12
//! and 4.3.16), from which offsets are counted back, so data before the archive do not matter. If these readers
//! disagree about which end counts, or if an entry has another name at its place, the archive is not read. Zip64 is not
//! supported either. Several entries may point to the same bytes, so a caller that reads several must bound the total.
//!
//! [APPNOTE.TXT]: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

use std::borrow::Cow;

use flate2::{Decompress, FlushDecompress, Status};

const END: [u8; 4] = *b"PK\x05\x06";
const END_LENGTH: usize = 22;
/// An archive may end with a comment.
const MAX_COMMENT: usize = u16::MAX as usize;
/// The record before the end, which contains the numbers of a zip64 archive.
const LOCATOR: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_LENGTH: usize = 20;
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// An archive in memory.
pub(crate) struct Zip<'a> {
    archive: &'a [u8],
    entries: &'a [u8],
    /// Bytes before the archive.
    before: usize,
}

impl<'a> Zip<'a> {
    /// The archive in these bytes, or why it cannot be read. None for what is not an archive: it neither begins nor ends like one.
    pub(crate) fn open(archive: &'a [u8]) -> Option<Result<Self, String>> {
        match end(archive) {
            Some(end) => Some(end.and_then(|end| Self::new(archive, end))),
            None => archive.starts_with(&LOCAL).then(|| Err("ends before its directory".to_owned())),
        }
    }

    fn new(archive: &'a [u8], end: usize) -> Result<Self, String> {
        let record = archive.get(end..).unwrap_or_default();
        let (size, offset) = (long(record, 12), long(record, 16));
        let (Some(size), Some(offset)) = (size, offset) else { return Err("ends too early".to_owned()) };
        let locator = end.checked_sub(LOCATOR_LENGTH).and_then(|at| archive.get(at..end));
        let is_zip64 = locator.is_some_and(|locator| locator.starts_with(&LOCATOR))
            || [size, offset].into_iter().any(|it| u32::try_from(it) == Ok(u32::MAX));
        if is_zip64 {
            return Err("is a zip64 archive, which is not read".to_owned());
        }
        let start = end.checked_sub(size).ok_or("has a directory that is larger than the archive")?;
        let before = start.checked_sub(offset).ok_or("has a directory that starts before the archive")?;
        let entries = archive.get(start..end).unwrap_or_default();
        Ok(Self { archive, entries, before })
    }

    /// The entries of the directory, up to where it is broken.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, String>> + use<'a> {
        let mut left = self.entries;
        std::iter::from_fn(move || {
            if left.is_empty() {
                return None;
            }
            let entry = Entry::read(left);
            left = entry.as_ref().and_then(|entry| left.get(entry.length..)).unwrap_or_default();
            Some(entry.ok_or_else(|| "has a broken directory".to_owned()))
        })
    }

    /// The content of an entry, if that is at most `max` bytes.
    pub(crate) fn content(&self, entry: &Entry<'_>, max: usize) -> Result<Cow<'a, [u8]>, &'static str> {
        let broken = "is outside the archive";
        let start = self.before.checked_add(entry.offset).ok_or(broken)?;
        let local = self.archive.get(start..).ok_or(broken)?;
        let lengths = (short(local, 26), short(local, 28));
        let (Some(name), Some(extra)) = lengths else { return Err(broken) };
        let names = (local.get(LOCAL_LENGTH..LOCAL_LENGTH + name), local.starts_with(&LOCAL));
        if names != (Some(entry.name), true) {
            return Err("has another name at its place");
        }
        let data = local.get(LOCAL_LENGTH + name + extra..).and_then(|data| data.get(..entry.size));
        let data = data.ok_or(broken)?;
        match (entry.flags & 1, entry.method) {
            (1, _) => Err("is encrypted"),
            (_, STORED) if data.len() <= max => Ok(Cow::Borrowed(data)),
            (_, DEFLATED) => inflate(data, max).map(Cow::Owned),
            (_, STORED) => Err(TOO_LARGE),
            _ => Err("is compressed in a way that is not read"),
        }
    }
}

const TOO_LARGE: &str = "is too large";

/// The offset of the record at the end. All readers search for the last one. Java ignores one whose comment does not
/// reach the end of the file, Python does not. If that makes a difference, or if several reach the end, it is undecided
/// which one counts. Earlier records belong to archives inside.
fn end(archive: &[u8]) -> Option<Result<usize, String>> {
    let first = archive.len().checked_sub(END_LENGTH)?;
    let last = first.saturating_sub(MAX_COMMENT);
    let window = archive.get(last..)?;
    let ends: Vec<usize> =
        memchr::memmem::find_iter(window, &END).map(|at| last + at).filter(|at| *at <= first).collect();
    let reaches = |at: &usize| {
        let comment = archive.get(*at..).and_then(|record| short(record, 20));
        comment.is_some_and(|comment| at + END_LENGTH + comment == archive.len())
    };
    let own = *ends.last()?;
    let is_sure = match ends.iter().filter(|at| reaches(at)).count() {
        0 => ends.len() == 1,
        1 => reaches(&own),
        _ => false,
    };
    Some(if is_sure { Ok(own) } else { Err("has several ends, and readers use different ones".to_owned()) })
}

fn inflate(data: &[u8], max: usize) -> Result<Vec<u8>, &'static str> {
    let mut inflater = Decompress::new(false);
    let mut out =
        Vec::with_capacity(data.len().saturating_mul(3).clamp(1 << 10, max.saturating_add(1).max(1 << 10)));
    loop {
        let read = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let rest = data.get(read..).unwrap_or_default();
        let before = (inflater.total_in(), inflater.total_out());
        let status = inflater.decompress_vec(rest, &mut out, FlushDecompress::None);
        if out.len() > max {
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
pub(crate) struct Entry<'a> {
    flags: u16,
    method: u16,
    size: usize,
    offset: usize,
    /// Its name as stored.
    pub(crate) name: &'a [u8],
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
pub(crate) mod tests {
    use std::io::Write as _;

    use flate2::write::DeflateEncoder;
    use flate2::{Compression, Crc};

    use super::*;

    /// A zip archive of these files, deflated.
    pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
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

    pub(crate) fn entry(
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

    pub(crate) fn closed(mut archive: Vec<u8>, directory: &[u8], count: usize) -> Vec<u8> {
        let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
        let start = archive.len();
        archive.extend(directory);
        archive.extend(
            [&END[..], &[0; 4], &count, &count, &number(directory.len()), &number(start), &[0, 0]].concat(),
        );
        archive
    }

    fn names(archive: &[u8]) -> Result<Vec<String>, String> {
        let zip = Zip::open(archive).expect("it has an end")?;
        zip.entries().map(|entry| Ok(String::from_utf8_lossy(entry?.name).into_owned())).collect()
    }

    /// The archive with a comment, whose stated length is `length`.
    fn commented(archive: &[u8], comment: &[u8], length: usize) -> Vec<u8> {
        let mut archive = archive.to_vec();
        let at = archive.len() - 2;
        archive[at..].copy_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        archive.extend(comment);
        archive
    }

    /// Java reads the record before the comment, Python the one in it.
    #[test]
    fn an_end_inside_the_comment_is_refused() {
        let archive = zip(&[("real", b"1")]);
        let decoy = zip(&[]);
        for comment in [decoy.clone(), [&decoy[..], b"more"].concat(), zip(&[("decoy", b"2")])] {
            let both = commented(&archive, &comment, comment.len());
            assert!(names(&both).unwrap_err().contains("several ends"));
        }
        assert_eq!(names(&commented(&archive, b"a comment", 9)).unwrap(), ["real"]);
        assert_eq!(names(&commented(&archive, b"padding", 0)).unwrap(), ["real"]);
    }

    #[test]
    fn the_end_of_a_stored_archive_inside_does_not_count() {
        let inner = zip(&[("inner", b"1")]);
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        entry(&mut archive, &mut directory, "in.jar", (0, inner.len()), &inner);
        let archive = closed(archive, &directory, 1);
        assert_eq!(names(&archive).unwrap(), ["in.jar"]);
        assert!(names(&commented(&archive, b"padding", 0)).unwrap_err().contains("several ends"));
    }

    #[test]
    fn an_entry_goes_on_after_what_else_the_directory_says_of_it() {
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        for name in ["first", "second"] {
            let at = directory.len();
            entry(&mut archive, &mut directory, name, (0, 0), b"");
            directory[at + 30..at + 34].copy_from_slice(&[4, 0, 3, 0]);
            directory.extend(b"moresay");
        }
        assert_eq!(names(&closed(archive, &directory, 2)).unwrap(), ["first", "second"]);
    }

    #[test]
    fn records_of_zip64_are_reported_as_such() {
        let mut archive = zip(&[("a", b"1")]);
        let at = archive.len() - END_LENGTH;
        archive.splice(at..at, [&LOCATOR[..], &[0; LOCATOR_LENGTH - 4]].concat());
        assert!(names(&archive).unwrap_err().contains("zip64"));
    }
}
