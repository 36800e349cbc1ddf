//! Credential files: docker's `config.json`, as far as no helper program is run.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::Reference;
use plimsoll_fuzz::scratch;
use plimsoll_registry::auth::Keyring;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    // Helpers are programs that the file names; none is to be found.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("PATH", "") };
    scratch().join("config.json")
});

static REFERENCES: LazyLock<[Reference; 3]> = LazyLock::new(|| {
    ["registry.example/team/app:1", "debian", "127.0.0.1:5000/a"].map(|text| text.parse().unwrap())
});

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).unwrap();
    let keyring = Keyring::from_files([FILE.clone()]);
    for reference in REFERENCES.iter() {
        let _ = keyring.find(reference);
    }
});
