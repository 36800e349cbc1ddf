//! The layers of an image seen as one file system.
//!
//! [`super::index`] decides which layer shows a path: the topmost that has it, unless a layer above hides it
//! by a whiteout of it or of a directory above it, by an opaque directory, or by a non-directory on the way.
//! Symbolic links of well-known paths are followed inside the image; hard links are followed to the entry
//! with the content.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use plimsoll_core::rootfs::listing::{FileList, FileLog, Logged};
use plimsoll_core::rootfs::{
    EarlierFile, FileFacts, FileSet, FoundFile, LayerRef, Purpose, Select, Unreadable,
};
use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits};

use super::facts::{Known, Node, Place, Present, Target};
use super::index::{PathIndex, VisibleEntry};
use super::listing;
use super::paths::{Keyed, join, parent};
use super::scan::Targets;
use super::work::Work;
use crate::Error;

pub(super) struct Stack<'a> {
    layers: &'a [Known],
    index: &'a PathIndex,
    keyed: Keyed,
    select: &'a dyn Select,
    limits: &'a Limits,
    work: Work,
}

/// The result for a requested path.
enum Outcome {
    File(File),
    Folder(File),
    /// It exists but cannot be read, for this reason.
    Unreadable(String),
    /// An entry that was passed must be read first.
    Need(usize, Target),
    /// There is no file.
    Missing,
}

struct File {
    /// Its real path.
    real: Vec<u8>,
    layer: usize,
    facts: FileFacts,
    /// A layer that hides it for some runtimes.
    disputed: Option<usize>,
    earlier: Vec<EarlierFile>,
}

impl File {
    fn new(real: Vec<u8>, layer: usize, facts: FileFacts, disputed: Option<usize>) -> Self {
        Self { real, layer, facts, disputed, earlier: Vec::new() }
    }
}

impl<'a> Stack<'a> {
    pub(super) fn new(
        layers: &'a [Known],
        index: &'a PathIndex,
        keyed: Keyed,
        select: &'a dyn Select,
        limits: &'a Limits,
    ) -> Self {
        Self { layers, index, keyed, select, limits, work: Work::new("the image", limits) }
    }

    /// What must be read again, by layer.
    pub(super) fn needs(&self) -> Result<BTreeMap<usize, Targets>, Error> {
        let mut needs: BTreeMap<usize, Targets> = BTreeMap::new();
        self.each(|_, purposes, outcome| {
            if let Outcome::Need(layer, target) = outcome {
                needs.entry(layer).or_default().add(target, purposes);
            }
        })?;
        Ok(needs)
    }

    /// All files that are wanted and visible.
    pub(super) fn files(&self) -> Result<Files, Error> {
        let mut files = Files::default();
        self.each(|path, purposes, outcome| {
            let mut unreadable = |reason: String| {
                files.unreadable.insert(path.clone(), (reason, purposes.to_vec()));
            };
            match outcome {
                Outcome::File(file) => {
                    if let Some(layer) = file.disputed {
                        let layer = layer + 1;
                        unreadable(format!(
                            "because of layer {layer}, some runtimes show it and others do not"
                        ));
                    }
                    files.found.insert(path, file);
                }
                // What it is wanted for as a folder was answered by `each`.
                Outcome::Folder(_) | Outcome::Missing => {}
                Outcome::Unreadable(reason) => unreadable(reason),
                Outcome::Need(..) => unreadable("too many links lead to it".to_owned()),
            }
        })?;
        for file in files.found.values_mut() {
            file.earlier = self.earlier(file);
        }
        Ok(files)
    }

    /// Every visible file, if the files of each layer were recorded.
    pub(super) fn listed(&self) -> Result<FileList, Error> {
        let logs = self.layers.iter().map(|known| known.files().cloned().unwrap_or_default());
        let mut list = FileList::of_layers(logs.collect());
        let logs: Vec<Arc<FileLog>> = list.logs().to_vec();
        let mut lineage = Vec::new();
        for (layer, log) in logs.iter().enumerate() {
            for row in 0..log.len() {
                let Some((path, logged)) = log.get(row) else { continue };
                self.keyed.lineage(path, &mut lineage);
                let sight = self.index.find(&lineage, self.layers.len()).filter(|it| it.layer == layer);
                let Some(VisibleEntry { present: Present::File, disputed, .. }) = sight else { continue };
                match self.listed_content(&logs, (layer, row), logged)? {
                    Ok(content) if list.add((layer, row), content, disputed.is_some()) => {}
                    Ok(_) => return Err(listing::too_many()),
                    Err(reason) => list.leave_out(path, reason),
                }
            }
        }
        list.sort();
        Ok(list)
    }

    /// The layer and row with the content of a row, following hard links as [`Self::content`] does; otherwise the reason why there is
    /// no content.
    fn listed_content<'l>(
        &self,
        logs: &'l [Arc<FileLog>],
        (mut layer, mut row): (usize, usize),
        mut logged: Logged<'l>,
    ) -> Result<Result<(usize, usize), String>, Error> {
        for _ in 0..self.limits.links {
            let (target, is_below) = match logged {
                Logged::File(_) => return Ok(Ok((layer, row))),
                Logged::Link(target) => (target.to_vec(), false),
                Logged::LinkBelow(target) => (target.to_vec(), true),
                Logged::Other => return Ok(Err("it is not a regular file".to_owned())),
            };
            let own = self.layers.get(layer).and_then(|known| known.ledger().at(self.keyed.hash(&target)));
            let own = own.and_then(Place::present).map(|present| (layer, present));
            let below = self.find(&target, layer)?.map(|sight| (sight.layer, sight.present));
            let found = if is_below {
                below.filter(|(_, present)| *present == Present::File).or(own)
            } else {
                own.or(below)
            };
            let holder = found.filter(|(_, present)| *present == Present::File).map(|(holder, _)| holder);
            let place = holder.and_then(|holder| Some((holder, logs.get(holder)?.at(&target)?)));
            let next = place.and_then(|(holder, row)| Some((holder, row, logs.get(holder)?.get(row)?.1)));
            let Some(next) = next else {
                let target = shown(&String::from_utf8_lossy(&target));
                return Ok(Err(format!("a hard link to {target}, which is not a file")));
            };
            (layer, row, logged) = next;
        }
        Ok(Err("hard links lead in a circle".to_owned()))
    }

    /// What was at the place of `file` before, as far as that was read: without it, packages count for the layer that wrote
    /// their database last.
    fn earlier(&self, file: &File) -> Vec<EarlierFile> {
        let kept = file.facts.purposes().filter(|purpose| self.select.keeps_earlier(*purpose));
        let kept: Vec<Purpose> = kept.collect();
        let (mut below, mut found, mut lineage) = (file.layer, Vec::new(), Vec::new());
        if kept.is_empty() {
            return found;
        }
        self.keyed.lineage(&file.real, &mut lineage);
        while let Some(VisibleEntry { layer, present: Present::File, .. }) = self.index.find(&lineage, below)
        {
            let Some(Node::File(facts)) = self.node(layer, &file.real, &kept) else { break };
            // They count against `kept_total_bytes` since their layer was read, once for each time that it occurs.
            found.push(EarlierFile { layer, facts: facts.only(&kept) });
            below = layer;
        }
        found
    }

    fn each(&self, mut each: impl FnMut(String, &[Purpose], Outcome)) -> Result<(), Error> {
        let mut lineage = Vec::new();
        for (layer, known) in self.layers.iter().enumerate() {
            for (path, record) in known.wanted() {
                self.keyed.lineage(path.strip_suffix(b"/").unwrap_or(path), &mut lineage);
                let sight = self.index.find(&lineage, self.layers.len()).filter(|sight| sight.layer == layer);
                let outcome = match (sight.map(|sight| (sight.present, sight.disputed)), &record.node) {
                    (Some((Present::Symlink, _)), Node::Symlink(_)) if path.ends_with(b"/") => {
                        match self.resolve(path, &[])? {
                            Outcome::Folder(found) => {
                                self.folder(path, &found, &mut each);
                                continue;
                            }
                            // What has to be looked at first, or too many links.
                            other @ (Outcome::Need(..) | Outcome::Unreadable(_)) => other,
                            Outcome::File(_) | Outcome::Missing => continue,
                        }
                    }
                    (Some((Present::Symlink, _)), Node::Symlink(_)) => self.resolve(path, &record.wanted)?,
                    (Some((Present::Directory, disputed)), Node::Folder) => {
                        let real = path.strip_suffix(b"/").unwrap_or(path).to_vec();
                        let found = File::new(real, layer, FileFacts::default(), disputed);
                        self.folder(path, &found, &mut each);
                        continue;
                    }
                    (Some((Present::Directory | Present::Symlink, _)), Node::Unnamed)
                        if path.ends_with(b"/") =>
                    {
                        Outcome::Unreadable("its name is not UTF-8".to_owned())
                    }
                    (Some((Present::File, disputed)), _) => {
                        self.content(path, layer, &record.node, &record.wanted, disputed)?
                    }
                    _ => continue,
                };
                each(String::from_utf8_lossy(path).into_owned(), &record.wanted, outcome);
            }
        }
        for fixed in self.select.fixed_paths() {
            let wanted = self.select.want(fixed, None);
            each((*fixed).to_owned(), &wanted, self.resolve(fixed.as_bytes(), &wanted)?);
        }
        Ok(())
    }

    /// Tells of a folder at `path`, which ends with a `/`, if that is wanted for something.
    fn folder(&self, path: &[u8], found: &File, each: &mut impl FnMut(String, &[Purpose], Outcome)) {
        let asked = String::from_utf8_lossy(path);
        let asked = asked.trim_end_matches('/');
        let purposes = self.select.want_folder(asked);
        if !purposes.is_empty() {
            let real = String::from_utf8_lossy(&found.real).into_owned();
            let folder = FoundFile::folder(self.select, asked, &real, &purposes, Some(found.layer));
            let real = folder.real_path.into_bytes();
            let (layer, disputed) = (found.layer, found.disputed);
            each(folder.path, &purposes, Outcome::File(File::new(real, layer, folder.facts, disputed)));
        }
    }

    /// The topmost visible entry at `path` among the layers below number `below`, following links.
    fn find(&self, path: &[u8], below: usize) -> Result<Option<VisibleEntry>, Error> {
        self.work.lookup(path)?;
        let mut lineage = Vec::new();
        self.keyed.lineage(path, &mut lineage);
        Ok(self.index.find(&lineage, below))
    }

    fn node(&self, layer: usize, path: &[u8], purposes: &[Purpose]) -> Option<&Node> {
        self.layers.get(layer)?.node_at(path, purposes)
    }

    /// Follows symbolic links from the root to `path` and returns the file there, as far as `purposes` need
    /// it.
    fn resolve(&self, path: &[u8], purposes: &[Purpose]) -> Result<Outcome, Error> {
        let mut left: VecDeque<&[u8]> = names(path).collect();
        let mut real: Vec<u8> = Vec::new();
        let (mut links, mut disputed, mut folder) = (0, None, None);
        while let Some(name) = left.pop_front() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    real = parent(&real).unwrap_or_default().to_vec();
                    // Which layer shows it matters to nobody.
                    folder = Some(0);
                    continue;
                }
                _ => {}
            }
            let next = join(&real, name);
            let Some(VisibleEntry { layer, present, disputed: by }) = self.find(&next, self.layers.len())?
            else {
                return Ok(Outcome::Missing);
            };
            disputed = disputed.max(by);
            match present {
                Present::Directory => (real, folder) = (next, Some(layer)),
                Present::Symlink => {
                    let Some(node) = self.node(layer, &next, &[]) else {
                        return Ok(Outcome::Need(layer, Target::Path(next)));
                    };
                    let Node::Symlink(target) = node else { return Ok(Outcome::Missing) };
                    self.work.lookup(target)?;
                    links += 1;
                    if links > self.limits.links {
                        let reason = format!("more than {} symbolic links lead to it", self.limits.links);
                        return Ok(Outcome::Unreadable(reason));
                    }
                    if target.starts_with(b"/") {
                        real.clear();
                    }
                    folder = Some(layer);
                    for name in names(target).rev() {
                        left.push_front(name);
                    }
                }
                Present::File => {
                    // Nothing exists below a file; a following `.` or empty name does not change that.
                    if left.iter().any(|name| !matches!(*name, b"" | b".")) {
                        return Ok(Outcome::Missing);
                    }
                    return match self.node(layer, &next, purposes) {
                        Some(node) => self.content(&next, layer, node, purposes, disputed),
                        None => Ok(Outcome::Need(layer, Target::Path(next))),
                    };
                }
            }
        }
        Ok(match folder {
            Some(layer) => Outcome::Folder(File::new(real, layer, FileFacts::default(), disputed)),
            None => Outcome::Missing,
        })
    }

    /// The content of `node` at `path` in `layer` for `purposes`, following hard links.
    fn content(
        &self,
        path: &[u8],
        layer: usize,
        node: &Node,
        purposes: &[Purpose],
        mut disputed: Option<usize>,
    ) -> Result<Outcome, Error> {
        let (mut node, mut at, mut place) = (node, layer, Target::Path(path.to_vec()));
        for _ in 0..self.limits.links {
            match node {
                Node::File(facts) if facts.cover(purposes) => {
                    let facts = facts.only(purposes);
                    return Ok(Outcome::File(File::new(path.to_vec(), layer, facts, disputed)));
                }
                // It was read for other purposes.
                Node::File(_) => return Ok(Outcome::Need(at, place)),
                Node::Unnamed => return Ok(Outcome::Unreadable("its name is not UTF-8".to_owned())),
                Node::Symlink(_) | Node::Folder | Node::Special => return Ok(Outcome::Missing),
                Node::Hardlink(Target::Ordinal(ordinal)) => {
                    place = Target::Ordinal(*ordinal);
                    match self.layers.get(at).and_then(|known| known.node(*ordinal, purposes)) {
                        Some(found) => node = found,
                        None => return Ok(Outcome::Need(at, place)),
                    }
                }
                Node::Hardlink(way @ (Target::Path(target) | Target::Below(target))) => {
                    let own =
                        self.layers.get(at).and_then(|known| known.ledger().at(self.keyed.hash(target)));
                    let own = own.and_then(Place::present).map(|present| (at, present));
                    let sight = self.find(target, at)?;
                    let below = || sight.map(|sight| (sight.layer, sight.present));
                    let found = match way {
                        // The file that was there when the link came. If there was none, runtimes refuse the
                        // image, and a later file is the best guess at what the image's author meant.
                        Target::Below(_) => below().filter(|(_, kind)| *kind == Present::File).or(own),
                        // The file of the same layer; if a builder omitted it, the file that the layers below
                        // show.
                        _ => own.or_else(below),
                    };
                    let Some((holder, Present::File)) = found else {
                        let target = shown(&String::from_utf8_lossy(target));
                        let reason = format!("a hard link to {target}, which is not a file");
                        return Ok(Outcome::Unreadable(reason));
                    };
                    disputed = disputed.max(sight.filter(|_| holder != at).and_then(|sight| sight.disputed));
                    place = Target::Path(target.clone());
                    match self.node(holder, target, purposes) {
                        Some(found) => (node, at) = (found, holder),
                        None => return Ok(Outcome::Need(holder, place)),
                    }
                }
            }
        }
        Ok(Outcome::Unreadable("hard links lead in a circle".to_owned()))
    }
}

fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

/// The result, before it is counted.
#[derive(Default)]
pub(super) struct Files {
    found: BTreeMap<String, File>,
    unreadable: BTreeMap<String, (String, Vec<Purpose>)>,
}

impl Files {
    pub(super) fn into_set(self, layers: Vec<LayerRef>, limits: &Limits) -> Result<FileSet, Error> {
        // Hard links share facts in memory, but the next stage reads each of them separately.
        let cost = |(path, file): (&String, &File)| file.facts.cost(path.len());
        let total = self.found.iter().map(cost).fold(0_u64, u64::saturating_add);
        if total > limits.kept_total_bytes {
            let what = "wanted files of the image";
            return Err(LimitExceeded::new("kept_total_bytes", limits.kept_total_bytes, what).into());
        }
        let mut set = FileSet { layers, ..FileSet::default() };
        for (path, File { real, layer, facts, earlier, .. }) in self.found {
            let real_path = String::from_utf8_lossy(&real).into_owned();
            set.insert(FoundFile { path, real_path, facts, layer: Some(layer), earlier });
        }
        let unreadable = self.unreadable.into_iter();
        set.unreadable =
            unreadable.map(|(path, (reason, purposes))| Unreadable { path, reason, purposes }).collect();
        Ok(set)
    }
}
