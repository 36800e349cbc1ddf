//! `plimsoll db`.

mod archive;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use plimsoll_core::Timestamp;
use plimsoll_feeds::{Mirror, Wanted};

pub(crate) use archive::{Export, Import};

use super::shared::{DatabaseChoice, Instant, Network, OUTPUT, parse_instant};

/// Fetch, build, carry and inspect the advisory database
#[derive(Debug, Args)]
pub(crate) struct Db {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `db`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Update(Update),
    Build(Build),
    Export(Export),
    Import(Import),
    Status(Status),
    Search(Search),
    Diff(Diff),
}

/// Fetch the publishers' advisories and build the database
///
/// Fetches only what changed since the last update, and continues an interrupted download. Without --ecosystem, updates
/// what was updated before; the first time, this is Alpine, Debian, Go, Maven, npm, NuGet, Packagist, PyPI, RubyGems,
/// crates.io, and CVE (the facts of KEV and EPSS about each CVE). The database changes only after everything was
/// received and read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll db update
  plimsoll db update --ecosystem AlmaLinux,Alpine:v3.19,CVE
  plimsoll db update --ecosystem CPE,GHSA       (the NVD, and GitHub's repository)
  plimsoll db update --mirror osv=https://m.example/osv --mirror debian=https://m.example/debian

The publishers, for --mirror (docs/feeds.md):
  osv      https://osv-vulnerabilities.storage.googleapis.com/
  debian   https://security-tracker.debian.org/tracker/
  alpine   https://secdb.alpinelinux.org/
  wolfi, chainguard, minimos
           https://packages.wolfi.dev/os/, https://packages.cgr.dev/chainguard/,
           https://packages.mini.dev/advisories/secdb/
  azurelinux
           https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/
  amazon   https://cdn.amazonlinux.com/
  redhat   https://security.access.redhat.com/data/csaf/v2/vex/
  photon   https://packages.vmware.com/photon/photon_cve_metadata/
  nvd      https://nvd.nist.gov/feeds/json/cve/2.0/
  ghsa     https://codeload.github.com/github/advisory-database/zip/refs/heads/
  rubysec  https://codeload.github.com/rubysec/ruby-advisory-db/zip/refs/heads/
  friendsofphp
           https://codeload.github.com/FriendsOfPHP/security-advisories/zip/refs/heads/
  kev      https://www.cisa.gov/sites/default/files/feeds/
  epss     https://epss.empiricalsecurity.com/")]
pub(crate) struct Update {
    /// Cover this ecosystem or release, CVE, or GHSA, from now on, in addition to what was updated before; may be repeated
    #[arg(short, long, value_name = "NAME", env = "PLIMSOLL_ECOSYSTEM", value_delimiter = ',')]
    pub(crate) ecosystem: Vec<Wanted>,
    /// Address to fetch a publisher's files from instead of its own server; may be repeated
    #[arg(long, value_name = "PUBLISHER=URL", env = "PLIMSOLL_FEED_MIRROR", value_delimiter = ',')]
    pub(crate) mirror: Vec<Mirror>,
    /// Folder for the publishers' files [default: plimsoll/feeds in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_FEEDS")]
    pub(crate) feeds: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Build the database from a folder of publishers' advisories
///
/// Reads DIR/ECOSYSTEM/all.zip or DIR/ECOSYSTEM/*.json (OSV; also below DIR/osv), DIR/debian/tracker.json and
/// DIR/debian/{DSA,DLA}/list (the Debian security tracker), DIR/alpine/RELEASE/*.json (the Alpine security database) and
/// DIR/{wolfi,chainguard,minimos}/security.json (in its form), DIR/redhat/YEAR/cve-*.json (Red Hat's CSAF),
/// DIR/{oracle,azurelinux}/*.xml (OVAL), DIR/nvd/*.json.gz (NVD), DIR/rubysec/ruby-advisory-db.zip, DIR/friendsofphp/security-advisories.zip (also unpacked),
/// DIR/kev/known_exploited_vulnerabilities.json and DIR/epss/epss_scores-*.csv.gz, and writes one file per ecosystem.
/// If a feed cannot be read completely, the database does not change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  curl --create-dirs -fo feeds/PyPI/all.zip \\
      https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip
  plimsoll db build --from feeds/ --as-of $(date -u +%Y-%m-%dT%H:%M:%SZ)

The publishers' files (docs/feeds.md has all of them):
  PyPI, Go, npm, …  https://osv-vulnerabilities.storage.googleapis.com/ECOSYSTEM/all.zip
  Debian            https://security-tracker.debian.org/tracker/data/json
  Alpine            https://secdb.alpinelinux.org/RELEASE/main.json, …/community.json
  Wolfi             https://packages.wolfi.dev/os/security.json
  Red Hat           https://security.access.redhat.com/data/csaf/v2/vex/YEAR/cve-….json
  NVD               https://nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-YEAR.json.gz
  KEV               https://www.cisa.gov/sites/default/files/feeds/\\
                    known_exploited_vulnerabilities.json
  EPSS              https://epss.empiricalsecurity.com/epss_scores-current.csv.gz")]
pub(crate) struct Build {
    /// Folder with the publishers' files
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_FROM")]
    pub(crate) from: PathBuf,
    /// When the files were retrieved from their publishers (RFC 3339); the database's age counts from then
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_AS_OF", value_parser = parse_instant)]
    pub(crate) as_of: Timestamp,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) instant: Instant,
}

/// Show the feeds in the database and how old they are
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plimsoll db status --db db/\n  plimsoll db status -o json")]
pub(crate) struct Status {
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    #[command(flatten)]
    pub(crate) instant: Instant,
}

/// Show the advisories about a package, or with an identifier
///
/// NAME is the package as advisories name it: for Debian and Alpine the source package. If there is no such package, the
/// advisories with that identifier or alias are shown, about any package.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll db search jinja2
  plimsoll db search CVE-2024-36039
  plimsoll db search openssl --ecosystem Debian -o json")]
pub(crate) struct Search {
    /// Name of a package, or identifier of an advisory
    #[arg(value_name = "NAME|ID")]
    pub(crate) text: String,
    /// Only in this ecosystem or release; may be repeated
    #[arg(short, long, value_name = "NAME", env = "PLIMSOLL_ECOSYSTEM", value_delimiter = ',')]
    pub(crate) ecosystem: Vec<Wanted>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
}

/// Show what changed from one database to another
///
/// Counts the advisories that were added, removed and changed for each ecosystem. JSON lists each of them, as both
/// databases have it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll db diff last-week/ ~/.cache/plimsoll/db
  plimsoll db diff -v old/ new/
  plimsoll db diff -o json old/ new/")]
pub(crate) struct Diff {
    /// Folder of the old database
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// Folder of the new database
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
}

/// Formats of reports that have no standard of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people to read
    Table,
    /// For programs; it has a schemaVersion
    Json,
}
