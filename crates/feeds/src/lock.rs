//! A lock that admits one process at a time to a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use plimsoll_core::Cancel;

use crate::Error;

/// How long until a lock is tried again that others hold. The system has no wait with an end.
const AGAIN: Duration = Duration::from_millis(50);

/// What to do if another process has the lock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Occupied<'a> {
    /// Wait, for work that takes moments.
    Wait,
    /// Wait as long as the caller does, for work that may take minutes.
    WaitUntil(&'a Cancel),
    /// Fail.
    Refuse,
}

/// Takes the folder's `lock`. It is released when the file is closed or the process ends.
pub(crate) fn lock(folder: &Path, occupied: Occupied<'_>) -> Result<File, Error> {
    let path = folder.join("lock");
    let failed = |source| Error::Read { path: path.clone(), source };
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
    let locked = match occupied {
        Occupied::Wait => file.lock().map_err(TryLockError::Error),
        Occupied::Refuse => file.try_lock(),
        Occupied::WaitUntil(cancel) => loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {}
                taken => break taken,
            }
            cancel.check()?;
            thread::sleep(AGAIN);
        },
    };
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
