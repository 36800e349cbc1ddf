//! Reading a bbolt database: the file with containerd's image names.
//!
//! Follows the file format of etcd's bbolt, version 2: pages of one size, two of them meta pages of which the newer
//! valid one counts, a B+ tree of branch and leaf pages below it, buckets as trees of their own or inline in a leaf.
//! Only what is needed to find keys is read; the list of free pages is not.
//!
//! The database's owner may write while it is read. Pages that a meta page leads to are not touched before the
//! transaction after the next one, so a copy of the file is consistent if the same meta page is the newest before and
//! after; otherwise it is copied again. Against hostile bytes, no page is visited twice for one bucket, trees have a
//! bounded depth, and the elements read are counted.
//!
//! ```text
//! page   id u64, flags u16, count u16, overflow u32, then `count` elements and their keys and values; little-endian
//! meta   magic 0xED0CDAED, version, page size, flags, root u64, sequence, free list, pages, transaction, FNV-1a of these
//! leaf   flags u32 (1: a bucket), position u32, key size u32, value size u32        branch   position, key size, page u64
//! bucket root page u64 (0: the page follows inline), sequence u64
//! ```

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use plimsoll_core::LimitExceeded;

use crate::Error;
use crate::local::{denied, open};

/// Bytes of the file. A node with a thousand images has about 10 MiB.
const FILE: u64 = 64 * 1024 * 1024;
/// Elements read for all look-ups in one copy.
const ELEMENTS: u64 = 10_000_000;
/// Levels of one tree. With two keys per page, 64 MiB would have 14.
const DEPTH: usize = 32;
/// How often copying is tried while another process writes.
const COPIES: usize = 5;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_HEADER: usize = 16;
const META: usize = 64;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const IS_BUCKET: u32 = 1;

/// A copy of the database.
pub(super) struct Bolt {
    bytes: Vec<u8>,
    meta: Meta,
    what: String,
    looked_at: Cell<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meta {
    page_size: usize,
    root: u64,
    transaction: u64,
}

/// A bucket of the copy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bucket<'a> {
    /// The root page of its tree.
    Tree(u64),
    /// Its only page.
    Inline(&'a [u8]),
}

/// What a key leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Bucket(Bucket<'a>),
}

impl Bolt {
    /// Copies the database at `path`.
    pub(super) fn open(path: &Path, store: &str) -> Result<Self, Error> {
        let what = path.display().to_string();
        let file = open(path, store)?;
        let failed = |source| denied(path, store, source);
        for _ in 0..COPIES {
            let length = file.metadata().map_err(failed)?.len();
            if length > FILE {
                return Err(LimitExceeded::fixed("bytes of a database", FILE, what).into());
            }
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            // Meta pages come first, so that the pages that they refer to are copied after them.
            let Ok(()) = file.read_exact_at(&mut bytes, 0) else { continue };
            let Some(meta) = newest(&bytes) else {
                return Err(Error::malformed(what, "it is not a bbolt database: it has no valid meta page"));
            };
            if meta_now(&file, meta.page_size) == Some(meta) {
                return Ok(Self { bytes, meta, what, looked_at: Cell::new(0) });
            }
        }
        let problem = "another process keeps writing to it";
        Err(Error::io(what, std::io::Error::new(std::io::ErrorKind::Interrupted, problem)))
    }

    #[cfg(test)]
    fn parse(bytes: Vec<u8>) -> Option<Self> {
        let meta = newest(&bytes)?;
        Some(Self { bytes, meta, what: "meta.db".to_owned(), looked_at: Cell::new(0) })
    }

    /// The bucket that contains all others.
    pub(super) fn root(&self) -> Bucket<'_> {
        Bucket::Tree(self.meta.root)
    }

    /// The value of `key`, if it is not a bucket.
    pub(super) fn get<'a>(&'a self, bucket: Bucket<'a>, key: &[u8]) -> Result<Option<&'a [u8]>, Error> {
        let found = self.entries(bucket)?.into_iter().find(|(name, _)| *name == key);
        Ok(found.and_then(|(_, value)| match value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Bucket(_) => None,
        }))
    }

    /// The bucket `key`.
    pub(super) fn bucket<'a>(&'a self, bucket: Bucket<'a>, key: &[u8]) -> Result<Option<Bucket<'a>>, Error> {
        let found = self.entries(bucket)?.into_iter().find(|(name, _)| *name == key);
        Ok(found.and_then(|(_, value)| match value {
            Value::Bucket(bucket) => Some(bucket),
            Value::Bytes(_) => None,
        }))
    }

    /// All keys of a bucket in their order.
    pub(super) fn entries<'a>(&'a self, bucket: Bucket<'a>) -> Result<Vec<(&'a [u8], Value<'a>)>, Error> {
        let mut entries = Vec::new();
        let root = match bucket {
            Bucket::Inline(page) => {
                self.leaf(page, &mut entries)?;
                return Ok(entries);
            }
            Bucket::Tree(root) => root,
        };
        let mut visited = HashSet::new();
        let mut left = vec![(root, 0)];
        while let Some((id, depth)) = left.pop() {
            if depth >= DEPTH {
                return Err(self.broken(format!("its tree has more than {DEPTH} levels")));
            }
            if !visited.insert(id) {
                return Err(self.broken(format!("page {id} is twice in a tree")));
            }
            let page = self.page(id)?;
            match number(page, 8, 2) {
                Some(flags) if flags == u64::from(LEAF) => self.leaf(page, &mut entries)?,
                Some(flags) if flags == u64::from(BRANCH) => {
                    let children = self.children(page)?;
                    left.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
                }
                _ => return Err(self.broken(format!("page {id} is neither branch nor leaf"))),
            }
        }
        Ok(entries)
    }

    /// A page with those that continue it.
    fn page(&self, id: u64) -> Result<&[u8], Error> {
        let size = self.meta.page_size;
        let cut = || self.broken(format!("page {id} is outside of the file"));
        let start = usize::try_from(id).ok().and_then(|id| id.checked_mul(size)).ok_or_else(cut)?;
        let rest = self.bytes.get(start..).ok_or_else(cut)?;
        if number(rest, 0, 8) != Some(id) {
            return Err(self.broken(format!("page {id} has another number")));
        }
        let overflow = number(rest, 12, 4).and_then(|pages| usize::try_from(pages).ok()).ok_or_else(cut)?;
        let length = overflow.checked_add(1).and_then(|pages| pages.checked_mul(size)).ok_or_else(cut)?;
        rest.get(..length).ok_or_else(cut)
    }

    /// `count` elements of 16 bytes each: their offsets in the page.
    fn elements(&self, page: &[u8]) -> Result<impl Iterator<Item = usize> + use<>, Error> {
        let count = number(page, 10, 2).ok_or_else(|| self.broken("a page is cut off".to_owned()))?;
        let so_far = self.looked_at.get() + count;
        if so_far > ELEMENTS {
            return Err(LimitExceeded::fixed("elements of a database", ELEMENTS, self.what.as_str()).into());
        }
        self.looked_at.set(so_far);
        let count = usize::try_from(count).unwrap_or_default();
        Ok((0..count).map(|at| PAGE_HEADER + at * 16))
    }

    fn children(&self, page: &[u8]) -> Result<Vec<u64>, Error> {
        let child = |at: usize| {
            number(page, at + 8, 8).ok_or_else(|| self.broken("a branch page is cut off".to_owned()))
        };
        self.elements(page)?.map(child).collect()
    }

    fn leaf<'a>(&self, page: &'a [u8], entries: &mut Vec<(&'a [u8], Value<'a>)>) -> Result<(), Error> {
        let cut = || self.broken("an element extends beyond its page".to_owned());
        for at in self.elements(page)? {
            let field = |offset: usize| {
                number(page, at + offset, 4).and_then(|n| usize::try_from(n).ok()).ok_or_else(cut)
            };
            let (flags, position, key_size, value_size) = (field(0)?, field(4)?, field(8)?, field(12)?);
            let begin = at.checked_add(position).ok_or_else(cut)?;
            let middle = begin.checked_add(key_size).ok_or_else(cut)?;
            let end = middle.checked_add(value_size).ok_or_else(cut)?;
            let key = page.get(begin..middle).ok_or_else(cut)?;
            let value = page.get(middle..end).ok_or_else(cut)?;
            let value = if flags as u64 & u64::from(IS_BUCKET) == 0 {
                Value::Bytes(value)
            } else {
                match number(value, 0, 8).ok_or_else(cut)? {
                    0 => Value::Bucket(Bucket::Inline(value.get(16..).ok_or_else(cut)?)),
                    root => Value::Bucket(Bucket::Tree(root)),
                }
            };
            entries.push((key, value));
        }
        Ok(())
    }

    fn broken(&self, problem: String) -> Error {
        Error::malformed(self.what.as_str(), problem)
    }
}

/// The newest valid meta page.
fn newest(bytes: &[u8]) -> Option<Meta> {
    let first = meta(bytes);
    let second = match first {
        Some(first) => bytes.get(first.page_size..).and_then(meta),
        // The first one is damaged, so the size of a page is unknown: every power of two is tried.
        None => (9..=16).find_map(|power| {
            let found = bytes.get(1_usize << power..).and_then(meta)?;
            (found.page_size == 1 << power).then_some(found)
        }),
    };
    [first, second].into_iter().flatten().max_by_key(|meta| meta.transaction)
}

fn meta(page: &[u8]) -> Option<Meta> {
    let body = page.get(PAGE_HEADER..PAGE_HEADER + META)?;
    let (checked, sum) = body.split_at_checked(META - 8)?;
    let page_size = usize::try_from(number(body, 8, 4)?).ok()?;
    let holds = number(body, 0, 4)? == u64::from(MAGIC)
        && number(body, 4, 4)? == u64::from(VERSION)
        && page_size.is_power_of_two()
        && (512..=65_536).contains(&page_size)
        && number(sum, 0, 8)? == fnv_1a(checked);
    holds.then_some(Meta { page_size, root: number(body, 16, 8)?, transaction: number(body, 48, 8)? })
}

/// The newest meta page of the file as it is now. A file that ends before the second one has only the first.
fn meta_now(file: &File, page_size: usize) -> Option<Meta> {
    let length = usize::try_from(file.metadata().ok()?.len()).unwrap_or(usize::MAX);
    let mut pages = vec![0; length.min(page_size + PAGE_HEADER + META)];
    file.read_exact_at(&mut pages, 0).ok()?;
    newest(&pages)
}

/// A little-endian number of `size` bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
