//! Puts new files into the folder of a database.
//!
//! The list of the files is replaced last, so readers see all new files or none. Files of other ecosystems stay, unless they
//! cannot be read: one of another version would make all of the database unreadable. Files that are not in the list, also those
//! of a killed process, are removed afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use plimsoll_vuln::Error as DatabaseError;
use plimsoll_vuln::database::{ENDING, File, FileList, LIST, is_signature};

use crate::Error;
use crate::lock::{Occupied, lock};

/// What a database was when somebody decided to replace it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    list: Option<Vec<u8>>,
    signatures: BTreeSet<String>,
}

impl Seen {
    pub(crate) fn of(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: folder.to_owned(), source };
        let list = match fs::read(folder.join(LIST)) {
            Ok(list) => Some(list),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let mut signatures = BTreeSet::new();
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(failed)?.file_name();
                    signatures.extend(name.to_str().filter(|name| is_signature(name)).map(str::to_owned));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(Self { list, signatures })
    }
}

/// Installs `files` in the database in `folder`, if it still is what was `seen`. Returns which others are no longer in it, and why.
pub(crate) fn install(
    folder: &Path,
    files: &[File],
    seen: Option<&Seen>,
) -> Result<Vec<DatabaseError>, Error> {
    let change = Change::begin_if(folder, seen)?;
    let mut list = change.before.clone();
    for file in files {
        plimsoll_files::replace(&folder.join(&file.name), &file.bytes)?;
        list.insert(file.content, file.digest);
    }
    let removed = list.remove_unreadable(folder)?;
    change.finish(&list, None)?;
    Ok(removed)
}

/// An exclusive change of the database in a folder.
pub(crate) struct Change<'a> {
    folder: &'a Path,
    /// The list of the files before the change.
    pub(crate) before: FileList,
    _lock: fs::File,
}

impl<'a> Change<'a> {
    /// Waits until no other process changes the database in `folder`.
    pub(crate) fn begin(folder: &'a Path) -> Result<Self, Error> {
        Self::begin_if(folder, None)
    }

    /// The same, if the database still is what was `seen`.
    fn begin_if(folder: &'a Path, seen: Option<&Seen>) -> Result<Self, Error> {
        plimsoll_files::create_folder(folder)?;
        // Two processes that update the list at the same time would lose files.
        let lock = lock(folder, Occupied::Wait)?;
        if let Some(seen) = seen
            && Seen::of(folder)? != *seen
        {
            return Err(Error::Replaced { folder: folder.to_owned() });
        }
        let before = match FileList::read(folder) {
            Ok(list) => list.unwrap_or_default(),
            // This repairs a damaged database.
            Err(DatabaseError::Damaged { .. } | DatabaseError::Unlisted { .. }) => FileList::default(),
            // A list by another version is an error too, because its files would be lost.
            Err(error) => return Err(error.into()),
        };
        if !folder.join(LIST).exists() {
            // The list comes first, so that files without a list are not mistaken for those of an older version.
            plimsoll_files::replace(&folder.join(LIST), &before.encode())?;
        }
        Ok(Self { folder, before, _lock: lock })
    }

    /// Installs `list`, whose files all exist, with its signature.
    pub(crate) fn finish(self, list: &FileList, signature: Option<&[u8]>) -> Result<(), Error> {
        let named = list.signature_name();
        if let Some(signature) = signature {
            plimsoll_files::replace(&self.folder.join(&named), signature)?;
        }
        plimsoll_files::replace(&self.folder.join(LIST), &list.encode())?;
        // The signature of an equal list stays valid.
        remove_others(self.folder, &list.names().chain([named]).collect())
    }
}

fn remove_others(folder: &Path, names: &BTreeSet<String>) -> Result<(), Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_of_database = Path::new(&name).extension().is_some_and(|ending| ending == ENDING)
            || name.to_str().is_some_and(is_signature);
        if is_of_database && !name.to_str().is_some_and(|name| names.contains(name)) {
            // A file that cannot be removed only takes space.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}
