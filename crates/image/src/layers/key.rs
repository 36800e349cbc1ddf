//! What the facts of a layer depend on, and how that becomes the name of an entry in a cache.

use std::collections::BTreeSet;

use plimsoll_core::rootfs::Purpose;
use plimsoll_core::{Algorithm, Digest, Hasher};

use super::Hashing;
use super::contents;
use super::facts::Verified;
use super::scan::{Interest, Targets};
use crate::artifact::Layer;

/// Everything that the facts of a layer depend on, except what is the same for a whole `Shared`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    digest: Digest,
    size: u64,
    media_type: String,
    diff_id: Digest,
    /// What the manifest says about a table of contents. Only the first pass compares it.
    announced: Vec<(&'static str, String)>,
    targets: Option<Targets>,
    hashing: Hashing,
    verified: Verified,
}

impl Key {
    pub(super) fn new(layer: &Layer, interest: &Interest<'_>, hashing: Hashing) -> Self {
        Self {
            digest: layer.descriptor.digest,
            size: layer.descriptor.size,
            media_type: layer.descriptor.media_type.clone(),
            diff_id: layer.diff_id,
            announced: match interest.only_targets() {
                None => contents::announced(&layer.descriptor),
                Some(_) => Vec::new(),
            },
            targets: interest.only_targets().cloned(),
            hashing,
            verified: Verified::Layer,
        }
    }

    /// The same for facts that are verified by the layer's table of contents, which has to be the one that is announced.
    pub(super) fn by_table(&self, layer: &Layer) -> Self {
        let announced = contents::announced(&layer.descriptor);
        Self { announced, verified: Verified::TableOfContents, ..self.clone() }
    }

    /// Whether the layer has to be compared with a table of contents.
    pub(super) fn has_table(&self) -> bool {
        !self.announced.is_empty()
    }

    /// Everything in it, for the name of an entry in a cache.
    pub(super) fn fields(&self, name: &mut Fields) {
        let Self { digest, size, media_type, diff_id, announced, targets, hashing, verified } = self;
        name.field(digest.to_string().as_bytes());
        name.field(&size.to_le_bytes());
        name.field(media_type.as_bytes());
        name.field(diff_id.to_string().as_bytes());
        name.count(announced.len());
        for (annotation, value) in announced {
            name.field(annotation.as_bytes());
            name.field(value.as_bytes());
        }
        name.field(match hashing {
            Hashing::AsNamed => b"as named",
            Hashing::Both => b"both",
        });
        name.field(match verified {
            Verified::Layer => b"layer",
            Verified::TableOfContents => b"table of contents",
        });
        name.count(usize::from(targets.is_some()));
        if let Some(targets) = targets {
            fields_of_targets(targets, name);
        }
    }
}

/// The same for the entries that a further pass requests.
fn fields_of_targets(targets: &Targets, name: &mut Fields) {
    let purposes = |name: &mut Fields, purposes: &BTreeSet<Purpose>| {
        let bytes: Vec<u8> = purposes.iter().flat_map(|purpose| purpose.0.to_le_bytes()).collect();
        name.field(&bytes);
    };
    name.count(targets.paths.len());
    for (path, wanted) in &targets.paths {
        name.field(path);
        purposes(name, wanted);
    }
    name.count(targets.ordinals.len());
    for (ordinal, wanted) in &targets.ordinals {
        name.field(&ordinal.to_le_bytes());
        purposes(name, wanted);
    }
}

/// Hashes fields, each behind its length, so that no two lists of fields give the same bytes.
pub(super) struct Fields(Hasher);

impl Fields {
    pub(super) fn new() -> Self {
        Self(Hasher::new(Algorithm::Sha256))
    }

    pub(super) fn field(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// How many fields follow.
    pub(super) fn count(&mut self, count: usize) {
        self.field(&(count as u64).to_le_bytes());
    }

    pub(super) fn finish(self) -> Digest {
        self.0.finish()
    }
}
