//! `nimble.lock`: Nim packages, by name.
//!
//! ```json
//! {"version": 2, "packages": {"chronos": {"version": "3.2.0", "vcsRevision": "…", "url": "…"}}}
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    version: String,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { packages } = super::strict_json(text)?;
    Ok(packages.into_iter().map(|(name, it)| Locked::new(name, it.version)).collect())
}
