//! Signing with keys of one's own, and evidence in registries and layouts.
//!
//! - [`PrivateKey`]: P-256 keys in PKCS#8 files, with or without a passphrase.
//! - [`sign_statement`]: an in-toto statement becomes a Sigstore bundle, in the form that cosign v3 writes with a key and
//!   without services.
//! - [`image::sign`]: the bundle is attached to an image as an OCI referrer.
//! - [`evidence::bundles`]: the bundles that are attached to an image, not verified.
//! - [`layout::LayoutStore`]: the same for an OCI layout in a folder.
//! - [`waiver::sign`]: a signed waiver as a file.
//!
//! Verification is `plimsoll-verify`'s, the way to registries is `plimsoll-oci`'s.

mod bundle;
mod error;
pub mod evidence;
pub mod image;
mod key;
pub mod layout;
pub mod waiver;

pub use bundle::sign_statement;
pub use error::Error;
pub use key::{PrivateKey, Zeroizing};
