//! The layers of an image seen as one file system.
//!
//! A path is looked for from the top layer down, until a layer has it or hides it: by a whiteout of it or of a directory
//! above it, by an opaque directory, or by having something else than a directory on the way. Symbolic links of
//! well-known paths are followed inside the image; hard links are followed to the entry with the content.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use plimsoll_core::rootfs::{FileSet, FoundFile, LayerRef, Select, Want};
use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits};

use super::facts::{Known, Node, Present, Record, Target};
use super::paths::{Keyed, join, parent};
use super::scan::Targets;
use crate::Error;

pub(super) struct Stack<'a> {
    layers: &'a [Known],
    keyed: Keyed,
    select: &'a dyn Select,
    limits: &'a Limits,
}

/// What became of a path that was asked for.
enum Outcome {
    /// A file: where it lies, its layer, its content.
    Content(Vec<u8>, usize, Arc<Vec<u8>>),
    /// It is larger than it may be.
    Oversized(u64),
    /// It is there, and cannot be read, for this reason.
    Unreadable(String),
    /// An entry that went by has to be looked at first.
    Need(usize, Target),
    /// There is no file.
    Missing,
}

impl<'a> Stack<'a> {
    pub(super) fn new(layers: &'a [Known], keyed: Keyed, select: &'a dyn Select, limits: &'a Limits) -> Self {
        Self { layers, keyed, select, limits }
    }

    /// What has to be read again, by layer.
    pub(super) fn needs(&self) -> BTreeMap<usize, Targets> {
        let mut needs: BTreeMap<usize, Targets> = BTreeMap::new();
        self.each(|_, outcome| {
            if let Outcome::Need(layer, target) = outcome {
                needs.entry(layer).or_default().add(target);
            }
        });
        needs
    }

    /// All files that are wanted and visible.
    pub(super) fn files(&self) -> Files {
        let mut files = Files::default();
        self.each(|path, outcome| match outcome {
            Outcome::Content(real, layer, content) => {
                files.found.insert(path, (real, layer, content));
            }
            Outcome::Oversized(size) => {
                files.oversized.insert(path, size);
            }
            Outcome::Unreadable(reason) => {
                files.unreadable.insert(path, reason);
            }
            Outcome::Need(..) => {
                files.unreadable.insert(path, "too many links lead to it".to_owned());
            }
            Outcome::Missing => {}
        });
        files
    }

    fn each(&self, mut each: impl FnMut(String, Outcome)) {
        for (layer, known) in self.layers.iter().enumerate() {
            for (path, record) in known.wanted() {
                let name = String::from_utf8_lossy(path).into_owned();
                match (self.find(path, self.layers.len()), &record.node) {
                    (Some((at, Present::Symlink)), Node::Symlink(_)) if at == layer => {
                        let outcome = self.follow(&name);
                        each(name, outcome);
                    }
                    (Some((at, Present::File)), _) if at == layer => {
                        each(name, self.content(path, layer, record));
                    }
                    _ => {}
                }
            }
        }
        for fixed in self.select.fixed_paths() {
            each((*fixed).to_owned(), self.follow(fixed));
        }
    }

    /// What is at `path` after links, within what is wanted there: the place that they lead to may have another limit.
    fn follow(&self, path: &str) -> Outcome {
        match self.resolve(path.as_bytes()) {
            Outcome::Content(_, _, content) if content.len() as u64 > self.limit(path, content.len()) => {
                Outcome::Oversized(content.len() as u64)
            }
            other => other,
        }
    }

    fn limit(&self, path: &str, size: usize) -> u64 {
        match self.select.want(path, size as u64) {
            Want::Keep { limit } => limit,
            Want::Skip => self.limits.kept_file_bytes,
        }
    }

    /// The topmost visible entry at `path` among the layers below number `below`.
    fn find(&self, path: &[u8], below: usize) -> Option<(usize, Present)> {
        let mut lineage = Vec::new();
        self.keyed.lineage(path, &mut lineage);
        let own = *lineage.last()?;
        let root = self.keyed.root();
        for (layer, known) in self.layers.iter().enumerate().take(below).rev() {
            if let Some(present) = known.ledger().at(own) {
                return Some((layer, present));
            }
            if known.ledger().hides(&lineage, root) {
                return None;
            }
        }
        None
    }

    fn record(&self, layer: usize, path: &[u8]) -> Option<&Record> {
        self.layers.get(layer)?.record(path)
    }

    /// Follows symbolic links from the root to `path` and gives the file there.
    fn resolve(&self, path: &[u8]) -> Outcome {
        let mut left: VecDeque<&[u8]> = names(path).collect();
        let mut real: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    real = parent(&real).unwrap_or_default().to_vec();
                    continue;
                }
                _ => {}
            }
            let next = join(&real, name);
            match self.find(&next, self.layers.len()) {
                None => return Outcome::Missing,
                Some((_, Present::Directory)) => real = next,
                Some((layer, Present::Symlink)) => {
                    let Some(record) = self.record(layer, &next) else {
                        return Outcome::Need(layer, Target::Path(next));
                    };
                    let Node::Symlink(target) = &record.node else { return Outcome::Missing };
                    links += 1;
                    if links > self.limits.links {
                        return Outcome::Unreadable(format!(
                            "more than {} symbolic links lead to it",
                            self.limits.links
                        ));
                    }
                    if target.starts_with(b"/") {
                        real.clear();
                    }
                    for name in names(target).rev() {
                        left.push_front(name);
                    }
                }
                Some((layer, Present::File)) => {
                    // Something below a file is not there; `.` and empty names behind it change nothing here.
                    if left.iter().any(|name| !matches!(*name, b"" | b".")) {
                        return Outcome::Missing;
                    }
                    return match self.record(layer, &next) {
                        Some(record) => self.content(&next, layer, record),
                        None => Outcome::Need(layer, Target::Path(next)),
                    };
                }
            }
        }
        Outcome::Missing
    }

    /// The content of `record` at `path` in `layer`, through hard links.
    fn content(&self, path: &[u8], layer: usize, record: &Record) -> Outcome {
        let (mut node, mut at) = (&record.node, layer);
        for _ in 0..self.limits.links {
            match node {
                Node::File(content) => return Outcome::Content(path.to_vec(), layer, Arc::clone(content)),
                Node::Oversized(size) => return Outcome::Oversized(*size),
                Node::Unnamed => return Outcome::Unreadable("its name is not UTF-8".to_owned()),
                Node::Symlink(_) | Node::Special => return Outcome::Missing,
                Node::Hardlink(Target::Ordinal(ordinal)) => {
                    match self.layers.get(at).and_then(|known| known.node(*ordinal)) {
                        Some(found) => node = found,
                        None => return Outcome::Need(at, Target::Ordinal(*ordinal)),
                    }
                }
                Node::Hardlink(way @ (Target::Path(target) | Target::Below(target))) => {
                    let own = self.layers.get(at).and_then(|known| known.ledger().at(self.keyed.of(target)));
                    let own = own.map(|present| (at, present));
                    let below = || self.find(target, at);
                    let found = match way {
                        // What was there when the link came. Where nothing was, runtimes refuse the image, and what comes
                        // later is the best guess at what its maker meant.
                        Target::Below(_) => below().filter(|(_, kind)| *kind == Present::File).or(own),
                        // The file of the same layer; where a builder left it out, the one that the layers below show.
                        _ => own.or_else(below),
                    };
                    let Some((holder, Present::File)) = found else {
                        let target = shown(&String::from_utf8_lossy(target));
                        return Outcome::Unreadable(format!("a hard link to {target}, which is not a file"));
                    };
                    match self.record(holder, target) {
                        Some(found) => (node, at) = (&found.node, holder),
                        None => return Outcome::Need(holder, Target::Path(target.clone())),
                    }
                }
            }
        }
        Outcome::Unreadable("hard links lead in a circle".to_owned())
    }
}

fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

/// Real path, layer, content.
type Found = (Vec<u8>, usize, Arc<Vec<u8>>);

/// The result, before it is counted.
#[derive(Default)]
pub(super) struct Files {
    found: BTreeMap<String, Found>,
    oversized: BTreeMap<String, u64>,
    unreadable: BTreeMap<String, String>,
}

impl Files {
    pub(super) fn into_set(self, layers: Vec<LayerRef>, limits: &Limits) -> Result<FileSet, Error> {
        // Hard links share content in memory, and each is read for itself by what comes next.
        let total = self.found.values().fold(0_u64, |sum, (_, _, content)| sum + content.len() as u64);
        if total > limits.kept_total_bytes {
            let what = "wanted files of the image";
            return Err(LimitExceeded::new("kept_total_bytes", limits.kept_total_bytes, what).into());
        }
        let mut files = BTreeMap::new();
        for (path, (real, layer, content)) in self.found {
            let file = FoundFile {
                path: path.clone(),
                real_path: String::from_utf8_lossy(&real).into_owned(),
                content,
                layer: Some(layer),
            };
            files.insert(path, file);
        }
        Ok(FileSet {
            files,
            layers,
            oversized: self.oversized.into_iter().collect(),
            unreadable: self.unreadable.into_iter().collect(),
        })
    }
}
