//! Debian packages: `var/lib/dpkg/status`, and one file a package under `status.d` in distroless images.
//!
//! Follows dpkg(1) for what counts as installed and deb-version(7) for names and versions. A package whose files are on
//! disk is listed whatever state its installation was left in, because they can be run; the state is a problem beside it.
//! A paragraph that cannot be relied on makes the whole inventory broken: it may be the one that matters.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::rootfs::{FileSet, FoundFile};
use plimsoll_core::{Ecosystem, Purl};

use crate::inventory::{Component, Location, OsRelease, Problem, ProblemCode, SourcePackage};
use crate::os::deb822::{self, Paragraph};
use crate::wanted::{DPKG_INFO, DPKG_STATUS, DPKG_STATUS_DIR};

/// More than all packages that Debian has.
const MAX_PACKAGES: usize = 100_000;
/// Problems told one by one; a file of garbage would otherwise give a million.
const MAX_PROBLEMS: usize = 20;

/// What dpkg's database holds.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) components: Vec<Component>,
    pub(crate) problems: Vec<Problem>,
    /// Whether there is a database at all, readable or not.
    pub(crate) present: bool,
}

/// Reads the database of `files`. `os` names the distribution in the package URLs.
pub(crate) fn catalog(files: &FileSet, os: Option<&OsRelease>) -> Found {
    let mut reader =
        Reader { os, layers: layers_of_packages(files), seen: BTreeSet::new(), found: Found::default() };
    let database = |path: &str| path == DPKG_STATUS || is_status_entry(path);
    for (path, size) in files.oversized.iter().filter(|(path, _)| database(path)) {
        reader.broken(path, format!("{size} bytes are too large for a package database"));
    }
    for (path, reason) in files.unreadable.iter().filter(|(path, _)| database(path)) {
        reader.broken(path, format!("cannot be read: {reason}"));
    }
    if let Some(status) = files.get(DPKG_STATUS) {
        reader.read(status, Database::Status);
    }
    for entry in files.iter().filter(|file| is_status_entry(&file.path)) {
        reader.read(entry, Database::Directory);
    }
    reader.found
}

/// Which of the two forms of the database a paragraph comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Database {
    /// `status`: written by dpkg, each paragraph has a `Status`.
    Status,
    /// `status.d`: a package's control file, there because the package is.
    Directory,
}

fn is_status_entry(path: &str) -> bool {
    path.strip_prefix(DPKG_STATUS_DIR).is_some_and(|name| !name.ends_with(".md5sums") && !name.contains('/'))
}

/// dpkg rewrites a package's digests when it installs it, so the layer that holds them is the one that brought the
/// package; `status` itself is rewritten for every other package too.
fn layers_of_packages(files: &FileSet) -> BTreeMap<&str, usize> {
    let info = |path| str::strip_prefix(path, DPKG_INFO).and_then(|name| name.strip_suffix(".md5sums"));
    files
        .files
        .range(DPKG_INFO.to_owned()..)
        .take_while(|(path, _)| path.starts_with(DPKG_INFO))
        .filter_map(|(path, file)| Some((info(path)?, file.layer?)))
        .collect()
}

struct Reader<'a> {
    os: Option<&'a OsRelease>,
    layers: BTreeMap<&'a str, usize>,
    seen: BTreeSet<(String, String)>,
    found: Found,
}

impl Reader<'_> {
    fn read(&mut self, file: &FoundFile, database: Database) {
        self.found.present = true;
        // dpkg ends every line; a file that stops within one was cut off.
        if database == Database::Status && !file.content.is_empty() && !file.content.ends_with(b"\n") {
            self.broken(&file.path, "stops in the middle of a line".to_owned());
        }
        for paragraph in deb822::paragraphs(&file.content) {
            if self.found.components.len() >= MAX_PACKAGES {
                self.broken(&file.path, format!("has more than {MAX_PACKAGES} packages"));
                return;
            }
            match paragraph {
                Ok(paragraph) => {
                    if let Err(what) = self.package(file, database, &paragraph) {
                        self.broken(&file.path, format!("line {}: {what}", paragraph.line));
                    }
                }
                Err(malformed) => {
                    self.broken(&file.path, format!("line {}: {}", malformed.line, malformed.what));
                }
            }
        }
    }

    /// Adds the package of one paragraph, when its files are there.
    fn package(
        &mut self,
        file: &FoundFile,
        database: Database,
        paragraph: &Paragraph<'_>,
    ) -> Result<(), String> {
        let name = text(paragraph.package, "Package", is_name)?;
        let state = match (paragraph.status, database) {
            (Some(status), _) => state(status)?,
            (None, Database::Directory) => State::Installed,
            (None, Database::Status) => return Err(format!("package {name} has no Status")),
        };
        if state == State::Absent {
            return Ok(());
        }
        let version = text(paragraph.version, "Version", is_version)
            .map_err(|what| format!("package {name}: {what}"))?;
        let architecture = match paragraph.architecture {
            Some(_) => Some(text(paragraph.architecture, "Architecture", is_name)?),
            None => None,
        };
        let source = source(paragraph.source, name, version)?;
        if let State::Unfinished(state) = state {
            let detail = format!("{name} {version} is {state}: its installation was not completed");
            self.problem(ProblemCode::PackageNotConfigured, &file.path, detail);
        }
        let purl = self
            .purl(name, version, architecture, &source)
            .map_err(|error| format!("package {name}: {error}"))?;
        let key = (name.to_owned(), architecture.unwrap_or_default().to_owned());
        if !self.seen.insert(key) {
            // Distroless images built in steps have the same paragraph in both forms of the database.
            if self.found.components.iter().any(|component| component.purl == purl) {
                return Ok(());
            }
            let detail = format!("line {}: package {name} is there twice", paragraph.line);
            self.broken(&file.path, detail);
        }
        let with_architecture = architecture.map(|architecture| format!("{name}:{architecture}"));
        let layer = with_architecture
            .and_then(|name| self.layers.get(name.as_str()))
            .or_else(|| self.layers.get(name))
            .copied()
            .or(file.layer);
        self.found.components.push(Component {
            ecosystem: Ecosystem::of_purl(&purl),
            name: name.to_owned(),
            version: version.to_owned(),
            source: Some(source),
            licenses: Vec::new(),
            supplier: paragraph
                .maintainer
                .map(|m| String::from_utf8_lossy(m).into_owned())
                .filter(|m| !m.is_empty()),
            locations: vec![Location { path: file.path.clone(), layer }],
            owner: None,
            purl,
        });
        Ok(())
    }

    /// `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc`, as other scanners expect it: the
    /// source's version only where it differs.
    fn purl(
        &self,
        name: &str,
        version: &str,
        architecture: Option<&str>,
        source: &SourcePackage,
    ) -> Result<Purl, plimsoll_core::purl::ParseError> {
        let upstream = match (source.name == name, source.version == version) {
            (true, true) => String::new(),
            (false, true) => source.name.clone(),
            (_, false) => format!("{}@{}", source.name, source.version),
        };
        Purl::builder("deb", name)
            .namespace(self.os.map_or("debian", |os| os.id.as_str()))
            .version(version)
            .qualifier("arch", architecture.unwrap_or_default())
            .qualifier("distro", self.os.map(OsRelease::distro).unwrap_or_default())
            .qualifier("upstream", upstream)
            .build()
    }

    fn broken(&mut self, path: &str, detail: String) {
        self.found.present = true;
        self.problem(ProblemCode::OsInventoryBroken, path, detail);
    }

    fn problem(&mut self, code: ProblemCode, path: &str, detail: String) {
        let same = self.found.problems.iter().filter(|problem| problem.code == code).count();
        if same < MAX_PROBLEMS {
            self.found.problems.push(Problem { code, path: path.to_owned(), detail });
        }
    }
}

/// Whether a package's files are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Unfinished(&'static str),
    Installed,
}

/// The third word of `Status`; the first is only a wish, and a package that shall be removed is still there.
fn state(status: &[u8]) -> Result<State, String> {
    let shown = || String::from_utf8_lossy(status).chars().take(80).collect::<String>();
    let mut words = status.split(|b| *b == b' ').filter(|word| !word.is_empty());
    let (Some(want), Some(flag), Some(state), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(format!("Status `{}` is not three words", shown()));
    };
    let known = matches!(want, b"unknown" | b"install" | b"hold" | b"deinstall" | b"purge")
        && matches!(flag, b"ok" | b"reinstreq");
    match state {
        _ if !known => Err(format!("Status `{}` is not one that dpkg writes", shown())),
        b"not-installed" | b"config-files" => Ok(State::Absent),
        _ if flag == b"reinstreq" => Ok(State::Unfinished("to be installed again")),
        // Waiting for triggers means that other packages are to be told; the package itself is complete.
        b"installed" | b"triggers-awaited" | b"triggers-pending" => Ok(State::Installed),
        b"half-installed" => Ok(State::Unfinished("half-installed")),
        b"unpacked" => Ok(State::Unfinished("unpacked")),
        b"half-configured" => Ok(State::Unfinished("half-configured")),
        _ => Err(format!("Status `{}` is not one that dpkg writes", shown())),
    }
}

/// `Source: glibc (2.36-9)`; the version is there when it differs, the field when the name does.
fn source(field: Option<&[u8]>, name: &str, version: &str) -> Result<SourcePackage, String> {
    let Some(field) = field else {
        return Ok(SourcePackage { name: name.to_owned(), version: version.to_owned() });
    };
    let wrong = || {
        format!("package {name}: Source `{}` is not a name with a version", String::from_utf8_lossy(field))
    };
    let field = str::from_utf8(field).map_err(|_| wrong())?;
    let (source, source_version) = match field.split_once('(') {
        Some((source, rest)) => (source.trim(), rest.strip_suffix(')').ok_or_else(wrong)?.trim()),
        None => (field, version),
    };
    if !is_name(source) || !is_version(source_version) {
        return Err(wrong());
    }
    Ok(SourcePackage { name: source.to_owned(), version: source_version.to_owned() })
}

fn text<'a>(field: Option<&'a [u8]>, label: &str, valid: fn(&str) -> bool) -> Result<&'a str, String> {
    let bytes = field.ok_or_else(|| format!("has no {label}"))?;
    let shown = || String::from_utf8_lossy(bytes).chars().take(80).collect::<String>();
    str::from_utf8(bytes)
        .ok()
        .filter(|text| valid(text))
        .ok_or_else(|| format!("{label} `{}` is not one", shown()))
}

/// dpkg's rule for names: a letter or digit first, then also `-`, `+`, `.` and `_`.
fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_'))
}

/// The characters that deb-version(7) allows. Whether it can be ordered is for the matcher to say.
fn is_version(version: &str) -> bool {
    (1..=255).contains(&version.len())
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'~' | b':' | b'_'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn file(path: &str, content: &[u8], layer: usize) -> (String, FoundFile) {
        let found = FoundFile {
            path: path.to_owned(),
            real_path: path.to_owned(),
            content: content.to_vec().into(),
            layer: Some(layer),
        };
        (path.to_owned(), found)
    }

    fn debian() -> OsRelease {
        OsRelease {
            id: "debian".to_owned(),
            version_id: Some("12".to_owned()),
            codename: None,
            pretty_name: None,
        }
    }

    fn status(content: &str) -> Found {
        let files = FileSet {
            files: BTreeMap::from([file(DPKG_STATUS, content.as_bytes(), 3)]),
            ..FileSet::default()
        };
        catalog(&files, Some(&debian()))
    }

    fn purls(found: &Found) -> Vec<String> {
        found.components.iter().map(|component| component.purl.to_string()).collect()
    }

    #[test]
    fn lists_what_is_on_disk_with_its_source() {
        let found = status(
            "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nSource: glibc\nVersion: 2.36-9+deb12u4\n\n\
             Package: libc6\nStatus: install ok installed\nArchitecture: i386\nSource: glibc\nVersion: 2.36-9+deb12u4\n\n\
             Package: cpp\nStatus: hold ok installed\nArchitecture: amd64\nSource: gcc-defaults (1.203)\nVersion: 4:12.2.0-3\n\n\
             Package: bzip2\nStatus: deinstall ok installed\nArchitecture: amd64\nSource: bzip2 (1.0.8-5)\nVersion: 1.0.8-5+b1\n\n\
             Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
             Package: never\nStatus: unknown ok not-installed\n",
        );
        assert_eq!(
            purls(&found),
            [
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc",
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=i386&distro=debian-12&upstream=glibc",
                "pkg:deb/debian/cpp@4:12.2.0-3?arch=amd64&distro=debian-12&upstream=gcc-defaults%401.203",
                "pkg:deb/debian/bzip2@1.0.8-5%2Bb1?arch=amd64&distro=debian-12&upstream=bzip2%401.0.8-5",
            ]
        );
        assert_eq!(found.problems, []);
        for component in &found.components {
            let by_purl = Component::from_purl(component.purl.clone());
            assert_eq!(by_purl.source, component.source, "other tools recover the source from the purl");
        }
    }

    #[test]
    fn an_unfinished_installation_is_listed_and_reported() {
        let found = status(
            "Package: a\nStatus: install ok unpacked\nVersion: 1\n\n\
             Package: b\nStatus: install reinstreq half-installed\nVersion: 1\n\n\
             Package: c\nStatus: install ok half-configured\nVersion: 1\n\n\
             Package: d\nStatus: install ok triggers-awaited\nVersion: 1\n",
        );
        assert_eq!(found.components.len(), 4);
        assert_eq!(found.problems.len(), 3);
        assert!(found.problems.iter().all(|problem| problem.code == ProblemCode::PackageNotConfigured));
    }

    #[test]
    fn what_cannot_be_relied_on_breaks_the_inventory() {
        let good = "Package: good\nStatus: install ok installed\nVersion: 1\n\n";
        for bad in [
            "Status: install ok installed\nVersion: 1\n",
            "Package: a\nVersion: 1\n",
            "Package: a\nStatus: install ok installed\n",
            "Package: a\nStatus: install ok installed\nVersion:\n",
            "Package: a\nStatus: install ok installed\nVersion: 1 2\n",
            "Package: a\nStatus: installed\nVersion: 1\n",
            "Package: a\nStatus: install ok gone\nVersion: 1\n",
            "Package: a\nStatus: install ok installed\nVersion: 1\nVersion: 2\n",
            "Package: a/../b\nStatus: install ok installed\nVersion: 1\n",
            "Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (\n",
            "Package: a\nStatus: install ok installed\nVersion: 1",
            "Package: good\nStatus: install ok installed\nVersion: 2\n",
            "\u{fffd}\n",
            "<<<<<<<\n",
        ] {
            let found = status(&format!("{good}{bad}"));
            assert!(found.problems.iter().any(|p| p.code == ProblemCode::OsInventoryBroken), "{bad}");
            assert_eq!(found.components[0].name, "good", "{bad}: the readable part is still shown");
        }
    }

    #[test]
    fn a_file_of_garbage_gives_few_problems() {
        assert_eq!(status(&"x\n\n".repeat(5000)).problems.len(), MAX_PROBLEMS);
    }

    #[test]
    fn distroless_paragraphs_count_by_being_there() {
        let files = FileSet {
            files: BTreeMap::from([
                file(
                    "var/lib/dpkg/status.d/base",
                    b"Package: base-files\nVersion: 12.4\nArchitecture: amd64",
                    0,
                ),
                file("var/lib/dpkg/status.d/base.md5sums", b"0  etc/x\n", 0),
                file(
                    "var/lib/dpkg/status.d/tzdata",
                    b"Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n",
                    1,
                ),
            ]),
            ..FileSet::default()
        };
        let found = catalog(&files, Some(&debian()));
        assert_eq!(
            purls(&found),
            [
                "pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12",
                "pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12",
            ]
        );
        assert_eq!(found.components[1].locations[0].layer, Some(1));
        assert_eq!(found.problems, []);
    }

    #[test]
    fn the_layer_is_the_one_that_installed_the_package() {
        let content = b"Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n\
                        Package: b\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n\
                        Package: c\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n";
        let files = FileSet {
            files: BTreeMap::from([
                file(DPKG_STATUS, content, 2),
                file("var/lib/dpkg/info/a.md5sums", b"", 0),
                file("var/lib/dpkg/info/b:amd64.md5sums", b"", 1),
            ]),
            ..FileSet::default()
        };
        let layers: Vec<_> = catalog(&files, None).components.iter().map(|c| c.locations[0].layer).collect();
        assert_eq!(layers, [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_database_that_was_not_read_is_broken() {
        let oversized = vec![(DPKG_STATUS.to_owned(), 2 << 30)];
        let unreadable = vec![("var/lib/dpkg/status.d/a".to_owned(), "permission denied".to_owned())];
        let found = catalog(&FileSet { oversized, unreadable, ..FileSet::default() }, None);
        assert!(found.present);
        assert_eq!(found.problems.len(), 2);
    }

    #[test]
    fn agrees_with_dpkg_on_this_machine() {
        let Ok(content) = std::fs::read("/var/lib/dpkg/status") else {
            println!("skipped: no /var/lib/dpkg/status");
            return;
        };
        let Ok(query) =
            std::process::Command::new("dpkg-query").arg("-W").arg("-f=${db:Status-Abbrev}\n").output()
        else {
            println!("skipped: no dpkg-query");
            return;
        };
        let text = String::from_utf8_lossy(&query.stdout);
        let present =
            text.lines().filter(|line| !matches!(line.as_bytes().get(1), Some(b'n' | b'c'))).count();
        let files = FileSet { files: BTreeMap::from([file(DPKG_STATUS, &content, 0)]), ..FileSet::default() };
        let found = catalog(&files, Some(&debian()));
        assert_eq!(found.components.len(), present);
        assert!(
            found.problems.iter().all(|p| p.code == ProblemCode::PackageNotConfigured),
            "{:?}",
            found.problems
        );
    }

    proptest! {
        #[test]
        fn never_panics(content in "((Package|Status|Version|Source|x): ?(install ok installed|[ -~é]{0,12})\n|\n| x\n){0,30}") {
            status(&content);
        }
    }
}
