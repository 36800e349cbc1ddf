//! A selection that keeps whole files, for tests of readers of root file systems.

use std::any::Any;
use std::sync::Arc;

use plimsoll_core::rootfs::{Attributes, Bound, Fact, FactCodec, FileSet, FoundFile, Need, Purpose, Select};
use plimsoll_core::{Digest, Limits};

/// Wants whole files by rule, and well-known paths even through links.
pub struct WholeFiles {
    /// Decides by path whether a file is wanted.
    pub rule: fn(&str) -> bool,
    /// Paths that are wanted regardless of the rule.
    pub fixed: &'static [&'static str],
}

impl WholeFiles {
    /// Wants every file, up to [`Limits::metadata_bytes`].
    pub const ALL: Self = Self { rule: |_| true, fixed: &[] };

    const PURPOSE: Purpose = Purpose(0);

    /// The content of a file that was found.
    pub fn content(file: &FoundFile) -> &[u8] {
        file.fact::<Vec<u8>>(Self::PURPOSE).unwrap()
    }

    /// Paths and sizes of files that were too large.
    pub fn oversized(files: &FileSet) -> Vec<(&str, u64)> {
        files.oversized.iter().map(|file| (file.path.as_str(), file.size)).collect()
    }

    /// Paths of files that could not be read, with the reasons.
    pub fn unreadable(files: &FileSet) -> Vec<(&str, &str)> {
        files.unreadable.iter().map(|file| (file.path.as_str(), file.reason.as_str())).collect()
    }
}

impl Select for WholeFiles {
    fn want(&self, path: &str, _: Option<Attributes>) -> Vec<Purpose> {
        if (self.rule)(path) || self.fixed.contains(&path) { vec![Self::PURPOSE] } else { Vec::new() }
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

    fn codec(&self) -> Option<&dyn FactCodec> {
        Some(self)
    }
}

impl FactCodec for WholeFiles {
    fn version(&self) -> Digest {
        Digest::sha256(self.fixed.concat().as_bytes())
    }

    fn encode(&self, _: Purpose, fact: &dyn Fact) -> Option<Vec<u8>> {
        (fact as &dyn Any).downcast_ref::<Vec<u8>>().cloned()
    }

    fn decode(&self, purpose: Purpose, bytes: &[u8]) -> Option<Arc<dyn Fact>> {
        (purpose == Self::PURPOSE).then(|| Arc::new(bytes.to_vec()) as _)
    }
}

/// Wants the same as another selection, and lists every file.
pub struct Listing(pub WholeFiles);

impl Select for Listing {
    fn want(&self, path: &str, attributes: Option<Attributes>) -> Vec<Purpose> {
        self.0.want(path, attributes)
    }

    fn need(&self, purpose: Purpose) -> Need {
        self.0.need(purpose)
    }

    fn extract(
        &self,
        purpose: Purpose,
        attributes: Attributes,
        content: &[u8],
        limits: &Limits,
    ) -> Option<Arc<dyn Fact>> {
        self.0.extract(purpose, attributes, content, limits)
    }

    fn lists_files(&self) -> bool {
        true
    }

    fn fixed_paths(&self) -> &[&'static str] {
        self.0.fixed
    }
}

/// Wants every folder, and no file.
pub struct Folders;

impl Folders {
    /// Paths and real paths of the folders that were found.
    pub fn found(files: &FileSet) -> Vec<(&str, &str)> {
        let folders =
            files.iter().map(|file| (file.path.strip_suffix('/'), file.real_path.strip_suffix('/')));
        folders.map(|(path, real)| (path.unwrap(), real.unwrap())).collect()
    }
}

impl Select for Folders {
    fn want(&self, _: &str, _: Option<Attributes>) -> Vec<Purpose> {
        Vec::new()
    }

    fn want_folder(&self, _: &str) -> Vec<Purpose> {
        vec![Purpose(0)]
    }

    fn folder_endings(&self) -> &[&'static str] {
        &[""]
    }

    fn need(&self, _: Purpose) -> Need {
        Need::Name
    }

    fn extract(&self, _: Purpose, _: Attributes, _: &[u8], _: &Limits) -> Option<Arc<dyn Fact>> {
        None
    }

    fn fixed_paths(&self) -> &[&'static str] {
        &[]
    }
}
