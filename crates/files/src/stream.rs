//! Paths that a result is written into, because their files cannot be replaced: devices, pipes, and
//! descriptors that are already open, such as `/dev/stdout`.
//!
//! A rename over such a path would remove the device for everyone: `/dev/null` would become a file that fills
//! up.

use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use crate::{Error, folder_of};

/// How many links are followed on the way to a descriptor: as many as the kernel follows.
const LINKS: usize = 40;

/// Opens the file at `path` if it is a character device, a pipe or an open descriptor. `None` means that the
/// path can be replaced, or that [`crate::replace_with`] reports why not.
pub fn stream(path: &Path) -> Result<Option<File>, Error> {
    // If the path cannot be examined, the replacement reports it.
    let Ok(metadata) = fs::metadata(path) else { return Ok(None) };
    if !is_stream(path) {
        return Ok(None);
    }
    let unusable = |source| Error::Io { step: "open", path: path.to_owned(), source };
    // Standard output and error are used as they are: a socket cannot be opened again, nor the terminal of another user.
    for own in [io::stdout().as_fd(), io::stderr().as_fd()] {
        let own = File::from(own.try_clone_to_owned().map_err(unusable)?);
        let same = own.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (metadata.dev(), metadata.ino()));
        if same {
            return Ok(Some(own));
        }
    }
    // Appending keeps what a redirection such as `3>>log` found.
    OpenOptions::new().append(true).open(path).map(Some).map_err(unusable)
}

/// Whether a result is written into `path`. Nothing is opened, because that would wait for the reader of a
/// pipe.
pub(crate) fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_char_device() || kind.is_fifo() || is_descriptor(path)
    })
}

/// Refuses a path whose file is not a regular file. A link to a regular file is replaced, not the file.
pub(crate) fn replaceable(path: &Path) -> Result<(), Error> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    let refuse = |got| Err(Error::NotRegular { path: path.to_owned(), got });
    if !metadata.is_symlink() {
        return if metadata.is_file() { Ok(()) } else { refuse(name(metadata.file_type())) };
    }
    match fs::metadata(path) {
        Ok(target) if !target.is_file() => refuse(name(target.file_type())),
        Ok(_) if is_descriptor(path) => refuse("an open descriptor"),
        // A link that leads nowhere can be replaced.
        _ => Ok(()),
    }
}

/// Whether `path` leads to a descriptor of a process, as `/dev/stdout` and `/dev/fd/3` do, regardless of the
/// kind of file.
fn is_descriptor(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(folder) = fs::canonicalize(folder_of(&path)) else { return false };
        if folder.starts_with("/proc") && folder.ends_with("fd") {
            return true;
        }
        let Ok(target) = fs::read_link(&path) else { return false };
        path = folder.join(target);
    }
    false
}

fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    use plimsoll_core::{Classify as _, Kind};

    use super::*;
    use crate::replace;

    fn fifo(path: &Path) {
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    }

    /// The path that `/dev/fd/N` leads to.
    fn descriptor(file: &File) -> PathBuf {
        Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
    }

    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fifo(&path("pipe"));
        fs::create_dir(path("folder")).unwrap();
        let _listener = UnixListener::bind(path("socket")).unwrap();
        symlink(path("pipe"), path("link")).unwrap();
        let open = tempfile::tempfile().unwrap();
        symlink(descriptor(&open), path("descriptor")).unwrap();
        for (name, got) in [
            ("pipe", "a pipe"),
            ("folder", "a folder"),
            ("socket", "a socket"),
            ("link", "a pipe"),
            ("descriptor", "an open descriptor"),
        ] {
            let before = fs::symlink_metadata(path(name)).unwrap().ino();
            let error = replace(&path(name), b"x").unwrap_err();
            assert_eq!(error.kind(), Kind::Conflict, "{error}");
            assert!(error.to_string().contains(got), "{error}");
            assert_eq!(fs::symlink_metadata(path(name)).unwrap().ino(), before, "{name}");
        }
    }

    #[test]
    fn a_link_to_a_file_and_one_that_leads_nowhere_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "old").unwrap();
        symlink("file", path("link")).unwrap();
        symlink("nowhere", path("broken")).unwrap();
        for name in ["link", "broken"] {
            assert!(stream(&path(name)).unwrap().is_none(), "{name}");
            replace(&path(name), b"new").unwrap();
            assert!(fs::symlink_metadata(path(name)).unwrap().is_file(), "{name}");
        }
        assert_eq!(fs::read(path("file")).unwrap(), b"old");
    }

    #[test]
    fn a_pipe_and_a_device_are_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        fifo(&path);
        let reader = std::thread::spawn({
            let path = path.clone();
            move || fs::read_to_string(path).unwrap()
        });
        stream(&path).unwrap().unwrap().write_all(b"result").unwrap();
        assert_eq!(reader.join().unwrap(), "result");
        stream(Path::new("/dev/null")).unwrap().unwrap().write_all(b"result").unwrap();
    }

    #[test]
    fn a_descriptor_of_a_file_is_written_into_behind_what_is_there() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before ").unwrap();
        stream(&descriptor(&file)).unwrap().unwrap().write_all(b"after").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "before after");
    }
}
