//! `composer.lock`: `packages`, and `packages-dev` for development.

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { packages } = super::strict_json(text)?;
    Ok(packages.into_iter().map(|it| Locked::new(it.name, it.version)).collect())
}
