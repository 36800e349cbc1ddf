//! Which shared objects are part of something in the inventory, by their folder.
//!
//! An installed package of a language contains its own: a wheel, a gem, an npm or conda package, an Erlang application.
//! So do Java and .NET, and other runtimes below `lib` next to the folder of their program. Everywhere else, a library
//! that no package of the operating system owns is unread.

use std::collections::BTreeSet;

use crate::inventory::Component;
use crate::lockfiles::is_in_package;
use crate::path::{folder_of, folders_around};

/// The folders of packages and runtimes with their own shared objects.
pub(super) struct SharedObjects<'c> {
    /// Everything below them counts.
    folders: BTreeSet<&'c str>,
    /// So does everything named after a runtime: `usr/local/lib/python3.12/…`, `usr/local/lib/libpython3.so`.
    runtimes: BTreeSet<(&'c str, &'c str)>,
}

/// The catalogers of packages that each have a folder.
const WITH_FOLDERS: [&str; 8] = ["conda", "dotnet", "erlang", "homebrew", "julia", "jvm", "nix", "r"];

/// Folders inside that of a package that contain its description.
const DESCRIPTIONS: [&str; 3] = ["/ebin", "/conda-meta", "/.brew"];

/// Folders with files of many packages.
const SHARED: [&str; 5] = ["", "opt", "usr", "usr/local", "var"];

impl<'c> SharedObjects<'c> {
    pub(super) fn new(components: &'c [Component]) -> Self {
        let (mut folders, mut runtimes) = (BTreeSet::new(), BTreeSet::new());
        for component in components.iter().filter(|it| it.declared.is_none()) {
            let by = component.found_by.unwrap_or_default();
            for location in &component.locations {
                let folder = folder_of(&location.path);
                if WITH_FOLDERS.contains(&by) {
                    let own =
                        DESCRIPTIONS.iter().find_map(|inside| folder.strip_suffix(inside)).unwrap_or(folder);
                    folders.insert(own);
                } else if by == "binaries" {
                    let prefix = folder_of(folder);
                    if SHARED.contains(&prefix) {
                        runtimes.insert((prefix, component.purl.name()));
                    } else {
                        folders.insert(prefix);
                    }
                }
            }
        }
        folders.retain(|folder| !SHARED.contains(folder));
        Self { folders, runtimes }
    }

    /// Whether the file at this path is part of one of them.
    pub(super) fn is_part_of_something(&self, path: &str) -> bool {
        let mut around = folders_around(path);
        is_in_package(path)
            || is_built_for_gem(path)
            || around.any(|folder| self.folders.contains(folder))
            || self.is_of_runtime(path)
    }

    fn is_of_runtime(&self, path: &str) -> bool {
        let Some((before, rest)) = path.split_once("lib/").or_else(|| path.split_once("lib64/")) else {
            return false;
        };
        let prefix = before.trim_end_matches('/');
        let of_prefix = self.runtimes.range((prefix, "")..).take_while(|(of, _)| *of == prefix);
        let rest = rest.strip_prefix("lib").unwrap_or(rest);
        of_prefix.into_iter().any(|(_, name)| rest.starts_with(name))
    }
}

/// Whether the path is that of a file compiled for a gem:
/// `…/gems/3.1.0/extensions/x86_64-linux/3.1.0/ffi-1.16.3/ffi_c.so`.
fn is_built_for_gem(path: &str) -> bool {
    let rest = path.split_once("/gems/").and_then(|(_, rest)| rest.split_once("/extensions/"));
    rest.is_some_and(|(_, rest)| rest.split('/').count() > 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Location;

    #[test]
    fn a_library_belongs_to_the_owner_of_its_folder() {
        let component = |by: &'static str, purl: &str, path: &str| Component {
            locations: vec![Location { path: path.to_owned(), layer: None }],
            found_by: Some(by),
            ..Component::from_purl(purl.parse().unwrap())
        };
        let components = [
            component("jvm", "pkg:generic/openjdk@17", "opt/java/release"),
            component("conda", "pkg:conda/zlib@1", "opt/conda/conda-meta/zlib-1.json"),
            component("erlang", "pkg:otp/crypto@5", "usr/lib/erlang/lib/crypto-5/ebin/crypto.app"),
            component("binaries", "pkg:generic/python@3.12", "usr/local/bin/python3.12"),
            component("binaries", "pkg:generic/apache-httpd@2.4", "usr/local/apache2/bin/httpd"),
            component("npm", "pkg:npm/app@1", "app/package.json"),
            component("dotnet", "pkg:nuget/x@1", "x.deps.json"),
        ];
        let shared = SharedObjects::new(&components);
        for (path, expected) in [
            ("opt/java/lib/libjava.so", true),
            ("opt/conda/lib/libz.so.1.2.13", true),
            ("usr/lib/erlang/lib/crypto-5/priv/lib/crypto.so", true),
            ("usr/local/lib/python3.12/lib-dynload/_ssl.so", true),
            ("usr/local/lib/libpython3.12.so.1.0", true),
            ("usr/local/apache2/modules/mod_ssl.so", true),
            ("app/node_modules/x/build/y.so", true),
            ("srv/site-packages/x.libs/libz.so.1", true),
            ("usr/local/bundle/gems/ffi-1.16.3/lib/ffi_c.so", true),
            ("usr/local/bundle/gems/3.1.0/extensions/x86_64-linux/3.1.0/ffi-1.16.3/ffi_c.so", true),
            ("usr/local/lib/libz.so.1.2.8", false),
            ("app/libz.so", false),
            ("opt/libz.so", false),
            ("libz.so", false),
        ] {
            assert_eq!(shared.is_part_of_something(path), expected, "{path}");
        }
    }
}
