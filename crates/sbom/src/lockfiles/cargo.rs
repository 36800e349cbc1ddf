//! `Cargo.lock`: crates of a registry or of git. Those without a source are the project's own.
//!
//! ```toml
//! [[package]]
//! name = "serde"
//! version = "1.0.200"
//! source = "registry+https://github.com/rust-lang/crates.io-index"
//! ```

use serde::Deserialize;

use super::Locked;

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
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { package } = super::toml(text)?;
    let foreign = package.into_iter().filter(|it| it.source.is_some());
    Ok(foreign.map(|it| Locked::new(it.name, it.version)).collect())
}
