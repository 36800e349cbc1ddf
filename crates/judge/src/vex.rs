//! VEX documents from files and folders.
//!
//! Owns which files are read. Their content and its effect on a scan are in [`plimsoll_vuln::vex`].

use std::path::{Path, PathBuf};

use plimsoll_core::{LimitExceeded, Limits};
use plimsoll_vuln::vex::{self, Document};

use crate::Error;

/// How deep folders may be nested. Repositories of VEX documents have one for each part of a package URL, about ten.
const DEPTH: usize = 32;

/// The documents in files and folders.
#[derive(Debug, Default)]
pub struct VexFiles {
    /// In the order in which they were named. Documents of a folder are in the order of their paths.
    pub documents: Vec<Document>,
    /// The files in folders that are not VEX documents.
    pub others: Vec<PathBuf>,
}

impl VexFiles {
    /// Reads the documents in `paths`. A named file must be one. In folders, every `.json` is read, also in nested
    /// ones: a list of documents or a package's SBOM may be among them, but an unreadable file that claims to be VEX is
    /// an error, because it may be the correction of another one.
    pub fn load(paths: &[PathBuf], limits: &Limits) -> Result<Self, Error> {
        let (mut loaded, mut left) = (Self::default(), limits.vex_documents);
        for path in paths {
            let unreadable = |source| plimsoll_files::Error::Io { step: "read", path: path.clone(), source };
            if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
                loaded.add(path, limits, &mut left)?;
                continue;
            }
            let mut files = Vec::new();
            walk(path, 0, limits, &mut files)?;
            files.sort();
            for file in files {
                match loaded.add(&file, limits, &mut left) {
                    Err(Error::Vex { source, .. }) if source.is_something_else() => loaded.others.push(file),
                    other => other?,
                }
            }
        }
        Ok(loaded)
    }

    fn add(&mut self, path: &Path, limits: &Limits, left: &mut usize) -> Result<(), Error> {
        *left = left.checked_sub(1).ok_or_else(|| too_many(path, limits))?;
        let bytes = plimsoll_files::read(path, limits.vex_bytes, "vex_bytes")?;
        let document = vex::read(&bytes, &path.display().to_string(), limits.vex_bytes);
        let document = document.map_err(|source| Error::Vex { path: path.to_owned(), source })?;
        self.documents.push(document);
        Ok(())
    }
}

fn too_many(path: &Path, limits: &Limits) -> plimsoll_files::Error {
    LimitExceeded::new("vex_documents", limits.vex_documents as u64, path.display().to_string()).into()
}

/// Adds the documents below a folder. Links are not followed, because they may be circular.
fn walk(folder: &Path, depth: usize, limits: &Limits, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |source| plimsoll_files::Error::Io { step: "read", path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if depth >= DEPTH {
                return Err(Error::Nested { path });
            }
            walk(&path, depth + 1, limits, files)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
                return Err(Error::NotAFile { path });
            }
            files.push(path);
            if files.len() > limits.vex_documents {
                return Err(too_many(folder, limits).into());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VEX: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:x", "author": "a", "version": 1,
        "timestamp": "2026-11-01T00:00:00Z", "statements": []}"#;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_may_have_other_files_but_no_broken_documents() {
        let there =
            folder(&[("b/c/x.openvex.json", VEX), ("a.JSON", VEX), ("index.json", "{}"), ("x.txt", "")]);
        let loaded = VexFiles::load(&[there.path().to_owned()], &Limits::default()).unwrap();
        let names = |all: &[Document]| all.iter().map(|it| it.source.clone()).collect::<Vec<_>>();
        let at = |name: &str| there.path().join(name).display().to_string();
        assert_eq!(names(&loaded.documents), [at("a.JSON"), at("b/c/x.openvex.json")]);
        assert_eq!(loaded.others, [there.path().join("index.json")]);

        for broken in [VEX.replace("\"urn:x\"", "5"), VEX.replace("v0.2.0", "v9"), format!("{VEX}x")] {
            let there = folder(&[("x.json", &broken)]);
            let error = VexFiles::load(&[there.path().to_owned()], &Limits::default()).unwrap_err();
            assert!(error.to_string().contains("x.json"), "{error}");
        }
        let index = there.path().join("index.json");
        let error = VexFiles::load(&[index], &Limits::default()).unwrap_err().to_string();
        assert!(error.ends_with("not a VEX document, expected OpenVEX, CSAF, CycloneDX"), "{error}");
    }

    #[test]
    fn documents_are_bounded_in_number_and_size() {
        let there = folder(&[("a.json", VEX), ("b.json", VEX), ("c.json", VEX)]);
        let mut limits = Limits::default();
        limits.set("vex_documents", "2").unwrap();
        let load =
            |limits: &Limits| VexFiles::load(&[there.path().to_owned()], limits).unwrap_err().to_string();
        assert!(load(&limits).contains("vex_documents"));
        let mut limits = Limits::default();
        limits.set("vex_bytes", "20").unwrap();
        assert!(load(&limits).contains("vex_bytes"));
    }

    #[test]
    fn a_link_to_the_folder_itself_is_not_followed() {
        let there = folder(&[("a.json", VEX)]);
        std::os::unix::fs::symlink(there.path(), there.path().join("again")).unwrap();
        let loaded = VexFiles::load(&[there.path().to_owned()], &Limits::default()).unwrap();
        assert_eq!(loaded.documents.len(), 1);
    }
}
