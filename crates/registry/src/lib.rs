//! Registries: the distribution protocol, credentials, mirrors, a cache of what was sent, and the sockets of engines.
//!
//! A [`Registry`] is one repository of a registry: a [`Source`](plimsoll_image::Source) to read images from and a
//! [`Store`](plimsoll_image::Store) to attach evidence to. What the bytes mean is `plimsoll-image`'s, connections and
//! address rules are `plimsoll-http`'s.
//!
//! - [`auth`]: how we authenticate to a registry. [`RegistryConfig`] and [`Plan`]: which hosts are really asked.
//! - [`Clients`]: the HTTP clients of a process, shared by all its registries.
//! - [`Cache`]: registries' answers, kept for the next run.
//! - [`SocketEngine`]: the socket of a container engine, for [`plimsoll_image::local::docker`].
//!
//! Specification: OCI distribution specification 1.1.

pub mod auth;
pub mod cache;
mod clients;
pub mod engine;
pub mod error;
mod explanation;
pub mod mirrors;
mod repository;

pub use cache::Cache;
pub use clients::Clients;
pub use engine::SocketEngine;
pub use error::Error;
pub use mirrors::{Plan, RegistryConfig};
pub use repository::{Found, Probe, Registry};
