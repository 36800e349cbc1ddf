//! What one file of package metadata shows, for catalogers that need to know no more than that.

use std::sync::Arc;

use plimsoll_core::Purl;
use plimsoll_core::rootfs::{Fact, Footprint};
use plimsoll_core::text::shortened;

use crate::context::Context;
use crate::inventory::{Component, ProblemCode};
use crate::ownership::FileDigests;

/// The packages that a file names, or why they cannot be read.
#[derive(Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) found: Result<Vec<Component>, String>,
    pub(crate) digests: FileDigests,
}

impl Footprint for Shown {
    fn footprint(&self) -> usize {
        size_of::<Self>()
            + match &self.found {
                Ok(found) => found.iter().map(|it| size_of::<Component>() + it.text_bytes()).sum(),
                Err(reason) => reason.len(),
            }
    }
}

impl Shown {
    /// The fact about a file with this content, in which this was found.
    pub(crate) fn fact(content: &[u8], found: Result<Vec<Component>, String>) -> Arc<dyn Fact> {
        Arc::new(Self { found, digests: FileDigests::of_content(content) })
    }

    /// Adds what the files of a selection show, and tells which of them could not be read.
    pub(crate) fn add(context: &mut Context<'_, '_>, selection: u16) {
        context.tell_unread([selection]);
        for (file, Self { found, digests }) in context.distinct::<Self>(&[selection]) {
            match found {
                Ok(found) => {
                    for component in found {
                        context.add_shown(component, file, digests);
                    }
                }
                Err(detail) => context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone()),
            }
        }
    }
}

/// A package of this type by its name and version, which may not hold what no name or version does.
pub(crate) fn component(
    purl_type: &str,
    namespace: &str,
    name: &str,
    version: &str,
) -> Result<Component, String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\' | '$' | '{');
    if name.is_empty() || name.contains(odd) || namespace.contains(odd) {
        return Err(format!("names a package `{}`, which is no name", shortened(name)));
    }
    if version.is_empty() || version.len() > 256 || version.contains(odd) {
        return Err(format!("gives {} the version `{}`, which is none", shortened(name), shortened(version)));
    }
    let purl = Purl::builder(purl_type, name).namespace(namespace).version(version).build();
    purl.map(Component::from_purl).map_err(|error| error.to_string())
}
