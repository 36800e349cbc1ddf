//! Julia's `Manifest.toml`: below each name, the packages with that name. Format 2 has the names below `deps`.
//!
//! ```toml
//! julia_version = "1.8.5"
//! manifest_format = "2.0"
//!
//! [[deps.JSON]]
//! uuid = "682c06a0-de6a-54ab-a142-c8b1cf79cde6"
//! version = "0.21.4"
//! ```
//!
//! A package of the standard library has Julia's version. A package with a `path` is a folder of the project.

use serde::Deserialize;
use toml::Value;

use super::Locked;

#[derive(Deserialize)]
struct Package {
    uuid: String,
    version: Option<String>,
    path: Option<String>,
    #[serde(rename = "repo-url")]
    repository: Option<String>,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let document: toml::Table = super::toml(text)?;
    let julia = document.get("julia_version").and_then(Value::as_str);
    let julia = julia.filter(|version| version.len() <= super::MAX_TEXT);
    let names = match document.get("deps") {
        Some(Value::Table(names)) => names,
        _ => &document,
    };
    let mut locked = Vec::new();
    for (name, packages) in names {
        let Value::Array(packages) = packages else { continue };
        for package in packages {
            let Package { uuid, version, path, repository } = Package::deserialize(package.clone())
                .map_err(|error| format!("is not a lock file: {}", error.message()))?;
            if path.is_some() {
                continue;
            }
            let version = version.or_else(|| julia.filter(|_| repository.is_none()).map(str::to_owned));
            let package =
                version.map_or_else(|| Locked::unpinned(name), |version| Locked::new(name, version));
            locked.push(package.qualifier("uuid", uuid));
        }
    }
    if locked.is_empty() && julia.is_none() && !document.contains_key("manifest_format") {
        return Err("is not a lock file: it has no packages".to_owned());
    }
    Ok(locked)
}
