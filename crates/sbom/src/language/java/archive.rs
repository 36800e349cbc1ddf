//! The content of a jar: the coordinates in it, and the jars in it, at any depth within the limit.
//!
//! Archives are nested: a web application has its libraries in `WEB-INF/lib`, a Spring Boot application in
//! `BOOT-INF/lib`. The inflated bytes of all of them are bounded for the outermost archive as a whole, since entries
//! may share their bytes.

use std::borrow::Cow;

use super::coordinates;
use super::manifest::Manifest;
use crate::inventory::Component;
use crate::licence_text::{self, LicenceText};
use crate::zip::{Entry, Zip};
use serde::{Deserialize, Serialize};

/// How deep archives may be nested. An ear contains a war, which contains jars.
const MAX_DEPTH: usize = 5;
/// Inflated bytes of one `pom.properties`; real ones have some 100.
const MAX_PROPERTIES: usize = 64 << 10;

/// Bytes of the names that lead to an archive. Each item in it is reported with all of them.
const MAX_PATH: usize = 1 << 10;

/// Inflated bytes of a manifest. Those of signed archives have a paragraph for each file, of some 100 bytes, and an archive without
/// zip64 has at most 65,535 files.
const MAX_MANIFEST: usize = 16 << 20;

/// Inflated bytes of the text of a licence.
const MAX_LICENCE: usize = 256 << 10;

/// Texts of licences of one archive.
const MAX_TEXTS: usize = 4;

/// The content of one archive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Level {
    /// The names that lead to it from the outermost archive, joined by `/`. Empty for the outermost itself.
    pub(super) path: String,
    /// The index of the archive that contains it.
    pub(super) parent: Option<usize>,
    /// The artifacts whose `pom.properties` it has.
    pub(super) named: Vec<Component>,
    /// Whether it has its own classes that others can use. An application that contains its libraries has its classes
    /// next to them. A file that is only named like an archive is not a library.
    pub(super) is_library: bool,
    /// Its manifest.
    pub(super) manifest: Manifest,
    /// The texts of licences in it, by their names.
    pub(super) texts: Vec<(String, LicenceText)>,
    /// What could not be read in it, and why.
    pub(super) unreadable: Vec<String>,
}

/// How much one outermost archive may still yield.
pub(super) struct Budget {
    /// Inflated bytes.
    pub(super) bytes: usize,
    /// Archives and coordinates.
    pub(super) things: usize,
}

/// The content of an archive, and of those inside it. `None` if it is not an archive.
pub(super) fn read(archive: &[u8], mut budget: Budget) -> Option<Vec<Level>> {
    let mut levels = Vec::new();
    match Zip::open(archive)? {
        Ok(zip) => descend(&zip, Level::default(), 1, &mut budget, &mut levels),
        Err(detail) => levels.push(Level { unreadable: vec![detail], ..Level::default() }),
    }
    Some(levels)
}

fn descend(zip: &Zip<'_>, mut level: Level, depth: usize, budget: &mut Budget, levels: &mut Vec<Level>) {
    let (mut has_classes, mut has_shared_classes, mut is_cut) = (false, false, false);
    let mut archives = Vec::new();
    for entry in zip.entries() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(detail) => {
                level.unreadable.push(detail);
                break;
            }
        };
        if super::is_archive_name(entry.name) {
            archives.push(entry);
        } else if coordinates::is_properties(entry.name) {
            if !budget.thing() {
                is_cut = true;
                break;
            }
            let content = inflated(zip, &entry, MAX_PROPERTIES, budget);
            match content.and_then(|content| coordinates::read(&content)) {
                Ok(component) => level.named.push(component),
                Err(detail) => level.unreadable.push(described(&entry, &detail)),
            }
        } else if entry.name.eq_ignore_ascii_case(b"META-INF/MANIFEST.MF") {
            // As Java finds it, in any case. What it would have said is missing from here on, which may give the archive another name.
            match inflated(zip, &entry, MAX_MANIFEST, budget) {
                Ok(content) => level.manifest = Manifest::read(&content),
                Err(detail) => level.unreadable.push(described(&entry, &detail)),
            }
        } else if is_licence(entry.name) && level.texts.len() < MAX_TEXTS {
            // An entry that cannot be inflated states no licence.
            let text = inflated(zip, &entry, MAX_LICENCE, budget).ok();
            let text = text.and_then(|content| licence_text::recognise(&content));
            level.texts.extend(text.map(|text| (String::from_utf8_lossy(entry.name).into_owned(), text)));
        } else if entry.name.ends_with(b".class") {
            has_classes = true;
            has_shared_classes |= !is_of_application(entry.name);
        }
    }
    let (parent, path) = (levels.len(), level.path.clone());
    levels.push(level);
    let mut has_archives = false;
    for entry in archives {
        if !budget.thing() {
            is_cut = true;
            break;
        }
        let name = String::from_utf8_lossy(entry.name);
        let path = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
        let level = Level { path, parent: Some(parent), ..Level::default() };
        has_archives |= inner(zip, &entry, level, depth, budget, levels);
    }
    let Some(level) = levels.get_mut(parent) else { return };
    level.is_library = has_shared_classes || has_classes && !has_archives;
    if is_cut {
        level.unreadable.push("contains more than may be listed (packages)".to_owned());
    }
}

/// Whether an entry is the text of the licence of the archive.
fn is_licence(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"META-INF/").unwrap_or(name);
    let stem = [&b".txt"[..], b".md"].iter().find_map(|end| name.strip_suffix(*end)).unwrap_or(name);
    [&b"LICENSE"[..], b"LICENCE", b"COPYING"].iter().any(|it| stem.eq_ignore_ascii_case(it))
}

/// Whether a class belongs to an application, or starts one: Java loads the classes of libraries from elsewhere.
fn is_of_application(name: &[u8]) -> bool {
    let folders: [&[u8]; 3] =
        [b"BOOT-INF/classes/", b"WEB-INF/classes/", b"org/springframework/boot/loader/"];
    folders.iter().any(|folder| name.starts_with(folder))
}

/// Reads an archive in an archive. Returns false for a file that is only named like one.
fn inner(
    zip: &Zip<'_>,
    entry: &Entry<'_>,
    level: Level,
    depth: usize,
    budget: &mut Budget,
    levels: &mut Vec<Level>,
) -> bool {
    if level.path.len() > MAX_PATH {
        let path = plimsoll_core::text::shortened(&level.path);
        let detail = "has a path that is too long, and is not read".to_owned();
        levels.push(Level { path, unreadable: vec![detail], ..level });
        return true;
    }
    let content = if depth < MAX_DEPTH {
        inflated(zip, entry, usize::MAX, budget)
    } else {
        Err(format!("is nested in {MAX_DEPTH} archives, and is not read"))
    };
    let detail = match content {
        Ok(content) => match Zip::open(&content) {
            Some(Ok(zip)) => {
                descend(&zip, level, depth + 1, budget, levels);
                return true;
            }
            None => return false,
            Some(Err(detail)) => detail,
        },
        Err(detail) => detail,
    };
    levels.push(Level { unreadable: vec![detail], ..level });
    true
}

impl Budget {
    /// Counts one item, if the budget allows one more.
    fn thing(&mut self) -> bool {
        let left = self.things.checked_sub(1);
        self.things = left.unwrap_or_default();
        left.is_some()
    }
}

/// The content of an entry, charged to the budget.
fn inflated<'a>(
    zip: &Zip<'a>,
    entry: &Entry<'_>,
    max: usize,
    budget: &mut Budget,
) -> Result<Cow<'a, [u8]>, String> {
    let content = zip.content(entry, max.min(budget.bytes)).map_err(str::to_owned)?;
    // Stored entries are not inflated, but reading them again costs too.
    budget.bytes = budget.bytes.saturating_sub(content.len());
    Ok(content)
}

fn described(entry: &Entry<'_>, detail: &str) -> String {
    format!("{} {detail}", plimsoll_core::text::shortened(&String::from_utf8_lossy(entry.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zip::tests::{closed, entry, zip};

    const LANG: &[u8] = b"groupId=org.apache.commons\nartifactId=commons-lang3\nversion=3.12.0\n";
    const LANG_AT: &str = "META-INF/maven/org.apache.commons/commons-lang3/pom.properties";
    const TEXT: &[u8] = b"groupId=org.apache.commons\nartifactId=commons-text\nversion=1.9\n";
    const TEXT_AT: &str = "META-INF/maven/org.apache.commons/commons-text/pom.properties";

    fn shown(archive: &[u8]) -> Vec<String> {
        let found = read(archive, Budget { bytes: 1 << 20, things: 20 }).unwrap();
        let one = |Level { path, named, is_library, unreadable, .. }: &Level| {
            let named = named.iter().map(|it| it.purl.to_string());
            let library = is_library.then(|| "library".to_owned());
            let all: Vec<String> = named.chain(library).chain(unreadable.iter().cloned()).collect();
            format!("{path}: {}", all.join(", "))
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn coordinates_classes_and_archives_are_distinguished() {
        let (lang, text) = (
            "pkg:maven/org.apache.commons/commons-lang3@3.12.0",
            "pkg:maven/org.apache.commons/commons-text@1.9",
        );
        let jar = zip(&[(TEXT_AT, TEXT), (LANG_AT, LANG), ("a/B.class", b"")]);
        assert_eq!(shown(&jar), [format!(": {text}, {lang}, library")]);
        assert_eq!(shown(&zip(&[("a/B.java", b"")])), [": "]);
        let broken = zip(&[(LANG_AT, b"version=1\n")]);
        assert_eq!(shown(&broken), [format!(": {LANG_AT} has no groupId")]);
        assert!(read(b"no archive at all, but long enough", Budget { bytes: 1, things: 1 }).is_none());
    }

    #[test]
    fn jars_in_archives_are_read_to_the_limit() {
        let lang = zip(&[(LANG_AT, LANG)]);
        let mut archive = zip(&[("BOOT-INF/lib/x.jar", &lang), ("BOOT-INF/classes/A.class", b"")]);
        assert_eq!(
            shown(&archive),
            [": ", "BOOT-INF/lib/x.jar: pkg:maven/org.apache.commons/commons-lang3@3.12.0"]
        );
        for depth in 3..=MAX_DEPTH + 1 {
            archive = zip(&[("in.WAR", &archive), ("notes.jar", b"no archive, but named like one")]);
            let found = shown(&archive);
            assert_eq!(found.len(), depth.min(MAX_DEPTH + 1), "{found:?}");
            assert_eq!(found.last().unwrap().contains("is not read"), depth > MAX_DEPTH, "{found:?}");
        }
    }

    /// A name alone, which costs an attacker nothing, does not turn a library into an application.
    #[test]
    fn a_library_remains_one_whatever_is_next_to_its_classes() {
        let other = zip(&[]);
        let log4j = ("org/apache/logging/log4j/A.class", b"".as_slice());
        for inside in [b"".as_slice(), b"text", &other] {
            let found =
                read(&zip(&[log4j, ("x.jar", inside)]), Budget { bytes: 1 << 20, things: 20 }).unwrap();
            assert!(found[0].is_library, "{found:?}");
        }
        for (class, inside, is_library) in [
            ("WEB-INF/classes/A.class", b"".as_slice(), true),
            ("WEB-INF/classes/A.class", &other, false),
            ("BOOT-INF/classes/A.class", &other, false),
            ("org/springframework/boot/loader/Launcher.class", &other, false),
            ("META-INF/versions/9/A.class", &other, true),
        ] {
            let archive = zip(&[(class, b""), ("lib/x.jar", inside)]);
            let found = read(&archive, Budget { bytes: 1 << 20, things: 20 }).unwrap();
            assert_eq!(found[0].is_library, is_library, "{class}");
        }
    }

    #[test]
    fn each_level_reports_that_more_is_not_listed() {
        let lang = zip(&[(LANG_AT, LANG)]);
        let names: Vec<String> = (0..20).map(|n| format!("{n}.jar")).collect();
        let mut files: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
        files.push(("real.jar", &lang));
        let cut = ": contains more than may be listed (packages)";
        assert_eq!(shown(&zip(&files)), [cut]);
        assert_eq!(shown(&zip(&files[1..])).len(), 2, "the limit allows the archive, and nothing in it");
        assert!(shown(&zip(&files[1..]))[1].contains(cut));
        assert_eq!(shown(&zip(&files[2..])).len(), 2);
        assert!(!shown(&zip(&files[2..])).concat().contains(cut), "all of it was listed");
    }

    #[test]
    fn a_long_name_is_not_kept_for_everything_below_it() {
        let inner = zip(&[(LANG_AT, LANG)]);
        let name = format!("{}.jar", "x".repeat(60_000));
        let found = shown(&zip(&[(&name, &inner)]));
        assert_eq!(found.len(), 2);
        assert!(found[1].len() < 300 && found[1].ends_with("too long, and is not read"), "{found:?}");
        let name = format!("{}.jar", "x".repeat(MAX_PATH - 4));
        assert!(shown(&zip(&[(&name, &inner)]))[1].ends_with("commons-lang3@3.12.0"), "as long as it may be");
    }

    #[test]
    fn some_texts_of_licences_are_kept_and_no_more() {
        let (_, mit) = spdx::text::LICENSE_TEXTS.iter().find(|(id, _)| *id == "MIT").unwrap();
        let names = ["LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING", "LICENCE", "META-INF/LICENSE"];
        let found =
            read(&zip(&names.map(|name| (name, mit.as_bytes()))), Budget { bytes: 1 << 20, things: 20 });
        assert_eq!(found.unwrap()[0].texts.len(), MAX_TEXTS);
    }

    #[test]
    fn the_inflated_bytes_are_bounded_as_a_whole() {
        let mut inner = zip(&[("A.class", &vec![0; 1 << 20])]);
        let at = inner.len() - 2;
        inner[at..].copy_from_slice(&60_000_u16.to_le_bytes());
        inner.resize(inner.len() + 60_000, 0);
        let names: Vec<String> = (0..40).map(|n| format!("{n}.jar")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), inner.as_slice())).collect();
        let ear = zip(&files);
        assert_eq!(read(&ear, Budget { bytes: 1 << 30, things: 20 }).unwrap().len(), 21);
        let found = read(&ear, Budget { bytes: 130_000, things: 1000 }).unwrap();
        assert_eq!(found.iter().filter(|it| it.unreadable == ["is too large"]).count(), 38, "{found:?}");
    }
    /// Entries may share their bytes, so that those that nothing has to inflate cost an attacker nothing either.
    #[test]
    fn t16_stored_archives_that_share_their_bytes_are_bounded_as_a_whole() {
        let inner = zip(&[(LANG_AT, LANG), ("padding", &[])]);
        let inner = [vec![b' '; 60_000], inner].concat();
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        let name = "in.jar";
        entry(&mut archive, &mut directory, name, (0, inner.len()), &inner);
        // Neither in the directory nor at its place: compressed.
        archive[8] = 0;
        directory[10] = 0;
        let archive = closed(archive, &directory.repeat(40), 40);
        let found = read(&archive, Budget { bytes: 130_000, things: 1000 }).unwrap();
        assert_eq!(found.len(), 41);
        let (read, refused): (Vec<&Level>, Vec<&Level>) =
            found[1..].iter().partition(|level| level.unreadable.is_empty());
        assert!(read.iter().all(|level| level.named.len() == 1), "{read:?}");
        assert_eq!(read.len(), 2, "{refused:?}");
        assert!(refused.iter().all(|level| level.unreadable == ["is too large"]), "{refused:?}");
    }
}
