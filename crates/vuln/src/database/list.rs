//! The list of the files that make up a database: `database.json`.
//!
//! Files are named after their content, so a new file never replaces an old one: a writer adds the new files, and then
//! replaces the list. A reader sees either the old files or the new ones, and a crash in between changes nothing.
//!
//! ```text
//! DIR/database.json     {"files":{"CVE":"sha256:9f…","PyPI":"sha256:1c…"},"schemaVersion":1}
//! DIR/database-4e….sigstore.json   its signature, if there is one
//! DIR/cve-9f….plimsolldb
//! DIR/pypi-1c….plimsolldb
//! ```
//!
//! The signature is named after the digest of the list, so that a list is never read with the signature of another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use plimsoll_core::{Digest, Ecosystem, json, read};
use serde::{Deserialize, Serialize};

use super::file::{self, TableFile};
use super::format::FeedAge;
use super::{ENDING, overlays};
use crate::error::{Damage, Error};

/// The name of the list in the database's folder.
pub const LIST: &str = "database.json";
/// The version of the list's format.
const SCHEMA: u32 = 1;
/// Bytes of the signature of a list. A bundle with a certificate, log entries and timestamps has some 20 KiB.
pub const MAX_SIGNATURE: u64 = 1024 * 1024;
const SIGNATURE_STEM: &str = "database-";
const SIGNATURE_ENDING: &str = ".sigstore.json";

/// The files of a database, by their content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileList {
    schema_version: u32,
    files: BTreeMap<String, Digest>,
}

/// The member that lists of all versions have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: u32,
}

impl Default for FileList {
    fn default() -> Self {
        Self { schema_version: SCHEMA, files: BTreeMap::new() }
    }
}

impl FileList {
    /// Bytes of a list. Each of its files takes less than 200, and there are fewer than a hundred.
    pub const MAX_BYTES: u64 = 64 * 1024;

    /// The list of the database in `dir`; `None` if there is no database. Files without a list, which older versions
    /// wrote, are an error.
    pub fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(LIST);
        match read_within(&path, Self::MAX_BYTES, "database_list_bytes", "the list of the database's files")?
        {
            Some(bytes) => Self::parse(&bytes, &path).map(Some),
            None if holds_files(dir) => Err(Error::Unlisted { dir: dir.to_owned() }),
            None => Ok(None),
        }
    }

    /// Reads a list; `path` names it in messages.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let damaged = || Error::Damaged { path: path.to_owned(), reason: Damage::List };
        let Version { schema_version } = json::from_slice(bytes, Self::MAX_BYTES).map_err(|_| damaged())?;
        if schema_version != SCHEMA {
            let path = path.to_owned();
            return Err(Error::Format { path, got: schema_version, expected: SCHEMA });
        }
        let list: Self = json::from_slice(bytes, Self::MAX_BYTES).map_err(|_| damaged())?;
        if list.names().count() != list.files.len() {
            return Err(damaged());
        }
        Ok(list)
    }

    /// The digest of the list, which identifies the whole database: it contains the digests of all headers, and these
    /// contain those of the rest. It is the subject of a signature.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.encode())
    }

    /// The name of the file with the signature of this list.
    pub fn signature_name(&self) -> String {
        format!("{SIGNATURE_STEM}{}{SIGNATURE_ENDING}", self.digest().hex())
    }

    /// The signature of this list in `dir`. `None` if it is not signed.
    pub(super) fn signature(&self, dir: &Path) -> Result<Option<Vec<u8>>, Error> {
        let path = dir.join(self.signature_name());
        read_within(&path, MAX_SIGNATURE, "database_signature_bytes", "the signature of the database")
    }

    /// Adds this file in place of one about the same ecosystem.
    pub fn insert(&mut self, content: &str, digest: Digest) {
        self.files.insert(content.to_owned(), digest);
    }

    /// Takes out the files in `dir` that this version cannot open, and returns why: they are damaged, missing, or were written by
    /// another version. With them in it, nothing of the database could be read.
    pub fn remove_unreadable(&mut self, dir: &Path) -> Result<Vec<Error>, Error> {
        let mut removed = Vec::new();
        for (content, digest) in self.files.clone() {
            let Some(stem) = stem(&content) else { continue };
            match TableFile::open(dir.join(file_name(stem, digest)), &content, digest) {
                Ok(_) => {}
                Err(error) if is_lost(&error) => {
                    self.files.remove(&content);
                    removed.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// What the files in `dir` say of their feeds. Those that are damaged or missing say nothing. Those that another version wrote
    /// say the same, or are an error: their feeds may be newer than any.
    pub fn ages(&self, dir: &Path) -> Result<Vec<FeedAge>, Error> {
        let mut ages = Vec::new();
        for (content, digest) in &self.files {
            let Some(stem) = stem(content) else { continue };
            match file::ages(dir.join(file_name(stem, *digest)), *digest) {
                Ok(feeds) => ages.extend(feeds),
                Err(error @ Error::Format { .. }) => return Err(error),
                Err(error) if is_lost(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ages)
    }

    /// The digest of the header of the file with this content.
    pub(super) fn get(&self, content: &str) -> Option<Digest> {
        self.files.get(content).copied()
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.files.iter().filter_map(|(content, digest)| stem(content).map(|stem| file_name(stem, *digest)))
    }

    /// The bytes of the list.
    pub fn encode(&self) -> Vec<u8> {
        // Texts and a number always serialize.
        let mut bytes = serde_json::to_value(self).map(|value| json::canonical(&value)).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// How the name of the file with this content starts.
fn stem(content: &str) -> Option<&'static str> {
    if content == overlays::CONTENT {
        return Some(overlays::STEM);
    }
    Ecosystem::from_name(content).map(Ecosystem::id)
}

/// Whether a file stays unreadable, whoever reads it.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Damaged { .. } | Error::Format { .. } => true,
        Error::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// The name of a file.
pub(super) fn file_name(stem: &str, header: Digest) -> String {
    format!("{stem}-{}.{ENDING}", header.hex())
}

/// Whether a file of this name is the signature of some list.
pub fn is_signature(name: &str) -> bool {
    name.strip_prefix(SIGNATURE_STEM).is_some_and(|rest| rest.ends_with(SIGNATURE_ENDING))
}

/// The content of a file; `None` if there is none.
fn read_within(path: &Path, limit: u64, name: &'static str, what: &str) -> Result<Option<Vec<u8>>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    match read::to_end(file, limit, name, what) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(read::Error::Limit(limit)) => Err(limit.into()),
        Err(read::Error::Io { source, .. }) => Err(failed(source)),
        Err(other) => Err(failed(io::Error::other(other))),
    }
}

fn holds_files(dir: &Path) -> bool {
    // Only for a better message than "no vulnerability database".
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| PathBuf::from(entry.file_name()))
        .any(|name| name.extension().is_some_and(|it| it == ENDING))
}
