//! Python distributions: the metadata that wheels, eggs and distutils install next to the code, unpacked or in a zip
//! archive from which Python imports.
//!
//! Follows the core metadata specifications and PEP 376/427. Names are normalised by PEP 503. A distribution is what
//! `importlib.metadata` finds (see [`place`]): one that it would list without a name or version is a problem here.
//! Vendored copies (`pip/_vendor`) count if they have their own metadata. Python and pip do not list them without it,
//! and no common file contains their versions, so their presence is noted.
//!
//! ```text
//! Metadata-Version: 2.1
//! Name: requests
//! Version: 2.32.3
//! License: Apache-2.0
//! ```

mod archive;
mod metadata;
pub(crate) mod place;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::purl::pep503;
use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile, Need};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, Location, ProblemCode};
use crate::ownership::{ComponentFile, FileDigests};
use crate::path::folder_of;
use record::Recorded;

const METADATA: u16 = 0;
const RECORD: u16 = 1;
const SIGN: u16 = 2;
const ARCHIVE: u16 = 3;
const PATHS: u16 = 4;
const VENDORED: u16 = 5;
const FOLDER: u16 = 6;

const SELECTIONS: &[Selection] = &[
    Selection::whole(
        // Wheels, unpacked eggs, and the files of distutils, in upper or lower case (see `place`).
        &[
            "**/*.dist-info/METADATA",
            "**/*.dist-info/PKG-INFO",
            "**/*egg-info/PKG-INFO",
            "**/*egg-info/METADATA",
            "**/?*.egg-info",
        ],
        // Package metadata contains the whole README; the largest known are about 1 MiB.
        Bound::Metadata,
    ),
    // Before the signs, of which it is one if the files are not listed.
    Selection::whole(RECORDS, Bound::Metadata),
    // The names of `place::SIGNS`.
    Selection {
        paths: &[
            "**/*.dist-info/RECORD",
            "**/*.dist-info/WHEEL",
            "**/*.dist-info/INSTALLER",
            "**/*.dist-info/REQUESTED",
            "**/*.dist-info/direct_url.json",
            "**/*.dist-info/entry_points.txt",
            "**/*.dist-info/top_level.txt",
            "**/*.dist-info/LICENSE",
            "**/*.dist-info/LICENSE.txt",
            "**/*.dist-info/LICENSE.md",
            "**/*.dist-info/LICENSE.rst",
            "**/*.dist-info/COPYING",
            "**/*.dist-info/AUTHORS",
            "**/*.dist-info/metadata.json",
            "**/*.dist-info/pbr.json",
            "**/*.dist-info/uv_cache.json",
            "**/*egg-info/SOURCES.txt",
            "**/*egg-info/dependency_links.txt",
            "**/*egg-info/requires.txt",
            "**/*egg-info/installed-files.txt",
            "**/*egg-info/entry_points.txt",
            "**/*egg-info/top_level.txt",
            "**/*egg-info/zip-safe",
            "**/*egg-info/not-zip-safe",
        ],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    },
    // Wheels with native code have tens of megabytes.
    Selection::whole(&["**/*.egg", "**/*.whl", "**/*.pyz", "**/*.pex"], Bound::List),
    Selection::whole(&["**/*.pth"], Bound::Metadata),
    Selection {
        paths: &[
            "**/_vendor/__init__.py",
            "**/_vendor/vendor.txt",
            "**/_vendor/vendored.txt",
            "**/_vendored/__init__.py",
            "**/vendored/__init__.py",
        ],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    },
    // Python lists them by their names, even if they are empty.
    Selection {
        paths: &["**/*.dist-info/", "**/*.egg-info/", "**/*.egg/egg-info/"],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    },
];

/// The lists of the files of distributions.
const RECORDS: &[&str] = &["**/*.dist-info/RECORD"];

/// Finds distributions.
pub(crate) struct Python;

/// The fact about a metadata file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Distribution {
    /// A component without a location, or why there is none.
    component: Result<Component, String>,
    digests: FileDigests,
}

/// A file that installers write next to metadata exists.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sign;

/// The fact about an archive.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Archive {
    /// A component or a problem for each metadata file in it.
    found: Result<Vec<Inside>, String>,
    /// The digests of the archive.
    digests: FileDigests,
}

/// A path inside an archive, and its component.
type Inside = (String, Result<Component, String>);

/// The zip archives from which Python is configured to import, and which no selection contains.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Imported(Vec<String>);

impl Footprint for Distribution {
    fn footprint(&self) -> usize {
        size_of::<Self>() + bytes(&self.component)
    }
}

impl Footprint for Sign {
    fn footprint(&self) -> usize {
        0
    }
}

impl Footprint for Archive {
    fn footprint(&self) -> usize {
        match &self.found {
            Ok(found) => found.iter().map(|(path, it)| size_of_val(it) + path.len() + bytes(it)).sum(),
            Err(reason) => reason.len(),
        }
    }
}

impl Footprint for Imported {
    fn footprint(&self) -> usize {
        self.0.iter().map(|path| size_of_val(path) + path.len()).sum()
    }
}

fn bytes(component: &Result<Component, String>) -> usize {
    match component {
        Ok(component) => component.text_bytes(),
        Err(reason) => reason.len(),
    }
}

impl Cataloger for Python {
    fn id(&self) -> &'static str {
        "python"
    }

    fn version(&self) -> u32 {
        6
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["pypi"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn is_only_for_owners(&self, selection: &Selection) -> bool {
        selection.paths == RECORDS
    }

    fn facts(&self) -> &'static [FactKind] {
        const {
            &[
                FactKind::for_type::<Distribution>(),
                FactKind::for_type::<Sign>(),
                FactKind::for_type::<Archive>(),
                FactKind::for_type::<Imported>(),
                FactKind::for_type::<Recorded>(),
            ]
        }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let content = file.content;
        match selection {
            METADATA => {
                let component = metadata::read(content);
                Some(Arc::new(Distribution { component, digests: FileDigests::of_content(content) }))
            }
            RECORD => Some(Arc::new(record::read(content))),
            SIGN | VENDORED | FOLDER => Some(Arc::new(Sign)),
            ARCHIVE => {
                let found = archive::metadata(content)?.map(|found| {
                    found.into_iter().map(|(path, content)| (path, metadata::read(&content))).collect()
                });
                Some(Arc::new(Archive { found, digests: FileDigests::of_content(content) }))
            }
            PATHS => Some(Arc::new(Imported(imported(content))))
                .filter(|imported| !imported.0.is_empty())
                .map(|it| it as _),
            _ => None,
        }
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread_names([METADATA]);
        context.tell_unread([ARCHIVE, PATHS]);
        let components = installed(context);
        record::own(context, RECORD, &components);
        without_metadata(context);
        archives(context);
        vendored(context);
        for (file, Imported(archives)) in context.facts::<Imported>(PATHS) {
            let detail = format!("makes Python import from {}, which is not read", archives.join(", "));
            context.problem(ProblemCode::UnparsableMetadata, &file.path, detail);
        }
    }
}

/// Adds unpacked distributions. Returns them by the real paths of their folders.
fn installed<'f>(context: &mut Context<'_, 'f>) -> BTreeMap<&'f str, ComponentIndex> {
    let mut components = BTreeMap::new();
    let mut folders: BTreeMap<&str, Vec<(&FoundFile, &Distribution)>> = BTreeMap::new();
    for (file, distribution) in context.facts::<Distribution>(METADATA) {
        folders.entry(place::folder(&file.path)).or_default().push((file, distribution));
    }
    for files in folders.into_values() {
        // Python reads the other file if one is empty.
        let some = files.iter().any(|(file, _)| file.size() > 0);
        let mut listed: Vec<&Component> = Vec::new();
        for (file, distribution) in files.into_iter().filter(|(file, _)| !some || file.size() > 0) {
            let found = match &distribution.component {
                Ok(component) => component,
                Err(detail) => {
                    context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                    continue;
                }
            };
            if listed.iter().any(|other| other.purl == found.purl) {
                continue;
            }
            listed.push(found);
            if let Some(detail) = disagreement(&file.path, found) {
                context.problem(ProblemCode::MetadataDisagrees, &file.path, detail);
            }
            let component = context.add_shown(found, file, &distribution.digests);
            components.entry(place::folder(&file.real_path)).or_insert(component);
        }
    }
    components
}

/// Reports folders without metadata, even if other files of installers are there: Python still lists the distribution,
/// but it cannot be identified.
fn without_metadata(context: &mut Context<'_, '_>) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    known.extend(context.facts::<Distribution>(METADATA).map(|(file, _)| place::folder(&file.path)));
    known.extend(context.unread(METADATA).map(|unread| place::folder(unread.path)));
    let signs = context.facts::<Sign>(SIGN).map(|(file, Sign)| file.path.as_str());
    let signs = signs.chain(context.facts::<Recorded>(RECORD).map(|(file, _)| file.path.as_str()));
    let unread = context.unread(SIGN).chain(context.unread(RECORD)).map(|unread| unread.path);
    let signs = signs.chain(unread);
    let mut folders: BTreeSet<&str> =
        signs.map(place::folder).filter(|folder| !known.contains(folder)).collect();
    for (file, Sign) in context.facts::<Sign>(FOLDER) {
        // The target of a link is a distribution under its own name, too.
        let real = file.real_path.trim_end_matches('/');
        if !known.contains(real)
            && let Some(folder) = file.path.strip_suffix('/').filter(|folder| !known.contains(folder))
        {
            folders.insert(folder);
        }
    }
    let unread = context.unread(FOLDER).map(|unread| unread.path.trim_end_matches('/'));
    folders.extend(unread.filter(|folder| !known.contains(folder)));
    for folder in folders {
        let detail = "contains no METADATA or PKG-INFO, which was removed or never written";
        context.problem_of_names(ProblemCode::UnparsableMetadata, folder, detail.to_owned());
    }
}

/// Reports folders with copies of other distributions without metadata.
fn vendored(context: &mut Context<'_, '_>) {
    let above = |path: &str| folder_of(path).to_owned();
    let metadata = context.facts::<Distribution>(METADATA);
    let known: BTreeSet<String> = metadata.map(|(file, _)| above(place::folder(&file.path))).collect();
    let marks = context.facts::<Sign>(VENDORED).map(|(file, Sign)| file.path.as_str());
    let marks = marks.chain(context.unread(VENDORED).map(|unread| unread.path));
    let folders: BTreeSet<String> = marks.map(above).filter(|folder| !known.contains(folder)).collect();
    for folder in folders {
        let detail = "contains copies of other distributions without metadata, which are not listed";
        context.problem(ProblemCode::Vendored, &folder, detail.to_owned());
    }
}

/// Adds distributions in archives.
fn archives(context: &mut Context<'_, '_>) {
    for (file, Archive { found, digests }) in context.facts::<Archive>(ARCHIVE) {
        let found = match found {
            Ok(found) => found,
            Err(detail) => {
                context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                continue;
            }
        };
        // A zipped application may contain only its author's own code.
        if found.is_empty() && [".egg", ".whl"].iter().any(|end| file.path.ends_with(end)) {
            let detail = "is an archive without METADATA or PKG-INFO";
            context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.to_owned());
        }
        for (inside, component) in found {
            let path = format!("{}/{inside}", file.path);
            match component {
                Ok(component) => {
                    let locations = vec![Location { path, layer: file.layer }];
                    let component = context.add(Component { locations, ..component.clone() });
                    let (path, real_path) = (&file.path, &file.real_path);
                    context.found.component_files.push(ComponentFile {
                        component,
                        path,
                        real_path,
                        digests: Some(digests),
                    });
                }
                Err(detail) => context.problem(ProblemCode::UnparsableMetadata, &path, detail.clone()),
            }
        }
    }
}

/// The zip archives in a `.pth` file: each line is a path from which Python imports, unless it is code or a comment.
fn imported(content: &[u8]) -> Vec<String> {
    const MAX_ARCHIVES: usize = 20;
    let text = String::from_utf8_lossy(content);
    let lines = text.lines().map(str::trim_end).filter(|line| !line.starts_with('#'));
    let lines = lines.filter(|line| !line.starts_with("import ") && !line.starts_with("import\t"));
    let archives = lines.filter(|line| line.to_ascii_lowercase().ends_with(".zip"));
    archives.take(MAX_ARCHIVES).map(plimsoll_core::text::shortened).collect()
}

/// A wheel's directory repeats name and version (`requests-2.32.3.dist-info`). If they differ, somebody edited one of
/// the two. Installers use the directory, this inventory the metadata.
fn disagreement(path: &str, component: &Component) -> Option<String> {
    let directory = place::folder(path);
    let (directory, suffix) = directory.rsplit_once('.')?;
    if !suffix.eq_ignore_ascii_case("dist-info") {
        return None;
    }
    let directory = directory.rsplit('/').next().unwrap_or(directory);
    let (name, version) = directory.split_once('-').unwrap_or((directory, ""));
    if pep503(name) == component.name && tokens(version) == tokens(&component.version) {
        return None;
    }
    Some(format!("directory says {directory}, metadata says {} {}", component.name, component.version))
}

/// Digits and letters of a version, spelled as PEP 440 normalises them: `v1.0-Alpha.01` and `1.0a1` are the same.
fn tokens(version: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in version.to_lowercase().chars() {
        if c.is_alphanumeric() {
            match tokens.last_mut() {
                Some(token) if last.is_alphanumeric() && last.is_numeric() == c.is_numeric() => token.push(c),
                _ => tokens.push(c.to_string()),
            }
        }
        last = c;
    }
    if tokens.first().is_some_and(|token| token == "v") {
        tokens.remove(0);
    }
    for token in &mut tokens {
        let normal = match token.as_str() {
            "alpha" => "a",
            "beta" => "b",
            "c" | "pre" | "preview" => "rc",
            "rev" | "r" => "post",
            digits => match digits.trim_start_matches('0') {
                "" if !digits.is_empty() => "0",
                rest => rest,
            },
        };
        *token = normal.to_owned();
    }
    tokens
}

#[cfg(test)]
mod tests;
