//! A source that holds an image in memory, and a selection by rule.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use plimsoll_core::rootfs::{FileSet, Select, Want};
use plimsoll_core::{Digest, Limits};
use plimsoll_image::artifact::{self, Artifact};
use plimsoll_image::source::Referrers;
use plimsoll_image::{Descriptor, Error, Source, layers};
use plimsoll_testkit as testkit;

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

    fn referrers(&self, _: &Digest) -> Result<Referrers, Error> {
        Ok(Referrers::default())
    }
}

/// Wants the files that `rule` says, and the well-known paths `fixed`.
pub(crate) struct Rule {
    pub(crate) rule: fn(&str, u64) -> Want,
    pub(crate) fixed: &'static [&'static str],
}

impl Select for Rule {
    fn want(&self, path: &str, size: u64) -> Want {
        (self.rule)(path, size)
    }

    fn fixed_paths(&self) -> &[&'static str] {
        self.fixed
    }
}

pub(crate) const KEEP: Want = Want::Keep { limit: 1 << 20 };

/// Wants every file.
pub(crate) const ALL: Rule = Rule { rule: |_, _| KEEP, fixed: &["etc/os-release"] };

/// Wants only the well-known path.
pub(crate) const FIXED: Rule = Rule { rule: |_, _| Want::Skip, fixed: &["etc/os-release"] };

/// The files by path, with their content as text.
pub(crate) fn texts(files: &FileSet) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    files.iter().map(|file| (file.path.clone(), text(&file.content))).collect()
}
