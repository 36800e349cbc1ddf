//! `plimsoll sign`.

use clap::{ArgAction, Args};

use super::attest::{SignWith, Upload};
use super::shared::{EvidenceRepository, IMAGES, Network, PlatformChoice};
use super::trust_flags::parse_annotation;

/// Sign images, with a private key or an identity
///
/// Attaches a Sigstore bundle to each image, as an OCI referrer (under the fallback tag if the registry has no
/// referrers API). A tag is resolved once, and the digest is signed. With only --key, nothing is sent to a log. Without
/// it, or if services are given, the instance's certificate authority, logs and timestamp authorities are used. The
/// passphrase of an encrypted key comes from PLIMSOLL_KEY_PASSPHRASE, or is asked for on a terminal.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sign --key release.key registry.example/team/app@sha256:…
  plimsoll sign --key release.key --recursive registry.example/team/app:1.4
  plimsoll sign --key release.key -a commit=4f2c1d9 oci:build/image:1.4")]
pub(crate) struct Sign {
    /// What to sign: an image in a registry or an OCI layout
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    #[command(flatten)]
    pub(crate) signing: SignWith,
    /// Annotation to sign along with the digest; may be repeated
    #[arg(short, long, alias = "annotations", value_name = "NAME=VALUE", env = "PLIMSOLL_ANNOTATION", value_parser = parse_annotation, help_heading = IMAGES)]
    pub(crate) annotation: Vec<(String, String)>,
    /// Sign an index and everything that it lists separately
    #[arg(short, long, value_name = "BOOL", env = "PLIMSOLL_RECURSIVE", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, conflicts_with = "platform", help_heading = IMAGES)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) upload: Upload,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) network: Network,
}
