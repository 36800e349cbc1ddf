//! Conan's `conan.lock`, of versions 1 and 2, the requirements of `conanfile.txt`, and `conaninfo.txt`. Build
//! dependencies are marked.
//!
//! ```json
//! {"version": "0.5", "requires": ["zlib/1.2.11#ffa77daf83a57094149707928bdce823%1667396813.184"], "build_requires": []}
//! ```
//!
//! ```json
//! {"graph_lock": {"nodes": {"1": {"ref": "pkgc/0.1.1@user/testing", "context": "host"}}}}
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    requires: Option<Vec<String>>,
    #[serde(default)]
    python_requires: Vec<String>,
    #[serde(default)]
    build_requires: Vec<String>,
    graph_lock: Option<Graph>,
}

#[derive(Deserialize)]
struct Graph {
    nodes: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    r#ref: Option<String>,
    /// In the oldest files, with the package after the recipe.
    pref: Option<String>,
    context: Option<String>,
}

pub(super) fn lock(text: &str) -> Result<Vec<Locked>, String> {
    let Document { requires, python_requires, build_requires, graph_lock } = super::strict_json(text)?;
    if requires.is_none() && graph_lock.is_none() {
        return Err("is not a lock file: it has neither requires nor graph_lock".to_owned());
    }
    let mut locked: Vec<Locked> =
        requires.iter().flatten().chain(&python_requires).map(|it| recipe(it)).collect();
    locked.extend(build_requires.iter().map(|it| recipe(it).for_development(true)));
    for node in graph_lock.into_iter().flat_map(|it| it.nodes.into_values()) {
        let is_for_build = node.context.as_deref() == Some("build");
        // The project itself has no reference.
        locked.extend(node.r#ref.or(node.pref).map(|it| recipe(&it).for_development(is_for_build)));
    }
    Ok(locked)
}

pub(super) fn conanfile(text: &str) -> Result<Vec<Locked>, String> {
    section(text, "[requires]")
}

/// The dependencies with which a package in Conan's cache was built.
pub(super) fn conaninfo(text: &str) -> Result<Vec<Locked>, String> {
    section(text, "[full_requires]")
}

/// The recipes that one section lists.
fn section(text: &str, name: &str) -> Result<Vec<Locked>, String> {
    let (mut section, mut has_section, mut locked) = ("", false, Vec::new());
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or(line).trim();
        if line.starts_with('[') {
            section = line;
            has_section |= line.ends_with(']');
        } else if section == name && !line.is_empty() {
            locked.push(recipe(line));
        }
    }
    if has_section { Ok(locked) } else { Err("is not a Conan file: it has no section".to_owned()) }
}

/// `name/version@user/channel#revision%time`. A range in brackets is not a version.
fn recipe(text: &str) -> Locked {
    let text = text.split(['#', '%']).next().unwrap_or(text);
    // A binary package: `zlib/1.2.11:19729b95…`.
    let text = text.split(':').next().unwrap_or(text);
    let (package, place) = text.split_once('@').unwrap_or((text, ""));
    let Some((name, version)) = package.split_once('/') else {
        return Locked::new(package, "");
    };
    let locked = if version.starts_with('[') { Locked::unpinned(name) } else { Locked::new(name, version) };
    match place.split_once('/') {
        Some((user, channel)) if user != "_" => locked.qualifier("user", user).qualifier("channel", channel),
        _ => locked,
    }
}
