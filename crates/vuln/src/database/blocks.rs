//! Blocks: the pieces of a database file that are read, verified and kept as a whole.
//!
//! A *directory* has, for each block, where it is and the SHA-256 of its bytes as they are stored. The header has the digest of
//! each directory, the list of files that of the header, and the signature that of the list: a hash tree, in which every byte that
//! is used was compared with what was signed, when it was read and not before. What is changed in a file that is open is noticed
//! like what was changed before.
//!
//! ```text
//! directory  count · count × (name · stored length · plain length · SHA-256 of the stored bytes (32))
//! ```
//!
//! The name is the first one in a block of packages, and empty in a block of texts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::wire::{Reader, put_number, put_text};

/// Bytes of a digest.
const DIGEST: usize = 32;
/// Blocks that were read a second time are kept up to this many bytes for each part of a file. One scan of one inventory goes
/// through each block once, and keeps none; thousands of them go through the same blocks again and again.
const MAX_KEPT: usize = 32 * 1024 * 1024;

/// Where a block is, and what it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockPlace {
    /// Its number.
    pub(super) number: usize,
    /// Where it starts, from the first block on.
    pub(super) offset: u64,
    /// Its length in the file.
    pub(super) stored: u32,
    /// Its length when it is inflated.
    pub(super) plain: u32,
    /// The SHA-256 of the stored bytes.
    pub(super) digest: [u8; DIGEST],
    /// Where its name ends among all names.
    name_end: usize,
}

/// The directory of one part of a file.
#[derive(Debug, Default)]
pub(super) struct Directory {
    names: Vec<u8>,
    blocks: Vec<BlockPlace>,
    /// Bytes of all blocks when they are inflated.
    plain: u64,
}

impl Directory {
    /// Reads a directory whose digest was verified, of blocks that are `length` bytes together.
    pub(super) fn decode(bytes: &[u8], length: u64) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut directory = Self::default();
        let mut offset = 0_u64;
        for _ in 0..reader.number()? {
            directory.names.extend_from_slice(reader.text()?.as_bytes());
            let stored = u32::try_from(reader.number()?).ok()?;
            let plain = u32::try_from(reader.number()?).ok()?;
            let digest = reader.bytes(DIGEST)?.try_into().ok()?;
            let (number, name_end) = (directory.blocks.len(), directory.names.len());
            directory.blocks.push(BlockPlace { number, offset, stored, plain, digest, name_end });
            offset = offset.checked_add(stored.into())?;
            directory.plain = directory.plain.checked_add(plain.into())?;
        }
        (reader.is_at_end() && offset == length).then_some(directory)
    }

    /// Bytes of all blocks when they are inflated.
    pub(super) fn plain(&self) -> u64 {
        self.plain
    }

    pub(super) fn get(&self, number: usize) -> Option<&BlockPlace> {
        self.blocks.get(number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &BlockPlace> {
        self.blocks.iter()
    }

    /// The name of a block.
    pub(super) fn name(&self, number: usize) -> Option<&[u8]> {
        let before = match number.checked_sub(1) {
            None => 0,
            Some(before) => self.blocks.get(before)?.name_end,
        };
        self.names.get(before..self.blocks.get(number)?.name_end)
    }

    /// The block that has the name, if one has. `near` is where the last one was: inventories are mostly sorted as the file is.
    pub(super) fn block_of(&self, name: &[u8], near: Option<usize>) -> Option<&BlockPlace> {
        let starts_after = |number: usize| self.name(number).is_none_or(|first| first > name);
        if let Some(near) = near.filter(|near| !starts_after(*near) && starts_after(near.saturating_add(1))) {
            return self.blocks.get(near);
        }
        let (mut low, mut high) = (0, self.blocks.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if starts_after(middle) { high = middle } else { low = middle + 1 }
        }
        self.blocks.get(low.checked_sub(1)?)
    }
}

/// Collects a directory.
#[derive(Debug, Default)]
pub(super) struct DirectoryWriter {
    count: u64,
    entries: Vec<u8>,
}

impl DirectoryWriter {
    pub(super) fn push(&mut self, name: &str, stored: &[u8], plain: usize) {
        self.count += 1;
        put_text(&mut self.entries, name);
        put_number(&mut self.entries, stored.len() as u64);
        put_number(&mut self.entries, plain as u64);
        self.entries.extend_from_slice(plimsoll_core::Digest::sha256(stored).as_bytes());
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() + 10);
        put_number(&mut out, self.count);
        out.extend_from_slice(&self.entries);
        out
    }
}

/// The last block, and those that were read more than once.
#[derive(Debug)]
pub(super) struct Recent<B> {
    last: Option<(usize, Arc<B>)>,
    read: HashSet<usize>,
    kept: HashMap<usize, Arc<B>>,
    kept_bytes: usize,
}

impl<B> Default for Recent<B> {
    fn default() -> Self {
        Self { last: None, read: HashSet::new(), kept: HashMap::new(), kept_bytes: 0 }
    }
}

impl<B> Recent<B> {
    pub(super) fn last(&self) -> Option<usize> {
        self.last.as_ref().map(|(number, _)| *number)
    }

    pub(super) fn get(&mut self, number: usize) -> Option<Arc<B>> {
        if let Some((_, block)) = self.last.as_ref().filter(|(last, _)| *last == number) {
            return Some(Arc::clone(block));
        }
        let block = Arc::clone(self.kept.get(&number)?);
        self.last = Some((number, Arc::clone(&block)));
        Some(block)
    }

    /// Takes a verified block of so many bytes.
    pub(super) fn put(&mut self, number: usize, block: &Arc<B>, bytes: usize) {
        self.last = Some((number, Arc::clone(block)));
        let is_first = self.read.insert(number);
        if !is_first && self.kept_bytes.saturating_add(bytes) <= MAX_KEPT {
            self.kept_bytes += bytes;
            self.kept.insert(number, Arc::clone(block));
        }
    }
}

/// Names and records of packages: sorted, and each name without what it shares with the one before.
///
/// ```text
/// block      (length of the shared part · the rest of the name · length of the record · record) …
/// ```
#[derive(Debug)]
pub(super) struct PackageBlock {
    bytes: Vec<u8>,
    names: Vec<u8>,
    records: Vec<PackageRecord>,
}

/// Where a name ends, and where its record is.
#[derive(Debug, Clone, Copy)]
struct PackageRecord {
    name_end: u32,
    start: u32,
    end: u32,
}

impl PackageBlock {
    /// Bytes after which a block ends. Half of it is read for nothing on average when a single package is looked up, and the
    /// directory has some fifty bytes for each block.
    pub(super) const BYTES: usize = 8 * 1024;
    /// The longest name. Longer ones than 4 KiB would let prefixes that are shared make much memory of few bytes.
    pub(super) const MAX_NAME: usize = 4 * 1024;
    /// Bytes of all names of a block. A block ends when names and records reach [`Self::BYTES`].
    const MAX_NAMES: usize = Self::BYTES + Self::MAX_NAME;

    /// Reads a block; `None` if it does not decode.
    pub(super) fn decode(bytes: Vec<u8>) -> Option<Self> {
        let (mut names, mut records) = (Vec::new(), Vec::new());
        let (mut reader, mut before) = (Reader::new(&bytes), 0_usize);
        let position = |reader: &Reader<'_>| u32::try_from(bytes.len().checked_sub(reader.left())?).ok();
        while !reader.is_at_end() {
            let shared = usize::try_from(reader.number()?).ok()?;
            let rest = reader.text()?;
            let name = names.len();
            let end = before.checked_add(shared).filter(|end| *end <= name)?;
            names.extend_from_within(before..end);
            names.extend_from_slice(rest.as_bytes());
            if names.len() > Self::MAX_NAMES {
                return None;
            }
            let length = usize::try_from(reader.number()?).ok()?;
            let start = position(&reader)?;
            reader.bytes(length)?;
            let name_end = u32::try_from(names.len()).ok()?;
            records.push(PackageRecord { name_end, start, end: position(&reader)? });
            before = name;
        }
        Some(Self { bytes, names, records })
    }

    /// What it takes in memory.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.names.len() + self.records.len() * size_of::<PackageRecord>()
    }

    /// How many packages there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The name with this number.
    pub(super) fn name(&self, number: usize) -> Option<&[u8]> {
        let before = match number.checked_sub(1) {
            None => 0,
            Some(before) => self.records.get(before)?.name_end,
        };
        self.names
            .get(usize::try_from(before).ok()?..usize::try_from(self.records.get(number)?.name_end).ok()?)
    }

    /// The record with this number.
    pub(super) fn record(&self, number: usize) -> Option<&[u8]> {
        let PackageRecord { start, end, .. } = self.records.get(number)?;
        self.bytes.get(usize::try_from(*start).ok()?..usize::try_from(*end).ok()?)
    }

    /// The number of the package with this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.records.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.name(middle)?.cmp(name) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Writes blocks of packages.
#[derive(Debug, Default)]
pub(super) struct PackageBlocks {
    pub(super) directory: DirectoryWriter,
    pub(super) bytes: Vec<u8>,
    block: Vec<u8>,
    /// The first name of the block.
    first: String,
    /// The name before.
    last: String,
    /// Names and records of the block, with what is shared.
    size: usize,
}

impl PackageBlocks {
    /// Adds a package. Names come sorted, and each once.
    pub(super) fn push(&mut self, name: &str, record: &[u8]) {
        if self.size >= PackageBlock::BYTES {
            self.end_block();
        }
        if self.block.is_empty() {
            name.clone_into(&mut self.first);
            self.last.clear();
        }
        let shared = name.char_indices().zip(self.last.chars()).find(|((_, a), b)| a != b);
        let shared = shared.map_or(name.len().min(self.last.len()), |((at, _), _)| at);
        put_number(&mut self.block, shared as u64);
        put_text(&mut self.block, name.get(shared..).unwrap_or_default());
        put_number(&mut self.block, record.len() as u64);
        self.block.extend_from_slice(record);
        self.size += name.len() + record.len();
        name.clone_into(&mut self.last);
    }

    fn end_block(&mut self) {
        self.directory.push(&self.first, &self.block, self.block.len());
        self.bytes.append(&mut self.block);
        self.size = 0;
    }

    pub(super) fn finish(mut self) -> (DirectoryWriter, Vec<u8>) {
        if !self.block.is_empty() {
            self.end_block();
        }
        (self.directory, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        let mut names: Vec<_> =
            (0..2_000).map(|i| format!("{}name/{i:04}", ["", "größe-", "x"][i % 3])).collect();
        names.sort();
        names
    }

    #[test]
    fn names_are_found_and_others_are_not_wherever_the_last_search_ended() {
        let mut writer = PackageBlocks::default();
        let names = names();
        for name in &names {
            writer.push(name, format!("record of {name}").as_bytes());
        }
        let (directory, bytes) = writer.finish();
        assert!(directory.count() > 5);
        let directory = Directory::decode(&directory.encode(), bytes.len() as u64).unwrap();
        let find = |name: &str, near| {
            let place = directory.block_of(name.as_bytes(), near)?;
            let start = usize::try_from(place.offset).unwrap();
            let block = PackageBlock::decode(bytes[start..][..place.stored as usize].to_vec()).unwrap();
            let record = block.record(block.find(name.as_bytes())?)?.to_vec();
            Some((place.number, String::from_utf8(record).unwrap()))
        };
        let mut near = None;
        for name in names.iter().chain(names.iter().rev().step_by(7)).chain(names.iter().step_by(311)) {
            let (number, record) = find(name, near).unwrap();
            assert_eq!(record, format!("record of {name}"));
            near = Some(number);
        }
        for other in ["", "name", "name/0000x", "größe", "zzz", "x"] {
            for near in [None, Some(0), Some(3), Some(directory.blocks.len()), Some(usize::MAX)] {
                assert_eq!(find(other, near), None, "{other} {near:?}");
            }
        }
        assert!(bytes.len() < names.iter().map(|name| 2 * name.len() + 12).sum(), "nothing is shared");
    }

    #[test]
    fn directories_and_blocks_that_do_not_fit_do_not_decode() {
        let mut writer = DirectoryWriter::default();
        writer.push("a", b"bytes", 5);
        let good = writer.encode();
        assert!(Directory::decode(&good, 5).is_some());
        assert!(Directory::decode(&good, 6).is_none(), "another length than that of its blocks");
        assert!(Directory::decode(&good[..good.len() - 1], 5).is_none());
        assert!(Directory::decode(&[&good[..], &[0]].concat(), 5).is_none());
        let mut many = Vec::new();
        put_number(&mut many, u64::MAX);
        assert!(Directory::decode(&many, 0).is_none());

        for bad in [&[1, 0, 0][..], &[0, 1], &[0, 1, b'a', 9], &[0, 1, b'a', 0, 2, 0, 0], &[0xff; 11]] {
            assert!(PackageBlock::decode(bad.to_vec()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_block_whose_names_share_much_does_not_grow_without_bound() {
        let mut block = vec![0];
        put_text(&mut block, &"n".repeat(PackageBlock::MAX_NAME));
        put_number(&mut block, 0);
        for _ in 0..10_000 {
            put_number(&mut block, PackageBlock::MAX_NAME as u64);
            block.extend_from_slice(&[0, 0]);
        }
        assert!(PackageBlock::decode(block).is_none());
    }

    #[test]
    fn only_what_is_read_again_is_kept() {
        let mut recent = Recent::default();
        let block = Arc::new(());
        for number in [1, 2, 1] {
            assert!(recent.get(number).is_none(), "{number}");
            recent.put(number, &block, 10);
        }
        recent.put(3, &block, 10);
        assert_eq!((recent.get(1).is_some(), recent.get(2).is_some(), recent.kept_bytes), (true, false, 10));
        recent.put(3, &block, MAX_KEPT);
        recent.put(2, &block, 10);
        assert!(recent.get(3).is_none(), "too large to keep");
    }
}
