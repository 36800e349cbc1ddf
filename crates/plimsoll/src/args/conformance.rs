//! `plimsoll conformance`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::shared::parse_switch;
use super::trust_flags::KeyReference;

/// Speak the client protocol of the Sigstore conformance suite
///
/// For the suite's test runner, whose `--entrypoint` is one program: a script with `exec plimsoll conformance "$@"`. Exit
/// code 0: verified; 1: not.
#[derive(Debug, Args)]
pub(crate) struct Conformance {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `conformance`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    VerifyBundle(VerifyBundle),
    SignBundle(SignBundle),
}

/// Verify a bundle for the suite
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  plimsoll conformance verify-bundle --bundle a.sigstore.json --certificate-identity ID \\
      --certificate-oidc-issuer URL --trusted-root trusted_root.json a.txt")]
pub(crate) struct VerifyBundle {
    /// The artifact, or its digest as sha256:…
    #[arg(value_name = "FILE|DIGEST")]
    pub(crate) artifact: PathBuf,
    /// The bundle
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_BUNDLE")]
    pub(crate) bundle: PathBuf,
    /// Subject of the signer's certificate
    #[arg(
        long,
        value_name = "TEXT",
        env = "PLIMSOLL_CERTIFICATE_IDENTITY",
        requires = "certificate_oidc_issuer"
    )]
    pub(crate) certificate_identity: Option<String>,
    /// Issuer that vouches for the subject
    #[arg(
        long,
        value_name = "URL",
        env = "PLIMSOLL_CERTIFICATE_OIDC_ISSUER",
        requires = "certificate_identity"
    )]
    pub(crate) certificate_oidc_issuer: Option<String>,
    /// Public key, instead of an identity
    #[arg(
        long,
        value_name = "KEY",
        env = "PLIMSOLL_KEY",
        hide_env_values = true,
        conflicts_with = "certificate_identity",
        required_unless_present = "certificate_identity"
    )]
    pub(crate) key: Option<KeyReference>,
    /// Trusted root file
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TRUSTED_ROOT")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Use the staging instance
    #[arg(long, env = "PLIMSOLL_STAGING", value_parser = parse_switch)]
    pub(crate) staging: bool,
}

/// Not supported yet: signing with a certificate
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  plimsoll conformance sign-bundle --bundle a.sigstore.json --identity-token TOKEN a.txt"
)]
pub(crate) struct SignBundle {
    /// The suite's arguments
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub(crate) rest: Vec<std::ffi::OsString>,
}
