//! `plimsoll sbom validate`.

use std::path::PathBuf;

use clap::Args;

use crate::args::db;
use crate::args::shared::OUTPUT;

/// Find what is wrong with SBOMs
///
/// Checks the members that decide how a document is understood, duplicate and dangling references, and the subject:
/// whether it is missing, has no digest, is an index instead of a platform's image, or differs from the subject of the
/// statement around the document. Errors violate the standard or make the document unreliable. Warnings are allowed by
/// the standard, but cause problems in other commands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sbom validate app.cdx.json
  plimsoll sbom validate *.spdx.json -o json

Exit code 0: no errors, although there may be warnings; 1: an error, or a document that cannot
be read.")]
pub(crate) struct Validate {
    /// The SBOMs; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) documents: Vec<PathBuf>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: db::Format,
}
