//! What the arguments mean, with environment and files merged. Commands see only this.
//!
//! `COMMAND.rs` has the settings of each command, which are resolved from its arguments against [`Context`] before it runs.
//! What several commands share has a file of its own: `network.rs`, `keys.rs`, `images.rs`, `signing.rs`. Nothing else reads
//! the environment; the clock is read here, or handed on for what takes longer than a moment.

pub(crate) mod attest;
pub(crate) mod blob;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod conformance;
pub(crate) mod console;
mod context;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod help;
mod images;
pub(crate) mod key;
mod keys;
pub(crate) mod man;
mod network;
pub(crate) mod policy;
pub(crate) mod provenance;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod sign;
pub(crate) mod signing;
pub(crate) mod trust;
mod trust_flags;
pub(crate) mod updating;
pub(crate) mod verify;
pub(crate) mod vex_signers;
pub(crate) mod waiver;

use std::path::Path;

use plimsoll_core::Kind;
use plimsoll_judge::Roots;

use crate::args::trust_flags::RootChoice;
use crate::failure::Failure;

pub(crate) use crate::args::db::Format;
pub(crate) use context::{Context, Environment};
pub(crate) use images::{EvidenceRepository, Platforms};
pub(crate) use keys::{Keys, Passphrase};
pub(crate) use network::{access, http, key_access, key_access_beside, reading_access, registry_cache};
pub(crate) use trust_flags::{TrustSettings, trusted_root};

/// PEM files are small; a certificate bundle of a whole system has about 250 KiB.
pub(crate) const PEM_BYTES: u64 = 4 << 20;

/// The trusted roots of the flags: the file that they name, which is read at once, or an instance.
pub(crate) fn roots(
    choice: &RootChoice,
    http: &plimsoll_http::Settings,
    context: &Context<'_>,
) -> Result<Roots, Failure> {
    let named = choice.trusted_root.as_deref().map(trusted_root).transpose()?;
    Ok(Roots::new(named, choice.instance.clone(), context.trust_folder().ok(), http.clone()))
}

/// Reads a file that the user named, at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    read_within(path, limit, "document_bytes")
}

/// As [`read_file`], saying which limit it is.
pub(crate) fn read_within(path: &Path, limit: u64, name: &'static str) -> Result<Vec<u8>, Failure> {
    Ok(plimsoll_files::read(path, limit, name)?)
}

/// What a file that cannot be read ends with.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Kind::of_reading(error), format!("cannot read {}: {error}", path.display()))
}
