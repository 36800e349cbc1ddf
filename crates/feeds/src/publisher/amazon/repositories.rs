//! The repositories of a release, and what their `repomd.xml` announces.
//!
//! ```xml
//! <repomd><data type="updateinfo"><checksum type="sha256">9dd3…3cc0</checksum>
//!  <open-checksum type="sha256">3530…65a6</open-checksum><location href="repodata/updateinfo.xml.gz"/></data></repomd>
//! ```
//!
//! Amazon Linux 2 has extras repositories, whose names are in a catalogue: `{"topics": [{"n": "golang1.19", …}]}`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use plimsoll_core::xml::{self, Step};
use plimsoll_core::{Digest, LimitExceeded, Limits, json};
use serde::Deserialize;

use super::broken;
use crate::error::DocumentProblem;
use crate::input::{files as files_in, folders};
use crate::{Error, stream};

/// The list of what a repository has.
pub(super) const LIST: &str = "repomd.xml";
/// The names of the extras repositories.
pub(super) const CATALOGUE: &str = "extras-catalog-x86_64.json";
/// The release that has extras repositories, and their folder.
const RELEASE_WITH_EXTRAS: &str = "2";
const EXTRAS: &str = "extras";
/// How many extras repositories there may be. There were 73 in 2026.
const MAX_EXTRAS: usize = 1_000;
/// Bytes of a list or catalogue. Real ones have some ten thousand.
const LIST_BYTES: u64 = 4 << 20;

/// What a `repomd.xml` announces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Whether it has advisories at all.
    has_updates: bool,
    /// Where they are, below the repository.
    pub(super) location: Option<String>,
    /// The digest of the file.
    pub(super) stored: Option<Digest>,
    /// The digest of its content.
    pub(super) uncompressed: Option<Digest>,
}

impl List {
    pub(super) fn has_updates(&self) -> bool {
        self.has_updates
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DocumentProblem> {
        let (mut list, mut is_list, mut is_updates) = (Self::default(), false, false);
        xml::read(bytes, |step| match step {
            Step::Begins(element) => match element.name.as_str() {
                "repomd" => is_list = true,
                "data" => {
                    is_updates = element.attribute("type") == Some("updateinfo");
                    list.has_updates |= is_updates;
                }
                "location" if is_updates => list.location = element.attribute("href").map(str::to_owned),
                _ => {}
            },
            Step::Ends(element) => {
                // Others are not computed here.
                let is_sha256 = element.attribute("type") == Some("sha256");
                let digest = || format!("sha256:{}", element.text).parse().ok().filter(|_| is_sha256);
                match element.name.as_str() {
                    "data" => is_updates = false,
                    "checksum" if is_updates => list.stored = digest(),
                    "open-checksum" if is_updates => list.uncompressed = digest(),
                    _ => {}
                }
            }
        })?;
        let is_verifiable = list.stored.is_some() || list.uncompressed.is_some() || !list.has_updates;
        match (is_list, is_verifiable) {
            (false, _) => Err(DocumentProblem::Name { field: "repomd" }),
            (true, false) => Err(DocumentProblem::Name { field: "checksum" }),
            (true, true) => Ok(list),
        }
    }
}

/// One repository.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) release: String,
    /// The name of an extras repository; empty for others.
    pub(super) extra: Rc<str>,
    /// The advisories.
    pub(super) updates: Option<PathBuf>,
    list: Option<List>,
}

impl Repository {
    /// For people, and digests.
    pub(super) fn name(&self) -> String {
        if self.extra.is_empty() {
            self.release.clone()
        } else {
            format!("{}/{EXTRAS}/{}", self.release, self.extra)
        }
    }

    /// Whether everything that it has is there.
    fn is_whole(&self) -> bool {
        self.updates.is_some() || self.list.as_ref().is_some_and(|list| !list.has_updates)
    }

    /// Whether the file that was read is the one that the list announces.
    pub(super) fn verify(&self, path: &Path, read: &stream::Digests) -> Result<(), Error> {
        let Some(list) = &self.list else { return Ok(()) };
        let stored = (&list.stored, read.stored);
        let is_compressed = path.extension().is_some_and(|ending| ending == "gz");
        // Somebody may have unpacked it.
        let (announced, got) = if is_compressed && list.stored.is_some() || list.uncompressed.is_none() {
            stored
        } else {
            (&list.uncompressed, read.uncompressed)
        };
        if announced.as_ref() == Some(&got) {
            return Ok(());
        }
        let expected = announced.map_or_else(|| "no such file".to_owned(), |digest| digest.to_string());
        Err(broken(path, DocumentProblem::Digest { got, expected, list: LIST }))
    }
}

/// The repositories that are there.
#[derive(Debug, Default)]
pub(super) struct Repositories {
    pub(super) all: Vec<Repository>,
    /// The names in the catalogue, if it is there.
    extras: Option<BTreeSet<String>>,
    /// The digests of the lists.
    pub(super) digests: String,
}

/// The lists, catalogues and advisories below the folder.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for (_, release) in folders(folder)? {
        let mut places = vec![release.clone()];
        for (name, repository) in folders(&release)? {
            if name == EXTRAS {
                places.extend(folders(&repository)?.into_iter().map(|(_, path)| path));
            } else {
                places.push(repository);
            }
        }
        for place in places {
            found.extend(files_in(&place)?.into_iter().filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                name == LIST || name == CATALOGUE || is_updates(name)
            }));
        }
    }
    found.sort();
    Ok(found)
}

/// Some have their digest in front: `0123abcd-updateinfo.xml.gz`.
fn is_updates(name: &str) -> bool {
    name.ends_with("updateinfo.xml") || name.ends_with("updateinfo.xml.gz")
}

impl Repositories {
    pub(super) fn of(folder: &Path, files: &[PathBuf], limits: &Limits) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut by_folder: BTreeMap<Vec<&str>, Repository> = BTreeMap::new();
        for path in files {
            let below = path.strip_prefix(folder).unwrap_or(path);
            let parts: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
            let Some((name, place)) = parts.split_last() else { continue };
            let read = || {
                let bytes =
                    plimsoll_files::read(path, LIST_BYTES.min(limits.advisory_bytes), "advisory_bytes");
                bytes.map_err(Error::from)
            };
            if *name == CATALOGUE {
                let bytes = read()?;
                found.digests.extend([Digest::sha256(&bytes).to_string().as_str(), " ", CATALOGUE, "\n"]);
                found.extras = Some(catalogue(&bytes).map_err(|problem| broken(path, problem))?);
                continue;
            }
            let [release, rest @ ..] = place else { continue };
            let repository = by_folder.entry(place.to_vec()).or_insert_with(|| Repository {
                release: (*release).to_owned(),
                extra: Rc::from(rest.get(1).copied().unwrap_or_default()),
                updates: None,
                list: None,
            });
            if *name == LIST {
                let bytes = read()?;
                found.digests.extend([
                    Digest::sha256(&bytes).to_string().as_str(),
                    " ",
                    &repository.name(),
                    "\n",
                ]);
                repository.list = Some(List::parse(&bytes).map_err(|problem| broken(path, problem))?);
            } else if let Some(first) = repository.updates.replace(path.clone()) {
                return Err(Error::Ambiguous { first, second: path.clone() });
            }
        }
        if by_folder.len() > MAX_EXTRAS {
            let what = folder.display().to_string();
            return Err(LimitExceeded::fixed("MAX_EXTRAS", MAX_EXTRAS as u64, what).into());
        }
        found.all = by_folder.into_values().collect();
        Ok(found)
    }

    /// A repository of a release that is not there, or not whole.
    pub(super) fn missing(&self, release: &str) -> Option<String> {
        let is_there = |extra: &str| {
            let mut of_release = self.all.iter().filter(|it| it.release == release && &*it.extra == extra);
            of_release.any(Repository::is_whole)
        };
        if !is_there("") {
            return Some(release.to_owned());
        }
        if release != RELEASE_WITH_EXTRAS {
            return None;
        }
        let Some(extras) = &self.extras else { return Some(format!("{release}/{CATALOGUE}")) };
        extras.iter().find(|extra| !is_there(extra)).map(|extra| format!("{release}/{EXTRAS}/{extra}"))
    }
}

#[derive(Debug, Deserialize)]
struct Catalogue {
    topics: Vec<Topic>,
}

#[derive(Debug, Deserialize)]
struct Topic {
    n: String,
}

/// The names of the extras repositories, each a part of a path.
pub(super) fn catalogue(bytes: &[u8]) -> Result<BTreeSet<String>, DocumentProblem> {
    let read: Catalogue = json::from_slice(bytes, LIST_BYTES)?;
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b))
    };
    let names: BTreeSet<String> = read.topics.into_iter().map(|topic| topic.n).collect();
    // Without any, a changed format would leave out what they have.
    if names.is_empty() || names.len() > MAX_EXTRAS || !names.iter().all(|name| is_name(name)) {
        return Err(DocumentProblem::Name { field: "topics" });
    }
    Ok(names)
}
