//! One pass over the tar of one layer.
//!
//! The fast way keeps a hash of each path. That is enough as long as a layer does not depend on its own order: an entry
//! that lies behind a link of the same layer, a directory that takes the place of something else or the other way round, a
//! whiteout of what the layer has itself, or the replacement of a file that a hard link points to. Layers that builders make have none of these; a layer that has is
//! read again the exact way, with all its names ([`super::exact`]), so that it is seen as the runtime unpacks it and not
//! refused for being odd.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use plimsoll_core::rootfs::{Attributes, Extraction, Purpose, Select, cost_of_record};
use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits};

use super::Used;
use super::exact::Tree;
use super::facts::{Facts, Ledger, Node, Record, Target};
use super::listing::{KnownBy, Listing};
use super::paths::{Hashes, Keyed, WHITEOUT, base, join, parent};
use crate::Error;
use crate::error::TarProblem;
use crate::tar::{Entry, Kind, Reader, Stream, clean_link};

/// What to look for beside the hashes.
pub(super) struct Interest<'a> {
    select: &'a dyn Select,
    /// The well-known paths and all directories on the way to them.
    spine: HashSet<Vec<u8>>,
    /// What a further pass looks for; none for the first.
    targets: Option<Targets>,
}

/// Entries that turned out to matter after they went by, and for what.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Targets {
    pub(super) paths: BTreeMap<Vec<u8>, BTreeSet<Purpose>>,
    pub(super) ordinals: BTreeMap<u64, BTreeSet<Purpose>>,
}

impl Targets {
    pub(super) fn add(&mut self, target: Target, purposes: &[Purpose]) {
        let wanted = match target {
            Target::Path(path) | Target::Below(path) => self.paths.entry(path).or_default(),
            Target::Ordinal(ordinal) => self.ordinals.entry(ordinal).or_default(),
        };
        wanted.extend(purposes);
    }

    /// Whether any entry is known by its number only.
    pub(super) fn has_numbers(&self) -> bool {
        !self.ordinals.is_empty()
    }

    fn purposes(&self, path: &[u8], ordinal: u64) -> Option<Vec<Purpose>> {
        let (by_path, by_ordinal) = (self.paths.get(path), self.ordinals.get(&ordinal));
        let all: BTreeSet<Purpose> = by_path.into_iter().chain(by_ordinal).flatten().copied().collect();
        (by_path.is_some() || by_ordinal.is_some()).then(|| all.into_iter().collect())
    }
}

/// Why an entry matters.
struct Wanted {
    /// What it is read for; nothing, where it is only a step on the way.
    purposes: Vec<Purpose>,
    /// Whether it is wanted for that at its own path.
    selected: bool,
    /// Whether its path can be told to a cataloger.
    named: bool,
}

impl Wanted {
    const STEP: Self = Self { purposes: Vec::new(), selected: false, named: true };
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
        Self { select, spine, targets: None }
    }

    pub(super) fn targets(select: &'a dyn Select, targets: Targets) -> Self {
        Self { select, spine: HashSet::new(), targets: Some(targets) }
    }

    /// What a further pass looks for; none for the first.
    pub(super) fn only_targets(&self) -> Option<&Targets> {
        self.targets.as_ref()
    }

    /// How an entry matters. `attributes` is none for symbolic links.
    fn wanted_entry(&self, path: &[u8], ordinal: u64, attributes: Option<Attributes>) -> Option<Wanted> {
        if let Some(targets) = &self.targets {
            let purposes = targets.purposes(path, ordinal)?;
            return Some(Wanted { purposes, ..Wanted::STEP });
        }
        let name = String::from_utf8_lossy(path);
        let purposes = self.select.want(&name, attributes);
        if purposes.is_empty() {
            return self.spine.contains(path).then_some(Wanted::STEP);
        }
        Some(Wanted { purposes, selected: true, named: matches!(name, Cow::Borrowed(_)) })
    }

    /// Whether a folder at `path`, or a link to one, may matter. Only the first pass looks at folders: nothing has to be read
    /// of them.
    fn may_be_folder(&self, path: &[u8]) -> bool {
        self.targets.is_none() && self.select.may_want_folder(base(path))
    }

    /// How a folder at `path` matters, or a link to one.
    fn wanted_folder(&self, path: &[u8]) -> Option<Wanted> {
        if !self.may_be_folder(path) {
            return None;
        }
        let name = String::from_utf8_lossy(path);
        let purposes = self.select.want_folder(&name);
        let named = matches!(name, Cow::Borrowed(_));
        (!purposes.is_empty()).then_some(Wanted { purposes, selected: true, named })
    }

    /// How many bytes of a file are read, from its beginning.
    pub(super) fn needed(&self, entry: &Entry, limits: &Limits, buffer: &mut Vec<u8>) -> u64 {
        if entry.kind != Kind::File {
            return 0;
        }
        let wanted = self.wanted_entry(&entry.path, entry.ordinal, Some(attributes(entry)));
        wanted.filter(|wanted| wanted.named).map_or(0, |Wanted { purposes, .. }| {
            Extraction::new(self.select, &purposes, attributes(entry), limits, buffer)
                .needed()
                .min(entry.size)
        })
    }

    fn is_step(&self, path: &[u8]) -> bool {
        self.spine.contains(path) || self.targets.as_ref().is_some_and(|it| it.paths.contains_key(path))
    }
}

/// The entries of a layer, one after the other.
pub(super) trait Entries {
    /// Goes to the next one; false at the end.
    fn advance(&mut self) -> Result<bool, Error>;

    /// The current one.
    fn entry(&self) -> &Entry;

    /// Passes up to `count` bytes of its content to `take`. Only asked for files, for as much as [`Interest::needed`] says.
    fn pieces(&mut self, count: u64, take: impl FnMut(&[u8])) -> Result<(), Error>;
}

impl<S: Stream> Entries for Reader<S> {
    fn advance(&mut self) -> Result<bool, Error> {
        Reader::advance(self)
    }

    fn entry(&self) -> &Entry {
        Reader::entry(self)
    }

    fn pieces(&mut self, count: u64, take: impl FnMut(&[u8])) -> Result<(), Error> {
        Reader::pieces(self, count, take)
    }
}

/// Reads a layer. The facts that it keeps count against a budget that all layers share.
pub(super) struct Scan<'a> {
    interest: &'a Interest<'a>,
    keyed: &'a Keyed,
    limits: &'a Limits,
    used: &'a Used,
    /// What this scan has put into the shared budget.
    own_bytes: u64,
    own_name_bytes: u64,
    /// Content of the file that is being read.
    buffer: Vec<u8>,
    /// Paths of whiteouts and markers themselves. Docker and podman remove what they find there.
    markers: Hashes,
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
        used: &'a Used,
    ) -> Self {
        Self {
            interest,
            keyed,
            limits,
            used,
            own_bytes: 0,
            own_name_bytes: 0,
            buffer: Vec::new(),
            markers: Hashes::default(),
        }
    }

    /// The fast way; none when the layer has to be read the exact way. Reads the stream to its end in either case.
    pub(super) fn fast(&mut self, stream: impl Stream, what: &str) -> Result<Option<Facts>, Error> {
        let mut reader = Reader::new(stream, what, self.limits);
        let (mut facts, mut files) = (None, None);
        if self.lists_files() {
            let mut listing = Listing::new(reader, KnownBy::Path, self.limits, self.used);
            let found = self.in_order(&mut listing, what)?;
            if found.is_some() && listing.entries().globals().next().is_none() {
                let log;
                (reader, log) = listing.into_log();
                (facts, files) = (found, Some(Arc::new(log)));
            } else {
                reader = listing.give_up();
            }
        } else {
            let found = self.in_order(&mut reader, what)?;
            facts = found.filter(|_| reader.globals().next().is_none());
        }
        reader.finish()?;
        if facts.is_none() {
            self.give_back();
        }
        Ok(facts.map(|facts| Facts { files, ..self.found(facts) }))
    }

    /// The same of any entries; none when they depend on their order.
    pub(super) fn in_order(
        &mut self,
        entries: &mut impl Entries,
        what: &str,
    ) -> Result<Option<Facts>, Error> {
        let mut facts = Facts::default();
        let mut linked = Hashes::default();
        let mut lineage = Vec::new();
        while entries.advance()? {
            if !self.fast_entry(entries, what, &mut facts, &mut linked, &mut lineage)? {
                return Ok(None);
            }
            // With the directories that nobody wrote an entry for: one path can have two thousand.
            if facts.ledger.places() as u64 > self.limits.entries {
                return Err(LimitExceeded::new("entries", self.limits.entries, what).into());
            }
        }
        facts.ledger.complete();
        let is_entry = |marker: &u64| facts.ledger.at(*marker).is_some();
        let is_settled = facts.ledger.is_settled() && !self.markers.iter().any(is_entry);
        Ok(is_settled.then_some(facts))
    }

    /// Takes back what was counted against the limits of the image, for facts that are not used.
    pub(super) fn give_back(&mut self) {
        self.used.kept_bytes.fetch_sub(std::mem::take(&mut self.own_bytes), Ordering::Relaxed);
        self.used.name_bytes.fetch_sub(std::mem::take(&mut self.own_name_bytes), Ordering::Relaxed);
    }

    /// False when the exact way is needed.
    fn fast_entry(
        &mut self,
        reader: &mut impl Entries,
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
        let has_folder = ancestors.last().is_none_or(|folder| ledger.directories.contains(folder));
        let Some(new_folders) = enter(ledger, linked, ancestors) else { return Ok(false) };
        if entry.kind == Kind::Device && !has_folder {
            return Ok(false);
        }
        let mut folder = parent(&entry.path);
        for _ in 0..new_folders {
            let Some(path) = folder else { break };
            self.folder(path, Node::Folder, recorded)?;
            folder = parent(path);
        }
        if !matches!(meaning, Meaning::Entry) {
            self.markers.insert(*own);
        }
        match meaning {
            Meaning::Entry => {}
            Meaning::Ignored => return Ok(true),
            Meaning::Whiteout(path) => {
                ledger.whiteouts.insert(self.keyed.hash(&path));
                return Ok(true);
            }
            Meaning::Opaque(path) if path.is_empty() => {
                ledger.opaque_root = true;
                return Ok(true);
            }
            Meaning::Opaque(path) => {
                ledger.opaques.insert(self.keyed.hash(&path));
                return Ok(true);
            }
        }
        let own = *own;
        if entry.kind == Kind::Directory {
            if ledger.symlinks.contains(&own) {
                return Ok(false);
            }
            if ledger.directories.insert(own) && linked.contains(&own) {
                return Ok(false);
            }
            recorded.remove(&entry.path);
            self.folder(&entry.path, Node::Folder, recorded)?;
            return Ok(true);
        }
        let to_itself = entry.kind == Kind::Hardlink && clean_link(&entry.link) == entry.path;
        if ledger.directories.contains(&own) || linked.contains(&own) || to_itself {
            return Ok(false);
        }
        // Before the link takes its place: its target may lead through the symbolic link that it replaces.
        let mut target = None;
        if entry.kind == Kind::Hardlink {
            let path = clean_link(&entry.link);
            self.keyed.lineage(&path, lineage);
            let through_link = lineage.iter().any(|hash| ledger.symlinks.contains(hash));
            let is_other = |hash: &u64| ledger.directories.contains(hash) || ledger.whiteouts.contains(hash);
            if through_link || lineage.last().is_some_and(is_other) {
                return Ok(false);
            }
            linked.extend(lineage.last());
            target = Some(Node::Hardlink(Target::Path(path)));
        }
        match entry.kind {
            Kind::Symlink => {
                ledger.symlinks.insert(own);
            }
            Kind::Device => {
                ledger.devices.insert(own);
            }
            _ => {
                ledger.symlinks.remove(&own);
                ledger.files.push(own);
            }
        }
        if !recorded.is_empty() {
            recorded.remove(&entry.path);
        }
        if self.interest.may_be_folder(&entry.path) {
            recorded.remove(&join(&entry.path, b""));
            if entry.kind == Kind::Symlink {
                self.folder(&entry.path, Node::Symlink(entry.link.clone()), recorded)?;
            }
        }
        if let Some(wanted) = self.look(entry, &entry.path) {
            let known = match &target {
                Some(Node::Hardlink(Target::Path(path))) => recorded.get(path).map(|record| &record.node),
                _ => None,
            };
            let target = linked_node(known, target, &wanted);
            let path = entry.path.clone();
            recorded.insert(path, self.take(reader, wanted, target)?);
        }
        Ok(true)
    }

    /// The exact way.
    pub(super) fn exact(&mut self, stream: impl Stream, what: &str) -> Result<Facts, Error> {
        let mut reader = Reader::new(stream, what, self.limits);
        let mut tree = Tree::new(what, self.limits);
        let mut files = None;
        if self.lists_files() {
            let mut listing = Listing::new(reader, KnownBy::Number, self.limits, self.used);
            self.place(&mut listing, &mut tree, what)?;
            let log;
            (reader, log) = listing.into_log_of(&tree);
            files = Some(Arc::new(log));
        } else {
            self.place(&mut reader, &mut tree, what)?;
        }
        for name in reader.globals() {
            tree.global(name)?;
        }
        reader.finish()?;
        let may_be_folder = |(path, _): &(Vec<u8>, Node)| self.interest.may_be_folder(path);
        let folders: Vec<(Vec<u8>, Node)> = tree.folders().filter(may_be_folder).collect();
        let mut facts = tree.into_facts(self.keyed);
        for (folder, node) in folders {
            self.folder(&folder, node, &mut facts.recorded)?;
        }
        Ok(Facts { files, ..self.found(facts) })
    }

    /// Whether every file is recorded. Only the first pass does that.
    fn lists_files(&self) -> bool {
        self.interest.targets.is_none() && self.interest.select.lists_files()
    }

    /// Places all entries in the tree, one after the other.
    fn place(&mut self, reader: &mut impl Entries, tree: &mut Tree, what: &str) -> Result<(), Error> {
        while reader.advance()? {
            let entry = reader.entry();
            tree.begin(entry.offset);
            let meaning = meaning(entry, what)?;
            if !matches!(meaning, Meaning::Entry) {
                tree.marker(&entry.path)?;
            }
            match meaning {
                Meaning::Ignored => {}
                Meaning::Whiteout(path) => tree.whiteout(&path)?,
                Meaning::Opaque(path) => tree.opaque(&path)?,
                Meaning::Entry => {
                    let Some(path) = tree.place(entry)? else { continue };
                    let target = tree.link_of(&path, entry);
                    if let Some(wanted) = self.look(entry, &path) {
                        let known = match &target {
                            Some(Node::Hardlink(Target::Ordinal(ordinal))) => tree.node(*ordinal),
                            _ => None,
                        };
                        let target = linked_node(known, target, &wanted);
                        let record = self.take(reader, wanted, target)?;
                        tree.record(path, record, reader.entry().ordinal);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes down `node` at `path`, which is a folder or may lead to one, if that matters.
    fn folder(
        &mut self,
        path: &[u8],
        node: Node,
        recorded: &mut BTreeMap<Vec<u8>, Record>,
    ) -> Result<(), Error> {
        let Some(Wanted { purposes, named, .. }) = self.interest.wanted_folder(path) else { return Ok(()) };
        let key = join(path, b"");
        if recorded.contains_key(&key) {
            return Ok(());
        }
        let link = if let Node::Symlink(target) = &node { target.len() } else { 0 };
        self.name(path, link)?;
        self.keep(cost_of_record(path.len().saturating_add(link)), path)?;
        let node = if named { node } else { Node::Unnamed };
        recorded.insert(key, Record { node, wanted: purposes });
        Ok(())
    }

    /// Counts the name of what is taken down, and of what it leads to.
    fn name(&mut self, path: &[u8], link: usize) -> Result<(), Error> {
        // What a record costs beside its name.
        const RECORD: usize = 64;
        let bytes = (path.len() + link + RECORD) as u64;
        self.own_name_bytes += bytes;
        let limit = ("name_bytes", self.limits.name_bytes);
        Used::take(&self.used.name_bytes, bytes, limit, || kept(path))
    }

    /// The facts, with what they count.
    pub(super) fn found(&self, facts: Facts) -> Facts {
        // The paths of a layer are known from the first pass.
        let ledger = if self.interest.only_targets().is_some() { Ledger::default() } else { facts.ledger };
        Facts { ledger, kept_bytes: self.own_bytes, name_bytes: self.own_name_bytes, ..facts }
    }

    /// Whether and how the entry matters at `path`.
    fn look(&self, entry: &Entry, path: &[u8]) -> Option<Wanted> {
        match entry.kind {
            Kind::File => self.interest.wanted_entry(path, entry.ordinal, Some(attributes(entry))),
            // Its target may have gone by unread, but its header has the target's mode.
            Kind::Hardlink => {
                let attributes = Attributes { size: u64::MAX, ..attributes(entry) };
                self.interest.wanted_entry(path, entry.ordinal, Some(attributes))
            }
            Kind::Symlink => self.interest.wanted_entry(path, entry.ordinal, None),
            Kind::Device | Kind::Other => self.interest.is_step(path).then_some(Wanted::STEP),
            Kind::Directory => None,
        }
    }

    /// Takes down the reader's current entry, which matters. `target` is what a hard link leads to.
    fn take(
        &mut self,
        reader: &mut impl Entries,
        wanted: Wanted,
        target: Option<Node>,
    ) -> Result<Record, Error> {
        let entry = reader.entry();
        self.name(&entry.path, entry.link.len())?;
        let Wanted { purposes, selected, named } = wanted;
        let node = match reader.entry().kind {
            _ if !named => Node::Unnamed,
            Kind::File => self.file(reader, &purposes)?,
            Kind::Hardlink => target.unwrap_or(Node::Special),
            Kind::Symlink => Node::Symlink(reader.entry().link.clone()),
            Kind::Device | Kind::Other | Kind::Directory => Node::Special,
        };
        if !matches!(node, Node::File(_)) {
            let Entry { path, link, .. } = reader.entry();
            self.keep(cost_of_record(path.len().saturating_add(link.len())), path)?;
        }
        Ok(Record { node, wanted: if selected { purposes } else { Vec::new() } })
    }

    /// Makes the facts of the current file.
    fn file(&mut self, reader: &mut impl Entries, purposes: &[Purpose]) -> Result<Node, Error> {
        let entry = reader.entry();
        let (select, limits) = (self.interest.select, self.limits);
        let mut extraction = Extraction::new(select, purposes, attributes(entry), limits, &mut self.buffer);
        let needed = extraction.needed();
        if needed > 0 {
            reader.pieces(needed, |piece| extraction.take(piece))?;
        }
        let facts = extraction.finish();
        if self.buffer.capacity() > SPARE_BUFFER {
            self.buffer = Vec::new();
        }
        let path = &reader.entry().path;
        self.keep(facts.cost(path.len()), path)?;
        Ok(Node::File(facts))
    }

    /// Counts what is kept of the entry at `path`.
    fn keep(&mut self, bytes: u64, path: &[u8]) -> Result<(), Error> {
        self.own_bytes += bytes;
        let limit = ("kept_total_bytes", self.limits.kept_total_bytes);
        Used::take(&self.used.kept_bytes, bytes, limit, || kept(path))
    }
}

/// Scratch space that a scan keeps from file to file. Most wanted files are smaller.
const SPARE_BUFFER: usize = 1 << 20;

fn kept(path: &[u8]) -> String {
    format!("wanted files up to {}", shown(&String::from_utf8_lossy(path)))
}

fn attributes(entry: &Entry) -> Attributes {
    Attributes { size: entry.size, mode: entry.mode }
}

/// What a hard link is taken down as: the file itself, where it was read for the same purposes already.
fn linked_node(known: Option<&Node>, target: Option<Node>, wanted: &Wanted) -> Option<Node> {
    match known {
        Some(Node::File(facts)) if facts.cover(&wanted.purposes) => {
            Some(Node::File(facts.only(&wanted.purposes)))
        }
        _ => target,
    }
}

/// Notes that `ancestors` are directories, and says how many of the nearest are new. None when one of them is a link of this
/// layer, or a file that a hard link points to.
fn enter(ledger: &mut Ledger, linked: &Hashes, ancestors: &[u64]) -> Option<usize> {
    for (new, hash) in ancestors.iter().rev().enumerate() {
        if ledger.symlinks.contains(hash) {
            return None;
        }
        // The ancestors of a directory that is known are known.
        if !ledger.directories.insert(*hash) {
            return Some(new);
        }
        ledger.implied.insert(*hash);
        if linked.contains(hash) {
            return None;
        }
    }
    Some(ancestors.len())
}

fn meaning(entry: &Entry, what: &str) -> Result<Meaning, Error> {
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
