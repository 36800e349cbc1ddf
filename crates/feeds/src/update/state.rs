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
    validators: Validators,
    digest: Digest,
    pub(super) bytes: u64,
    /// When these bytes were received.
    fetched: Timestamp,
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

    /// The validators of an existing, unchanged file from this address.
    pub(super) fn validators(&self, folder: &Path, name: &str, url: &Url) -> Option<Validators> {
        let known = self.files.get(name).filter(|known| known.url == url.as_str())?;
        let (digest, bytes) = digest_of(&folder.join(name)).ok()?;
        (digest == known.digest && bytes == known.bytes).then(|| known.validators.clone())
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
        name: &str,
        url: &Url,
        validators: Validators,
        now: Timestamp,
    ) -> Result<(), Error> {
        let path = folder.join(name);
        let (digest, bytes) =
            digest_of(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let state = FileState { url: url.to_string(), validators, digest, bytes, fetched: now };
        self.files.insert(name.to_owned(), state);
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
