//! Flags for trusted signers and the evidence required in addition to the signature.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args};
use plimsoll_verify::Claim;

use super::shared::{OUTPUT, parse_switch};

const TRUST: &str = "Trust";

/// Whose signatures count.
#[derive(Debug, Clone, Args)]
pub(crate) struct Trust {
    /// Public key: a file in PEM, or another reference such as env://NAME; may be repeated: one match is enough
    #[arg(long, value_name = "KEY", env = "PLIMSOLL_KEY", hide_env_values = true, help_heading = TRUST)]
    pub(crate) key: Vec<KeyReference>,
    /// Subject of the signer's certificate: an e-mail address or a URI; may be repeated
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_CERTIFICATE_IDENTITY", help_heading = TRUST)]
    pub(crate) certificate_identity: Vec<String>,
    /// A regular expression for the whole subject; may be repeated
    #[arg(long, value_name = "PATTERN", env = "PLIMSOLL_CERTIFICATE_IDENTITY_REGEXP", help_heading = TRUST)]
    pub(crate) certificate_identity_regexp: Vec<String>,
    /// Issuer that vouches for the subject: one for all, or one for each
    #[arg(long, value_name = "URL", env = "PLIMSOLL_CERTIFICATE_OIDC_ISSUER", help_heading = TRUST)]
    pub(crate) certificate_oidc_issuer: Vec<String>,
    /// A regular expression for the whole issuer
    #[arg(long, value_name = "PATTERN", env = "PLIMSOLL_CERTIFICATE_OIDC_ISSUER_REGEXP", help_heading = TRUST)]
    pub(crate) certificate_oidc_issuer_regexp: Vec<String>,
    /// Another claim that the certificate must have, such as source-ref=refs/heads/main; may be repeated
    #[arg(long, value_name = "NAME=VALUE", env = "PLIMSOLL_CERTIFICATE_CLAIM", hide_short_help = true, value_parser = parse_claim, help_heading = TRUST)]
    pub(crate) certificate_claim: Vec<(Claim, String)>,
    /// Trusted root file with the authorities and logs to verify against; replaces --instance
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TRUSTED_ROOT", help_heading = TRUST)]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Sigstore instance to verify against, fetched by `trust update` [default: public-good, built in if never fetched]
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_INSTANCE", help_heading = TRUST)]
    pub(crate) instance: Option<String>,
    /// Accept signatures without a transparency log; then only the signer knows that a signature exists
    #[arg(long, value_name = "BOOL", env = "PLIMSOLL_INSECURE_IGNORE_TLOG", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, help_heading = TRUST)]
    pub(crate) insecure_ignore_tlog: bool,
    /// How many different transparency logs must contain the signature [default: 1]
    #[arg(long, value_name = "NUMBER", env = "PLIMSOLL_LOGS", hide_short_help = true, help_heading = TRUST)]
    pub(crate) logs: Option<NonZeroUsize>,
    /// Accept certificates without proof that they are in a certificate log
    #[arg(long, value_name = "BOOL", env = "PLIMSOLL_INSECURE_IGNORE_SCT", hide_short_help = true, num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, help_heading = TRUST)]
    pub(crate) insecure_ignore_sct: bool,
    /// Require a timestamp signed by a trusted authority
    #[arg(long, value_name = "BOOL", env = "PLIMSOLL_USE_SIGNED_TIMESTAMPS", hide_short_help = true, num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, help_heading = TRUST)]
    pub(crate) use_signed_timestamps: bool,
    /// How many different trusted authorities must have signed a timestamp
    #[arg(long, value_name = "NUMBER", env = "PLIMSOLL_TIMESTAMPS", hide_short_help = true, help_heading = TRUST)]
    pub(crate) timestamps: Option<usize>,
    #[command(flatten)]
    pub(crate) github: GitHub,
}

/// The trusted root for certificates, if a policy names the signers.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RootChoice {
    /// Trusted root file for policies that do not name their own
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TRUSTED_ROOT", help_heading = TRUST)]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Sigstore instance whose trusted root to use, fetched by `trust update` [default: public-good, built in if never
    /// fetched]
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_INSTANCE", help_heading = TRUST)]
    pub(crate) instance: Option<String>,
}

/// cosign's flags for claims of GitHub's workflows. Each corresponds to a claim of the certificate.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_field_names, reason = "the names of the flags")]
pub(crate) struct GitHub {
    /// cosign's name for --certificate-claim build-trigger=…
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_CERTIFICATE_GITHUB_WORKFLOW_TRIGGER", hide_short_help = true, help_heading = TRUST)]
    pub(crate) certificate_github_workflow_trigger: Option<String>,
    /// cosign's name for --certificate-claim source-digest=…
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_CERTIFICATE_GITHUB_WORKFLOW_SHA", hide_short_help = true, help_heading = TRUST)]
    pub(crate) certificate_github_workflow_sha: Option<String>,
    /// cosign's name for --certificate-claim workflow-name=…
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_CERTIFICATE_GITHUB_WORKFLOW_NAME", hide_short_help = true, help_heading = TRUST)]
    pub(crate) certificate_github_workflow_name: Option<String>,
    /// cosign's name for --certificate-claim `source-repository=https://github.com/…`
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_CERTIFICATE_GITHUB_WORKFLOW_REPOSITORY", hide_short_help = true, help_heading = TRUST)]
    pub(crate) certificate_github_workflow_repository: Option<String>,
    /// cosign's name for --certificate-claim source-ref=…
    #[arg(long, value_name = "TEXT", env = "PLIMSOLL_CERTIFICATE_GITHUB_WORKFLOW_REF", hide_short_help = true, help_heading = TRUST)]
    pub(crate) certificate_github_workflow_ref: Option<String>,
}

/// How many signers are required, and how the outcome is reported.
#[derive(Debug, Clone, Args)]
pub(crate) struct Outcome {
    /// How many different signers are required; the same key or identity counts once
    #[arg(long, value_name = "NUMBER", default_value = "1", env = "PLIMSOLL_THRESHOLD", help_heading = TRUST)]
    pub(crate) threshold: NonZeroUsize,
    /// Show each step of the verification with its result, and every refused bundle
    #[arg(long, env = "PLIMSOLL_EXPLAIN", value_parser = parse_switch, help_heading = OUTPUT)]
    pub(crate) explain: bool,
    /// Use cosign's exit codes: 10 no signature, 11 no such tag, 12 no valid signature, 13 signed without certificate,
    /// else 1
    #[arg(long, env = "PLIMSOLL_COSIGN_EXIT_CODES", value_parser = parse_switch, hide_short_help = true, help_heading = OUTPUT)]
    pub(crate) cosign_exit_codes: bool,
}

/// A key's location: the path of a file, or a reference with a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyReference(String);

impl KeyReference {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this text is a path, not a reference into a token or a service.
    pub(crate) fn is_path(text: &str) -> bool {
        let has =
            |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        // If a reference were treated as a path, its PIN would appear in messages about the path.
        !text.contains("://") && !["pkcs11:", "external:"].into_iter().any(has)
    }
}

impl FromStr for KeyReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("got an empty text, expected a key".into()) } else { Ok(Self(text.into())) }
    }
}

fn parse_claim(text: &str) -> Result<(Claim, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("got `{text}`, expected NAME=VALUE"))?;
    let claim = name.parse::<Claim>().map_err(|error| error.to_string())?;
    Ok((claim, value.to_owned()))
}

/// `NAME=VALUE` of an annotation.
pub(crate) fn parse_annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("got `{text}`, expected NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_distinguished_from_paths() {
        for reference in
            ["pkcs11:token=a", "PKCS11:token=a?pin-value=1", "external:sign", "awskms:///alias/a"]
        {
            assert!(!KeyReference::is_path(reference), "{reference}");
        }
        for path in ["a.key", "keys/pkcs11:a", "é"] {
            assert!(KeyReference::is_path(path), "{path}");
        }
    }
}
