//! `plimsoll scan`.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use plimsoll_vuln::Threshold;

use super::catalogers_flag::CatalogerChoice;
use super::shared::{
    DatabaseChoice, IMAGES, Instant, JUDGEMENT, LayerReading, OUTPUT, Reading, parse_switch,
};
use super::update_flags::Updating;
use crate::render::scan::{FORMATS, ScanFormat};

/// Find known vulnerabilities in an image or SBOM
///
/// Prints findings, and components that no fresh feed covers. It does not judge: with findings, the exit code is still
/// 0, unless --fail-on asks for 10. If components could not be looked up, it is 11, because an empty answer would not mean
/// safety. Problems that hide nothing are noted, and do not affect the exit code.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll scan registry.example/team/app:1.4 --db db/
  plimsoll scan app.tar --db-update
  plimsoll scan sbom:boms/ -o jsonl --output-file fleet.jsonl
  plimsoll scan app.tar --fail-on kev,critical,high+fixable,'epss>0.1'
  plimsoll scan app.tar --vex app.openvex.json --fail-on high
  plimsoll scan app.tar --explain CVE-2024-36039
  plimsoll scan app.tar --baseline yesterday.json --fail-on low
  plimsoll scan registry.example/app@sha256:… -o vuln --output-file vuln.json
  plimsoll attest --type vuln --predicate vuln.json registry.example/app@sha256:…")]
pub(crate) struct Scan {
    /// Images or SBOMs to scan; sbom:DIR means all documents in a folder
    #[arg(required_unless_present = "subjects_from", value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// File with more subjects, one per line; - for standard input
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SUBJECTS_FROM")]
    pub(crate) subjects_from: Option<PathBuf>,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    /// Exit with 10 if a finding meets this: low, medium, high or critical (at least; unrated counts as high), kev
    /// (known to be exploited), epss>0.1 (a higher probability), fixable, or several joined: high+fixable. May be
    /// repeated
    #[arg(long, value_name = "CONDITION", env = "PLIMSOLL_FAIL_ON", value_delimiter = ',', help_heading = OUTPUT)]
    pub(crate) fail_on: Vec<Threshold>,
    /// Explain why there is this finding, or none; may be repeated
    #[arg(long, value_name = "ID", env = "PLIMSOLL_SCAN_EXPLAIN", value_delimiter = ',', help_heading = OUTPUT)]
    pub(crate) explain: Vec<String>,
    /// Show what changed since this result of -o json; --fail-on counts only what is new or worse
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_BASELINE", help_heading = OUTPUT)]
    pub(crate) baseline: Option<PathBuf>,
    /// The template for -o template
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TEMPLATE", hide_short_help = true, help_heading = OUTPUT)]
    pub(crate) template: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) db: DatabaseChoice,
    /// VEX document (OpenVEX, CSAF or CycloneDX), or a folder of them. Findings that it rules out are set aside and
    /// listed. You trust it by naming it: no signature is verified. May be repeated
    #[arg(long, value_name = "FILE|DIR", env = "PLIMSOLL_VEX", value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) vex: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) vex_trust: VexTrust,
    /// File with rules for findings to ignore: IgnoreRules, .trivyignore, .grype.yaml or osv-scanner.toml. Ignored
    /// findings are listed. No file is used unless it is named. May be repeated
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_IGNORE_FILE", value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) ignore_file: Vec<PathBuf>,
    /// Newer edition of the image's base (image or SBOM): says which of the base's findings it still has
    #[arg(long, value_name = "SUBJECT", env = "PLIMSOLL_NEWER_BASE", hide_short_help = true, help_heading = JUDGEMENT)]
    pub(crate) newer_base: Option<String>,
    #[command(flatten)]
    pub(crate) updating: Updating,
    #[command(flatten)]
    pub(crate) instant: Instant,
    /// Also count findings in dependencies that lock files and manifests declare only for development, builds and tests
    #[arg(long, env = "PLIMSOLL_INCLUDE_DEV_DEPS", hide_short_help = true, value_parser = parse_switch, help_heading = IMAGES)]
    pub(crate) include_dev_deps: bool,
    #[command(flatten)]
    pub(crate) catalogers: CatalogerChoice,
    #[command(flatten)]
    pub(crate) layers: LayerReading,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Whose VEX counts, of that which is attached to the image.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct VexTrust {
    /// Public key (file or reference) whose VEX counts if it is attached to the image as by `attest --type openvex`. May be
    /// repeated
    #[arg(long, value_name = "KEY", env = "PLIMSOLL_VEX_KEY", hide_short_help = true, value_delimiter = ',', help_heading = JUDGEMENT)]
    pub(crate) vex_key: Vec<String>,
    /// Subject of the certificate of a signer whose VEX counts likewise: an e-mail address or a URI; may be repeated
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_VEX_CERTIFICATE_IDENTITY", hide_short_help = true, help_heading = JUDGEMENT)]
    pub(crate) vex_certificate_identity: Vec<String>,
    /// Issuer that vouches for the subject: one for all, or one for each
    #[arg(long, value_name = "URL", env = "PLIMSOLL_VEX_CERTIFICATE_OIDC_ISSUER", hide_short_help = true, help_heading = JUDGEMENT)]
    pub(crate) vex_certificate_oidc_issuer: Vec<String>,
    /// Trusted root file with the authorities and logs to verify certificates against; replaces --instance
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TRUSTED_ROOT", hide_short_help = true, help_heading = JUDGEMENT)]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Sigstore instance to verify certificates against, fetched by `trust update` [default: public-good, built in if
    /// never fetched]
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_INSTANCE", hide_short_help = true, help_heading = JUDGEMENT)]
    pub(crate) instance: Option<String>,
}

/// A format of the list.
#[derive(Clone, Copy)]
pub(crate) struct Format(pub(crate) &'static dyn ScanFormat);

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Format>> = LazyLock::new(|| FORMATS.into_iter().map(Format).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.about()))
    }
}
