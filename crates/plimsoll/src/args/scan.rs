//! `plimsoll scan`.

use clap::{Args, ValueEnum};

use super::shared::{DatabaseChoice, Instant, Reading};

/// Find known vulnerabilities in an image or SBOM
///
/// Prints what was found and what is not covered by a fresh feed. It judges nothing: finding something is exit code 0.
/// Components that could not be looked up make it 11, because an empty answer would not mean safety.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll scan registry.example/team/app:1.4 --db db/
  plimsoll scan registry.example/team/app:1.4 --all-platforms
  plimsoll scan sbom:app.spdx.json --db db/ -o json
  plimsoll scan app.tar -o sarif --output-file findings.sarif
  plimsoll scan registry.example/app@sha256:… -o vuln --output-file vuln.json
  plimsoll attest --type vuln --predicate vuln.json registry.example/app@sha256:…")]
pub(crate) struct Scan {
    /// What to look at
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) instant: Instant,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Formats of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs; has a schemaVersion
    Json,
    /// For code scanning services (SARIF 2.1.0)
    Sarif,
    /// What `attest --type vuln` signs, about one image: the JSON result as cosign's predicate of that type
    Vuln,
}
