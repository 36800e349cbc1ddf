//! `plimsoll sbom`.

use clap::{Args, ValueEnum};

use super::shared::Reading;

/// Make the software bill of materials of an image
///
/// The document's subject is the platform manifest's digest; each component has its layer and path. The same image
/// gives the same bytes: the time is SOURCE_DATE_EPOCH, else the image's creation time. With --all-platforms each platform
/// of an index has a document of its own, in the file that --output-file names: {platform} in it becomes linux-arm64,
/// {digest} the manifest's digest. Where components may be missing, because the operating system is not known, its package
/// database cannot be read in full or nothing looks into this kind of subject, the document is written and says so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sbom registry.example/team/app:1.4 > app.spdx.json
  plimsoll sbom app.tar -o cyclonedx-json --output-file app.cdx.json
  plimsoll sbom registry.example/team/app:1.4 --all-platforms \\
      --output-file 'app-{platform}.spdx.json'
  plimsoll sbom dir:/ -o table

Exit code 0: the inventory was read in full. 11: components may be missing; standard error says why.")]
pub(crate) struct Sbom {
    /// What to look at
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
    /// Format of the document
    #[arg(short, long, value_name = "FORMAT", default_value = "spdx-json", env = "PLIMSOLL_OUTPUT")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Formats of a bill of materials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// SPDX 2.3
    SpdxJson,
    /// CycloneDX 1.6
    CyclonedxJson,
    /// For people
    Table,
}
