//! `plimsoll key`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Make and show signing keys
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Generate(Generate),
    Public(Public),
}

/// Make a P-256 key pair: NAME.key (PKCS#8) and NAME.pub
///
/// The private key is encrypted when PLIMSOLL_KEY_PASSPHRASE is set, or when one is typed on a terminal. Files that
/// exist are never overwritten.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll key generate release\n  PLIMSOLL_KEY_PASSPHRASE=… plimsoll key generate keys/release"
)]
pub(crate) struct Generate {
    /// Path without extension
    pub(crate) name: PathBuf,
    /// Leave the private key unencrypted without asking
    #[arg(long, env = "PLIMSOLL_NO_PASSPHRASE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) no_passphrase: bool,
}

/// Print the public key of a private key
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plimsoll key public release.key > release.pub")]
pub(crate) struct Public {
    /// Private key: PKCS#8 PEM
    pub(crate) key: PathBuf,
}
