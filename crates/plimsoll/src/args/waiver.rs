//! `plimsoll waiver`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use plimsoll_core::Timestamp;
use plimsoll_policy::RuleName;

use super::attest::SignWith;
use super::db;
use super::shared::{Instant, Network, OUTPUT, OutputFile, Overwriting, parse_instant};
use super::trust_flags::RootChoice;

/// Write, approve and show waivers
#[derive(Debug, Args)]
pub(crate) struct Waiver {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `waiver`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(Box<New>),
    Sign(Box<Sign>),
    Show(Show),
}

/// Write a waiver: a named risk, for a named scope and a bounded time
///
/// Prints the document, or writes it to --output-file. A waiver that could not be read from a file is refused here,
/// too. It does not count until an approver other than its owner has signed it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll waiver new jinja2-redos --cve CVE-2020-28493 \\
      --scope registry.example/team/app@sha256:… --days 30 \\
      --reason 'the fix needs the next minor release' --risk 'only we write templates' \\
      --control 'requests are cut after 2 s' --owner app-team@example \\
      --output-file waivers/jinja2.yaml
  plimsoll waiver new old-base --rule registries --scope 'registry.example/legacy/**' \\
      --expires 2027-01-31T00:00:00Z \\
      --reason 'moves with the data centre' --risk 'built by us' --control 'no egress' \\
      --owner ops@example")]
pub(crate) struct New {
    /// The waiver's name, which verdicts repeat
    pub(crate) name: String,
    /// Vulnerability that it accepts, such as CVE-2026-1234; may be repeated
    #[arg(long, value_name = "ID", env = "PLIMSOLL_CVE", value_delimiter = ',')]
    pub(crate) cve: Vec<String>,
    /// Ignore rules whose vulnerabilities it accepts, as for `scan`: .trivyignore, .grype.yaml, osv-scanner.toml, IgnoreRules. Rules
    /// that are narrower than a waiver are left out and told; may be repeated
    #[arg(
        long,
        value_name = "FILE",
        env = "PLIMSOLL_IGNORE_FILE",
        hide_short_help = true,
        value_delimiter = ','
    )]
    pub(crate) ignore_file: Vec<PathBuf>,
    /// Rule to waive [default with --cve: vulnerabilities]; may be repeated
    #[arg(long, value_name = "RULE", env = "PLIMSOLL_RULE", value_delimiter = ',', value_parser = RuleParser)]
    pub(crate) rule: Vec<RuleName>,
    /// Images it applies to: a digest, REPOSITORY@DIGEST, or a pattern over registry/repository; may be repeated
    #[arg(long, value_name = "SCOPE", required = true, env = "PLIMSOLL_SCOPE")]
    pub(crate) scope: Vec<String>,
    /// Why the risk is accepted
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_REASON")]
    pub(crate) reason: String,
    /// What could happen, and how likely it is
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_RISK")]
    pub(crate) risk: String,
    /// What lowers the risk in the meantime; may be repeated
    #[arg(long, value_name = "TEXT", required = true, env = "PLIMSOLL_CONTROL")]
    pub(crate) control: Vec<String>,
    /// Who is responsible for it; may not approve it
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_OWNER")]
    pub(crate) owner: String,
    /// A description for people
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_DESCRIPTION")]
    pub(crate) description: Option<String>,
    /// From when it counts [default: now]
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_ISSUED", value_parser = parse_instant)]
    pub(crate) issued: Option<Timestamp>,
    /// Until when it counts (RFC 3339, such as 2026-12-31T00:00:00Z)
    #[arg(
        long,
        value_name = "TIME",
        env = "PLIMSOLL_EXPIRES",
        value_parser = parse_instant,
        required_unless_present = "days",
        conflicts_with = "days"
    )]
    pub(crate) expires: Option<Timestamp>,
    /// How many days it counts
    #[arg(long, value_name = "NUMBER", env = "PLIMSOLL_DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) days: Option<u16>,
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) overwriting: Overwriting,
}

/// Reads the names of rules that can be waived, and offers them in the help and to shells that complete.
#[derive(Debug, Clone, Copy)]
struct RuleParser;

impl TypedValueParser for RuleParser {
    type Value = RuleName;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<RuleName, clap::Error> {
        let parser = StringValueParser::new().try_map(|text| plimsoll_policy::waivable_rule(&text));
        parser.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let rules = plimsoll_policy::waivable_rules();
        Some(Box::new(rules.map(|(name, about)| PossibleValue::new(name).help(about))))
    }
}

/// Approve a waiver: check it and sign it, with the approver's key or identity
///
/// Writes FILE.sigstore.json next to FILE, with the waiver and the signature; a second approver's signature
/// goes to FILE.2.sigstore.json, and so on. The policy that `check` applies decides whether it counts: the
/// key or identity must be an approver's, and the approver must not be the waiver's owner. Without --key, the
/// approver signs in, or the CI job's token is used, as with `sign`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll waiver sign --key secops.key waivers/jinja2.yaml
  plimsoll waiver sign --key hashivault://secops waivers/jinja2.yaml
  plimsoll waiver sign --identity-token token.txt waivers/jinja2.yaml
  plimsoll check registry.example/app@sha256:… --policy policy.yaml --waivers waivers/")]
pub(crate) struct Sign {
    /// The waiver (YAML or JSON)
    #[arg(value_name = "FILE")]
    pub(crate) waiver: PathBuf,
    #[command(flatten)]
    pub(crate) signing: SignWith,
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Show waivers: what they accept, who signed, until when, and whether they count under a policy
///
/// Without --policy, no approvers are known, so the signers are shown as the files claim them. With it, the
/// result says whether each waiver would count for images in its scope, and if not, why. No network is used,
/// and a cached trusted root is used at any age.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll waiver show waivers/
  plimsoll waiver show waivers/jinja2.yaml.sigstore.json --policy policy.yaml
  plimsoll waiver show waivers/ --policy policies/ --at 2027-01-01T00:00:00Z -o json \\
      | jq '.waivers[].state'

Exit code 0: shown; with --policy, every waiver counts. 10: one of them does not.")]
pub(crate) struct Show {
    /// Signed or unsigned waivers, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) waivers: Vec<PathBuf>,
    /// Policy file, or a folder of policies
    #[arg(long, value_name = "FILE|DIR", env = "PLIMSOLL_POLICY")]
    pub(crate) policy: Option<PathBuf>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: db::Format,
    #[command(flatten)]
    pub(crate) root: RootChoice,
    #[command(flatten)]
    pub(crate) instant: Instant,
    #[command(flatten)]
    pub(crate) file: OutputFile,
}
