//! Images: registries, OCI layouts, archives and root file systems, read without trusting any of them.
//!
//! The way of an image through this crate: a [`Source`] names the top [`Descriptor`], [`image::load`] follows it through
//! index, platform manifests and configurations, [`layers::read`] streams the layers and squashes them into a
//! [`plimsoll_core::rootfs::FileSet`]. Every object is checked against the size and digest that named it before anything
//! in it is believed. Nothing is written to disk while reading.
//!
//! Specifications: OCI image specification 1.1, OCI distribution specification 1.1, Docker image manifest version 2
//! schema 2, and what `docker save` writes.

pub mod archive;
pub mod auth;
pub mod cache;
pub mod content;
pub mod descriptor;
pub mod error;
pub mod image;
mod index;
pub mod inflate;
pub mod layers;
pub mod layout;
pub mod local;
pub mod manifest;
pub mod media;
pub mod mirrors;
pub mod registry;
pub mod rootdir;
pub mod source;
pub mod tar;

pub use cache::Cache;
pub use content::Content;
pub use descriptor::Descriptor;
pub use error::Error;
pub use mirrors::{Plan, RegistryConfig};
pub use source::{Listing, Progress, Referrers, Source, Store};
