//! `plimsoll provenance generate`, `plimsoll provenance verify`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use plimsoll_core::Timestamp;
use plimsoll_verify::PredicateType;
use plimsoll_verify::provenance::{Level, Material, Repository, RequiredMaterial};

use super::cache_flags::Caching;
use super::shared::{
    EvidenceRepository, Network, OUTPUT, OutputFile, PlatformChoice, parse_instant, parse_switch,
};
use super::trust_flags::{Trust, parse_annotation};

const BUILD: &str = "Build";
const EXPECTED: &str = "Expected";

/// Describe how an artifact was built, and verify such descriptions
#[derive(Debug, Args)]
pub(crate) struct Provenance {
    #[command(subcommand)]
    pub(crate) command: ProvenanceCommand,
}

/// The commands of `provenance`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProvenanceCommand {
    Generate(Box<Generate>),
    Verify(Box<Verify>),
}

/// Write a SLSA v1 provenance for `attest`
///
/// In GitHub workflows, GitLab jobs and Buildkite jobs, builder and source come from the environment; flags
/// set or replace them. Flags also list the inputs of the build. The result is a predicate, or with
/// --as-statement a complete statement about the subjects. Nothing is signed: pass the result to `attest` or
/// `attest-blob`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll provenance generate --material-file Cargo.lock --material-image debian:12 \\
      --output-file provenance.json
  plimsoll attest --type slsaprovenance1 \\
      --predicate provenance.json registry.example/team/app@sha256:…

  plimsoll provenance generate --as-statement \\
      --output-file s.json registry.example/team/app@sha256:…
  plimsoll attest --statement s.json registry.example/team/app@sha256:…

  plimsoll provenance generate --builder-id https://build.example/host-3 \\
      --source-repository https://git.example/team/app \\
      --source-ref refs/tags/v1 --source-digest 4f2c… --parameter profile=release \\
      --material-file Cargo.lock")]
pub(crate) struct Generate {
    /// What was built: images, files, or digests as sha256:…; only with --as-statement
    #[arg(value_name = "SUBJECT", requires = "as_statement", required_if_eq("as_statement", "true"))]
    pub(crate) subjects: Vec<String>,
    /// Write a whole in-toto statement about the subjects
    #[arg(long, env = "PLIMSOLL_AS_STATEMENT", value_parser = parse_switch)]
    pub(crate) as_statement: bool,
    /// Who ran the build: a URI
    #[arg(long, value_name = "URI", env = "PLIMSOLL_BUILDER_ID", help_heading = BUILD)]
    pub(crate) builder_id: Option<String>,
    /// The build type, which defines the parameters: a URI
    #[arg(long, value_name = "URI", env = "PLIMSOLL_BUILD_TYPE", help_heading = BUILD)]
    pub(crate) build_type: Option<String>,
    /// The repository that was built
    #[arg(long, value_name = "URL", env = "PLIMSOLL_SOURCE_REPOSITORY", value_parser = parse_repository, help_heading = BUILD)]
    pub(crate) source_repository: Option<Repository>,
    /// Its ref, such as refs/heads/main
    #[arg(long, value_name = "REF", env = "PLIMSOLL_SOURCE_REF", value_parser = parse_ref, help_heading = BUILD)]
    pub(crate) source_ref: Option<String>,
    /// Its commit
    #[arg(long, value_name = "COMMIT", env = "PLIMSOLL_SOURCE_DIGEST", value_parser = parse_commit, help_heading = BUILD)]
    pub(crate) source_digest: Option<String>,
    /// The build configuration, as a path within the source
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_BUILD_CONFIG", help_heading = BUILD)]
    pub(crate) build_config: Option<String>,
    /// An external parameter, which the person who started the build could choose; may be repeated
    #[arg(long, value_name = "NAME=VALUE", env = "PLIMSOLL_PARAMETER", value_parser = parse_annotation, help_heading = BUILD)]
    pub(crate) parameter: Vec<(String, String)>,
    /// The version of a tool of the build; may be repeated
    #[arg(long, value_name = "NAME=VERSION", env = "PLIMSOLL_TOOL", value_parser = parse_annotation, help_heading = BUILD)]
    pub(crate) tool: Vec<(String, String)>,
    /// An input of the build, with its digest; may be repeated
    #[arg(long, value_name = "URI@ALG:HEX", env = "PLIMSOLL_MATERIAL", help_heading = BUILD)]
    pub(crate) material: Vec<Material>,
    /// A file that lists inputs: one per line, or a JSON list of in-toto resource descriptors
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_MATERIALS", help_heading = BUILD)]
    pub(crate) materials: Vec<PathBuf>,
    /// A source file to hash as input, such as a lock file or a Dockerfile
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_MATERIAL_FILE", help_heading = BUILD)]
    pub(crate) material_file: Vec<PathBuf>,
    /// A base image, which is resolved to its digest
    #[arg(long, value_name = "IMAGE", env = "PLIMSOLL_MATERIAL_IMAGE", help_heading = BUILD)]
    pub(crate) material_image: Vec<String>,
    /// A further output of the build to hash, such as a verdict or a log
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_BYPRODUCT", hide_short_help = true, help_heading = BUILD)]
    pub(crate) byproduct: Vec<PathBuf>,
    /// The build run: a URI
    #[arg(long, value_name = "URI", env = "PLIMSOLL_INVOCATION_ID", hide_short_help = true, help_heading = BUILD)]
    pub(crate) invocation_id: Option<String>,
    /// When the build started
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_STARTED_ON", value_parser = parse_instant, hide_short_help = true, help_heading = BUILD)]
    pub(crate) started_on: Option<Timestamp>,
    /// When the build ended
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_FINISHED_ON", value_parser = parse_instant, hide_short_help = true, help_heading = BUILD)]
    pub(crate) finished_on: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Verify how artifacts were built
///
/// Verifies the signature like `verify-attestation`, then compares the provenance with the signer's certificate and
/// with the expectations. For images it uses the attached attestations; for files, or with --bundle, those in files:
/// bundles, the output of `gh attestation download`, and attestations from npm's registry and PyPI's index. If only
/// --source-repository is given and it is at github.com or gitlab.com, a workflow of that repository must have signed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll provenance verify --source-repository https://github.com/team/app \\
      --source-ref refs/tags/v1.4.0 \\
      registry.example/team/app:1.4
  plimsoll provenance verify --bundle sha256:….jsonl \\
      --source-repository https://github.com/team/app app.tar.gz
  plimsoll provenance verify --bundle attestations.json \\
      --source-repository https://github.com/team/lib \\
      --subject-name pkg:npm/lib@2.0.0 lib-2.0.0.tgz
  plimsoll provenance verify --key builder.pub --insecure-ignore-tlog \\
      --builder-id https://build.example/host-3 \\
      --material pkg:docker/debian@12 --parameter profile=release oci:build/image:1.4

Exit code 0: every subject was built as expected. 10: one was not. 6: could not find out.")]
pub(crate) struct Verify {
    /// What was built: an image, a file, or a digest as sha256:… or sha512-…
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// File with attestations to use instead of the attached ones; may be repeated
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_BUNDLE")]
    pub(crate) bundle: Vec<PathBuf>,
    /// The type of statement: slsaprovenance1, slsaprovenance02, npmpublish, pypipublish [default: the first two]
    #[arg(long = "type", value_name = "TYPE", env = "PLIMSOLL_TYPE", value_parser = parse_type)]
    pub(crate) kind: Option<PredicateType>,
    /// Who ran the build
    #[arg(long, value_name = "URI", env = "PLIMSOLL_BUILDER_ID", help_heading = EXPECTED)]
    pub(crate) builder_id: Option<String>,
    /// A regular expression for the whole builder ID
    #[arg(long, value_name = "PATTERN", env = "PLIMSOLL_BUILDER_ID_REGEXP", hide_short_help = true, conflicts_with = "builder_id", help_heading = EXPECTED)]
    pub(crate) builder_id_regexp: Option<String>,
    /// The build type
    #[arg(long, value_name = "URI", env = "PLIMSOLL_BUILD_TYPE", hide_short_help = true, help_heading = EXPECTED)]
    pub(crate) build_type: Option<String>,
    /// The repository that was built: https://HOST/PATH, or OWNER/NAME for one at github.com
    #[arg(long, alias = "repo", alias = "source-uri", value_name = "URL", env = "PLIMSOLL_SOURCE_REPOSITORY", value_parser = parse_repository, help_heading = EXPECTED)]
    pub(crate) source_repository: Option<Repository>,
    /// Its full ref: refs/heads/main, refs/tags/v1.4.0
    #[arg(long, value_name = "REF", env = "PLIMSOLL_SOURCE_REF", value_parser = parse_ref, help_heading = EXPECTED)]
    pub(crate) source_ref: Option<String>,
    /// A regular expression for the whole ref, such as refs/tags/v.*
    #[arg(long, value_name = "PATTERN", env = "PLIMSOLL_SOURCE_REF_REGEXP", hide_short_help = true, conflicts_with = "source_ref", help_heading = EXPECTED)]
    pub(crate) source_ref_regexp: Option<String>,
    /// Its commit
    #[arg(long, value_name = "COMMIT", env = "PLIMSOLL_SOURCE_DIGEST", value_parser = parse_commit, help_heading = EXPECTED)]
    pub(crate) source_digest: Option<String>,
    /// The build configuration, as a path within the source
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_BUILD_CONFIG", hide_short_help = true, help_heading = EXPECTED)]
    pub(crate) build_config: Option<String>,
    /// An external parameter: its name, names joined by dots, or a JSON pointer; may be repeated
    #[arg(long, value_name = "NAME=VALUE", env = "PLIMSOLL_PARAMETER", hide_short_help = true, value_parser = parse_annotation, help_heading = EXPECTED)]
    pub(crate) parameter: Vec<(String, String)>,
    /// Refuse external parameters other than these and the source
    #[arg(long, value_name = "BOOL", env = "PLIMSOLL_NO_OTHER_PARAMETERS", hide_short_help = true, num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, help_heading = EXPECTED)]
    pub(crate) no_other_parameters: bool,
    /// A required input of the build, with any digest or with this one; may be repeated
    #[arg(long, value_name = "URI[@ALG:HEX]", env = "PLIMSOLL_MATERIAL", hide_short_help = true, help_heading = EXPECTED)]
    pub(crate) material: Vec<RequiredMaterial>,
    /// Require that every input has a digest
    #[arg(long, value_name = "BOOL", env = "PLIMSOLL_PINNED_MATERIALS", hide_short_help = true, num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, help_heading = EXPECTED)]
    pub(crate) pinned_materials: bool,
    /// The lowest accepted level of SLSA's build track: 1, 2 or 3
    #[arg(long, value_name = "LEVEL", env = "PLIMSOLL_SLSA_LEVEL", help_heading = EXPECTED)]
    pub(crate) slsa_level: Option<Level>,
    /// The level of a builder whose certificate does not show it; may be repeated
    #[arg(long, value_name = "URI=LEVEL", env = "PLIMSOLL_TRUST_BUILDER", value_parser = parse_builder, help_heading = EXPECTED)]
    pub(crate) trust_builder: Vec<(String, Level)>,
    /// The artifact's name in the provenance: a file name, a package URL
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_SUBJECT_NAME", hide_short_help = true, help_heading = EXPECTED)]
    pub(crate) subject_name: Option<String>,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Show each step of the verification with its result, and every refused bundle
    #[arg(long, env = "PLIMSOLL_EXPLAIN", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) explain: bool,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) repository: EvidenceRepository,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    #[command(flatten)]
    pub(crate) caching: Caching,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Formats of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
}

/// An address, or `OWNER/NAME` as for `gh`.
fn parse_repository(text: &str) -> Result<Repository, String> {
    let short = !text.contains(':') && text.split('/').count() == 2;
    let address = if short { format!("https://github.com/{text}") } else { text.to_owned() };
    address.parse().map_err(|error: plimsoll_verify::Error| error.to_string())
}

/// A full ref: `main` may be a branch or a tag, and people who may create one need not be allowed to create the other.
fn parse_ref(text: &str) -> Result<String, String> {
    match text.strip_prefix("refs/") {
        Some(rest) if rest.contains('/') => Ok(text.to_owned()),
        _ => Err(format!(
            "got `{text}`, expected a whole ref: refs/heads/… for a branch, refs/tags/… for a tag"
        )),
    }
}

fn parse_commit(text: &str) -> Result<String, String> {
    if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(text.to_owned());
    }
    Err(format!("got `{text}`, expected a whole commit: 40 or 64 digits in lower case"))
}

fn parse_type(text: &str) -> Result<PredicateType, String> {
    let kind = PredicateType::from_str(text).map_err(|error| error.to_string())?;
    match plimsoll_verify::provenance::Form::from_predicate_type(kind.uri()) {
        Some(_) => Ok(kind),
        None => {
            Err("expected slsaprovenance1, slsaprovenance02, npmpublish, pypipublish or one of their URIs"
                .into())
        }
    }
}

fn parse_builder(text: &str) -> Result<(String, Level), String> {
    let (builder, level) =
        text.rsplit_once('=').ok_or_else(|| format!("got `{text}`, expected URI=LEVEL"))?;
    if builder.is_empty() {
        return Err("got no builder, expected URI=LEVEL".into());
    }
    Ok((builder.to_owned(), level.parse().map_err(|error: plimsoll_verify::Error| error.to_string())?))
}
