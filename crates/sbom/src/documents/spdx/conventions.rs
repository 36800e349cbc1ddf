//! What Plimsoll and Trivy write into SPDX where the format has no place for it, read back by the same names.

/// Annotation of the subject: a layer as JSON.
pub(super) const LAYER: &str = "plimsoll:layer ";
/// Annotation of the document: a problem as JSON.
pub(super) const PROBLEM: &str = "plimsoll:problem ";
/// Annotation of the operating system: its release as JSON.
pub(super) const OS: &str = "plimsoll:os ";
/// Before the name and version of a source package.
pub(super) const BUILT_FROM: &str = "built package from: ";
/// Comment of a relationship: another package brought this one.
pub(super) const OWNERSHIP: &str = "ownership-by-file-overlap: ";
/// Lines of a package's comment: `found in layer 3: usr/lib/…`.
pub(super) const FOUND: &str = "found in ";
/// Line of the comment of a package that a lock file or manifest names: `declared: development direct`.
pub(super) const DECLARED: &str = "declared: ";
/// Type of the relationship of such a package to the subject.
pub(super) const FOR_DEVELOPMENT: &str = "DEV_DEPENDENCY_OF";
/// What stands where nothing is known.
pub(super) const NOASSERTION: &str = "NOASSERTION";
