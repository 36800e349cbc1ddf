//! Published VEX documents, counted once by the reader and once by a plain reading of the same JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code"
)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use plimsoll_vuln::vex::{Document, read};
use serde_json::Value;

const LIMIT: u64 = 32 << 20;

/// The JSON files of an archive of the shared data.
fn files(archive: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/feeds").join(archive);
    let Ok(file) = std::fs::File::open(path) else {
        eprintln!("skipped: no ../shared/data");
        return None;
    };
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if Path::new(&path).extension().is_some_and(|ending| ending == "json") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(path, bytes);
        }
    }
    Some(files)
}

#[test]
fn every_statement_of_published_openvex_is_read() {
    let Some(files) = files("openvex-vexhub.tar.gz") else { return };
    let (mut documents, mut statements) = (0, 0);
    for (path, bytes) in &files {
        let plain: Value = serde_json::from_slice(bytes).unwrap();
        let Some(all) = plain["statements"].as_array() else {
            // Lists of packages beside the documents.
            assert!(read(bytes, path, LIMIT).unwrap_err().is_something_else(), "{path}");
            continue;
        };
        let Document { statements: read, refused, reasons, author, .. } = read(bytes, path, LIMIT).unwrap();
        assert_eq!((read.len(), refused), (all.len(), 0), "{path}: {reasons:?}");
        assert_eq!(author, plain["author"].as_str().unwrap());
        documents += 1;
        statements += read.len();
    }
    assert!(documents >= 50 && statements >= 15_000, "{documents} documents, {statements} statements");
}

#[test]
fn published_csaf_is_read() {
    let Some(files) = files("rhel-csaf-vex-samples.tar.gz") else { return };
    let mut documents = 0;
    for (path, bytes) in &files {
        if path.contains("delete_") {
            // Only says that a document is withdrawn.
            assert!(read(bytes, path, LIMIT).unwrap_err().is_something_else(), "{path}");
            continue;
        }
        let document = read(bytes, path, LIMIT).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(document.author, "Red Hat Product Security");
        assert_eq!(document.refused, 0, "{path}: {:?}", document.reasons);
        assert!(!document.statements.is_empty(), "{path}");
        documents += 1;
    }
    assert!(documents >= 7, "{documents}");
}
