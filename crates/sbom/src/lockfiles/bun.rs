//! `bun.lock`: below `packages`, an array for each place in `node_modules`, whose first item is name and version. It is
//! JSON with trailing commas.
//!
//! ```text
//! "workspaces": {"": {"name": "app", "dependencies": {"zod": "^3"}, "devDependencies": {"@types/bun": "latest"}}},
//! "packages": {
//!   "zod": ["zod@3.24.4", "", { "dependencies": { "undici-types": "~6.21.0" } }, "sha512-…"],
//!   "zod/undici-types": ["undici-types@6.21.0", "", {}, "sha512-…"],
//! }
//! ```
//!
//! Entries do not mark development dependencies: these are the packages that cannot be reached without
//! `devDependencies`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::Locked;
use crate::path::folder_of;

#[derive(Deserialize)]
struct Document {
    workspaces: BTreeMap<String, Needs>,
    #[serde(default)]
    packages: BTreeMap<String, Vec<Value>>,
}

/// The dependencies of a workspace or package.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Needs {
    name: Option<String>,
    dependencies: BTreeMap<String, Value>,
    optional_dependencies: BTreeMap<String, Value>,
    peer_dependencies: BTreeMap<String, Value>,
    /// Only those of workspaces are installed.
    dev_dependencies: BTreeMap<String, Value>,
}

impl Needs {
    fn names(&self) -> impl Iterator<Item = &str> {
        let Self { dependencies, optional_dependencies, peer_dependencies, .. } = self;
        [dependencies, optional_dependencies, peer_dependencies]
            .into_iter()
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
    }
}

/// Bytes of a place. npm allows 214 for a name, and places have a few of them.
const MAX_PLACE: usize = 4 << 10;
/// How deep packages may be nested in a search.
const MAX_DEPTH: usize = 64;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { workspaces, packages } = super::strict_json(&without_trailing_commas(text))?;
    if packages.keys().any(|place| place.len() > MAX_PLACE) {
        return Err(format!("has a place of more than {MAX_PLACE} bytes"));
    }
    let needs: BTreeMap<&str, Needs> = packages
        .iter()
        .map(|(place, entry)| {
            let needs = entry.iter().find(|item| item.is_object()).map(Needs::deserialize).transpose();
            let needs =
                needs.map_err(|error| format!("has a package whose dependencies cannot be read: {error}"));
            Ok((place.as_str(), needs?.unwrap_or_default()))
        })
        .collect::<Result<_, String>>()?;
    let mut reached = Reached { packages: &packages, places: BTreeSet::new(), open: Vec::new() };
    let mut direct: BTreeSet<&str> = BTreeSet::new();
    for workspace in workspaces.values() {
        let from = workspace.name.as_deref().unwrap_or_default();
        reached.by(from, workspace);
        let all = workspace.names().chain(workspace.dev_dependencies.keys().map(String::as_str));
        direct.extend(all.filter_map(|name| resolved(from, name, &packages)));
    }
    while let Some(place) = reached.open.pop() {
        if let Some(needs) = needs.get(place) {
            reached.by(place, needs);
        }
    }
    let one = |(place, entry): (&String, &Vec<Value>)| {
        let locked = locked(entry.first()?.as_str()?)?;
        let is_for_development = !reached.places.contains(place.as_str());
        Some(locked.for_development(is_for_development).direct(direct.contains(place.as_str())))
    };
    Ok(packages.iter().filter_map(one).collect())
}

/// The places that can be reached.
struct Reached<'a> {
    packages: &'a BTreeMap<String, Vec<Value>>,
    places: BTreeSet<&'a str>,
    /// Those whose dependencies were not followed yet.
    open: Vec<&'a str>,
}

impl Reached<'_> {
    /// Adds the dependencies of the package at `from`.
    fn by(&mut self, from: &str, needs: &Needs) {
        for place in needs.names().filter_map(|name| resolved(from, name, self.packages)) {
            if self.places.insert(place) {
                self.open.push(place);
            }
        }
    }
}

/// The package of `zod@3.24.4`. `None` for a folder of the project.
fn locked(text: &str) -> Option<Locked> {
    let at = text.get(1..)?.find('@')? + 1;
    let (name, version) = (text.get(..at)?, text.get(at + 1..)?);
    if ["workspace:", "link:", "file:", "root:"].iter().any(|own| version.starts_with(own)) {
        return None;
    }
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    Some(if is_version { Locked::new(name, version) } else { Locked::unpinned(name) })
}

/// The place of a dependency of a package: inside the package, or next to one of the packages around it.
fn resolved<'a>(from: &str, name: &str, packages: &'a BTreeMap<String, Vec<Value>>) -> Option<&'a str> {
    let find = |place: &str| packages.get_key_value(place).map(|(place, _)| place.as_str());
    let mut around = from;
    for _ in 0..MAX_DEPTH {
        if around.is_empty() {
            break;
        }
        if let Some(found) = find(&format!("{around}/{name}")) {
            return Some(found);
        }
        around = folder_of(around);
        // `a/@s/b` is in `a`.
        let scope = around.rsplit('/').next().unwrap_or_default();
        if scope.starts_with('@') {
            around = folder_of(around);
        }
    }
    find(name)
}

/// The text without commas before a closing bracket.
fn without_trailing_commas(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut is_text, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_text => is_escaped = true,
            '"' => is_text = !is_text,
            ',' if !is_text => {
                // There are few blanks: a file with another layout is not written by bun.
                let next = text
                    .get(at + 1..)
                    .and_then(|rest| rest.chars().take(1 << 10).find(|c| !c.is_whitespace()));
                if matches!(next, Some('}' | ']')) {
                    continue;
                }
            }
            _ => {}
        }
        plain.push(c);
    }
    plain
}
