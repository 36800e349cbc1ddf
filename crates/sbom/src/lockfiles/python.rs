//! Python's lock files: `poetry.lock`, `uv.lock`, `pdm.lock`, `pylock.toml` (PEP 751) and `Pipfile.lock`.
//!
//! ```toml
//! [[package]]                     # [[packages]] in pylock.toml
//! name = "requests"
//! version = "2.32.3"
//! category = "main"               # poetry 1
//! groups = ["main", "dev"]        # poetry 2
//! source = { virtual = "." }      # uv: the project itself
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    #[serde(default, alias = "packages")]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// A package that is built from a folder may have none.
    version: Option<String>,
    category: Option<String>,
    groups: Option<Vec<String>>,
    source: Option<Source>,
}

/// Where uv has a package from, as far as that shows the project itself.
#[derive(Deserialize)]
struct Source {
    r#virtual: Option<String>,
    editable: Option<String>,
    directory: Option<String>,
}

pub(super) fn poetry(text: &str) -> Result<Vec<Locked>, String> {
    let is_main = |it: &Package| match (&it.groups, &it.category) {
        (Some(groups), _) => groups.iter().any(|group| group == "main"),
        (None, Some(category)) => category != "dev",
        (None, None) => true,
    };
    packages(text, is_main)
}

pub(super) fn uv(text: &str) -> Result<Vec<Locked>, String> {
    let is_own = |it: &Source| it.r#virtual.is_some() || it.editable.is_some() || it.directory.is_some();
    packages(text, |it| !it.source.as_ref().is_some_and(is_own))
}

/// Which of its groups are for development, the file does not say.
pub(super) fn pdm(text: &str) -> Result<Vec<Locked>, String> {
    packages(text, |_| true)
}

pub(super) fn pylock(text: &str) -> Result<Vec<Locked>, String> {
    packages(text, |_| true)
}

fn packages(text: &str, take: impl Fn(&Package) -> bool) -> Result<Vec<Locked>, String> {
    let Document { package } = super::toml(text)?;
    let taken = package.into_iter().filter(take);
    Ok(taken.filter_map(|it| Some(Locked::new(it.name, it.version?))).collect())
}

#[derive(Deserialize)]
struct Pipfile {
    #[serde(default)]
    default: BTreeMap<String, Requirement>,
}

#[derive(Deserialize)]
struct Requirement {
    /// `==2.32.3`; what comes from git or a folder has none.
    version: Option<String>,
}

pub(super) fn pipenv(text: &str) -> Result<Vec<Locked>, String> {
    let Pipfile { default } = super::strict_json(text)?;
    let pinned = |(name, it): (String, Requirement)| Some(Locked::new(name, it.version?.strip_prefix("==")?));
    Ok(default.into_iter().filter_map(pinned).collect())
}
