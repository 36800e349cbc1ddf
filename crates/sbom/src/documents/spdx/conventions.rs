//! Texts of Plimsoll and Trivy for what SPDX cannot represent. They are read back by the same names.

/// Annotation of the subject: a layer as JSON.
pub(super) const LAYER: &str = "plimsoll:layer ";
/// Annotation of the subject: the image that it was built on, as JSON.
pub(super) const BASE: &str = "plimsoll:base ";
/// A line of a package's comment.
pub(super) const FROM_BASE: &str = "came with the base image";
/// Annotation of the document: a problem as JSON.
pub(super) const PROBLEM: &str = "plimsoll:problem ";
/// Annotation of the operating system: its release as JSON.
pub(super) const OS: &str = "plimsoll:os ";
/// Before the name and version of a source package.
pub(super) const BUILT_FROM: &str = "built package from: ";
/// Comment of a relationship: another package owns this one.
pub(super) const OWNERSHIP: &str = "ownership-by-file-overlap: ";
/// Lines of a package's comment: `found in layer 3: usr/lib/…`.
pub(super) const FOUND: &str = "found in ";
/// Line of the comment of a package that a lock file or manifest declares: `declared: development direct`.
pub(super) const DECLARED: &str = "declared: ";
/// Lines of the comment of a package whose licence was detected by a text: `detected licence: MIT (100 %) in
/// usr/lib/x/LICENSE`.
pub(crate) const DETECTED: &str = "detected licence: ";
/// Type of the relationship of such a package to the subject.
pub(super) const FOR_DEVELOPMENT: &str = "DEV_DEPENDENCY_OF";
/// Annotation of a package, as Trivy writes it.
pub(super) const LAYER_DIFF_ID: &str = "LayerDiffID: ";
/// Comment of a document whose problems hide components.
pub(super) const INCOMPLETE: &str = "Incomplete: components may be missing, see the annotations.";
/// Comment of a document that lists everything. SPDX 2 cannot represent the statement itself.
pub(super) const COMPLETE: &str = "Complete: no further components are known.";
/// The name of a subject that has none.
pub(super) const UNNAMED: &str = "unnamed";
/// The value of a field that is unknown.
pub(super) const NOASSERTION: &str = "NOASSERTION";

/// Whether the comment of an annotation is read, or can be written again.
pub(crate) fn is_read_annotation(comment: &str, has_layers: bool) -> bool {
    [LAYER, PROBLEM, OS].iter().any(|prefix| comment.starts_with(prefix))
        || (has_layers && comment.starts_with(LAYER_DIFF_ID))
}

/// The comment of a file before the number of its layer.
pub(crate) const FILE_LAYER: &str = "layer ";

/// Whether the comment of an element or of a relationship is read, or can be written again.
pub(crate) fn is_read_comment(comment: &str) -> bool {
    matches!(comment, INCOMPLETE | COMPLETE)
        || comment.strip_prefix(FILE_LAYER).is_some_and(|layer| layer.parse::<usize>().is_ok())
        || comment.starts_with(OWNERSHIP)
        || comment.lines().all(|line| [FOUND, DECLARED, DETECTED].iter().any(|it| line.starts_with(it)))
}
