//! What was typed: one struct a command, documentation comments are the help texts.
//!
//! Nothing is read or resolved here; [`crate::settings`] says what the arguments mean. The same flag means the same in
//! every command, and every flag has an environment variable `PLIMSOLL_…` and a key in the configuration file.

pub(crate) mod attest;
pub(crate) mod blob;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod conformance;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod key;
pub(crate) mod keyless_flags;
pub(crate) mod policy;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod shared;
pub(crate) mod sign;
pub(crate) mod trust;
pub(crate) mod trust_flags;
pub(crate) mod verify;
pub(crate) mod waiver;

use std::ffi::OsStr;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory as _, Parser, Subcommand};

pub(crate) use shared::Global;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Decides whether a container artifact may be built on, released, admitted, fetched and kept running, and says why.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, styles = STYLES, max_term_width = 110, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0   done, and the verdict is allow
  1   failed                  2   usage              3   not authorised
  4   not found               5   conflict           6   transient, try again
  7   internal error          10  denied, or verification failed
  11  indeterminate: it could not be decided, which blocks

A SUBJECT is one of:
  registry/repository[:tag][@digest]   an image in a registry
  oci:DIR[:tag|@digest]                an OCI image layout
  archive:FILE[:tag|@digest]           the output of `docker save`, or an OCI layout in a tar file
  docker:NAME  podman:NAME  containerd:NAME
                                       an image that an engine of this machine keeps
  dir:PATH                             a root file system, or an image as `skopeo copy … dir:PATH` writes it
  file:PATH                            a single file: its digest, and nothing of what is in it
  sbom:FILE                            an SPDX 2.3 or CycloneDX 1.4+ document (scan only)
An existing path is recognised without the scheme. A name without scheme is always a registry's;
its image `docker:24` is docker.io/library/docker:24. Stores are found as the engines' own tools find
them: DOCKER_HOST, CONTAINERS_STORAGE_CONF, CONTAINERD_ROOT and CONTAINERD_NAMESPACE.";

/// The commands, in the order of their help. Each is defined when it is needed; see [`definition`].
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    Check(check::Check),
    Sbom(sbom::Sbom),
    Scan(scan::Scan),
    Db(db::Db),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Attest(attest::Attest),
    VerifyAttestation(verify::VerifyAttestation),
    SignBlob(blob::SignBlob),
    VerifyBlob(blob::VerifyBlob),
    AttestBlob(blob::AttestBlob),
    VerifyBlobAttestation(blob::VerifyBlobAttestation),
    Evidence(evidence::Evidence),
    Key(key::Key),
    Trust(trust::Trust),
    Policy(policy::Policy),
    Waiver(waiver::Waiver),
    Doctor(doctor::Doctor),
    Config(config::Config),
    Schema(schema::Schema),
    Conformance(conformance::Conformance),
    Completions(Completions),
    Man(Man),
}

/// The whole definition of the command line: every command with all its flags, the global ones among them.
pub(crate) fn definition() -> clap::Command {
    let mut definition = Arguments::command();
    definition.build();
    definition
}

/// What is enough to parse a command line whose first word is `first`. Defining every flag of every command takes longer
/// than many a command does, so the others stay names where `first` is one of the commands, or asks for the version.
pub(crate) fn definition_for(first: Option<&OsStr>) -> clap::Command {
    let quick = Arguments::command();
    let enough = first.is_some_and(|word| {
        word == "--version"
            || word == "-V"
            || word.to_str().is_some_and(|w| quick.find_subcommand(w).is_some())
    });
    if enough { quick } else { definition() }
}

/// Write a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  plimsoll completions bash > /etc/bash_completion.d/plimsoll")]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Write the manual pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  plimsoll man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The folder, which must exist
    pub(crate) folder: std::path::PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{Arguments, definition};

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_long_flag_has_an_environment_variable_of_its_name() {
        fn visit(command: &clap::Command) {
            for argument in command.get_arguments() {
                let Some(long) = argument.get_long() else { continue };
                if matches!(long, "help" | "version") {
                    continue;
                }
                let expected = format!("PLIMSOLL_{}", long.to_uppercase().replace('-', "_"));
                let got = argument.get_env().map(|v| v.to_string_lossy().into_owned());
                assert_eq!(got.as_deref(), Some(expected.as_str()), "{} --{long}", command.get_name());
            }
            command.get_subcommands().for_each(visit);
        }
        visit(&definition());
    }

    #[test]
    fn every_command_that_does_something_shows_an_example() {
        fn visit(path: &str, command: &clap::Command) {
            if command.has_subcommands() {
                command.get_subcommands().for_each(|c| visit(&format!("{path} {}", c.get_name()), c));
            } else {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains(&format!("  {path}")), "{path} has no example");
            }
        }
        visit("plimsoll", &definition());
    }
}
