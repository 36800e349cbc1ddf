//! Python's lock files: `poetry.lock`, `uv.lock`, `pdm.lock`, `pylock.toml` (PEP 751) and `Pipfile.lock`.
//!
//! ```toml
//! [[package]]                     # [[packages]] in pylock.toml
//! name = "requests"
//! version = "2.32.3"
//! category = "main"               # poetry 1
//! groups = ["main", "dev"]        # poetry 2
//! source = { virtual = "." }      # uv: the project itself
//! dependencies = [{ name = "idna" }]
//! ```
//!
//! uv marks development dependencies in the project itself, not in the packages: packages that cannot be reached
//! otherwise are for development.

use std::collections::{BTreeMap, BTreeSet};

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
    /// A package that is built from a folder may have no version.
    version: Option<String>,
    category: Option<String>,
    groups: Option<Vec<String>>,
}

/// The source of a package in uv's file, as far as it identifies the project itself.
#[derive(Deserialize)]
struct Source {
    r#virtual: Option<String>,
    editable: Option<String>,
    directory: Option<String>,
}

pub(super) fn poetry(text: &str) -> Result<Vec<Locked>, String> {
    let is_for_development = |it: &Package| match (&it.groups, &it.category) {
        (Some(groups), _) => groups.iter().all(|group| group != "main"),
        (None, Some(category)) => category == "dev",
        (None, None) => false,
    };
    let Document { package } = super::toml(text)?;
    let one = |it: Package| {
        let is_for_development = is_for_development(&it);
        Some(Locked::new(it.name, it.version?).for_development(is_for_development))
    };
    Ok(package.into_iter().filter_map(one).collect())
}

pub(super) fn uv(text: &str) -> Result<Vec<Locked>, String> {
    let is_own = |it: &Source| it.r#virtual.is_some() || it.editable.is_some() || it.directory.is_some();
    let UvDocument { package } = super::toml(text)?;
    let (own, foreign): (Vec<UvPackage>, Vec<UvPackage>) =
        package.into_iter().partition(|it| it.source.as_ref().is_some_and(is_own));
    let mut by_name: BTreeMap<&str, Vec<&UvPackage>> = BTreeMap::new();
    for it in own.iter().chain(&foreign) {
        by_name.entry(&it.name).or_default().push(it);
    }
    let runtime: BTreeSet<String> = own.iter().flat_map(UvPackage::needed).cloned().collect();
    let direct: BTreeSet<&str> = own
        .iter()
        .flat_map(|it| it.needed().chain(it.dev_dependencies.values().flatten().map(|it| &it.name)))
        .map(String::as_str)
        .collect();
    let (mut reached, mut open) = (runtime.clone(), Vec::from_iter(runtime));
    while let Some(name) = open.pop() {
        for next in by_name.get(name.as_str()).into_iter().flatten().flat_map(|it| it.needed()) {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    // Without a project, nothing is known about direct dependencies.
    let tells = !own.is_empty();
    let one = |it: &UvPackage| {
        let locked = Locked::new(&it.name, it.version.as_ref()?);
        if !tells {
            return Some(locked);
        }
        let is_for_development = !reached.contains(&it.name);
        Some(locked.for_development(is_for_development).direct(direct.contains(it.name.as_str())))
    };
    Ok(foreign.iter().filter_map(one).collect())
}

#[derive(Deserialize)]
struct UvDocument {
    #[serde(default)]
    package: Vec<UvPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvPackage {
    name: String,
    version: Option<String>,
    source: Option<Source>,
    #[serde(default)]
    dependencies: Vec<Named>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Named>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl UvPackage {
    /// The names of its runtime dependencies. Extras count, because whoever installs it may request them.
    fn needed(&self) -> impl Iterator<Item = &String> {
        self.dependencies.iter().chain(self.optional_dependencies.values().flatten()).map(|it| &it.name)
    }
}

/// The file does not say which of its groups are for development.
pub(super) fn pdm(text: &str) -> Result<Vec<Locked>, String> {
    packages(text)
}

pub(super) fn pylock(text: &str) -> Result<Vec<Locked>, String> {
    packages(text)
}

fn packages(text: &str) -> Result<Vec<Locked>, String> {
    let Document { package } = super::toml(text)?;
    Ok(package.into_iter().filter_map(|it| Some(Locked::new(it.name, it.version?))).collect())
}

#[derive(Deserialize)]
struct Pipfile {
    #[serde(default)]
    default: BTreeMap<String, Requirement>,
    #[serde(default)]
    develop: BTreeMap<String, Requirement>,
}

#[derive(Deserialize)]
struct Requirement {
    /// `==2.32.3`. Missing for a package from git or an address.
    version: Option<String>,
    /// A folder of the project.
    path: Option<serde::de::IgnoredAny>,
}

pub(super) fn pipenv(text: &str) -> Result<Vec<Locked>, String> {
    let Pipfile { default, develop } = super::strict_json(text)?;
    let pinned = |is_for_development| {
        move |(name, it): (String, Requirement)| {
            let locked = match it.version.as_deref().and_then(|version| version.strip_prefix("==")) {
                Some(version) => Locked::new(name, version),
                None if it.path.is_some() => return None,
                None => Locked::unpinned(name),
            };
            Some(locked.for_development(is_for_development))
        }
    };
    let default = default.into_iter().filter_map(pinned(false));
    Ok(default.chain(develop.into_iter().filter_map(pinned(true))).collect())
}
