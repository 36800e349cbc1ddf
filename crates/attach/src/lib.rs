//! What is attached to an image: bundles, signatures and attestations in every format that cosign has written, and
//! plain files.
//!
//! - [`evidence::Search`] finds what is attached; nothing of it is verified, and nothing is trusted.
//! - [`attach_bundle`] and [`attach_file`] tie a bundle or a file to its subject.
//! - [`layout::LayoutStore`]: an OCI layout in a folder, as a place to attach to.
//! - [`transfer::Transfer`]: an image with all its evidence, from one place to another.
//!
//! It works on any [`plimsoll_image::Store`] and reaches no network itself.

mod error;
pub mod evidence;
pub mod layout;
pub mod transfer;
mod write;

pub use error::Error;
pub use write::{AttachedBundle, attach_bundle, attach_file};
