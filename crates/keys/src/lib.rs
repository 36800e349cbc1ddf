//! Keys for signing: their algorithms, their files, and the references that name them.
//!
//! Owns every use of a secret key. [`PrivateKey`] is a key in this process; [`open`] finds a key by its
//! reference, even in a service or a program that never releases it. It does not write files and does not ask
//! for passphrases.
//!
//! | algorithm | signature |
//! | --- | --- |
//! | ECDSA P-256 | SHA-256, DER |
//! | ECDSA P-384 | SHA-384, DER |
//! | RSA 2048–4096 | PKCS#1 v1.5, SHA-256 |
//! | Ed25519 | pure Ed25519, whole messages only |
//!
//! `plimsoll-verify` accepts these, and cosign makes the same signatures with such keys, except for Ed25519.

mod access;
mod cosign;
mod cost;
mod der;
mod error;
mod external;
mod file;
mod k8s;
mod kms;
mod pkcs11;
mod private;
mod reference;
mod remote;
mod signed_form;
mod signer;

pub use access::{AskSecret, KeyAccess, Secret};
pub use error::Error;
pub use file::{Format, KeyFileInfo, inspect, is_called_public};
/// Wipes its content when dropped.
pub use pkcs8::der::zeroize::Zeroizing;
pub use private::{NewKey, PrivateKey};
pub use reference::{is_remote, open, open_private, open_public, shown};
pub use signed_form::SignedForm;
pub use signer::{FileDigests, Payload, SigningKey};
