//! Statements and files to bundles.
//!
//! - [`sign_statement`]: an in-toto statement becomes a Sigstore bundle, in the form that cosign v3 writes with a key and
//!   without services.
//! - [`make`](fn@make): the same, and files, with certificates, logs and timestamps of the [`services`].
//! - [`image::sign`]: the bundle is attached to an image as an OCI referrer.
//! - [`waiver::statement`]: what an approver of a waiver signs.
//!
//! Keys are `plimsoll-keys`', what is trusted is `plimsoll-trust`'s, what hangs on images `plimsoll-attach`'s, verification
//! `plimsoll-verify`'s.

mod bundle;
mod error;
pub mod image;
mod make;
pub mod services;
pub mod waiver;

pub use bundle::{Content, sign_by_key, sign_statement};
pub use error::Error;
pub use make::{Confirmation, Signer, make};
