//! A database as an archive: what is exported is what is imported, and nothing else gets in.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use plimsoll_core::{Cancel, Classify as _, Kind, Limits, Timestamp};
use plimsoll_feeds::archive::{Archive, write};
use plimsoll_feeds::{ArchiveProblem, Error, ImportConditions, build};
use plimsoll_vuln::{Database, FeedStatus};
use tempfile::TempDir;

const NOW: &str = "2026-11-20T12:00:00Z";
const AS_OF: &str = "2026-11-20T06:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A database of these ecosystems, with an advisory of this identifier in each.
    fn build(&self, name: &str, as_of: &str, ecosystems: &[&str], id: &str) -> PathBuf {
        let (from, out) = (self.path(&format!("{name}-feeds")), self.path(name));
        for ecosystem in ecosystems {
            let folder = from.join(ecosystem);
            fs::create_dir_all(&folder).unwrap();
            let advisory = format!(
                r#"{{"id": "{id}", "modified": "2026-01-01T00:00:00Z", "affected": [{{
                "package": {{"ecosystem": "{ecosystem}", "name": "jinja2"}},
                "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}}]}}]}}]}}"#
            );
            fs::write(folder.join("a.json"), advisory).unwrap();
        }
        build(&from, time(as_of), &out, time(NOW), &Limits::default()).unwrap();
        out
    }

    fn archive(&self, as_of: &str, ecosystems: &[&str]) -> Vec<u8> {
        let name = format!("{}-{}", as_of.replace(':', ""), ecosystems.join("-"));
        export(&self.build(&name, as_of, ecosystems, "A-1"), None)
    }

    /// Whatever the archive does, no other name than a database's may appear.
    fn import(&self, archive: &[u8], rules: &ImportConditions) -> Result<Vec<FeedStatus>, Error> {
        let into = self.path("imported");
        let imported = Archive::open(archive, &Limits::default())
            .and_then(|archive| archive.install(&into, rules, &Cancel::never()));
        if into.exists() {
            let names = fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name());
            for name in names {
                let name = name.to_str().unwrap().to_owned();
                let known = ["lock", "database.json"].contains(&name.as_str());
                assert!(known || name.ends_with(".plimsolldb") || name.ends_with(".sigstore.json"), "{name}");
            }
        }
        imported
    }

    /// The identifiers in the database that was imported.
    fn imported(&self) -> Database {
        let database = Database::open(&self.path("imported")).unwrap();
        database.verify().unwrap();
        database
    }
}

fn export(folder: &Path, signature: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&Database::open(folder).unwrap(), signature, &mut out).unwrap();
    out
}

fn rules() -> ImportConditions {
    ImportConditions { now: time(NOW), max_age: None, allow_older: false }
}

/// The members of an archive, each a header and what follows it.
fn members(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let tar = zstd::decode_all(archive).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), content)
    });
    entries.collect()
}

/// An archive of these members in the form of the product.
fn packed(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in members {
        tar.extend_from_slice(&header(name, content.len() as u64));
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend_from_slice(&[0; 1024]);
    zstd::encode_all(tar.as_slice(), 3).unwrap()
}

fn header(name: &str, bytes: u64) -> [u8; 512] {
    let mut block = [0; 512];
    let size = format!("{bytes:011o}");
    for (at, text) in [
        (0, name),
        (100, "0000644"),
        (108, "0000000"),
        (116, "0000000"),
        (124, &size),
        (136, "00000000000"),
        (148, "        "),
        (156, "0"),
        (257, "ustar"),
        (263, "00"),
        (329, "0000000"),
        (337, "0000000"),
    ] {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[test]
fn what_is_exported_is_what_is_imported_and_equal_databases_give_equal_archives() {
    let place = Place::new();
    let folder = place.build("db", AS_OF, &["PyPI", "npm"], "A-1");
    let archive = export(&folder, None);
    assert_eq!(archive, export(&folder, None));
    assert_eq!(archive, packed_again(&archive), "the helper writes what the product writes");
    let feeds = place.import(&archive, &rules()).unwrap();
    let (before, after) = (Database::open(&folder).unwrap(), place.imported());
    assert_eq!((before.digest(), before.status()), (after.digest(), feeds));
    assert!(after.signature().is_none());
    let names: Vec<_> = members(&archive).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[0], "database.json");
    assert!(names[1].starts_with("pypi-") || names[1].starts_with("npm-"), "{names:?}");
    // Again, over itself.
    place.import(&archive, &rules()).unwrap();
    assert_eq!(place.imported().digest(), before.digest());
}

fn packed_again(archive: &[u8]) -> Vec<u8> {
    let tar = zstd::decode_all(packed(&members(archive)).as_slice()).unwrap();
    assert_eq!(tar, zstd::decode_all(archive).unwrap());
    archive.to_vec()
}

#[test]
fn a_signature_stays_with_its_list_and_leaves_with_it() {
    let place = Place::new();
    let folder = place.build("db", AS_OF, &["PyPI"], "A-1");
    let archive = export(&folder, Some(b"{\"a\":1}"));
    place.import(&archive, &rules()).unwrap();
    assert_eq!(place.imported().signature(), Some(Ok(&b"{\"a\":1}"[..])));
    // An equal database is as well signed.
    place.import(&export(&folder, None), &rules()).unwrap();
    assert!(place.imported().signature().is_some());
    // Another one is not, and nothing of the old signature is left.
    build(
        &place.path("db-feeds"),
        time("2026-11-20T07:00:00Z"),
        &place.path("imported"),
        time(NOW),
        &Limits::default(),
    )
    .unwrap();
    assert!(place.imported().signature().is_none());
    let names = fs::read_dir(place.path("imported")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().contains("sigstore")));
}

#[test]
fn an_archive_that_is_cut_off_anywhere_changes_nothing() {
    let place = Place::new();
    let archive = place.archive(AS_OF, &["PyPI", "npm"]);
    let whole = zstd::decode_all(archive.as_slice()).unwrap();
    place.import(&place.archive("2026-11-20T05:00:00Z", &["PyPI"]), &rules()).unwrap();
    let before = place.imported().digest();
    for length in (0..archive.len()).step_by(13) {
        let error = place.import(&archive[..length], &rules()).unwrap_err();
        assert!(matches!(error, Error::Archive(_)), "{length}: {error}");
        assert_eq!(place.imported().digest(), before);
    }
    for length in (0..whole.len()).step_by(509) {
        let cut = zstd::encode_all(&whole[..length], 3).unwrap();
        let error = place.import(&cut, &rules()).unwrap_err();
        assert!(matches!(error, Error::Archive(_)), "{length}: {error}");
        assert_eq!(place.imported().digest(), before);
    }
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let place = Place::new();
    let archive = place.archive(AS_OF, &["PyPI"]);
    let whole = zstd::decode_all(archive.as_slice()).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        let changed = zstd::encode_all(changed.as_slice(), 1).unwrap();
        place.import(&changed, &rules()).expect_err(&format!("byte {at}"));
        assert!(Database::open(&place.path("imported")).is_err(), "byte {at}");
    }
    for at in (0..archive.len()).step_by(3) {
        let mut changed = archive.clone();
        changed[at] ^= 0x20;
        // What only the frame's header says, such as the size of a window, may differ.
        if place.import(&changed, &rules()).is_ok() {
            assert_eq!(zstd::decode_all(changed.as_slice()).unwrap(), whole, "byte {at}");
        }
    }
}

#[test]
fn what_is_no_archive_is_told_apart_from_a_damaged_one() {
    let place = Place::new();
    let gnu = {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, "database.json", &b"{}"[..]).unwrap();
        zstd::encode_all(tar.into_inner().unwrap().as_slice(), 3).unwrap()
    };
    let zeros = zstd::encode_all(&[0; 4096][..], 3).unwrap();
    for foreign in [&b""[..], b"PK\x03\x04", b"{\"files\":{}}", &gnu, &zeros] {
        let error = place.import(foreign, &rules()).unwrap_err();
        assert!(matches!(error, Error::Archive(ArchiveProblem::Form)), "{error}");
        assert!(error.hint().unwrap().contains("db export"));
        assert!(!place.path("imported").exists());
    }
}

#[test]
fn only_what_the_list_names_is_read_once_and_in_its_order() {
    let place = Place::new();
    let members = members(&place.archive(AS_OF, &["PyPI", "npm"]));
    let with = |edit: fn(&mut Vec<(String, Vec<u8>)>)| {
        let mut edited = members.clone();
        edit(&mut edited);
        place.import(&packed(&edited), &rules()).unwrap_err().to_string()
    };
    let twice = with(|all| all.push(all[2].clone()));
    assert!(twice.contains("something follows its end"), "{twice}");
    let twice = with(|all| all.insert(1, all[1].clone()));
    assert!(twice.contains("got `"), "{twice}");
    let list_twice = with(|all| all.insert(1, all[0].clone()));
    assert!(list_twice.contains("got `database.json`"), "{list_twice}");
    let swapped = with(|all| all.swap(1, 2));
    assert!(swapped.contains(", expected "), "{swapped}");
    let missing = with(|all| drop(all.pop()));
    assert!(missing.contains("got its end"), "{missing}");
    let more = with(|all| all.push(("other.plimsolldb".to_owned(), vec![1])));
    assert!(more.contains("something follows"), "{more}");
    for name in ["../evil", "/etc/evil", "./x", "a/../../b", "database.json", "lock", "\u{1b}[2J"] {
        let mut edited = members.clone();
        edited[1].0 = name.to_owned();
        let error = place.import(&packed(&edited), &rules()).unwrap_err().to_string();
        assert!(error.contains(", expected ") && !error.contains('\u{1b}'), "{error}");
    }
    assert!(!place.path("evil").exists());

    // After the end, in the tar, the frame, another frame.
    let mut tar = zstd::decode_all(packed(&members).as_slice()).unwrap();
    tar.extend_from_slice(&[0; 512]);
    let error = place.import(&zstd::encode_all(tar.as_slice(), 3).unwrap(), &rules()).unwrap_err();
    assert!(matches!(error, Error::Archive(ArchiveProblem::Trailing)), "{error}");
    for more in [&b"x"[..], &zstd::encode_all(&b"x"[..], 3).unwrap()] {
        let error = place.import(&[&packed(&members), more].concat(), &rules()).unwrap_err();
        assert!(matches!(error, Error::Archive(ArchiveProblem::Trailing)), "{error}");
    }
    place.import(&packed(&members), &rules()).unwrap();
}

#[test]
fn a_list_that_is_written_otherwise_is_refused() {
    let place = Place::new();
    let mut members = members(&place.archive(AS_OF, &["PyPI"]));
    let list = String::from_utf8(members[0].1.clone()).unwrap();
    for other in [
        list.replace(':', ": "),
        list.replace("PyPI", "../PyPI"),
        list.replace("\"schemaVersion\":1", "\"schemaVersion\":2"),
        list.replace('}', ""),
        String::new(),
    ] {
        members[0].1 = other.into_bytes();
        place.import(&packed(&members), &rules()).unwrap_err();
    }
    // A list without files is not a database.
    members.truncate(1);
    members[0].1 = b"{\"files\":{},\"schemaVersion\":1}\n".to_vec();
    place.import(&packed(&members), &rules()).unwrap_err();
}

#[test]
fn a_bomb_runs_into_a_named_limit_before_it_is_written() {
    let place = Place::new();
    let members = members(&place.archive(AS_OF, &["PyPI"]));
    let import = |archive: &[u8], limits: &Limits| {
        let archive = Archive::open(archive, limits)?;
        archive.install(&place.path("imported"), &rules(), &Cancel::never()).map(drop)
    };
    let told = |result: Result<(), Error>, name: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Limit(_)) && error.to_string().contains(name), "{error}");
    };
    // The size alone is enough.
    let mut tar = header("database.json", members[0].1.len() as u64).to_vec();
    tar.extend_from_slice(&members[0].1);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar.extend_from_slice(&header(&members[1].0, 0o777_7777_7777));
    let huge = zstd::encode_all(tar.as_slice(), 3).unwrap();
    let mut limits = Limits::default();
    limits.set("exported_bytes", "1GiB").unwrap();
    told(import(&huge, &limits), "exported_bytes");
    // Zeros that are there.
    let mut large = members.clone();
    large[1].1 = vec![0; 64 << 20];
    let zeros = packed(&large);
    limits.set("ratio_floor_bytes", "1MiB").unwrap();
    told(import(&zeros, &limits), "ratio");
    limits.set("exported_bytes", "32MiB").unwrap();
    told(import(&zeros, &limits), "exported_bytes");
    // What is kept in memory has limits of its own.
    let huge = |name: &str| zstd::encode_all(&header(name, 1 << 30)[..], 3).unwrap();
    told(import(&huge("database.json"), &Limits::default()), "database_list_bytes");
    let mut signed = members;
    signed.insert(1, ("database.sigstore.json".to_owned(), vec![b' '; (1 << 20) + 1]));
    told(import(&packed(&signed), &Limits::default()), "database_signature_bytes");
    assert!(Database::open(&place.path("imported")).is_err());
}

#[test]
fn nothing_newer_is_replaced_by_something_older_feed_by_feed() {
    let place = Place::new();
    let (old, new) = ("2026-11-19T06:00:00Z", "2026-11-20T06:00:00Z");
    let newer = place.archive(new, &["PyPI", "npm"]);
    let older = place.archive(old, &["PyPI", "npm"]);
    let less = place.archive("2026-11-20T07:00:00Z", &["PyPI"]);
    place.import(&older, &rules()).unwrap();
    place.import(&newer, &rules()).unwrap();
    let error = place.import(&older, &rules()).unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(
        error.to_string().contains(&format!("is as of {new} here, and as of {old} in the archive")),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--allow-older"));
    // One feed is enough, whatever the others are.
    let error = place.import(&less, &rules()).unwrap_err().to_string();
    assert!(error.contains("npm from OSV") && error.contains("not in the archive"), "{error}");
    let before = Database::open(&place.path("imported")).unwrap().status();
    assert!(before.iter().all(|feed| feed.as_of == time(new)));
    place.import(&less, &ImportConditions { allow_older: true, ..rules() }).unwrap();
    assert_eq!(place.imported().status().len(), 1);
    place.import(&older, &ImportConditions { allow_older: true, ..rules() }).unwrap();
}

#[test]
fn nothing_newer_is_replaced_because_another_version_wrote_it() {
    let place = Place::new();
    let (old, new) = ("2026-11-19T06:00:00Z", "2026-11-20T06:00:00Z");
    let (older, newer) = (place.archive(old, &["PyPI"]), place.archive(new, &["PyPI"]));
    place.import(&newer, &rules()).unwrap();
    let files = fs::read_dir(place.path("imported")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|it| it == "plimsolldb")).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[8] = 5;
    fs::write(&file, &bytes).unwrap();
    assert!(Database::open(&place.path("imported")).is_err());
    let error = place.import(&older, &rules()).unwrap_err();
    assert!(matches!(error, Error::TakesBack { .. }), "{error}");
    // Of a header that does not tell, nobody knows.
    bytes.truncate(64);
    fs::write(&file, &bytes).unwrap();
    let error = place.import(&newer, &rules()).unwrap_err();
    assert!(matches!(error, Error::UnknownAge { format: 5, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.hint().unwrap().contains("--allow-older"));
    place.import(&older, &ImportConditions { allow_older: true, ..rules() }).unwrap();
    place.imported();
}

#[test]
fn the_seed_of_the_fuzz_target_is_an_archive() {
    let place = Place::new();
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/exported");
    let archive = fs::read(seeds.join("archive")).unwrap();
    place.import(&archive[1..], &rules()).unwrap();
    place.imported();
    let tar = fs::read(seeds.join("tar")).unwrap();
    place.import(&zstd::encode_all(&tar[1..], 1).unwrap(), &rules()).unwrap();
    place.imported();
}

#[test]
fn what_is_too_old_or_from_the_future_is_refused() {
    let place = Place::new();
    let archive = place.archive(AS_OF, &["PyPI"]);
    let hours = |hours| ImportConditions { max_age: Some(SignedDuration::from_hours(hours)), ..rules() };
    let error = place.import(&archive, &hours(5)).unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.to_string().contains("which is 6 hours old, expected at most 5 hours"), "{error}");
    let early = ImportConditions { now: time("2026-11-20T05:00:00Z"), ..rules() };
    let error = place.import(&archive, &early).unwrap_err().to_string();
    assert!(error.contains("in the future"), "{error}");
    // That is not a question of age.
    place.import(&archive, &ImportConditions { allow_older: true, ..early }).unwrap_err();
    place.import(&archive, &hours(6)).unwrap();
}

#[test]
fn what_a_killed_import_left_is_no_obstacle_and_a_damaged_database_is_mended() {
    let place = Place::new();
    let archive = place.archive(AS_OF, &["PyPI"]);
    let left = place.path("imported/.import");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("pypi-1.plimsolldb"), b"half").unwrap();
    place.import(&archive, &rules()).unwrap();
    fs::write(place.path("imported/database.json"), b"{").unwrap();
    place.import(&archive, &rules()).unwrap();
    place.imported();
}

#[test]
fn a_stopped_import_changes_nothing() {
    let place = Place::new();
    let archive = place.archive(AS_OF, &["PyPI"]);
    let cancel = Cancel::never();
    cancel.cancel();
    let opened = Archive::open(archive.as_slice(), &Limits::default()).unwrap();
    let error = opened.install(&place.path("imported"), &rules(), &cancel).unwrap_err();
    assert!(matches!(error, Error::Stopped(_)), "{error}");
    assert!(Database::open(&place.path("imported")).is_err());
}

#[test]
fn a_database_whose_records_were_changed_is_not_exported() {
    let place = Place::new();
    let folder = place.build("db", AS_OF, &["PyPI"], "A-1");
    let file = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|it| it == "plimsolldb")).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let database = Database::open(&folder).unwrap();
    let error = write(&database, None, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("the digest of its block"), "{error}");
}
