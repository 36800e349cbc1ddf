//! Finds the publishers' data in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_core::{Algorithm, Digest, Hasher, LimitExceeded, Limits};

use crate::{Entry, Error, zip_input};

/// The name of Debian's folder; `Debian` with a capital is OSV's.
const TRACKER_FOLDER: &str = "debian";

/// One feed in the folder.
#[derive(Debug)]
pub(crate) enum Input {
    /// Debian's security tracker.
    Tracker { path: PathBuf },
    /// Documents in OSV's format.
    Osv {
        /// The ecosystem, by the folder's name.
        name: String,
        files: Files,
    },
}

/// How OSV documents are stored.
#[derive(Debug)]
pub(crate) enum Files {
    Zip(PathBuf),
    /// In a folder, sorted.
    Loose {
        folder: PathBuf,
        files: Vec<PathBuf>,
    },
}

impl Input {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Tracker { .. } => "Debian",
            Self::Osv { name, .. } => name,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Tracker { path } | Self::Osv { files: Files::Zip(path), .. } => path,
            Self::Osv { files: Files::Loose { folder, .. }, .. } => folder,
        }
    }
}

/// All feeds in `from`, in the order of their names.
pub(crate) fn discover(from: &Path) -> Result<Vec<Input>, Error> {
    let mut inputs: BTreeMap<String, Input> = BTreeMap::new();
    let mut add = |input: Input| {
        if let Some(other) = inputs.get(input.name()) {
            return Err(Error::Ambiguous { first: other.path().to_owned(), second: input.path().to_owned() });
        }
        inputs.insert(input.name().to_owned(), input);
        Ok(())
    };
    for path in [from.join(TRACKER_FOLDER).join("tracker.json"), from.join("debian.json")] {
        if path.is_file() {
            add(Input::Tracker { path })?;
        }
    }
    let bucket = from.join("osv");
    let mut folders = folders(from)?;
    if bucket.is_dir() {
        folders.extend(self::folders(&bucket)?);
    }
    for (name, folder) in folders {
        if name != TRACKER_FOLDER
            && folder != bucket
            && let Some(files) = files(&folder)?
        {
            add(Input::Osv { name, files })?;
        }
    }
    Ok(inputs.into_values().collect())
}

fn folders(parent: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut folders: Vec<_> = list(parent)?
        .into_iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
        .collect();
    folders.sort();
    Ok(folders)
}

fn files(folder: &Path) -> Result<Option<Files>, Error> {
    let zip = folder.join("all.zip");
    let is_json = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json") && path.is_file();
    let mut loose: Vec<_> = list(folder)?.into_iter().filter(is_json).collect();
    loose.sort();
    match (zip.is_file(), loose.first()) {
        (true, None) => Ok(Some(Files::Zip(zip))),
        (true, Some(first)) => Err(Error::Ambiguous { first: zip, second: first.clone() }),
        (false, Some(_)) => Ok(Some(Files::Loose { folder: folder.to_owned(), files: loose })),
        (false, None) => Ok(None),
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source: io::Error| Error::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries.map(|entry| entry.map(|e| e.path()).map_err(failed)).collect()
}

impl Files {
    /// Hands every document to `visit`, in a fixed order, and returns the digest of all of them.
    pub(crate) fn read(
        &self,
        limits: &Limits,
        visit: &mut dyn FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<Digest, Error> {
        match self {
            Self::Zip(path) => zip_input::read(path, limits, visit),
            Self::Loose { folder, files } => read_loose(folder, files, limits, visit),
        }
    }
}

fn read_loose(
    folder: &Path,
    files: &[PathBuf],
    limits: &Limits,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<(), Error>,
) -> Result<Digest, Error> {
    if files.len() as u64 > limits.advisories {
        return Err(LimitExceeded::new("advisories", limits.advisories, folder.display().to_string()).into());
    }
    let (mut digest, mut total) = (Hasher::new(Algorithm::Sha256), 0_u64);
    for file in files {
        let failed = |source| Error::Read { path: file.clone(), source };
        let reader = fs::File::open(file).map_err(failed)?;
        let what = file.display().to_string();
        let bytes = match plimsoll_core::read::to_end(reader, limits.advisory_bytes, "advisory_bytes", &what)
        {
            Ok(bytes) => bytes,
            Err(plimsoll_core::read::Error::Limit(limit)) => return Err(limit.into()),
            Err(plimsoll_core::read::Error::Io { source, .. }) => return Err(failed(source)),
            Err(_) => return Err(failed(io::ErrorKind::Other.into())),
        };
        total = total.saturating_add(bytes.len() as u64);
        if total > limits.feed_bytes {
            return Err(
                LimitExceeded::new("feed_bytes", limits.feed_bytes, folder.display().to_string()).into()
            );
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        digest.update(format!("{} {name}\n", Digest::sha256(&bytes)).as_bytes());
        visit(Entry { file, name: None, bytes: &bytes })?;
    }
    Ok(digest.finish())
}
