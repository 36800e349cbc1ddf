//! Which layer shows what at a path: all ledgers of an image, in one order.
//!
//! The reference is the view of a process in a container if engines unpack each layer into a separate folder
//! and the kernel mounts the folders over each other, as with containerd, Docker and podman. The OCI
//! specification, and engines without the right to create devices, differ from it in these points. Files
//! behind such a difference are shown and marked as [disputed](VisibleEntry::disputed), so that nothing is hidden
//! but the inventory is not called certain:
//!
//! - an opaque marker in the root of a layer hides everything according to the specification, but nothing in
//!   an overlay;
//! - a directory that replaces a whiteout or another entry of its own layer is empty according to the
//!   specification; in an overlay, the lower layers are visible in it again;
//! - a device hides what is below it, if it can be created;
//! - an entry whose directory has no entry of its own, if a lower layer has a symbolic link of that name: an
//!   overlay creates the directory in place of the link. Drivers that unpack all layers into one folder
//!   (Docker's and podman's `vfs`, containerd's `native`) write through the link and replace what is there.

use super::facts::{Known, Ledger, Place, Present};

/// All paths of all layers, sorted, so that a lookup takes one search for each name in the path, regardless
/// of the number of layers.
#[derive(Debug, Default)]
pub(super) struct PathIndex {
    events: Vec<Event>,
    /// Path and layer of each device.
    devices: Vec<(u64, u16)>,
    /// Layers that dispute everything below them, from the lowest up: those with an opaque marker in their
    /// root, or that are written through a link of a lower layer.
    disputing_all: Vec<u16>,
}

/// What one layer has at one path.
#[derive(Debug, Clone, Copy)]
struct Event {
    hash: u64,
    layer: u16,
    /// `None` is a whiteout.
    present: Option<Present>,
    /// The lowest layer that is visible below this path, as seen from this layer.
    floor: u16,
    /// The topmost layer, up to this one, that disputes the content of lower layers below this path, plus
    /// one.
    disputing: u16,
    /// Whether it is a directory without an entry of its own.
    implied: bool,
}

/// What is visible at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VisibleEntry {
    pub(super) layer: usize,
    pub(super) present: Present,
    /// A layer that hides it for some readers.
    pub(super) disputed: Option<usize>,
}

impl PathIndex {
    /// `None` if there are more layers than any engine can unpack.
    pub(super) fn new(layers: &[Known]) -> Option<Self> {
        let mut index = Self::default();
        index.events.reserve_exact(layers.iter().map(|known| known.ledger().places()).sum());
        for (number, known) in layers.iter().enumerate() {
            index.add(u16::try_from(number).ok().filter(|number| *number < u16::MAX)?, known.ledger());
        }
        index.events.sort_unstable_by_key(|event| (event.hash, event.layer));
        index.devices.sort_unstable();
        let mut below: Option<Event> = None;
        for event in &mut index.events {
            let under = below.filter(|below| below.hash == event.hash);
            event.disputing = event.disputing.max(under.map_or(0, |under| under.disputing));
            if event.implied && under.is_some_and(|under| under.present == Some(Present::Symlink)) {
                index.disputing_all.push(event.layer);
            }
            if event.present == Some(Present::Directory) {
                event.floor = event.floor.max(under.map_or(0, |under| under.floor));
            }
            below = Some(*event);
        }
        index.disputing_all.sort_unstable();
        index.disputing_all.dedup();
        Some(index)
    }

    fn add(&mut self, layer: u16, ledger: &Ledger) {
        for (hash, place) in ledger.iter() {
            let (present, floor) = match place {
                Place::Device => {
                    self.devices.push((hash, layer));
                    continue;
                }
                Place::Directory => (Some(Present::Directory), 0),
                Place::Symlink => (Some(Present::Symlink), layer + 1),
                Place::File => (Some(Present::File), layer + 1),
                Place::Whiteout => (None, layer + 1),
            };
            let floor = if ledger.opaques.contains(&hash) { layer } else { floor };
            let disputing = if ledger.replaced.contains(&hash) { layer + 1 } else { 0 };
            let implied = place == Place::Directory && ledger.implied.contains(&hash);
            self.events.push(Event { hash, layer, present, floor, disputing, implied });
        }
        if ledger.opaque_root {
            self.disputing_all.push(layer);
        }
    }

    /// The topmost visible entry at the path with this lineage among the layers below number `below`.
    pub(super) fn find(&self, lineage: &[u64], below: usize) -> Option<VisibleEntry> {
        let below = u16::try_from(below).unwrap_or(u16::MAX);
        let (own, ancestors) = lineage.split_last()?;
        let event = self.top(*own, below)?;
        let present = event.present?;
        let mut disputing = self.device(*own, below);
        for ancestor in ancestors {
            if let Some(above) = self.top(*ancestor, below) {
                if event.layer < above.floor {
                    return None;
                }
                disputing = disputing.max(above.disputing);
            }
            disputing = disputing.max(self.device(*ancestor, below));
        }
        let all = self.disputing_all.iter().rev().find(|layer| **layer < below);
        disputing = disputing.max(all.map_or(0, |layer| layer + 1));
        let disputed = disputing.checked_sub(1).filter(|layer| *layer > event.layer).map(usize::from);
        Some(VisibleEntry { layer: usize::from(event.layer), present, disputed })
    }

    fn top(&self, hash: u64, below: u16) -> Option<&Event> {
        let end = self.events.partition_point(|event| (event.hash, event.layer) < (hash, below));
        self.events.get(end.checked_sub(1)?).filter(|event| event.hash == hash)
    }

    /// The topmost layer with a device there, plus one.
    fn device(&self, hash: u64, below: u16) -> u16 {
        let end = self.devices.partition_point(|device| *device < (hash, below));
        let last = end.checked_sub(1).and_then(|last| self.devices.get(last));
        last.filter(|(device, _)| *device == hash).map_or(0, |(_, layer)| layer + 1)
    }
}
