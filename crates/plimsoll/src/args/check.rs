//! `plimsoll check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{DatabaseChoice, EvidenceRepository, Instant, JUDGEMENT, OUTPUT, Reading, parse_switch};
use super::trust_flags::RootChoice;
use super::update_flags::Updating;

/// Judge images: gather evidence, apply the policy, print the verdict
///
/// Resolves each SUBJECT to digests, reads its layers, makes the inventory, finds vulnerabilities, verifies
/// signatures, and evaluates the policy. Without a policy, the image must be named by digest, CRITICAL
/// vulnerabilities block, and a missing signature is reported. Every platform of an index is judged, unless
/// --platform selects one. If a policy names identities, certificates are verified with the policy's own
/// trusted root, otherwise with --trusted-root, otherwise with that of --instance.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll check registry.example/team/app@sha256:… --policy policy.yaml
  plimsoll check app.tar -o json | jq .results[0].verdict.decision
  plimsoll check oci:build/image:1.4 --platform linux/arm64 -o sarif --output-file check.sarif
  plimsoll check registry.example/team/app@sha256:… --policy policy.yaml \\
      --trusted-root trusted_root.json
  plimsoll check registry.example/app:1.4 --waivers waivers/ --at 2026-12-01T00:00:00Z --explain

Exit code 0 means allow for every subject, 10 deny, 11 indeterminate.")]
pub(crate) struct Check {
    /// Images or files to judge
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Policy file, or a folder of policies and deny lists, all of which apply [default: the built-in policy]
    #[arg(long, value_name = "FILE|DIR", env = "PLIMSOLL_POLICY", help_heading = JUDGEMENT)]
    pub(crate) policy: Option<PathBuf>,
    /// Waiver file, or a folder of waivers; may be repeated
    #[arg(long, value_name = "FILE|DIR", env = "PLIMSOLL_WAIVERS", value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) waivers: Vec<PathBuf>,
    /// File with denied digests, in addition to the policy's; may be repeated
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_DENY_LIST", value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) deny_list: Vec<PathBuf>,
    /// Show every piece of evidence, finding and refused signature or waiver
    #[arg(long, env = "PLIMSOLL_EXPLAIN", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) explain: bool,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) root: RootChoice,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) updating: Updating,
    #[command(flatten)]
    pub(crate) instant: Instant,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Formats of a verdict or of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
    /// For code scanning services (SARIF 2.1.0)
    Sarif,
}
