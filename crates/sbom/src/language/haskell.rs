//! Installed Haskell packages: the record of each in GHC's package database.
//!
//! ```text
//! name:                 text
//! version:              2.0.2
//! license:              BSD-2-Clause
//! ```
//!
//! A library inside a package has a record of its own, in which `package-name` names the package.

use plimsoll_core::rootfs::Bound;

use super::described::Described;
use super::shown::component;
use crate::cataloger::Selection;
use crate::inventory::Component;
use crate::licence::Licence;

/// Finds packages in the databases of GHC and cabal.
pub(crate) const HASKELL: Described = Described {
    id: "haskell",
    version: 1,
    purl_types: &["hackage"],
    selections: &[Selection::whole(&["**/package.conf.d/*.conf", "**/package.db/*.conf"], Bound::Metadata)],
    marks_folders: false,
    read: |file| Some(record(&String::from_utf8_lossy(file.content)).map(|found| vec![found])),
};

fn record(text: &str) -> Result<Component, String> {
    let field = |name: &str| {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(value) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')) else {
                continue;
            };
            // The value may be on the next line.
            let next = lines.peek().filter(|next| value.trim().is_empty() && next.starts_with(' '));
            return Some(next.map_or(value, |next| next).trim()).filter(|value| !value.is_empty());
        }
        None
    };
    let name = field("package-name").or(field("name")).ok_or("has no name")?;
    let mut found = component("hackage", "", name, field("version").ok_or("has no version")?)?;
    found.licenses = field("license").and_then(Licence::stated).into_iter().collect();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_ghc_writes_them() {
        let shown = |text: &str| record(text).map(|it| it.purl.to_string());
        assert_eq!(shown("name:     text\nversion:\n    2.0.2\nid: x\n").unwrap(), "pkg:hackage/text@2.0.2");
        let inner = "name: z-attoparsec-z-internal\nversion: 0.14.4\npackage-name: attoparsec\n";
        assert_eq!(shown(inner).unwrap(), "pkg:hackage/attoparsec@0.14.4");
        assert_eq!(shown("version: 1\n").unwrap_err(), "has no name");
        assert_eq!(shown("name: a\n").unwrap_err(), "has no version");
    }
}
