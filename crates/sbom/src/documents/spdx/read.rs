//! Reading SPDX 2.2 and 2.3 from JSON; packages are converted one by one.

use super::parts::{Package, Parts};
use crate::Error;
use crate::documents::format::{ReadDocument, Reading};
use crate::documents::json::{Member, Members, parsed};

/// The members that are read.
pub(super) const MEMBERS: &[Member] = &[
    Member::Value("spdxVersion"),
    Member::Value("name"),
    Member::Value("comment"),
    Member::Value("creationInfo"),
    Member::Value("documentDescribes"),
    Member::Value("annotations"),
    Member::Items("packages"),
    Member::Value("files"),
    Member::Value("relationships"),
    Member::Value("hasExtractedLicensingInfos"),
];

/// Completes `document` by what its members say.
pub(super) fn read(
    mut members: Members<'_>,
    document: ReadDocument,
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    let packages = members.take_items("packages");
    let parts = Parts {
        name: members.value("name")?,
        // A statement that cannot be read is ignored.
        comment: members.value("comment").ok().flatten(),
        creation: members.value_or_default("creationInfo")?,
        annotations: members.value_or_default("annotations")?,
        relationships: members.items("relationships", "relationships", reading.limits.relationships)?,
        describes: members.value_or_default("documentDescribes")?,
        files: if reading.is_whole() {
            members.items("files", "relationships", reading.limits.relationships)?
        } else {
            Vec::new()
        },
        licences: members.value_or_default("hasExtractedLicensingInfos")?,
        declared: None,
    };
    let count = packages.len();
    let packages = packages.into_iter().map(parsed::<Package<'_>>);
    super::parts::read(parts, packages, count, document, reading)
}
