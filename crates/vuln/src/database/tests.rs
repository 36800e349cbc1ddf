//! A damaged database is an error with the file's name, never a shorter answer.

use super::*;
use crate::affected::{Affected, End, FixState, Interval};
use crate::severity::Rating;
use plimsoll_core::{Classify as _, Kind};

fn affected() -> Vec<u8> {
    let intervals = vec![Interval { from: None, end: End::Before("2.0") }];
    let mut out = Vec::new();
    Affected { intervals, doubtful: vec![], versions: vec![], fix_state: FixState::Unknown }.encode(&mut out);
    out
}

fn file(ecosystem: Ecosystem, keys: &[&str]) -> File {
    let mut writer = Writer::default();
    for (number, key) in keys.iter().enumerate() {
        let id = format!("TEST-{number}");
        let detail = Detail { summary: format!("about {key}"), ..Detail::default() };
        let place = writer.advisory(&detail).unwrap();
        writer.entry(key, &id, &Rating::default(), place, &affected());
    }
    writer
        .finish(About {
            ecosystem,
            publisher: "test".into(),
            as_of: "2026-08-21T00:00:00Z".parse().unwrap(),
            releases: vec![],
            source: Digest::sha256(b"source"),
        })
        .unwrap()
}

fn folder(bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(file_path(dir.path(), Ecosystem::PyPI), bytes).unwrap();
    dir
}

/// Everything the database says about one package.
fn answer(dir: &Path, key: &str) -> Result<Option<(String, String)>, Error> {
    let database = Database::open(dir)?;
    let feed = database.feed(Ecosystem::PyPI).unwrap();
    let Some(package) = feed.package(key)? else { return Ok(None) };
    let mut found = None;
    feed.visit(&package, |entry| {
        found = Some((entry.id.to_owned(), feed.detail(entry.detail)?.summary));
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn what_was_written_is_found() {
    let dir = folder(&file(Ecosystem::PyPI, &["django", "jinja2"]).bytes);
    assert_eq!(answer(dir.path(), "jinja2").unwrap().unwrap(), ("TEST-1".into(), "about jinja2".into()));
    assert_eq!(answer(dir.path(), "flask").unwrap(), None);
    let database = Database::open(dir.path()).unwrap();
    database.verify().unwrap();
    assert_eq!(database.feed(Ecosystem::PyPI).unwrap().keys().unwrap(), ["django", "jinja2"]);
    let [status] = &database.status()[..] else { panic!("one feed") };
    assert_eq!((status.advisories, status.packages, status.ecosystem.as_str()), (2, 2, "PyPI"));
    assert_eq!(status.bytes, fs::metadata(dir.path().join("pypi.plimsolldb")).unwrap().len());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let good = file(Ecosystem::PyPI, &["django", "jinja2"]).bytes;
    let dir = folder(&good);
    let expected = answer(dir.path(), "django").unwrap();
    let path = file_path(dir.path(), Ecosystem::PyPI);
    for at in 0..good.len() {
        for bit in [0, 3, 7] {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            fs::write(&path, &bad).unwrap();
            // A lookup reads only what it needs: it may give the right answer, but no other.
            if let Ok(found) = answer(dir.path(), "django") {
                assert_eq!(found, expected, "bit {bit} of byte {at}");
            }
            let verified = Database::open(dir.path()).and_then(|database| database.verify());
            let error = verified.expect_err(&format!("bit {bit} of byte {at}"));
            assert!(error.to_string().contains("pypi.plimsolldb"), "{error}");
            assert_eq!(error.kind(), Kind::Failed);
        }
    }
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
fn a_header_that_asks_for_the_moon_gets_nothing() {
    // Consistent digests do not make lengths true.
    let good = file(Ecosystem::PyPI, &["django"]).bytes;
    let length = u32::from_le_bytes(good[12..16].try_into().unwrap()) as usize;
    let text = String::from_utf8(good[48..48 + length].to_vec()).unwrap();
    let mut header: serde_json::Value = serde_json::from_str(&text).unwrap();
    header["index"]["bytes"] = u64::MAX.into();
    let header = serde_json::to_vec(&header).unwrap();
    let mut bad = good[..12].to_vec();
    bad.extend_from_slice(&u32::try_from(header.len()).unwrap().to_le_bytes());
    bad.extend_from_slice(Digest::sha256(&header).as_bytes());
    bad.extend_from_slice(&header);
    let dir = folder(&bad);
    assert!(matches!(Database::open(dir.path()), Err(Error::Damaged { reason: Damage::Header(_), .. })));
}

#[test]
fn a_renamed_file_does_not_stand_for_another_ecosystem() {
    let dir = folder(&file(Ecosystem::Go, &["stdlib"]).bytes);
    let error = Database::open(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("it holds Go, expected PyPI by its name"), "{error}");
}

#[test]
fn other_formats_and_missing_databases_say_what_to_do() {
    let mut other = file(Ecosystem::PyPI, &[]).bytes;
    other[8] = 9;
    let dir = folder(&other);
    let error = Database::open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("has database format 9, expected 1"), "{error}");

    let empty = tempfile::tempdir().unwrap();
    for dir in [empty.path().to_owned(), empty.path().join("missing")] {
        let error = Database::open(&dir).unwrap_err();
        assert_eq!((error.kind(), error.kind().exit_code()), (Kind::NotFound, 4), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn the_digest_changes_with_any_file() {
    let digest =
        |keys: &[&str]| Database::open(folder(&file(Ecosystem::PyPI, keys).bytes).path()).unwrap().digest();
    assert_eq!(digest(&["a"]), digest(&["a"]));
    assert_ne!(digest(&["a"]), digest(&["b"]));
}
