//! Installed Julia packages: the project file of each in a depot.
//!
//! ```toml
//! name = "JSON"
//! uuid = "682c06a0-de6a-54ab-a142-c8b1cf79cde6"
//! version = "0.21.4"
//! ```

use plimsoll_core::rootfs::Bound;
use serde::Deserialize;

use super::described::Described;
use super::shown::Package;
use crate::cataloger::Selection;
use crate::inventory::Component;

/// Finds packages in depots: `packages/NAME/SLUG`. Lock files of projects are read elsewhere.
pub(crate) const JULIA: Described = Described {
    id: "julia",
    version: 1,
    purl_types: &["julia"],
    selections: &[Selection::whole(&["**/packages/*/*/Project.toml"], Bound::Metadata)],
    marks_folders: false,
    read: |file| Some(project(file.content).map(|found| vec![found])),
};

#[derive(Deserialize)]
struct Project {
    name: String,
    uuid: String,
    version: Option<String>,
}

fn project(content: &[u8]) -> Result<Component, String> {
    let text = str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
    let Project { name, uuid, version } =
        toml::from_str(text).map_err(|error| format!("is not a project: {}", error.message()))?;
    let (version, qualifiers) = (version.as_deref(), [("uuid", uuid)]);
    Package { purl_type: "julia", namespace: "", name: &name, version, qualifiers: &qualifiers, subpath: "" }
        .component()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_known_by_name_and_identifier() {
        let shown = |content: &str| project(content.as_bytes()).map(|it| it.purl.to_string());
        let json =
            "name = \"JSON\"\nuuid = \"682c06a0\"\nversion = \"0.21.4\"\n[deps]\nDates = \"ade2ca70\"\n";
        assert_eq!(shown(json).unwrap(), "pkg:julia/JSON@0.21.4?uuid=682c06a0");
        assert!(shown("name = \"JSON\"\n").unwrap_err().starts_with("is not a project: missing field"));
    }
}
