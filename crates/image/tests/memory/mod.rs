//! A source with an image in memory, and selections.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use plimsoll_core::rootfs::{FileSet, Select};
use plimsoll_core::{Digest, Limits};
use plimsoll_image::artifact::{self, Artifact};
use plimsoll_image::source::Referrers;
use plimsoll_image::{Descriptor, Error, Source, layers};
use plimsoll_testkit as testkit;
use plimsoll_testkit::WholeFiles;

pub(crate) struct MemorySource {
    pub(crate) top: Descriptor,
    pub(crate) objects: BTreeMap<Digest, Vec<u8>>,
}

impl MemorySource {
    pub(crate) fn new(artifact: &testkit::Artifact) -> Self {
        let parts = artifact.parts.iter().chain([&artifact.top]);
        let mut objects: BTreeMap<Digest, Vec<u8>> =
            parts.map(|object| (object.digest(), object.bytes.clone())).collect();
        for image in &artifact.images {
            for object in image.layers.iter().chain([&image.config, &image.manifest]) {
                objects.insert(object.digest(), object.bytes.clone());
            }
        }
        let top = Descriptor::new(artifact.media_type(), artifact.digest(), artifact.size());
        Self { top, objects }
    }

    pub(crate) fn load(&self) -> Result<Artifact, Error> {
        artifact::load(self, &self.top, &Limits::default())
    }

    pub(crate) fn read(&self, select: &dyn Select) -> Result<FileSet, Error> {
        self.read_within(select, &Limits::default())
    }

    pub(crate) fn read_within(&self, select: &dyn Select, limits: &Limits) -> Result<FileSet, Error> {
        let artifact = artifact::load(self, &self.top, limits)?;
        layers::read(self, &artifact.images[0], select, limits, &())
    }
}

impl Source for MemorySource {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.top.clone())
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let missing = || Error::NotFound { what: descriptor.digest.to_string(), place: self.describe() };
        self.objects.get(&descriptor.digest).cloned().ok_or_else(missing)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Cursor::new(self.manifest(descriptor)?)))
    }

    fn lacks(&self, blob: &Descriptor) -> Result<bool, Error> {
        Ok(!self.objects.contains_key(&blob.digest))
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, Error> {
        Ok(Referrers::default())
    }
}

/// Wants every file.
pub(crate) const ALL: WholeFiles = WholeFiles { fixed: &["etc/os-release"], ..WholeFiles::ALL };

/// Wants only the well-known path.
pub(crate) const FIXED: WholeFiles = WholeFiles { rule: |_| false, ..ALL };

/// The files by path, with their content as text.
pub(crate) fn texts(files: &FileSet) -> BTreeMap<String, String> {
    let text = |file| String::from_utf8_lossy(WholeFiles::content(file)).into_owned();
    files.iter().map(|file| (file.path.clone(), text(file))).collect()
}

/// The paths that some runtimes show but others do not.
pub(crate) fn disputed(files: &FileSet) -> BTreeSet<String> {
    let disputed = files.unreadable.iter().filter(|file| file.reason.contains("some runtimes show it"));
    disputed.map(|file| file.path.clone()).collect()
}
