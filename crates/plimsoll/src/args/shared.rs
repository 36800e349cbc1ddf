//! Flags that several commands share.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use plimsoll_core::{LimitFault, Limits, Platform, Timestamp};
use plimsoll_image::layers::LayerDigests;

use super::cache_flags::CachePlace;

const LOOKS: &str = "Appearance";
const NETWORK: &str = "Network";
pub(super) const OUTPUT: &str = "Output";
/// The group of flags about images and their attachments.
pub(super) const IMAGES: &str = "Images";
/// The group of flags that a judgement depends on besides the image.
pub(super) const JUDGEMENT: &str = "Judgement";
const SETTINGS: &str = "Settings";

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Show only errors
    #[arg(short, long, global = true, env = "PLIMSOLL_QUIET", value_parser = parse_switch, help_heading = LOOKS)]
    pub(crate) quiet: bool,
    /// Show more; given twice, also every request
    #[arg(short, long, global = true, action = ArgAction::Count, env = "PLIMSOLL_VERBOSE", conflicts_with = "quiet", help_heading = LOOKS)]
    pub(crate) verbose: u8,
    /// Colours and progress bars
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", env = "PLIMSOLL_COLOR", hide_short_help = true, help_heading = LOOKS)]
    pub(crate) color: Color,
    /// Configuration file to use instead of the user's and the system's, which `config path` shows
    #[arg(long, global = true, value_name = "FILE", env = "PLIMSOLL_CONFIG", hide_short_help = true, help_heading = SETTINGS)]
    pub(crate) config: Option<PathBuf>,
    /// Raise or lower a limit, such as layers=1000 or layer_bytes=64GiB; may be repeated. `config show` lists them
    #[arg(long, global = true, value_name = "NAME=VALUE", env = "PLIMSOLL_LIMIT", hide_short_help = true, value_delimiter = ',', value_parser = parse_limit, help_heading = SETTINGS)]
    pub(crate) limit: Vec<(String, String)>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set; `FORCE_COLOR` and `CLICOLOR_FORCE` mean always
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Flags of the commands that talk to registries.
#[derive(Debug, Clone, Args)]
pub(crate) struct Network {
    /// Make no network calls; subjects in registries are refused, unless `verify` has everything it needs in its cache
    #[arg(long, env = "PLIMSOLL_OFFLINE", value_parser = parse_switch, help_heading = NETWORK)]
    pub(crate) offline: bool,
    /// Time limit for a network call, and for all work on one image in check, scan and sbom, such as 90s or
    /// 5m
    #[arg(long, value_name = "DURATION", default_value = "30m", env = "PLIMSOLL_TIMEOUT", value_parser = parse_duration, help_heading = NETWORK)]
    pub(crate) timeout: std::time::Duration,
    /// A registry (host or host:port) that may be reached without TLS; may be repeated
    #[arg(long, value_name = "HOST", env = "PLIMSOLL_INSECURE_REGISTRY", value_delimiter = ',', value_parser = parse_host, help_heading = NETWORK)]
    pub(crate) insecure_registry: Vec<String>,
    /// Certificate authorities to trust in addition to the system's, in PEM; may be repeated
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_FILE", value_delimiter = ',', help_heading = NETWORK)]
    pub(crate) ca_file: Vec<PathBuf>,
    /// Client certificate (and its key, unless given by --client-key) in PEM, for a registry that requires one; may be
    /// repeated
    #[arg(long, value_name = "HOST=FILE", env = "PLIMSOLL_CLIENT_CERT", hide_short_help = true, value_delimiter = ',', value_parser = parse_host_file, help_heading = NETWORK)]
    pub(crate) client_cert: Vec<HostFile>,
    /// The private key for --client-cert of the same host, in PEM; may be repeated
    #[arg(long, value_name = "HOST=FILE", env = "PLIMSOLL_CLIENT_KEY", hide_short_help = true, value_delimiter = ',', value_parser = parse_host_file, help_heading = NETWORK)]
    pub(crate) client_key: Vec<HostFile>,
    /// Configuration of mirrors and certificates: a registries.conf, a folder like certs.d, or `none`; may be repeated
    /// [default: the usual places]
    #[arg(long, value_name = "FILE|DIR", env = "PLIMSOLL_REGISTRY_CONFIG", hide_short_help = true, value_delimiter = ',', help_heading = NETWORK)]
    pub(crate) registry_config: Vec<PathBuf>,
    /// Apply `insecure`, `skip_verify` and http:// in these files, which disable TLS or accept any
    /// certificate
    #[arg(long, env = "PLIMSOLL_INSECURE_REGISTRY_CONFIG", hide_short_help = true, value_parser = parse_switch, help_heading = NETWORK)]
    pub(crate) insecure_registry_config: bool,
    /// A private host, host:port or network (10.1.0.0/16) that a registry may redirect to; may be repeated
    #[arg(long, value_name = "HOST|NETWORK", env = "PLIMSOLL_ALLOW_PRIVATE", hide_short_help = true, value_delimiter = ',', help_heading = NETWORK)]
    pub(crate) allow_private: Vec<String>,
    /// When to use the identity that a cloud gives this machine, for the cloud's own registries and key services
    #[arg(long, value_name = "WHEN", default_value = "auto", env = "PLIMSOLL_CLOUD_IDENTITY", hide_short_help = true, help_heading = NETWORK)]
    pub(crate) cloud_identity: CloudIdentity,
}

/// When a cloud's identity is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CloudIdentity {
    /// If the environment names one
    Auto,
    /// Like auto; otherwise ask the machine's metadata service, for at most a second
    Metadata,
    /// Never
    Off,
}

/// A file for one host only.
#[derive(Debug, Clone)]
pub(crate) struct HostFile {
    /// `host` or `host:port`.
    pub(crate) host: String,
    pub(crate) file: PathBuf,
}

fn parse_host_file(text: &str) -> Result<HostFile, String> {
    match text.split_once('=') {
        Some((host, file)) if !host.trim().is_empty() && !file.is_empty() => {
            Ok(HostFile { host: host.trim().to_ascii_lowercase(), file: file.into() })
        }
        _ => Err("expected HOST=FILE, so that no other host gets it".to_owned()),
    }
}

/// Flags of the commands that read subjects and write a result about them.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub(crate) file: OutputFile,
    #[command(flatten)]
    pub(crate) platform: PlatformChoice,
    /// Every platform of an index, not only this machine's; the default of `check`
    #[arg(long, env = "PLIMSOLL_ALL_PLATFORMS", value_parser = parse_switch, conflicts_with = "platform", help_heading = IMAGES)]
    pub(crate) all_platforms: bool,
    #[command(flatten)]
    pub(crate) cache: CachePlace,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Whether layers are read as a whole.
#[derive(Debug, Clone, Args)]
pub(crate) struct LayerReading {
    /// Read only the files that matter of eStargz and zstd:chunked layers in registries, by their tables of contents.
    /// Then the layers' own digests are not computed, and the result says so
    #[arg(long, env = "PLIMSOLL_LAZY_LAYERS", hide_short_help = true, value_parser = parse_switch, help_heading = IMAGES)]
    pub(crate) lazy_layers: bool,
}

impl LayerReading {
    pub(crate) fn digests(&self) -> LayerDigests {
        if self.lazy_layers { LayerDigests::Optional } else { LayerDigests::Computed }
    }
}

/// Where the result goes.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputFile {
    /// Write the result to this file instead of standard output; on failure, the file does not change
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_OUTPUT_FILE", help_heading = OUTPUT)]
    pub(crate) output_file: Option<PathBuf>,
}

/// Whether files that exist are replaced.
///
/// Output that can be made again from its input, such as a report, a document or a manual page, always
/// replaces an older file. Keys, waivers and signatures cannot be made again, and only replace a file if this
/// is given.
#[derive(Debug, Clone, Args)]
pub(crate) struct Overwriting {
    /// Replace existing files, which are otherwise never overwritten
    #[arg(long, env = "PLIMSOLL_FORCE", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) force: bool,
}

/// Which image of an index.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlatformChoice {
    /// Platform to select from an index, such as linux/amd64
    #[arg(long, value_name = "OS/ARCH", env = "PLIMSOLL_PLATFORM", help_heading = IMAGES)]
    pub(crate) platform: Option<Platform>,
}

/// Where evidence is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct EvidenceRepository {
    /// Repository for signatures and other evidence [default: COSIGN_REPOSITORY, otherwise the image's own]
    #[arg(long, value_name = "REPOSITORY", env = "PLIMSOLL_EVIDENCE_REPOSITORY", help_heading = IMAGES)]
    pub(crate) evidence_repository: Option<String>,
}

impl EvidenceRepository {
    /// The named repository; an empty variable names none.
    pub(crate) fn named(&self) -> Option<&str> {
        self.evidence_repository.as_deref().filter(|name| !name.is_empty())
    }
}

/// The advisory database.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseChoice {
    /// Folder of the advisory database [default: plimsoll/db in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_DB", help_heading = JUDGEMENT)]
    pub(crate) db: Option<PathBuf>,
}

/// The instant that counts as now.
#[derive(Debug, Clone, Args)]
pub(crate) struct Instant {
    /// Judge as of this instant (RFC 3339, such as 2026-11-20T12:00:00Z) instead of now
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_AT", value_parser = parse_instant, help_heading = JUDGEMENT)]
    pub(crate) at: Option<Timestamp>,
}

/// `NAME=VALUE` for a limit: a known name with a valid value.
pub(crate) fn parse_limit(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    match Limits::default().set(name, value) {
        Ok(()) => Ok((name.to_owned(), value.to_owned())),
        Err(fault @ LimitFault::Name { .. }) => {
            let nearest = plimsoll_core::nearest(name, Limits::NAMES.iter().copied());
            let nearest = nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default();
            Err(format!("{fault}{nearest}"))
        }
        Err(fault) => Err(format!("{name}: {fault}")),
    }
}

/// A duration as users write it: `90s`, `5m`, `24h`, `1h30m`.
/// A flag without a value, as its variable sets it. Only words that mean yes or no count: some flags weaken a check, and
/// `none` must not turn them on.
pub(crate) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "y" | "t" => Ok(true),
        "" | "false" | "no" | "off" | "0" | "n" | "f" => Ok(false),
        _ => Err(format!("got `{text}`, expected true or false")),
    }
}

/// An instant, for flags that are not relative to now.
pub(super) fn parse_instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| format!("got `{text}`, expected an instant in RFC 3339 such as 2026-11-20T12:00:00Z"))
}

/// `host` or `host:port`. A URL would match no host and so change nothing.
fn parse_host(text: &str) -> Result<String, String> {
    let host = text.trim();
    if host.is_empty() || host.contains(['/', '@', '?', '#', ' ', '*']) {
        return Err(format!("got `{text}`, expected a host or host:port, without https:// and path"));
    }
    Ok(host.to_owned())
}

pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("got `{text}`, expected a duration such as 90s, 5m or 1h30m");
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    std::time::Duration::try_from(duration).ok().filter(|d| !d.is_zero()).ok_or_else(wrong)
}
