//! Flags for keyless signing, and for the services that witness a signature.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

const SERVICES: &str = "Services";

/// Which services to use, and with which identity.
#[derive(Debug, Clone, Args)]
pub(crate) struct Keyless {
    /// Signing configuration with the services to use [default with --key: none; without: that of --instance]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGNING_CONFIG", help_heading = SERVICES)]
    pub(crate) signing_config: Option<PathBuf>,
    /// Trusted root file to verify the new bundle with before it is used
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TRUSTED_ROOT", help_heading = SERVICES)]
    pub(crate) trusted_root: Option<PathBuf>,
    /// Sigstore instance to sign with, fetched by `trust update` [default: public-good]
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_INSTANCE", help_heading = SERVICES)]
    pub(crate) instance: Option<String>,
    /// Certificate authority, in place of the configuration's
    #[arg(long, value_name = "URL", env = "PLIMSOLL_FULCIO_URL", hide_short_help = true, help_heading = SERVICES)]
    pub(crate) fulcio_url: Option<String>,
    /// Transparency log of version 1, in place of the configuration's
    #[arg(long, value_name = "URL", env = "PLIMSOLL_REKOR_URL", hide_short_help = true, help_heading = SERVICES)]
    pub(crate) rekor_url: Option<String>,
    /// Timestamp authority, in place of the configuration's; may be repeated
    #[arg(long, value_name = "URL", env = "PLIMSOLL_TIMESTAMP_SERVER_URL", hide_short_help = true, help_heading = SERVICES)]
    pub(crate) timestamp_server_url: Vec<String>,
    /// OpenID provider to sign in with, in place of the configuration's
    #[arg(long, value_name = "URL", env = "PLIMSOLL_OIDC_ISSUER", hide_short_help = true, help_heading = SERVICES)]
    pub(crate) oidc_issuer: Option<String>,
    /// Audience of tokens, and our client ID at the provider
    #[arg(long, value_name = "NAME", default_value = "sigstore", env = "PLIMSOLL_OIDC_CLIENT_ID", hide_short_help = true, help_heading = SERVICES)]
    pub(crate) oidc_client_id: String,
    /// Identity token of the signer, or a file with it [default: the CI system's token]
    #[arg(long, value_name = "FILE|TOKEN", env = "PLIMSOLL_IDENTITY_TOKEN", hide_env_values = true, help_heading = SERVICES)]
    pub(crate) identity_token: Option<String>,
    /// Do not use the CI system's token
    #[arg(long, value_name = "BOOL", env = "PLIMSOLL_OIDC_DISABLE_AMBIENT_PROVIDERS", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
        action = ArgAction::Set, hide_short_help = true, help_heading = SERVICES)]
    pub(crate) oidc_disable_ambient_providers: bool,
    /// How to sign in on a terminal
    #[arg(long, value_name = "FLOW", default_value = "normal", env = "PLIMSOLL_FULCIO_AUTH_FLOW", hide_short_help = true, help_heading = SERVICES)]
    pub(crate) fulcio_auth_flow: Flow,
}

impl Keyless {
    /// Whether services are named, which a signature by key then uses.
    pub(crate) fn names_services(&self) -> bool {
        self.signing_config.is_some() || self.rekor_url.is_some() || !self.timestamp_server_url.is_empty()
    }
}

/// How a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flow {
    /// With the browser of this machine
    Normal,
    /// With any browser, by typing a code
    Device,
}
