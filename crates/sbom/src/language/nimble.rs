//! Nim packages that Nimble installed: a folder for each, named after package, version and checksum.
//!
//! ```text
//! root/.nimble/pkgs2/chronos-3.2.0-63f6…/nimblemeta.json
//! root/.nimble/pkgs/chronos-3.2.0/nimblemeta.json             before Nimble 0.14
//! ```

use plimsoll_core::rootfs::Need;

use super::by_path::ByPath;
use super::shown::component;
use crate::cataloger::{Mode, Selection};
use crate::inventory::Component;

/// Finds packages.
pub(crate) const NIMBLE: ByPath = ByPath {
    id: "nimble",
    version: 1,
    purl_types: &["nim"],
    selections: &[Selection {
        paths: &["**/pkgs/*/nimblemeta.json", "**/pkgs2/*/nimblemeta.json"],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    }],
    read,
};

fn read(path: &str) -> Option<Component> {
    let mut names = path.rsplit('/').skip(1);
    let (folder, above) = (names.next()?, names.next()?);
    let package = if above == "pkgs2" { folder.rsplit_once('-')?.0 } else { folder };
    let (name, version) = package.rsplit_once('-')?;
    component("nim", "", name, version).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_folder_are_read() {
        for path in [
            "root/.nimble/pkgs2/chronos-3.2.0-63f6/nimblemeta.json",
            "root/.nimble/pkgs/chronos-3.2.0/nimblemeta.json",
        ] {
            assert_eq!(read(path).unwrap().purl.to_string(), "pkg:nim/chronos@3.2.0", "{path}");
        }
        assert!(read("root/.nimble/pkgs/chronos/nimblemeta.json").is_none());
    }
}
