//! What an update stores on disk: one file per instance, replaced as a whole.
//!
//! There is one file, not one per role, so that an update is never stored by half. It is written after
//! everything was verified, the trusted root included (in CVE-2025-2888, a client kept what it had not fully
//! verified, and could not recover). What an update verified before it failed is in `seen.json` beside it,
//! which `seen` owns. `trusted_root.json` and `signing_config.json` beside it are copies for other tools;
//! this crate does not read them.
//!
//! ```json
//! {"schemaVersion": "plimsoll.dev/trust-cache/v1", "instance": "public-good", "mirror": "https://…",
//!  "updated": "2026-11-21T12:00:00Z", "expires": "2026-11-27T…", "versions": {"root": 16, …},
//!  "initialRoot": "{…}", "metadata": {"timestamp.json": "{…}", …}, "trustedRoot": "{…}", "signingConfig": "{…}"}
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_core::{Timestamp, clock, json, read};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::inspect;

const SCHEMA: &str = "plimsoll.dev/trust-cache/v1";
const FILE: &str = "trust.json";
/// A root has up to half a MiB, and there is one for each rotation.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// The stored result of an update.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cached {
    pub(super) schema_version: String,
    pub(super) instance: String,
    pub(super) mirror: String,
    pub(super) updated: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) versions: Versions,
    pub(super) initial_root: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) trusted_root: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signing_config: Option<String>,
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// The versions of the metadata that vouches for the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Version of the keys.
    pub root: u64,
    /// Version of the freshness statement.
    pub timestamp: u64,
    /// Version of the list of lists.
    pub snapshot: u64,
    /// Version of the list of files.
    pub targets: u64,
}

impl Cached {
    /// The cached data of `instance` in `folder`, the folder of all instances; `None` if it was never
    /// updated.
    ///
    /// Signatures are not verified again: whoever can write to this folder can also replace the program. An update
    /// does verify them again.
    pub fn open(folder: &Path, instance: &str) -> Result<Option<Self>, Error> {
        let folder = folder.join(checked_name(instance)?);
        let path = folder.join(FILE);
        let place = path.display().to_string();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Unreadable { place, source }),
        };
        let wrong = |problem: String| Error::Cache { path: path.clone(), problem };
        let bytes = read::to_end(file, MOST_BYTES, "trust_bytes", &place)
            .map_err(|error| wrong(error.to_string()))?;
        let mut cached: Self =
            json::from_slice(&bytes, MOST_BYTES).map_err(|error| wrong(error.to_string()))?;
        if cached.schema_version != SCHEMA || cached.instance != instance {
            return Err(wrong(format!("got {} of {}", cached.schema_version, cached.instance)));
        }
        for (name, text) in &cached.metadata {
            if !name.starts_with("targets/") {
                inspect::metadata(&place, name, text.as_bytes(), MOST_BYTES)?;
            }
        }
        cached.folder = folder;
        Ok(Some(cached))
    }

    /// The names of the instances in `folder`.
    pub fn instances(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().join(FILE).is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// The instance's name.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Where it came from.
    pub fn mirror(&self) -> &str {
        &self.mirror
    }

    /// When it was last updated; also the latest time seen.
    pub fn updated(&self) -> Timestamp {
        self.updated
    }

    /// When the metadata expires.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The versions of the metadata.
    pub fn versions(&self) -> Versions {
        self.versions
    }

    /// `trusted_root.json`, as it was fetched.
    pub fn trusted_root(&self) -> &[u8] {
        self.trusted_root.as_bytes()
    }

    /// The signing config, as it was fetched; older instances have none.
    pub fn signing_config(&self) -> Option<&[u8]> {
        self.signing_config.as_deref().map(str::as_bytes)
    }

    /// The folder with the copies for other tools.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Refuses a time before the last update: with the clock set back, expired metadata would be valid again.
    pub fn clock_is_not_behind(&self, now: Timestamp) -> Result<(), Error> {
        // A small correction of the clock does not count as setting it back.
        if self.updated.duration_since(now) > clock::SKEW {
            return Err(Error::ClockSetBack { now, seen: self.updated, folder: self.folder.clone() });
        }
        Ok(())
    }

    pub(super) fn schema() -> String {
        SCHEMA.to_owned()
    }

    /// Writes everything to disk. The authoritative file is replaced last.
    pub(super) fn store(&self) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Error::Cache { path: self.folder.clone(), problem: error.to_string() })?;
        plimsoll_files::create_folder(&self.folder)?;
        plimsoll_files::replace(&self.folder.join("trusted_root.json"), self.trusted_root())?;
        if let Some(config) = self.signing_config() {
            plimsoll_files::replace(&self.folder.join("signing_config.json"), config)?;
        }
        plimsoll_files::replace(&self.folder.join(FILE), &bytes)?;
        Ok(())
    }
}

/// Refuses a name that is not a single folder name, wherever it came from.
pub(super) fn checked_name(name: &str) -> Result<&str, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(Error::File {
            place: "instance".to_owned(),
            problem: format!("got the name {name:?}, expected letters, digits, `.`, `-` and `_`"),
        });
    }
    Ok(name)
}
