//! Conda's `environment.yml` and `conda-lock.yml`, with the packages that pip installs.
//!
//! ```yaml
//! dependencies:
//!   - blas=1.0=openblas             # or `blas 1.0 openblas`, `conda-forge::blas==1.0`
//!   - libgcc-ng>=13
//!   - pip:
//!       - django==5.0.6
//! ```
//!
//! ```yaml
//! package:
//!   - {name: blas, version: "1.0", manager: conda, category: main, platform: linux-64}
//! ```

use serde::Deserialize;

use super::{Locked, requirements};

#[derive(Deserialize)]
struct Environment {
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Dependency {
    Conda(String),
    Pip { pip: Vec<String> },
}

pub(super) fn environment(text: &str) -> Result<Vec<Locked>, String> {
    let Environment { dependencies } = super::yaml(text)?;
    let mut locked = Vec::new();
    for dependency in dependencies {
        match dependency {
            Dependency::Conda(text) => locked.push(package(&text)),
            Dependency::Pip { pip } => {
                let of_pip = pip.iter().filter_map(|line| requirements::requirement(line));
                locked.extend(of_pip.map(|it| it.of_type("pypi")));
            }
        }
    }
    Ok(locked)
}

/// A conda package, by its match specification.
fn package(text: &str) -> Locked {
    let text = text.rsplit_once("::").map_or(text, |(_, text)| text).trim();
    let end = text.find(|c: char| " =<>!~[".contains(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let version = rest.trim_start().trim_start_matches('=');
    let version = version.split(['=', ' ', '[']).next().unwrap_or_default();
    let is_one = !version.is_empty() && !version.contains(['*', '|', ',', '<', '>', '!', '~']);
    if is_one { Locked::new(name, version) } else { Locked::unpinned(name) }
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    manager: String,
    #[serde(default)]
    category: String,
}

pub(super) fn lock(text: &str) -> Result<Vec<Locked>, String> {
    let Lock { package } = super::yaml(text)?;
    let one = |it: Package| {
        let locked = Locked::new(it.name, it.version).for_development(it.category == "dev");
        if it.manager == "pip" { locked.of_type("pypi") } else { locked }
    };
    Ok(package.into_iter().map(one).collect())
}
