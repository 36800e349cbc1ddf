//! The header of a package in rpm's database: numbered entries, and one store for their data.
//!
//! Follows "RPM Package format" (rpm.org/docs/latest/manual/format_header.html), without the magic number that only
//! files have. Numbers are big-endian. If an entry occurs twice, the later one counts, as for rpm: what the
//! installation changed is written after what the package contained.
//!
//! ```text
//! entries 4, bytes of the store 4
//! entry   tag 4, type 4, offset in the store 4, count 4
//! store   texts end with a zero byte; numbers are aligned
//! ```

use std::collections::BTreeMap;

/// The tag of an entry that an inventory needs: `RPMTAG_NAME` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag(pub(super) u32);

impl Tag {
    pub(super) const NAME: Self = Self(1000);
    pub(super) const VERSION: Self = Self(1001);
    pub(super) const RELEASE: Self = Self(1002);
    pub(super) const EPOCH: Self = Self(1003);
    pub(super) const VENDOR: Self = Self(1011);
    pub(super) const LICENSE: Self = Self(1014);
    pub(super) const PACKAGER: Self = Self(1015);
    pub(super) const URL: Self = Self(1020);
    pub(super) const ARCH: Self = Self(1022);
    pub(super) const OLD_FILE_NAMES: Self = Self(1027);
    pub(super) const FILE_STATES: Self = Self(1029);
    pub(super) const FILE_DIGESTS: Self = Self(1035);
    pub(super) const FILE_FLAGS: Self = Self(1037);
    pub(super) const SOURCE_RPM: Self = Self(1044);
    pub(super) const DIRECTORY_INDEXES: Self = Self(1116);
    pub(super) const BASE_NAMES: Self = Self(1117);
    pub(super) const DIRECTORY_NAMES: Self = Self(1118);
    pub(super) const FILE_DIGEST_ALGORITHM: Self = Self(5011);
    pub(super) const MODULARITY_LABEL: Self = Self(5096);

    const WANTED: [Self; 19] = [
        Self::NAME,
        Self::VERSION,
        Self::RELEASE,
        Self::EPOCH,
        Self::VENDOR,
        Self::LICENSE,
        Self::PACKAGER,
        Self::URL,
        Self::ARCH,
        Self::OLD_FILE_NAMES,
        Self::FILE_STATES,
        Self::FILE_DIGESTS,
        Self::FILE_FLAGS,
        Self::SOURCE_RPM,
        Self::DIRECTORY_INDEXES,
        Self::BASE_NAMES,
        Self::DIRECTORY_NAMES,
        Self::FILE_DIGEST_ALGORITHM,
        Self::MODULARITY_LABEL,
    ];
}

const HEAD: usize = 8;
const ENTRY: usize = 16;

const CHAR: u32 = 1;
const INT8: u32 = 2;
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// The entries of a header that are needed.
pub(super) struct Header<'a> {
    entries: BTreeMap<Tag, Entry<'a>>,
}

struct Entry<'a> {
    kind: u32,
    count: usize,
    /// The store from the start of the entry.
    data: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads the index, or says what is wrong with it.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, &'static str> {
        let (head, rest) = blob.split_at_checked(HEAD).ok_or("is shorter than a header")?;
        let (Some(count), Some(bytes)) = (number(head, 0), number(head, 1)) else {
            return Err("is shorter than a header");
        };
        let index = count.checked_mul(ENTRY).and_then(|length| rest.split_at_checked(length));
        let (index, store) = index.ok_or("has fewer entries than it says")?;
        // All three formats store the exact length of a record.
        if store.len() != bytes {
            return Err("is not as long as it says");
        }
        let mut entries = BTreeMap::new();
        for entry in index.chunks_exact(ENTRY) {
            let numbers = [0, 1, 2, 3].map(|at| number(entry, at));
            let [Some(tag), Some(kind), Some(offset), Some(count)] = numbers else { continue };
            let tag = Tag(u32::try_from(tag).unwrap_or_default());
            if !Tag::WANTED.contains(&tag) {
                continue;
            }
            let kind = u32::try_from(kind).unwrap_or_default();
            let data = store.get(offset..).ok_or("has an entry outside its data")?;
            entries.insert(tag, Entry { kind, count, data });
        }
        Ok(Self { entries })
    }

    /// The text of an entry. Of one in several languages, the first, which has no language. `None` if the entry is
    /// missing or is not text.
    pub(super) fn text(&self, tag: Tag) -> Option<&'a str> {
        let entry = self.entries.get(&tag)?;
        let is_text = matches!(entry.kind, STRING | STRING_ARRAY | I18N_STRING) && entry.count > 0;
        let text = is_text.then(|| entry.texts().next())??;
        str::from_utf8(text).ok()
    }

    /// The texts of an entry, as many as the data contain.
    pub(super) fn texts(&self, tag: Tag) -> impl Iterator<Item = &'a [u8]> {
        let entry = self.entries.get(&tag).filter(|entry| entry.kind == STRING_ARRAY);
        entry.into_iter().flat_map(|entry| entry.texts().take(entry.count))
    }

    /// The first number of an entry.
    pub(super) fn number(&self, tag: Tag) -> Option<u32> {
        self.numbers(tag).next()
    }

    /// The numbers of an entry, as many as the data contain.
    pub(super) fn numbers(&self, tag: Tag) -> impl Iterator<Item = u32> {
        let entry = self.entries.get(&tag).filter(|entry| entry.kind == INT32);
        let chunks = entry.into_iter().flat_map(|entry| entry.data.chunks_exact(4).take(entry.count));
        chunks.filter_map(|chunk| chunk.first_chunk().copied().map(u32::from_be_bytes))
    }

    /// The bytes of an entry.
    pub(super) fn bytes(&self, tag: Tag) -> &'a [u8] {
        let entry = self.entries.get(&tag).filter(|entry| matches!(entry.kind, CHAR | INT8));
        entry.map_or(&[], |entry| entry.data.get(..entry.count).unwrap_or(entry.data))
    }

    /// Whether an entry exists.
    pub(super) fn has(&self, tag: Tag) -> bool {
        self.entries.contains_key(&tag)
    }
}

impl<'a> Entry<'a> {
    /// Texts that end with a zero byte, to the end of the store.
    fn texts(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.data;
        std::iter::from_fn(move || {
            let end = memchr::memchr(0, rest)?;
            let text = rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            Some(text)
        })
    }
}

/// The big-endian number at this index.
fn number(row: &[u8], at: usize) -> Option<usize> {
    let bytes = row.get(4 * at..)?.first_chunk().copied()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(entries: &[(u32, u32, u32, u32)], store: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        for number in [u32::try_from(entries.len()).unwrap(), u32::try_from(store.len()).unwrap()] {
            blob.extend(number.to_be_bytes());
        }
        for (tag, kind, offset, count) in entries {
            blob.extend([*tag, *kind, *offset, *count].map(u32::to_be_bytes).concat());
        }
        blob.extend(store);
        blob
    }

    #[test]
    fn the_later_of_two_entries_counts() {
        let blob = header(&[(1000, 6, 0, 1), (1000, 6, 4, 1), (1003, 4, 8, 1)], b"old\0new\0\0\0\0\x07");
        let header = Header::parse(&blob).unwrap();
        assert_eq!(header.text(Tag::NAME), Some("new"));
        assert_eq!(header.number(Tag::EPOCH), Some(7));
        assert_eq!(header.text(Tag::EPOCH), None, "a number is not text");
        assert_eq!(header.text(Tag::VERSION), None);
    }

    #[test]
    fn counts_and_offsets_out_of_range_do_not_leave_the_store() {
        let blob = header(
            &[(1117, 8, 0, u32::MAX), (1116, 4, 4, u32::MAX), (1029, 1, 9, u32::MAX)],
            b"a\0b\0\0\0\0\x01\0\x02",
        );
        let parsed = Header::parse(&blob).unwrap();
        assert_eq!(parsed.texts(Tag::BASE_NAMES).count(), 6);
        assert_eq!(parsed.numbers(Tag::DIRECTORY_INDEXES).collect::<Vec<_>>(), [1]);
        assert_eq!(parsed.bytes(Tag::FILE_STATES), [2]);
        for (blob, expected) in [
            (header(&[(1000, 6, 5, 1)], b"abc\0"), "has an entry outside its data"),
            (vec![0; 7], "is shorter than a header"),
            (vec![0xff; 64], "has fewer entries than it says"),
            ([header(&[], b"a"), vec![0]].concat(), "is not as long as it says"),
        ] {
            assert_eq!(Header::parse(&blob).map(|_| ()), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn never_panics(blob in proptest::collection::vec(any::<u8>(), 0..200), count in 0_u32..4) {
            let mut blob = blob;
            if let Some(head) = blob.get_mut(..4) {
                head.copy_from_slice(&count.to_be_bytes());
            }
            if let Ok(header) = Header::parse(&blob) {
                for tag in Tag::WANTED {
                    let _ = (header.text(tag), header.texts(tag).count(), header.numbers(tag).count(), header.bytes(tag));
                }
            }
        }
    }
}
