//! `plimsoll sbom merge`.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use crate::args::shared::{OUTPUT, OutputFile};

/// Merge several SBOMs into one
///
/// For the results of several tools about one image, or for the parts of one product. Each package is listed once, with
/// the information from all documents. Layers are kept if all documents with layers agree, and the subject's digest if
/// all documents agree.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sbom merge app.spdx.json app.cdx.json > merged.spdx.json
  plimsoll sbom merge web.json api.json --subject-name shop-1.4 -o cyclonedx-json")]
pub(crate) struct Merge {
    /// The SBOMs
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    pub(crate) documents: Vec<PathBuf>,
    /// What the merged document is about [default: the subject of the first]
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_SUBJECT_NAME", help_heading = OUTPUT)]
    pub(crate) subject_name: Option<String>,
    /// Format of the merged document
    #[arg(short, long, value_name = "FORMAT", default_value = "spdx-json", env = "PLIMSOLL_SBOM_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) file: OutputFile,
}
