//! Opening files below a folder without ever following a link.
//!
//! The folder holds an image's unpacked files, including the image's links. Every part of a path is opened relative to
//! the previous one, and a link anywhere on the way is an error (Docker CVE-2018-15664).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

pub(super) struct ConfinedFolder {
    root: OwnedFd,
    /// The folder of the last file: tars list the files of a folder one after the other.
    last: Option<(Vec<u8>, OwnedFd)>,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Non-blocking, because somebody may have put a FIFO there.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl ConfinedFolder {
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        let root = openat(CWD, root, FOLDER, Mode::empty())?;
        Ok(Self { root, last: None })
    }

    /// Opens the regular file `path`, as a tar names it: `./usr/bin/ls`.
    pub(super) fn open(&mut self, path: &[u8]) -> io::Result<File> {
        let mut parts: Vec<&[u8]> =
            path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        if parts.contains(&&b".."[..]) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path climbs out of the folder"));
        }
        let Some(name) = parts.pop() else { return Err(io::ErrorKind::NotFound.into()) };
        let folder = parts.join(&b'/');
        if self.last.as_ref().is_none_or(|(last, _)| *last != folder) {
            let mut at: Option<OwnedFd> = None;
            for part in parts {
                at = Some(openat(at.as_ref().unwrap_or(&self.root), part, FOLDER, Mode::empty())?);
            }
            self.last = at.map(|at| (folder, at));
        }
        let folder = self.last.as_ref().map_or(&self.root, |(_, folder)| folder);
        let file = File::from(openat(folder, name, FILE, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _};
    use std::os::unix::fs::symlink;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_file_is_found_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("diff/usr/bin")).unwrap();
        std::fs::write(at("diff/usr/bin/ls"), "ls").unwrap();
        std::fs::write(at("diff/top"), "top").unwrap();
        std::fs::write(at("secret"), "host").unwrap();
        symlink(at("secret"), at("diff/usr/file")).unwrap();
        symlink(folder.path(), at("diff/out")).unwrap();
        symlink("usr", at("diff/inside")).unwrap();
        let mut beneath = ConfinedFolder::new(&at("diff")).unwrap();
        for (name, content) in [("./usr/bin/ls", "ls"), ("top", "top"), ("/usr//bin/./ls", "ls")] {
            let mut text = String::new();
            beneath.open(name.as_bytes()).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, content, "{name}");
        }
        let link = beneath.open(b"usr/file").unwrap_err();
        assert_eq!(Errno::from_io_error(&link), Some(Errno::LOOP));
        for (name, kind) in [
            ("out/secret", ErrorKind::NotADirectory),
            ("inside/bin/ls", ErrorKind::NotADirectory),
            ("../secret", ErrorKind::InvalidInput),
            ("usr/../../secret", ErrorKind::InvalidInput),
            ("usr/bin", ErrorKind::NotFound),
            ("", ErrorKind::NotFound),
            (".", ErrorKind::NotFound),
        ] {
            assert_eq!(beneath.open(name.as_bytes()).unwrap_err().kind(), kind, "{name}");
        }
    }

    #[test]
    fn the_folder_itself_is_not_reached_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        symlink("/", folder.path().join("diff")).unwrap();
        let error = ConfinedFolder::new(&folder.path().join("diff")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotADirectory);
    }
}
