//! Lock files of Haskell: `cabal.project.freeze` and `stack.yaml.lock`.
//!
//! ```text
//! constraints: any.Cabal ==3.2.1.0,
//!              any.base installed,          a part of the compiler
//!              tls +compat -hans
//! ```
//!
//! ```yaml
//! packages:
//! - completed:
//!     hackage: HTTP-4000.3.16@sha256:6042…,5947
//! - completed:
//!     git: https://github.com/…
//!     name: kore
//!     version: 0.60.0.0
//! ```

use serde::Deserialize;

use super::Locked;

pub(super) fn cabal(text: &str) -> Result<Vec<Locked>, String> {
    let mut constraints = None;
    let mut list = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("--")) {
        let (field, value) = if line.starts_with([' ', '\t']) { (None, line) } else { split(line) };
        if let Some(field) = field {
            constraints = Some(field.eq_ignore_ascii_case("constraints"))
                .filter(|is| *is)
                .or(constraints.map(|_| false));
        }
        if constraints == Some(true) {
            list.push_str(value);
            list.push(' ');
        }
    }
    if constraints.is_none() {
        return Err("is not a lock file: it has no constraints".to_owned());
    }
    let pinned = |constraint: &str| {
        let (name, version) = constraint.split_once("==")?;
        let name = name.trim();
        Some(Locked::new(name.strip_prefix("any.").unwrap_or(name), version.trim()))
    };
    Ok(list.split(',').filter_map(pinned).collect())
}

fn split(line: &str) -> (Option<&str>, &str) {
    line.split_once(':').map_or((None, line), |(field, value)| (Some(field.trim()), value))
}

#[derive(Deserialize)]
struct Document {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    completed: Completed,
}

#[derive(Deserialize)]
struct Completed {
    hackage: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

pub(super) fn stack(text: &str) -> Result<Vec<Locked>, String> {
    let Document { packages } = super::yaml(text)?;
    let one = |Package { completed }: Package| {
        let Some(hackage) = completed.hackage else {
            return Some(Locked::new(completed.name?, completed.version?));
        };
        let (name, version) = hackage.split('@').next()?.rsplit_once('-')?;
        Some(Locked::new(name, version))
    };
    Ok(packages.into_iter().filter_map(one).collect())
}
