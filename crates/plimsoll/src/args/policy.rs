//! `plimsoll policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::db::Format;
use super::shared::{OUTPUT, OutputFile, Overwriting};

/// Start, check and describe policies
#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Example(Example),
    Import(Import),
    Lint(Lint),
    Schema(Schema),
}

/// Print a policy to edit, with comments
///
/// Unchanged, it decides in the same way as Plimsoll without a policy. Its comments show how to require more:
/// signatures, registries, waivers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll policy example > policy.yaml
  plimsoll policy lint policy.yaml
  plimsoll check registry.example/team/app@sha256:… --policy policy.yaml")]
pub(crate) struct Example {}

/// Carry over policies of Kyverno and of Sigstore's policy-controller
///
/// Reads ClusterImagePolicy (policy.sigstore.dev) and verifyImages of ClusterPolicy (kyverno.io), from files, folders and the
/// output of `kubectl get -o yaml`. What cannot be carried over exactly is refused, with its path in the document, and then
/// nothing of that document is written. Differences that weaken nothing stand in the new document as comments, and what is
/// weak about it is reported as by `policy lint`.
///
/// Exit code 0: everything was carried over; 1: something was refused; 2: a file cannot be read, or holds no such policy.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll policy import cluster-image-policy.yaml > policy.yaml
  plimsoll policy import --output-dir policies kyverno/*.yaml
  kubectl get clusterimagepolicies -o yaml | plimsoll policy import --output-dir policies -")]
pub(crate) struct Import {
    /// Files or folders of policies; - is standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write each policy into this folder, named as in its metadata
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_OUTPUT_DIR", help_heading = OUTPUT, conflicts_with = "output_file")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Format of what is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: ImportFormat,
    #[command(flatten)]
    pub(crate) output_file: OutputFile,
    #[command(flatten)]
    pub(crate) overwriting: Overwriting,
}

/// What `policy import` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// The new policies, separated by `---`
    Yaml,
    /// The new policies, what was refused, and what differs
    Json,
}

/// Find mistakes and weak spots in policies
///
/// Exit code 0: no errors, although there may be warnings; 1: a finding of severity error; 2: a document cannot be
/// read.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll policy lint policy.yaml\n  plimsoll policy lint policies/ -o json"
)]
pub(crate) struct Lint {
    /// Policy files or folders
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
}

/// Print a JSON Schema, for editors and other tools
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plimsoll policy schema > policy.schema.json\n  plimsoll policy schema waiver"
)]
pub(crate) struct Schema {
    /// The kind of document
    #[arg(default_value = "policy")]
    pub(crate) document: Document,
}

/// Documents that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// A policy
    Policy,
    /// A waiver
    Waiver,
    /// A deny list
    DenyList,
    /// A verdict, as `check -o json` writes it
    Verdict,
    /// The evidence, as expressions in `spec.rules` see it
    Evidence,
}
