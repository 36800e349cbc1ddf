//! One pass over the tar of one layer.
//!
//! The fast way keeps a hash of each path. That is enough as long as a layer does not depend on its own order: an entry
//! that lies behind a link of the same layer, a file that takes the place of a directory with entries, or the
//! replacement of a file that a hard link points to. Layers that builders make have none of these; a layer that has is
//! read again the exact way, with all its names ([`super::exact`]), so that it is seen as the runtime unpacks it and not
//! refused for being odd.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::rootfs::{Select, Want};
use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits};

use super::exact::Tree;
use super::facts::{Facts, Ledger, Node, Record, Target};
use super::paths::{Hashes, Keyed, base, join, parent};
use crate::Error;
use crate::error::TarProblem;
use crate::tar::{Entry, Kind, Reader, Stream, clean_link};

/// What to look for beside the hashes.
pub(super) struct Interest<'a> {
    select: Option<&'a dyn Select>,
    /// The well-known paths and all directories on the way to them.
    spine: HashSet<Vec<u8>>,
    targets: Targets,
}

/// Entries that turned out to matter after they went by.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Targets {
    pub(super) paths: BTreeSet<Vec<u8>>,
    pub(super) ordinals: BTreeSet<u64>,
}

impl Targets {
    pub(super) fn add(&mut self, target: Target) {
        match target {
            Target::Path(path) | Target::Below(path) => self.paths.insert(path),
            Target::Ordinal(ordinal) => self.ordinals.insert(ordinal),
        };
    }
}

/// How a file is wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    limit: u64,
    selected: bool,
    named: bool,
}

impl<'a> Interest<'a> {
    pub(super) fn selected(select: &'a dyn Select) -> Self {
        let mut spine = HashSet::new();
        for fixed in select.fixed_paths() {
            let mut path = Some(fixed.as_bytes());
            while let Some(at) = path.filter(|at| !at.is_empty()) {
                spine.insert(at.to_vec());
                path = parent(at);
            }
        }
        Self { select: Some(select), spine, targets: Targets::default() }
    }

    pub(super) fn targets(targets: Targets) -> Self {
        Self { select: None, spine: HashSet::new(), targets }
    }

    /// What a further pass looks for; none for the first.
    pub(super) fn only_targets(&self) -> Option<&Targets> {
        self.select.is_none().then_some(&self.targets)
    }

    fn file(&self, path: &[u8], ordinal: u64, size: u64) -> Option<Wanted> {
        if let Some(select) = self.select {
            let name = String::from_utf8_lossy(path);
            match select.want(&name, size) {
                Want::Keep { limit } => {
                    let named = matches!(name, std::borrow::Cow::Borrowed(_));
                    return Some(Wanted { limit, selected: true, named });
                }
                Want::Skip if self.spine.contains(path) => {}
                Want::Skip => return None,
            }
        }
        let targeted = self.on_the_way(path) || self.targets.ordinals.contains(&ordinal);
        targeted.then_some(Wanted { limit: u64::MAX, selected: false, named: true })
    }

    /// How a symbolic link matters: as a wanted file that lies elsewhere, or as a step on the way to one.
    fn link(&self, path: &[u8]) -> Option<Wanted> {
        let name = String::from_utf8_lossy(path);
        let selected = self.select.is_some_and(|select| select.want(&name, 0) != Want::Skip);
        let named = !selected || matches!(name, std::borrow::Cow::Borrowed(_));
        (selected || self.on_the_way(path)).then_some(Wanted { limit: u64::MAX, selected, named })
    }

    fn on_the_way(&self, path: &[u8]) -> bool {
        self.spine.contains(path) || self.targets.paths.contains(path)
    }
}

/// Reads a layer. Content that it keeps counts against a budget that all layers share.
pub(super) struct Scan<'a> {
    interest: &'a Interest<'a>,
    keyed: &'a Keyed,
    limits: &'a Limits,
    kept_bytes: &'a AtomicU64,
    /// What this scan has put into the shared budget.
    own_bytes: u64,
}

/// What the name of an entry means.
enum Meaning {
    /// It is what it is.
    Entry,
    /// `.wh.NAME`: hides this path of lower layers.
    Whiteout(Vec<u8>),
    /// `.wh..wh..opq`: hides everything that lower layers have in this directory.
    Opaque(Vec<u8>),
    /// Other `.wh..wh.` names are AUFS's own bookkeeping, which runtimes skip.
    Ignored,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        interest: &'a Interest<'a>,
        keyed: &'a Keyed,
        limits: &'a Limits,
        kept_bytes: &'a AtomicU64,
    ) -> Self {
        Self { interest, keyed, limits, kept_bytes, own_bytes: 0 }
    }

    /// The fast way; none when the layer has to be read the exact way. Reads the stream to its end in either case.
    pub(super) fn fast(&mut self, stream: impl Stream, what: &str) -> Result<Option<Facts>, Error> {
        let mut reader = Reader::new(stream, what, self.limits);
        let mut facts = Facts::default();
        let mut linked = Hashes::default();
        let mut lineage = Vec::new();
        let mut exact = false;
        while reader.advance()? {
            if !self.fast_entry(&mut reader, what, &mut facts, &mut linked, &mut lineage)? {
                exact = true;
                break;
            }
        }
        reader.finish()?;
        if exact {
            self.kept_bytes.fetch_sub(self.own_bytes, Ordering::Relaxed);
            return Ok(None);
        }
        facts.ledger.complete();
        Ok(Some(self.found(facts)))
    }

    /// False when the exact way is needed.
    fn fast_entry<S: Stream>(
        &mut self,
        reader: &mut Reader<S>,
        what: &str,
        facts: &mut Facts,
        linked: &mut Hashes,
        lineage: &mut Vec<u64>,
    ) -> Result<bool, Error> {
        let entry = reader.entry();
        let Facts { ledger, recorded, .. } = facts;
        let meaning = meaning(entry, what)?;
        self.keyed.lineage(&entry.path, lineage);
        let Some((own, ancestors)) = lineage.split_last() else { return Ok(true) };
        if !enter(ledger, linked, ancestors) {
            return Ok(false);
        }
        match meaning {
            Meaning::Entry => {}
            Meaning::Ignored => return Ok(true),
            Meaning::Whiteout(path) => {
                ledger.whiteouts.insert(self.keyed.of(&path));
                return Ok(true);
            }
            Meaning::Opaque(path) => {
                ledger.opaques.insert(self.keyed.of(&path));
                return Ok(true);
            }
        }
        let own = *own;
        if entry.kind == Kind::Directory {
            ledger.symlinks.remove(&own);
            if ledger.directories.insert(own) && linked.contains(&own) {
                return Ok(false);
            }
            recorded.remove(&entry.path);
            return Ok(true);
        }
        let to_itself = entry.kind == Kind::Hardlink && clean_link(&entry.link) == entry.path;
        if ledger.directories.contains(&own) || linked.contains(&own) || to_itself {
            return Ok(false);
        }
        if entry.kind == Kind::Symlink {
            ledger.symlinks.insert(own);
        } else {
            ledger.symlinks.remove(&own);
            ledger.files.push(own);
        }
        if !recorded.is_empty() {
            recorded.remove(&entry.path);
        }
        let mut target = None;
        if entry.kind == Kind::Hardlink {
            let path = clean_link(&entry.link);
            self.keyed.lineage(&path, lineage);
            let through_link = lineage.iter().any(|hash| ledger.symlinks.contains(hash));
            if through_link || lineage.last().is_some_and(|hash| ledger.directories.contains(hash)) {
                return Ok(false);
            }
            linked.extend(lineage.last());
            target = Some(match recorded.get(&path) {
                Some(Record { node: node @ (Node::File(_) | Node::Oversized(_)), .. }) => node.clone(),
                _ => Node::Hardlink(Target::Path(path)),
            });
        }
        if let Some(wanted) = self.look(entry, &entry.path, target.as_ref()) {
            let path = entry.path.clone();
            recorded.insert(path, self.take(reader, wanted, target)?);
        }
        Ok(true)
    }

    /// The exact way.
    pub(super) fn exact(&mut self, stream: impl Stream, what: &str) -> Result<Facts, Error> {
        let mut reader = Reader::new(stream, what, self.limits);
        let mut tree = Tree::new(what, self.limits);
        while reader.advance()? {
            let entry = reader.entry();
            match meaning(entry, what)? {
                Meaning::Ignored => {}
                Meaning::Whiteout(path) => tree.whiteout(&path)?,
                Meaning::Opaque(path) => tree.opaque(&path)?,
                Meaning::Entry => {
                    let Some(path) = tree.place(entry)? else { continue };
                    let target = tree.link_of(&path, entry);
                    if let Some(wanted) = self.look(entry, &path, target.as_ref()) {
                        let record = self.take(&mut reader, wanted, target)?;
                        tree.record(path, record, reader.entry().ordinal);
                    }
                }
            }
        }
        reader.finish()?;
        Ok(self.found(tree.into_facts(self.keyed)))
    }

    fn found(&self, facts: Facts) -> Facts {
        // The paths of a layer are known from the first pass.
        let ledger = if self.interest.only_targets().is_some() { Ledger::default() } else { facts.ledger };
        Facts { ledger, kept_bytes: self.own_bytes, ..facts }
    }

    /// Whether and how the entry matters at `path`. `target` is what a hard link leads to.
    fn look(&self, entry: &Entry, path: &[u8], target: Option<&Node>) -> Option<Wanted> {
        match entry.kind {
            Kind::File => self.interest.file(path, entry.ordinal, entry.size),
            Kind::Hardlink => {
                let size = match target {
                    Some(Node::File(content)) => content.len() as u64,
                    Some(Node::Oversized(size)) => *size,
                    _ => 0,
                };
                self.interest.file(path, entry.ordinal, size)
            }
            Kind::Symlink => self.interest.link(path),
            Kind::Other => {
                let unlimited = Wanted { limit: u64::MAX, selected: false, named: true };
                self.interest.on_the_way(path).then_some(unlimited)
            }
            Kind::Directory => None,
        }
    }

    /// Takes down the reader's current entry, which matters.
    fn take<S: Stream>(
        &mut self,
        reader: &mut Reader<S>,
        wanted: Wanted,
        target: Option<Node>,
    ) -> Result<Record, Error> {
        let node = match reader.entry().kind {
            _ if !wanted.named => Node::Unnamed,
            Kind::File => self.content(reader, wanted.limit)?,
            Kind::Hardlink => target.unwrap_or(Node::Special),
            Kind::Symlink => Node::Symlink(reader.entry().link.clone()),
            Kind::Other | Kind::Directory => Node::Special,
        };
        Ok(Record { node, wanted: wanted.selected })
    }

    fn content<S: Stream>(&mut self, reader: &mut Reader<S>, limit: u64) -> Result<Node, Error> {
        let size = reader.entry().size;
        if size > limit.min(self.limits.kept_file_bytes) {
            return Ok(Node::Oversized(size));
        }
        self.own_bytes += size;
        let total = self.kept_bytes.fetch_add(size, Ordering::Relaxed) + size;
        if total > self.limits.kept_total_bytes {
            let what =
                format!("wanted files up to {}", shown(&String::from_utf8_lossy(&reader.entry().path)));
            return Err(LimitExceeded::new("kept_total_bytes", self.limits.kept_total_bytes, what).into());
        }
        Ok(Node::File(Arc::new(reader.content()?)))
    }
}

/// Notes that `ancestors` are directories. False when one of them is a link of this layer, or a file that a hard link
/// points to.
fn enter(ledger: &mut Ledger, linked: &Hashes, ancestors: &[u64]) -> bool {
    for hash in ancestors.iter().rev() {
        if ledger.symlinks.contains(hash) {
            return false;
        }
        // The ancestors of a directory that is known are known.
        if !ledger.directories.insert(*hash) {
            return true;
        }
        if linked.contains(hash) {
            return false;
        }
    }
    true
}

fn meaning(entry: &Entry, what: &str) -> Result<Meaning, Error> {
    const WHITEOUT: &[u8] = b".wh.";
    let Some(name) = base(&entry.path).strip_prefix(WHITEOUT) else { return Ok(Meaning::Entry) };
    let directory = parent(&entry.path).unwrap_or_default();
    if name == b".wh..opq" {
        return Ok(Meaning::Opaque(directory.to_vec()));
    }
    if name.starts_with(WHITEOUT) {
        return Ok(Meaning::Ignored);
    }
    if matches!(name, b"" | b"." | b"..") {
        let problem = TarProblem::Whiteout(shown(&String::from_utf8_lossy(&entry.path)));
        return Err(Error::Tar { what: what.to_owned(), offset: entry.offset, problem });
    }
    Ok(Meaning::Whiteout(join(directory, name)))
}
