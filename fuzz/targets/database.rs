//! Files of the advisory database: advisories, and what is known by CVE. The input is the parts of a file, from which
//! [`assembled`] makes one whose digests hold. A file that is taken as it is, too.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::{Digest, Ecosystem, Timestamp};
use plimsoll_fuzz::database_file::assembled;
use plimsoll_fuzz::{documents, scratch};
use plimsoll_sbom::read;
use plimsoll_vuln::database::{FeedDescription, FileList, LIST, Malformed, OverlayWriter, Writer};
use plimsoll_vuln::{Database, ScanSettings, scan};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(scratch);

const INSTALLED: &[u8] = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
    {"type":"library","name":"demo","version":"1.0","purl":"pkg:pypi/demo@1.0"}]}"#;

fuzz_target!(|bytes: &[u8]| {
    let documents = documents(bytes);
    let file = match documents.as_slice() {
        [header, packages, texts, names, details] => {
            let parts = [*header, packages, texts, names, details];
            // Magic and format, of whichever version is written.
            let Some(file) = assembled(&EMPTY.0[..12], parts) else { return };
            file
        }
        _ => bytes.to_vec(),
    };
    let overlays = documents.len() == 5 && documents[0].windows(5).any(|text| text == b"\"CVE\"");
    let (advisories, known) = if overlays { (EMPTY.0.clone(), file) } else { (file, EMPTY.1.clone()) };
    // The files have other names each time.
    std::fs::remove_dir_all(&*FOLDER).unwrap();
    std::fs::create_dir_all(&*FOLDER).unwrap();
    let mut list = FileList::default();
    for (stem, content, bytes) in [("pypi", "PyPI", &advisories), ("cve", "CVE", &known)] {
        let digest = claimed(bytes);
        std::fs::write(FOLDER.join(format!("{stem}-{}.plimsolldb", digest.hex())), bytes).unwrap();
        list.insert(content, digest);
    }
    std::fs::write(FOLDER.join(LIST), list.encode()).unwrap();
    let Ok(database) = Database::open(&FOLDER) else {
        return;
    };
    let sound = database.verify().is_ok();
    let advisories = database.advisories(Ecosystem::PyPI).unwrap();
    if let Ok(keys) = advisories.keys() {
        for key in keys {
            if let Ok(Some(package)) = advisories.package(&key) {
                let read = advisories.visit(&package, |entry| {
                    advisories.conditions(entry)?;
                    advisories.rated_by(entry)?;
                    advisories.detail(entry.detail).map(|_| ())
                });
                assert!(!sound || read.is_ok());
            }
        }
    }
    let known = database.overlays().unwrap().find("CVE-2026-0001");
    assert!(!sound || known.is_ok());
    let inventory = read(INSTALLED).unwrap();
    let mut settings = ScanSettings::at(Timestamp::UNIX_EPOCH);
    settings.max_age = settings.max_age.saturating_mul(1000);
    let _ = scan(&inventory, &database, &settings);
});

/// The digest of its header that a file claims, by which it is called.
fn claimed(file: &[u8]) -> Digest {
    let hex: String =
        (16..48).map(|at| format!("{:02x}", file.get(at).copied().unwrap_or_default())).collect();
    format!("sha256:{hex}").parse().unwrap()
}

/// Sound files of both kinds, for the one that the input is not.
static EMPTY: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let about = FeedDescription {
        id: "x".into(),
        publisher: "X".into(),
        as_of: Timestamp::UNIX_EPOCH,
        published: None,
        releases: vec![],
        source: Digest::sha256(b""),
        licence: None,
        unproven: false,
        malformed: Malformed::default(),
    };
    let (mut advisories, mut overlays) = (Writer::new(Ecosystem::PyPI), OverlayWriter::default());
    advisories.feed(about.clone());
    overlays.feed(about, 0);
    (advisories.finish().unwrap().bytes, overlays.finish().unwrap().bytes)
});
