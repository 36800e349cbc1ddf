//! What Homebrew installed: a folder for each formula and version, with a receipt in it.
//!
//! ```text
//! home/linuxbrew/.linuxbrew/Cellar/openssl@3/3.1.4_1/INSTALL_RECEIPT.json
//! ```
//!
//! The receipt names the tap and the versions that there are, and not which one this is: the folders do, with the revision of
//! the formula behind an underscore.

use plimsoll_core::rootfs::Need;

use super::by_path::ByPath;
use super::shown::component;
use crate::cataloger::{Mode, Selection};
use crate::inventory::Component;

/// Finds formulas.
pub(crate) const HOMEBREW: ByPath = ByPath {
    id: "homebrew",
    version: 1,
    purl_types: &["brew"],
    selections: &[Selection {
        paths: &["**/Cellar/*/*/INSTALL_RECEIPT.json"],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    }],
    read,
};

fn read(path: &str) -> Option<Component> {
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
        assert!(read("INSTALL_RECEIPT.json").is_none());
    }
}
