//! The seam between what reads a root file system (layers, a directory) and what looks for packages in it.
//!
//! Readers know nothing about package databases and catalogers know nothing about layers: a cataloger says which paths
//! it wants through [`Select`], the reader hands back a [`FileSet`] in which links are resolved and layers squashed.
//! Paths are relative to the image's root, with `/` between names and none in front: `var/lib/dpkg/status`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Digest;

/// What to do with a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its content is not needed.
    Skip,
    /// Keep the content up to so many bytes; a longer file is reported in [`FileSet::oversized`].
    Keep {
        /// In bytes.
        limit: u64,
    },
}

/// Says which files are wanted. Called for each regular file of each layer, so it must be cheap.
pub trait Select: Send + Sync {
    /// Whether the content of the file at `path` (with `size` bytes) is wanted.
    fn want(&self, path: &str, size: u64) -> Want;

    /// Well-known paths that have to be found also when symbolic links lead to them, at the file or on the way.
    fn fixed_paths(&self) -> &[&'static str];
}

/// One layer of an image, from the base (index 0) upwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRef {
    /// Position from the base.
    pub index: usize,
    /// Digest of the blob as it is stored.
    pub digest: Digest,
    /// Digest of the uncompressed archive.
    pub diff_id: Digest,
}

/// A file that was wanted and is visible in the final root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// The path that was asked for.
    pub path: String,
    /// Where the content really lies, after links.
    pub real_path: String,
    /// The whole content. Images that share a layer share it.
    pub content: Arc<Vec<u8>>,
    /// The layer that holds the content; none for a plain directory.
    pub layer: Option<usize>,
}

/// All wanted files of a root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSet {
    /// By the path that was asked for.
    pub files: BTreeMap<String, FoundFile>,
    /// The layers it was squashed from; empty for a plain directory.
    pub layers: Vec<LayerRef>,
    /// Wanted files that are larger than their limit, with their size in bytes.
    pub oversized: Vec<(String, u64)>,
    /// Wanted files that could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
}

impl FileSet {
    /// The file at `path`.
    pub fn get(&self, path: &str) -> Option<&FoundFile> {
        self.files.get(path)
    }

    /// All files, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = &FoundFile> {
        self.files.values()
    }
}
