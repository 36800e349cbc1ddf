//! Signing with keys of one's own, and evidence in registries and layouts.
//!
//! - [`key`]: keys in files, services and programs; [`PrivateKey`] is one in this process.
//! - [`sign_statement`]: an in-toto statement becomes a Sigstore bundle, in the form that cosign v3 writes with a key and
//!   without services.
//! - [`make`](fn@make): the same, and files, with certificates, logs and timestamps of the [`services`].
//! - [`image::sign`]: the bundle is attached to an image as an OCI referrer.
//! - [`evidence::bundles`]: the bundles that are attached to an image, not verified.
//! - [`layout::LayoutStore`]: the same for an OCI layout in a folder.
//! - [`transfer::Transfer`]: an image with all its evidence, from one place to another.
//! - [`trust`]: trusted roots and signing configs, fetched, cached and made.
//! - [`waiver::statement`]: what an approver of a waiver signs.
//!
//! Verification is `plimsoll-verify`'s, the way to registries is `plimsoll-registry`'s.

mod bundle;
mod error;
pub mod evidence;
pub mod image;
pub mod key;
pub mod layout;
mod make;
pub mod services;
pub mod signer;
pub mod transfer;
pub mod trust;
pub mod waiver;

pub use bundle::{Content, sign_by_key, sign_statement};
pub use error::Error;
pub use key::{PrivateKey, Zeroizing};
pub use make::{Confirmation, Signer, make};
pub use signer::{FileDigests, Payload, SigningKey};
