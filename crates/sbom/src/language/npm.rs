//! npm packages: the content of `node_modules`, any other `package.json` with name and version, and npm's lock files.
//!
//! Follows npm's documentation of `package.json`, `package-lock.json` and folders. A package is identified by its own
//! `package.json`, whatever its folder is called: that is how aliases work. If `node_modules` next to a lock file is
//! empty, the locked packages may have been bundled into one file, and count; otherwise the installed packages count.
//! Packages that npm recorded as installed, but that have no `package.json` any more, count as well.
//!
//! A manifest outside of `node_modules` and of Debian's folder for Node with `"private": true` belongs to the
//! application itself: no registry has it, so it is not looked up.

mod lock;
mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Checksum, Component, Declaration, Location, Origin, ProblemCode};
use crate::ownership::FileDigests;
use crate::path::folder_of;
use crate::telltales;
use crate::test_data::is_test_data;
use lock::{Lock, Locked};
use manifest::Manifest;

const MANIFEST: u16 = 0;
const INSTALLED: u16 = 1;
const LOCK: u16 = 2;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&["**/package.json"], Bound::Metadata),
    Selection::whole(&["**/node_modules/.package-lock.json"], Bound::List),
    Selection::whole(&["**/package-lock.json", "**/npm-shrinkwrap.json"], Bound::List),
];

/// Finds packages.
pub(crate) struct Npm;

/// The fact about a `package.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Shown {
    manifest: Result<Manifest, String>,
    digests: FileDigests,
}

/// The fact about a lock file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Locks(Result<Lock, String>);

impl Footprint for Shown {
    fn footprint(&self) -> usize {
        size_of::<Self>()
            + match &self.manifest {
                Ok(Manifest::Package(component) | Manifest::Private(component)) => component.text_bytes(),
                Ok(Manifest::Versionless(name)) => name.len(),
                Ok(Manifest::Nameless) => 0,
                Err(reason) => reason.len(),
            }
    }
}

impl Footprint for Locks {
    fn footprint(&self) -> usize {
        match &self.0 {
            Ok(lock) => lock.footprint(),
            Err(reason) => reason.len(),
        }
    }
}

impl Cataloger for Npm {
    fn id(&self) -> &'static str {
        "npm"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["npm"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>(), FactKind::for_type::<Locks>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        match selection {
            MANIFEST => {
                let manifest = manifest::read(file.content);
                let digests = FileDigests::of_content(file.content);
                Some(Arc::new(Shown { manifest, digests }))
            }
            _ => Some(Arc::new(Locks(lock::read(file.content, file.limits.packages)))),
        }
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread_names([MANIFEST, INSTALLED, LOCK]);
        let mut roots = Roots::default();
        manifests(context, &mut roots);
        installed(context, &roots);
        locked(context, &roots);
        context.found.installed.extend(roots.parents.iter().map(|folder| ("npm", *folder)));
    }
}

/// Folders with packages.
#[derive(Default)]
struct Roots<'f> {
    /// Folders that have a `package.json`.
    packages: BTreeSet<&'f str>,
    /// Folders whose `node_modules` contains a package.
    parents: BTreeSet<&'f str>,
}

/// The packages of all `package.json` files. A package to which several links lead is listed once.
fn manifests<'f>(context: &mut Context<'_, 'f>, roots: &mut Roots<'f>) {
    for (file, _) in context.facts::<Shown>(MANIFEST) {
        let folder = file.path.strip_suffix("package.json").unwrap_or(&file.path).trim_end_matches('/');
        roots.packages.insert(folder);
        roots.parents.extend(parent_of(folder));
    }
    let mut copies: BTreeSet<(&str, &str)> = BTreeSet::new();
    let integrities = integrities(context);
    for (file, Shown { manifest, digests }) in context.distinct::<Shown>(&[MANIFEST]) {
        let is_installed = is_installed(&file.path);
        let component = match manifest {
            Ok(Manifest::Package(component)) => component,
            Ok(Manifest::Private(component)) if is_installed || is_of_debian(&file.path) => component,
            // Node runs it anyway, and it cannot be identified. Elsewhere, it may not be a package at all.
            Ok(Manifest::Nameless | Manifest::Versionless(_)) if is_installed => {
                let detail = "is a package without a name or version".to_owned();
                context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail);
                continue;
            }
            Ok(Manifest::Versionless(name)) => {
                copies.extend(vendored(&file.path, name).map(|package| (package, name.as_str())));
                continue;
            }
            Ok(Manifest::Private(_) | Manifest::Nameless) => continue,
            Err(detail) => {
                context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                continue;
            }
        };
        let folder = file.path.strip_suffix("/package.json").unwrap_or_default();
        let installed = integrities.get(folder).filter(|it| it.name == component.name);
        let mut component = component.clone();
        if let Some(installed) = installed.filter(|it| it.version == component.version) {
            let checksums = Checksum::of_integrity(&installed.integrity);
            component.origin =
                Origin { checksums, ..component.origin.map_or_else(Origin::default, |it| *it) }.boxed();
        }
        context.add_shown(&component, file, digests);
    }
    let mut by_package: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (package, name) in copies {
        by_package.entry(package).or_default().push(name);
    }
    for (package, names) in by_package {
        let first = names.first().copied().unwrap_or_default();
        let detail = match names.len() {
            1 => format!("contains a copy of {first} without a version, which is not listed"),
            several => format!(
                "contains copies of {several} packages without versions, such as {first}, which are not listed"
            ),
        };
        context.problem(ProblemCode::Vendored, package, detail);
    }
}

/// The folder of the installed package that contains a copy of the package `name` at this path: `…/node_modules/next`
/// for `…/node_modules/next/dist/compiled/acorn/package.json`. Test data of a package is not a copy.
fn vendored<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    const MODULES: &str = "node_modules/";
    let folder = path.strip_suffix("/package.json")?;
    let is_called_so = folder.strip_suffix(name).is_some_and(|above| above.ends_with('/'));
    let inside = path.rfind(MODULES)? + MODULES.len();
    let own = path.get(inside..)?;
    // One that is named after its place is an entry point of the package.
    if !is_called_so || is_test_data(path) || own.starts_with(name) {
        return None;
    }
    let scope = if own.starts_with('@') { own.find('/')? + 1 } else { 0 };
    let end = own.get(scope..)?.find('/')? + scope;
    path.get(..inside + end)
}

/// The digests that npm recorded of the archives that it installed, by folder.
fn integrities<'f>(context: &Context<'_, 'f>) -> BTreeMap<String, &'f Locked> {
    let mut found = BTreeMap::new();
    for (file, Locks(lock)) in context.facts::<Locks>(INSTALLED) {
        let root = file.path.strip_suffix("node_modules/.package-lock.json").unwrap_or_default();
        let Ok(Lock { packages }) = lock else { continue };
        let with_folder =
            packages.iter().filter_map(|it| Some((format!("{root}{}", it.folder.as_ref()?), it)));
        found.extend(with_folder.filter(|(_, it)| !it.integrity.is_empty()));
    }
    found
}

/// Adds packages that npm installed and that have no `package.json`.
fn installed(context: &mut Context<'_, '_>, roots: &Roots<'_>) {
    for (file, Locks(lock)) in context.facts::<Locks>(INSTALLED) {
        let root = file.path.strip_suffix("node_modules/.package-lock.json").unwrap_or_default();
        let hidden = |package: &&Locked| {
            let folder = package.folder.as_ref().map(|folder| format!("{root}{folder}"));
            folder.is_none_or(|folder| !roots.packages.contains(folder.as_str()))
        };
        match lock {
            Ok(Lock { packages }) => {
                let declared = |it: &Locked| it.declared.is_for_development().then_some(it.declared);
                add(context, file, packages.iter().filter(hidden), declared);
            }

            Err(detail) => {
                context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
            }
        }
    }
}

/// Adds packages that are locked and not installed next to the lock file.
fn locked(context: &mut Context<'_, '_>, roots: &Roots<'_>) {
    let locks: Vec<_> = context.facts::<Locks>(LOCK).collect();
    let brought = telltales::brought(context, locks.iter().map(|(file, _)| &*file.real_path));
    for (file, Locks(lock)) in locks {
        let folder = folder_of(&file.path);
        // The lock file of an installed package, or of one of the operating system, is only what its author tested
        // with.
        let is_of_package = file.path.contains("node_modules/") || brought.contains(&*file.real_path);
        if is_of_package || roots.parents.contains(folder) {
            continue;
        }
        match lock {
            Ok(Lock { packages }) => add(context, file, packages.iter(), |it| Some(it.declared)),
            Err(detail) => {
                context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
            }
        }
    }
}

fn add<'p>(
    context: &mut Context<'_, '_>,
    file: &FoundFile,
    packages: impl Iterator<Item = &'p Locked>,
    declared: impl Fn(&Locked) -> Option<Declaration>,
) {
    // If a package has several places, the declaration that includes it most counts: runtime before development.
    let mut known: BTreeMap<(&str, &str), (Option<Declaration>, &str)> = BTreeMap::new();
    for package in packages {
        let declared = declared(package);
        let known = known.entry((&package.name, &package.version)).or_insert((declared, &package.integrity));
        known.0 = declared.min(known.0);
    }
    for ((name, version), (declared, integrity)) in known {
        match manifest::component(name, version) {
            Ok(component) => {
                let locations = vec![Location { path: file.path.clone(), layer: file.layer }];
                let origin = Origin { checksums: Checksum::of_integrity(integrity), ..Origin::default() };
                context.add(Component { origin: origin.boxed(), locations, declared, ..component });
            }
            Err(detail) => context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail),
        }
    }
}

/// Whether the `package.json` at this path is a package's own: `…/node_modules/name/`, `…/node_modules/@scope/name/`.
fn is_installed(path: &str) -> bool {
    path.strip_suffix("/package.json").is_some_and(|folder| parent_of(folder).is_some())
}

/// Whether the `package.json` at this path belongs to a Debian package, which Node finds as well.
fn is_of_debian(path: &str) -> bool {
    let inside = ["usr/share/nodejs/", "usr/lib/nodejs/"].iter().find_map(|root| path.strip_prefix(root));
    let name = inside.and_then(|inside| inside.strip_suffix("/package.json"));
    name.is_some_and(|name| name.matches('/').count() == usize::from(name.starts_with('@')))
}

/// The folder whose `node_modules` contains the package in `folder`.
fn parent_of(folder: &str) -> Option<&str> {
    let (parent, name) = match folder.rsplit_once("node_modules/")? {
        ("", name) => ("", name),
        (parent, name) => (parent.strip_suffix('/')?, name),
    };
    let own = match name.split_once('/') {
        Some((scope, own)) if scope.starts_with('@') => own,
        _ => name,
    };
    // `.bin`, `.cache` and `.pnpm` belong to tools.
    (!own.is_empty() && !own.contains('/') && !own.starts_with('.')).then_some(parent)
}

#[cfg(test)]
mod tests;
