//! Lock files: what a project wants to have installed, without what only its development needs.
//!
//! What is installed counts instead: a package of the same name, in whatever version, is what runs. A lock file that lies inside of
//! an installed package says what its author tried it with, and is passed over. What is left is listed, since it may have been
//! bundled, compiled or installed by something that leaves no trace.
//!
//! A format is a file here and a row of [`LIST`].

mod cargo;
mod go;
mod nuget;
mod php;
mod pnpm;
mod python;
mod ruby;
mod yarn;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use plimsoll_core::rootfs::{Bound, Fact};
use plimsoll_core::{Ecosystem, json};

use crate::cataloger::{Cataloger, File, Room, Selection};
use crate::context::Context;
use crate::inventory::{Component, ProblemCode};
use crate::language::shown::{Shown, component};

/// A format.
struct Lockfile {
    paths: &'static [&'static str],
    /// The type of the package URLs.
    purl_type: &'static str,
    /// Makes packages of a file, or says why it cannot.
    read: fn(&str) -> Result<Vec<Locked>, String>,
}

/// A package that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Locked {
    name: String,
    version: String,
}

impl Locked {
    fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into() }
    }
}

/// The formats. Where several fit a file, the first counts.
const LIST: &[Lockfile] = &[
    Lockfile { paths: &["**/Cargo.lock"], purl_type: "cargo", read: cargo::read },
    Lockfile { paths: &["**/go.mod"], purl_type: "golang", read: go::read },
    Lockfile { paths: &["**/yarn.lock"], purl_type: "npm", read: yarn::read },
    Lockfile { paths: &["**/pnpm-lock.yaml", "**/.pnpm/lock.yaml"], purl_type: "npm", read: pnpm::read },
    Lockfile { paths: &["**/Gemfile.lock", "**/gems.locked"], purl_type: "gem", read: ruby::read },
    Lockfile { paths: &["**/composer.lock"], purl_type: "composer", read: php::read },
    Lockfile { paths: &["**/packages.lock.json"], purl_type: "nuget", read: nuget::read },
    Lockfile { paths: &["**/poetry.lock"], purl_type: "pypi", read: python::poetry },
    Lockfile { paths: &["**/uv.lock"], purl_type: "pypi", read: python::uv },
    Lockfile { paths: &["**/pdm.lock"], purl_type: "pypi", read: python::pdm },
    Lockfile { paths: &["**/pylock*.toml"], purl_type: "pypi", read: python::pylock },
    Lockfile { paths: &["**/Pipfile.lock"], purl_type: "pypi", read: python::pipenv },
];

static SELECTIONS: LazyLock<Vec<Selection>> =
    LazyLock::new(|| LIST.iter().map(|format| Selection::whole(format.paths, Bound::List)).collect());

/// Finds packages in lock files.
pub(crate) struct Lockfiles;

impl Cataloger for Lockfiles {
    fn id(&self) -> &'static str {
        "lockfiles"
    }

    fn version(&self) -> u32 {
        1
    }

    fn room(&self) -> Room {
        Room::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["cargo", "composer", "gem", "golang", "npm", "nuget", "pypi"]
    }

    fn selections(&self) -> &'static [Selection] {
        &SELECTIONS
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let format = LIST.get(usize::from(selection))?;
        Some(Shown::fact(file.content, packages(format, file)))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut installed: Option<BTreeSet<(Ecosystem, String)>> = None;
        for (format, selection) in LIST.iter().zip(0..) {
            context.tell_unread([selection]);
            for (file, shown) in context.distinct::<Shown>(&[selection]) {
                let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                if is_in_package(&file.path) || context.found.installed.contains(&(format.purl_type, folder))
                {
                    continue;
                }
                match &shown.found {
                    Ok(found) => {
                        // Most images have no lock file, and many components. What other lock files list is not installed.
                        let installed = installed.get_or_insert_with(|| {
                            let components = context.found.inventory.components.iter();
                            components.map(|it| (it.ecosystem, it.name.clone())).collect()
                        });
                        let missing = |it: &&Component| !installed.contains(&(it.ecosystem, it.name.clone()));
                        for component in found.iter().filter(missing) {
                            context.add_shown(component, file, &shown.digests);
                        }
                    }
                    Err(detail) => {
                        context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                    }
                }
            }
        }
    }
}

fn packages(format: &Lockfile, file: &File<'_>) -> Result<Vec<Component>, String> {
    let content = file.content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file.content);
    let text = str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
    let mut locked = (format.read)(text)?;
    locked.sort_unstable();
    locked.dedup();
    let max = file.limits.packages;
    if locked.len() > max {
        return Err(format!("names {} packages, expected at most {max} (packages)", locked.len()));
    }
    let one = |Locked { name, version }: &Locked| {
        let (namespace, own) = match format.purl_type {
            "golang" => name.rsplit_once('/'),
            "npm" | "composer" => name.split_once('/'),
            _ => None,
        }
        .unwrap_or(("", name));
        component(format.purl_type, namespace, own, version)
    };
    locked.iter().map(one).collect()
}

/// Whether a file lies inside of an installed package.
pub(crate) fn is_in_package(path: &str) -> bool {
    ["node_modules/", "site-packages/", "dist-packages/"].iter().any(|folder| path.contains(folder))
        || is_in_gem(path)
}

/// Whether the path leads into an installed gem: `…/gems/rbs-2.1.0/…`.
fn is_in_gem(path: &str) -> bool {
    let folder = path.rsplit_once("/gems/").and_then(|(_, rest)| rest.split('/').next());
    folder
        .and_then(|folder| folder.rsplit_once('-'))
        .is_some_and(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// Reads TOML, of which only known members are needed.
fn toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| format!("is no lock file: {}", error.message()))
}

/// Reads JSON, of which only known members are needed.
fn strict_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    json::from_slice(text.as_bytes(), u64::MAX).map_err(|error| format!("is no lock file: {error}"))
}

#[cfg(test)]
mod tests;
