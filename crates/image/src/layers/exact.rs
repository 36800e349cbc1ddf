//! The tree that a layer unpacks to, with all its names: for layers that depend on their own order.
//!
//! Entries are placed one after the other, in the same way as containerd, Docker and podman place them in an
//! empty folder, which the kernel then mounts over the lower layers: a later entry replaces an earlier one
//! with everything below it, a whiteout is an entry that can be replaced like any other, and a name that
//! leads through a link of the same layer ends up where the link points, never outside the root (umoci
//! CVE-2021-29136, runc CVE-2025-31133). An entry that all of them refuse, or that they place differently, is
//! refused.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits};

use super::facts::{Facts, Ledger, Node, Record, Target};
use super::paths::{Keyed, WHITEOUT, base, join, parent};
use super::work::Work;
use crate::Error;
use crate::error::TarProblem;
use crate::tar::{Entry, Kind, clean_link};

#[derive(Debug, Clone)]
enum TreeEntry {
    Directory {
        opaque: bool,
        /// Whether it replaced another entry.
        replaced: bool,
        /// Whether it was needed before it had an entry.
        implied: bool,
    },
    Symlink(Vec<u8>),
    /// A file; the number of the entry with its content, which hard links share.
    File(u64),
    Device,
    Special,
    Whiteout,
}

impl TreeEntry {
    const IMPLIED: Self = Self::Directory { opaque: false, replaced: false, implied: true };
}

/// What happens to directories that a path needs but that have no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissingDirectory {
    /// Unpacking creates them.
    IsMade,
    /// As before, but a path below a whiteout leads nowhere. Some builders write a whiteout of a directory,
    /// and then of everything in it. podman accepts that; the others refuse it.
    IsMadeUnlessGone,
    /// The path leads nowhere.
    Fails,
}

/// Symbolic links that engines follow for one path while they unpack; more than the kernel follows later.
const LINKS: usize = 255;

pub(super) struct Tree {
    places: BTreeMap<Vec<u8>, TreeEntry>,
    recorded: BTreeMap<Vec<u8>, Record>,
    by_ordinal: BTreeMap<u64, Node>,
    opaque_root: bool,
    name_bytes: u64,
    name_limit: u64,
    work: Work,
    what: String,
    /// Where the content of the current entry begins; for errors.
    offset: u64,
}

impl Tree {
    pub(super) fn new(what: &str, limits: &Limits) -> Self {
        Self {
            places: BTreeMap::new(),
            recorded: BTreeMap::new(),
            by_ordinal: BTreeMap::new(),
            opaque_root: false,
            name_bytes: 0,
            name_limit: limits.name_bytes,
            work: Work::new(what, limits),
            what: what.to_owned(),
            offset: 0,
        }
    }

    /// The next whiteout, opaque marker or entry begins at `offset`.
    pub(super) fn begin(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// A whiteout or marker has this path. Docker and podman remove what the layer has there, but containerd
    /// keeps it.
    pub(super) fn marker(&mut self, path: &[u8]) -> Result<(), Error> {
        match self.real(path, MissingDirectory::Fails)? {
            Some(path) if self.places.contains_key(&path) => {
                Err(self.refused(TarProblem::WhiteoutOfOwn, &path))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn whiteout(&mut self, path: &[u8]) -> Result<(), Error> {
        let Some(path) = self.real(path, MissingDirectory::IsMadeUnlessGone)? else { return Ok(()) };
        self.count(path.len())?;
        match self.places.get(&path) {
            None => {
                self.places.insert(path, TreeEntry::Whiteout);
            }
            // Engines refuse it, but it has only one possible meaning.
            Some(TreeEntry::Whiteout) => {}
            Some(_) => return Err(self.refused(TarProblem::WhiteoutOfOwn, &path)),
        }
        Ok(())
    }

    pub(super) fn opaque(&mut self, path: &[u8]) -> Result<(), Error> {
        // The marker is in the directory, so links are followed up to and including the directory's last
        // name.
        let marker = self.real(&join(path, b"marker"), MissingDirectory::IsMadeUnlessGone)?;
        let Some(directory) = marker.as_deref().and_then(parent) else { return Ok(()) };
        if directory.is_empty() {
            self.opaque_root = true;
        } else if let Some(TreeEntry::Directory { opaque, .. }) = self.places.get_mut(directory) {
            *opaque = true;
        }
        Ok(())
    }

    /// Puts `entry` where it belongs; returns the real path, or `None` for the root itself, which always
    /// exists.
    pub(super) fn place(&mut self, entry: &Entry) -> Result<Option<Vec<u8>>, Error> {
        if entry.kind == Kind::Device
            && let Some(path) =
                self.real(&entry.path, MissingDirectory::Fails)?.is_none().then_some(&entry.path)
        {
            return Err(self.refused(TarProblem::DeviceWithoutFolder, path));
        }
        let Some(path) = self.real(&entry.path, MissingDirectory::IsMade)? else { return Ok(None) };
        if path.is_empty() {
            return Ok(None);
        }
        self.count(path.len() + entry.link.len())?;
        let place = match (entry.kind, self.places.get(&path)) {
            (Kind::Directory, Some(TreeEntry::Directory { .. })) => return Ok(Some(path)),
            (Kind::Directory, there) => {
                TreeEntry::Directory { opaque: false, replaced: there.is_some(), implied: false }
            }
            (Kind::Symlink, _) => TreeEntry::Symlink(entry.link.clone()),
            (Kind::File, _) => TreeEntry::File(entry.ordinal),
            (Kind::Device, None | Some(TreeEntry::Device | TreeEntry::Whiteout)) => TreeEntry::Device,
            (Kind::Device, Some(_)) => return Err(self.refused(TarProblem::DeviceOver, &path)),
            (Kind::Other, _) => TreeEntry::Special,
            (Kind::Hardlink, _) => {
                let target = self.real(&clean_link(&entry.link), MissingDirectory::Fails)?;
                match target.and_then(|target| self.places.get(&target)) {
                    Some(TreeEntry::Directory { .. }) | None => TreeEntry::File(entry.ordinal),
                    Some(place) => place.clone(),
                }
            }
        };
        self.remove(&path);
        self.places.insert(path.clone(), place);
        Ok(Some(path))
    }

    /// What a hard link that was just placed at `path` leads to.
    pub(super) fn link_of(&self, path: &[u8], entry: &Entry) -> Option<Node> {
        if entry.kind != Kind::Hardlink {
            return None;
        }
        match self.places.get(path)? {
            TreeEntry::File(ordinal) if *ordinal == entry.ordinal => {
                Some(Node::Hardlink(Target::Below(clean_link(&entry.link))))
            }
            TreeEntry::File(ordinal) => Some(Node::Hardlink(Target::Ordinal(*ordinal))),
            TreeEntry::Symlink(target) => Some(Node::Symlink(target.clone())),
            TreeEntry::Directory { .. } | TreeEntry::Device | TreeEntry::Special | TreeEntry::Whiteout => {
                Some(Node::Special)
            }
        }
    }

    /// What was recorded about the entry with this number.
    pub(super) fn node(&self, ordinal: u64) -> Option<&Node> {
        self.by_ordinal.get(&ordinal)
    }

    pub(super) fn record(&mut self, path: Vec<u8>, record: Record, ordinal: u64) {
        if matches!(self.places.get(&path), Some(TreeEntry::File(own)) if *own == ordinal) {
            self.by_ordinal.insert(ordinal, record.node.clone());
        }
        self.recorded.insert(path, record);
    }

    /// Puts a global extended header at `path`, once all entries have their places. containerd removes what
    /// is there and creates the directories on the way, but others ignore the header. So, like a device, it
    /// hides the content below for some engines.
    pub(super) fn global(&mut self, path: &[u8]) -> Result<(), Error> {
        let Some(directory) = parent(path) else { return Ok(()) };
        let is_there = matches!(self.places.get(directory), Some(TreeEntry::Directory { .. }));
        if base(path).starts_with(WHITEOUT) || !(directory.is_empty() || is_there) {
            return Err(self.refused(TarProblem::GlobalName, path));
        }
        match self.places.insert(path.to_vec(), TreeEntry::Device) {
            None => Ok(()),
            Some(_) => Err(self.refused(TarProblem::GlobalName, path)),
        }
    }

    /// The files, each with the number of the entry with its content.
    pub(super) fn files(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.places.iter().filter_map(|(path, place)| match place {
            TreeEntry::File(number) => Some((path.as_slice(), *number)),
            _ => None,
        })
    }

    /// The directories and what may lead to one, once all entries have their places.
    pub(super) fn folders(&self) -> impl Iterator<Item = (Vec<u8>, Node)> {
        self.places.iter().filter_map(|(path, place)| match place {
            TreeEntry::Directory { .. } => Some((path.clone(), Node::Folder)),
            TreeEntry::Symlink(target) => Some((path.clone(), Node::Symlink(target.clone()))),
            _ => None,
        })
    }

    pub(super) fn into_facts(self, keyed: &Keyed) -> Facts {
        let mut ledger = Ledger { opaque_root: self.opaque_root, ..Ledger::default() };
        for (path, place) in &self.places {
            let hash = keyed.hash(path);
            match place {
                TreeEntry::Directory { opaque, replaced, implied } => {
                    ledger.directories.insert(hash);
                    ledger.opaques.extend(opaque.then_some(hash));
                    ledger.replaced.extend(replaced.then_some(hash));
                    ledger.implied.extend(implied.then_some(hash));
                }
                TreeEntry::Symlink(_) => {
                    ledger.symlinks.insert(hash);
                }
                TreeEntry::Device => {
                    ledger.devices.insert(hash);
                }
                TreeEntry::Whiteout => {
                    ledger.whiteouts.insert(hash);
                }
                TreeEntry::File(_) | TreeEntry::Special => ledger.files.push(hash),
            }
        }
        ledger.complete();
        Facts { ledger, recorded: self.recorded, by_ordinal: self.by_ordinal, ..Facts::default() }
    }

    /// The real location of `path`: its directory with all links of this layer followed, and its last name.
    /// `None` if it leads nowhere.
    fn real(&mut self, path: &[u8], missing: MissingDirectory) -> Result<Option<Vec<u8>>, Error> {
        let Some(directory) = parent(path) else { return Ok(Some(Vec::new())) };
        let mut left: VecDeque<Vec<u8>> = names(directory).map(<[u8]>::to_vec).collect();
        let mut real: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    real = parent(&real).unwrap_or_default().to_vec();
                    continue;
                }
                _ => {}
            }
            let next = join(&real, &name);
            self.work.lookup(&next)?;
            match self.places.get(&next) {
                Some(TreeEntry::Symlink(target)) => {
                    links += 1;
                    if links > LINKS {
                        let problem = |path| TarProblem::TooManyLinks { path, links: LINKS };
                        return Err(self.refused(problem, path));
                    }
                    self.work.lookup(target)?;
                    if target.starts_with(b"/") {
                        real.clear();
                    }
                    for name in names(target).rev() {
                        left.push_front(name.to_vec());
                    }
                }
                Some(TreeEntry::Directory { .. }) => real = next,
                _ if missing == MissingDirectory::Fails => return Ok(None),
                None => {
                    self.count(next.len())?;
                    self.places.insert(next.clone(), TreeEntry::IMPLIED);
                    real = next;
                }
                Some(TreeEntry::Whiteout) if missing == MissingDirectory::IsMadeUnlessGone => {
                    return Ok(None);
                }
                Some(_) => return Err(self.refused(TarProblem::InTheWay, &next)),
            }
        }
        Ok(Some(join(&real, base(path))))
    }

    fn refused(&self, problem: impl FnOnce(String) -> TarProblem, path: &[u8]) -> Error {
        let problem = problem(shown(&String::from_utf8_lossy(path)));
        Error::Tar { what: self.what.clone(), offset: self.offset, problem }
    }

    /// Removes what is at `path` and everything below it.
    fn remove(&mut self, path: &[u8]) {
        if self.places.remove(path).is_some_and(|place| matches!(place, TreeEntry::Directory { .. })) {
            for below in below(&self.places, path) {
                self.places.remove(&below);
            }
            for below in below(&self.recorded, path) {
                self.recorded.remove(&below);
            }
        }
        self.recorded.remove(path);
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        // The map's own share of an entry.
        self.name_bytes += bytes as u64 + 64;
        if self.name_bytes > self.name_limit {
            let what = format!("{}, which writes through its own links,", self.what);
            return Err(LimitExceeded::new("name_bytes", self.name_limit, what).into());
        }
        Ok(())
    }
}

fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

fn below<T>(map: &BTreeMap<Vec<u8>, T>, path: &[u8]) -> Vec<Vec<u8>> {
    let start = [path, b"/"].concat();
    let range = map.range::<[u8], _>((Bound::Included(start.as_slice()), Bound::Unbounded));
    range.take_while(|(below, _)| below.starts_with(&start)).map(|(below, _)| below.clone()).collect()
}
