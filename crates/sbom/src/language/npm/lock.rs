//! npm's lock files: `package-lock.json`, `npm-shrinkwrap.json`, and `node_modules/.package-lock.json`, in which npm
//! records what it installed.
//!
//! Versions 2 and 3 have `packages`, by the folder of each; version 1 has nested `dependencies`, by name:
//!
//! ```json
//! {"lockfileVersion": 3, "packages": {
//!   "": {"name": "app"},
//!   "node_modules/a": {"version": "1.0.0"},
//!   "node_modules/a/node_modules/@s/b": {"version": "2.0.0", "dev": true},
//!   "node_modules/alias": {"name": "c", "version": "3.0.0"},
//!   "node_modules/w": {"resolved": "packages/w", "link": true}}}
//! ```
//! ```json
//! {"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0", "dev": true}}}}}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::json;
use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::inventory::{Declaration, Requester, Scope};

/// The packages that a lock file names.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Lock {
    pub(super) packages: Vec<Locked>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Locked {
    /// Where it is installed, relative to the folder of the lock file: `node_modules/a`. `None` for version 1.
    pub(super) folder: Option<String>,
    pub(super) name: String,
    /// Empty if it is not a version, but an address or a folder.
    pub(super) version: String,
    /// The digests of its archive, as the lock file states them.
    pub(super) integrity: String,
    pub(super) declared: Declaration,
}

impl Footprint for Lock {
    fn footprint(&self) -> usize {
        let package = |it: &Locked| {
            size_of::<Locked>()
                + it.name.len()
                + it.version.len()
                + it.integrity.len()
                + it.folder.as_ref().map_or(0, String::len)
        };
        self.packages.iter().map(package).sum()
    }
}

/// Reads a lock file of at most `max` packages.
pub(super) fn read(content: &[u8], max: usize) -> Result<Lock, String> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let document: Document =
        json::from_slice(content, u64::MAX).map_err(|error| format!("is not a lock file: {error}"))?;
    let mut lock = Lock { packages: Vec::new() };
    match (document.packages, document.dependencies) {
        (Some(packages), _) => {
            // Dependencies of the project and of its workspaces.
            let own = packages.iter().filter(|(folder, _)| !folder.contains("node_modules/"));
            let direct: BTreeSet<String> = own.flat_map(|(_, it)| it.asked_for()).cloned().collect();
            for (folder, package) in packages {
                lock.folder(folder, package, &direct);
            }
        }
        (None, Some(dependencies)) => lock.dependencies(dependencies),
        // A project without dependencies.
        (None, None) if document.version.is_some() => {}
        (None, None) => return Err("has neither packages nor dependencies".to_owned()),
    }
    if lock.packages.len() > max {
        return Err(format!("names {} packages, expected at most {max} (packages)", lock.packages.len()));
    }
    Ok(lock)
}

impl Lock {
    fn folder(&mut self, folder: String, package: Package, direct: &BTreeSet<String>) {
        // Links lead to folders of the project, which are identified by their own package.json.
        let Some((_, own)) = folder.rsplit_once("node_modules/").filter(|_| !package.link) else {
            return;
        };
        // A copy inside another package belongs to that package.
        let is_direct = !folder.contains("/node_modules/") && direct.contains(own);
        let declared =
            declared(package.dev, if is_direct { Requester::Direct } else { Requester::Transitive });
        let name = package.name.unwrap_or_else(|| own.to_owned());
        let version = package.version.unwrap_or_default();
        let integrity = package.integrity.unwrap_or_default();
        self.packages.push(Locked { folder: Some(folder), name, version, integrity, declared });
    }

    fn dependencies(&mut self, dependencies: BTreeMap<String, Dependency>) {
        for (name, dependency) in dependencies {
            if let Some(inner) = dependency.dependencies {
                self.dependencies(inner);
            }
            let declared = declared(dependency.dev, Requester::Unknown);
            let (name, version) =
                match dependency.version.strip_prefix("npm:").and_then(|it| it.rsplit_once('@')) {
                    Some((real, version)) => (real.to_owned(), version.to_owned()),
                    None => (name, dependency.version),
                };
            // The address of a git repository or an archive, or a folder.
            let version = if version.contains([':', '/']) { String::new() } else { version };
            let integrity = dependency.integrity.unwrap_or_default();
            self.packages.push(Locked { folder: None, name, version, integrity, declared });
        }
    }
}

fn declared(is_for_development: bool, requester: Requester) -> Declaration {
    let scope = if is_for_development { Scope::Development } else { Scope::Runtime };
    Declaration { scope, requester }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "lockfileVersion")]
    version: Option<u64>,
    packages: Option<BTreeMap<String, Package>>,
    dependencies: Option<BTreeMap<String, Dependency>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: Option<String>,
    version: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Value>,
}

impl Package {
    /// The names of its direct dependencies.
    fn asked_for(&self) -> impl Iterator<Item = &String> {
        let Self { dependencies, dev_dependencies, optional_dependencies, .. } = self;
        [dependencies, dev_dependencies, optional_dependencies].into_iter().flat_map(BTreeMap::keys)
    }
}

#[derive(Deserialize)]
struct Dependency {
    version: String,
    integrity: Option<String>,
    #[serde(default)]
    dev: bool,
    dependencies: Option<BTreeMap<String, Self>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &str) -> Result<Vec<String>, String> {
        let lock = read(content.as_bytes(), 5)?;
        let one = |it: &Locked| {
            let folder = it.folder.as_deref().unwrap_or("-");
            let mark = if it.declared.is_for_development() { " development" } else { "" };
            format!("{folder} {}@{}{mark}", it.name, it.version)
        };
        Ok(lock.packages.iter().map(one).collect())
    }

    #[test]
    fn every_version_of_the_format_is_read_with_development_dependencies() {
        let third = r#"{"lockfileVersion":3,"packages":{"":{"name":"app","version":"0"},"node_modules/a":{"version":"1.0.0"},
            "node_modules/a/node_modules/@s/b":{"version":"2.0.0"},"node_modules/alias":{"name":"c","version":"3.0.0"},
            "node_modules/d":{"version":"1.0.0","dev":true},"node_modules/w":{"resolved":"packages/w","link":true},
            "packages/w":{"version":"1.0.0"}},"dependencies":{"ignored":{"version":"1.0.0"}}}"#;
        assert_eq!(
            shown(third).unwrap(),
            [
                "node_modules/a a@1.0.0",
                "node_modules/a/node_modules/@s/b @s/b@2.0.0",
                "node_modules/alias c@3.0.0",
                "node_modules/d d@1.0.0 development"
            ]
        );
        let first = r#"{"lockfileVersion":1,"dependencies":{"a":{"version":"1.0.0","dependencies":{"b":{"version":"2.0.0"}}},
            "alias":{"version":"npm:@s/c@3.0.0"},"d":{"version":"1.0.0","dev":true},
            "g":{"version":"git+ssh://git@example.org/g.git#0a"}}}"#;
        assert_eq!(
            shown(first).unwrap(),
            ["- b@2.0.0", "- a@1.0.0", "- @s/c@3.0.0", "- d@1.0.0 development", "- g@"]
        );
        assert_eq!(shown(r#"{"lockfileVersion":3,"packages":{}}"#).unwrap(), Vec::<String>::new());
        assert_eq!(shown(r#"{"lockfileVersion":1}"#).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_invalid_lock_file_is_an_error() {
        for content in [
            "",
            "{}",
            "[]",
            r#"{"packages":[]}"#,
            r#"{"dependencies":{"a":{}}}"#,
            r#"{"packages":{"node_modules/a":{"version":"1"},"node_modules/a":{"version":"2"}}}"#,
        ] {
            assert!(shown(content).is_err(), "{content}");
        }
        let many: Vec<String> = (0..6).map(|n| format!(r#""node_modules/{n}":{{"version":"1"}}"#)).collect();
        assert!(
            shown(&format!(r#"{{"packages":{{{}}}}}"#, many.join(","))).unwrap_err().contains("at most 5")
        );
        let deep = r#"{"dependencies":{"a":{"version":"1","dependencies":{"a":"#.repeat(1000);
        assert!(shown(&deep).is_err());
    }
}
