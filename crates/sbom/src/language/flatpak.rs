//! Deployed Flatpaks: applications and runtimes, each in a folder that states its name, architecture, branch and
//! commit.
//!
//! ```text
//! var/lib/flatpak/runtime/org.gnome.Platform/x86_64/45/9d0b…/deploy
//! var/lib/flatpak/app/org.gnome.gedit/x86_64/stable/1c5a…/deploy
//! var/lib/flatpak/app/org.gnome.gedit/x86_64/stable/1c5a…/files/share/metainfo/org.gnome.gedit.metainfo.xml
//! ```
//!
//! Follows "Under the Hood" in Flatpak's documentation. The branch is the version of a runtime. An application states
//! its version only in its AppStream description ("Metainfo Files", `releases`), where the first release is the newest.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint, Need};
use serde::{Deserialize, Serialize};

use super::shown::Package;
use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::elements;
use crate::fact::FactKind;
use crate::inventory::{Component, ProblemCode};
use crate::licence::Licence;
use crate::ownership::FileDigests;

const DEPLOYED: u16 = 0;
const METAINFO: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection {
        paths: &["**/flatpak/app/*/*/*/*/deploy", "**/flatpak/runtime/*/*/*/*/deploy"],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    },
    Selection::whole(
        &[
            "**/flatpak/app/*/*/*/*/files/share/metainfo/*.xml",
            "**/flatpak/app/*/*/*/*/files/share/appdata/*.xml",
        ],
        Bound::Metadata,
    ),
];

/// Finds applications and runtimes.
pub(crate) struct Flatpak;

/// The file exists.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Present;

/// The content of an AppStream description, or why it cannot be read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Metainfo(Result<Described, String>);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Described {
    version: Option<String>,
    licence: Option<String>,
}

impl Footprint for Present {
    fn footprint(&self) -> usize {
        size_of::<Self>()
    }
}

impl Footprint for Metainfo {
    fn footprint(&self) -> usize {
        let text = match &self.0 {
            Ok(Described { version, licence }) => version.iter().chain(licence).map(String::len).sum(),
            Err(reason) => reason.len(),
        };
        size_of::<Self>() + text
    }
}

impl Cataloger for Flatpak {
    fn id(&self) -> &'static str {
        "flatpak"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["flatpak"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Present>(), FactKind::for_type::<Metainfo>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(match selection {
            DEPLOYED => Arc::new(Present),
            _ => Arc::new(Metainfo(described(file.content))),
        })
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread([METAINFO]);
        let mut of_folder: BTreeMap<&str, &Described> = BTreeMap::new();
        for (file, Metainfo(found)) in context.distinct::<Metainfo>(&[METAINFO]) {
            let Some((folder, name)) = split(&file.path) else { continue };
            // Applications may describe their parts in separate files.
            let is_own =
                Place::parse(folder).is_some_and(|place| name.starts_with(&format!("{}.", place.id)));
            match found {
                Ok(described) if is_own => drop(of_folder.insert(folder, described)),
                Ok(_) => {}
                Err(reason) => context.problem(ProblemCode::UnparsableMetadata, &file.path, reason.clone()),
            }
        }
        for (file, Present) in context.distinct::<Present>(&[DEPLOYED]) {
            let folder = file.path.strip_suffix("/deploy").unwrap_or(&file.path);
            let Some(place) = Place::parse(folder) else { continue };
            match component(&place, of_folder.get(folder).copied()) {
                Ok(found) => drop(context.add_shown(&found, file, None::<&FileDigests>)),
                Err(detail) => context.problem(ProblemCode::UnparsableMetadata, &file.path, detail),
            }
        }
    }
}

/// The parts of the path of a folder.
struct Place<'p> {
    is_runtime: bool,
    id: &'p str,
    architecture: &'p str,
    branch: &'p str,
    commit: &'p str,
}

impl<'p> Place<'p> {
    fn parse(folder: &'p str) -> Option<Self> {
        let mut names = folder.rsplit('/');
        let (commit, branch, architecture, id) = (names.next()?, names.next()?, names.next()?, names.next()?);
        Some(Self { is_runtime: names.next()? == "runtime", id, architecture, branch, commit })
    }
}

/// The folder of an application, and the name of a file in its `files/share/metainfo`.
fn split(path: &str) -> Option<(&str, &str)> {
    let (folder, name) = path.rsplit_once('/')?;
    let folder = folder
        .strip_suffix("/files/share/metainfo")
        .or_else(|| folder.strip_suffix("/files/share/appdata"))?;
    Some((folder, name))
}

fn component(place: &Place<'_>, described: Option<&Described>) -> Result<Component, String> {
    let Place { is_runtime, id, architecture, branch, commit } = *place;
    let stated = described.and_then(|described| described.version.as_deref());
    let version = if is_runtime { Some(branch) } else { stated };
    let qualifiers = [
        ("arch", architecture.to_owned()),
        ("branch", if is_runtime { String::new() } else { branch.to_owned() }),
        ("commit", commit.to_owned()),
    ];
    let (purl_type, namespace, subpath) = ("flatpak", "", "");
    let mut found =
        Package { purl_type, namespace, name: id, version, qualifiers: &qualifiers, subpath }.component()?;
    let licence = described.and_then(|described| described.licence.as_deref());
    found.licenses = licence.and_then(Licence::stated).into_iter().collect();
    Ok(found)
}

fn described(content: &[u8]) -> Result<Described, String> {
    let text = str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
    let mut found = Described::default();
    elements::each(text, |it| {
        // Both names of the root are in use.
        let names: Vec<&str> = it.path.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["component" | "application", "releases", "release"] if found.version.is_none() => {
                found.version = it.attribute("version").map(str::to_owned);
            }
            ["component" | "application", "project_license"] => found.licence = Some(it.text.to_owned()),
            _ => {}
        }
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogers::select;

    const APP: &str = "var/lib/flatpak/app/org.gnome.gedit/x86_64/stable/1c5a";
    const XML: &str = "<?xml version=\"1.0\"?>\n<component type=\"desktop-application\"><id>org.gnome.gedit</id>\
        <project_license>GPL-2.0-or-later</project_license><releases><release version=\"46.2\" date=\"2024-03-18\">\
        <description><p>New</p></description></release><release version=\"46.1\"/></releases></component>";

    fn shown(files: &[(&str, &str)]) -> (Vec<String>, usize) {
        let mut set = FileSet::default();
        for (path, content) in files {
            set.add(select(), path, None, content.as_bytes());
        }
        let found = crate::catalog(&set, &Limits::default());
        let purls = found.components.iter().map(|it| it.purl.to_string()).collect();
        (purls, found.problems.len())
    }

    #[test]
    fn the_version_of_a_runtime_is_its_branch_and_of_an_application_its_newest_release() {
        let (deploy, own) =
            (format!("{APP}/deploy"), format!("{APP}/files/share/metainfo/org.gnome.gedit.metainfo.xml"));
        let part = format!("{APP}/files/share/metainfo/org.gnome.gedit2.metainfo.xml");
        let other = XML.replace("46.2", "1.0");
        let runtime = "var/lib/flatpak/runtime/org.gnome.Platform/x86_64/45/9d0b/deploy";
        let files = [(&*deploy, ""), (&*own, XML), (&*part, &*other), (runtime, "")];
        let expected = [
            "pkg:flatpak/org.gnome.Platform@45?arch=x86_64&commit=9d0b",
            "pkg:flatpak/org.gnome.gedit@46.2?arch=x86_64&branch=stable&commit=1c5a",
        ];
        assert_eq!(shown(&files), (expected.map(str::to_owned).to_vec(), 0));
        let without = "pkg:flatpak/org.gnome.gedit?arch=x86_64&branch=stable&commit=1c5a".to_owned();
        assert_eq!(shown(&[(&*deploy, "")]), (vec![without.clone()], 0));
        assert_eq!(shown(&[(&*deploy, ""), (&*own, "<a>")]), (vec![without], 1));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(<(component|releases|release version='1'|/release|/releases|/component)>){0,8}") {
            let _ = described(text.as_bytes());
        }
    }
}
