//! Reading a root file system in a directory: the machine's own `/`, or an unpacked image.
//!
//! Owns the walk. Links are followed only to reach a wanted path, and only inside the root; the walk itself
//! follows no links, does not enter pseudo file systems or those of other machines, and stops at limits. A
//! wanted file that cannot be read is reported, never silently left out. There is no full protection against
//! changes during the walk, but an opened file is checked to be the one that was examined.

mod mounts;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::rootfs::listing::{FileContent, FileList, FileLog, Logged};
use plimsoll_core::rootfs::{
    Attributes, Extraction, FileFacts, FileSet, FoundFile, Purpose, Select, Unreadable, cost_of_record,
};
use plimsoll_core::{Cancel, LimitExceeded, Limits};

use crate::layers::listing::ContentHasher;
use crate::{Error, Progress};
use mounts::{MountKind, Mounts};

/// Reads the files that `select` wants from the root file system in `directory`. `progress` gets the bytes
/// read; there is no total to announce. `cancel` stops it.
pub fn read(
    directory: &Path,
    select: &dyn Select,
    limits: &Limits,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<FileSet, Error> {
    let what = directory.display().to_string();
    let root = fs::canonicalize(directory).map_err(|source| Error::io(what.as_str(), source))?;
    // The root itself must be readable; anything below may lack permissions.
    fs::read_dir(&root).map_err(|source| Error::io(what, source))?;
    let mut walk = Walk {
        mounts: Mounts::below(&root),
        root,
        select,
        limits,
        progress,
        cancel,
        entries: 0,
        kept: 0,
        buffer: Vec::new(),
        found: BTreeMap::new(),
        unreadable: BTreeMap::new(),
        listing: select.lists_files().then(Folder::default),
    };
    walk.tree()?;
    for fixed in select.fixed_paths() {
        walk.through_links(fixed, &select.want(fixed, None))?;
    }
    let mut set = FileSet::default();
    for file in walk.found.into_values() {
        set.insert(file);
    }
    set.unreadable = walk.unreadable.into_values().collect();
    set.listed = walk.listing.map(|listing| Arc::new(listing.into_list()));
    Ok(set)
}

struct Walk<'a> {
    root: PathBuf,
    mounts: Mounts,
    select: &'a dyn Select,
    limits: &'a Limits,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
    entries: u64,
    /// Bytes of facts so far.
    kept: u64,
    /// Content of the file that is being read.
    buffer: Vec<u8>,
    found: BTreeMap<String, FoundFile>,
    unreadable: BTreeMap<String, Unreadable>,
    /// Every file, if they are listed.
    listing: Option<Folder>,
}

/// The files of a folder.
#[derive(Default)]
struct Folder {
    log: FileLog,
    bytes: u64,
    /// Files that are not listed, and why.
    left_out: Vec<(Vec<u8>, String)>,
}

impl Folder {
    fn into_list(self) -> FileList {
        let Self { mut log, left_out, .. } = self;
        log.settle();
        let mut list = FileList::of_folder(log);
        for (path, reason) in left_out {
            list.leave_out(&path, reason);
        }
        list.sort();
        list
    }
}

/// What was made of one file.
struct Taken {
    facts: FileFacts,
    /// Its digests, if it is listed.
    content: Option<FileContent>,
}

impl Walk<'_> {
    /// All directories, in the order of their names.
    fn tree(&mut self) -> Result<(), Error> {
        let mut left: Vec<PathBuf> = vec![PathBuf::new()];
        while let Some(directory) = left.pop() {
            let listing = match fs::read_dir(self.root.join(&directory)) {
                Ok(listing) => listing,
                Err(error) => {
                    self.unreadable(&directory, None, reason(&error));
                    continue;
                }
            };
            let mut below = Vec::new();
            let mut files = Vec::new();
            for entry in listing {
                self.cancel.check()?;
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.unreadable(&directory, None, reason(&error));
                        break;
                    }
                };
                self.entries += 1;
                if self.entries > self.limits.entries {
                    let what = format!("dir:{}", self.root.display());
                    return Err(LimitExceeded::new("entries", self.limits.entries, what).into());
                }
                let path = directory.join(entry.file_name());
                if path.as_os_str().len() as u64 > self.limits.path_bytes {
                    self.unreadable(&path, None, "its path is too long".to_owned());
                    continue;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => below.push(path),
                    Ok(kind) if kind.is_file() || kind.is_symlink() => files.push(path),
                    Ok(_) => {}
                    Err(error) => {
                        self.unreadable(&path, None, reason(&error));
                    }
                }
            }
            files.sort_unstable();
            for path in files {
                self.file(&path)?;
            }
            for path in &below {
                self.folder(path, path)?;
            }
            below.retain(|path| self.enters(path));
            below.sort_unstable_by(|a, b| b.cmp(a));
            left.append(&mut below);
        }
        Ok(())
    }

    fn enters(&mut self, directory: &Path) -> bool {
        match self.mounts.kind(directory) {
            MountKind::Own => true,
            MountKind::Pseudo => false,
            MountKind::Foreign(kind) => {
                self.unreadable(directory, None, format!("a file system of type {kind} is not entered"));
                false
            }
        }
    }

    /// Takes down the folder at `path`, which really is at `real`, if it is wanted.
    fn folder(&mut self, path: &Path, real: &Path) -> Result<(), Error> {
        let last = path.file_name().unwrap_or_default();
        if !self.select.may_want_folder(last.as_bytes()) {
            return Ok(());
        }
        let asked = shown(path);
        let purposes = self.select.want_folder(&asked);
        if purposes.is_empty() {
            return Ok(());
        }
        if path.to_str().is_none() {
            self.unreadable(path, Some(purposes), "its name is not UTF-8".to_owned());
            return Ok(());
        }
        self.keep(cost_of_record(asked.len()), path)?;
        let folder = FoundFile::folder(self.select, &asked, &shown(real), &purposes, None);
        self.found.insert(folder.path.clone(), folder);
        Ok(())
    }

    /// Counts what is kept of the file or folder at `path`.
    fn keep(&mut self, bytes: u64, path: &Path) -> Result<(), Error> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > self.limits.kept_total_bytes {
            let what = format!("wanted files up to {}", shown(path));
            return Err(LimitExceeded::new("kept_total_bytes", self.limits.kept_total_bytes, what).into());
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), Error> {
        self.cancel.check()?;
        let lossy = path.to_string_lossy();
        let metadata = match fs::symlink_metadata(self.root.join(path)) {
            Ok(metadata) => metadata,
            // Files come and go in a running system.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.unreadable(path, None, reason(&error));
                return Ok(());
            }
        };
        let link = metadata.is_symlink();
        let wanted = self.select.want(&lossy, (!link).then(|| attributes(&metadata)));
        if link
            && let Ok(Some((real, metadata))) = self.resolved_folder(path)
            && metadata.is_dir()
        {
            return self.folder(path, &real);
        }
        match path.to_str() {
            _ if wanted.is_empty() && (link || self.listing.is_none()) => Ok(()),
            _ if wanted.is_empty() => self.list(path, &metadata),
            Some(name) if link => self.through_links(name, &wanted),
            Some(name) => {
                let listed = self.listing.is_some();
                self.read(name, path, &metadata, &wanted, listed)
            }
            None => {
                self.unreadable(path, Some(wanted), "its name is not UTF-8".to_owned());
                if link || self.listing.is_none() { Ok(()) } else { self.list(path, &metadata) }
            }
        }
    }

    /// Lists the regular file at `path`, which is not wanted for anything else.
    fn list(&mut self, path: &Path, seen: &Metadata) -> Result<(), Error> {
        let taken = self.facts(path, seen, &[], true);
        self.note(path, taken.map(|taken| taken.content))
    }

    /// Records a file for the inventory of files, or why it is not listed.
    fn note(&mut self, path: &Path, taken: Result<Option<FileContent>, String>) -> Result<(), Error> {
        let Some(listing) = &mut self.listing else { return Ok(()) };
        let name = path.as_os_str().as_bytes();
        listing.bytes = listing.bytes.saturating_add(FileLog::cost(name));
        if listing.bytes > self.limits.file_list_bytes {
            let limit =
                LimitExceeded::new("file_list_bytes", self.limits.file_list_bytes, "the inventory of files");
            return Err(limit.into());
        }
        match taken {
            Ok(Some(content)) => listing.log.push(name, Logged::File(content)),
            Ok(None) => {}
            Err(reason) => listing.left_out.push((name.to_vec(), reason)),
        }
        Ok(())
    }

    /// Records a path that could not be read. If nothing more is known about it, its path decides the
    /// possible purposes.
    fn unreadable(&mut self, path: &Path, wanted: Option<Vec<Purpose>>, reason: String) {
        let path = shown(path);
        let purposes = wanted.unwrap_or_else(|| self.select.want(&path, None));
        self.unreadable.insert(path.clone(), Unreadable { path, reason, purposes });
    }

    /// Reads the regular file at `real`, which is wanted at the path `asked`.
    fn read(
        &mut self,
        asked: &str,
        real: &Path,
        seen: &Metadata,
        wanted: &[Purpose],
        listed: bool,
    ) -> Result<(), Error> {
        let Taken { facts, content } = match self.facts(real, seen, wanted, listed) {
            Ok(taken) => taken,
            Err(reason) => {
                self.unreadable(Path::new(asked), Some(wanted.to_vec()), reason.clone());
                return if listed { self.note(real, Err(reason)) } else { Ok(()) };
            }
        };
        if listed {
            self.note(real, Ok(content))?;
        }
        self.keep(facts.cost(asked.len()), real)?;
        let (path, real_path) = (asked.to_owned(), shown(real));
        let file = FoundFile { path, real_path, facts, layer: None, earlier: Vec::new() };
        self.found.insert(asked.to_owned(), file);
        Ok(())
    }

    /// What was made of a file for these purposes, or why it cannot be read.
    fn facts(
        &mut self,
        real: &Path,
        seen: &Metadata,
        wanted: &[Purpose],
        listed: bool,
    ) -> Result<Taken, String> {
        let mut file = File::open(self.root.join(real)).map_err(|error| reason(&error))?;
        let opened = file.metadata().map_err(|error| reason(&error))?;
        // A link out of the root may have replaced it since it was examined (Docker CVE-2018-15664).
        if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
            return Err("it was replaced while it was being read".to_owned());
        }
        let mut extraction =
            Extraction::new(self.select, wanted, attributes(&opened), self.limits, &mut self.buffer);
        let mut hasher = listed.then(ContentHasher::default);
        let mut piece = vec![0; PIECE];
        loop {
            self.cancel.check().map_err(|stopped| stopped.to_string())?;
            // A file that grows while it is read is read up to its first size.
            let rest = hasher.as_ref().map_or(0, |hasher| opened.len().saturating_sub(hasher.taken()));
            let needed = extraction.needed().max(rest);
            let length = usize::try_from(needed).map_or(PIECE, |needed| needed.min(PIECE));
            let part = piece.get_mut(..length).unwrap_or_default();
            match file.read(part) {
                Ok(0) => {
                    let content = hasher.map(ContentHasher::finish);
                    return Ok(Taken { facts: extraction.finish(), content });
                }
                Ok(count) => {
                    let part = part.get(..count).unwrap_or_default();
                    if extraction.needed() > 0 {
                        extraction.take(part);
                    }
                    if let Some(hasher) = &mut hasher {
                        hasher.take(part);
                    }
                    self.progress.advance(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(reason(&error)),
            }
        }
    }

    /// Finds a path even through links, which are followed inside the root.
    fn through_links(&mut self, path: &str, wanted: &[Purpose]) -> Result<(), Error> {
        if self.found.contains_key(path) {
            return Ok(());
        }
        match self.resolve(path) {
            Ok(Some((real, metadata))) => self.read(path, &real, &metadata, wanted, false),
            Ok(None) => Ok(()),
            Err(reason) => {
                self.unreadable(Path::new(path), Some(wanted.to_vec()), reason);
                Ok(())
            }
        }
    }

    /// Where the symbolic link at `path` leads, if a folder is wanted there.
    fn resolved_folder(&self, path: &Path) -> Result<Option<(PathBuf, Metadata)>, String> {
        let last = path.file_name().unwrap_or_default();
        if self.select.may_want_folder(last.as_bytes()) { self.followed(path.as_os_str()) } else { Ok(None) }
    }

    fn resolve(&self, path: &str) -> Result<Option<(PathBuf, Metadata)>, String> {
        Ok(self.followed(OsStr::new(path))?.filter(|(_, metadata)| metadata.is_file()))
    }

    /// What is at `path`, with links followed inside the root.
    fn followed(&self, path: &OsStr) -> Result<Option<(PathBuf, Metadata)>, String> {
        let mut left: VecDeque<OsString> = names(path).collect();
        let mut real = PathBuf::new();
        let mut links = 0;
        let mut last = None;
        while let Some(name) = left.pop_front() {
            if name == "." {
                continue;
            }
            if name == ".." {
                real.pop();
                last = None;
                continue;
            }
            let next = real.join(&name);
            let metadata = match fs::symlink_metadata(self.root.join(&next)) {
                Ok(metadata) => metadata,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(reason(&error)),
            };
            if !metadata.is_symlink() {
                real = next;
                last = Some(metadata);
                continue;
            }
            links += 1;
            if links > self.limits.links {
                return Err(format!("more than {} symbolic links lead to it", self.limits.links));
            }
            let target = fs::read_link(self.root.join(&next)).map_err(|error| reason(&error))?;
            if target.is_absolute() {
                real = PathBuf::new();
            }
            for name in names(target.as_os_str()).collect::<Vec<_>>().into_iter().rev() {
                left.push_front(name);
            }
        }
        Ok(last.map(|metadata| (real, metadata)))
    }
}

/// Bytes read at once.
const PIECE: usize = 64 << 10;

fn attributes(metadata: &Metadata) -> Attributes {
    Attributes { size: metadata.len(), mode: metadata.mode() & 0o7777 }
}

fn names(path: &OsStr) -> impl Iterator<Item = OsString> {
    let names = path.as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    names.map(|name| OsString::from_vec(name.to_vec())).collect::<Vec<_>>().into_iter()
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Only the kind of error: the operating system's text adds nothing but a number.
fn reason(error: &io::Error) -> String {
    error.kind().to_string()
}
