//! The tree that a layer unpacks to, with all its names: for layers that depend on their own order.
//!
//! Entries are placed one after the other as a runtime places them in an empty directory: a later entry replaces an
//! earlier one with everything below it, and a name that leads through a link of the same layer ends up where the link
//! points, never outside the root (umoci CVE-2021-29136, runc CVE-2025-31133).

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use plimsoll_core::{LimitExceeded, Limits};

use super::facts::{Facts, Ledger, Node, Record, Target};
use super::paths::{Keyed, base, join, parent};
use crate::Error;
use crate::tar::{Entry, Kind, clean_link};

#[derive(Debug, Clone)]
enum Place {
    Directory,
    Symlink(Vec<u8>),
    /// A file; the number of the entry with its content, which hard links share.
    File(u64),
    Special,
}

/// What happens to directories that a path needs and that have no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Unpacking makes them, in place of whatever else is there.
    IsMade,
    /// The path leads nowhere.
    Fails,
}

pub(super) struct Tree {
    places: BTreeMap<Vec<u8>, Place>,
    recorded: BTreeMap<Vec<u8>, Record>,
    by_ordinal: BTreeMap<u64, Node>,
    whiteouts: Vec<Vec<u8>>,
    opaques: Vec<Vec<u8>>,
    name_bytes: u64,
    name_limit: u64,
    links: usize,
    what: String,
}

impl Tree {
    pub(super) fn new(what: &str, limits: &Limits) -> Self {
        Self {
            places: BTreeMap::new(),
            recorded: BTreeMap::new(),
            by_ordinal: BTreeMap::new(),
            whiteouts: Vec::new(),
            opaques: Vec::new(),
            name_bytes: 0,
            links: limits.links,
            name_limit: limits.name_bytes,
            what: what.to_owned(),
        }
    }

    pub(super) fn whiteout(&mut self, path: &[u8]) -> Result<(), Error> {
        let Some(path) = self.real(path, Missing::IsMade)? else { return Ok(()) };
        self.count(path.len())?;
        self.whiteouts.push(path);
        Ok(())
    }

    pub(super) fn opaque(&mut self, path: &[u8]) -> Result<(), Error> {
        // The marker lies in the directory, so links count up to and including its last name.
        let marker = self.real(&join(path, b"marker"), Missing::IsMade)?;
        let Some(directory) = marker.as_deref().and_then(parent) else { return Ok(()) };
        let directory = directory.to_vec();
        self.count(directory.len())?;
        self.opaques.push(directory);
        Ok(())
    }

    /// Puts `entry` where it belongs; returns the real path, or none for what has no place: the root itself, a hard
    /// link to nothing in this layer, a path behind too many links.
    pub(super) fn place(&mut self, entry: &Entry) -> Result<Option<Vec<u8>>, Error> {
        let Some(path) = self.real(&entry.path, Missing::IsMade)? else { return Ok(None) };
        if path.is_empty() {
            return Ok(None);
        }
        self.count(path.len() + entry.link.len())?;
        let place = match entry.kind {
            Kind::Directory => Place::Directory,
            Kind::Symlink => Place::Symlink(entry.link.clone()),
            Kind::File => Place::File(entry.ordinal),
            Kind::Other => Place::Special,
            Kind::Hardlink => {
                let target = self.real(&clean_link(&entry.link), Missing::Fails)?;
                match target.and_then(|target| self.places.get(&target)) {
                    Some(Place::Directory) | None => Place::File(entry.ordinal),
                    Some(place) => place.clone(),
                }
            }
        };
        let stays = matches!((&place, self.places.get(&path)), (Place::Directory, Some(Place::Directory)));
        if !stays {
            self.remove(&path);
            self.places.insert(path.clone(), place);
        }
        Ok(Some(path))
    }

    /// What a hard link that was just placed at `path` leads to.
    pub(super) fn link_of(&self, path: &[u8], entry: &Entry) -> Option<Node> {
        if entry.kind != Kind::Hardlink {
            return None;
        }
        match self.places.get(path)? {
            Place::File(ordinal) if *ordinal == entry.ordinal => {
                Some(Node::Hardlink(Target::Below(clean_link(&entry.link))))
            }
            Place::File(ordinal) => Some(Node::Hardlink(Target::Ordinal(*ordinal))),
            Place::Symlink(target) => Some(Node::Symlink(target.clone())),
            Place::Directory | Place::Special => Some(Node::Special),
        }
    }

    /// What was taken down of the entry with this number.
    pub(super) fn node(&self, ordinal: u64) -> Option<&Node> {
        self.by_ordinal.get(&ordinal)
    }

    pub(super) fn record(&mut self, path: Vec<u8>, record: Record, ordinal: u64) {
        if matches!(self.places.get(&path), Some(Place::File(own)) if *own == ordinal) {
            self.by_ordinal.insert(ordinal, record.node.clone());
        }
        self.recorded.insert(path, record);
    }

    pub(super) fn into_facts(self, keyed: &Keyed) -> Facts {
        let mut ledger = Ledger::default();
        for (path, place) in &self.places {
            let hash = keyed.of(path);
            match place {
                Place::Directory => {
                    ledger.directories.insert(hash);
                }
                Place::Symlink(_) => {
                    ledger.symlinks.insert(hash);
                }
                Place::File(_) | Place::Special => ledger.files.push(hash),
            }
        }
        ledger.whiteouts = self.whiteouts.iter().map(|path| keyed.of(path)).collect();
        ledger.opaques = self.opaques.iter().map(|path| keyed.of(path)).collect();
        ledger.complete();
        Facts { ledger, recorded: self.recorded, by_ordinal: self.by_ordinal, kept_bytes: 0 }
    }

    /// Where `path` really lies: its directory with all links of this layer followed, and its last name. None behind more
    /// links than a path may have.
    fn real(&mut self, path: &[u8], missing: Missing) -> Result<Option<Vec<u8>>, Error> {
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
            match self.places.get(&next) {
                Some(Place::Symlink(target)) => {
                    links += 1;
                    if links > self.links {
                        return Ok(None);
                    }
                    if target.starts_with(b"/") {
                        real.clear();
                    }
                    for name in names(target).rev() {
                        left.push_front(name.to_vec());
                    }
                }
                Some(Place::Directory) => real = next,
                Some(Place::File(_) | Place::Special) | None if missing == Missing::Fails => return Ok(None),
                Some(Place::File(_) | Place::Special) | None => {
                    self.remove(&next);
                    self.count(next.len())?;
                    self.places.insert(next.clone(), Place::Directory);
                    real = next;
                }
            }
        }
        Ok(Some(join(&real, base(path))))
    }

    /// Removes what is at `path` and everything below it.
    fn remove(&mut self, path: &[u8]) {
        if self.places.remove(path).is_some_and(|place| matches!(place, Place::Directory)) {
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
