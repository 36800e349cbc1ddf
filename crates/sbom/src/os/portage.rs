//! Portage's packages: Gentoo and distributions derived from it.
//!
//! Follows the Package Manager Specification, sections 3.1.2 (names) and 3.2 (versions), and Portage's `dblink.getcontents`. Each
//! package has a folder, `var/db/pkg/CATEGORY/NAME-VERSION`, with one file for each property. The folder's name says
//! which package it is; `CONTENTS` lists its files, with their MD5:
//!
//! ```text
//! dir /usr/bin
//! obj /usr/bin/skopeo 376c02bd3b22804df8fdfdc895e7dbfb 1649284374
//! sym /usr/lib/libz.so -> libz.so.1 1649284374
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::Purl;
use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile, Need};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, OsRelease};
use crate::licence::Licence;
use crate::os::database::{State, is_word, too_many, words};
use crate::os::files::{OwnedFiles, OwnedFilesBuilder, add_listed};
use crate::ownership::RecordedDigest;
use crate::path::folder_of;

const CONTENTS: u16 = 0;
const LICENCE: u16 = 1;
const PLACE: u16 = 2;

const FOLDER: &str = "var/db/pkg/";

const SELECTIONS: &[Selection] = &[
    Selection::whole(&["var/db/pkg/*/*/CONTENTS"], Bound::Metadata),
    Selection::whole(&["var/db/pkg/*/*/LICENSE"], Bound::Metadata),
    // A package without files has no CONTENTS. Portage itself uses the folders.
    Selection { paths: &["var/db/pkg/*/*/PF"], mode: Mode::Any, min_size: 0, need: Need::Name },
];

pub(crate) struct Portage;

/// The licence that the package states.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Terms(Option<String>);

/// The package exists.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Present;

impl Footprint for Terms {
    fn footprint(&self) -> usize {
        size_of::<Self>() + self.0.as_ref().map_or(0, String::len)
    }
}

impl Footprint for Present {
    fn footprint(&self) -> usize {
        size_of::<Self>()
    }
}

impl Cataloger for Portage {
    fn id(&self) -> &'static str {
        "portage"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["ebuild"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const {
            &[
                FactKind::for_type::<OwnedFiles>(),
                FactKind::for_type::<Terms>(),
                FactKind::for_type::<Present>(),
            ]
        }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(match selection {
            CONTENTS => Arc::new(contents(file)),
            LICENCE => Arc::new(Terms(words(str::from_utf8(file.content).ok()))),
            _ => Arc::new(Present),
        })
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut state = State::default();
        state.unread(context, CONTENTS);
        let places = context.facts::<Present>(PLACE).map(|(file, _)| file);
        let files = context.facts::<OwnedFiles>(CONTENTS).map(|(file, _)| file);
        // The layer is that of the file that is not rewritten later.
        let folders: BTreeMap<&str, &FoundFile> =
            places.chain(files).map(|file| (folder_of(&file.path), file)).collect();
        let terms: BTreeMap<&str, &Terms> =
            context.facts::<Terms>(LICENCE).map(|(file, terms)| (folder_of(&file.path), terms)).collect();
        let mut found = BTreeMap::new();
        let limit = context.limits.packages;
        for (folder, file) in folders {
            state.present = true;
            if found.len() >= limit {
                state.broken(context, &file.path, too_many(limit));
                break;
            }
            let licence = terms.get(folder).and_then(|terms| terms.0.as_deref());
            match add(context, folder, file, licence) {
                Ok(owner) => drop(found.insert(folder, owner)),
                Err(what) => state.broken(context, &file.path, what),
            }
        }
        for (file, contents) in context.facts::<OwnedFiles>(CONTENTS) {
            if let Some(owner) = found.get(folder_of(&file.path)).copied() {
                contents.claim(owner, context);
            }
        }
        state.finish(context, FOLDER, "ebuild", found.len());
    }
}

fn add(
    context: &mut Context<'_, '_>,
    folder: &str,
    file: &FoundFile,
    licence: Option<&str>,
) -> Result<ComponentIndex, String> {
    let place = folder.strip_prefix(FOLDER).and_then(|place| place.split_once('/'));
    // The name of a folder while Portage installs the package.
    let package = place.filter(|(_, folder)| !folder.starts_with("-MERGING-"));
    let (category, package) = package.ok_or("is a package whose installation was not completed")?;
    let (name, version) =
        split(package).ok_or("has a folder whose name is not a package name and version")?;
    let distro = context.os().map(OsRelease::distro).unwrap_or_default();
    let purl = Purl::builder("ebuild", name)
        .namespace(category)
        .version(version)
        .qualifier("distro", distro)
        .build()
        .map_err(|error| format!("package {category}/{name}: {error}"))?;
    let listed = Component {
        name: format!("{category}/{name}"),
        version: version.to_owned(),
        licenses: licence.and_then(Licence::stated).into_iter().collect(),
        ..Component::from_purl(purl)
    };
    Ok(add_listed(context, file, file.layer, listed))
}

/// Name and version: `skopeo` and `1.5.1-r2`. The version starts after the last hyphen that is followed by a digit, not
/// counting the revision.
fn split(package: &str) -> Option<(&str, &str)> {
    let is_revision = |part: &str| {
        part.strip_prefix('r')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let stem =
        package.rsplit_once('-').filter(|(_, last)| is_revision(last)).map_or(package, |(stem, _)| stem);
    let (name, version) = stem.rsplit_once('-')?;
    let whole = package.get(name.len() + 1..)?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    (is_version && is_word(name) && is_word(whole)).then_some((name, whole))
}

/// Reads `CONTENTS`. A path may contain spaces; the digest and the time after it do not.
fn contents(file: &File<'_>) -> OwnedFiles {
    let mut owned = OwnedFilesBuilder::new(file, file.content.len());
    for line in file.content.split(|byte| *byte == b'\n') {
        let object = str::from_utf8(line).ok().and_then(|line| line.strip_prefix("obj "));
        let digest = object.and_then(|line| line.rsplit_once(' ')?.0.rsplit_once(' '));
        if let Some((path, digest)) = digest {
            owned.add(path, Some(RecordedDigest::md5(digest)));
        }
    }
    owned.finish()
}

#[cfg(test)]
mod tests {
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogers::select;
    use crate::{ComponentIndex, Inventory, OwnerEvidence, ProblemCode};

    fn catalog(list: &[(&str, &[u8])]) -> Inventory {
        let mut set = FileSet::default();
        for (path, content) in [("etc/os-release", &b"ID=gentoo\nVERSION_ID=2.15\n"[..])].iter().chain(list) {
            set.add(select(), path, Some(1), content);
        }
        crate::catalog(&set, &plimsoll_core::Limits::default())
    }

    #[test]
    fn a_folder_is_a_package() {
        let found = catalog(&[
            ("var/db/pkg/app-containers/skopeo-1.5.1/CONTENTS", b"dir /usr\n"),
            ("var/db/pkg/app-containers/skopeo-1.5.1/LICENSE", b"Apache-2.0\n"),
            ("var/db/pkg/virtual/libc-1-r1/PF", b"libc-1-r1\n"),
        ]);
        let purls: Vec<_> = found.components.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(
            purls,
            [
                "pkg:ebuild/app-containers/skopeo@1.5.1?distro=gentoo-2.15",
                "pkg:ebuild/virtual/libc@1-r1?distro=gentoo-2.15",
            ]
        );
        assert_eq!(found.problems, []);
        assert_eq!(found.components[0].licenses, ["Apache-2.0"]);
        for component in &found.components {
            assert_eq!(Component::from_purl(component.purl.clone()).name, component.name);
        }
    }

    #[test]
    fn a_name_may_have_hyphens_and_digits() {
        for (package, expected) in [
            ("gtk+-3.24.38-r1", Some(("gtk+", "3.24.38-r1"))),
            ("ca-certificates-20230311.3.97", Some(("ca-certificates", "20230311.3.97"))),
            ("font-adobe-100dpi-1.0.3", Some(("font-adobe-100dpi", "1.0.3"))),
            ("openssl-1.1.1_p1-r3", Some(("openssl", "1.1.1_p1-r3"))),
            ("libc-1", Some(("libc", "1"))),
            ("skopeo", None),
            ("skopeo-r1", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(split(package), expected, "{package}");
        }
    }

    #[test]
    fn an_invalid_folder_is_reported() {
        for folder in ["skopeo", "-MERGING-skopeo-1.5"] {
            let found = catalog(&[(&format!("var/db/pkg/app/{folder}/CONTENTS"), b"")]);
            let codes: Vec<_> = found.problems.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, [ProblemCode::OsInventoryBroken], "{folder}");
        }
    }

    #[test]
    fn a_package_owns_the_files_that_it_installed() {
        const METADATA: &[u8] = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
        let digest = hex::encode(<md5::Md5 as md5::Digest>::digest(METADATA));
        let path = "usr/lib/python3.12/site-packages/demo demo-1.0.dist-info/METADATA";
        let contents = format!("dir /usr\nobj /{path} {digest} 1649284374\nobj x\n");
        let found =
            catalog(&[(path, METADATA), ("var/db/pkg/dev-python/demo-1.0/CONTENTS", contents.as_bytes())]);
        let python = found.components.iter().position(|it| it.purl.package_type() == "pypi").unwrap();
        let owner = found.owner(ComponentIndex(python)).unwrap();
        assert_eq!(
            (owner.package.name.as_str(), owner.evidence),
            ("dev-python/demo", OwnerEvidence::DigestsMatch)
        );
    }

    proptest! {
        #[test]
        fn never_panics(folder in "[-a-z0-9é._r]{0,12}", content in "((obj|dir|x) ?[ -~é]{0,12}\n){0,10}") {
            let path = format!("var/db/pkg/a/{folder}/CONTENTS");
            catalog(&[(&path, content.as_bytes())]);
        }
    }
}
