//! What the fuzz targets share: splitting one input into several documents, an image that lives in memory, a selection
//! of whole files, small limits.
//!
//! Limits are far below the defaults, so that inputs of a few KiB reach them: a target then shows that a limit stops
//! what it is there to stop, and a run stays within the memory that it was given.

pub mod database_file;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_core::rootfs::{Attributes, Bound, Fact, Need, Purpose, Select};
use plimsoll_core::{Digest, Limits};
use plimsoll_image::{Descriptor, Error, Referrers, Source};

/// Stands between the documents of one input: a line of its own, which no format in the seeds has.
pub const SEPARATOR: &[u8] = b"\n%%\n";

/// The documents of one input, at least one.
pub fn documents(bytes: &[u8]) -> Vec<&[u8]> {
    let mut documents = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        documents.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    documents.push(rest);
    documents
}

/// Limits that a small input can reach.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.manifest_bytes = 64 << 10;
    limits.index_entries = 16;
    limits.layers = 8;
    limits.layer_bytes = 1 << 20;
    limits.unpacked_bytes = 4 << 20;
    limits.ratio_floor_bytes = 1 << 20;
    limits.zstd_window_bytes = 8 << 20;
    limits.entries = 512;
    limits.path_bytes = 256;
    limits.kept_file_bytes = 256 << 10;
    limits.database_bytes = 256 << 10;
    limits.metadata_bytes = 4 << 10;
    limits.packages = 256;
    limits.kept_total_bytes = 512 << 10;
    limits.links = 16;
    limits.sbom_bytes = 1 << 20;
    limits.components = 64;
    limits.relationships = 256;
    limits.advisory_bytes = 64 << 10;
    limits.advisories = 64;
    limits.feed_bytes = 1 << 20;
    limits.exported_bytes = 1 << 20;
    limits.releases = 16;
    limits
}

/// A folder for the files of one process. Targets that read files write some for each input: `fuzz/run` points the
/// folder for temporary files to memory, and removes it.
pub fn scratch() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("plimsoll-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Wants whole files by their paths.
pub struct WholeFiles {
    /// Whether a path is wanted.
    pub rule: fn(&str) -> bool,
    /// Paths that are wanted wherever links lead to them.
    pub fixed: &'static [&'static str],
}

impl Select for WholeFiles {
    fn want(&self, path: &str, _: Option<Attributes>) -> Vec<Purpose> {
        if (self.rule)(path) || self.fixed.contains(&path) { vec![Purpose(0)] } else { Vec::new() }
    }

    fn need(&self, _: Purpose) -> Need {
        Need::Whole(Bound::Metadata)
    }

    fn extract(&self, _: Purpose, _: Attributes, content: &[u8], _: &Limits) -> Option<Arc<dyn Fact>> {
        Some(Arc::new(content.to_vec()))
    }

    fn fixed_paths(&self) -> &[&'static str] {
        self.fixed
    }
}

/// An image whose objects are in memory, by digest.
#[derive(Default)]
pub struct Memory {
    top: Option<Descriptor>,
    objects: BTreeMap<Digest, Vec<u8>>,
}

impl Memory {
    /// Stores `bytes`, and returns the descriptor that fits them.
    pub fn put(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::for_bytes(media_type, bytes);
        self.objects.insert(descriptor.digest, bytes.to_vec());
        descriptor
    }

    /// As [`Memory::put`], for what the user named.
    pub fn put_top(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = self.put(media_type, bytes);
        self.top = Some(descriptor.clone());
        descriptor
    }

    fn get(&self, digest: &Digest) -> Result<&Vec<u8>, Error> {
        self.objects.get(digest).ok_or_else(|| Error::Io {
            what: digest.to_string(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
}

impl Source for Memory {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.top.clone().unwrap())
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let bytes = self.get(&descriptor.digest)?;
        descriptor.check(bytes, "manifest")?;
        Ok(bytes.clone())
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Cursor::new(self.get(&descriptor.digest)?.clone())))
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, Error> {
        Ok(Referrers::default())
    }
}
