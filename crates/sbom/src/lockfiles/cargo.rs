//! `Cargo.lock`: crates of a registry or of git. Crates without a source belong to the project itself. Dependencies of
//! tests and build scripts are not marked.
//!
//! ```toml
//! [[package]]
//! name = "serde"
//! version = "1.0.200"
//! source = "registry+https://github.com/rust-lang/crates.io-index"
//! dependencies = ["serde_derive"]         # with version and source, if the name alone is ambiguous
//! checksum = "ddc6f9cc94d67c0e21aaf7eda3a010fd3af78ebf6e096aa6e2e13c79749cce4f"
//! ```

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Locked;
use crate::inventory::{Checksum, ChecksumAlgorithm};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    checksum: Option<String>,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { package } = super::toml(text)?;
    let own = package.iter().filter(|it| it.source.is_none());
    let asked_for = own.flat_map(|it| &it.dependencies).map(|text| {
        let mut words = text.split(' ');
        (words.next().unwrap_or_default().to_owned(), words.next().map(str::to_owned))
    });
    let asked_for: BTreeSet<(String, Option<String>)> = asked_for.collect();
    let foreign = package.into_iter().filter(|it| it.source.is_some());
    let one = |it: Package| {
        let is_direct = asked_for.contains(&(it.name.clone(), None))
            || asked_for.contains(&(it.name.clone(), Some(it.version.clone())));
        let checksum = it.checksum.and_then(|hex| Checksum::of_hex(ChecksumAlgorithm::Sha256, &hex));
        Locked::new(it.name, it.version).direct(is_direct).checksums(checksum)
    };
    Ok(foreign.map(one).collect())
}
