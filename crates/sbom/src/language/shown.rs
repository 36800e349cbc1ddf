//! The packages of one metadata file, for catalogers that need nothing else.

use std::sync::Arc;

use plimsoll_core::Purl;
use plimsoll_core::rootfs::{Fact, Footprint};
use plimsoll_core::text::shortened;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::inventory::{Component, ProblemCode};
use crate::ownership::FileDigests;

/// The packages that a file names, or why they cannot be read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) found: Result<Vec<Component>, String>,
    /// Entries of a readable file that do not name a package.
    pub(crate) faults: Vec<String>,
    pub(crate) digests: FileDigests,
}

impl Footprint for Shown {
    fn footprint(&self) -> usize {
        size_of::<Self>()
            + match &self.found {
                Ok(found) => found.iter().map(|it| size_of::<Component>() + it.text_bytes()).sum(),
                Err(reason) => reason.len(),
            }
            + self.faults.iter().map(|fault| size_of::<String>() + fault.len()).sum::<usize>()
    }
}

impl Shown {
    /// The fact about a file with this content and result.
    pub(crate) fn fact(content: &[u8], found: Result<Vec<Component>, String>) -> Arc<dyn Fact> {
        Self::partly(content, found, Vec::new())
    }

    /// The fact about a file in which some entries do not name a package.
    pub(crate) fn partly(
        content: &[u8],
        found: Result<Vec<Component>, String>,
        faults: Vec<String>,
    ) -> Arc<dyn Fact> {
        Arc::new(Self { found, faults, digests: FileDigests::of_content(content) })
    }

    /// Adds the packages of the files of a selection, and reports the files that could not be read.
    pub(crate) fn add(context: &mut Context<'_, '_>, selection: u16) {
        context.tell_unread([selection]);
        for (file, Self { found, faults, digests }) in context.distinct::<Self>(&[selection]) {
            for detail in faults {
                context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
            }
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

/// The parts of a package URL, as a file states them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package<'a> {
    pub(crate) purl_type: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// `None` if it is unknown.
    pub(crate) version: Option<&'a str>,
    pub(crate) qualifiers: &'a [(&'static str, String)],
    pub(crate) subpath: &'a str,
}

impl Package<'_> {
    /// The component. Name and version may not contain characters that no name or version has.
    pub(crate) fn component(self) -> Result<Component, String> {
        let Self { purl_type, namespace, name, version, qualifiers, subpath } = self;
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\' | '$' | '{');
        if name.is_empty() || name.contains(odd) || namespace.contains(odd) {
            return Err(format!("names a package `{}`, which is not a valid name", shortened(name)));
        }
        if let Some(version) = version.filter(|it| it.is_empty() || it.len() > 256 || it.contains(odd)) {
            return Err(format!("gives {} the invalid version `{}`", shortened(name), shortened(version)));
        }
        let mut purl = Purl::builder(purl_type, name).namespace(namespace).subpath(subpath);
        purl = purl.version(version.unwrap_or_default());
        for (key, value) in qualifiers {
            purl = purl.qualifier(*key, value);
        }
        purl.build().map(Component::from_purl).map_err(|error| error.to_string())
    }
}

/// A component of this type with this name and version.
pub(crate) fn component(
    purl_type: &str,
    namespace: &str,
    name: &str,
    version: &str,
) -> Result<Component, String> {
    let version = Some(version);
    Package { purl_type, namespace, name, version, qualifiers: &[], subpath: "" }.component()
}
