//! `plimsoll waiver`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::shared::OutputFile;

/// Sign waivers
#[derive(Debug, Args)]
pub(crate) struct Waiver {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `waiver`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Sign(Sign),
}

/// Approve a waiver: check it and sign it with the approver's key
///
/// Writes FILE.sigstore.json beside FILE, which carries the waiver and the signature. Whether it counts is decided by
/// the policy that `check` applies: the key must be an approver's, the approver not the waiver's owner.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll waiver sign --key secops.key waivers/jinja2.yaml
  plimsoll check registry.example/app@sha256:… --policy policy.yaml --waivers waivers/")]
pub(crate) struct Sign {
    /// The waiver (YAML or JSON)
    pub(crate) waiver: PathBuf,
    /// Private key of the approver: PKCS#8 PEM, P-256, with or without passphrase
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_KEY")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) file: OutputFile,
}
