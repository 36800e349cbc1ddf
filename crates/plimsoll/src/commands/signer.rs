//! What signs: a key, or an identity with the services that vouch for it.

use std::io::IsTerminal as _;
use std::path::Path;

use plimsoll_core::{Kind, Limits, Timestamp};
use plimsoll_keys::SigningKey;
use plimsoll_signing::services::identity::{KUBERNETES, Sources};
use plimsoll_signing::services::oauth::{Prompt, Provider, Timing};
use plimsoll_signing::services::{IdentityToken, Services};
use plimsoll_signing::{Confirmation, Content, Signer, make};
use plimsoll_trust as trust;
use plimsoll_trust::{Log, LogVersion, SigningConfig, UnknownMembers};
use plimsoll_verify::TrustedRoot;

use crate::failure::Failure;
use crate::output::Console;
use crate::settings::read_within;
use crate::settings::signing::{Flow, IdentitySettings, ServiceSettings, SignedBy, SigningSettings};

/// What signs, for any number of bundles.
pub(super) struct Signing {
    source: SignerSource,
    services: Option<Services>,
    root: Option<TrustedRoot>,
    clock: fn() -> Timestamp,
}

enum SignerSource {
    Key(Box<dyn SigningKey>),
    Identity(Box<IdentityToken>),
}

impl Signing {
    /// Opens the key, or determines who signs without one.
    pub(super) fn open(settings: &SigningSettings, console: Console) -> Result<Self, Failure> {
        let (keys, http, clock) = (&settings.keys, &settings.keys.access.http, settings.clock);
        let (key, named) = match &settings.by {
            SignedBy::KeyAlone(key) => {
                return Ok(Self {
                    source: SignerSource::Key(keys.open(key)?),
                    services: None,
                    root: None,
                    clock,
                });
            }
            SignedBy::Services { key, services } => (key.as_deref(), services),
        };
        let choice = trust::Choice {
            file: named.trusted_root.as_deref(),
            instance: &named.instance,
            folder: named.folder.as_deref(),
            now: clock(),
            http,
        };
        let current = trust::current(&choice)?;
        let services = services(named, current.signing_config.as_deref(), http, key.is_some(), clock())?;
        let source = match key {
            Some(key) => SignerSource::Key(keys.open(key)?),
            None => {
                SignerSource::Identity(Box::new(token(&named.identity, &services, http, clock, console)?))
            }
        };
        Ok(Self { source, services: Some(services), root: Some(current.root), clock })
    }

    /// Signs, and returns the bundle.
    pub(super) fn sign(&self, content: Content<'_>, limits: &Limits) -> Result<Vec<u8>, Failure> {
        let signer = match &self.source {
            SignerSource::Key(key) => Signer::Key(key.as_ref()),
            SignerSource::Identity(token) => Signer::Keyless { token },
        };
        let confirmation = Confirmation { root: self.root.as_ref(), now: (self.clock)(), limits };
        make(content, signer, self.services.as_ref(), &confirmation).map_err(|error| {
            let named =
                matches!(error, plimsoll_signing::Error::WouldNotVerify(_)) && self.services.is_some();
            let failure = Failure::from(error);
            if named {
                failure.with_hint("name the trusted root of these services: --trusted-root FILE")
            } else {
                failure
            }
        })
    }

    /// The signer, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.source {
            SignerSource::Key(key) => format!("key {}", key.public_key().id()),
            SignerSource::Identity(token) => plimsoll_core::text::terminal(&format!(
                "a certificate for {} (issuer {})",
                token.subject(),
                token.issuer()
            ))
            .into_owned(),
        }
    }
}

fn services(
    named: &ServiceSettings,
    of_instance: Option<&[u8]>,
    http: &plimsoll_http::Settings,
    by_key: bool,
    now: Timestamp,
) -> Result<Services, Failure> {
    let config = match &named.config {
        Some(path) => {
            let bytes = read_within(path, Limits::TRUSTED_ROOT_BYTES, "trusted_root_bytes")?;
            Some(SigningConfig::parse(&bytes, UnknownMembers::Refuse)?)
        }
        // With a key, only the named services are used.
        None if by_key => None,
        None => of_instance.map(|bytes| SigningConfig::parse(bytes, UnknownMembers::Skip)).transpose()?,
    };
    let mut services = match config {
        Some(config) => Services::from_config(&config, http.clone(), now)?,
        None => Services::new(http.clone())?,
    };
    if let Some(url) = &named.authority {
        services.authority = Some(url.clone());
    }
    if let Some(url) = &named.log {
        services.logs = vec![Log { url: url.clone(), version: LogVersion::V1 }];
    }
    if !named.timestamps.is_empty() {
        services.timestamps.clone_from(&named.timestamps);
    }
    if let Some(url) = &named.issuer {
        services.issuer = Some(url.clone());
    }
    if !by_key && services.authority.is_none() {
        return Err(Failure::new(Kind::Usage, "cannot get a certificate: no certificate authority is known")
            .with_hint(
                "pass --signing-config FILE, fetch one with `plimsoll trust update`, or sign with --key KEY",
            ));
    }
    Ok(services)
}

/// The token: given, offered by the environment, or obtained by signing in.
fn token(
    settings: &IdentitySettings,
    services: &Services,
    http: &plimsoll_http::Settings,
    clock: fn() -> Timestamp,
    console: Console,
) -> Result<IdentityToken, Failure> {
    let (audience, now) = (settings.client.as_str(), clock());
    if let Some(given) = &settings.token {
        // No file has the form of a token: three parts of base64url, the first of them a JSON object.
        let is_token = given.starts_with("eyJ") && given.split('.').count() == 3;
        return Ok(if is_token {
            IdentityToken::parse(given, "--identity-token", audience, now)?
        } else {
            IdentityToken::from_file(Path::new(given), audience, now)?
        });
    }
    if settings.ambient {
        let variable = |name: &str| (settings.environment)(name)?.into_string().ok();
        let sources = Sources { variable: &variable, http: http.clone(), kubernetes: Path::new(KUBERNETES) };
        if let Some(token) = sources.find(audience, now)? {
            return Ok(token);
        }
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(
            Kind::Unauthorized,
            "the signer is unknown: there is no identity token, and no terminal to sign in",
        )
        .with_hint(
            "pass --identity-token FILE, allow the CI job to ask for a token, or sign with --key KEY",
        ));
    }
    let provider = Provider::discover(services, audience)?;
    let timing = Timing { now: &clock, wait: &std::thread::sleep };
    let mut show = |prompt: &Prompt| match &prompt.code {
        Some(code) => console.say(format_args!("open {} and type {code}", prompt.page)),
        None => console.say(format_args!("open {} to sign in", prompt.page)),
    };
    Ok(match settings.flow {
        Flow::Normal => provider.browser(&timing, &mut show)?,
        Flow::Device => provider.device(&timing, &mut show)?,
    })
}
