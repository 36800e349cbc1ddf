//! Which files of a folder are documents. Entries that are not read are reported, so that a typing error in a
//! name does not silently disable a deny list.

use std::fmt;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use crate::Error;

/// How many names in a nested folder are examined.
const NESTED_NAMES: usize = 10_000;

/// Endings of files that belong beside documents: keys, certificates and explanations.
const COMPANIONS: &[&str] = &["cer", "crt", "der", "md", "pem", "pub"];

/// The files behind a path.
#[derive(Debug, Default)]
pub struct Listing {
    /// The files to read, in the order of their names.
    pub files: Vec<PathBuf>,
    /// The entries that are not read.
    pub ignored: Vec<Ignored>,
}

/// Something in a folder of documents that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Where it is.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: &'static str,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not read: {}", self.path.display(), self.reason)
    }
}

/// The files behind `path`: the path itself, or the entries of the folder whose names satisfy `is_wanted`. An
/// entry with a wanted name that is not a file is an error, and so is a nested folder that contains files
/// with wanted names.
pub fn list(path: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    if !std::fs::metadata(path).map_err(unreadable(path))?.is_dir() {
        listing.files.push(path.to_owned());
        return Ok(listing);
    }
    for entry in std::fs::read_dir(path).map_err(unreadable(path))? {
        listing.add(&entry.map_err(unreadable(path))?, &is_wanted)?;
    }
    listing.files.sort();
    listing.ignored.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

impl Listing {
    fn add(&mut self, entry: &DirEntry, is_wanted: &impl Fn(&str) -> bool) -> Result<(), Error> {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str() else {
            self.ignored.push(Ignored { path, reason: "its name is not UTF-8" });
            return Ok(());
        };
        // Editors keep their own files under such names, and volumes of a cluster their generations.
        if name.starts_with('.') {
            return Ok(());
        }
        if is_wanted(name) {
            // Links are followed: a link that leads nowhere is a missing document.
            if !std::fs::metadata(&path).map_err(unreadable(&path))?.is_file() {
                return Err(Error::NotAFile { path });
            }
            self.files.push(path);
        } else if path.is_dir() {
            if has_documents(&path, is_wanted)? {
                return Err(Error::Nested { path });
            }
            self.ignored.push(Ignored { path, reason: "nested folders are not read" });
        } else if !is_companion(name) {
            self.ignored.push(Ignored { path, reason: "documents end in .yaml, .yml or .json" });
        }
        Ok(())
    }
}

fn has_documents(folder: &Path, is_wanted: &impl Fn(&str) -> bool) -> Result<bool, Error> {
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))?.take(NESTED_NAMES) {
        let name = entry.map_err(unreadable(folder))?.file_name();
        if name.to_str().is_some_and(is_wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_companion(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| COMPANIONS.contains(&extension)) || super::is_bundle(name)
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> plimsoll_files::Error {
    move |source| plimsoll_files::Error::Io { step: "read", path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::super::is_document;
    use super::*;

    fn listed(folder: &Path) -> Result<(Vec<String>, Vec<String>), Error> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let listing = list(folder, is_document)?;
        let ignored = listing.ignored.iter().map(|ignored| name(&ignored.path)).collect();
        Ok((listing.files.iter().map(name).collect(), ignored))
    }

    #[test]
    fn unread_files_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b.yaml",
            "a.json",
            "deny.YAML",
            "deny.yaml.bak",
            "deny.toml",
            "ci.pub",
            "README.md",
            ".b.yaml.swp",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("old")).unwrap();
        std::fs::write(folder.path().join("old/notes.txt"), "").unwrap();
        let (files, ignored) = listed(folder.path()).unwrap();
        assert_eq!(files, ["a.json", "b.yaml", "deny.YAML"]);
        assert_eq!(ignored, ["deny.toml", "deny.yaml.bak", "old"]);
    }

    #[test]
    fn a_document_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("deny.yaml");
        std::os::unix::fs::symlink(folder.path().join("gone.yaml"), &link).unwrap();
        assert!(matches!(listed(folder.path()), Err(Error::File(_))));
        std::fs::remove_file(&link).unwrap();
        std::fs::create_dir(&link).unwrap();
        assert!(matches!(listed(folder.path()), Err(Error::NotAFile { .. })));
        std::fs::remove_dir(&link).unwrap();
        std::fs::create_dir(folder.path().join("deny")).unwrap();
        std::fs::write(folder.path().join("deny/list.yml"), "").unwrap();
        assert!(matches!(listed(folder.path()), Err(Error::Nested { .. })));
    }
}
