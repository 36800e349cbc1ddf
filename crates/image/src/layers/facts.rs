//! The content of one layer, as far as squashing needs it.
//!
//! For most entries this is only a hash of the path, and the kind. For wanted files it is their facts, and
//! for links on the way to well-known paths the target.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::Digest;
use plimsoll_core::rootfs::listing::FileLog;
use plimsoll_core::rootfs::{FileFacts, Purpose};

use super::paths::Hashes;

/// What is visible at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Present {
    /// A directory, with an entry of its own or because it contains something.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Anything else.
    File,
}

/// What a layer has at a path once it is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A file, a FIFO, a hard link.
    File,
    /// A device.
    Device,
    /// What hides the path in lower layers.
    Whiteout,
}

impl Place {
    /// What is visible there in this layer alone.
    pub(super) fn present(self) -> Option<Present> {
        match self {
            Self::Directory => Some(Present::Directory),
            Self::Symlink => Some(Present::Symlink),
            Self::File => Some(Present::File),
            Self::Device | Self::Whiteout => None,
        }
    }
}

/// Every path of a layer, by hash: 8 bytes for a file, a little more for a directory or link. A path is in one of the
/// first five.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) directories: Hashes,
    pub(super) symlinks: Hashes,
    /// Sorted once the layer is complete.
    pub(super) files: Vec<u64>,
    pub(super) devices: Hashes,
    pub(super) whiteouts: Hashes,
    /// Directories that hide everything of lower layers.
    pub(super) opaques: Hashes,
    /// Directories that replaced another entry of the same layer.
    pub(super) replaced: Hashes,
    /// Directories that were needed before they had an entry of their own, if they ever got one.
    pub(super) implied: Hashes,
    /// Whether there is an opaque marker in the root.
    pub(super) opaque_root: bool,
}

impl Ledger {
    pub(super) fn complete(&mut self) {
        self.files.sort_unstable();
        self.files.dedup();
        self.files.shrink_to_fit();
    }

    pub(super) fn at(&self, hash: u64) -> Option<Place> {
        if self.directories.contains(&hash) {
            Some(Place::Directory)
        } else if self.symlinks.contains(&hash) {
            Some(Place::Symlink)
        } else if self.devices.contains(&hash) {
            Some(Place::Device)
        } else if self.whiteouts.contains(&hash) {
            Some(Place::Whiteout)
        } else {
            self.files.binary_search(&hash).is_ok().then_some(Place::File)
        }
    }

    /// Whether each directory, device and whiteout is the only entry at its place, so that the order of
    /// entries does not matter. Needs files in order.
    pub(super) fn is_settled(&self) -> bool {
        let is_file = |hash: &u64| self.files.binary_search(hash).is_ok();
        let apart = |one: &Hashes, two: &Hashes| {
            let (few, many) = if one.len() < two.len() { (one, two) } else { (two, one) };
            few.is_disjoint(many)
        };
        let Self { directories, symlinks, devices, whiteouts, .. } = self;
        let others = [symlinks, devices, whiteouts];
        !directories.iter().chain(devices).chain(whiteouts).any(is_file)
            && others.iter().all(|set| apart(directories, set))
            && apart(symlinks, devices)
            && apart(symlinks, whiteouts)
            && apart(devices, whiteouts)
    }

    /// The number of its paths.
    pub(super) fn places(&self) -> usize {
        let Self { directories, symlinks, files, devices, whiteouts, .. } = self;
        directories.len() + symlinks.len() + files.len() + devices.len() + whiteouts.len()
    }

    /// All paths.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Place)> {
        let Self { directories, symlinks, files, devices, whiteouts, .. } = self;
        let sets = [
            (directories, Place::Directory),
            (symlinks, Place::Symlink),
            (devices, Place::Device),
            (whiteouts, Place::Whiteout),
        ];
        let sets = sets.into_iter().flat_map(|(set, place)| set.iter().map(move |hash| (*hash, place)));
        // A link that replaced a file leaves its hash among the files.
        let files = files.iter().filter(|hash| !symlinks.contains(hash));
        sets.chain(files.map(|hash| (*hash, Place::File)))
    }
}

/// Where the content of a hard link is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// At this path, as seen from the layer with the link.
    Path(Vec<u8>),
    /// In the entry with this number of the same layer.
    Ordinal(u64),
    /// At this path of the layers below, if they have it: this layer has nothing there yet, but may put
    /// another file there later.
    Below(Vec<u8>),
}

/// An entry whose content or target was recorded.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A regular file, and its facts.
    File(FileFacts),
    /// A wanted file whose name is not UTF-8, so that it cannot be passed to a cataloger.
    Unnamed,
    /// A symbolic link; its target as written.
    Symlink(Vec<u8>),
    /// A hard link to a file that was not read for the same purposes.
    Hardlink(Target),
    /// A folder. It is taken down under its path with a `/` behind, like a symbolic link that may lead to one.
    Folder,
    /// A device, FIFO or similar.
    Special,
}

/// A node and why it was recorded.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) node: Node,
    /// The purposes for which the selection wants it at this path. If empty, it does not belong in the
    /// result.
    pub(super) wanted: Vec<Purpose>,
}

/// What the facts of a layer were verified by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Verified {
    /// Its digest and diff ID.
    #[default]
    Layer,
    /// The digest of its table of contents, and the digests in that.
    TableOfContents,
}

/// What one pass over a layer found. It depends on that layer alone.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) verified: Verified,
    pub(super) ledger: Ledger,
    pub(super) recorded: BTreeMap<Vec<u8>, Record>,
    pub(super) by_ordinal: BTreeMap<u64, Node>,
    /// Bytes of the facts about its files, as counted against the limit of an image.
    pub(super) kept_bytes: u64,
    /// Bytes of their names, counted in the same way.
    pub(super) name_bytes: u64,
    /// The layer's digests by the other algorithm, under which it is not named, if they were requested.
    pub(super) aliases: Vec<Digest>,
    /// Every file of the layer, if they are listed.
    pub(super) files: Option<Arc<FileLog>>,
}

impl Facts {
    /// Approximate size in memory.
    pub(super) fn bytes(&self) -> u64 {
        // The size of a map's node and of the pointer to it.
        const RECORD: usize = 128;
        let Ledger { directories, symlinks, files, devices, whiteouts, opaques, replaced, implied, .. } =
            &self.ledger;
        // A hash, its control byte, and the free space in a set.
        let sets = [directories, symlinks, devices, whiteouts, opaques, replaced, implied];
        let sets = sets.map(|set| set.capacity() * 10);
        let records = self.recorded.iter().map(|(path, record)| path.len() + record.node.bytes() + RECORD);
        let ordinals = self.by_ordinal.values().map(|node| node.bytes() + RECORD);
        let sum: usize = sets.into_iter().chain(records).chain(ordinals).sum();
        let listed = self.files.as_ref().map_or(0, |files| files.memory());
        listed.saturating_add((sum + files.capacity() * size_of::<u64>()) as u64)
    }
}

impl Node {
    /// Whether nothing more of the layer is needed for `purposes`.
    pub(super) fn serves(&self, purposes: &[Purpose]) -> bool {
        match self {
            Self::File(facts) => facts.cover(purposes),
            _ => true,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::File(facts) => usize::try_from(facts.bytes()).unwrap_or(usize::MAX),
            Self::Symlink(target) | Self::Hardlink(Target::Path(target) | Target::Below(target)) => {
                target.len()
            }
            Self::Unnamed | Self::Hardlink(Target::Ordinal(_)) | Self::Folder | Self::Special => 0,
        }
    }
}

/// Everything known about one layer: the results of the first pass, and of those that searched for the
/// targets of links.
#[derive(Debug)]
pub(super) struct Known {
    first: Arc<Facts>,
    further: Vec<Arc<Facts>>,
}

impl Known {
    pub(super) fn new(first: Arc<Facts>) -> Self {
        Self { first, further: Vec::new() }
    }

    /// Adds the results of a further pass over the same layer.
    pub(super) fn add(&mut self, found: Arc<Facts>) {
        self.further.push(found);
    }

    /// Whether the digest of the layer was computed. If the first pass read all of it, that compared it with its table of
    /// contents, and a further pass may go by that.
    pub(super) fn is_hashed(&self) -> bool {
        self.first.verified == Verified::Layer
    }

    pub(super) fn aliases(&self) -> &[Digest] {
        &self.first.aliases
    }

    /// Every file, if they are listed.
    pub(super) fn files(&self) -> Option<&Arc<FileLog>> {
        self.first.files.as_ref()
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.first.ledger
    }

    /// What the first pass recorded. Only that pass searches for wanted files.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (&Vec<u8>, &Record)> {
        self.first.recorded.iter().filter(|(_, record)| !record.wanted.is_empty())
    }

    /// The entry at `path`, from the pass that read it for `purposes`, if there is one.
    pub(super) fn node_at(&self, path: &[u8], purposes: &[Purpose]) -> Option<&Node> {
        best(self.passes().filter_map(|facts| facts.recorded.get(path).map(|record| &record.node)), purposes)
    }

    /// The entry with this number, chosen in the same way.
    pub(super) fn node(&self, ordinal: u64, purposes: &[Purpose]) -> Option<&Node> {
        best(self.passes().filter_map(|facts| facts.by_ordinal.get(&ordinal)), purposes)
    }

    fn passes(&self) -> impl Iterator<Item = &Facts> {
        [&self.first].into_iter().chain(&self.further).map(AsRef::as_ref)
    }
}

fn best<'n>(nodes: impl Iterator<Item = &'n Node>, purposes: &[Purpose]) -> Option<&'n Node> {
    let mut first = None;
    for node in nodes {
        if node.serves(purposes) {
            return Some(node);
        }
        first = first.or(Some(node));
    }
    first
}
