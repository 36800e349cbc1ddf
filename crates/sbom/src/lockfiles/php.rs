//! `composer.lock`: `packages`, and `packages-dev` for development.

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    packages: Vec<Package>,
    #[serde(rename = "packages-dev", default)]
    for_development: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { packages, for_development } = super::strict_json(text)?;
    let locked = |is_for_development| {
        move |it: Package| Locked::new(it.name, it.version).for_development(is_for_development)
    };
    let for_development = for_development.into_iter().map(locked(true));
    Ok(packages.into_iter().map(locked(false)).chain(for_development).collect())
}
