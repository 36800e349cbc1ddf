//! The seeds of the fuzz target of the database, so that a new format does not leave the target with nothing to read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::Path;

use plimsoll_core::{Digest, Ecosystem};
use plimsoll_vuln::Database;
use plimsoll_vuln::database::{ENDING, FileList, LIST};

#[path = "../../../fuzz/src/database_file.rs"]
#[allow(
    clippy::cast_possible_truncation,
    unreachable_pub,
    missing_docs,
    reason = "part of the fuzz workspace"
)]
mod database_file;

fn seed(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/database").join(name)).unwrap()
}

/// The file of the parts in a seed.
fn assembled(name: &str) -> Vec<u8> {
    let (seed, separator) = (seed(name), b"\n%%\n");
    let mut parts = vec![&seed[..]];
    while let Some(at) = parts.last().unwrap().windows(separator.len()).position(|it| it == separator) {
        let rest = parts.pop().unwrap();
        parts.extend([&rest[..at], &rest[at + separator.len()..]]);
    }
    let parts: [&[u8]; 5] = parts.try_into().unwrap();
    database_file::assembled(&self::seed("whole")[..12], parts).unwrap()
}

fn open(files: &[(&str, &str, &[u8])]) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let mut list = FileList::default();
    for (stem, content, bytes) in files {
        let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
        let digest = Digest::sha256(&bytes[48..48 + length]);
        fs::write(folder.path().join(format!("{stem}-{}.{ENDING}", digest.hex())), bytes).unwrap();
        list.insert(content, digest);
    }
    fs::write(folder.path().join(LIST), list.encode()).unwrap();
    let database = Database::open(folder.path()).unwrap();
    database.verify().unwrap();
    (folder, database)
}

#[test]
fn the_seeds_of_the_fuzz_target_are_databases() {
    for pypi in [seed("whole"), assembled("parts")] {
        let (_folder, database) = open(&[("pypi", "PyPI", &pypi), ("cve", "CVE", &assembled("overlays"))]);
        let advisories = database.advisories(Ecosystem::PyPI).unwrap();
        let package = advisories.package("demo").unwrap().expect("the package of the seeds");
        let mut summaries = Vec::new();
        let read = advisories.visit(&package, |entry| {
            summaries.push(advisories.detail(entry.detail)?.summary);
            Ok(())
        });
        read.unwrap();
        assert!(
            !summaries.is_empty() && summaries.iter().all(|summary| !summary.is_empty()),
            "{summaries:?}"
        );
        let known =
            database.overlays().unwrap().find("CVE-2026-0001").unwrap().expect("the CVE of the seeds");
        assert!(known.epss.is_some() && known.kev.is_some() && known.vex.len() == 1, "{known:?}");
    }
}
