//! What was fetched before: `feeds.json` in the folder of the publishers' files.
//!
//! A file counts as fetched only if its digest is unchanged. A state that cannot be read counts as missing: everything
//! is fetched again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use plimsoll_core::{Algorithm, Digest, Hasher, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::download::Validators;
use crate::Error;
use crate::publisher::{Announced, Location};
use crate::wanted::Wanted;

const NAME: &str = "feeds.json";
const SCHEMA: u32 = 1;
/// A few hundred files, each with its address.
const BYTES: u64 = 4 * 1024 * 1024;
const PIECE: usize = 128 * 1024;

/// The state of a folder.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    schema_version: u32,
    wanted: Vec<String>,
    files: BTreeMap<String, FileState>,
}

/// The state of one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileState {
    url: String,
    #[serde(flatten)]
    pub(super) validators: Validators,
    digest: Digest,
    pub(super) bytes: u64,
    /// When these bytes were received.
    fetched: Timestamp,
    /// When they were last known to be what the publisher has; for files of older versions of this program, never.
    #[serde(default)]
    pub(super) checked: Timestamp,
    /// What its index announced of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<String>,
}

impl FileState {
    /// Whether it is what an index announces.
    pub(super) fn has(&self, announced: &Announced) -> bool {
        self.announced.as_ref() == Some(&announced.text())
    }
}

impl State {
    pub(super) fn open(folder: &Path) -> Self {
        let bytes = plimsoll_files::read(&folder.join(NAME), BYTES, "state").ok();
        let state = bytes.and_then(|bytes| plimsoll_core::json::from_slice::<Self>(&bytes, BYTES).ok());
        state.filter(|state| state.schema_version == SCHEMA).unwrap_or_default()
    }

    /// What was requested before.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Wanted> {
        self.wanted.iter().filter_map(|text| text.parse().ok())
    }

    pub(super) fn file(&self, name: &str) -> Option<&FileState> {
        self.files.get(name)
    }

    /// What is known of an existing, unchanged file from this address.
    pub(super) fn known(&self, folder: &Path, name: &str, url: &Url) -> Option<FileState> {
        let known = self.files.get(name).filter(|known| known.url == url.as_str())?;
        self.is_whole(folder, name).then(|| known.clone())
    }

    /// Whether a file is there as it was received.
    pub(super) fn is_whole(&self, folder: &Path, name: &str) -> bool {
        let Some(known) = self.files.get(name) else { return false };
        digest_of(&folder.join(name)).is_ok_and(|is| is == (known.digest, known.bytes))
    }

    /// The names of a publisher's files.
    pub(super) fn files_of(&self, publisher: &str) -> Vec<String> {
        let is_own = |name: &&String| name.split('/').next() == Some(publisher);
        self.files.keys().filter(is_own).cloned().collect()
    }

    /// Records that a file is still what the publisher has.
    pub(super) fn unchanged(&mut self, folder: &Path, name: &str, now: Timestamp) -> Result<(), Error> {
        if let Some(known) = self.files.get_mut(name) {
            known.checked = now;
        }
        self.save(folder)
    }

    /// Removes files that nothing names any more.
    pub(super) fn forget_others(
        &mut self,
        folder: &Path,
        is_named: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let others: Vec<String> = self.files.keys().filter(|name| !is_named(name)).cloned().collect();
        if others.is_empty() {
            return Ok(());
        }
        for name in others {
            let path = folder.join(&name);
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Read { path, source });
                }
                _ => {}
            }
            self.files.remove(&name);
        }
        self.save(folder)
    }

    /// Records what is requested from now on.
    pub(super) fn want(&mut self, folder: &Path, wanted: &[Wanted]) -> Result<(), Error> {
        self.wanted = wanted.iter().map(Wanted::to_string).collect();
        self.save(folder)
    }

    /// Records a file that was fetched.
    pub(super) fn fetched(
        &mut self,
        folder: &Path,
        location: &Location,
        url: &Url,
        validators: Validators,
        now: Timestamp,
    ) -> Result<(), Error> {
        let path = folder.join(&location.file);
        let (digest, bytes) =
            digest_of(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let (url, announced) = (url.to_string(), location.announced.as_ref().map(Announced::text));
        let state = FileState { url, validators, digest, bytes, fetched: now, checked: now, announced };
        self.files.insert(location.file.clone(), state);
        self.save(folder)
    }

    fn save(&mut self, folder: &Path) -> Result<(), Error> {
        self.schema_version = SCHEMA;
        let path: PathBuf = folder.join(NAME);
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::Read { path: path.clone(), source: error.into() })?;
        bytes.push(b'\n');
        Ok(plimsoll_files::replace(&path, &bytes)?)
    }
}

fn digest_of(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut bytes, mut piece) = (Hasher::new(Algorithm::Sha256), 0_u64, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece)?;
        let Some(read @ [_, ..]) = piece.get(..read) else { return Ok((hasher.finish(), bytes)) };
        hasher.update(read);
        bytes = bytes.saturating_add(read.len() as u64);
    }
}
