//! Puts new files into the folder of a database.
//!
//! The list of the files is replaced last, so readers see all of them or none. Files of ecosystems that are not among the new
//! ones stay. What no list names any more, or never did because a process was killed, is removed afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use plimsoll_vuln::Error as DatabaseError;
use plimsoll_vuln::database::{ENDING, File, FileList, LIST};

use crate::Error;
use crate::lock::{Occupied, lock};

/// Makes `files` those of the database in `folder`.
pub(crate) fn install(folder: &Path, files: &[File]) -> Result<(), Error> {
    plimsoll_files::create_folder(folder)?;
    // Two processes that put different files into one list would lose some.
    let _lock = lock(folder, Occupied::Wait)?;
    let mut list = match FileList::read(folder) {
        Ok(list) => list.unwrap_or_default(),
        // That is how a database is mended.
        Err(DatabaseError::Damaged { .. } | DatabaseError::Unlisted { .. }) => FileList::default(),
        // Also a list by another version, whose files would be lost.
        Err(error) => return Err(error.into()),
    };
    if !folder.join(LIST).exists() {
        // So that nobody takes files that are not listed yet for those of an older version.
        plimsoll_files::replace(&folder.join(LIST), &list.encode())?;
    }
    for file in files {
        plimsoll_files::replace(&folder.join(&file.name), &file.bytes)?;
        list.insert(file.content, file.digest);
    }
    plimsoll_files::replace(&folder.join(LIST), &list.encode())?;
    remove_others(folder, &list.names().collect())
}

fn remove_others(folder: &Path, names: &BTreeSet<String>) -> Result<(), Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_database_file = Path::new(&name).extension().is_some_and(|ending| ending == ENDING);
        if is_database_file && !name.to_str().is_some_and(|name| names.contains(name)) {
            // It costs room, nothing else.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}
