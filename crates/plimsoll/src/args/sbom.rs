//! `plimsoll sbom`.

pub(crate) mod convert;
pub(crate) mod diff;
pub(crate) mod merge;
pub(crate) mod score;
pub(crate) mod validate;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};
use plimsoll_sbom::DocumentFormat;

use super::catalogers_flag::CatalogerChoice;
use super::db;
use super::shared::{LayerReading, OUTPUT, Reading, parse_switch};

/// Make the software bill of materials of an image or a folder
///
/// The document's subject is the platform manifest's digest; each component has its layer and path. The same image
/// gives the same bytes: the time is SOURCE_DATE_EPOCH, or else the image's creation time. With --all-platforms, each
/// platform of an index gets its own document, in the file given by --output-file: {platform} in it becomes
/// linux-arm64, {digest} the manifest's digest.
///
/// Nothing is judged. What could not be read is reported on standard error and in the document. If it can hide
/// components, the document is incomplete: the operating system is unknown, a package database cannot be read
/// completely, or no cataloger supports such files. Otherwise it is only noted, such as a broken file among test data.
#[derive(Debug, Args)]
#[command(
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  plimsoll sbom registry.example/team/app:1.4 > app.spdx.json
  plimsoll sbom app.tar -o cyclonedx-json --output-file app.cdx.json
  plimsoll sbom registry.example/team/app:1.4 --all-platforms \\
      --output-file 'app-{platform}.spdx.json'
  plimsoll sbom oci:build --base registry.example/debian:12 -o table
  plimsoll sbom app.tar --known-bases bases.yaml -o table
  plimsoll sbom dir:. --strict --output-file app.spdx.json
  plimsoll sbom dir:/ -o table
  plimsoll sbom app.tar --catalogers=-all,+npm,+python
  plimsoll sbom app.tar -o cyclonedx-xml@1.5
  plimsoll sbom diff app-1.3.spdx.json app-1.4.spdx.json
  plimsoll sbom cataloger list

Exit code 0: the document is written, complete or not. 11: with --strict, components may be missing;
or an image of the index is missing and has no document."
)]
pub(crate) struct Sbom {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The image or folder to catalog
    #[arg(value_name = "SUBJECT", required = true)]
    pub(crate) subject: Option<String>,
    /// Format of the document [default: table on a terminal, otherwise spdx-json]
    #[arg(short, long, value_name = "FORMAT", env = "PLIMSOLL_SBOM_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Option<Format>,
    /// Name who makes the document: an organisation, or 'Person: NAME'
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_AUTHOR", help_heading = OUTPUT)]
    pub(crate) author: Option<String>,
    /// Mark components that came with this base image; fails if the subject was not built on it
    #[arg(long, value_name = "IMAGE", env = "PLIMSOLL_BASE")]
    pub(crate) base: Option<String>,
    /// Mark components that came with this image, if the subject was built on it; of several, the one with the most
    /// layers counts
    #[arg(
        long,
        value_name = "IMAGE",
        env = "PLIMSOLL_KNOWN_BASE",
        hide_short_help = true,
        value_delimiter = ','
    )]
    pub(crate) known_base: Vec<String>,
    /// File with names, digests and layers of more known bases
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_KNOWN_BASES", hide_short_help = true)]
    pub(crate) known_bases: Option<PathBuf>,
    /// Also list every file, with SHA-1 and SHA-256 and the package that owns it; reads all layers completely
    #[arg(long, env = "PLIMSOLL_FILES", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) files: bool,
    /// Exit with 11 if components may be missing; the document is written anyway
    #[arg(long, env = "PLIMSOLL_STRICT", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) catalogers: CatalogerChoice,
    #[command(flatten)]
    pub(crate) layers: LayerReading,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The commands below `sbom`.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value a process")]
pub(crate) enum Command {
    Convert(convert::Convert),
    Diff(diff::Diff),
    Merge(merge::Merge),
    Validate(validate::Validate),
    Score(score::Score),
    Cataloger(Cataloger),
}

/// Show which packages are detected, and where
#[derive(Debug, Args)]
pub(crate) struct Cataloger {
    #[command(subcommand)]
    pub(crate) command: CatalogerCommand,
}

/// The commands below `sbom cataloger`.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogerCommand {
    List(List),
}

/// List the catalogers with the package types that they find and the files that they read
///
/// In the patterns, * stands for any characters of one name, a leading **/ for any directories, and .# for a number.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plimsoll sbom cataloger list\n  plimsoll sbom cataloger list -o json")]
pub(crate) struct List {
    /// Format of the list
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: db::Format,
}

/// The form of a bill of materials: a document in a format of the list, or a table for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A format of the list, in one of its written versions.
    Document(DocumentFormat, &'static str),
    Table,
}

impl Format {
    /// The default for programs.
    pub(crate) fn of_programs() -> Self {
        let document = plimsoll_sbom::formats().find(|format| format.id() == "spdx-json");
        let version = |format: &DocumentFormat| format.writes().first().copied();
        let document = document.and_then(|format| Some(Self::Document(format, version(&format)?)));
        document.unwrap_or(Self::Table)
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Format>> = LazyLock::new(|| {
            let versions = |format: DocumentFormat| {
                format.writes().iter().map(move |version| Format::Document(format, version))
            };
            plimsoll_sbom::formats().flat_map(versions).chain([Format::Table]).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Document(format, version) => match format.writes() {
                // The default has only the name, and its help names the others.
                [first, others @ ..] if first == version => {
                    let mut help = format!("{} {version}", format.name());
                    for (number, other) in others.iter().enumerate() {
                        help.push_str(if number == 0 { "; other versions: @" } else { ", @" });
                        help.push_str(other);
                    }
                    PossibleValue::new(format.id()).alias(format!("{}@{version}", format.id())).help(help)
                }
                _ => PossibleValue::new(format!("{}@{version}", format.id())).hide(true),
            },
            Self::Table => PossibleValue::new("table").help("For people"),
        })
    }
}
