//! `plimsoll key`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use plimsoll_keys::NewKey;

use super::db;
use super::shared::{Network, OUTPUT, Overwriting, parse_switch};

/// Generate, import and show signing keys
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Generate(Generate),
    Import(Import),
    Public(Public),
    Inspect(Inspect),
}

/// Generate a key pair: NAME.key and NAME.pub
///
/// The private key is encrypted if PLIMSOLL_KEY_PASSPHRASE or COSIGN_PASSWORD is set, or if a passphrase is typed on a
/// terminal.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll key generate release\n  plimsoll key generate --algorithm p384 --format cosign release\n  PLIMSOLL_KEY_PASSPHRASE=… plimsoll key generate keys/release"
)]
pub(crate) struct Generate {
    /// Kind of key
    #[arg(long, value_name = "ALGORITHM", default_value = "p256", env = "PLIMSOLL_ALGORITHM")]
    pub(crate) algorithm: Algorithm,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Import a private key from another tool as NAME.key and NAME.pub
///
/// Reads PKCS#8, `EC PRIVATE KEY`, `RSA PRIVATE KEY` and cosign's own format. The passphrase of KEY comes from
/// PLIMSOLL_KEY_PASSPHRASE or COSIGN_PASSWORD, or is asked for on a terminal; one from the environment also encrypts
/// the new file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll key import cosign.key release\n  plimsoll key import --format cosign openssl.pem release\n  plimsoll key import k8s://team/signing release"
)]
pub(crate) struct Import {
    /// Private key: a file in PEM, env://NAME or k8s://NAMESPACE/NAME
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// The files to write.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Path without extension
    #[arg(value_name = "NAME", required_unless_present = "output_key_prefix")]
    pub(crate) name: Option<PathBuf>,
    /// The same as NAME
    #[arg(long, value_name = "NAME", conflicts_with = "name", env = "PLIMSOLL_OUTPUT_KEY_PREFIX")]
    pub(crate) output_key_prefix: Option<PathBuf>,
    /// Format of the private key; cosign's is always encrypted
    #[arg(long, value_name = "FORMAT", default_value = "pkcs8", env = "PLIMSOLL_FORMAT")]
    pub(crate) format: Format,
    /// Do not encrypt the private key, and do not ask
    #[arg(long, env = "PLIMSOLL_NO_PASSPHRASE", value_parser = parse_switch)]
    pub(crate) no_passphrase: bool,
    #[command(flatten)]
    pub(crate) overwriting: Overwriting,
}

/// Print the public key of a private key
///
/// KEY is a file or any other reference for --key, such as env://NAME or awskms:///alias/release.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll key public release.key > release.pub\n  plimsoll key public hashivault://release"
)]
pub(crate) struct Public {
    /// Private key: a file in PEM, or another reference
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Show the properties of a key, but never the key itself
///
/// For an encrypted key, algorithm and ID are only shown if PLIMSOLL_KEY_PASSPHRASE or COSIGN_PASSWORD has its
/// passphrase, which is not asked for. For a key in a token or a service, they come from there.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll key inspect release.key\n  plimsoll key inspect -o json release.pub | jq -r .id\n  plimsoll key inspect 'pkcs11:token=release;object=signing'"
)]
pub(crate) struct Inspect {
    /// A file with a private or a public key in PEM, or another reference
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: db::Format,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    /// ECDSA on P-256, which every Sigstore client and log accepts
    P256,
    /// ECDSA on P-384
    P384,
    /// RSA with 3072 bits
    #[value(name = "rsa-3072")]
    Rsa3072,
    /// RSA with 4096 bits
    #[value(name = "rsa-4096")]
    Rsa4096,
    /// Ed25519: for statements, not for files; cosign does not verify it
    Ed25519,
}

impl From<Algorithm> for NewKey {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::P256 => Self::P256,
            Algorithm::P384 => Self::P384,
            Algorithm::Rsa3072 => Self::Rsa3072,
            Algorithm::Rsa4096 => Self::Rsa4096,
            Algorithm::Ed25519 => Self::Ed25519,
        }
    }
}

/// Formats of private keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// PKCS#8, which openssl and most libraries read
    Pkcs8,
    /// The format of `cosign generate-key-pair`
    Cosign,
}
