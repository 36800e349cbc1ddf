//! Many subjects at once: those of a list, and the documents in a folder.
//!
//! A list has one subject per line, written as on the command line. Empty lines and lines that start with `#` do not
//! count:
//!
//! ```text
//! # what payments runs
//! registry.example/payments/api@sha256:…
//! sbom:boms/payments/ledger.cdx.json
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_core::{Cancel, LimitExceeded, Limits};

use crate::open::bytes_within;
use crate::subject::{ends_like_a_document, recognise_file};
use crate::{Error, StandardInput, Subject};

/// How deep folders may be nested. Real collections are not deeper, and it bounds the cost of a folder that is mounted
/// into itself.
const MAX_DEPTH: usize = 32;

/// The subjects in a list: a file, or standard input for `-`.
pub fn listed(
    path: &Path,
    limits: &Limits,
    stdin: StandardInput,
    cancel: &Cancel,
) -> Result<Vec<String>, Error> {
    let bytes = bytes_within(path, (limits.list_bytes, "list_bytes"), stdin, cancel)?;
    let text = str::from_utf8(&bytes).map_err(|_| Error::NotAList { path: path.to_owned() })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let subjects: Vec<String> = lines.take(limits.listed.saturating_add(1)).map(str::to_owned).collect();
    if subjects.len() > limits.listed {
        return Err(too_many(limits, path).into());
    }
    Ok(subjects)
}

/// The documents in a folder, and the number of other files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// Each as a subject, sorted by its path.
    pub subjects: Vec<String>,
    /// How many files are not documents: they neither start nor are named like one.
    pub others: usize,
    /// One of them.
    pub other: Option<PathBuf>,
}

/// The documents in the folder that `subject` names and in the folders inside it. `None` if it is not a folder of
/// documents. Links to folders are not followed.
pub fn documents_in(subject: &Subject, limits: &Limits, cancel: &Cancel) -> Result<Option<Documents>, Error> {
    let Subject::Sbom(folder) = subject else { return Ok(None) };
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut found = Documents::default();
    let mut folders = vec![(folder.clone(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        cancel.check()?;
        let unreadable = |source| Error::Unreadable { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.symlink_metadata().map_err(unreadable)?.is_dir() {
                if depth == MAX_DEPTH {
                    return Err(LimitExceeded::fixed(
                        "folders",
                        MAX_DEPTH as u64,
                        path.display().to_string(),
                    )
                    .into());
                }
                folders.push((path, depth + 1));
            } else if is_document(&path) {
                found.subjects.push(Subject::Sbom(path).to_string());
            } else {
                found.others += 1;
                found.other.get_or_insert(path);
            }
            if found.subjects.len() + found.others + folders.len() > limits.listed {
                return Err(too_many(limits, &folder).into());
            }
        }
    }
    if found.subjects.is_empty() {
        return Err(Error::NoDocuments { path: folder.clone() });
    }
    found.subjects.sort_unstable();
    Ok(Some(found))
}

/// Whether a file is read as a document. A regular file that is named like one always is, so that a fault in it is reported. A
/// pipe never is: reading it would wait.
fn is_document(path: &Path) -> bool {
    let is_file = match fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        // A dangling link is reported when it is opened.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    is_file && (ends_like_a_document(path) || matches!(recognise_file(path), Ok(Subject::Sbom(_))))
}

fn too_many(limits: &Limits, path: &Path) -> LimitExceeded {
    LimitExceeded::new("listed", limits.listed as u64, path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &[u8], limits: &Limits) -> Result<Vec<String>, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        fs::write(&path, text).unwrap();
        listed(&path, limits, StandardInput::Closed, &Cancel::never())
    }

    #[test]
    fn a_list_has_one_subject_a_line() {
        let read = list(b"# services\r\nsbom:a b.json\r\n\n  docker:app:1 \n#x\nsbom:-", &Limits::default());
        assert_eq!(read.unwrap(), ["sbom:a b.json", "docker:app:1", "sbom:-"]);
        assert!(matches!(list(b"\xff\xfe", &Limits::default()), Err(Error::NotAList { .. })));
        let mut few = Limits::default();
        few.listed = 2;
        assert!(list(b"a\nb\n", &few).is_ok());
        assert!(matches!(list(b"a\nb\nc\n", &few), Err(Error::Limit(_))));
        few.list_bytes = 3;
        assert!(matches!(list(b"a\nb\n", &few), Err(Error::Limit(_))));
    }

    #[test]
    fn a_folder_has_what_is_named_or_starts_like_a_document() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("b/c")).unwrap();
        for (name, text) in [
            ("z.json", "not one"),
            ("b/c/one", "{\"spdxVersion\":\"SPDX-2.3\"}"),
            ("b/two.cdx.xml", ""),
            ("three.spdx.yml", "SPDXID: SPDXRef-DOCUMENT"),
            ("README.md", "# Documents"),
            ("notes", ""),
        ] {
            fs::write(path(name), text).unwrap();
        }
        // It would never end.
        std::os::unix::fs::symlink(dir.path(), path("b/c/loop")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("gone.json")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(path("b/pipe.json")).status().unwrap();
        assert!(pipe.success());
        let of = |folder: &Path| {
            documents_in(&Subject::Sbom(folder.to_owned()), &Limits::default(), &Cancel::never())
        };
        let found = of(dir.path()).unwrap().unwrap();
        let prefix = format!("sbom:{}/", dir.path().display());
        let names: Vec<&str> = found.subjects.iter().map(|it| it.strip_prefix(&prefix).unwrap()).collect();
        assert_eq!(names, ["b/c/one", "b/two.cdx.xml", "gone.json", "three.spdx.yml", "z.json"]);
        assert_eq!(found.others, 4);
        assert!(of(&path("z.json")).unwrap().is_none());
        fs::create_dir(path("empty")).unwrap();
        assert!(matches!(of(&path("empty")), Err(Error::NoDocuments { .. })));
    }

    #[test]
    fn a_folder_is_bounded_in_depth_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let deep = (0..=MAX_DEPTH).fold(dir.path().to_owned(), |path, _| path.join("d"));
        fs::create_dir_all(&deep).unwrap();
        let of =
            |limits: &Limits| documents_in(&Subject::Sbom(dir.path().to_owned()), limits, &Cancel::never());
        assert!(matches!(of(&Limits::default()), Err(Error::Limit(_))));
        let mut few = Limits::default();
        few.listed = 1;
        fs::write(dir.path().join("a.json"), "{}").unwrap();
        assert!(matches!(of(&few), Err(Error::Limit(_))));
    }
}
