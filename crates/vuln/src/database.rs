//! The advisory database: a directory with one file for each ecosystem, `pypi-….plimsolldb`, `debian-….plimsolldb`, …,
//! one for facts by CVE, `cve-….plimsolldb`, and the list of them, `database.json`.
//!
//! Owns the format of the files, and reads them. It neither fetches nor parses publishers' data, and does not
//! know what is installed.
//!
//! Opening reads the headers. The directory of an ecosystem is read as a whole at its first lookup; packages and texts are read in
//! blocks. Every file stays open, so that a replacement during a scan does not mix two states. Everything is compared with
//! digests that lead up to the list of files when it is read: what was damaged, or changed since the file was opened, is an error,
//! never another answer.

mod advisories;
mod blocks;
mod file;
mod format;
mod list;
mod overlays;
mod record;
mod texts;
mod wire;
mod writer;

use std::io;
use std::path::Path;

use plimsoll_core::{Algorithm, Cancel, Digest, Ecosystem, Hasher, Timestamp};
use serde::Serialize;

pub use advisories::{Advisories, Feed, Package};
pub use format::{FeedAge, Malformed};
pub use list::{FileList, LIST, MAX_SIGNATURE, is_signature};
pub use overlays::{Epss, Kev, Overlay, Overlays, Statement, VexStatus, is_cve};
pub use record::{Detail, Entry, Place, VulnerableFunctions};
pub use writer::{Counts, FeedDescription, File, NewDetail, NewEntry, OverlayWriter, Writer, key};

use crate::error::{Damage, Error};
use crate::order::{self, VersionOrder};
use file::TableFile;
use format::FeedHeader;

/// The extension of database files.
pub const ENDING: &str = "plimsolldb";
/// How often a database may be replaced while it is opened. Building one takes longer than opening it.
const REPLACEMENTS: usize = 16;

/// An open database.
#[derive(Debug)]
pub struct Database {
    /// In the order of the files' names.
    advisories: Vec<Advisories>,
    overlays: Option<Overlays>,
    list: FileList,
    /// The bundle with the signature of the list, as it lay there.
    signature: Option<Result<Vec<u8>, String>>,
}

/// An open file of the database, as it is stored.
#[derive(Debug)]
pub struct Stored<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its size in bytes.
    pub bytes: u64,
    file: &'a TableFile,
}

impl Stored<'_> {
    /// Passes its bytes from the start to `take`. Each piece was compared with its digest, so that they are those that a signature
    /// is about, whatever is written into the file meanwhile.
    pub fn copy<E: From<Error>>(&self, take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.file.copy(take)
    }
}

/// The status of one feed: the data of one publisher for one ecosystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedStatus {
    /// OSV's name of the ecosystem; `CVE` for facts that do not depend on the package.
    pub ecosystem: String,
    /// Who published the data.
    pub publisher: String,
    /// When it was retrieved from the publisher.
    pub as_of: Timestamp,
    /// The date that the publisher gives the data, if it gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// How many advisories are in it.
    pub advisories: u64,
    /// How many packages they cover; in an ecosystem with releases, each release counts.
    pub packages: u64,
    /// The releases that the feed covers; empty if the ecosystem has none.
    pub releases: Vec<String>,
    /// Identifies the whole file: the digest of its header, which contains the digests of the rest.
    pub file_digest: Digest,
    /// Digest of the publisher's data that it was built from.
    pub source: Digest,
    /// Size of the file, which all feeds of the ecosystem share.
    pub bytes: u64,
    /// The licence of the publisher's data, if it is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The reader has not been tested with the publisher's real files yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
    /// Documents that could not be read, whose packages are undecided.
    #[serde(skip_serializing_if = "Malformed::is_none")]
    pub malformed: Malformed,
}

impl FeedStatus {
    fn new(file: &TableFile, feed: &FeedHeader) -> Self {
        Self {
            ecosystem: file.header().content.clone(),
            publisher: feed.publisher.clone(),
            as_of: feed.as_of,
            published: feed.published,
            advisories: feed.advisories,
            packages: feed.packages,
            releases: feed.releases.clone(),
            file_digest: file.digest(),
            source: feed.source,
            bytes: file.bytes(),
            licence: feed.licence.clone(),
            unproven: feed.unproven,
            malformed: feed.malformed.clone(),
        }
    }
}

impl Database {
    /// A database that covers nothing yet: every component is a gap.
    pub fn empty() -> Self {
        let (advisories, overlays, signature) = (Vec::new(), None, None);
        Self { advisories, overlays, list: FileList::default(), signature }
    }

    /// Opens the database in `dir`. While others change it, that is the database before the change or after it.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let mut opened = Self::open_once(dir);
        for _ in 0..REPLACEMENTS {
            match &opened {
                // It belongs to a database that was replaced after its list was read.
                Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    opened = Self::open_once(dir);
                }
                _ => break,
            }
        }
        opened
    }

    fn open_once(dir: &Path) -> Result<Self, Error> {
        let list = FileList::read(dir)?.ok_or_else(|| Error::NoDatabase { dir: dir.to_owned() })?;
        // One that cannot be read is none for whoever asks for one, and nothing for all others.
        let signature = list.signature(dir).map_err(|error| error.to_string()).transpose();
        let database = Self::open_files(dir, list, signature)?;
        if database.signature.is_none() && FileList::read(dir)?.is_none_or(|now| now != database.list) {
            // The signature may have been removed together with the list that it is of.
            let path = dir.join(LIST);
            return Err(Error::Read { path, source: io::ErrorKind::NotFound.into() });
        }
        Ok(database)
    }

    fn open_files(
        dir: &Path,
        list: FileList,
        signature: Option<Result<Vec<u8>, String>>,
    ) -> Result<Self, Error> {
        let open = |stem: &str, content: &str| {
            let digest = list.get(content);
            digest.map(|it| TableFile::open(dir.join(list::file_name(stem, it)), content, it)).transpose()
        };
        let mut advisories = Vec::new();
        for (ecosystem, order) in covered() {
            if let Some(file) = open(ecosystem.id(), ecosystem.name())? {
                advisories.push(Advisories::new(ecosystem, order, file));
            }
        }
        let overlays = open(overlays::STEM, overlays::CONTENT)?.map(Overlays);
        if advisories.is_empty() {
            return Err(Error::NoDatabase { dir: dir.to_owned() });
        }
        Ok(Self { advisories, overlays, list, signature })
    }

    /// The list of its files, which a signature is about.
    pub fn list(&self) -> &FileList {
        &self.list
    }

    /// The bundle with the signature of [`Database::list`], or why it cannot be read. Nobody verified it.
    pub fn signature(&self) -> Option<Result<&[u8], &str>> {
        self.signature.as_ref().map(|read| read.as_deref().map_err(String::as_str))
    }

    /// Its files, in the order of the list.
    pub fn stored(&self) -> Result<Vec<Stored<'_>>, Error> {
        let stored = |name: String| {
            let file = self.tables().find(|file| file.name() == Some(&name));
            let stored = file.and_then(|file| Some(Stored { name: file.name()?, bytes: file.bytes(), file }));
            stored.ok_or_else(|| Error::Damaged { path: name.into(), reason: Damage::List })
        };
        self.list.names().map(stored).collect()
    }

    fn tables(&self) -> impl Iterator<Item = &TableFile> {
        self.advisories.iter().map(|advisories| &advisories.file).chain(self.overlays.iter().map(|it| &it.0))
    }

    /// The state of each feed with advisories, in the order of the files' names.
    pub fn feeds(&self) -> Vec<FeedStatus> {
        self.advisories.iter().flat_map(Advisories::status).collect()
    }

    /// The state of every feed, of overlays as well.
    pub fn status(&self) -> Vec<FeedStatus> {
        let overlays = self.overlays.iter().flat_map(Overlays::status);
        self.advisories.iter().flat_map(Advisories::status).chain(overlays).collect()
    }

    /// One digest for all files, for verdicts to name.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let advisories = self.advisories.iter().map(|a| (a.ecosystem().id(), &a.file));
        let overlays = self.overlays.iter().map(|overlays| (overlays::STEM, &overlays.0));
        for (stem, file) in advisories.chain(overlays) {
            hasher.update(format!("{stem} {}\n", file.digest()).as_bytes());
        }
        hasher.finish()
    }

    /// Reads every byte of every file and decodes every record.
    pub fn verify(&self) -> Result<(), Error> {
        self.verify_until(&Cancel::never())
    }

    /// The same, until the caller no longer waits.
    pub fn verify_until(&self, cancel: &Cancel) -> Result<(), Error> {
        self.advisories.iter().try_for_each(|advisories| advisories.verify(cancel))?;
        self.overlays.iter().try_for_each(|overlays| overlays.verify(cancel))
    }

    /// The advisories about packages of `ecosystem`; `None` if no feed covers it.
    pub fn advisories(&self, ecosystem: Ecosystem) -> Option<&Advisories> {
        self.advisories.iter().find(|advisories| advisories.ecosystem() == ecosystem)
    }

    /// The advisories of each ecosystem, in the order of the files' names.
    pub fn files(&self) -> impl Iterator<Item = &Advisories> {
        self.advisories.iter()
    }

    /// The facts by CVE; `None` if no feed has any.
    pub fn overlays(&self) -> Option<&Overlays> {
        self.overlays.as_ref()
    }
}

/// The ecosystems that a database may contain, in the order of their files' names.
fn covered() -> Vec<(Ecosystem, &'static dyn VersionOrder)> {
    let order = |ecosystem: &Ecosystem| Some((*ecosystem, order::of_ecosystem(*ecosystem)?));
    let mut covered: Vec<_> = Ecosystem::ALL.iter().filter_map(order).collect();
    covered.sort_unstable_by_key(|(ecosystem, _)| ecosystem.id());
    covered
}

#[cfg(test)]
mod tests;
