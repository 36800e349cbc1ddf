//! `plimsoll attest`, and the flags of all commands that sign.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use plimsoll_verify::PredicateType;

use super::keyless_flags::Keyless;
use super::shared::{EvidenceRepository, Network, Overwriting, PlatformChoice, parse_switch};
use super::trust_flags::KeyReference;

const SIGNING: &str = "Signing";

/// How to sign.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignWith {
    /// Private key: a file in PEM, with or without passphrase, or another reference such as env://NAME [default:
    /// keyless, with a certificate for the signer's identity]
    #[arg(long, value_name = "KEY", env = "PLIMSOLL_SIGN_KEY", hide_env_values = true, help_heading = SIGNING)]
    pub(crate) key: Option<KeyReference>,
    #[command(flatten)]
    pub(crate) keyless: Keyless,
    #[command(flatten)]
    pub(crate) overwriting: Overwriting,
    /// Accepted for compatibility with cosign; Plimsoll never asks for confirmation
    #[arg(short, long, value_name = "BOOL", env = "PLIMSOLL_YES", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide = true, action = ArgAction::Set)]
    pub(crate) yes: bool,
}

/// Where to store a bundle about an image.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_field_names, reason = "the names of the flags")]
pub(crate) struct Upload {
    /// Also write the bundle to this file; only for a single image
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGN_BUNDLE", help_heading = SIGNING)]
    pub(crate) bundle: Option<PathBuf>,
    /// Do not attach the bundle to the image; only write it to --bundle
    #[arg(long, env = "PLIMSOLL_NO_UPLOAD", value_parser = parse_switch, requires = "bundle", help_heading = SIGNING)]
    pub(crate) no_upload: bool,
    /// cosign's flag: --upload=false is the same as --no-upload
    #[arg(long, value_name = "BOOL", env = "PLIMSOLL_UPLOAD", num_args = 0..=1, require_equals = true,
        default_value = "true", default_missing_value = "true", hide_short_help = true, hide_default_value = true,
        hide_possible_values = true, action = ArgAction::Set, help_heading = SIGNING)]
    pub(crate) upload: bool,
}

impl Upload {
    /// Whether the bundle is attached to the image.
    pub(crate) fn attaches(&self) -> bool {
        self.upload && !self.no_upload
    }
}

/// The statement that is signed.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatementFlags {
    /// File with the predicate: what is stated about the subject, usually JSON
    #[arg(
        long,
        value_name = "FILE",
        env = "PLIMSOLL_PREDICATE",
        required_unless_present = "statement",
        conflicts_with = "statement"
    )]
    pub(crate) predicate: Option<PathBuf>,
    /// File with a whole in-toto statement; one of its subjects must have the attested digest
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_STATEMENT")]
    pub(crate) statement: Option<PathBuf>,
    /// The predicate type: slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln,
    /// openvex, testresult, vsa, custom, or a URI [default: custom, or the statement's]
    #[arg(long = "type", value_name = "TYPE", env = "PLIMSOLL_TYPE")]
    pub(crate) kind: Option<PredicateType>,
    /// JSON Schema that the predicate must match; it must be self-contained, because nothing is fetched
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SCHEMA")]
    pub(crate) schema: Option<PathBuf>,
}

/// Sign a statement about images: an SBOM, a provenance, a scan's result
///
/// Attaches a Sigstore bundle with an in-toto statement to each image, like `sign`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll attest --key release.key --type spdxjson \\
      --predicate app.spdx.json registry.example/team/app@sha256:…
  plimsoll attest --key release.key --statement provenance.json oci:build/image:1.4")]
pub(crate) struct Attest {
    /// What the statement is about: an image in a registry or an OCI layout
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    #[command(flatten)]
    pub(crate) statement: StatementFlags,
    #[command(flatten)]
    pub(crate) signing: SignWith,
    #[command(flatten)]
    pub(crate) upload: Upload,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) network: Network,
}
