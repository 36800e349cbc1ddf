//! opkg's packages: OpenWrt up to 24.10, Yocto's images and distributions derived from them.
//!
//! Its `status` has the paragraphs of dpkg, with other words in the middle of `Status` (`install user installed`) and sources
//! that are paths of recipes. It is one file, rewritten for every package, so the layer of a package is the first one
//! from which every version of the file lists it. The lists of files next to it have no digests, so they prove nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::Purl;
use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, OsRelease};
use crate::os::database::{Entries, Entry, Identity, Layers, Listed, State, is_word, too_many, words};
use crate::os::deb822::{self, Paragraph};
use crate::os::files::{OwnedFiles, OwnedFilesBuilder, add_listed};

/// The paths in OpenWrt and in Yocto.
const STATUS_FILES: [&str; 2] = ["usr/lib/opkg/status", "var/lib/opkg/status"];

const STATUS: u16 = 0;
const LIST: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&STATUS_FILES, Bound::List),
    Selection::whole(&["usr/lib/opkg/info/*.list", "var/lib/opkg/info/*.list"], Bound::Metadata),
];

pub(crate) struct Opkg;

/// The content of `status`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Status(Entries<Package>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Package {
    line: usize,
    name: String,
    version: String,
    architecture: Option<String>,
    supplier: Option<String>,
}

impl Listed for Package {
    fn identity(&self) -> Identity<'_> {
        (&self.name, &self.version, self.architecture.as_deref().unwrap_or_default(), 0)
    }
}

impl Footprint for Status {
    fn footprint(&self) -> usize {
        self.0.bytes(|Package { name, version, architecture, supplier, .. }| {
            let optional = [architecture, supplier].into_iter().flatten();
            [name, version].into_iter().chain(optional).map(String::len).sum()
        })
    }
}

impl Cataloger for Opkg {
    fn id(&self) -> &'static str {
        "opkg"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["opkg"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Status>(), FactKind::for_type::<OwnedFiles>()] }
    }

    fn is_database(&self, selection: u16) -> bool {
        selection == STATUS
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(match selection {
            STATUS => Arc::new(status(file)),
            _ => Arc::new(list(file)),
        })
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut state = State::default();
        state.unread(context, STATUS);
        let (mut found, mut seen) = (BTreeMap::<&str, ComponentIndex>::new(), BTreeSet::new());
        let limit = context.limits.packages;
        for (file, status) in context.distinct::<Status>(&[STATUS]).collect::<Vec<_>>() {
            state.present = true;
            let layers = Layers::of_packages(context, file, &[STATUS], |status: &Status| &status.0);
            for entry in status.0.iter() {
                let added = match entry {
                    Entry::Broken(what) => Err(what.clone()),
                    Entry::Package(_) if seen.len() >= limit => {
                        state.broken(context, &file.path, too_many(limit));
                        break;
                    }
                    // A repeated package adds nothing.
                    Entry::Package(package) if !seen.insert((&package.name, &package.version)) => continue,
                    Entry::Package(package) => add(context, file, &layers, package).and_then(|owner| {
                        match found.insert(&package.name, owner) {
                            None => Ok(()),
                            Some(_) => {
                                Err(format!("line {}: package {} occurs twice", package.line, package.name))
                            }
                        }
                    }),
                };
                if let Err(what) = added {
                    state.broken(context, &file.path, what);
                }
            }
        }
        for (file, list) in context.facts::<OwnedFiles>(LIST) {
            let name = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".list"));
            if let Some(owner) = name.and_then(|name| found.get(name)).copied() {
                list.claim(owner, context);
            }
        }
        let [path, _] = STATUS_FILES;
        state.finish(context, path, "opkg", seen.len());
    }
}

fn add(
    context: &mut Context<'_, '_>,
    file: &FoundFile,
    layers: &Layers<'_>,
    package: &Package,
) -> Result<ComponentIndex, String> {
    let Package { name, version, architecture, supplier, line } = package;
    let namespace = context.os().map_or("openwrt", |os| os.id.as_str());
    let purl = Purl::builder("opkg", name)
        .namespace(namespace)
        .version(version)
        .qualifier("arch", architecture.as_deref().unwrap_or_default())
        .qualifier("distro", context.os().map(OsRelease::distro).unwrap_or_default())
        .build()
        .map_err(|error| format!("line {line}: package {name}: {error}"))?;
    let listed = Component {
        name: name.clone(),
        version: version.clone(),
        supplier: supplier.clone(),
        ..Component::from_purl(purl)
    };
    Ok(add_listed(context, file, layers.of_package(package), listed))
}

fn status(file: &File<'_>) -> Status {
    let mut entries = Entries::new(file.limits);
    if !file.content.is_empty() && !file.content.ends_with(b"\n") {
        entries.broken("stops in the middle of a line".to_owned());
    }
    for paragraph in deb822::paragraphs(file.content) {
        if entries.is_full() {
            break;
        }
        match paragraph {
            Ok(paragraph) => match package(&paragraph) {
                Ok(Some(package)) => entries.package(package),
                Ok(None) => {}
                Err(what) => entries.broken(format!("line {}: {what}", paragraph.line)),
            },
            Err(malformed) => entries.broken(format!("line {}: {}", malformed.line, malformed.what)),
        }
    }
    Status(entries.complete())
}

/// The package of a paragraph, if its files exist.
fn package(paragraph: &Paragraph<'_>) -> Result<Option<Package>, String> {
    let word = |field: Option<&[u8]>| {
        let text = field.and_then(|field| str::from_utf8(field).ok()).filter(|text| is_word(text));
        text.map(str::to_owned)
    };
    let name = word(paragraph.package).ok_or("has no usable Package")?;
    let status = paragraph.status.and_then(|status| str::from_utf8(status).ok());
    let words_of: Vec<&str> = status.into_iter().flat_map(str::split_whitespace).collect();
    let [_, _, state] = words_of.as_slice() else {
        return Err(format!("package {name} has no usable Status"));
    };
    match *state {
        "installed" | "unpacked" | "half-installed" | "post-inst-failed" | "removal-failed" => {}
        "not-installed" | "config-files" => return Ok(None),
        _ => return Err(format!("package {name} has a Status that opkg does not write")),
    }
    let version = word(paragraph.version).ok_or_else(|| format!("package {name} has no usable Version"))?;
    Ok(Some(Package {
        line: paragraph.line,
        version,
        architecture: word(paragraph.architecture),
        supplier: words(paragraph.maintainer.and_then(|maintainer| str::from_utf8(maintainer).ok())),
        name,
    }))
}

/// Reads a list of files: path, tab, mode.
fn list(file: &File<'_>) -> OwnedFiles {
    let mut owned = OwnedFilesBuilder::new(file, file.content.len());
    for line in file.content.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok()) {
        let path = line.split('\t').next().unwrap_or(line);
        owned.add(path, None);
    }
    owned.finish()
}

#[cfg(test)]
mod tests {
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use crate::catalogers::select;
    use crate::{Inventory, ProblemCode};

    const UBUS: &str = "Package: ubus\nVersion: 2024.10.20~252a9b0c-r1\nStatus: install user installed\n\
                        Architecture: x86_64\nMaintainer: A <a@x>\nInstalled-Time: 1\n\n";

    fn catalog(status: &str) -> Inventory {
        let mut set = FileSet::default();
        set.add(
            select(),
            "etc/os-release",
            Some(0),
            b"ID=\"openwrt\"\nID_LIKE=\"lede openwrt\"\nVERSION_ID=\"24.10.0\"\n",
        );
        set.add(select(), "usr/lib/opkg/status", Some(1), status.as_bytes());
        crate::catalog(&set, &plimsoll_core::Limits::default())
    }

    #[test]
    fn lists_installed_packages() {
        let found =
            catalog(&format!("{UBUS}Package: gone\nVersion: 1\nStatus: deinstall ok not-installed\n"));
        let purls: Vec<_> = found.components.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(
            purls,
            ["pkg:opkg/openwrt/ubus@2024.10.20~252a9b0c-r1?arch=x86_64&distro=openwrt-24.10.0"]
        );
        assert_eq!(found.problems, []);
        assert_eq!(found.components[0].supplier.as_deref(), Some("A <a@x>"));
        assert!(found.components[0].ecosystem.is_os());
    }

    #[test]
    fn an_invalid_paragraph_breaks_the_inventory() {
        for bad in [
            "Package: a\nVersion: 1\n",
            "Package: a\nStatus: install ok installed\n",
            "Package: a\nVersion: 1\nStatus: installed\n",
            "Package: a\nVersion: 1\nStatus: install ok gone\n",
            "Version: 1\nStatus: install ok installed\n",
            "Package: ubus\nVersion: 1\nStatus: install ok installed\n",
            "garbage\n",
            "Package: a\nVersion: 1\nStatus: install ok installed",
        ] {
            let found = catalog(&format!("{UBUS}{bad}"));
            let codes: Vec<_> = found.problems.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, [ProblemCode::OsInventoryBroken], "{bad:?}");
            let ubus = found.components.iter().any(|it| it.name == "ubus");
            assert!(ubus, "{bad:?}: the readable part is still shown");
        }
    }

    proptest! {
        #[test]
        fn never_panics(content in "((Package|Status|Version|x): ?(install ok installed|[ -~é]{0,12})\n|\n| x\n){0,30}") {
            catalog(&content);
        }
    }
}
