//! The authorities and logs that keyless verification trusts, and the services that keyless signing uses: fetched,
//! cached, made.
//!
//! - [`update()`]: fetches `trusted_root.json` and the signing config of an instance from its TUF repository, and keeps
//!   both with the metadata that vouches for them, so that no later run can be rolled back.
//! - [`Cached`]: the stored result of an earlier update, for use without network.
//! - [`fn@current`]: decides which trusted root to use: a file, the cache, or the built-in one.
//! - [`TrustedRootSpec`], [`SigningConfigSpec`]: both files for a private instance.
//!
//! `sigstore-tuf` verifies each metadata file: signatures, thresholds, versions, expiry, lengths and hashes.
//! This crate owns the client workflow (The Update Framework 1.0, section 5). `client` decides the order,
//! `delegations` follows delegations, and `inspect` reads metadata strictly and prevents one key from
//! counting as two. `seen` stores verified metadata at once, `cache` replaces the used files after everything
//! was verified, and the clock must not go back.
//!
//! `plimsoll-verify` owns what a trusted root means.
//!
//! [`SigningConfig`] says which services of an instance sign.

mod cache;
mod client;
mod current;
mod delegations;
mod error;
mod fault;
mod files;
mod inspect;
mod instance;
mod repository;
mod seen;
mod signing_config;
mod summary;
mod update;

pub use cache::{Cached, Versions};
pub use current::{Choice, CurrentRoot, Origin, current};
pub use error::Error;
pub use fault::TrustFault;
pub use files::{AuthoritySpec, LogSpec, SelectorSpec, ServiceSpec, SigningConfigSpec, TrustedRootSpec};
pub use instance::{InitialRoot, Instance, PUBLIC_GOOD, PUBLIC_GOOD_MIRROR};
pub use signing_config::{Log, LogVersion, SelectedServices, SigningConfig, UnknownMembers, base_url};
pub use summary::{Entry, EntryKind, entries, services};
pub use update::{Updated, update};
