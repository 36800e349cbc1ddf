//! `plimsoll trust`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use plimsoll_core::Digest;

use super::db::Format;
use super::shared::{Instant, Network, OUTPUT, OutputFile};

/// Fetch, make and show the trusted roots for keyless signatures
#[derive(Debug, Args)]
pub(crate) struct Trust {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands below `trust`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Update(Update),
    Root(Root),
    SigningConfig(SigningConfig),
    Show(Show),
}

/// Update the trusted root and the signing config of an instance
///
/// Without flags, updates the public Sigstore instance. Another one needs --mirror and --root the first time; after
/// that, its name is enough. Everything is verified with TUF, starting from the instance's root. If anything fails,
/// nothing changes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll trust update
  plimsoll trust update --mirror https://tuf.example.com --root root.json --root-checksum sha256:…
  plimsoll trust update --instance tuf.example.com")]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) instance: InstanceChoice,
    /// The TUF repository: https://…, or file:///… for a copy in a folder
    #[arg(long, value_name = "URL", env = "PLIMSOLL_MIRROR")]
    pub(crate) mirror: Option<String>,
    /// The instance's first root, from its operator
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_ROOT")]
    pub(crate) root: Option<PathBuf>,
    /// SHA-256 of the first root, as sha256:… or in bare hexadecimal; without --root, the mirror's 1.root.json must have it
    #[arg(long, value_name = "DIGEST", env = "PLIMSOLL_ROOT_CHECKSUM", value_parser = parse_checksum)]
    pub(crate) root_checksum: Option<Digest>,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Which instance.
#[derive(Debug, Clone, Args)]
pub(crate) struct InstanceChoice {
    /// Name of the instance in the cache [default: the host of --mirror, otherwise public-good]
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_INSTANCE")]
    pub(crate) instance: Option<String>,
}

/// Make a trusted root (trusted_root.json) for an instance of your own
///
/// Each service is one flag with comma-separated NAME=VALUE pairs; the flags may be repeated. Authorities take url,
/// certificate-chain (a PEM file, its root last), start-time and end-time; logs take url, public-key (a PEM file),
/// start-time, end-time and origin (the name in the checkpoints, for version 2 of the log).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll trust root --output-file trusted_root.json \\
    --fulcio url=https://fulcio.example.com,certificate-chain=fulcio.pem \\
    --rekor url=https://rekor.example.com,public-key=rekor.pub,start-time=2026-01-01T00:00:00Z \\
    --ctfe url=https://ctfe.example.com,public-key=ctfe.pub,start-time=2026-01-01T00:00:00Z \\
    --tsa url=https://tsa.example.com/api/v1/timestamp,certificate-chain=tsa.pem")]
pub(crate) struct Root {
    /// A certificate authority
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_FULCIO")]
    pub(crate) fulcio: Vec<Pairs>,
    /// A transparency log
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_REKOR")]
    pub(crate) rekor: Vec<Pairs>,
    /// A certificate transparency log
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_CTFE")]
    pub(crate) ctfe: Vec<Pairs>,
    /// A timestamp authority
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_TSA")]
    pub(crate) tsa: Vec<Pairs>,
    #[command(flatten)]
    pub(crate) file: OutputFile,
}

/// Make a signing config: the services that keyless signing uses
///
/// Each service is one flag with the pairs url, api-version, start-time, operator, and optionally end-time.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll trust signing-config --output-file signing_config.json \\
    --fulcio url=https://ca.example,api-version=1,start-time=2026-01-01T00:00:00Z,operator=team \\
    --rekor url=https://log.example,api-version=2,start-time=2026-01-01T00:00:00Z,operator=team \\
    --rekor-config ANY
  plimsoll trust signing-config --base-config signing_config.json --tsa-config EXACT:1 \\
      --output-file new.json")]
pub(crate) struct SigningConfig {
    /// A signing config to start from; each kind of service given by flags replaces that kind in it
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_BASE_CONFIG")]
    pub(crate) base_config: Option<PathBuf>,
    /// A certificate authority
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_FULCIO")]
    pub(crate) fulcio: Vec<Pairs>,
    /// An identity provider
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_OIDC_PROVIDER")]
    pub(crate) oidc_provider: Vec<Pairs>,
    /// A transparency log
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_REKOR")]
    pub(crate) rekor: Vec<Pairs>,
    /// How many of the logs to use: ANY, ALL or EXACT:COUNT
    #[arg(long, value_name = "CHOICE", env = "PLIMSOLL_REKOR_CONFIG")]
    pub(crate) rekor_config: Option<Selector>,
    /// A timestamp authority
    #[arg(long, value_name = "PAIRS", env = "PLIMSOLL_TSA")]
    pub(crate) tsa: Vec<Pairs>,
    /// How many of the timestamp authorities to use: ANY, ALL or EXACT:COUNT
    #[arg(long, value_name = "CHOICE", env = "PLIMSOLL_TSA_CONFIG")]
    pub(crate) tsa_config: Option<Selector>,
    #[command(flatten)]
    pub(crate) file: OutputFile,
}

/// Show the trusted authorities, logs and services, and how old this information is
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plimsoll trust show\n  plimsoll trust show trusted_root.json -o json")]
pub(crate) struct Show {
    /// A trusted root or signing config [default: the cached one of the instance, otherwise the built-in one]
    #[arg(value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) instance: InstanceChoice,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) instant: Instant,
}

/// Comma-separated `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl FromStr for Pairs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split(',') {
            let wrong = || format!("got `{part}`, expected NAME=VALUE");
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            if name.is_empty() || value.is_empty() {
                return Err(wrong());
            }
            if pairs.iter().any(|(known, _)| known == name) {
                return Err(format!("{name} is given twice"));
            }
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self(pairs))
    }
}

/// `ANY`, `ALL` or `EXACT:COUNT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selector {
    Any,
    All,
    Exact(u32),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ANY" => Ok(Self::Any),
            "ALL" => Ok(Self::All),
            _ => text
                .strip_prefix("EXACT:")
                .and_then(|count| count.parse().ok())
                .map(Self::Exact)
                .ok_or_else(|| format!("got `{text}`, expected ANY, ALL or EXACT:COUNT")),
        }
    }
}

fn parse_checksum(text: &str) -> Result<Digest, String> {
    let named = if text.contains(':') { text.to_owned() } else { format!("sha256:{text}") };
    named.parse::<Digest>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_choices_are_read_or_refused() {
        let pairs: Pairs = "url=https://a.example/x?y=z,public-key=k.pem".parse().unwrap();
        assert_eq!(pairs.0[0], ("url".to_owned(), "https://a.example/x?y=z".to_owned()));
        for wrong in ["", "url", "url=", "=x", "url=a,,b=c", "url=a,url=b"] {
            assert!(wrong.parse::<Pairs>().is_err(), "{wrong}");
        }
        assert_eq!("EXACT:2".parse(), Ok(Selector::Exact(2)));
        for wrong in ["any", "EXACT", "EXACT:", "EXACT:-1", "EXACT:x"] {
            assert!(wrong.parse::<Selector>().is_err(), "{wrong}");
        }
        let digits = "ab".repeat(32);
        assert_eq!(parse_checksum(&digits), parse_checksum(&format!("sha256:{digits}")));
        assert!(parse_checksum("md5:00").is_err());
    }
}
