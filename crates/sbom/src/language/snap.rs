//! Unpacked or mounted snaps, identified by the file that each must have.
//!
//! ```text
//! snap/core22/1380/meta/snap.yaml
//! ```
//! ```yaml
//! name: core22
//! version: '20240408'
//! type: base
//! architectures: [amd64]
//! license: GPL-3.0
//! ```
//!
//! Follows snapd's "The snap format". The packages in a snap are found by other catalogers. A packed snap (`*.snap`) is
//! a file system that is not read; the telltales report it.

use plimsoll_core::rootfs::Bound;
use plimsoll_core::yaml;
use serde::Deserialize;

use super::described::Described;
use super::shown::Package;
use crate::cataloger::Selection;
use crate::inventory::Component;
use crate::licence::Licence;

/// Finds snaps.
pub(crate) const SNAP: Described = Described {
    id: "snap",
    version: 1,
    purl_types: &["snap"],
    selections: &[Selection::whole(&["**/meta/snap.yaml"], Bound::Metadata)],
    marks_folders: false,
    read: |file| Some(one(file.content).map(|found| vec![found])),
};

#[derive(Deserialize)]
struct Snap {
    name: String,
    version: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
    license: Option<String>,
}

fn one(content: &[u8]) -> Result<Component, String> {
    let snap: Snap = yaml::read_generated(content, "does not describe a snap", yaml::Size::DOCUMENT)
        .map_err(|error| error.to_string())?;
    // Snaps for all architectures state `all`, or name several.
    let architecture = match snap.architectures.as_slice() {
        [only] if only != "all" => only.clone(),
        _ => String::new(),
    };
    let qualifiers = [("arch", architecture)];
    let (purl_type, namespace, subpath) = ("snap", "", "");
    let version = snap.version.as_deref();
    let package =
        Package { purl_type, namespace, name: &snap.name, version, qualifiers: &qualifiers, subpath };
    let mut found = package.component()?;
    found.licenses = snap.license.as_deref().and_then(Licence::stated).into_iter().collect();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogers::select;

    fn shown(text: &str) -> Result<String, String> {
        one(text.as_bytes()).map(|it| it.purl.to_string())
    }

    #[test]
    fn a_snap_is_named_by_its_description() {
        let core = "name: core22\nversion: '20240408'\nsummary: Runtime\ntype: base\narchitectures:\n- amd64\nconfinement: strict\n";
        assert_eq!(shown(core).as_deref(), Ok("pkg:snap/core22@20240408?arch=amd64"));
        // A version that YAML could read as a number, and a snap without one.
        assert_eq!(shown("name: a\nversion: 1.10\narchitectures: [all]\n").as_deref(), Ok("pkg:snap/a@1.10"));
        assert_eq!(shown("name: a\narchitectures: [amd64, arm64]\n").as_deref(), Ok("pkg:snap/a"));
        assert!(one(b"name: a\nlicense: GPL-3.0\n").unwrap().licenses[0].as_str().starts_with("GPL-3.0"));
    }

    #[test]
    fn an_invalid_description_is_reported() {
        for bad in ["", "[]", "version: 1", "name: 'a b'", "name: a\nname: b", "a: &a [*a]", "\u{0}"] {
            assert!(shown(bad).is_err(), "{bad:?}");
        }
        let mut set = FileSet::default();
        set.add(select(), "snap/x/1/meta/snap.yaml", None, b"nonsense: true\n");
        let found = crate::catalog(&set, &Limits::default());
        assert!(
            found.problems.iter().any(|it| it.path == "snap/x/1/meta/snap.yaml" && it.hides_components())
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "((name|version|architectures|license): ?[a-z0-9'\\[\\]{}*&.-]{0,12}\n){0,6}") {
            let _ = one(text.as_bytes());
        }
    }
}
