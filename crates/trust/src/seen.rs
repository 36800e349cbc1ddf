//! All metadata of an instance that was ever verified, stored at once, so that no mirror can make Plimsoll
//! forget it.
//!
//! The Update Framework, 5.3.8, 5.4.5, 5.5.7 and 5.6.6: each file is persisted as soon as it is verified, not
//! only after the whole update is verified. Otherwise a mirror could show a new root, hide it after the
//! failed update, and then get metadata by a withdrawn key accepted. [`crate::Cached`] is the other half: the
//! result of an update, completely or not at all.
//!
//! ```json
//! {"schemaVersion": "plimsoll.dev/trust-seen/v1", "instance": "public-good", "initialRoot": "{…}",
//!  "metadata": {"root_history/17.root.json": "{…}", "timestamp.json": "{…}", "snapshot.json": "{…}", …}}
//! ```
//!
//! Nothing here is trusted when it is read: the client verifies it again, under the newest root. A timestamp
//! whose keys have been withdrawn since then sets no floor, so that a repository can recover from one that
//! ran ahead (5.3.11).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, json, read};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::cache::{Cached, MOST_BYTES, checked_name};
use crate::inspect;

const SCHEMA: &str = "plimsoll.dev/trust-seen/v1";
const FILE: &str = "seen.json";
const LOCK: &str = "lock";

/// The metadata of an instance that was verified at some time, the newest of each role.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SeenMetadata {
    schema_version: String,
    instance: String,
    initial_root: String,
    metadata: BTreeMap<String, String>,
    #[serde(skip)]
    folder: PathBuf,
}

/// A role whose newest metadata is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredRole {
    Timestamp,
    Snapshot,
    Targets,
}

impl StoredRole {
    fn file(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp.json",
            Self::Snapshot => "snapshot.json",
            Self::Targets => "targets.json",
        }
    }
}

impl SeenMetadata {
    /// What was seen of `instance` in `folder`, the folder of all instances; `None` if nothing was ever seen.
    /// An older Plimsoll stored it only in the cache.
    pub(super) fn open(
        folder: &Path,
        instance: &str,
        cached: Option<&Cached>,
    ) -> Result<Option<Self>, Error> {
        let folder = folder.join(checked_name(instance)?);
        let path = folder.join(FILE);
        let place = path.display().to_string();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(cached.map(|cached| Self {
                    metadata: cached.metadata.clone(),
                    ..Self::new(instance, cached.initial_root.clone(), folder)
                }));
            }
            Err(source) => return Err(Error::Unreadable { place, source }),
        };
        let wrong = |problem: String| Error::Cache { path: path.clone(), problem };
        let bytes = read::to_end(file, MOST_BYTES, "trust_bytes", &place)
            .map_err(|error| wrong(error.to_string()))?;
        let mut seen: Self =
            json::from_slice(&bytes, MOST_BYTES).map_err(|error| wrong(error.to_string()))?;
        if seen.schema_version != SCHEMA || seen.instance != instance {
            return Err(wrong(format!("got {} of {}", seen.schema_version, seen.instance)));
        }
        inspect::metadata(&place, "root.json", seen.initial_root.as_bytes(), MOST_BYTES)?;
        for (name, text) in &seen.metadata {
            inspect::metadata(&place, name, text.as_bytes(), MOST_BYTES)?;
        }
        seen.folder = folder;
        Ok(Some(seen))
    }

    /// Only the first root, which the user vouches for. It is written to disk with the first metadata that is
    /// seen.
    pub(super) fn new(instance: &str, initial_root: String, folder: PathBuf) -> Self {
        Self {
            schema_version: SCHEMA.to_owned(),
            instance: instance.to_owned(),
            initial_root,
            metadata: BTreeMap::new(),
            folder,
        }
    }

    /// Waits for other updates of the instance, and keeps them waiting until the result is dropped. Otherwise
    /// one of two updates would erase what the other has seen.
    pub(super) fn lock(folder: &Path, instance: &str) -> Result<File, Error> {
        let folder = folder.join(checked_name(instance)?);
        plimsoll_files::create_folder(&folder)?;
        let path = folder.join(LOCK);
        let locked = File::options().create(true).append(true).open(&path).and_then(|file| {
            match file.lock() {
                // Some network file systems have no locks; there, the user must prevent updates at the same
                // time.
                Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(file),
                result => result.map(|()| file),
            }
        });
        locked.map_err(|source| Error::Unreadable { place: path.display().to_string(), source })
    }

    /// Stores a verified root.
    pub(super) fn root(&mut self, version: u64, bytes: &[u8]) -> Result<(), Error> {
        self.keep(root_file(version), bytes)
    }

    /// Stores verified metadata of another role.
    pub(super) fn role(&mut self, role: StoredRole, bytes: &[u8]) -> Result<(), Error> {
        self.keep(role.file().to_owned(), bytes)
    }

    fn keep(&mut self, name: String, bytes: &[u8]) -> Result<(), Error> {
        let text = String::from_utf8(bytes.to_vec()).map_err(|error| self.broken(error.to_string()))?;
        if self.metadata.get(&name) == Some(&text) {
            return Ok(());
        }
        self.metadata.insert(name, text);
        let bytes = serde_json::to_vec(self).map_err(|error| self.broken(error.to_string()))?;
        plimsoll_files::create_folder(&self.folder)?;
        plimsoll_files::replace(&self.folder.join(FILE), &bytes)?;
        Ok(())
    }

    /// The root of `version`, if it was ever verified.
    pub(super) fn known_root(&self, version: u64) -> Option<&[u8]> {
        self.metadata.get(&root_file(version)).map(String::as_bytes)
    }

    /// The newest metadata of `role` that was ever verified.
    pub(super) fn known(&self, role: StoredRole) -> Option<&[u8]> {
        self.metadata.get(role.file()).map(String::as_bytes)
    }

    /// The root that the first update began with.
    pub(super) fn initial_root(&self) -> &str {
        &self.initial_root
    }

    /// The folder of the instance.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// All metadata, for the cache.
    pub(super) fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Whether `root` is one of the roots that were followed.
    pub(super) fn knows_root(&self, root: &[u8]) -> bool {
        let same = |text: &str| Digest::sha256(text.as_bytes()) == Digest::sha256(root);
        let history = self.metadata.iter().filter(|(name, _)| name.starts_with("root_history/"));
        same(&self.initial_root) || history.map(|(_, text)| text).any(|text| same(text))
    }

    fn broken(&self, problem: String) -> Error {
        Error::Cache { path: self.folder.join(FILE), problem }
    }
}

fn root_file(version: u64) -> String {
    format!("root_history/{version}.root.json")
}
