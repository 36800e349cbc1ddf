//! From the flags about signing to what signs: a key, or an identity with the services that vouch for it.

use std::io::IsTerminal as _;
use std::path::Path;

use plimsoll_core::{Kind, Limits, clock};
use plimsoll_http::Url;
use plimsoll_keys::KeyAccess;
use plimsoll_keys::SigningKey;
use plimsoll_signing::services::identity::{KUBERNETES, Sources};
use plimsoll_signing::services::oauth::{Prompt, Provider, Timing};
use plimsoll_signing::services::{IdentityToken, Services};
use plimsoll_signing::{Confirmation, Content, Signer, make};
use plimsoll_trust as trust;
use plimsoll_trust::{Log, LogVersion, SigningConfig, UnknownMembers};
use plimsoll_verify::TrustedRoot;

use crate::args::attest::SignWith;
use crate::args::keyless_flags::{Flow, Keyless};
use crate::failure::Failure;
use crate::output::Console;

/// What signs, for as many bundles as there are to make.
pub(crate) struct Signing {
    who: Who,
    services: Option<Services>,
    root: Option<TrustedRoot>,
}

enum Who {
    Key(Box<dyn SigningKey>),
    Identity(Box<IdentityToken>),
}

impl Signing {
    /// Opens the key that the flags name, or finds out who signs without one.
    pub(crate) fn new(with: &SignWith, access: &KeyAccess, console: Console) -> Result<Self, Failure> {
        let (flags, http) = (&with.keyless, &access.http);
        if let Some(key) = &with.key
            && !flags.names_services()
        {
            // Alone, as in an air gap: nothing but the key vouches for the signature.
            let key = super::signing_key(key.as_str(), access)?;
            return Ok(Self { who: Who::Key(key), services: None, root: None });
        }
        let folder = super::trust_folder().ok();
        let choice = trust::Choice {
            file: flags.trusted_root.as_deref(),
            instance: flags.instance.as_deref().unwrap_or(trust::PUBLIC_GOOD),
            folder: folder.as_deref(),
            now: clock::now(),
            http,
        };
        let current = trust::current(&choice)?;
        let services = services(flags, current.signing_config.as_deref(), http, with.key.is_some())?;
        let who = match &with.key {
            Some(key) => Who::Key(super::signing_key(key.as_str(), access)?),
            None => Who::Identity(Box::new(token(flags, &services, http, console)?)),
        };
        Ok(Self { who, services: Some(services), root: Some(current.root) })
    }

    /// Signs, and gives the bundle.
    pub(crate) fn sign(&self, content: Content<'_>, limits: &Limits) -> Result<Vec<u8>, Failure> {
        let signer = match &self.who {
            Who::Key(key) => Signer::Key(key.as_ref()),
            Who::Identity(token) => Signer::Keyless { token },
        };
        let confirmation = Confirmation { root: self.root.as_ref(), now: clock::now(), limits };
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

    /// Who signs, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.who {
            Who::Key(key) => format!("key {}", key.public_key().id()),
            Who::Identity(token) => plimsoll_core::text::terminal(&format!(
                "a certificate for {} (issuer {})",
                token.subject(),
                token.issuer()
            ))
            .into_owned(),
        }
    }
}

fn services(
    flags: &Keyless,
    of_instance: Option<&[u8]>,
    http: &plimsoll_http::Settings,
    by_key: bool,
) -> Result<Services, Failure> {
    let config = match &flags.signing_config {
        Some(path) => {
            let bytes = super::read_within(path, Limits::TRUSTED_ROOT_BYTES, "trusted_root_bytes")?;
            Some(SigningConfig::parse(&bytes, UnknownMembers::Refuse)?)
        }
        // A key asks those that are named, and no others.
        None if by_key => None,
        None => of_instance.map(|bytes| SigningConfig::parse(bytes, UnknownMembers::Skip)).transpose()?,
    };
    let mut services = match config {
        Some(config) => Services::from_config(&config, http.clone(), clock::now())?,
        None => Services::new(http.clone())?,
    };
    if let Some(url) = &flags.fulcio_url {
        services.authority = Some(place("--fulcio-url", url)?);
    }
    if let Some(url) = &flags.rekor_url {
        services.logs = vec![Log { url: place("--rekor-url", url)?, version: LogVersion::V1 }];
    }
    if !flags.timestamp_server_url.is_empty() {
        let named = flags.timestamp_server_url.iter().map(|url| place("--timestamp-server-url", url));
        services.timestamps = named.collect::<Result<_, _>>()?;
    }
    if let Some(url) = &flags.oidc_issuer {
        services.issuer = Some(place("--oidc-issuer", url)?);
    }
    if !by_key && services.authority.is_none() {
        return Err(Failure::new(
            Kind::Usage,
            "nobody can certify who signs: no certificate authority is known",
        )
        .with_hint(
            "pass --signing-config FILE, fetch one with `plimsoll trust update`, or sign with --key KEY",
        ));
    }
    Ok(services)
}

fn place(flag: &str, url: &str) -> Result<Url, Failure> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http")).ok_or_else(|| {
        let url = plimsoll_core::text::terminal(url);
        Failure::new(Kind::Usage, format!("{flag}: got {url}, expected https://HOST"))
    })
}

/// The token that is given, or offered by the surroundings, or had by signing in.
fn token(
    flags: &Keyless,
    services: &Services,
    http: &plimsoll_http::Settings,
    console: Console,
) -> Result<IdentityToken, Failure> {
    let (audience, now) = (flags.oidc_client_id.as_str(), clock::now());
    if let Some(given) = &flags.identity_token {
        // No file has the form of a token: three parts of base64url, the first of them a JSON object.
        let is_token = given.starts_with("eyJ") && given.split('.').count() == 3;
        return Ok(if is_token {
            IdentityToken::parse(given, "--identity-token", audience, now)?
        } else {
            IdentityToken::from_file(Path::new(given), audience, now)?
        });
    }
    if !flags.oidc_disable_ambient_providers {
        let variable = |name: &str| std::env::var(name).ok();
        let sources = Sources { variable: &variable, http: http.clone(), kubernetes: Path::new(KUBERNETES) };
        if let Some(token) = sources.find(audience, now)? {
            return Ok(token);
        }
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(
            Kind::Unauthorized,
            "nobody says who signs: no identity token, and no terminal to sign in",
        )
        .with_hint(
            "pass --identity-token FILE, allow the CI job to ask for a token, or sign with --key KEY",
        ));
    }
    let provider = Provider::discover(services, audience)?;
    let patience = Timing { now: &clock::now, wait: &std::thread::sleep };
    let mut show = |prompt: &Prompt| match &prompt.code {
        Some(code) => console.say(format_args!("open {} and type {code}", prompt.page)),
        None => console.say(format_args!("open {} to sign in", prompt.page)),
    };
    Ok(match flags.fulcio_auth_flow {
        Flow::Normal => provider.browser(&patience, &mut show)?,
        Flow::Device => provider.device(&patience, &mut show)?,
    })
}
