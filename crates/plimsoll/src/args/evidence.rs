//! `plimsoll evidence`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use plimsoll_verify::PredicateType;

use super::db::Format;
use super::shared::{EvidenceRepository, Network, OUTPUT, OutputFile, PlatformChoice};

/// Show, attach, fetch and move what is attached to images
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `evidence`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tree(Tree),
    Attach(Attach),
    Download(Download),
    Copy(Copy),
    Save(Save),
    Load(Load),
    Inspect(Inspect),
    Upgrade(Upgrade),
}

/// List what is attached to an image and to each of its platforms
///
/// Lists signatures, attestations and other artifacts, attached as referrers or under the tags of older versions of
/// cosign. Nothing is verified: signers and types are the bundles' own claims. Use `verify` to verify them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll evidence tree registry.example/team/app:1.4
  plimsoll evidence tree -o json oci:build/image:1.4")]
pub(crate) struct Tree {
    /// An image in a registry or an OCI layout
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Attach a bundle, an SBOM or another file to an image
///
/// A bundle must contain a statement about this very image. Other files are attached as they are, unsigned; use
/// `attest` for anything that others should rely on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll evidence attach registry.example/team/app@sha256:… app.sigstore.json
  plimsoll evidence attach --media-type application/spdx+json oci:build/image:1.4 app.spdx.json")]
pub(crate) struct Attach {
    /// An image in a registry or an OCI layout
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
    /// The file
    pub(crate) path: PathBuf,
    /// Media type of a file that is not a bundle; detected for SPDX and CycloneDX documents in JSON
    #[arg(long, value_name = "TYPE", env = "PLIMSOLL_MEDIA_TYPE")]
    pub(crate) media_type: Option<String>,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Fetch the bundles that are attached to an image, or the statements in them
///
/// Writes one per line to standard output, or each to a file. Nothing is verified: use `verify-attestation` for
/// statements to rely on. Signatures and attestations in cosign's older format are converted to bundles of version 0.1.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll evidence download registry.example/team/app:1.4 > bundles.jsonl
  plimsoll evidence download --what statements --type spdxjson registry.example/team/app:1.4
  plimsoll evidence download --output-dir evidence registry.example/team/app:1.4")]
pub(crate) struct Download {
    /// An image in a registry or an OCI layout
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
    /// What to write
    #[arg(long, value_name = "WHAT", default_value = "bundles", env = "PLIMSOLL_WHAT")]
    pub(crate) what: DownloadFormat,
    /// Only bundles that claim this predicate type: a name such as slsaprovenance or spdxjson, or a URI
    #[arg(long = "type", value_name = "TYPE", env = "PLIMSOLL_TYPE")]
    pub(crate) kind: Option<PredicateType>,
    /// Write each into this folder, named by digest, instead of standard output
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_OUTPUT_DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// What `download` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DownloadFormat {
    /// Bundles, with signature and verification material
    Bundles,
    /// Only the signed statements
    Statements,
}

/// Copy an image or index with all that is attached to it
///
/// Copies every referrer, referrers of referrers, and the tags of older versions of cosign, with the same digests. The
/// name is written last. Within one registry, layers are mounted instead of sent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll evidence copy registry.example/team/app:1.4 registry.example/prod/app:1.4
  plimsoll evidence copy oci:build/image:1.4 registry.example/team/app:1.4")]
pub(crate) struct Copy {
    /// An image in a registry or an OCI layout
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Where to: a name in a registry, or `oci:DIR:TAG`
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: String,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Save an image with all that is attached to it as an OCI layout
///
/// The layout can be read by `load` and every tool for OCI layouts, so that an image crosses an air gap with its
/// evidence. If the folder is already a layout, the image is added to it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plimsoll evidence save registry.example/team/app:1.4 app-1.4")]
pub(crate) struct Save {
    /// An image in a registry or an OCI layout
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
    /// The folder of the layout
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Push an image from an OCI layout to a registry, with all that is attached to it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plimsoll evidence load app-1.4 registry.internal/team/app:1.4")]
pub(crate) struct Load {
    /// The folder of the layout, or oci:DIR:TAG for one of several images
    #[arg(value_name = "DIR")]
    pub(crate) layout: String,
    /// The name in the registry
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: String,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Show the content of a bundle; nothing is verified
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll evidence inspect app.sigstore.json
  plimsoll evidence inspect -o json app.sigstore.json | jq .logEntries")]
pub(crate) struct Inspect {
    /// A Sigstore bundle
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
}

/// Convert a bundle of an earlier version to version 0.3, with the same signature
///
/// Not possible if a log entry has only the log's promise and no proof of inclusion, which only the log can give.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  plimsoll evidence upgrade --output-file new.sigstore.json old.sigstore.json"
)]
pub(crate) struct Upgrade {
    /// A Sigstore bundle of version 0.1, 0.2 or 0.3
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) file: OutputFile,
}
