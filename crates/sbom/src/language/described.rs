//! Catalogers of packages that are each described by one file, which is all that is needed.

use std::sync::Arc;

use plimsoll_core::rootfs::Fact;

use super::shown::Shown;
use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::Component;
use crate::path::folder_of;

/// The packages of a file, or why they cannot be read. `None` for a file that only has a similar name.
pub(crate) type Packages = Option<Result<Vec<Component>, String>>;

/// Finds the packages of one kind by the files that describe them.
pub(crate) struct Described {
    pub(crate) id: &'static str,
    pub(crate) version: u32,
    pub(crate) purl_types: &'static [&'static str],
    /// The files, in one selection.
    pub(crate) selections: &'static [Selection],
    /// Whether other catalogers need the folders of its files.
    pub(crate) marks_folders: bool,
    pub(crate) read: fn(&File<'_>) -> Packages,
}

impl Cataloger for Described {
    fn id(&self) -> &'static str {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        self.purl_types
    }

    fn selections(&self) -> &'static [Selection] {
        self.selections
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        (self.read)(file).map(|found| Shown::fact(file.content, found))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, 0);
        if self.marks_folders {
            let read = context.facts::<Shown>(0).filter(|(_, shown)| shown.found.is_ok());
            let folders: Vec<&str> = read.map(|(file, _)| folder_of(&file.path)).collect();
            context.found.installed.extend(folders.into_iter().map(|folder| (self.id, folder)));
        }
    }
}
