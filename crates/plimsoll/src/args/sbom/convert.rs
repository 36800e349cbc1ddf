//! `plimsoll sbom convert`.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use crate::args::shared::{OUTPUT, OutputFile};

/// Write an SBOM in another format
///
/// Reads SPDX (JSON, tag-value, YAML, JSON-LD), CycloneDX (JSON, XML), Syft's JSON, and any of them inside GitHub's export, an
/// in-toto statement, a DSSE envelope or a Sigstore bundle, whose signature is not verified here. Standard error lists
/// what the new document lacks: what Plimsoll does not read, and what the format cannot represent. The time is that of
/// the document, unless SOURCE_DATE_EPOCH is set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sbom convert app.cdx.xml > app.spdx.json
  plimsoll sbom convert app.spdx.json -o cyclonedx-json@1.5 --output-file app.cdx.json
  plimsoll sbom convert attestation.intoto.jsonl -o purl-list
  syft app:1.4 -o json | plimsoll sbom convert - -o spdx-tag-value")]
pub(crate) struct Convert {
    /// The SBOM; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) document: PathBuf,
    /// Format of the new document
    #[arg(short, long, value_name = "FORMAT", default_value = "spdx-json", env = "PLIMSOLL_SBOM_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) file: OutputFile,
}
