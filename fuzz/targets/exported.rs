//! Archives of `db export`. What is imported is a database in which every record decodes, and is the archive when it is exported
//! again; what is refused leaves no database.
//!
//! The first byte says what follows: `r` the archive, `t` the tar in it.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_core::{Cancel, Timestamp};
use plimsoll_feeds::ImportConditions;
use plimsoll_feeds::archive::{Archive, write};
use plimsoll_fuzz::{limits, scratch};
use plimsoll_vuln::Database;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(scratch);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let archive = match bytes.first() {
        Some(b'r') => bytes[1..].to_vec(),
        Some(b't') => zstd::encode_all(&bytes[1..], 1).unwrap(),
        _ => return Corpus::Reject,
    };
    let folder = FOLDER.join("imported");
    let _ = fs::remove_dir_all(&folder);
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let rules = ImportConditions { now, max_age: None, allow_older: false };
    let Ok(opened) = Archive::open(archive.as_slice(), &limits()) else { return Corpus::Keep };
    let signature = opened.signature().map(<[u8]>::to_vec);
    match opened.install(&folder, &rules, &Cancel::never()) {
        Ok(_) => {
            let database = Database::open(&folder).unwrap();
            database.verify().unwrap();
            let mut again = Vec::new();
            write(&database, signature.as_deref(), &mut again).unwrap();
            let tar = |archive: &[u8]| zstd::decode_all(archive).unwrap();
            assert_eq!(tar(&again), tar(&archive), "another archive");
        }
        Err(_) => assert!(Database::open(&folder).is_err(), "a refused archive left a database"),
    }
    assert!(!folder.join(".import").exists(), "something is left behind");
    Corpus::Keep
});
