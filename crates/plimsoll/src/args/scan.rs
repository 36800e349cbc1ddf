//! `plimsoll scan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plimsoll_vuln::Threshold;

use super::catalogers_flag::CatalogerChoice;
use super::shared::{
    DatabaseChoice, IMAGES, Instant, JUDGEMENT, LayerReading, OUTPUT, Reading, parse_switch,
};
use super::update_flags::Updating;

/// Find known vulnerabilities in an image or SBOM
///
/// Prints findings, and components that no fresh feed covers. It does not judge: with findings, the exit code is still
/// 0, unless --fail-on asks for 10. If components could not be looked up, it is 11, because an empty answer would not mean
/// safety. Problems that hide nothing are noted, and do not affect the exit code.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll scan registry.example/team/app:1.4 --db db/
  plimsoll scan registry.example/team/app:1.4 --all-platforms
  plimsoll scan app.tar --db-update
  plimsoll scan sbom:app.spdx.json --db db/ -o json
  plimsoll scan sbom:boms/ -o jsonl --output-file fleet.jsonl
  plimsoll scan app.tar --fail-on kev,critical,high+fixable,'epss>0.1'
  plimsoll scan app.tar --vex app.openvex.json --fail-on high
  plimsoll scan app.tar -o sarif --output-file findings.sarif
  plimsoll scan registry.example/app@sha256:… -o vuln --output-file vuln.json
  plimsoll attest --type vuln --predicate vuln.json registry.example/app@sha256:…")]
pub(crate) struct Scan {
    /// Images or SBOMs to scan; sbom:DIR is all documents in a folder
    #[arg(required_unless_present = "subjects_from", value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// File with more subjects, one a line; - for standard input
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SUBJECTS_FROM")]
    pub(crate) subjects_from: Option<PathBuf>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    /// Exit with 10 if a finding meets this: low, medium, high or critical (at least; unrated counts as high), kev
    /// (known to be exploited), epss>0.1 (a higher probability), fixable, or several joined: high+fixable. May be
    /// repeated
    #[arg(long, value_name = "CONDITION", env = "PLIMSOLL_FAIL_ON", value_delimiter = ',', help_heading = OUTPUT)]
    pub(crate) fail_on: Vec<Threshold>,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    /// VEX document (OpenVEX, CSAF or CycloneDX), or a folder of them. Findings that it says are none are set aside and
    /// listed. Whoever names it trusts it: no signature is verified. May be repeated
    #[arg(long, value_name = "FILE|DIR", env = "PLIMSOLL_VEX", value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) vex: Vec<PathBuf>,
    /// Rules for findings that do not count here: IgnoreRules, .trivyignore, .grype.yaml or osv-scanner.toml. Ignored findings
    /// are listed. No file is used unless it is named. May be repeated
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_IGNORE_FILE", value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) ignore_file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) updating: Updating,
    #[command(flatten)]
    pub(crate) instant: Instant,
    /// Also count findings in dependencies that lock files and manifests declare only for development, builds and tests
    #[arg(long, env = "PLIMSOLL_INCLUDE_DEV_DEPS", value_parser = parse_switch, help_heading = IMAGES)]
    pub(crate) include_dev_deps: bool,
    #[command(flatten)]
    pub(crate) catalogers: CatalogerChoice,
    #[command(flatten)]
    pub(crate) layers: LayerReading,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Formats of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
    /// For programs: a line with the JSON result of each subject, as soon as it is scanned
    #[value(name = "jsonl")]
    JsonLines,
    /// For code scanning services (SARIF 2.1.0)
    Sarif,
    /// Predicate for `attest --type vuln`, for one image: the JSON result in cosign's form
    Vuln,
}
