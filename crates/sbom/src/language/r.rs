//! R packages: the `DESCRIPTION` of each, in the format of Debian's control files ("Writing R Extensions", 1.1.1).
//!
//! ```text
//! Package: stringr
//! Version: 1.5.0
//! License: MIT + file LICENSE
//! biocViews: Infrastructure
//! ```
//!
//! Packages of Bioconductor state their topics (`biocViews`). A file without `Package` and `Version` is not an R
//! package.

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact};

use super::shown::{Shown, component};
use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::Component;
use crate::licence::Licence;

const SELECTIONS: &[Selection] = &[Selection::whole(&["**/DESCRIPTION"], Bound::Metadata)];

/// Finds R packages.
pub(crate) struct R;

impl Cataloger for R {
    fn id(&self) -> &'static str {
        "r"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["cran", "bioconductor"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        read(file.content).map(|found| Shown::fact(file.content, found.map(|found| vec![found])))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, 0);
    }
}

fn read(content: &[u8]) -> Option<Result<Component, String>> {
    const MAX_LICENCE: usize = 200;
    let text = String::from_utf8_lossy(content);
    // The first of several fields with one name counts, as in R's `read.dcf`.
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let (name, version) = (field("Package")?, field("Version"));
    let Some(version) = version else { return Some(Err("has no Version".to_owned())) };
    let purl_type = if field("biocViews").is_some() { "bioconductor" } else { "cran" };
    Some(component(purl_type, "", name, version).map(|mut found| {
        let licence = field("License").filter(|licence| licence.len() <= MAX_LICENCE);
        found.licenses = licence.and_then(Licence::stated).into_iter().collect();
        found.supplier =
            field("Maintainer").map(str::to_owned).filter(|it| !it.is_empty() && it.len() <= 200);
        found
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_both_collections_are_read_and_other_files_are_ignored() {
        let shown = |content: &str| {
            read(content.as_bytes()).map(|it| it.map(|it| format!("{} {:?}", it.purl, it.licenses)))
        };
        let r = "Package: stringr\nTitle: x\n  Version: 2\nVersion: 1.5.0\nLicense: GPL-2\n";
        assert_eq!(shown(r), Some(Ok("pkg:cran/stringr@1.5.0 [Text(\"GPL-2\")]".to_owned())));
        let bioconductor = "Package: limma\nVersion: 3.58.1\nbiocViews: x\n";
        assert_eq!(shown(bioconductor), Some(Ok("pkg:bioconductor/limma@3.58.1 []".to_owned())));
        assert_eq!(shown("This package describes.\n"), None);
        assert_eq!(shown("Package: x\n"), Some(Err("has no Version".to_owned())));
        assert!(matches!(shown("Package: a b\nVersion: 1\n"), Some(Err(_))));
    }
}
