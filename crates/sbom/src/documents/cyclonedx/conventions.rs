//! Properties of Plimsoll and Trivy for what CycloneDX cannot represent. They are read back by the same names.

/// Property of the subject: `plimsoll:layer:0` = digest and diff ID, separated by a space.
pub(super) const LAYER: &str = "plimsoll:layer:";
/// Properties of the subject: the name of the image that it was built on, its digest, and how many layers are its own.
pub(super) const BASE: &str = "plimsoll:base";
/// Property of a component, if known: whether it came with the base image.
pub(super) const FROM_BASE: &str = "plimsoll:from-base";
/// Property of the document: a problem as JSON.
pub(super) const PROBLEM: &str = "plimsoll:problem";
/// Property of the operating system.
pub(super) const CODENAME: &str = "plimsoll:codename";
/// Property of a component, for versions without `evidence.occurrences` with a context: `layer 2: usr/lib/x`.
pub(super) const LOCATION: &str = "plimsoll:location";
/// Properties of a component that another one owns.
pub(super) const OWNER: &str = "plimsoll:owner";
/// How the ownership was established.
pub(super) const OWNER_EVIDENCE: &str = "plimsoll:owner:evidence";
/// Property of a component that a lock file or manifest declares: `development direct`.
pub(super) const DECLARED: &str = "plimsoll:declared";
/// Properties of a component whose licence was detected by a text: `MIT (100 %) in usr/lib/x/LICENSE`.
pub(super) const DETECTED: &str = "plimsoll:detected-licence";
/// Properties of a component with more CPE names than the one that the format allows.
pub(super) const CPE: &str = "plimsoll:cpe";
/// The same as Syft writes it.
pub(super) const CPE_OF_SYFT: &str = "syft:cpe23";
/// The prefix of Trivy's own properties.
pub(super) const TRIVY: &str = "aquasecurity:trivy:";
/// Aggregate of a composition: no further parts of the assembly are known.
pub(super) const COMPLETE: &str = "complete";
/// Aggregate of a composition: parts of the assembly may be missing. Others, such as `incomplete_third_party_only`,
/// start with it.
pub(super) const INCOMPLETE: &str = "incomplete";
/// The layer of a listed file.
pub(super) const FILE_LAYER: &str = "plimsoll:file:layer";
