//! A bounded cache in a folder: files that may vanish at any time, and that no other user can have written.
//!
//! Owns who may read and write it, its size, and that a file is either whole or absent. Does not own the
//! content of the files: a reader checks their content and [removes](Cache::remove) what is wrong. Nothing is
//! synchronised to disk; after a crash a file may be torn, and the reader's check finds that.
//!
//! ```text
//! FOLDER/              the user's, writable by nobody else; what is made is 0700, files are 0600
//!   v1/
//!     secret           32 random bytes, for names that do not reveal what they were made from
//!     total            approximate bytes of all files; counted anew at least once a day
//!     SECTION/NAME       one file
//! ```
//!
//! Every name is one component, opened relative to its folder without following links, so that a planted link leads
//! nowhere. Anything but a regular file counts as absent. A folder that others can write to is not used at all.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::Error;

/// The layout of the folder.
const VERSION: &str = "v1";
const SECRET: &str = "secret";
const TOTAL: &str = "total";
/// Bytes of the secret.
pub const SECRET_BYTES: usize = 32;
/// The minimum size of a file on most file systems.
const BLOCK: u64 = 4096;
/// How long a count is trusted.
const COUNT_HOLDS: Duration = Duration::from_hours(24);
/// A temporary file older than this was left behind by a run that was killed.
const LEFT_BEHIND: Duration = Duration::from_hours(1);
/// The prefix of temporary files' names.
const TEMPORARY: &str = ".new-";
/// Files that are examined when making room. A cache has at most `limit / 4096`; if there are more, something
/// else wrote them.
const MOST_FILES: usize = 1_000_000;
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An open cache.
pub struct Cache {
    path: PathBuf,
    folder: OwnedFd,
    limit: u64,
    /// Bytes written since they were last added to the total.
    written: AtomicU64,
}

/// A file of the cache.
pub struct Entry {
    /// Its content.
    pub bytes: Vec<u8>,
    /// When it was written, or last [touched](Cache::touch).
    pub modified: SystemTime,
}

/// The size of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fill {
    /// Bytes that its files take on disk.
    pub bytes: u64,
    /// The number of files.
    pub files: usize,
}

impl Cache {
    /// Opens the cache in `path`, and creates it if it is missing. Its files take about `limit` bytes at most.
    pub fn open(path: &Path, limit: u64) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| Error::Io {
            step: "create the folder",
            path: path.to_owned(),
            source,
        })?;
        Self::within(path, limit, subfolder)
    }

    /// The size of the cache in `path`, counted; `None` if there is none. Nothing is created.
    pub fn look(path: &Path) -> Result<Option<Fill>, Error> {
        let existing = |parent: &OwnedFd, name: &str| {
            rustix::fs::openat(parent, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
        };
        match Self::within(path, 0, existing) {
            Ok(cache) => cache.fill().map(Some),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes all files from the cache in `path`, and returns what was removed; `None` if there is no cache.
    pub fn clear(path: &Path) -> Result<Option<Fill>, Error> {
        match Self::look(path)? {
            None => Ok(None),
            Some(fill) => {
                let cache = Self::open(path, 0)?;
                let at = |source: io::Error| Error::Io { step: "empty", path: path.to_owned(), source };
                cache.make_room().map_err(at)?;
                remove_in(&cache.folder, TOTAL);
                Ok(Some(fill))
            }
        }
    }

    fn within(
        path: &Path,
        limit: u64,
        subfolder: impl FnOnce(&OwnedFd, &str) -> Result<OwnedFd, Errno>,
    ) -> Result<Self, Error> {
        let at = |step, error: Errno| Error::Io { step, path: path.to_owned(), source: error.into() };
        let root = rustix::fs::open(path, FOLDER, Mode::empty()).map_err(|e| at("open", e))?;
        own(&root, path)?;
        let folder = subfolder(&root, VERSION).map_err(|e| at("open the folder v1 in", e))?;
        own(&folder, &path.join(VERSION))?;
        Ok(Self { path: path.to_owned(), folder, limit, written: AtomicU64::new(0) })
    }

    /// The cache's own secret; `random` makes it if there is none yet.
    pub fn secret(
        &self,
        random: impl Fn() -> io::Result<[u8; SECRET_BYTES]>,
    ) -> Result<[u8; SECRET_BYTES], Error> {
        let at =
            |source: io::Error| Error::Io { step: "read the secret of", path: self.path.clone(), source };
        for _ in 0..8 {
            match read_file(&self.folder, SECRET, SECRET_BYTES as u64) {
                Ok(Some(entry)) => {
                    if let Ok(secret) = entry.bytes.try_into() {
                        return Ok(secret);
                    }
                    remove_in(&self.folder, SECRET);
                }
                Ok(None) => {}
                Err(error) => return Err(at(error)),
            }
            // The first writer wins: a second secret would make the other writer's files unreadable.
            write_file(&self.folder, SECRET, &random().map_err(at)?, true).map_err(at)?;
        }
        Err(at(io::Error::other("it changes all the time")))
    }

    /// The file `name` in `section`; `None` if there is no readable file: nothing, a link, a device, or more
    /// than `most` bytes. An unreadable entry is removed.
    pub fn read(&self, section: &str, name: &str, most: u64) -> Result<Option<Entry>, Error> {
        let at = |source: io::Error| self.fault("read", section, name, source);
        let Some(folder) = self.section(section).map_err(at)? else { return Ok(None) };
        valid(name).map_err(at)?;
        read_file(&folder, name, most).map_err(at)
    }

    /// Writes the file `name` in `section`, whole or not at all, replacing an existing file.
    pub fn write(&self, section: &str, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let at = |source: io::Error| self.fault("write", section, name, source);
        let charged = charge(bytes.len() as u64);
        // A file that would displace much of the rest is not worth keeping.
        if charged > self.limit / 4 {
            return Ok(());
        }
        valid(section).and_then(|()| valid(name)).map_err(at)?;
        let mut done = Err(io::Error::from(io::ErrorKind::NotFound));
        // Twice, because another process may remove an empty section at this moment.
        for _ in 0..2 {
            let folder = subfolder(&self.folder, section).map_err(|e| at(e.into()))?;
            done = write_file(&folder, name, bytes, false);
            if !done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                break;
            }
        }
        done.map_err(at)?;
        let written = self.written.fetch_add(charged, Ordering::Relaxed).saturating_add(charged);
        // A long-lived process must not wait until it ends.
        if written > self.limit / 8 {
            self.settle()?;
        }
        Ok(())
    }

    /// Records that the file is still valid: it counts as written now.
    pub fn touch(&self, section: &str, name: &str) {
        let opened = self.section(section).ok().flatten().and_then(|folder| open_file(&folder, name).ok());
        if let Some(file) = opened {
            // A file that cannot be touched looks older than it is, which only costs one request.
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, section: &str, name: &str) {
        if let (Ok(Some(folder)), Ok(())) = (self.section(section), valid(name)) {
            remove_in(&folder, name);
        }
    }

    /// Adds the written bytes to the total, and removes the oldest files if the total is too large. Dropping
    /// the cache does this, too.
    pub fn settle(&self) -> Result<(), Error> {
        let written = self.written.swap(0, Ordering::Relaxed);
        if written == 0 {
            return Ok(());
        }
        let at = |source: io::Error| Error::Io { step: "make room in", path: self.path.clone(), source };
        let known = read_file(&self.folder, TOTAL, 32).map_err(at)?.and_then(|entry| {
            let age = entry.modified.elapsed().ok()?;
            let total: u64 = std::str::from_utf8(&entry.bytes).ok()?.trim().parse().ok()?;
            (age < COUNT_HOLDS).then_some((total, entry.modified))
        });
        let estimated = known.map(|(total, _)| total.saturating_add(written));
        let (total, counted) = match (estimated, known) {
            (Some(total), Some((_, since))) if total <= self.limit => (total, since),
            _ => (self.make_room().map_err(at)?.bytes, SystemTime::now()),
        };
        write_file(&self.folder, TOTAL, total.to_string().as_bytes(), false).map_err(at)?;
        // The count keeps its age. Otherwise, a cache in constant use would never be counted anew.
        if let Ok(file) = open_file(&self.folder, TOTAL) {
            let _ = file.set_modified(counted);
        }
        Ok(())
    }

    /// Its size, counted.
    pub fn fill(&self) -> Result<Fill, Error> {
        let at = |source: io::Error| Error::Io { step: "count", path: self.path.clone(), source };
        let files = self.files().map_err(at)?;
        Ok(Fill { bytes: files.iter().map(|file| file.bytes).sum(), files: files.len() })
    }

    /// Removes the oldest files until the rest fits, with some reserve, and returns the new size.
    fn make_room(&self) -> io::Result<Fill> {
        let mut files = self.files()?;
        let mut fill = Fill { bytes: files.iter().map(|file| file.bytes).sum(), files: files.len() };
        if fill.bytes <= self.limit {
            return Ok(fill);
        }
        let wanted = self.limit / 8 * 7;
        files.sort_by(|a, b| (a.modified, &a.section, &a.name).cmp(&(b.modified, &b.section, &b.name)));
        for file in files {
            if fill.bytes <= wanted {
                break;
            }
            if let Ok(Some(folder)) = self.section(&file.section) {
                remove_in(&folder, &file.name);
            }
            fill = Fill { bytes: fill.bytes.saturating_sub(file.bytes), files: fill.files.saturating_sub(1) };
            // Fails as long as anything is in it.
            let _ = rustix::fs::unlinkat(&self.folder, &file.section, AtFlags::REMOVEDIR);
        }
        Ok(fill)
    }

    /// All files in all sections. Files that a killed run left behind are removed on the way.
    fn files(&self) -> io::Result<Vec<CacheEntry>> {
        let mut files = Vec::new();
        for section in names(&self.folder)? {
            let Ok(Some(folder)) = self.section(&section) else { continue };
            for name in names(&folder)? {
                let Ok(stat) = rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) else {
                    continue;
                };
                let modified = modified(&stat);
                if name.starts_with(TEMPORARY) {
                    if modified.elapsed().is_ok_and(|age| age > LEFT_BEHIND) {
                        remove_in(&folder, &name);
                    }
                    continue;
                }
                let bytes = charge(u64::try_from(stat.st_size).unwrap_or_default());
                files.push(CacheEntry { modified, bytes, section: section.clone(), name });
                if files.len() >= MOST_FILES {
                    return Ok(files);
                }
            }
        }
        Ok(files)
    }

    /// The folder of a section, if it is there.
    fn section(&self, section: &str) -> io::Result<Option<OwnedFd>> {
        valid(section)?;
        match rustix::fs::openat(&self.folder, section, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn fault(&self, step: &'static str, section: &str, name: &str, source: io::Error) -> Error {
        Error::Io { step, path: self.path.join(VERSION).join(section).join(name), source }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // The next run that writes counts again if this one could not.
        let _ = self.settle();
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("path", &self.path).field("limit", &self.limit).finish_non_exhaustive()
    }
}

struct CacheEntry {
    modified: SystemTime,
    bytes: u64,
    section: String,
    name: String,
}

/// Refuses a folder that belongs to somebody else or that others may write to: they could write anything
/// there, even a link in place of a folder.
fn own(folder: &OwnedFd, path: &Path) -> Result<(), Error> {
    let stat = rustix::fs::fstat(folder).map_err(|error| Error::Io {
        step: "look at",
        path: path.to_owned(),
        source: error.into(),
    })?;
    let unsafe_because = |why| Err(Error::Shared { path: path.to_owned(), why });
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return unsafe_because("belongs to another user");
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return unsafe_because("can be written by others");
    }
    Ok(())
}

/// A folder within another, created if it is missing.
fn subfolder(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let open = || rustix::fs::openat(parent, name, FOLDER | OFlags::NOFOLLOW, Mode::empty());
    match open() {
        Err(Errno::NOENT) => {}
        // Only a person can have put a link or a file in its place.
        Err(Errno::LOOP | Errno::NOTDIR) => rustix::fs::unlinkat(parent, name, AtFlags::empty())?,
        done => return done,
    }
    match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => open(),
        Err(error) => Err(error),
    }
}

fn open_file(folder: &OwnedFd, name: &str) -> Result<File, Errno> {
    // Without NONBLOCK, opening a pipe would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty()).map(File::from)
}

/// A regular file; anything else under this name is removed.
fn read_file(folder: &OwnedFd, name: &str, most: u64) -> io::Result<Option<Entry>> {
    let file = match open_file(folder, name) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        // A link, or a socket or device without a listener.
        Err(Errno::LOOP | Errno::NXIO) => {
            remove_in(folder, name);
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let stat = rustix::fs::fstat(&file)?;
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || size > most {
        remove_in(folder, name);
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // It may grow while it is read.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        remove_in(folder, name);
        return Ok(None);
    }
    Ok(Some(Entry { bytes, modified: modified(&stat) }))
}

/// Writes a temporary file beside the target and renames it. With `only_new`, an existing file stays.
fn write_file(folder: &OwnedFd, name: &str, bytes: &[u8], only_new: bool) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = format!("{TEMPORARY}{}-{number}-{clock}", std::process::id());
    let mut file = File::from(rustix::fs::openat(folder, &temporary, flags, Mode::RUSR | Mode::WUSR)?);
    let written = file.write_all(bytes).and_then(|()| {
        // Its age is asked of this machine's clock later, and a file server's clock may be another.
        file.set_modified(SystemTime::now())
    });
    let moved = written.and_then(|()| {
        if only_new {
            match rustix::fs::linkat(folder, &temporary, folder, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::EXIST) => remove_in(folder, &temporary),
                Err(error) => return Err(error.into()),
            }
            return Ok(());
        }
        Ok(rustix::fs::renameat(folder, &temporary, folder, name)?)
    });
    if moved.is_err() {
        remove_in(folder, &temporary);
    }
    moved
}

/// Removes the entry of this name. Nothing depends on success.
fn remove_in(folder: &OwnedFd, name: &str) {
    if rustix::fs::unlinkat(folder, name, AtFlags::empty()) == Err(Errno::ISDIR) {
        let _ = rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR);
    }
}

fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder.as_fd())? {
        // This cache gives only ASCII names; files with other names are not its own.
        if let Ok(name) = entry?.file_name().to_str()
            && !matches!(name, "." | "..")
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// One component, of characters without a special meaning to file systems.
fn valid(name: &str) -> io::Result<()> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.is_empty() && name.len() <= 200 && name.bytes().all(fits) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a name for a file of the cache"))
}

fn charge(bytes: u64) -> u64 {
    bytes.max(1).div_ceil(BLOCK).saturating_mul(BLOCK)
}

fn modified(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests;
