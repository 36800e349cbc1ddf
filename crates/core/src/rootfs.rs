//! The seam between what reads a root file system (layers, a directory) and what looks for packages in it.
//!
//! Readers know nothing about package databases and catalogers know nothing about layers. A [`Select`] says
//! for which purposes a path is wanted and how much of the file each purpose needs. The reader hands the
//! bytes over as it reads them, and keeps only the facts that were made of them. The result is a [`FileSet`],
//! in which links are resolved and layers squashed. Paths are relative to the image's root, with `/` between
//! names and none in front: `var/lib/dpkg/status`.
//!
//! A fact depends only on its purpose and the content of the file, never on the path or on other files. So
//! links share it, and so do images that share a layer.

mod codec;
mod extraction;
pub mod listing;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Digest, LimitExceeded, Limits};

pub use codec::FactCodec;
pub use extraction::Extraction;
use listing::FileList;

/// What a file is wanted for: a number that only the [`Select`] that gave it understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(pub u16);

/// How much of a file a purpose needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Only that it exists, with its size and mode.
    Name,
    /// Its first bytes, or all of them when there are fewer.
    Head {
        /// How many.
        bytes: u64,
    },
    /// All of it, piece by piece, regardless of its size.
    Stream,
    /// All of it at once; a file beyond its bound is reported in [`FileSet::oversized`].
    Whole(Bound),
}

/// The limit of a file that is read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It lists many packages: [`Limits::kept_file_bytes`].
    List,
    /// It is about a single package, or about the release: [`Limits::metadata_bytes`].
    Metadata,
    /// It is a package database whose pages point to each other: [`Limits::database_bytes`].
    Database,
}

impl Bound {
    /// In bytes.
    pub fn bytes(self, limits: &Limits) -> u64 {
        match self {
            Self::List => limits.kept_file_bytes,
            Self::Metadata => limits.metadata_bytes,
            Self::Database => limits.database_bytes,
        }
    }

    /// The error for a file that exceeds this bound.
    pub fn exceeded(self, limits: &Limits, size: u64) -> LimitExceeded {
        let name = match self {
            Self::List => "kept_file_bytes",
            Self::Metadata => "metadata_bytes",
            Self::Database => "database_bytes",
        };
        LimitExceeded::new(name, self.bytes(limits), format!("a file of {size} bytes"))
    }
}

/// What the header of a regular file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Its size in bytes; `u64::MAX` for a hard link to a file of another layer, or to one that was already read.
    pub size: u64,
    /// Its permission bits.
    pub mode: u32,
}

/// Decides which files are wanted, and makes facts of them.
pub trait Select: Send + Sync {
    /// What the file at `path` is wanted for, in ascending order; empty for almost every file. Called for
    /// each regular file of each layer, so it must be cheap. `attributes` is `None` for a symbolic link,
    /// because its target may not be known yet; then only the path decides.
    fn want(&self, path: &str, attributes: Option<Attributes>) -> Vec<Purpose>;

    /// What the folder at `path` is wanted for, in ascending order. It is found at its path with a `/` behind, and nothing
    /// is read: that it is there is all there is to a folder. Called for folders whose names end as
    /// [`Self::folder_endings`] says, in any case.
    fn want_folder(&self, _path: &str) -> Vec<Purpose> {
        Vec::new()
    }

    /// How the last names of wanted folders end, in lower case. Almost no folder is wanted, and readers make no path of the
    /// others.
    fn folder_endings(&self) -> &[&'static str] {
        &[]
    }

    /// Whether a folder of this name may be wanted.
    fn may_want_folder(&self, name: &[u8]) -> bool {
        self.folder_endings().iter().any(|ending| {
            let end = name.len().checked_sub(ending.len()).and_then(|start| name.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
        })
    }

    /// Whether it matters what layers below had at the path of a file that is wanted for `purpose`: a package database that
    /// a layer replaces has most packages of the one below it.
    fn keeps_earlier(&self, _purpose: Purpose) -> bool {
        false
    }

    /// How much of a file `purpose` needs.
    fn need(&self, purpose: Purpose) -> Need;

    /// Makes a fact of a file; `None` if the file contains nothing for this purpose. `content` is as much of
    /// the file as the purpose needs, and `limits` bounds what is kept of it. Runs on the thread that reads
    /// the layer.
    fn extract(
        &self,
        purpose: Purpose,
        attributes: Attributes,
        content: &[u8],
        limits: &Limits,
    ) -> Option<Arc<dyn Fact>>;

    /// Takes a file for a purpose that needs it as a stream. `limits` bounds what is kept of it.
    fn stream(
        &self,
        _purpose: Purpose,
        _attributes: Attributes,
        _limits: &Limits,
    ) -> Option<Box<dyn Stream>> {
        None
    }

    /// Whether every regular file is listed with its digests, see [`FileSet::listed`]. Then every layer is read completely, and
    /// nothing is cached for later runs.
    fn lists_files(&self) -> bool {
        false
    }

    /// Well-known paths that must be found even if the file, or a directory above it, is a symbolic link.
    /// Each of them is wanted for at least one purpose.
    fn fixed_paths(&self) -> &[&'static str];

    /// What turns its facts into bytes; `None` if they are not kept for later runs.
    fn codec(&self) -> Option<&dyn FactCodec> {
        None
    }
}

/// Takes the content of one file piece by piece.
pub trait Stream {
    /// The next bytes. Returns false if the rest is not needed.
    fn take(&mut self, piece: &[u8]) -> bool;

    /// The fact, once the file has ended or the rest is not needed.
    fn finish(self: Box<Self>) -> Option<Arc<dyn Fact>>;
}

/// What was made of one file for one purpose. Implemented by every comparable type that has a [`Footprint`].
pub trait Fact: Any + fmt::Debug + Send + Sync {
    /// Approximate size in memory; counts against [`Limits::kept_total_bytes`].
    fn bytes(&self) -> u64;

    /// Whether `other` is the same fact.
    fn is_same(&self, other: &dyn Fact) -> bool;
}

/// How much memory a value takes.
pub trait Footprint {
    /// Approximate bytes of the value and of what it owns.
    fn footprint(&self) -> usize;
}

impl Footprint for Vec<u8> {
    fn footprint(&self) -> usize {
        self.len()
    }
}

impl<T: Footprint + PartialEq + fmt::Debug + Send + Sync + Any> Fact for T {
    fn bytes(&self) -> u64 {
        self.footprint() as u64
    }

    fn is_same(&self, other: &dyn Fact) -> bool {
        (other as &dyn Any).downcast_ref::<T>().is_some_and(|other| other == self)
    }
}

/// The result of a file for one purpose.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// There is nothing in it for this purpose.
    Nothing,
    /// What was made of it.
    Fact(Arc<dyn Fact>),
    /// It is larger than what is read for this purpose.
    TooLarge,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) | (Self::TooLarge, Self::TooLarge) => true,
            (Self::Fact(one), Self::Fact(two)) => one.is_same(two.as_ref()),
            _ => false,
        }
    }
}

/// What was made of one file, for each purpose that it was read for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileFacts {
    size: u64,
    outcomes: Vec<(Purpose, Outcome)>,
}

impl FileFacts {
    /// What was made of a file of `size` bytes.
    pub fn new(size: u64, outcomes: Vec<(Purpose, Outcome)>) -> Self {
        Self { size, outcomes }
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The result for each purpose that the file was read for.
    pub fn outcomes(&self) -> &[(Purpose, Outcome)] {
        &self.outcomes
    }

    /// What was made of it for `purpose`, if that is a `T`.
    pub fn fact<T: Fact>(&self, purpose: Purpose) -> Option<&T> {
        match self.outcome(purpose)? {
            Outcome::Fact(fact) => (fact.as_ref() as &dyn Any).downcast_ref(),
            Outcome::Nothing | Outcome::TooLarge => None,
        }
    }

    /// Whether the file was read for all of `purposes`.
    pub fn cover(&self, purposes: &[Purpose]) -> bool {
        purposes.iter().all(|purpose| self.outcome(*purpose).is_some())
    }

    /// What was made of it for `purposes`, and nothing else.
    #[must_use]
    pub fn only(&self, purposes: &[Purpose]) -> Self {
        let outcomes = self.outcomes.iter().filter(|(purpose, _)| purposes.contains(purpose));
        Self { size: self.size, outcomes: outcomes.cloned().collect() }
    }

    /// The approximate memory for the facts of a file, with a path of `path_bytes` bytes, until the inventory
    /// is made. Even an empty file counts, because an image may have a million of them. Counts against
    /// [`crate::Limits::kept_total_bytes`].
    pub fn cost(&self, path_bytes: usize) -> u64 {
        self.bytes().saturating_add(cost_of_record(path_bytes))
    }

    /// Approximate size of the facts in memory.
    pub fn bytes(&self) -> u64 {
        let facts = self.outcomes.iter().map(|(_, outcome)| match outcome {
            Outcome::Fact(fact) => fact.bytes(),
            Outcome::Nothing | Outcome::TooLarge => 0,
        });
        facts.fold(0, u64::saturating_add)
    }

    /// The purposes for which the file was read.
    pub fn purposes(&self) -> impl Iterator<Item = Purpose> {
        let read = self.outcomes.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::TooLarge));
        read.map(|(purpose, _)| *purpose)
    }

    fn outcome(&self, purpose: Purpose) -> Option<&Outcome> {
        self.outcomes.iter().find(|(known, _)| *known == purpose).map(|(_, outcome)| outcome)
    }

    fn too_large(&self) -> Vec<Purpose> {
        let too_large = self.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::TooLarge));
        too_large.map(|(purpose, _)| *purpose).collect()
    }
}

/// The approximate memory for the record that a path of `path_bytes` bytes is wanted.
pub fn cost_of_record(path_bytes: usize) -> u64 {
    // Measured with 300,000 empty files: the maps of the layer, of the image and of the inventory. Each
    // contains the path.
    const RECORD: u64 = 1 << 10;
    const COPIES: u64 = 4;
    (path_bytes as u64).saturating_mul(COPIES).saturating_add(RECORD)
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
#[derive(Debug, Clone, PartialEq)]
pub struct FoundFile {
    /// The requested path.
    pub path: String,
    /// Where the content really is, after following links.
    pub real_path: String,
    /// What was made of it. Images that share a layer share it.
    pub facts: FileFacts,
    /// The layer that holds the content; `None` for a plain directory.
    pub layer: Option<usize>,
    /// What was there before, the topmost first, where [`Select::keeps_earlier`] asks for it.
    pub earlier: Vec<EarlierFile>,
}

/// A file that a layer replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierFile {
    /// The layer that holds it.
    pub layer: usize,
    /// What was made of it.
    pub facts: FileFacts,
}

impl FoundFile {
    /// The folder at `path`, which really is at `real_path`. Both end with a `/` here, which tells folders from files.
    pub fn folder(
        select: &dyn Select,
        path: &str,
        real_path: &str,
        purposes: &[Purpose],
        layer: Option<usize>,
    ) -> Self {
        let attributes = Attributes { size: 0, mode: 0 };
        let facts =
            Extraction::new(select, purposes, attributes, &Limits::default(), &mut Vec::new()).finish();
        let (path, real_path) = (format!("{path}/"), format!("{real_path}/"));
        Self { path, real_path, facts, layer, earlier: Vec::new() }
    }

    /// What was made of it for `purpose`, if that is a `T`.
    pub fn fact<T: Fact>(&self, purpose: Purpose) -> Option<&T> {
        self.facts.fact(purpose)
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.facts.size
    }
}

/// A wanted file that is too long to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversized {
    /// The requested path.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The purposes for which it is too long.
    pub purposes: Vec<Purpose>,
}

/// A wanted file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The requested path.
    pub path: String,
    /// Why.
    pub reason: String,
    /// The purposes of the file; if the file could not be examined at all, the purposes of its path.
    pub purposes: Vec<Purpose>,
}

/// All wanted files of a root file system.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileSet {
    /// By requested path.
    pub files: BTreeMap<String, FoundFile>,
    /// The layers it was squashed from; empty for a plain directory.
    pub layers: Vec<LayerRef>,
    /// Wanted files that are larger than their limit, in the order of their paths.
    pub oversized: Vec<Oversized>,
    /// Wanted files that could not be read, in the order of their paths.
    pub unreadable: Vec<Unreadable>,
    /// Indexes of the layers whose own digest was not computed: only the files that matter were read, and compared with the
    /// layer's table of contents.
    pub unhashed_layers: Vec<usize>,
    /// Every file, if [`Select::lists_files`] requests it.
    pub listed: Option<Arc<FileList>>,
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

    /// Adds a file that was read. Callers add files in the order of their paths; otherwise
    /// [`Self::oversized`] is not sorted.
    pub fn insert(&mut self, file: FoundFile) {
        let too_large = file.facts.too_large();
        if !too_large.is_empty() {
            let (path, size) = (file.path.clone(), file.size());
            self.oversized.push(Oversized { path, size, purposes: too_large });
        }
        if file.facts.purposes().next().is_some() {
            self.files.insert(file.path.clone(), file);
        }
    }

    /// Adds a regular file of a root file system in memory, if `select` wants it, within the default limits.
    pub fn add(&mut self, select: &dyn Select, path: &str, layer: Option<usize>, content: &[u8]) {
        self.add_within(&Limits::default(), select, path, layer, content);
    }

    /// Adds a folder of a root file system in memory, if `select` wants it.
    pub fn add_folder(&mut self, select: &dyn Select, path: &str, layer: Option<usize>) {
        let purposes = select.want_folder(path);
        let name = path.rsplit('/').next().unwrap_or(path);
        if !purposes.is_empty() && select.may_want_folder(name.as_bytes()) {
            self.insert(FoundFile::folder(select, path, path, &purposes, layer));
        }
    }

    /// Adds a regular file of a root file system in memory, if `select` wants it.
    pub fn add_within(
        &mut self,
        limits: &Limits,
        select: &dyn Select,
        path: &str,
        layer: Option<usize>,
        content: &[u8],
    ) {
        let attributes = Attributes { size: content.len() as u64, mode: 0o644 };
        let purposes = select.want(path, Some(attributes));
        if purposes.is_empty() {
            return;
        }
        let mut buffer = Vec::new();
        let mut extraction = Extraction::new(select, &purposes, attributes, limits, &mut buffer);
        extraction.take(content);
        let facts = extraction.finish();
        let (path, real_path) = (path.to_owned(), path.to_owned());
        self.insert(FoundFile { path, real_path, facts, layer, earlier: Vec::new() });
    }
}
