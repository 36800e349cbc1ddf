//! Properties of Plimsoll and Trivy for what CycloneDX has no place for. They are read back by the same names.

/// Property of the subject: `plimsoll:layer:0` = digest and diff ID, separated by a space.
pub(super) const LAYER: &str = "plimsoll:layer:";
/// Properties of the subject: the name of the image that it was built on, its digest, and how many layers are its own.
pub(super) const BASE: &str = "plimsoll:base";
/// Property of a component, where that is known: whether the base image brought it.
pub(super) const FROM_BASE: &str = "plimsoll:from-base";
/// Property of the document: a problem as JSON.
pub(super) const PROBLEM: &str = "plimsoll:problem";
/// Property of the operating system.
pub(super) const CODENAME: &str = "plimsoll:codename";
/// Property of a component, where the version has no `evidence.occurrences` with a context: `layer 2: usr/lib/x`.
pub(super) const LOCATION: &str = "plimsoll:location";
/// Properties of a component that another one brought.
pub(super) const OWNER: &str = "plimsoll:owner";
/// How the ownership was established.
pub(super) const OWNER_EVIDENCE: &str = "plimsoll:owner:evidence";
/// Property of a component that a lock file or manifest names: `development direct`.
pub(super) const DECLARED: &str = "plimsoll:declared";
/// Properties of a component of which a text says the licence: `MIT (100 %) in usr/lib/x/LICENSE`.
pub(super) const DETECTED: &str = "plimsoll:detected-licence";
/// Properties of a component that has more CPE names than the one for which the format has a place.
pub(super) const CPE: &str = "plimsoll:cpe";
/// The same as Syft writes it.
pub(super) const CPE_OF_SYFT: &str = "syft:cpe23";
/// The prefix of Trivy's own properties.
pub(super) const TRIVY: &str = "aquasecurity:trivy:";
/// Aggregate of a composition: no further parts of the assembly are known.
pub(super) const COMPLETE: &str = "complete";
/// Aggregate of a composition: parts of the assembly may be missing. Others, as `incomplete_third_party_only`, begin with it.
pub(super) const INCOMPLETE: &str = "incomplete";
