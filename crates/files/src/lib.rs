//! Durable replacement of files: a file is either the old one or the whole new one, also after a crash.
//!
//! The only crate that calls `fsync`. The order is: temporary file in the same folder, write, `fsync`, rename over the
//! target, `fsync` of the folder. Anything less can leave an empty or torn file after a power failure, because a rename
//! may reach the disk before the data does.
//!
//! Only regular files are replaced. [`stream()`] opens targets that are written into instead: devices, pipes,
//! `/dev/stdout`.
//!
//! [`read`] reads a file that the user named, within a limit. [`cache`] stores what can be fetched again; it
//! is bounded and not durable.

pub mod cache;
mod stream;
mod temporary;

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use plimsoll_core::{Classify, Kind, LimitExceeded};

pub use stream::stream;

use temporary::Temporary;

/// Who may read the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everyone: `0644`.
    Public,
    /// The owner only: `0600`. For private keys.
    Private,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Private => 0o600,
        }
    }
}

/// What went wrong, and with which path. The target is unchanged in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A step of the replacement failed.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// The step, as a verb.
        step: &'static str,
        /// The file or folder concerned.
        path: PathBuf,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// A cache folder that somebody else could have written to.
    #[error("{} {why}", path.display())]
    Shared {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file is larger than its limit.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// [`create`] was called for a file that already exists.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The target is not a regular file.
    #[error("cannot replace {}: got {got}, expected a regular file", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// The kind of file at the path.
        got: &'static str,
    },
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { source, .. } => Kind::of_reading(source),
            Self::Shared { .. } => Kind::Failed,
            Self::Limit(_) => Kind::Usage,
            Self::Exists { .. } | Self::NotRegular { .. } => Kind::Conflict,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("choose another name, or remove the file first".to_owned()),
            Self::Io { step: "create a temporary file in", .. } => {
                Some("the folder must exist and be writable".to_owned())
            }
            Self::Shared { path, .. } => {
                Some(format!("chmod go-w {}, or choose another folder", path.display()))
            }
            Self::NotRegular { .. } => Some("choose another name".to_owned()),
            Self::Io { .. } | Self::Limit(_) => None,
        }
    }
}

/// Reads the file at `path`, at most `limit` bytes; `name` is the name of the limit.
pub fn read(path: &Path, limit: u64, name: &'static str) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Io { step: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    plimsoll_core::read::to_end(file, limit, name, &path.display().to_string()).map_err(|error| match error {
        plimsoll_core::read::Error::Limit(limit) => limit.into(),
        plimsoll_core::read::Error::Io { source, .. } => unreadable(source),
        other => unreadable(io::Error::other(other)),
    })
}

/// Replaces the file at `path` by `bytes`, readable by everyone.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_with(path, Mode::Public, |out| out.write_all(bytes))
}

/// Replaces the file at `path` by what `write` produces. If `write` fails, nothing changes and nothing is
/// left behind. A target that is not a regular file, such as a device, is refused before anything is written.
pub fn replace_with(
    path: &Path,
    mode: Mode,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    stream::replaceable(path)?;
    let temporary = written(path, mode, write)?;
    temporary.replace(path).map_err(|source| Error::Io { step: "replace", path: path.to_owned(), source })?;
    sync_folder(folder_of(path))
}

/// Creates a file that must not exist yet. If two processes create the same name at once, one wins and the
/// other gets [`Error::Exists`].
pub fn create(path: &Path, mode: Mode, bytes: &[u8]) -> Result<(), Error> {
    let temporary = written(path, mode, |out| out.write_all(bytes))?;
    temporary.create(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        _ => Error::Io { step: "create", path: path.to_owned(), source },
    })?;
    sync_folder(folder_of(path))
}

/// Whether [`replace_with`] or [`stream()`] could write to `path` now, so that no work is done for a result
/// that cannot be stored.
pub fn writable(path: &Path) -> Result<(), Error> {
    if stream::is_stream(path) {
        return Ok(());
    }
    stream::replaceable(path)?;
    let folder = folder_of(path);
    tempfile::tempfile_in(folder).map(drop).map_err(|source| Error::Io {
        step: "create a temporary file in",
        path: folder.to_owned(),
        source,
    })
}

/// Gives the file `from`, which is whole, the name `to` in the same folder, replacing what was there.
pub fn promote(from: &Path, to: &Path) -> Result<(), Error> {
    let at = |step| move |source| Error::Io { step, path: to.to_owned(), source };
    File::open(from).and_then(|file| file.sync_all()).map_err(at("make durable"))?;
    fs::rename(from, to).map_err(at("replace"))?;
    sync_folder(folder_of(to))
}

/// Creates a folder and its missing parents; the folder's own entry is durable afterwards.
pub fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Io {
        step: "create the folder",
        path: path.to_owned(),
        source,
    })?;
    sync_folder(folder_of(path))
}

fn written(
    path: &Path,
    mode: Mode,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Temporary, Error> {
    let folder = folder_of(path);
    let temporary = Temporary::new(folder, mode).map_err(|source| Error::Io {
        step: "create a temporary file in",
        path: folder.to_owned(),
        source,
    })?;
    let at = |step| move |source| Error::Io { step, path: path.to_owned(), source };
    let mut out = BufWriter::new(&temporary.file);
    write(&mut out).and_then(|()| out.flush()).map_err(at("write"))?;
    drop(out);
    // The umask may have removed bits of a public file; a private one never gains any.
    let permissions = Permissions::from_mode(mode.bits());
    temporary.file.set_permissions(permissions).map_err(at("set the mode of"))?;
    temporary.file.sync_all().map_err(at("make durable"))?;
    Ok(temporary)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| Error::Io {
        step: "make durable",
        path: folder.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_changes_nothing_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        replace(&path, b"old").unwrap();
        let error = replace_with(&path, Mode::Public, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("disk full"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["db"]);
    }

    #[test]
    fn modes_are_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode, bits) in [("key", Mode::Private, 0o600), ("pub", Mode::Public, 0o644)] {
            let path = folder.path().join(name);
            create(&path, mode, b"x").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, bits);
        }
    }

    #[test]
    fn create_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, Mode::Private, b"first").unwrap();
        let error = create(&path, Mode::Private, b"second").unwrap_err();
        assert!(matches!(error, Error::Exists { .. }) && error.kind() == Kind::Conflict);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["key"]);
    }

    #[test]
    fn an_unwritable_target_is_reported_in_advance() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("old"), "old").unwrap();
        fs::create_dir(path("folder")).unwrap();
        for good in [path("old"), path("new"), PathBuf::from("/dev/null")] {
            writable(&good).unwrap();
        }
        assert_eq!(writable(&path("folder")).unwrap_err().kind(), Kind::Conflict);
        assert_eq!(writable(&path("no/such/file")).unwrap_err().kind(), Kind::NotFound);
        assert_eq!(names(folder.path()), ["folder", "old"], "nothing is left behind");
        assert_eq!(fs::read(path("old")).unwrap(), b"old");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = replace(&folder.path().join("no/such/file"), b"x").unwrap_err();
        assert!(error.to_string().contains("no/such"), "{error}");
        assert_eq!(error.kind(), Kind::NotFound);
    }
}
