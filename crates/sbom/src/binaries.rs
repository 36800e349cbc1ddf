//! Well-known programs and libraries that images install by hand, identified by the versions that they print.
//!
//! [`rules`] are data: which files are searched, the text around the version, and the package URL. Only these files are
//! searched, while they are streamed. A version counts if all matches in the file agree on it. Otherwise, or if there
//! is no match, the file remains an unread program.
//!
//! Programs that a package of the operating system installed belong to that package, whose version counts: they are
//! left to [`crate::telltales`], which sets them aside. The others belong to no ecosystem, so they are listed by name
//! and version, but not looked up.

mod rules;
mod search;

use std::sync::{Arc, LazyLock};

use plimsoll_core::rootfs::{Attributes, Fact, Footprint, Need, Stream};
use plimsoll_core::{Limits, Purl};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::Component;
use crate::ownership::FileDigests;
use crate::telltales;
use rules::RULES;
use search::Search;

static SELECTIONS: LazyLock<Vec<Selection>> = LazyLock::new(|| {
    let selection = |rule: &'static rules::Rule| Selection {
        paths: &rule.files,
        mode: Mode::Any,
        min_size: 0,
        need: Need::Stream,
    };
    RULES.iter().map(selection).collect()
});

/// Vendor and product of a well-known program, as in CPE names.
pub(crate) fn product(name: &str) -> Option<(&'static str, &'static str)> {
    RULES.iter().find(|rule| rule.name == name)?.product
}

/// Finds well-known programs.
pub(crate) struct Binaries;

/// The version that a program prints.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Version(String);

impl Footprint for Version {
    fn footprint(&self) -> usize {
        size_of::<Self>() + self.0.len()
    }
}

impl Cataloger for Binaries {
    fn id(&self) -> &'static str {
        "binaries"
    }

    fn version(&self) -> u32 {
        3
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["generic"]
    }

    fn selections(&self) -> &'static [Selection] {
        &SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Version>()] }
    }

    fn extract(&self, _: u16, _: &File<'_>) -> Option<Arc<dyn Fact>> {
        None
    }

    fn stream(&self, selection: u16, _: Attributes, _: &Limits) -> Option<Box<dyn Stream>> {
        let rule = RULES.get(usize::from(selection))?;
        Some(Box::new(Streamed(Search::new(&rule.patterns))))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut found = Vec::new();
        for (rule, selection) in RULES.iter().zip(0..) {
            let files = context.distinct::<Version>(&[selection]);
            found.extend(files.map(|(file, Version(version))| (rule, file, version)));
        }
        // A cataloger that lists the parts of a program knows more.
        found.retain(|(_, file, _)| !context.found.read.contains(&*file.real_path));
        let brought = telltales::brought(context, found.iter().map(|(_, file, _)| &*file.real_path));
        for (rule, file, version) in found {
            if brought.contains(&*file.real_path) {
                continue;
            }
            let Ok(purl) = Purl::builder("generic", rule.name).version(version).build() else { continue };
            context.found.read.insert(&file.real_path);
            context.add_shown(&Component::from_purl(purl), file, None::<&FileDigests>);
        }
    }
}

/// A program while it is read.
struct Streamed(Search);

impl Stream for Streamed {
    fn take(&mut self, piece: &[u8]) -> bool {
        self.0.take(piece)
    }

    fn finish(self: Box<Self>) -> Option<Arc<dyn Fact>> {
        Some(Arc::new(Version(self.0.finish()?)))
    }
}

#[cfg(test)]
mod tests;
