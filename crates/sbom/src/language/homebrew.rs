//! Packages that Homebrew installed: a folder for each formula and version, with a receipt in it; and for each cask,
//! which is an application, a copy of its description below version and time.
//!
//! ```text
//! home/linuxbrew/.linuxbrew/Cellar/openssl@3/3.1.4_1/INSTALL_RECEIPT.json
//! opt/homebrew/Caskroom/firefox/.metadata/120.0.1/20231201093015.123/Casks/firefox.json
//! ```
//!
//! The receipt names the tap and the available versions, but not the installed one. The folders name it, with the
//! revision of the formula after an underscore.

use plimsoll_core::rootfs::Need;

use super::by_path::ByPath;
use super::shown::{Package, component};
use crate::cataloger::{Mode, Selection};
use crate::inventory::Component;

/// Finds formulas and casks.
pub(crate) const HOMEBREW: ByPath = ByPath {
    id: "homebrew",
    version: 2,
    purl_types: &["brew"],
    selections: &[Selection {
        paths: &[
            "**/Cellar/*/*/INSTALL_RECEIPT.json",
            "**/Caskroom/*/.metadata/*/*/Casks/*.json",
            "**/Caskroom/*/.metadata/*/*/Casks/*.rb",
        ],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    }],
    read,
};

fn read(path: &str) -> Option<Component> {
    let mut names = path.rsplit('/').skip(1);
    if names.next() == Some("Casks") {
        // The version is the folder above the time, the name the one above `.metadata`.
        let (version, name) = (names.nth(1)?, names.nth(1)?);
        let qualifiers = [("type", "cask".to_owned())];
        let (purl_type, namespace, version, subpath) = ("brew", "", Some(version), "");
        return Package { purl_type, namespace, name, version, qualifiers: &qualifiers, subpath }
            .component()
            .ok();
    }
    let mut names = path.rsplit('/').skip(1);
    let (version, name) = (names.next()?, names.next()?);
    component("brew", "", name, version).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_the_cellar_name_formula_and_version() {
        let found = read("home/linuxbrew/.linuxbrew/Cellar/openssl@3/3.1.4_1/INSTALL_RECEIPT.json").unwrap();
        assert_eq!((found.name.as_str(), found.version.as_str()), ("openssl@3", "3.1.4_1"));
        assert_eq!(found.purl.to_string(), "pkg:brew/openssl%403@3.1.4_1");
        let cask =
            read("opt/homebrew/Caskroom/firefox/.metadata/120.0.1/20231201093015.123/Casks/firefox.json");
        assert_eq!(cask.unwrap().purl.to_string(), "pkg:brew/firefox@120.0.1?type=cask");
        assert!(read("INSTALL_RECEIPT.json").is_none());
    }
}
