//! The layers of an image seen as one file system.
//!
//! A path is looked for from the top layer down, until a layer has it or hides it: by a whiteout of it or of a directory
//! above it, by an opaque directory, or by having something else than a directory on the way. Symbolic links of
//! well-known paths are followed inside the image; hard links are followed to the entry with the content.

use std::collections::{BTreeMap, VecDeque};

use plimsoll_core::rootfs::{FileFacts, FileSet, FoundFile, LayerRef, Purpose, Select, Unreadable};
use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits};

use super::facts::{Known, Node, Present, Target};
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
    /// A file: where it lies, its layer, what was made of it.
    File(Vec<u8>, usize, FileFacts),
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
        self.each(|_, purposes, outcome| {
            if let Outcome::Need(layer, target) = outcome {
                needs.entry(layer).or_default().add(target, purposes);
            }
        });
        needs
    }

    /// All files that are wanted and visible.
    pub(super) fn files(&self) -> Files {
        let mut files = Files::default();
        self.each(|path, purposes, outcome| {
            let mut unreadable = |reason: String| {
                files.unreadable.insert(path.clone(), (reason, purposes.to_vec()));
            };
            match outcome {
                Outcome::File(real, layer, facts) => {
                    files.found.insert(path, (real, layer, facts));
                }
                Outcome::Unreadable(reason) => unreadable(reason),
                Outcome::Need(..) => unreadable("too many links lead to it".to_owned()),
                Outcome::Missing => {}
            }
        });
        files
    }

    fn each(&self, mut each: impl FnMut(String, &[Purpose], Outcome)) {
        for (layer, known) in self.layers.iter().enumerate() {
            for (path, record) in known.wanted() {
                let outcome = match (self.find(path, self.layers.len()), &record.node) {
                    (Some((at, Present::Symlink)), Node::Symlink(_)) if at == layer => {
                        self.resolve(path, &record.wanted)
                    }
                    (Some((at, Present::File)), _) if at == layer => {
                        self.content(path, layer, &record.node, &record.wanted)
                    }
                    _ => continue,
                };
                each(String::from_utf8_lossy(path).into_owned(), &record.wanted, outcome);
            }
        }
        for fixed in self.select.fixed_paths() {
            let wanted = self.select.want(fixed, None);
            each((*fixed).to_owned(), &wanted, self.resolve(fixed.as_bytes(), &wanted));
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

    fn node(&self, layer: usize, path: &[u8], purposes: &[Purpose]) -> Option<&Node> {
        self.layers.get(layer)?.node_at(path, purposes)
    }

    /// Follows symbolic links from the root to `path` and gives the file there, as far as `purposes` need it.
    fn resolve(&self, path: &[u8], purposes: &[Purpose]) -> Outcome {
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
                    let Some(node) = self.node(layer, &next, &[]) else {
                        return Outcome::Need(layer, Target::Path(next));
                    };
                    let Node::Symlink(target) = node else { return Outcome::Missing };
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
                    return match self.node(layer, &next, purposes) {
                        Some(node) => self.content(&next, layer, node, purposes),
                        None => Outcome::Need(layer, Target::Path(next)),
                    };
                }
            }
        }
        Outcome::Missing
    }

    /// What `node` at `path` in `layer` is for `purposes`, through hard links.
    fn content(&self, path: &[u8], layer: usize, node: &Node, purposes: &[Purpose]) -> Outcome {
        let (mut node, mut at, mut place) = (node, layer, Target::Path(path.to_vec()));
        for _ in 0..self.limits.links {
            match node {
                Node::File(facts) if facts.cover(purposes) => {
                    return Outcome::File(path.to_vec(), layer, facts.only(purposes));
                }
                // It was read for something else.
                Node::File(_) => return Outcome::Need(at, place),
                Node::Unnamed => return Outcome::Unreadable("its name is not UTF-8".to_owned()),
                Node::Symlink(_) | Node::Special => return Outcome::Missing,
                Node::Hardlink(Target::Ordinal(ordinal)) => {
                    place = Target::Ordinal(*ordinal);
                    match self.layers.get(at).and_then(|known| known.node(*ordinal, purposes)) {
                        Some(found) => node = found,
                        None => return Outcome::Need(at, place),
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
                    place = Target::Path(target.clone());
                    match self.node(holder, target, purposes) {
                        Some(found) => (node, at) = (found, holder),
                        None => return Outcome::Need(holder, place),
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

/// Real path, layer, facts.
type Found = (Vec<u8>, usize, FileFacts);

/// The result, before it is counted.
#[derive(Default)]
pub(super) struct Files {
    found: BTreeMap<String, Found>,
    unreadable: BTreeMap<String, (String, Vec<Purpose>)>,
}

impl Files {
    pub(super) fn into_set(self, layers: Vec<LayerRef>, limits: &Limits) -> Result<FileSet, Error> {
        // Hard links share facts in memory, and each is read for itself by what comes next.
        let total = self.found.values().fold(0_u64, |sum, (_, _, facts)| sum.saturating_add(facts.bytes()));
        if total > limits.kept_total_bytes {
            let what = "wanted files of the image";
            return Err(LimitExceeded::new("kept_total_bytes", limits.kept_total_bytes, what).into());
        }
        let mut set = FileSet { layers, ..FileSet::default() };
        for (path, (real, layer, facts)) in self.found {
            let real_path = String::from_utf8_lossy(&real).into_owned();
            set.insert(FoundFile { path, real_path, facts, layer: Some(layer) });
        }
        let unreadable = self.unreadable.into_iter();
        set.unreadable =
            unreadable.map(|(path, (reason, purposes))| Unreadable { path, reason, purposes }).collect();
        Ok(set)
    }
}
