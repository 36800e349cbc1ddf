//! Catalogers of packages that are named by the path of a file or folder, regardless of its content.

use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, Footprint};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::Component;
use crate::ownership::FileDigests;

/// Finds the packages of one kind by their paths.
pub(crate) struct ByPath {
    pub(crate) id: &'static str,
    pub(crate) version: u32,
    pub(crate) purl_types: &'static [&'static str],
    /// The files or folders, in one selection that needs only their names.
    pub(crate) selections: &'static [Selection],
    /// The package at a path. `None` for a path that only looks similar.
    pub(crate) read: fn(&str) -> Option<Component>,
}

/// The file or folder exists.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Present;

impl Footprint for Present {
    fn footprint(&self) -> usize {
        size_of::<Self>()
    }
}

impl Cataloger for ByPath {
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
        const { &[FactKind::for_type::<Present>()] }
    }

    fn extract(&self, _: u16, _: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(Arc::new(Present))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        for (file, Present) in context.distinct::<Present>(&[0]) {
            if let Some(component) = (self.read)(&file.path) {
                context.add_shown(&component, file, None::<&FileDigests>);
            }
        }
    }
}
