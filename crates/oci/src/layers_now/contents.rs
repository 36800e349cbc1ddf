//! What is kept of one layer.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::rootfs::{Select, Want};
use plimsoll_core::{LimitExceeded, Limits};

use super::{Paths, ancestors};
use crate::Error;
use crate::error::{TarProblem, shown};
use crate::tar::{Entry, Kind, Reader, Stream, clean_link};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Bookkeeping of a file system that wrote layers long ago; runtimes skip it.
const AUFS: &[u8] = b".wh..wh.";

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// What the cataloger selects.
    Selected(&'a dyn Select),
    /// These paths, and the links on the way to them.
    Exactly(&'a Paths),
}

impl Wanted<'_> {
    /// How many bytes of a file at `path` are wanted.
    fn file(&self, path: &str, size: u64, limits: &Limits) -> Option<u64> {
        match self {
            Self::Selected(select) => match select.want(path, size) {
                Want::Keep { limit } => Some(limit.min(limits.kept_file_bytes)),
                Want::Skip => None,
            },
            Self::Exactly(paths) => paths.contains(path).then_some(limits.kept_file_bytes),
        }
    }

    /// Whether a link at `path` matters: as a wanted file, or as a step on the way to one.
    fn link(&self, path: &str) -> bool {
        let on_the_way =
            |wanted: &str| wanted.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match self {
            Self::Selected(select) => {
                select.fixed_paths().iter().any(|fixed| on_the_way(fixed))
                    || matches!(select.want(path, 0), Want::Keep { .. })
            }
            Self::Exactly(paths) => paths.iter().any(|wanted| on_the_way(wanted)),
        }
    }
}

/// The key of a run's path hashes, random so that nobody can prepare a layer whose paths collide.
pub(super) struct Keys(RandomState);

impl Keys {
    pub(super) fn random() -> Self {
        Self(RandomState::new())
    }

    /// The hash of a path; the lowest bit is left for what the entry is.
    fn of(&self, path: &[u8]) -> u64 {
        self.0.hash_one(path) & !1
    }
}

/// What a layer has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A wanted file.
    File(Vec<u8>),
    /// A wanted file that is larger than wanted.
    Oversized(u64),
    /// A link, and where it leads: for a symbolic link as written, for a hard link the path.
    Symlink(String),
    Hardlink(String),
}

/// One layer, reduced to what squashing needs.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What was wanted from the start.
    pub(super) nodes: BTreeMap<String, Node>,
    /// What links made wanted, read by further passes.
    reread: BTreeMap<String, Node>,
    /// Paths removed from the layers below.
    whiteouts: Vec<u64>,
    /// Directories whose content below is hidden.
    opaque: Vec<u64>,
    /// Every entry by the hash of its path; the lowest bit says that it is a directory.
    entries: Vec<u64>,
}

impl Contents {
    /// What is known to be at `path`.
    pub(super) fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path).or_else(|| self.reread.get(path))
    }

    /// Whether this layer hides what the layers below have at `path`.
    pub(super) fn hides(&self, path: &str, keys: &Keys) -> bool {
        let own = keys.of(path.as_bytes());
        if has(&self.whiteouts, own) || has(&self.entries, own) || has(&self.entries, own | 1) {
            return true;
        }
        // The root directory itself can be opaque.
        ancestors(path).chain([""]).any(|above| {
            let hash = keys.of(above.as_bytes());
            has(&self.whiteouts, hash) || has(&self.opaque, hash) || has(&self.entries, hash)
        })
    }

    /// Whether there is something other than a directory at `path`.
    pub(super) fn has_file(&self, path: &str, keys: &Keys) -> bool {
        has(&self.entries, keys.of(path.as_bytes()))
    }

    /// Adds what a targeted pass found.
    pub(super) fn add(&mut self, found: Self) {
        self.reread.extend(found.nodes);
    }

    fn finish(mut self) -> Self {
        for list in [&mut self.whiteouts, &mut self.opaque, &mut self.entries] {
            list.sort_unstable();
            list.dedup();
            list.shrink_to_fit();
        }
        self
    }
}

fn has(sorted: &[u64], hash: u64) -> bool {
    sorted.binary_search(&hash).is_ok()
}

/// Reads a layer's tar into [`Contents`].
pub(super) struct Collector<'a> {
    wanted: &'a Wanted<'a>,
    keys: &'a Keys,
    limits: &'a Limits,
    kept: &'a AtomicU64,
    contents: Contents,
}

impl<'a> Collector<'a> {
    pub(super) fn new(wanted: &'a Wanted<'a>, keys: &'a Keys, limits: &'a Limits, kept: &'a AtomicU64) -> Self {
        Self { wanted, keys, limits, kept, contents: Contents::default() }
    }

    pub(super) fn read<S: Stream>(mut self, mut tar: Reader<S>) -> Result<Contents, Error> {
        while tar.advance()? {
            if let Some(found) = self.entry(tar.entry())? {
                let content = tar.content()?;
                self.contents.nodes.insert(found, Node::File(content));
            }
        }
        tar.finish()?;
        Ok(self.contents.finish())
    }

    /// Notes an entry; gives its path when its content is wanted.
    fn entry(&mut self, entry: &Entry) -> Result<Option<String>, Error> {
        let name = entry.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if let Some(removed) = name.strip_prefix(WHITEOUT) {
            return self.whiteout(entry, name, removed).map(|()| None);
        }
        let is_directory = entry.kind == Kind::Directory;
        self.contents.entries.push(self.keys.of(&entry.path) | u64::from(is_directory));
        // Names that are not UTF-8 belong to no package format; their hash is enough.
        let Ok(path) = str::from_utf8(&entry.path) else { return Ok(None) };
        // The last entry of a path counts.
        self.contents.nodes.remove(path);
        match entry.kind {
            Kind::File => Ok(self.file(path, entry.size)?.then(|| path.to_owned())),
            Kind::Symlink | Kind::Hardlink if self.wanted.link(path) => {
                let link = String::from_utf8_lossy(&entry.link).into_owned();
                let node = if entry.kind == Kind::Symlink {
                    Node::Symlink(link)
                } else {
                    Node::Hardlink(String::from_utf8_lossy(&clean_link(&entry.link)).into_owned())
                };
                self.contents.nodes.insert(path.to_owned(), node);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Whether the content of the file at `path` is wanted and within the limits.
    fn file(&mut self, path: &str, size: u64) -> Result<bool, Error> {
        let Some(limit) = self.wanted.file(path, size, self.limits) else { return Ok(false) };
        if size > limit {
            self.contents.nodes.insert(path.to_owned(), Node::Oversized(size));
            return Ok(false);
        }
        let total = self.kept.fetch_add(size, Ordering::Relaxed).saturating_add(size);
        if total > self.limits.kept_total_bytes {
            let name = "kept_total_bytes";
            return Err(LimitExceeded::new(name, self.limits.kept_total_bytes, "package metadata of the image").into());
        }
        Ok(true)
    }

    fn whiteout(&mut self, entry: &Entry, name: &[u8], removed: &[u8]) -> Result<(), Error> {
        let parent = entry.path.get(..entry.path.len() - name.len()).unwrap_or_default();
        let parent = parent.strip_suffix(b"/").unwrap_or(parent);
        if name == OPAQUE {
            self.contents.opaque.push(self.keys.of(parent));
        } else if name.starts_with(AUFS) {
            // Nothing that a runtime would show.
        } else if matches!(removed, b"" | b"." | b"..") {
            return Err(Error::Tar {
                what: "layer".to_owned(),
                offset: entry.offset,
                problem: TarProblem::Whiteout(shown(&String::from_utf8_lossy(&entry.path))),
            });
        } else {
            let mut path = parent.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(removed);
            self.contents.whiteouts.push(self.keys.of(&path));
        }
        Ok(())
    }
}
