//! A file that is written before it replaces another.
//!
//! It has no name until it is whole, so that a process that is killed before then leaves nothing behind. On
//! file systems without this feature, such as NFS, and on systems without `/proc`, the file has a name, and
//! only a killed process leaves it behind.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags};
use tempfile::{NamedTempFile, TempPath};

use crate::Mode;

pub(crate) struct Temporary {
    pub(crate) file: File,
    /// Its path, if it has one.
    path: Option<TempPath>,
    folder: PathBuf,
}

impl Temporary {
    pub(crate) fn new(folder: &Path, mode: Mode) -> io::Result<Self> {
        let folder = folder.to_owned();
        if let Some(file) = unnamed(&folder, mode) {
            return Ok(Self { file, path: None, folder });
        }
        let permissions = Permissions::from_mode(mode.bits());
        let (file, path) = builder().permissions(permissions).tempfile_in(&folder)?.into_parts();
        Ok(Self { file, path: Some(path), folder })
    }

    /// Gives it the name `target`, replacing any file of that name.
    pub(crate) fn replace(self, target: &Path) -> io::Result<()> {
        if let Some(path) = self.path {
            return path.persist(target).map_err(|error| error.error);
        }
        // A link cannot replace a file. So it first gets a temporary name, only until the rename.
        let named: NamedTempFile<()> = builder().make_in(&self.folder, |path| link(&self.file, path))?;
        named.persist(target).map(drop).map_err(|error| error.error)
    }

    /// Gives it the name `target`, which must be unused.
    pub(crate) fn create(self, target: &Path) -> io::Result<()> {
        match self.path {
            Some(path) => path.persist_noclobber(target).map_err(|error| error.error),
            None => link(&self.file, target),
        }
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".plimsoll-");
    builder
}

fn unnamed(folder: &Path, mode: Mode) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, folder, flags, rustix::fs::Mode::from_raw_mode(mode.bits())).ok()?;
    let file = File::from(file);
    // The file gets its name through this path.
    path_of(&file).exists().then_some(file)
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(rustix::fs::linkat(CWD, path_of(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn nothing_is_seen_of_a_file_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("result");
        let mut temporary = Temporary::new(folder.path(), Mode::Public).unwrap();
        // Only if the machine's temporary folder supports files without a name.
        if temporary.path.is_none() {
            temporary.file.write_all(b"half").unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        temporary.replace(&target).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_with_a_name_is_replaced_and_created_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("result");
        let named = |content: &[u8]| {
            let (mut file, path) = builder().tempfile_in(folder.path()).unwrap().into_parts();
            file.write_all(content).unwrap();
            Temporary { file, path: Some(path), folder: folder.path().to_owned() }
        };
        named(b"one").create(&target).unwrap();
        assert_eq!(named(b"two").create(&target).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        named(b"three").replace(&target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
