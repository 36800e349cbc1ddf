//! Signs statements and files into bundles.
//!
//! - [`sign_statement`]: an in-toto statement becomes a Sigstore bundle, in the form that cosign v3 writes with a key and
//!   without services.
//! - [`make`](fn@make): the same, and files, with certificates, logs and timestamps of the [`services`].
//! - [`image::sign`]: the bundle is attached to an image as an OCI referrer.
//! - [`waiver::statement`]: what an approver of a waiver signs.
//! - [`database::statement`]: what the builder of an advisory database signs.
//!
//! `plimsoll-keys` owns keys, `plimsoll-trust` trusted roots, `plimsoll-attach` what is attached to images, and
//! `plimsoll-verify` verification.

mod bundle;
pub mod database;
mod error;
pub mod image;
mod make;
pub mod services;
pub mod waiver;

pub use bundle::{Content, sign_by_key, sign_statement};
pub use error::Error;
pub use make::{Confirmation, Signer, make};
