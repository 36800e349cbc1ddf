//! Checks that the files of a crate do not import each other in circles.
//!
//! A file and the folder of the same name are one room: a list is in the file, its members are in the folder, and they
//! import each other. Between rooms, imports go one way. A circle usually means that a name is in the wrong file.
//! Intended circles are in [`INTENDED`], with the reason.
//!
//! Paths are read from the text, without comments and tests: `crate::name`, `crate::{name, …}`, and `super::` if it
//! leads to the root of the crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Intended circles: the crate, its rooms, and the reason.
const INTENDED: &[(&str, &[&str], &str)] = &[
    (
        "policy",
        &[
            "applicable",
            "deny",
            "document",
            "evidence",
            "lint",
            "policy",
            "quorum",
            "rule",
            "rules",
            "spec",
            "verdict",
            "waiver",
        ],
        "a policy contains the settings of each rule by their types, and a rule reads the policy",
    ),
    (
        "sbom",
        &["cataloger", "context", "language", "lockfiles", "telltales"],
        "a cataloger finishes in a context that knows which cataloger it serves",
    ),
];

type Rooms = BTreeMap<String, BTreeSet<String>>;

/// The faults below `crates`, one line each.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(root.join("crates")).context("crates")? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = folder.join("src");
        if !source.is_dir() {
            continue;
        }
        let mut rooms = Rooms::new();
        read_folder(&source, 0, None, &mut rooms)?;
        for circle in circles(&rooms) {
            let intended = INTENDED.iter().position(|(member, files, _)| *member == name && circle == *files);
            match intended {
                Some(place) => {
                    seen.insert(place);
                }
                None => faults
                    .push(format!("crates/{name}/src: {} import each other in a circle", circle.join(", "))),
            }
        }
    }
    for (place, (name, files, _)) in INTENDED.iter().enumerate() {
        if !seen.contains(&place) {
            faults.push(format!("crates/{name}/src: the circle of {} no longer exists", files.join(", ")));
        }
    }
    Ok(faults)
}

/// Adds the imports of the files in a folder. `room` is that of the folder, `None` at the root of a crate.
fn read_folder(folder: &Path, depth: usize, room: Option<&str>, rooms: &mut Rooms) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if matches!(stem.as_str(), "lib" | "main" | "tests") {
            continue;
        }
        let own = room.unwrap_or(&stem);
        if path.is_dir() {
            read_folder(&path, depth + 1, Some(own), rooms)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            rooms.entry(own.to_owned()).or_default().extend(imports(&text, depth + 1));
        }
    }
    Ok(())
}

/// The names below the root of the crate that a file at this depth uses.
fn imports(text: &str, depth: usize) -> BTreeSet<String> {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let plain: String = product
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .flat_map(|line| line.chars().chain(['\n']))
        .collect();
    let upwards = "super::".repeat(depth);
    let mut names = BTreeSet::new();
    for root in ["crate::", &upwards] {
        for (at, _) in plain.match_indices(root) {
            let before = plain.get(..at).and_then(|before| before.chars().next_back());
            if before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | ':')) {
                continue;
            }
            names.extend(first_names(plain.get(at + root.len()..).unwrap_or_default()));
        }
    }
    names
}

/// The first names of a path, or of each path of a group in braces.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(group)];
    let mut open = 1;
    for (at, character) in group.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            ',' if open == 1 => names.push(name(group.get(at + 1..).unwrap_or_default())),
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
    names
}

/// Rooms that reach each other, each group once and in order.
fn circles(rooms: &Rooms) -> Vec<Vec<&str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        rooms.keys().map(|room| (room.as_str(), reached(rooms, room))).collect();
    let mutual = |a: &str, b: &str| {
        reach.get(a).is_some_and(|to| to.contains(b)) && reach.get(b).is_some_and(|to| to.contains(a))
    };
    let mut found: BTreeSet<Vec<&str>> = BTreeSet::new();
    for room in rooms.keys() {
        let group: Vec<&str> =
            rooms.keys().map(String::as_str).filter(|other| *other == room || mutual(room, other)).collect();
        if group.len() > 1 {
            found.insert(group);
        }
    }
    found.into_iter().collect()
}

fn reached<'r>(rooms: &'r Rooms, from: &str) -> BTreeSet<&'r str> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(room) = next.pop() {
        for (to, _) in rooms.get(room).into_iter().flatten().filter_map(|name| rooms.get_key_value(name)) {
            if to != room && seen.insert(to.as_str()) {
                next.push(to);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(edges: &[(&str, &str)]) -> Rooms {
        let mut rooms = Rooms::new();
        for (from, to) in edges {
            rooms.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            rooms.entry((*to).to_owned()).or_default();
        }
        rooms
    }

    #[test]
    fn files_that_lead_back_to_each_other_are_a_circle() {
        let tree = rooms(&[("a", "b"), ("b", "c"), ("a", "c")]);
        assert!(circles(&tree).is_empty());
        let circle = rooms(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]);
        assert_eq!(circles(&circle), [["a", "b", "c"]]);
    }

    #[test]
    fn names_are_read_from_every_form_of_path() {
        let text = "use crate::alpha::{One, two::Three};\nuse crate::{beta, gamma::{A, B}, Error};\nfn f() { super::delta() }\n\
                    // use crate::comment;\n#[cfg(test)]\nmod tests { use crate::epsilon; }\n";
        let names: Vec<String> = imports(text, 1).into_iter().collect();
        assert_eq!(names, ["Error", "alpha", "beta", "delta", "gamma"]);
        assert!(!imports(text, 2).contains("delta"), "one step up leads to the parent, not to the root");
    }
}
