//! `plimsoll verify`, `plimsoll verify-attestation`.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use plimsoll_verify::PredicateType;

use super::cache_flags::Caching;
use super::shared::{EvidenceRepository, IMAGES, Network, OUTPUT, OutputFile, PlatformChoice};
use super::trust_flags::{Outcome, Trust, parse_annotation};

/// Verify the signatures of images
///
/// Checks the signatures attached to each image; one by a trusted signer is enough, or as many as --threshold requires.
/// Trusted signers are given by --key, or by --certificate-identity together with --certificate-oidc-issuer. The
/// verified digest is printed; later steps should use it instead of the tag. For an image named by digest, it is not
/// checked whether the registry still has it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll verify --key release.pub --insecure-ignore-tlog registry.example/team/app@sha256:…
  plimsoll verify registry.example/team/app:1.4 \\
      --certificate-identity https://github.com/team/app/.github/workflows/a.yml@refs/heads/main \\
      --certificate-oidc-issuer https://token.actions.githubusercontent.com
  plimsoll verify --key a.pub --key b.pub --threshold 2 --insecure-ignore-tlog \\
      --explain oci:build/image:1.4

Exit code 0: every subject is signed as required. 10: one is not. 6: try again.")]
pub(crate) struct Verify {
    /// What to verify: an image in a registry or an OCI layout
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Annotation that must be signed along with the digest; may be repeated
    #[arg(short, long, alias = "annotations", value_name = "NAME=VALUE", env = "PLIMSOLL_ANNOTATION", value_parser = parse_annotation, help_heading = IMAGES)]
    pub(crate) annotation: Vec<(String, String)>,
    /// Require a signature of an index and of everything that it lists
    #[arg(short, long, value_name = "BOOL", env = "PLIMSOLL_RECURSIVE", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, conflicts_with = "platform", help_heading = IMAGES)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) outcome: Outcome,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) caching: Caching,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Verify the attestations of images, and print their statements
///
/// Like `verify`, for statements of the type given by --type; it fails if there is none. Prints the verified
/// statements, one per line.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll verify-attestation --type spdxjson --key release.pub \\
      --insecure-ignore-tlog registry.example/app@sha256:…
  plimsoll verify-attestation --type slsaprovenance1 \\
      --certificate-identity-regexp 'https://github\\.com/team/.*' \\
      --certificate-oidc-issuer https://token.actions.githubusercontent.com \\
      registry.example/app:1.4 | jq .predicate

Types: slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln,
openvex, testresult, vsa, custom, or a URI.")]
pub(crate) struct VerifyAttestation {
    /// What to verify: an image in a registry or an OCI layout
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// The predicate type: a name from the list below, or a URI
    #[arg(long = "type", value_name = "TYPE", default_value = "custom", env = "PLIMSOLL_TYPE")]
    pub(crate) kind: PredicateType,
    /// JSON Schema that the predicate must match; it must be self-contained, because nothing is fetched
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SCHEMA")]
    pub(crate) schema: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: Trust,
    #[command(flatten)]
    pub(crate) outcome: Outcome,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "statements", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: AttestationFormat,
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) caching: Caching,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Formats of a verification's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
    /// One line per verified digest: SUBJECT@DIGEST, a tab, the signer
    Text,
}

/// Formats of verified attestations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AttestationFormat {
    /// The in-toto statements, one per line
    Statements,
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
}
