//! A publisher's files in a folder, which are read one after the other within the limits.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_core::{Algorithm, Digest, Hasher, LimitExceeded, Limits};

use crate::{Entry, Error, tar_input, zip_input};

/// One feed in the folder.
#[derive(Debug)]
pub(crate) struct Input {
    /// The ecosystem that it covers, by OSV's name.
    pub(crate) content: String,
    pub(crate) files: Files,
}

/// How a feed is stored.
#[derive(Debug)]
pub(crate) enum Files {
    /// A single document with everything.
    One(PathBuf),
    /// Documents in an archive.
    Zip(PathBuf),
    /// Documents in a folder or its subfolders, sorted.
    Loose { folder: PathBuf, files: Vec<PathBuf> },
    /// Documents in the last of these archives, and others that came later.
    Tar { folder: PathBuf, archives: Vec<PathBuf>, later: Vec<PathBuf> },
}

impl Input {
    /// What is left of it without files that are not among these; nothing if that is none of it.
    pub(crate) fn among(self, paths: &BTreeSet<PathBuf>) -> Option<Self> {
        let files = match self.files {
            Files::Loose { folder, mut files } => {
                files.retain(|file| paths.contains(file));
                Files::Loose { folder, files }
            }
            Files::Tar { folder, mut archives, mut later } => {
                archives.retain(|file| paths.contains(file));
                later.retain(|file| paths.contains(file));
                Files::Tar { folder, archives, later }
            }
            Files::One(path) => Files::One(Some(path).filter(|path| paths.contains(path))?),
            Files::Zip(path) => Files::Zip(Some(path).filter(|path| paths.contains(path))?),
        };
        (!files.is_empty()).then_some(Self { files, ..self })
    }
}

impl Files {
    /// Whether there is no document.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Loose { files, .. } => files.is_empty(),
            Self::Tar { archives, .. } => archives.is_empty(),
            Self::One(_) | Self::Zip(_) => false,
        }
    }

    /// The path for messages.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::One(path) | Self::Zip(path) | Self::Loose { folder: path, .. } => path,
            Self::Tar { folder, archives, .. } => archives.last().unwrap_or(folder),
        }
    }

    /// Passes every document to `visit`, in a fixed order, and returns the digest of all of them.
    pub(crate) fn read(
        &self,
        limits: &Limits,
        visit: &mut dyn FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<Digest, Error> {
        self.read_some(limits, &|_| true, visit)
    }

    /// The same, of an archive only the entries whose names are `wanted`.
    pub(crate) fn read_some(
        &self,
        limits: &Limits,
        wanted: &dyn Fn(&str) -> bool,
        visit: &mut dyn FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<Digest, Error> {
        match self {
            Self::Zip(path) => zip_input::read(path, limits, wanted, visit),
            Self::One(path) => {
                let folder = path.parent().unwrap_or(path);
                read_loose(folder, std::slice::from_ref(path), limits, visit)
            }
            Self::Loose { folder, files } => read_loose(folder, files, limits, visit),
            Self::Tar { folder, archives, later } => {
                let of_later = read_loose(folder, later, limits, visit)?;
                let of_archive = match archives.last() {
                    Some(archive) => tar_input::read(archive, limits, wanted, visit)?,
                    None => return Ok(of_later),
                };
                Ok(Digest::sha256(format!("{of_archive}\n{of_later}\n").as_bytes()))
            }
        }
    }
}

/// The folders in `parent` with their names, sorted; names that are not UTF-8 are ignored.
pub(crate) fn folders(parent: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut folders: Vec<_> = list(parent)?
        .into_iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
        .collect();
    folders.sort();
    Ok(folders)
}

/// Documents of a repository: its `archive` in `folder`, or those with this ending, this many levels below `root`.
/// `None` if there are neither.
pub(crate) fn tree(
    folder: PathBuf,
    archive: &str,
    root: PathBuf,
    levels: usize,
    ending: &str,
) -> Result<Option<Files>, Error> {
    let zip = folder.join(archive);
    let mut parents = if root.is_dir() { vec![root] } else { Vec::new() };
    for _ in 0..levels {
        let mut below = Vec::new();
        for parent in parents {
            below.extend(folders(&parent)?.into_iter().map(|(_, path)| path));
        }
        parents = below;
    }
    let mut files = Vec::new();
    for parent in parents {
        files.extend(documents(&parent, &[ending])?);
    }
    match (zip.is_file(), files.first()) {
        (true, None) => Ok(Some(Files::Zip(zip))),
        (true, Some(first)) => Err(Error::Ambiguous { first: zip, second: first.clone() }),
        (false, Some(_)) => Ok(Some(Files::Loose { folder, files })),
        (false, None) => Ok(None),
    }
}

/// The files in `folder`, sorted.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files: Vec<_> = list(folder)?.into_iter().filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// The documents in `folder` whose names have one of these endings, sorted.
pub(crate) fn documents(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let fits = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| endings.contains(&ending)) && path.is_file()
    };
    let mut documents: Vec<_> = list(folder)?.into_iter().filter(fits).collect();
    documents.sort();
    Ok(documents)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source: io::Error| Error::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries.map(|entry| entry.map(|e| e.path()).map_err(failed)).collect()
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
        let name = file.strip_prefix(folder).unwrap_or(file).to_string_lossy();
        digest.update(format!("{} {name}\n", Digest::sha256(&bytes)).as_bytes());
        visit(Entry { file, name: None, bytes: &bytes })?;
    }
    Ok(digest.finish())
}
