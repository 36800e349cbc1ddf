//! vcpkg: the dependencies in `vcpkg.json`, and the installed packages in its database.
//!
//! ```json
//! {"dependencies": ["fmt", {"name": "zlib", "version>=": "1.3"}], "overrides": [{"name": "fmt", "version": "10.1.1"}]}
//! ```
//!
//! A manifest names versions only to override those of the registry.
//!
//! ```text
//! Package: zlib
//! Version: 1.3.1
//! Port-Version: 1
//! Architecture: x64-linux
//! Status: install ok installed
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    dependencies: Option<Vec<Dependency>>,
    #[serde(default)]
    overrides: Vec<Override>,
    name: Option<String>,
    builtin_baseline: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Dependency {
    Name(String),
    Described { name: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Override {
    name: String,
    #[serde(alias = "version-string", alias = "version-semver", alias = "version-date")]
    version: String,
}

pub(super) fn manifest(text: &str) -> Result<Vec<Locked>, String> {
    let Manifest { dependencies, overrides, name, builtin_baseline } = super::strict_json(text)?;
    if dependencies.is_none() && name.is_none() && builtin_baseline.is_none() {
        return Err("is not a manifest: it has neither name nor dependencies".to_owned());
    }
    let names = dependencies.into_iter().flatten().map(|dependency| match dependency {
        Dependency::Name(name) | Dependency::Described { name } => name,
    });
    let pinned: BTreeMap<String, String> = overrides.into_iter().map(|it| (it.name, it.version)).collect();
    let one = |name: String| match pinned.get(&name) {
        Some(version) => Locked::new(name, version),
        None => Locked::unpinned(name),
    };
    Ok(names.map(one).collect())
}

pub(super) fn status(text: &str) -> Result<Vec<Locked>, String> {
    let mut locked = Vec::new();
    for paragraph in text.replace("\r\n", "\n").split("\n\n").filter(|it| !it.trim().is_empty()) {
        let field = |name: &str| {
            let mut lines = paragraph.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let name = field("Package").ok_or("has a paragraph without Package")?;
        // An optional feature of a package has its own paragraph.
        if field("Feature").is_some() || field("Status") != Some("install ok installed") {
            continue;
        }
        let version = field("Version").unwrap_or_default();
        let package = Locked::new(name, version);
        locked.push(match field("Port-Version") {
            Some(port) => package.qualifier("port_version", port),
            None => package,
        });
    }
    Ok(locked)
}
