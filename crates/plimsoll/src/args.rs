//! The typed arguments: one struct per command. Its documentation comments are the help texts.
//!
//! Nothing is read or resolved here; [`crate::settings`] says what the arguments mean. The same flag means the same in
//! every command, and every flag has an environment variable `PLIMSOLL_…` and a key in the configuration file.

pub(crate) mod attest;
pub(crate) mod blob;
pub(crate) mod cache;
pub(crate) mod cache_flags;
pub(crate) mod catalogers_flag;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod conformance;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod habits;
pub(crate) mod help;
pub(crate) mod key;
pub(crate) mod keyless_flags;
pub(crate) mod policy;
pub(crate) mod provenance;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod shared;
pub(crate) mod sign;
pub(crate) mod trust;
pub(crate) mod trust_flags;
pub(crate) mod update_flags;
pub(crate) mod verify;
pub(crate) mod waiver;

use std::ffi::OsStr;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use shared::Global;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Decides whether a container artifact may be built on, released, admitted, pulled and kept running, and says why.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, styles = STYLES, max_term_width = 110, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES, subcommand_required = true, arg_required_else_help = true)]
struct WithoutCommands {
    #[command(flatten)]
    global: Global,
}

/// The typed arguments.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) global: Global,
    pub(crate) command: Command,
}

impl Arguments {
    /// The arguments that [`definition`] or [`definition_for`] matched.
    pub(crate) fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { global: Global::from_arg_matches(matches)?, command: Command::from_arg_matches(matches)? })
    }
}

/// The whole definition of the command line.
pub(crate) fn definition() -> clap::Command {
    Command::augment_subcommands(WithoutCommands::command())
}

/// A definition that is enough to parse a command line whose first word is `first`. Defining every flag of every
/// command takes longer than many commands, so if the word is a command, only that one is defined.
pub(crate) fn definition_for(first: Option<&OsStr>) -> clap::Command {
    match first.and_then(OsStr::to_str) {
        Some("--version" | "-V") => WithoutCommands::command(),
        Some(word) => match Command::alone(word) {
            Some(command) => WithoutCommands::command().subcommand(command),
            None => definition(),
        },
        None => definition(),
    }
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
                                       an image in the store of a local engine
  dir:PATH                             a root file system, or an image from `skopeo copy … dir:PATH`
  file:PATH                            a single file: only its digest, not its content
  sbom:FILE                            an SPDX 2.2+ or CycloneDX 1.2+ document; sbom:- from a pipe
Without a scheme, text with a tag, a digest or a registry is an image in a registry, never a
path. Text that starts with /, . or ~, or ends like a file (app.tar, app.spdx.json), is a path. A
name that could be either is refused. The registry's image `docker:24` is
docker.io/library/docker:24. Schemes of skopeo and syft are accepted (docker-archive:,
oci-archive:, oci-dir:, registry:, …). Stores are found as the engines' own tools find them:
DOCKER_HOST, CONTAINERS_STORAGE_CONF, CONTAINERD_ROOT and CONTAINERD_NAMESPACE.";

/// The commands with their words on the command line, which `clap` derives from their names.
macro_rules! commands {
    ($($word:literal => $name:ident($arguments:ty),)*) => {
        // Not a documentation comment: that would be the help text of the program.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($name($arguments),)*
        }

        impl Command {
            /// The definition of the command called `word`, if there is one.
            fn alone(word: &str) -> Option<clap::Command> {
                match word {
                    $($word => Some(<$arguments>::augment_args(clap::Command::new($word))),)*
                    _ => None,
                }
            }
        }
    };
}

commands! {
    "check" => Check(check::Check),
    "sbom" => Sbom(sbom::Sbom),
    "scan" => Scan(scan::Scan),
    "db" => Db(db::Db),
    "sign" => Sign(sign::Sign),
    "verify" => Verify(verify::Verify),
    "attest" => Attest(attest::Attest),
    "verify-attestation" => VerifyAttestation(verify::VerifyAttestation),
    "sign-blob" => SignBlob(blob::SignBlob),
    "verify-blob" => VerifyBlob(blob::VerifyBlob),
    "attest-blob" => AttestBlob(blob::AttestBlob),
    "verify-blob-attestation" => VerifyBlobAttestation(blob::VerifyBlobAttestation),
    "provenance" => Provenance(provenance::Provenance),
    "evidence" => Evidence(evidence::Evidence),
    "key" => Key(key::Key),
    "trust" => Trust(trust::Trust),
    "policy" => Policy(policy::Policy),
    "waiver" => Waiver(waiver::Waiver),
    "cache" => Cache(cache::Cache),
    "doctor" => Doctor(doctor::Doctor),
    "config" => Config(config::Config),
    "schema" => Schema(schema::Schema),
    "conformance" => Conformance(conformance::Conformance),
    "help" => Help(Help),
    "version" => Version(Version),
    "completions" => Completions(Completions),
    "man" => Man(Man),
}

/// Print the help of plimsoll, or of a command
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  plimsoll help\n  plimsoll help policy lint\n  plimsoll help verify --verbose"
)]
pub(crate) struct Help {
    /// The command, by its words
    pub(crate) command: Vec<String>,
}

/// Print the version
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  plimsoll version")]
pub(crate) struct Version {}

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
    use std::ffi::OsStr;

    use super::{definition, definition_for};

    #[test]
    fn the_definition_is_consistent() {
        definition().debug_assert();
    }

    #[test]
    fn a_command_defined_alone_equals_the_one_among_the_others() {
        let help = |mut definition: clap::Command, words: [&str; 3]| {
            definition.try_get_matches_from_mut(words).unwrap_err().to_string()
        };
        for command in definition().get_subcommands() {
            let name = command.get_name();
            let alone = definition_for(Some(OsStr::new(name)));
            assert_eq!(alone.get_subcommands().count(), 1, "{name} is not defined alone");
            let words = ["plimsoll", name, "--help"];
            assert_eq!(help(alone, words), help(definition(), words));
        }
        let unknown = definition_for(Some(OsStr::new("chekc")));
        assert!(help(unknown, ["plimsoll", "chekc", "x"]).contains("'check'"));
    }

    /// Flags with another meaning in some commands. There they have a variable of their own.
    const OWN_VARIABLES: [(&str, &str); 5] = [
        // A private key signs, a public key verifies.
        ("key", "PLIMSOLL_SIGN_KEY"),
        // Signing writes the bundle, verification reads it.
        ("bundle", "PLIMSOLL_SIGN_BUNDLE"),
        // A document's format, not a result's.
        ("output", "PLIMSOLL_SBOM_OUTPUT"),
        // Of a feed, not of trust material.
        ("mirror", "PLIMSOLL_FEED_MIRROR"),
        // A vulnerability, where it is a switch elsewhere.
        ("explain", "PLIMSOLL_SCAN_EXPLAIN"),
    ];

    /// Every flag of every command, with the words of the command and the flag's variable.
    fn flags(definition: &clap::Command) -> Vec<(String, &clap::Arg, String)> {
        fn visit<'a>(
            words: &str,
            command: &'a clap::Command,
            found: &mut Vec<(String, &'a clap::Arg, String)>,
        ) {
            for argument in command.get_arguments() {
                let Some(long) = argument.get_long().filter(|long| !matches!(*long, "help" | "version"))
                else {
                    continue;
                };
                let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                let variable = variable.unwrap_or_else(|| panic!("{words} --{long} has no variable"));
                found.push((words.to_owned(), argument, variable));
            }
            for below in command.get_subcommands() {
                visit(format!("{words} {}", below.get_name()).trim_start(), below, found);
            }
        }
        let mut found = Vec::new();
        visit("", definition, &mut found);
        found
    }

    #[test]
    fn every_long_flag_has_an_environment_variable_of_its_name() {
        let definition = definition();
        for (words, argument, variable) in flags(&definition) {
            let long = argument.get_long().unwrap();
            let expected = format!("PLIMSOLL_{}", long.to_uppercase().replace('-', "_"));
            let own = OWN_VARIABLES.iter().any(|(flag, name)| *flag == long && *name == variable);
            assert!(own || variable == expected, "{words} --{long}: {variable}");
        }
    }

    /// A variable that turns a flag on by any word also turns it on by `none`.
    #[test]
    fn every_flag_without_a_value_refuses_words_that_mean_neither_yes_nor_no() {
        let definition = definition();
        let mut checked = 0;
        for (words, argument, variable) in flags(&definition) {
            if !matches!(argument.get_action(), clap::ArgAction::SetTrue) {
                continue;
            }
            checked += 1;
            let accepts = |value: &str| {
                let alone = clap::Arg::new("x")
                    .long("x")
                    .action(clap::ArgAction::Set)
                    .value_parser(argument.get_value_parser().clone());
                let word = format!("--x={value}");
                clap::Command::new("x").arg(alone).try_get_matches_from(["x", &*word]).is_ok()
            };
            assert!(accepts("true") && accepts("false"), "{words}: {variable}");
            assert!(!accepts("none") && !accepts("maybe"), "{words}: {variable}");
        }
        assert!(checked > 20, "{checked}");
    }

    #[test]
    fn a_variable_means_the_same_in_every_command() {
        // The values of a flag, and how often it may be given. Only the formats differ, because each command
        // has its own.
        let shape = |argument: &clap::Arg| {
            let names = argument.get_value_names().unwrap_or_default();
            // `provenance verify` takes a material without its digest as well.
            names.iter().map(|name| name.replace(['[', ']'], "")).collect::<Vec<_>>()
        };
        let definition = definition();
        let mut known: std::collections::BTreeMap<String, (String, Vec<String>)> =
            std::collections::BTreeMap::new();
        for (words, argument, variable) in flags(&definition) {
            let seen = known.entry(variable.clone()).or_insert_with(|| (words.clone(), shape(argument)));
            assert_eq!(seen.1, shape(argument), "{variable} in `{}` and in `{words}`", seen.0);
        }
        let variable = |command: &str, flag: &str| {
            let all = flags(&definition);
            let of =
                all.iter().find(|(words, argument, _)| words == command && argument.get_long() == Some(flag));
            of.map(|(_, _, variable)| variable.clone())
        };
        for (signs, verifies, flag) in [
            ("sign", "verify", "key"),
            ("attest", "verify-attestation", "key"),
            ("sign-blob", "verify-blob", "bundle"),
            ("attest-blob", "verify-blob-attestation", "bundle"),
            ("sbom", "scan", "output"),
        ] {
            assert_ne!(variable(signs, flag).unwrap(), variable(verifies, flag).unwrap(), "{signs} {flag}");
        }
    }

    #[test]
    fn examples_fit_where_a_terminal_does_not_say_how_wide_it_is() {
        fn visit(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines() {
                // One more character would wrap the line, and the rest would not be a command.
                assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
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
