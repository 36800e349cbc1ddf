//! `plimsoll sbom score`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::db;
use crate::args::shared::OUTPUT;

/// Score an SBOM against guidelines, with what to fix
///
/// Counts what the document states. A document cannot show whether that is true, or whether components are missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sbom score app.spdx.json
  plimsoll sbom score app.cdx.json --guideline bsi -o json
  plimsoll sbom score app.cdx.json --guideline ntia --at-least 90

Exit code with --at-least: 10 if a score is lower.")]
pub(crate) struct Score {
    /// The SBOM; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) document: PathBuf,
    /// The guideline [default: all]
    #[arg(long, value_name = "GUIDELINE", env = "PLIMSOLL_GUIDELINE", value_delimiter = ',')]
    pub(crate) guideline: Vec<Guideline>,
    /// End with 10 if a score is below this
    #[arg(long, value_name = "PERCENT", env = "PLIMSOLL_AT_LEAST", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) at_least: Option<u32>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: db::Format,
}

/// A guideline about the content of SBOMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Guideline {
    /// NTIA, The Minimum Elements for an SBOM (2021)
    Ntia,
    /// CISA, 2025 Minimum Elements for an SBOM
    Cisa,
    /// BSI TR-03183-2, version 2.1
    Bsi,
}
