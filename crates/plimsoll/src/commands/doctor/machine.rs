//! Cache folder and disk.

use std::path::{Path, PathBuf};

use plimsoll_core::quantity;
use plimsoll_files::cache::{Cache, Fill};
use rustix::fs::{Access, access, statvfs};

use crate::failure::Failure;
use crate::report::doctor::{Check, Status};

/// A database of all ecosystems takes about this much, and is replaced file by file.
const ENOUGH: u64 = 1 << 30;
/// A folder that something else has filled is not counted completely.
const MOST_FILES: usize = 100_000;

/// Whether the cache folder can be used, and how much space is free.
pub(super) fn cache(folder: &Result<PathBuf, Failure>) -> Vec<Check> {
    const NAME: &str = "cache";
    let folder = match folder {
        Ok(folder) => folder,
        Err(failure) => return vec![Check::failed(NAME, failure.clone())],
    };
    let shown = folder.display();
    // A missing folder is created in the nearest existing one above it.
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let writable = existing.is_dir() && access(existing, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    let usable = if writable && existing == folder.as_path() {
        let (bytes, files) = size(folder);
        Check::new(NAME, Status::Ok, format!("{shown}, {}", fill(bytes, files)))
    } else if writable {
        Check::new(NAME, Status::Ok, format!("{shown} is created when it is needed"))
    } else {
        Check::new(NAME, Status::Fail, format!("cannot write to {}", existing.display()))
            .hint("set XDG_CACHE_HOME to a folder of your own, or pass --db DIR")
    };
    vec![usable, disk(existing)]
}

/// The content of the cache `name`.
pub(super) fn kept(name: &'static str, folder: &Result<PathBuf, Failure>) -> Check {
    let folder = match folder {
        Ok(folder) => folder,
        Err(failure) => return Check::failed(name, failure.clone()),
    };
    let shown = folder.display();
    match Cache::look(folder) {
        Ok(Some(Fill { bytes, files })) => {
            Check::new(name, Status::Ok, format!("{shown}, {}", fill(bytes, files)))
        }
        Ok(None) => Check::new(name, Status::Skip, format!("{shown} is created when it is needed")),
        // Without a cache, everything is fetched again.
        Err(error) => {
            let failure = Failure::from(error);
            Check { status: Status::Warn, ..Check::failed(name, failure) }
        }
    }
}

fn disk(path: &Path) -> Check {
    const NAME: &str = "disk";
    match statvfs(path) {
        Ok(numbers) => {
            let free = numbers.f_bavail.saturating_mul(numbers.f_frsize);
            let message = format!("{} free at {}", quantity::size(free), path.display());
            if free < ENOUGH {
                Check::new(NAME, Status::Warn, message).hint("advisory databases need about 1 GiB")
            } else {
                Check::new(NAME, Status::Ok, message)
            }
        }
        Err(error) => Check::new(NAME, Status::Warn, format!("cannot determine the free space: {error}")),
    }
}

/// `1.2 MiB in 3 files`.
fn fill(bytes: u64, files: usize) -> String {
    format!("{} in {}", quantity::size(bytes), quantity::count(files, "file"))
}

/// Bytes and files below `folder`; links are not followed.
fn size(folder: &Path) -> (u64, usize) {
    let (mut bytes, mut files) = (0_u64, 0_usize);
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                bytes = bytes.saturating_add(metadata.len());
                files += 1;
            }
            if files >= MOST_FILES {
                return (bytes, files);
            }
        }
    }
    (bytes, files)
}
