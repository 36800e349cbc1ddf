//! `plimsoll sbom diff`.

use clap::{Args, ValueEnum};

use crate::args::shared::{OUTPUT, Reading, parse_switch};

/// Compare two SBOMs or images
///
/// Lists packages that were added, removed, upgraded, downgraded, changed (another version, and it is unknown which is
/// newer) or relicensed, with their layer. The Markdown is for a release checklist or a pull request.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sbom diff old.spdx.json new.cdx.xml
  plimsoll sbom diff registry.example/team/app:1.3 registry.example/team/app:1.4 -o markdown
  plimsoll sbom diff app-1.3.tar app-1.4.tar --by-layer
  plimsoll sbom diff released.json built.json --exit-code -q

Exit code with --exit-code: 10 if anything differs; 11 if nothing does and components may be
missing from either, so that something might.")]
pub(crate) struct Diff {
    /// The older subject: an SBOM, an image, a root file system, …
    #[arg(value_name = "OLD")]
    pub(crate) before: String,
    /// The newer subject
    #[arg(value_name = "NEW")]
    pub(crate) after: String,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    /// Group the changes by the layer that made them
    #[arg(long, env = "PLIMSOLL_BY_LAYER", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) by_layer: bool,
    /// End with 10 if they differ
    #[arg(long, env = "PLIMSOLL_EXIT_CODE", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
    /// For checklists and pull requests
    Markdown,
}
