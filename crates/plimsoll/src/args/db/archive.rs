//! `plimsoll db export` and `plimsoll db import`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::attest::SignWith;
use crate::args::shared::{DatabaseChoice, Instant, Network, parse_duration, parse_switch};
use crate::args::trust_flags::Trust;

/// Write the database to one file, for machines without a network
///
/// The archive contains the list of the files with their digests, the files, which state when they were retrieved, and
/// the signature of the list. With --sign a new signature is made; otherwise the archive keeps the signature with which
/// the database was imported. Equal databases give equal archives, except for the signature.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll db export advisories.plimsolldb.tar.zst
  plimsoll db export --sign --key release.key advisories.plimsolldb.tar.zst
  plimsoll db export --sign - | ssh inside plimsoll db import - --key release.pub …")]
pub(crate) struct Export {
    /// The archive, or `-` for standard output
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Sign the database, with --key or with a certificate for the signer's identity
    #[arg(long, env = "PLIMSOLL_SIGN", value_parser = parse_switch)]
    pub(crate) sign: bool,
    #[command(flatten)]
    pub(crate) signing: SignWith,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Replace the database with an archive that `db export` wrote
///
/// Verifies the signature, then every byte. The database changes only if everything is valid, no feed is older than the
/// one that it replaces, and no existing feed is missing. The signature stays with the database, for policies that name
/// who may sign it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll db import --key release.pub --insecure-ignore-tlog --max-age 36h advisories.tar.zst
  plimsoll db import --certificate-identity https://ci.example/feeds@refs/heads/main \\
      --certificate-oidc-issuer https://issuer.example advisories.tar.zst
  plimsoll db import --insecure-ignore-signature advisories.tar.zst")]
pub(crate) struct Import {
    /// The archive, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Refuse an archive with older data, such as 36h [default: any age; the age is checked again when the database is
    /// used]
    #[arg(long, value_name = "DURATION", env = "PLIMSOLL_MAX_AGE", value_parser = parse_duration)]
    pub(crate) max_age: Option<Duration>,
    /// Replace newer data with older, and remove feeds that the archive lacks
    #[arg(long, env = "PLIMSOLL_ALLOW_OLDER", value_parser = parse_switch)]
    pub(crate) allow_older: bool,
    /// Accept an archive without verifying a signature
    #[arg(long, env = "PLIMSOLL_INSECURE_IGNORE_SIGNATURE", value_parser = parse_switch)]
    pub(crate) insecure_ignore_signature: bool,
    #[command(flatten)]
    pub(crate) trust: Trust,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) instant: Instant,
    #[command(flatten)]
    pub(crate) network: Network,
}
