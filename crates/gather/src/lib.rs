//! From a subject to evidence: the only place where collectors meet.
//!
//! [`Subject::parse`] recognises what the user named, [`open()`] finds the place and follows it to its images by
//! digest, [`inventory`] reads the layers, [`evidence()`] adds signatures and findings. Nothing is decided here:
//! evidence that could not be gathered is marked as missing, and the policy's rules deal with it. Only an artifact that
//! cannot be read completely is an error: there is no verdict on half an image.

mod asked_attestations;
mod attached;
mod attested_sbom;
mod attested_vex;
mod candidates;
mod collection;
mod database;
mod error;
mod evidence;
mod fleet;
mod local;
mod open;
mod registries;
mod signatures;
mod subject;
mod vex;

pub use attached::{Attached, AttachmentQuery, Extent, Proof, Rejected, Rejection, attached};
pub use collection::{Collection, Layers, UnderPolicy, layers, layers_for};
pub use error::Error;
pub use evidence::{evidence, inventory, of_nothing};
pub use fleet::{Documents, documents_in, listed};
pub use open::{
    Access, Environment, OpenedSubject, StandardInput, envelope_remark, open, open_registry, sbom_bytes,
};
pub use registries::Registries;
pub use subject::{Engine, Subject};
pub use vex::{AttachedVex, attached_vex, scanned_image};
