//! Publishers' data: OSV documents, Debian's tracker, Alpine's security database, and zip archives of any content. What a build accepts
//! becomes a database in which every record decodes.
//!
//! The first byte says where the rest goes: `o` one OSV document, `d` the tracker, `a` the security database, `z` a zip archive.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_core::Timestamp;
use plimsoll_fuzz::{limits, scratch};
use plimsoll_vuln::Database;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(scratch);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let (folder, file) = match bytes.first() {
        Some(b'o') => ("PyPI", "advisory.json"),
        Some(b'd') => ("debian", "tracker.json"),
        Some(b'a') => ("alpine/v3.20", "main.json"),
        Some(b'z') => ("PyPI", "all.zip"),
        _ => return Corpus::Reject,
    };
    let (from, out) = (FOLDER.join("from"), FOLDER.join("out"));
    for stale in [&from, &out] {
        let _ = fs::remove_dir_all(stale);
    }
    fs::create_dir_all(from.join(folder)).unwrap();
    fs::write(from.join(folder).join(file), &bytes[1..]).unwrap();
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    match plimsoll_feeds::build(&from, now, &out, now, &limits()) {
        Ok(_) => Database::open(&out).unwrap().verify().unwrap(),
        Err(_) => assert!(!out.exists(), "a failed build left something"),
    }
    Corpus::Keep
});
