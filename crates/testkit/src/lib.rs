//! Development only: a fake registry that can misbehave, and builders for the images it serves.
//!
//! Everything is in memory, on loopback and deterministic: the same builder calls give the same bytes.
//! Nothing here is for production use. This crate decides nothing; it only makes inputs for tests.
//!
//! ```
//! use plimsoll_testkit::{Fault, ImageBuilder, Layer, Registry};
//!
//! let registry = Registry::start();
//! let image = ImageBuilder::new().layer(Layer::new().file("etc/os-release", "ID=debian\n")).build();
//! image.push(&registry, "app", "1.0");
//! registry.misbehave("GET */blobs/*", Fault::HalfThenClose);
//! assert!(registry.reference("app", "1.0").starts_with("127.0.0.1:"));
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test scaffolding: a panic is the failure report"
)]

mod archive;
mod artifact;
mod clock;
pub mod cloud;
mod generate;
mod image;
pub mod kms;
mod layer;
mod listener;
mod local;
mod peer;
mod proxy;
mod published;
pub mod publisher;
mod registry;
mod select;
pub mod sigstore;
mod table_of_contents;
mod tls;
pub mod tuf;

pub use artifact::{Artifact, ImageParts, Object, ObjectKind};
pub use clock::clock_variables;
pub use generate::{GeneratedLayer, GeneratingRegistry};
pub use image::{ImageBuilder, IndexBuilder, attachment};
pub use layer::{Compression, EntryKind, Layer};
pub use local::{EngineApi, containers_storage};
pub use peer::{Peer, peer_program};
pub use proxy::Proxy;
pub use published::published_data;
pub use registry::{Answer, Fault, Registry, RegistryBuilder, Request};
pub use select::{Folders, Listing, WholeFiles};
pub use table_of_contents::{LayerWithTable, TableFormat, incompressible};
pub use tls::Authority;
