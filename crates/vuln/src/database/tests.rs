//! A damaged database is an error with the file's name, never a shorter answer.

use std::fs;
use std::path::PathBuf;

use super::blocks::{DirectoryWriter, PackageBlocks};
use super::format::FORMAT;
use super::record::{StoredEntry, put_entries};
use super::texts::TextBlocks;
use super::*;
use crate::Class;
use crate::affected::{Affected, End, FixState, Interval, Start};
use crate::conditions::Conditions;
use crate::error::Damage;
use crate::severity::Rating;
use plimsoll_core::{Classify as _, Kind};

fn affected() -> Vec<u8> {
    let intervals = vec![Interval { from: Start::First, end: End::Before("2.0") }];
    let mut out = Vec::new();
    Affected { intervals, doubtful: vec![], versions: vec![], fix_state: FixState::Unknown }.encode(&mut out);
    out
}

fn about(id: &str) -> FeedDescription {
    FeedDescription {
        id: id.to_owned(),
        publisher: format!("publisher {id}"),
        as_of: "2026-08-21T00:00:00Z".parse().unwrap(),
        published: None,
        releases: vec![],
        source: Digest::sha256(b"source"),
        licence: Some("CC0-1.0".to_owned()),
        unproven: false,
        malformed: Malformed::default(),
    }
}

fn file(ecosystem: Ecosystem, keys: &[&str]) -> File {
    let mut writer = Writer::new(ecosystem);
    let feed = writer.feed(about("test"));
    for (number, key) in keys.iter().enumerate() {
        let detail = Detail { summary: format!("about {key}"), ..Detail::default() };
        let detail = writer.advisory(feed, &detail).unwrap();
        let entry = NewEntry {
            feed,
            id: &format!("TEST-{number}"),
            rating: &Rating::default(),
            rated_by: None,
            conditions: Conditions { architectures: vec!["x86_64"], ..Conditions::default() },
            class: Class::default(),
            detail,
            affected: &affected(),
        };
        writer.entry(key, &entry);
    }
    writer.finish().unwrap()
}

fn folder(bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    place(dir.path(), &[("pypi", "PyPI", bytes)]);
    dir
}

/// Writes files, and a list of them by the digests that their headers claim. Returns their paths.
fn place(dir: &Path, files: &[(&str, &str, &[u8])]) -> Vec<PathBuf> {
    let mut list = FileList::default();
    let mut paths = Vec::new();
    for (stem, content, bytes) in files {
        let mut claimed = [0; 32];
        if let Some(digest) = bytes.get(16..48) {
            claimed.copy_from_slice(digest);
        }
        let hex = claimed.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let path = dir.join(format!("{stem}-{hex}.{ENDING}"));
        // The name may be that of a file that somebody reads.
        fs::write(dir.join("part"), bytes).unwrap();
        fs::rename(dir.join("part"), &path).unwrap();
        list.insert(content, format!("sha256:{hex}").parse().unwrap());
        paths.push(path);
    }
    fs::write(dir.join("new"), list.encode()).unwrap();
    fs::rename(dir.join("new"), dir.join(LIST)).unwrap();
    paths
}

/// Everything the database says about one package.
fn answer(dir: &Path, key: &str) -> Result<Option<(String, String)>, Error> {
    let database = Database::open(dir)?;
    let advisories = database.advisories(Ecosystem::PyPI).unwrap();
    let Some(package) = advisories.package(key)? else { return Ok(None) };
    let mut found = None;
    advisories.visit(&package, |entry| {
        assert_eq!(advisories.conditions(entry)?.architectures, ["x86_64"]);
        found = Some((entry.id.to_owned(), advisories.detail(entry.detail)?.summary));
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn written_advisories_are_found() {
    let dir = folder(&file(Ecosystem::PyPI, &["django", "jinja2"]).bytes);
    assert_eq!(answer(dir.path(), "jinja2").unwrap().unwrap(), ("TEST-1".into(), "about jinja2".into()));
    assert_eq!(answer(dir.path(), "flask").unwrap(), None);
    let database = Database::open(dir.path()).unwrap();
    database.verify().unwrap();
    assert_eq!(database.advisories(Ecosystem::PyPI).unwrap().keys().unwrap(), ["django", "jinja2"]);
    let [status] = &database.status()[..] else { panic!("one feed") };
    assert_eq!((status.advisories, status.packages, status.ecosystem.as_str()), (2, 2, "PyPI"));
    assert_eq!(status.bytes, file(Ecosystem::PyPI, &["django", "jinja2"]).bytes.len() as u64);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let good = file(Ecosystem::PyPI, &["django", "jinja2"]).bytes;
    let dir = tempfile::tempdir().unwrap();
    let [path] = &place(dir.path(), &[("pypi", "PyPI", &good)])[..] else { panic!("one file") };
    let expected = answer(dir.path(), "django").unwrap();
    for at in 0..good.len() {
        for bit in [0, 3, 7] {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            fs::write(path, &bad).unwrap();
            // A lookup reads only what it needs. So it may succeed, but only with the right answer.
            if let Ok(found) = answer(dir.path(), "django") {
                assert_eq!(found, expected, "bit {bit} of byte {at}");
            }
            let verified = Database::open(dir.path()).and_then(|database| database.verify());
            let error = verified.expect_err(&format!("bit {bit} of byte {at}"));
            assert!(error.to_string().contains("/pypi-"), "{error}");
            assert_eq!(error.kind(), Kind::Failed);
        }
    }
}

#[test]
fn what_is_written_into_a_file_that_is_open_is_never_believed() {
    // Another database that is valid by itself, with the same lengths: all its digests and checksums are right.
    let of_fix = |fix| {
        let mut writer = Writer::new(Ecosystem::PyPI);
        let feed = writer.feed(about("test"));
        let detail = writer.advisory(feed, &Detail::default()).unwrap();
        let intervals = vec![Interval { from: Start::First, end: End::Before(fix) }];
        let mut affected = Vec::new();
        Affected { intervals, doubtful: vec![], versions: vec![], fix_state: FixState::Unknown }
            .encode(&mut affected);
        let entry = NewEntry {
            feed,
            id: "TEST-1",
            rating: &Rating::default(),
            rated_by: None,
            conditions: Conditions::default(),
            class: Class::default(),
            detail,
            affected: &affected,
        };
        // Two of them, so that whatever is read at the first lookup was read.
        writer.entry("django", &entry);
        (0..2_000).for_each(|number| writer.entry(&format!("e{number:04}"), &entry));
        writer.entry("zope", &entry);
        writer.finish().unwrap().bytes
    };
    let (good, bad) = (of_fix("2.0"), of_fix("1.0"));
    assert_eq!(good.len(), bad.len());
    let dir = tempfile::tempdir().unwrap();
    let [path] = &place(dir.path(), &[("pypi", "PyPI", &good)])[..] else { panic!("one file") };
    let database = Database::open(dir.path()).unwrap();
    let advisories = database.advisories(Ecosystem::PyPI).unwrap();
    let fix = |key| -> Result<String, Error> {
        let package = advisories.package(key)?.unwrap();
        let mut fix = String::new();
        advisories.visit(&package, |entry| {
            fix = format!("{:?}", entry.affected.intervals);
            advisories.detail(entry.detail).map(|_| ())
        })?;
        Ok(fix)
    };
    let before = fix("django").unwrap();
    database.verify().unwrap();
    // Into the file that is open, not in its place.
    fs::write(path, &bad).unwrap();
    let error = fix("zope").unwrap_err();
    assert!(matches!(error, Error::Damaged { reason: Damage::Digest { part: "block" }, .. }), "{error}");
    // Nor is it exported.
    let copied = || -> Result<Vec<u8>, Error> {
        let mut copied = Vec::new();
        database.stored()?[0].copy(|piece| {
            copied.extend_from_slice(piece);
            Ok::<_, Error>(())
        })?;
        Ok(copied)
    };
    let error = copied().unwrap_err();
    assert!(matches!(error, Error::Damaged { reason: Damage::Digest { .. }, .. }), "{error}");
    for at in [8, 12, 20, 100, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(path, &bad).unwrap();
        let error = copied().expect_err(&format!("byte {at}"));
        assert!(matches!(error, Error::Damaged { reason: Damage::Digest { .. }, .. }), "{error}");
    }
    fs::write(path, &good).unwrap();
    assert_eq!(fix("zope").unwrap(), before);
    assert_eq!(copied().unwrap(), good);
}

#[test]
fn every_truncation_and_every_addition_is_noticed() {
    let good = file(Ecosystem::PyPI, &["django"]).bytes;
    for length in 0..good.len() {
        let dir = folder(&good[..length]);
        let error = Database::open(dir.path()).expect_err("cut short");
        assert!(matches!(error, Error::Damaged { .. }), "{length}: {error}");
        assert!(error.hint().unwrap().contains("plimsoll db build"));
    }
    let dir = folder(&[&good[..], b"x"].concat());
    assert!(matches!(Database::open(dir.path()), Err(Error::Damaged { reason: Damage::Length { .. }, .. })));
}

#[test]
fn a_header_with_excessive_lengths_is_refused() {
    // Digests that match do not mean that lengths are right.
    let good = file(Ecosystem::PyPI, &["django"]).bytes;
    let length = u32::from_le_bytes(good[12..16].try_into().unwrap()) as usize;
    let text = String::from_utf8(good[48..48 + length].to_vec()).unwrap();
    let header: serde_json::Value = serde_json::from_str(&text).unwrap();
    let open = |set: fn(&mut serde_json::Value)| {
        let mut header = header.clone();
        set(&mut header);
        let header = serde_json::to_vec(&header).unwrap();
        let mut bad = good[..12].to_vec();
        bad.extend_from_slice(&u32::try_from(header.len()).unwrap().to_le_bytes());
        bad.extend_from_slice(Digest::sha256(&header).as_bytes());
        bad.extend_from_slice(&header);
        match Database::open(folder(&bad).path()) {
            Err(Error::Damaged { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    for part in [
        |it: &mut serde_json::Value| it["packages"]["directory"]["bytes"] = u64::MAX.into(),
        |it: &mut serde_json::Value| it["texts"]["directory"]["bytes"] = (1_u64 << 32).into(),
    ] {
        assert!(matches!(open(part), Damage::Header(_)));
    }
    for part in [
        |it: &mut serde_json::Value| it["packages"]["bytes"] = u64::MAX.into(),
        |it: &mut serde_json::Value| it["texts"]["bytes"] = u64::MAX.into(),
    ] {
        assert!(matches!(open(part), Damage::Length { .. }));
    }
}

#[test]
fn a_renamed_file_does_not_stand_for_another_ecosystem() {
    let dir = folder(&file(Ecosystem::Go, &["stdlib"]).bytes);
    let error = Database::open(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("it contains Go, but its name means PyPI"), "{error}");
}

#[test]
fn other_formats_and_missing_databases_say_what_to_do() {
    for format in [1, 2, 5, 9] {
        let mut other = file(Ecosystem::PyPI, &[]).bytes;
        other[8] = format;
        let error = Database::open(folder(&other).path()).unwrap_err();
        assert!(
            error.to_string().ends_with(&format!("has database format {format}, expected {FORMAT}")),
            "{error}"
        );
        assert_eq!(error.kind(), Kind::Failed);
        assert!(error.hint().unwrap().contains("plimsoll db build --from DIR --as-of TIME"));
    }

    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("pypi.plimsolldb"), "from before there was a list").unwrap();
    let error = Database::open(empty.path()).unwrap_err();
    assert!(matches!(error, Error::Unlisted { .. }), "{error}");
    assert!(error.hint().unwrap().contains("plimsoll db build --from DIR --as-of TIME"));
    fs::remove_file(empty.path().join("pypi.plimsolldb")).unwrap();
    for dir in [empty.path().to_owned(), empty.path().join("missing")] {
        let error = Database::open(&dir).unwrap_err();
        assert_eq!((error.kind(), error.kind().exit_code()), (Kind::NotFound, 4), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn listed_files_must_exist_and_be_known() {
    let bytes = file(Ecosystem::PyPI, &["django"]).bytes;
    let dir = folder(&bytes);
    let path = dir.path().join(LIST);
    let good = fs::read_to_string(&path).unwrap();
    let open = |list: &str| {
        fs::write(&path, list).unwrap();
        Database::open(dir.path())
    };
    open(&good).unwrap();
    for bad in [
        "",
        "[]",
        &good.replace("PyPI", "Elsewhere"),
        &good.replace("PyPI", "../PyPI"),
        &good.replace("\"files\"", "\"file\""),
        &good.replace(r#"{"PyPI""#, r#"{"PyPI":"sha256:0","PyPI""#),
        &good.replace("sha256:", "sha256:../"),
    ] {
        let error = open(bad).unwrap_err();
        assert!(matches!(error, Error::Damaged { reason: Damage::List, .. }), "{bad}: {error}");
        assert!(error.to_string().contains("database.json"), "{error}");
    }
    let newer = good.replace(r#""schemaVersion":1"#, r#""schemaVersion":2,"signature":"new""#);
    let newer = open(&newer).unwrap_err();
    assert!(matches!(newer, Error::Format { got: 2, .. }), "{newer}");
    // Another file under the name of a listed one, and no file.
    let other = file(Ecosystem::PyPI, &["jinja2"]);
    fs::write(&path, &good).unwrap();
    let name = FileList::read(dir.path()).unwrap().unwrap().names().next().unwrap();
    fs::write(dir.path().join(&name), &other.bytes).unwrap();
    let error = Database::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Damaged { reason: Damage::Digest { .. }, .. }), "{error}");
    fs::remove_file(dir.path().join(name)).unwrap();
    let error = Database::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
    fs::write(&path, " ".repeat(1 << 20)).unwrap();
    assert!(matches!(Database::open(dir.path()).unwrap_err(), Error::Limit(_)));
}

#[test]
fn a_database_that_is_replaced_while_it_is_opened_is_the_old_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let states: Vec<[Vec<u8>; 2]> =
        ["a", "b"].map(|key| [file(Ecosystem::PyPI, &[key]).bytes, file(Ecosystem::Go, &[key]).bytes]).into();
    let put = |[pypi, go]: &[Vec<u8>; 2]| place(dir.path(), &[("pypi", "PyPI", pypi), ("go", "Go", go)]);
    let mut old = put(&states[0]);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..2_000 {
                let database = Database::open(dir.path()).unwrap();
                let keys = |ecosystem| database.advisories(ecosystem).unwrap().keys().unwrap();
                assert_eq!(keys(Ecosystem::PyPI), keys(Ecosystem::Go));
            }
        });
        let mut turn = 0;
        while !reader.is_finished() {
            turn += 1;
            let new = put(&states[turn % 2]);
            for path in std::mem::replace(&mut old, new) {
                fs::remove_file(path).unwrap();
            }
        }
    });
}

#[test]
fn the_digest_changes_with_any_file() {
    let digest =
        |keys: &[&str]| Database::open(folder(&file(Ecosystem::PyPI, keys).bytes).path()).unwrap().digest();
    assert_eq!(digest(&["a"]), digest(&["a"]));
    assert_ne!(digest(&["a"]), digest(&["b"]));
}

/// What the database says about one package: identifier, publisher, who rated it, its conditions.
fn words(dir: &Path, key: &str) -> Vec<(String, String, String, String)> {
    let database = Database::open(dir).unwrap();
    database.verify().unwrap();
    let advisories = database.advisories(Ecosystem::PyPI).unwrap();
    let package = advisories.package(key).unwrap().unwrap();
    let mut words = Vec::new();
    advisories
        .visit(&package, |entry| {
            let conditions = advisories.conditions(entry)?;
            assert_eq!(entry.is_conditional(), !conditions.is_empty());
            words.push((
                entry.id.to_owned(),
                advisories.feed(entry)?.id().to_owned(),
                advisories.rated_by(entry)?.to_owned(),
                format!("{:?} {:?} {:?}", conditions.module, conditions.architectures, conditions.products),
            ));
            Ok(())
        })
        .unwrap();
    words
}

#[test]
fn several_publishers_about_one_package_keep_their_own_ages() {
    let mut writer = Writer::new(Ecosystem::PyPI);
    let old =
        FeedDescription { as_of: "2026-01-01T00:00:00Z".parse().unwrap(), unproven: true, ..about("old") };
    let (first, second) = (writer.feed(about("first")), writer.feed(old));
    let detail = writer.advisory(second, &Detail::default()).unwrap();
    let conditions = Conditions {
        module: Some("nodejs:18"),
        architectures: vec!["aarch64", "x86_64"],
        products: vec!["cpe:/o:example:linux:9"],
    };
    let entry = |feed, id, rated_by, conditions: &Conditions<'static>| NewEntry {
        feed,
        id,
        rating: &const { Rating { severity: crate::Severity::High, source: crate::SeveritySource::Vendor } },
        rated_by,
        conditions: conditions.clone(),
        class: Class::default(),
        detail,
        affected: &[0, 0, 0, 0],
    };
    writer.entry("a", &entry(second, "B-1", Some("nvd"), &conditions));
    writer.entry("a", &entry(first, "A-1", None, &Conditions::default()));
    writer.entry("b", &entry(second, "B-1", None, &conditions));
    let file = writer.finish().unwrap();
    assert_eq!(file.feeds.iter().map(|feed| feed.packages).collect::<Vec<_>>(), [1, 2]);
    let dir = folder(&file.bytes);
    let text = |text: &str| text.to_owned();
    assert_eq!(
        words(dir.path(), "a"),
        [
            (text("A-1"), text("first"), text("first"), text("None [] []")),
            (
                text("B-1"),
                text("old"),
                text("nvd"),
                text(r#"Some("nodejs:18") ["aarch64", "x86_64"] ["cpe:/o:example:linux:9"]"#)
            ),
        ]
    );
    let database = Database::open(dir.path()).unwrap();
    let [a, b] = &database.status()[..] else { panic!("two feeds") };
    assert_eq!((a.publisher.as_str(), a.unproven, a.advisories), ("publisher first", false, 0));
    assert_eq!((b.publisher.as_str(), b.unproven, b.advisories), ("publisher old", true, 1));
    assert!(a.as_of > b.as_of && a.file_digest == b.file_digest);
}

#[test]
fn an_entry_with_a_missing_feed_or_label_is_damage() {
    let mut writer = Writer::new(Ecosystem::PyPI);
    writer.feed(about("only"));
    let detail = writer.advisory(0, &Detail::default()).unwrap();
    let conditions = Conditions::default();
    let entry = NewEntry {
        feed: 1,
        id: "A-1",
        rating: &Rating::default(),
        rated_by: None,
        conditions,
        class: Class::default(),
        detail,
        affected: &affected(),
    };
    writer.entry("a", &entry);
    let dir = folder(&writer.finish().unwrap().bytes);
    let error = Database::open(dir.path()).unwrap().verify().unwrap_err();
    assert!(matches!(error, Error::Damaged { reason: Damage::Encoding { .. }, .. }), "{error}");

    let nobody = folder(&Writer::new(Ecosystem::PyPI).finish().unwrap().bytes);
    assert!(matches!(
        Database::open(nobody.path()),
        Err(Error::Damaged { reason: Damage::Header("feeds"), .. })
    ));
}

fn overlays() -> File {
    let mut writer = OverlayWriter::default();
    let (epss, vex) = (writer.feed(about("epss"), 2), writer.feed(about("vendor"), 1));
    writer.overlay("CVE-2024-0001").unwrap().epss =
        Some(Epss { feed: epss, probability: 94_321, percentile: 99_999 });
    *writer.overlay("CVE-2024-0002").unwrap() = Overlay {
        epss: None,
        kev: Some(Kev { added: 1_700_000_000, due: Some(1_701_000_000), ransomware: true }),
        vex: vec![Statement {
            feed: vex,
            product: "pkg:rpm/redhat/openssl".to_owned(),
            status: VexStatus::NotAffected,
            justification: "vulnerable_code_not_present".to_owned(),
        }],
    };
    writer.overlay("CVE-2024-10003").unwrap().kev = Some(Kev { added: -1, due: None, ransomware: false });
    writer.finish().unwrap()
}

#[test]
fn overlays_are_found_by_cve_and_count_for_the_digest() {
    let packages = file(Ecosystem::PyPI, &["a"]).bytes;
    let dir = folder(&packages);
    let without = Database::open(dir.path()).unwrap();
    assert!(without.overlays().is_none());
    place(dir.path(), &[("pypi", "PyPI", &packages), ("cve", "CVE", &overlays().bytes)]);
    let database = Database::open(dir.path()).unwrap();
    database.verify().unwrap();
    assert_ne!(database.digest(), without.digest());
    let known = |cve| database.overlays().unwrap().find(cve).unwrap();
    assert_eq!(known("CVE-2024-0001").unwrap().epss.unwrap().probability, 94_321);
    let second = known("CVE-2024-0002").unwrap();
    assert_eq!(second.kev, Some(Kev { added: 1_700_000_000, due: Some(1_701_000_000), ransomware: true }));
    assert_eq!((second.vex.len(), second.vex[0].status), (1, VexStatus::NotAffected));
    assert_eq!(known("CVE-2024-10003").unwrap().kev.unwrap().added, -1);
    // The first two are in blocks that exist.
    for unknown in ["CVE-2024-0004", "CVE-2024-10004", "CVE-2024-0101", "CVE-2023-0001", "CVE-2024-00001"] {
        assert_eq!(known(unknown), None, "{unknown}");
    }
    for other in ["", "CVE-", "CVE-2024-1", "CVE-2024-0ü1", "CVE-2024--001", "GHSA-2024-0001", "CVE-24-0001"]
    {
        assert_eq!(known(other), None, "{other}");
        assert!(OverlayWriter::default().overlay(other).is_none(), "{other}");
    }
    // Feeds of overlays are shown, but a scan does not depend on them.
    assert_eq!((database.feeds().len(), database.status().len()), (1, 3));
    assert_eq!(database.status()[2].ecosystem, "CVE");
}

#[test]
fn every_flipped_bit_of_overlays_is_noticed() {
    let packages = file(Ecosystem::PyPI, &["a"]).bytes;
    let dir = tempfile::tempdir().unwrap();
    let good = overlays().bytes;
    let paths = place(dir.path(), &[("pypi", "PyPI", &packages), ("cve", "CVE", &good)]);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&paths[1], &bad).unwrap();
        let verified = Database::open(dir.path()).and_then(|database| database.verify());
        let error = verified.expect_err(&format!("byte {at}"));
        assert!(error.to_string().contains("/cve-"), "{error}");
    }
}

#[test]
fn content_that_several_identifiers_share_is_stored_once() {
    let sizes = |identifiers: usize| {
        let mut writer = Writer::new(Ecosystem::PyPI);
        let feed = writer.feed(about("test"));
        for number in 0..identifiers {
            let detail = Detail { summary: "text ".repeat(100), ..Detail::default() };
            let detail = writer.advisory(feed, &detail).unwrap();
            let entry = NewEntry {
                feed,
                id: &format!("CVE-2024-{number:04}"),
                rating: &Rating::default(),
                rated_by: None,
                conditions: Conditions::default(),
                class: Class::default(),
                detail,
                affected: &affected(),
            };
            writer.entry("django", &entry);
        }
        writer.finish().unwrap()
    };
    let (one, hundred) = (sizes(1), sizes(100));
    assert!(hundred.bytes.len() < one.bytes.len() + 99 * 20, "{} {}", one.bytes.len(), hundred.bytes.len());
    assert_eq!(hundred.feeds[0].advisories, 100);
    let dir = folder(&hundred.bytes);
    let database = Database::open(dir.path()).unwrap();
    database.verify().unwrap();
    let advisories = database.advisories(Ecosystem::PyPI).unwrap();
    let package = advisories.package("django").unwrap().unwrap();
    let mut ids = Vec::new();
    let visit = advisories.visit(&package, |entry| {
        ids.push(entry.id.to_owned());
        assert_eq!(advisories.detail(entry.detail)?.summary.len(), 500);
        Ok(())
    });
    visit.unwrap();
    assert_eq!((ids.len(), ids[0].as_str(), ids[99].as_str()), (100, "CVE-2024-0000", "CVE-2024-0099"));
}

/// A file that has these parts in place of its own; all digests are right.
fn with_parts(good: &[u8], parts: [(DirectoryWriter, Vec<u8>); 2]) -> Vec<u8> {
    let length = u32::from_le_bytes(good[12..16].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&good[48..48 + length]).unwrap();
    header["labels"] = serde_json::Value::Null;
    let [packages, texts] = parts.map(|(directory, blocks)| (directory.encode(), blocks));
    for (name, (directory, blocks)) in [("packages", &packages), ("texts", &texts)] {
        header[name] = serde_json::json!({
            "directory": {"bytes": directory.len(), "digest": Digest::sha256(directory)},
            "bytes": blocks.len(),
        });
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = good[..12].to_vec();
    file.extend_from_slice(&u32::try_from(header.len()).unwrap().to_le_bytes());
    file.extend_from_slice(Digest::sha256(&header).as_bytes());
    for part in [&header, &packages.0, &texts.0, &packages.1, &texts.1] {
        file.extend_from_slice(part);
    }
    file
}

/// One package, with a statement for each of these places of texts.
fn stating(places: &[Place]) -> (DirectoryWriter, Vec<u8>) {
    let (mut record, mut content, mut packages) = (Vec::new(), Vec::new(), PackageBlocks::default());
    let (rating, affected) = (Rating::default(), affected());
    let stored = StoredEntry {
        feed: 0,
        rating: &rating,
        rated_by: None,
        conditions: record::ConditionLabels::default(),
        class: Class::default(),
        affected: &affected,
    };
    stored.encode(&mut content);
    for (number, place) in places.iter().enumerate() {
        put_entries(&mut record, &[&format!("TEST-{number}")], *place, &content);
    }
    packages.push("django", &record);
    packages.finish()
}

#[test]
fn texts_that_inflate_to_far_more_than_is_stored_run_into_a_named_limit() {
    // Each block is within its limits; a megabyte of them would inflate to terabytes.
    let zeros = zstd::bulk::compress(&vec![0; 32 << 20], 19).unwrap();
    let (mut directory, mut blocks) = (DirectoryWriter::default(), Vec::new());
    for _ in 0..100 {
        directory.push("", &zeros, 32 << 20);
        blocks.extend_from_slice(&zeros);
    }
    let place = Place { block: 0, offset: 0 };
    let good = file(Ecosystem::PyPI, &["django"]).bytes;
    let dir = folder(&with_parts(&good, [stating(&[place]), (directory, blocks)]));
    let database = Database::open(dir.path()).unwrap();
    let advisories = database.advisories(Ecosystem::PyPI).unwrap();
    for error in [database.verify().unwrap_err(), advisories.detail(place).unwrap_err()] {
        assert!(matches!(error, Error::Limit(_)) && error.to_string().contains("text_ratio"), "{error}");
    }
}

#[test]
fn texts_that_overlap_are_refused_so_that_no_byte_is_decoded_twice() {
    // The summary of the first is the second, and so on: as many texts as bytes, each nearly as long as all of them.
    let mut inner = Vec::new();
    Detail::default().encode(&mut inner);
    let mut summary = vec![u8::try_from(inner.len()).unwrap()];
    summary.extend_from_slice(&inner);
    let outer = Detail { summary: String::from_utf8(summary).unwrap(), ..Detail::default() };
    let (mut text, mut apart) = (Vec::new(), Vec::new());
    outer.encode(&mut text);
    let mut verified = |second: Place| {
        let mut texts = TextBlocks::new().unwrap();
        let first = texts.push(&text).unwrap();
        apart.clear();
        Detail::default().encode(&mut apart);
        let other = texts.push(&apart).unwrap();
        let second = if second.offset == 0 { other } else { second };
        let good = file(Ecosystem::PyPI, &["django"]).bytes;
        let dir = folder(&with_parts(&good, [stating(&[first, second, first]), texts.finish().unwrap()]));
        Database::open(dir.path()).and_then(|database| database.verify())
    };
    verified(Place { block: 0, offset: 0 }).unwrap();
    for (block, offset) in [(0, 3), (1, 1), (u32::MAX, u32::MAX)] {
        let error = verified(Place { block, offset }).unwrap_err();
        assert!(error.to_string().contains("its place of a text does not decode"), "{error}");
    }
}

#[test]
fn verifying_stops_when_nobody_waits() {
    let dir = folder(&file(Ecosystem::PyPI, &["django"]).bytes);
    let (database, cancel) = (Database::open(dir.path()).unwrap(), Cancel::never());
    database.verify_until(&cancel).unwrap();
    cancel.cancel();
    assert!(matches!(database.verify_until(&cancel), Err(Error::Stopped(_))));
}

#[test]
fn files_that_nobody_can_read_are_taken_out_of_the_list_and_told() {
    let files =
        [Ecosystem::PyPI, Ecosystem::Go, Ecosystem::Npm].map(|ecosystem| file(ecosystem, &["a"]).bytes);
    let dir = tempfile::tempdir().unwrap();
    let [pypi, go, npm] = &files;
    let stored = [("pypi", "PyPI", &pypi[..]), ("go", "Go", go), ("npm", "npm", npm)];
    let paths = place(dir.path(), &stored);
    let mut list = FileList::read(dir.path()).unwrap().unwrap();
    assert!(list.remove_unreadable(dir.path()).unwrap().is_empty());
    assert_eq!(list.ages(dir.path()).unwrap().len(), 3);
    let mut old = go.clone();
    old[8] = 5;
    fs::write(&paths[1], old).unwrap();
    fs::remove_file(&paths[2]).unwrap();
    // The header is where all formats have it, so its feeds are known.
    let ages = list.ages(dir.path()).unwrap();
    let ages: Vec<_> = ages.iter().map(|age| (age.ecosystem.as_str(), age.publisher.as_str())).collect();
    assert_eq!(ages, [("Go", "publisher test"), ("PyPI", "publisher test")]);
    let removed: Vec<_> =
        list.remove_unreadable(dir.path()).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(removed.len(), 2, "{removed:?}");
    assert!(removed[0].contains("/go-") && removed[0].contains("has database format 5"), "{removed:?}");
    assert!(removed[1].contains("/npm-"), "{removed:?}");
    assert_eq!(list.names().count(), 1);
}
