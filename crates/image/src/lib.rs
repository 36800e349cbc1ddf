//! Images: manifests, OCI layouts, archives, engines' stores and root file systems, read without trusting any of them.
//!
//! The path of an image through this crate: a [`Source`] names the top [`Descriptor`], [`artifact::load`]
//! follows it through index, platform manifests and configurations, [`layers::read`] streams the layers and
//! squashes them into a [`plimsoll_core::rootfs::FileSet`]. Every object is checked against its size and
//! digest before anything in it is used. Nothing is written to disk while reading.
//!
//! There is no network here: `plimsoll-registry` owns registries and the sockets of engines, behind [`Source`] and
//! [`local::docker::Engine`].
//!
//! Specifications: OCI image specification 1.1, Docker image manifest version 2 schema 2, and what `docker save` writes.

pub mod archive;
pub mod artifact;
pub mod content;
pub mod descriptor;
pub mod error;
pub mod history;
mod index;
pub mod inflate;
pub mod layers;
pub mod layout;
pub mod local;
pub mod manifest;
pub mod media;
mod objects;
pub mod rootdir;
pub mod saved;
pub mod source;
mod stoppable;
pub mod tar;

pub use content::Content;
pub use descriptor::Descriptor;
pub use error::{Error, PlaceError};
pub use source::{Listing, Progress, Referrers, Source, Store, Surroundings};
pub use stoppable::Stoppable;
