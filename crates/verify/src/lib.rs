//! Signed bundles in, verified statements out.
//!
//! This crate takes bytes and keys and returns [`Verified`] values; it opens no file and no connection, and it never
//! sees a URL. A [`Verified`] value has passed every step that the function that made it lists.
//!
//! - [`PublicKey`]: a trusted key, from a PEM file; [`KeyId`] names it.
//! - [`TrustedRoot`]: the authorities and logs that certificates are verified against; [`Identity`] says whose
//!   certificates count.
//! - [`Bundle`]: the [Sigstore bundle], versions 0.1 to 0.3, parsed strictly. Nothing in it is trusted yet.
//! - [`Statement`]: the [in-toto statement] in a bundle's DSSE envelope.
//! - [`verify`](fn@verify), [`verify_one_of`] and [`verify_message`]: from bundle to statement, step by step.
//! - [`statement_by_key`]: the same with only public keys. [`verify_detached`]: with a signature that is not a bundle.
//! - [`legacy`]: signatures and attestations in cosign's older format, converted to bundles.
//! - [`PredicateType`]: types of statements by their short names; [`check_predicate`]: whether a predicate fits its
//!   type.
//! - [`provenance`]: how an artifact was built, and whether that is as expected.
//!
//! The policy, and not this crate, decides which keys are trusted for what, and whether a statement is good enough.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use plimsoll_verify::{Bundle, Error, PublicKey, statement_by_key};
//!
//! let key = PublicKey::from_pem(b"-----BEGIN PUBLIC KEY-----
//! MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0et1CbwCTQVGmC6/1g0SzK008H5f
//! QolSa9uCyVgJ5sEGF4aNJk7n0kPW1fQjftRksUAGBIdWmKJgPdh2UumXxw==
//! -----END PUBLIC KEY-----
//! ")?;
//! assert_eq!(key.id().to_string(), "9748a9e4b0b5f2d1363e9197dd97d2f19a856d2ce883f165eb9cb12e27aa582a");
//! assert!(matches!(Bundle::parse(b"{}", &plimsoll_core::Limits::default()), Err(Error::Missing { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! [Sigstore bundle]: https://docs.sigstore.dev/about/bundle/
//! [in-toto statement]: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md

mod artifact;
mod bundle;
mod by_key;
mod check;
mod covered;
mod detached;
mod entry;
mod error;
mod identity;
mod inclusion;
mod key;
pub mod legacy;
pub mod person;
mod predicate;
mod promise;
pub mod provenance;
mod shape;
mod stamps;
mod statement;
mod step;
mod trust;
mod verification;
mod verified;

pub use artifact::{Artifact, Message};
pub use bundle::{BUNDLE_V0_3, Bundle, BundleVersion, IN_TOTO_PAYLOAD};
pub use by_key::statement_by_key;
pub use check::{Check, Requirements, Trusted, TrustedKey};
pub use detached::verify_detached;
pub use error::Error;
pub use identity::{CertificateIdentity, Claim, Identity, Pattern, Text};
pub use key::{KeyAlgorithm, KeyId, PublicKey};
pub use predicate::{PredicateType, check_predicate};
pub use statement::{COSIGN_SIGN_V1, DATABASE_V1, Statement, Subject, WAIVER_V1};
pub use step::{Observation, Step};
pub use trust::{TrustedRoot, Window};
pub use verification::{verify, verify_message, verify_one_of};
pub use verified::{NotChecked, Signer, Verified};
