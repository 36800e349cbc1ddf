//! The installed packages and their folders. Declarations and documents add a package only if it is not installed.
//!
//! Packages of a project are installed below its folder, in any version. A package elsewhere may belong to something
//! else, so another version there hides nothing: npm's own `tar` is not the one that a project locks. The same version
//! is the same package wherever it is, and a declaration without a version accepts any.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Component;

/// Installed packages, by type, namespace and name.
pub(crate) struct Installed<'c>(BTreeMap<Key<'c>, Places<'c>>);

type Key<'c> = (&'c str, &'c str, &'c str);

/// The places and versions of an installed package.
#[derive(Default)]
struct Places<'c> {
    paths: BTreeSet<&'c str>,
    versions: BTreeSet<&'c str>,
}

impl<'c> Installed<'c> {
    pub(crate) fn new(components: impl Iterator<Item = &'c Component>) -> Self {
        let mut installed = BTreeMap::<_, Places<'c>>::new();
        for component in components {
            let places = installed.entry(key(component)).or_default();
            places.versions.insert(&component.version);
            places.paths.extend(component.locations.iter().map(|it| it.path.as_str()));
        }
        Self(installed)
    }

    /// Whether it is installed, from the view of the project in this folder.
    pub(crate) fn has(&self, wanted: &Component, folder: &str) -> bool {
        self.0.get(&key(wanted)).is_some_and(|it| {
            wanted.version.is_empty() || it.versions.contains(&*wanted.version) || it.is_below(folder)
        })
    }

    /// The version that is installed below the folder instead of the declared one.
    pub(crate) fn otherwise(&self, wanted: &Component, folder: &str) -> Option<&'c str> {
        let places = self.0.get(&key(wanted)).filter(|it| it.is_below(folder))?;
        let is_other = !wanted.version.is_empty() && !places.versions.contains(&*wanted.version);
        places.versions.first().copied().filter(|_| is_other)
    }
}

impl Places<'_> {
    fn is_below(&self, folder: &str) -> bool {
        if folder.is_empty() {
            return true;
        }
        let folder = format!("{folder}/");
        self.paths.range(&*folder..).next().is_some_and(|path| path.starts_with(&folder))
    }
}

fn key(component: &Component) -> Key<'_> {
    let purl = &component.purl;
    (purl.package_type(), purl.namespace().unwrap_or_default(), purl.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Location;

    #[test]
    fn another_version_counts_only_below_the_projects_folder() {
        let component = |purl: &str, path: &str| {
            let locations = vec![Location { path: path.to_owned(), layer: None }];
            Component { locations, ..Component::from_purl(purl.parse().unwrap()) }
        };
        let found = [
            component("pkg:npm/tar@7.4.3", "usr/lib/node_modules/npm/node_modules/tar/package.json"),
            component("pkg:npm/%40x/a@2.0.0", "srv/app/node_modules/@x/a/package.json"),
            component("pkg:generic/openssl@3.0.1", "usr/bin/openssl"),
        ];
        let installed = Installed::new(found.iter());
        for (purl, folder, expected) in [
            ("pkg:npm/tar@4.4.1", "app", false),
            ("pkg:npm/tar@4.4.1", "usr/lib/node_modules/npm", true),
            ("pkg:npm/tar@4.4.1", "usr/lib/node_modules/np", false),
            ("pkg:npm/tar@4.4.1", "", true),
            ("pkg:npm/tar@7.4.3", "app", true),
            ("pkg:npm/tar", "app", true),
            ("pkg:npm/%40x/a@1.0.0", "srv/app", true),
            ("pkg:npm/%40x/a@1.0.0", "srv/ap", false),
            ("pkg:npm/a@2.0.0", "srv/app", false),
            ("pkg:vcpkg/openssl@3.0.1", "usr", false),
        ] {
            assert_eq!(installed.has(&component(purl, ""), folder), expected, "{purl} in {folder}");
        }
        assert_eq!(installed.otherwise(&component("pkg:npm/tar@4.4.1", ""), "usr/lib"), Some("7.4.3"));
        assert_eq!(installed.otherwise(&component("pkg:npm/tar@4.4.1", ""), "app"), None);
        assert_eq!(installed.otherwise(&component("pkg:npm/tar@7.4.3", ""), "usr/lib"), None);
    }
}
