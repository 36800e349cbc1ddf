//! One process at a time in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::Error;

/// What to do while another process has the folder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Occupied {
    /// Wait. For work that takes moments.
    Wait,
    /// An error.
    Refuse,
}

/// Takes the folder's `lock`. It ends with the file, or with the process.
pub(crate) fn lock(folder: &Path, occupied: Occupied) -> Result<File, Error> {
    let path = folder.join("lock");
    let failed = |source| Error::Read { path: path.clone(), source };
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
    let locked = match occupied {
        Occupied::Wait => file.lock().map_err(TryLockError::Error),
        Occupied::Refuse => file.try_lock(),
    };
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
