//! Files with licence texts. They state the licence of a package that declares none, or that only names such a file.
//!
//! They are where package managers put them: in the package's own folder, in Python's `*.dist-info`, next to the
//! sources of modules and crates. Texts are recognised while a layer is read ([`crate::licence_text`]); the path says
//! to which package each belongs. A licence that a package declares counts, whatever the text says.
//!
//! ```text
//! srv/app/node_modules/left-pad/package.json   {"name": "left-pad", "version": "1.3.0"}
//! srv/app/node_modules/left-pad/LICENSE        Permission is hereby granted, …       → MIT (98 %)
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, Need};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex};
use crate::licence::Licence;
use crate::licence_text::{self, LicenceText, MAX_BYTES};
use crate::path::folder_of;

const SELECTIONS: &[Selection] = &[Selection {
    // Exact names, because a pattern such as `LICENSE*` would have to be tried for each path.
    paths: &[
        "**/LICENSE",
        "**/LICENSE.txt",
        "**/LICENSE.md",
        "**/LICENSE.rst",
        "**/LICENSE.TXT",
        "**/LICENSE.MIT",
        "**/LICENSE.BSD",
        "**/LICENSE.APACHE",
        "**/LICENSE.APACHE2",
        "**/LICENSE-MIT",
        "**/LICENSE-MIT.txt",
        "**/LICENSE-APACHE",
        "**/LICENSE-APACHE.txt",
        "**/LICENSE-BSD",
        "**/LICENSE-ZLIB",
        "**/LICENCE",
        "**/LICENCE.txt",
        "**/LICENCE.md",
        "**/LICENCE.rst",
        "**/License",
        "**/License.txt",
        "**/License.md",
        "**/license",
        "**/license.txt",
        "**/license.md",
        "**/licence.txt",
        "**/licence.md",
        "**/COPYING",
        "**/COPYING.txt",
        "**/COPYING.md",
        "**/COPYING.rst",
        "**/COPYING.LIB",
        "**/COPYING.LESSER",
        "**/MIT-LICENSE",
        "**/MIT-LICENSE.txt",
        "**/MIT-LICENSE.md",
        "**/BSD-LICENSE",
        "**/BSDL",
        "**/UNLICENSE",
        "**/UNLICENSE.txt",
    ],
    // The target of a link belongs to another package, or is found by its own path.
    mode: Mode::Regular,
    min_size: 0,
    need: Need::Head { bytes: MAX_BYTES },
}];

/// Finds licence texts.
pub(crate) struct LicenceFiles;

impl Cataloger for LicenceFiles {
    fn id(&self) -> &'static str {
        "licence-files"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::About
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<LicenceText>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        licence_text::recognise(file.content).map(|found| Arc::new(found) as _)
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut texts = Texts::default();
        for (file, text) in context.facts::<LicenceText>(0) {
            texts.add(&file.path, text);
        }
        if texts.by_folder.is_empty() {
            return;
        }
        for index in 0..context.found.inventory.components.len() {
            if context.is_stopped() {
                return;
            }
            let component = context.found.inventory.components.get(index);
            let silent = component.filter(|it| it.detected.is_empty() && declares_nothing(it));
            let found = silent.map(|component| texts.texts_for(component)).unwrap_or_default();
            context.detect(ComponentIndex(index), found.iter().flat_map(|(path, text)| text.detected(path)));
        }
    }
}

/// Whether a package declares no licence, or only the file that contains it.
fn declares_nothing(component: &Component) -> bool {
    component.licenses.iter().all(|licence| match licence {
        Licence::Expression(_) => false,
        Licence::Text(text) => {
            let text = text.to_ascii_lowercase();
            // How npm, R and Python's `License` refer to a file.
            [
                "see license",
                "see licence",
                "see the license",
                "file license",
                "file licence",
                "license.",
                "licence.",
            ]
            .iter()
            .any(|beginning| text.starts_with(beginning))
                || matches!(
                    &*text,
                    "license" | "licence" | "copying" | "see file" | "unknown" | "dual license"
                )
        }
    })
}

/// Recognised texts, by their place.
#[derive(Default)]
struct Texts<'f> {
    by_folder: BTreeMap<&'f str, Vec<(&'f str, &'f LicenceText)>>,
    /// Folders of Go's module cache, by the path after `pkg/mod/`, and those of Cargo's, by their name.
    caches: BTreeMap<&'f str, &'f str>,
}

impl<'f> Texts<'f> {
    fn add(&mut self, path: &'f str, text: &'f LicenceText) {
        let folder = folder_of(path);
        if let Some((_, module)) = folder.split_once("pkg/mod/").filter(|(_, it)| it.contains('@')) {
            self.caches.entry(module).or_insert(folder);
        } else if let Some((_, name)) = folder.rsplit_once('/').filter(|(it, _)| it.contains("registry/src/"))
        {
            self.caches.entry(name).or_insert(folder);
        }
        self.by_folder.entry(folder).or_default().push((path, text));
    }

    /// The texts that belong to a component, with their paths, from the first folder that has any.
    fn texts_for(&self, component: &Component) -> &[(&'f str, &'f LicenceText)] {
        let mut folders = component.locations.iter().flat_map(|it| folders(component, &it.path));
        let beside = folders.find_map(|folder| self.by_folder.get(&*folder));
        let in_cache = || {
            let folder = cached(component)?;
            self.by_folder.get(self.caches.get(&*folder)?)
        };
        beside.or_else(in_cache).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The folders that may contain the texts of a package that was found by the file at `path`.
fn folders(component: &Component, path: &str) -> Vec<String> {
    let folder = folder_of(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let purl = &component.purl;
    let below = |parts: &[&str]| {
        let parts = std::iter::once(folder).chain(parts.iter().copied());
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    };
    match purl.package_type() {
        // In PEP 639 they have their own folder, in older wheels and eggs they are next to the metadata.
        "pypi" if name == "METADATA" || name == "PKG-INFO" => {
            vec![below(&["licenses"]), below(&["license_files"]), folder.to_owned()]
        }
        "npm" if name == "package.json" => vec![folder.to_owned()],
        "cran" | "bioconductor" if name == "DESCRIPTION" => vec![folder.to_owned()],
        // `specifications/NAME-VERSION.gemspec` describes `gems/NAME-VERSION`.
        "gem" if name.ends_with(".gemspec") => {
            let gem = name.trim_end_matches(".gemspec");
            let home = folder.strip_suffix("/default").unwrap_or(folder).strip_suffix("specifications");
            home.map(|home| format!("{home}gems/{gem}")).into_iter().collect()
        }
        "composer" if name == "installed.json" => {
            let vendor = folder_of(folder);
            let package = purl.namespace().into_iter().chain([purl.name()]).collect::<Vec<_>>().join("/");
            vec![if vendor.is_empty() { package } else { format!("{vendor}/{package}") }]
        }
        "golang" if name == "go.mod" => vec![below(&["vendor", &component.name])],
        "cargo" if name == "Cargo.lock" => {
            let versioned = format!("{}-{}", component.name, component.version);
            vec![below(&["vendor", &versioned]), below(&["vendor", &component.name])]
        }
        _ => Vec::new(),
    }
}

/// The path of a package in the cache of its package manager, relative to the cache's root.
fn cached(component: &Component) -> Option<String> {
    match component.purl.package_type() {
        "golang" => {
            // Go writes `!a` for `A`, because not all file systems distinguish them.
            let mut escaped = String::new();
            for character in component.name.chars() {
                if character.is_ascii_uppercase() {
                    escaped.push('!');
                }
                escaped.push(character.to_ascii_lowercase());
            }
            let version = component.version.trim_start_matches('v');
            (!version.is_empty()).then(|| format!("{escaped}@v{version}"))
        }
        "cargo" => Some(format!("{}-{}", component.name, component.version)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;
    use spdx::text::LICENSE_TEXTS;

    use crate::{Inventory, catalog, select};

    fn text(id: &str) -> &'static [u8] {
        LICENSE_TEXTS.iter().find(|(known, _)| *known == id).unwrap().1.as_bytes()
    }

    fn inventory(files: &[(&str, &[u8])]) -> Inventory {
        let mut set = FileSet::default();
        let mut files = files.to_vec();
        files.sort_unstable();
        for (path, content) in files {
            set.add(select(), path, None, content);
        }
        catalog(&set, &Limits::default())
    }

    /// The declared and detected licences of each component.
    fn shown(inventory: &Inventory) -> Vec<String> {
        let lines = inventory.components.iter().map(|it| {
            let licences = it.licenses.iter().map(ToString::to_string);
            let all: Vec<String> = licences.chain(it.detected.iter().map(ToString::to_string)).collect();
            format!("{}: {}", it.purl, all.join(", "))
        });
        lines.collect()
    }

    #[test]
    fn texts_are_found_where_each_package_manager_puts_them() {
        let mit = text("MIT");
        let gem = b"# -*- encoding: utf-8 -*-\n# stub: rake 13.0 ruby lib\n";
        let composer = br#"{"packages":[{"name":"acme/log","version":"1.0.0"}]}"#;
        let go = b"module example.org/app\n\ngo 1.22\n\nrequire (\n\tgithub.com/BurntSushi/toml v1.3.2\n\tgithub.com/a/b v1.0.0\n)\n";
        let cargo = b"version = 3\n\n[[package]]\nname = \"tiny\"\nversion = \"0.1.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\n[[package]]\nname = \"small\"\nversion = \"0.2.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        let found = inventory(&[
            (
                "lib/site-packages/a-1.dist-info/METADATA",
                b"Metadata-Version: 2.4\nName: a\nVersion: 1\nLicense-File: LICENSE\n",
            ),
            ("lib/site-packages/a-1.dist-info/licenses/LICENSE", mit),
            ("lib/site-packages/b-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: b\nVersion: 1\n"),
            ("lib/site-packages/b-1.dist-info/COPYING", text("GPL-2.0-only")),
            ("srv/node_modules/left/package.json", br#"{"name":"left","version":"1.0.0"}"#),
            ("srv/node_modules/left/LICENSE-MIT", mit),
            ("srv/node_modules/left/LICENSE-APACHE", text("Apache-2.0")),
            (
                "srv/node_modules/right/package.json",
                br#"{"name":"right","version":"1.0.0","license":"SEE LICENSE IN LICENSE.md"}"#,
            ),
            ("srv/node_modules/right/LICENSE.md", text("ISC")),
            ("gems/specifications/rake-13.0.gemspec", gem),
            ("gems/gems/rake-13.0/MIT-LICENSE", mit),
            ("php/vendor/composer/installed.json", composer),
            ("php/vendor/acme/log/LICENSE", text("BSD-3-Clause")),
            ("go/go.mod", go),
            ("root/go/pkg/mod/github.com/!burnt!sushi/toml@v1.3.2/COPYING", mit),
            ("go/vendor/github.com/a/b/LICENSE", text("Zlib")),
            ("rust/Cargo.lock", cargo),
            ("root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tiny-0.1.0/LICENSE-MIT", mit),
            ("rust/vendor/small/UNLICENSE", text("Unlicense")),
        ]);
        assert_eq!(
            shown(&found),
            [
                "pkg:cargo/small@0.2.0: Unlicense (100 %) in rust/vendor/small/UNLICENSE",
                "pkg:cargo/tiny@0.1.0: MIT (100 %) in root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tiny-0.1.0/LICENSE-MIT",
                "pkg:composer/acme/log@1.0.0: BSD-3-Clause (100 %) in php/vendor/acme/log/LICENSE",
                "pkg:gem/rake@13.0: MIT (100 %) in gems/gems/rake-13.0/MIT-LICENSE",
                "pkg:golang/github.com/BurntSushi/toml@v1.3.2: MIT (100 %) in root/go/pkg/mod/github.com/!burnt!sushi/toml@v1.3.2/COPYING",
                "pkg:golang/github.com/a/b@v1.0.0: Zlib (100 %) in go/vendor/github.com/a/b/LICENSE",
                "pkg:npm/left@1.0.0: Apache-2.0 (100 %) in srv/node_modules/left/LICENSE-APACHE, MIT (100 %) in srv/node_modules/left/LICENSE-MIT",
                "pkg:npm/right@1.0.0: SEE LICENSE IN LICENSE.md, ISC (100 %) in srv/node_modules/right/LICENSE.md",
                "pkg:pypi/a@1: MIT (100 %) in lib/site-packages/a-1.dist-info/licenses/LICENSE",
                "pkg:pypi/b@1: GPL-2.0 (100 %) in lib/site-packages/b-1.dist-info/COPYING",
            ]
        );
    }

    #[test]
    fn a_declared_licence_counts_whatever_a_text_says() {
        let found = inventory(&[
            ("m/node_modules/a/package.json", br#"{"name":"a","version":"1.0.0","license":"Apache-2.0"}"#),
            ("m/node_modules/a/LICENSE", text("MIT")),
            ("m/node_modules/b/package.json", br#"{"name":"b","version":"1.0.0","license":"BSD"}"#),
            ("m/node_modules/b/LICENSE", text("MIT")),
        ]);
        assert_eq!(shown(&found), ["pkg:npm/a@1.0.0: Apache-2.0", "pkg:npm/b@1.0.0: BSD"]);
    }

    #[test]
    fn a11_copies_of_one_text_of_many_packages_are_bounded() {
        // The same package many times, below a path of the maximum length.
        let folder = "x/".repeat(1_500);
        let packages: Vec<String> =
            (0..5_000).map(|number| format!(r#"{{"name":"a/b","version":"1.0.{number}"}}"#)).collect();
        let list = format!(r#"{{"packages":[{}]}}"#, packages.join(","));
        let mut limits = Limits::default();
        limits.kept_file_bytes = 1 << 20;
        let mut set = FileSet::default();
        for (path, content) in
            [("vendor/a/b/LICENSE", text("MIT")), ("vendor/composer/installed.json", list.as_bytes())]
        {
            set.add_within(&limits, select(), &format!("{folder}{path}"), None, content);
        }
        let found = catalog(&set, &limits);
        assert_eq!(found.components.len(), 5_000);
        let detected = found.components.iter().flat_map(|it| &it.detected);
        let bytes: usize = detected.map(|it| it.path.len()).sum();
        assert!(bytes > 0 && bytes as u64 <= limits.kept_file_bytes, "{bytes}");
    }

    #[test]
    fn the_text_of_a_project_is_not_that_of_its_locked_packages() {
        let lock =
            br#"{"lockfileVersion":3,"packages":{"":{"name":"app"},"node_modules/a":{"version":"1.0.0"}}}"#;
        let found = inventory(&[("app/package-lock.json", lock), ("app/LICENSE", text("GPL-3.0-only"))]);
        assert_eq!(shown(&found), ["pkg:npm/a@1.0.0: "]);
    }
}
