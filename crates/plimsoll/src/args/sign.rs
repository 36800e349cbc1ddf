//! `plimsoll sign`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{Network, PlatformChoice};

/// Sign an image with a private key
///
/// Writes a Sigstore bundle beside the image, as an OCI referrer (under the fallback tag where the registry has no
/// referrers API). A tag is resolved once, and what is signed is the digest. Nothing is sent to a transparency log.
/// The passphrase of an encrypted key comes from PLIMSOLL_KEY_PASSPHRASE, or is asked for on a terminal.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sign --key release.key registry.example/team/app@sha256:…
  plimsoll sign --key release.key -a commit=4f2c1d9 oci:build/image:1.4")]
pub(crate) struct Sign {
    /// What to sign: an image in a registry or an OCI layout
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Private key: PKCS#8 PEM, P-256, with or without passphrase
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_KEY")]
    pub(crate) key: PathBuf,
    /// Something to sign along with the digest; may be repeated
    #[arg(short, long, value_name = "NAME=VALUE", env = "PLIMSOLL_ANNOTATION", value_parser = parse_annotation)]
    pub(crate) annotation: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) network: Network,
}

fn parse_annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("got `{text}`, expected NAME=VALUE")),
    }
}
