//! `plimsoll sign-blob`, `verify-blob`, `attest-blob`, `verify-blob-attestation`.

use std::path::PathBuf;

use clap::Args;
use plimsoll_verify::PredicateType;

use super::attest::{SignWith, StatementFlags};
use super::shared::{Network, OUTPUT, parse_switch};
use super::trust_flags::Trust;
use super::verify::{AttestationFormat, Format};

/// Sign a file
///
/// Reads the file once, however large it is, and writes a Sigstore bundle. With only --key, nothing is sent anywhere.
/// Without it, or if services are given, the instance's certificate authority, logs and timestamp authorities are used.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll sign-blob --key release.key --bundle app.tar.gz.sigstore.json app.tar.gz
  make-archive | plimsoll sign-blob --key release.key - > archive.sigstore.json")]
pub(crate) struct SignBlob {
    /// The file, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) signing: SignWith,
    /// File for the bundle [default: standard output]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGN_BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Also write only the signature, in base64, to this file, for tools that do not read bundles
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_OUTPUT_SIGNATURE")]
    pub(crate) output_signature: Option<PathBuf>,
    /// Sign the file even if its signature would also be one of an image, a token, TUF metadata or the like
    #[arg(long, env = "PLIMSOLL_ALLOW_SIGNED_FORM", value_parser = parse_switch)]
    pub(crate) allow_signed_form: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Verify the signature of a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll verify-blob --key release.pub --insecure-ignore-tlog \\
      --bundle app.tar.gz.sigstore.json app.tar.gz
  plimsoll verify-blob --bundle app.sigstore.json --certificate-identity ann@example.com \\
      --certificate-oidc-issuer https://accounts.example.com sha256:…
  plimsoll verify-blob --key release.pub --signature app.tar.gz.sig \\
      --insecure-ignore-tlog app.tar.gz")]
pub(crate) struct VerifyBlob {
    /// The file, `-` for standard input, or its digest as sha256:…
    #[arg(value_name = "FILE|DIGEST")]
    pub(crate) file: PathBuf,
    /// The bundle with the signature
    #[arg(
        long,
        value_name = "FILE",
        env = "PLIMSOLL_BUNDLE",
        required_unless_present = "signature",
        conflicts_with = "signature"
    )]
    pub(crate) bundle: Option<PathBuf>,
    /// A plain signature without a bundle, in base64 or binary; needs --key and --insecure-ignore-tlog
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGNATURE")]
    pub(crate) signature: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Show each step of the verification with its result
    #[arg(long, env = "PLIMSOLL_EXPLAIN", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) explain: bool,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "table", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Sign a statement about a file
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  plimsoll attest-blob --key release.key --type slsaprovenance1 --predicate provenance.json \\
      --bundle app.att.sigstore.json app.tar.gz")]
pub(crate) struct AttestBlob {
    /// The file, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) statement: StatementFlags,
    #[command(flatten)]
    pub(crate) signing: SignWith,
    /// File for the bundle [default: standard output]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGN_BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// Verify a statement about a file, and print it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll verify-blob-attestation --type slsaprovenance1 --key release.pub --insecure-ignore-tlog \\
      --bundle app.att.sigstore.json app.tar.gz
  plimsoll verify-blob-attestation --key release.pub --insecure-ignore-tlog --bundle a.json \\
      --digest 9f86… --digest-alg sha256")]
pub(crate) struct VerifyBlobAttestation {
    /// The file, `-` for standard input, or its digest as sha256:…
    #[arg(value_name = "FILE|DIGEST", required_unless_present = "digest", conflicts_with = "digest")]
    pub(crate) file: Option<PathBuf>,
    /// The digest of the file, in hexadecimal
    #[arg(long, value_name = "HEX", env = "PLIMSOLL_DIGEST")]
    pub(crate) digest: Option<String>,
    /// The algorithm of --digest: sha256, sha384 or sha512
    #[arg(
        long,
        alias = "digestAlg",
        value_name = "NAME",
        default_value = "sha256",
        env = "PLIMSOLL_DIGEST_ALG"
    )]
    pub(crate) digest_alg: String,
    /// The bundle with the attestation
    #[arg(
        long,
        value_name = "FILE",
        env = "PLIMSOLL_BUNDLE",
        required_unless_present = "signature",
        conflicts_with = "signature"
    )]
    pub(crate) bundle: Option<PathBuf>,
    /// A plain DSSE envelope without a bundle; needs --key and --insecure-ignore-tlog
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGNATURE")]
    pub(crate) signature: Option<PathBuf>,
    /// The predicate type: slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln,
    /// openvex, testresult, vsa, custom, or a URI
    #[arg(long = "type", value_name = "TYPE", default_value = "custom", env = "PLIMSOLL_TYPE")]
    pub(crate) kind: PredicateType,
    /// JSON Schema that the predicate must match; it must be self-contained, because nothing is fetched
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SCHEMA")]
    pub(crate) schema: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: Trust,
    /// Show each step of the verification with its result
    #[arg(long, env = "PLIMSOLL_EXPLAIN", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) explain: bool,
    /// Format of the result
    #[arg(short, long, value_name = "FORMAT", default_value = "statements", env = "PLIMSOLL_OUTPUT", help_heading = OUTPUT)]
    pub(crate) output: AttestationFormat,
    #[command(flatten)]
    pub(crate) network: Network,
}
