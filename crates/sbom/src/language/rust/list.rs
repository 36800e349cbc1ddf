//! The list of crates that `cargo auditable` writes, version 1 of its format; version 0 has the same members.
//!
//! ```json
//! {"packages": [
//!   {"name": "app", "version": "0.3.1", "source": "local", "dependencies": [1, 2], "root": true},
//!   {"name": "itoa", "version": "1.0.19", "source": "crates.io"},
//!   {"name": "version_check", "version": "0.9.5", "source": "crates.io", "kind": "build"}
//! ], "format": 1}
//! ```

use plimsoll_core::json;
use serde::{Deserialize, Serialize};

use crate::inventory::Component;
use crate::language::shown::component;

/// The crates of a program.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct List {
    pub(super) crates: Vec<Component>,
    /// Which crate needs which, as indices into [`Self::crates`].
    pub(super) needs: Vec<(usize, usize)>,
}

#[derive(Deserialize)]
struct Document {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    dependencies: Vec<usize>,
}

/// The purpose of a crate. A build dependency is not in the program.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Build,
    #[default]
    Runtime,
}

impl List {
    /// The crates in a document, or why it cannot be read.
    pub(super) fn read(document: &[u8], max: usize) -> Result<Self, String> {
        let Document { packages } = json::from_slice(document, u64::MAX)
            .map_err(|error| format!("has an invalid list of crates: {error}"))?;
        if packages.len() > max {
            return Err(format!("lists {} crates, expected at most {max} (packages)", packages.len()));
        }
        let mut list = Self::default();
        // The index of each package of the document in the list.
        let mut places = Vec::new();
        for package in &packages {
            places.push((package.kind == Kind::Runtime).then_some(list.crates.len()));
            if package.kind == Kind::Runtime {
                list.crates.push(component("cargo", "", &package.name, &package.version)?);
            }
        }
        let place = |number: usize| places.get(number).copied().flatten();
        for (number, package) in packages.iter().enumerate() {
            let needed = package.dependencies.iter().filter_map(|needed| place(*needed));
            list.needs
                .extend(place(number).into_iter().flat_map(|from| needed.clone().map(move |to| (from, to))));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_dependencies_are_left_out_with_their_relationships() {
        let document = br#"{"packages":[
            {"name":"build","version":"2.0.0","source":"crates.io","kind":"build","dependencies":[1]},
            {"name":"a","version":"1.0.0","source":"crates.io","dependencies":[0]},
            {"name":"app","version":"0.1.0","source":"local","kind":"runtime","dependencies":[0,1,9],"root":true}]}"#;
        let list = List::read(document, 3).unwrap();
        let purls: Vec<String> = list.crates.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(purls, ["pkg:cargo/a@1.0.0", "pkg:cargo/app@0.1.0"]);
        assert_eq!(list.needs, [(1, 0)]);
        assert_eq!(List::read(document, 2).unwrap_err(), "lists 3 crates, expected at most 2 (packages)");
    }

    #[test]
    fn an_invalid_list_says_why() {
        for (document, expected) in [
            ("{}", "has an invalid list of crates: "),
            (
                r#"{"packages":[{"name":"a b","version":"1"}]}"#,
                "names a package `a b`, which is not a valid name",
            ),
            (r#"{"packages":[{"name":"a","version":"1","kind":"x"}]}"#, "has an invalid list of crates: "),
        ] {
            let error = List::read(document.as_bytes(), 9).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
