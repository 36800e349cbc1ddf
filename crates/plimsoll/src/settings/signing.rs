//! From the flags about signing to what is signed with, and whom it takes to vouch for it. `commands/signer.rs` opens it.

use std::path::PathBuf;

use plimsoll_core::{Kind, Timestamp};
use plimsoll_http::Url;
use plimsoll_trust as trust;

use super::{Context, Environment, Keys};
use crate::args::attest::{SignWith, Upload as UploadFlags};
use crate::args::keyless_flags::Keyless;
use crate::failure::Failure;

pub(crate) use crate::args::keyless_flags::Flow;

/// With what is signed.
pub(crate) struct SigningSettings {
    pub(crate) by: SignedBy,
    /// What keys are opened with.
    pub(crate) keys: Keys,
    /// For what has to be right when it is signed: somebody may have to sign in first.
    pub(crate) clock: fn() -> Timestamp,
    /// Whether files with signatures are replaced.
    pub(crate) force: bool,
}

/// Who signs.
pub(crate) enum SignedBy {
    /// A key, as in an air gap: nothing else vouches for the signature.
    KeyAlone(String),
    /// A key or, without one, an identity, and services vouch for it.
    Services { key: Option<String>, services: Box<ServiceSettings> },
}

/// Which services are used, and with which identity.
pub(crate) struct ServiceSettings {
    /// A trusted root that the new bundle is verified against, instead of the instance's.
    pub(crate) trusted_root: Option<PathBuf>,
    /// The instance to sign with.
    pub(crate) instance: String,
    /// The folder of all instances, if there is a place for it.
    pub(crate) folder: Option<PathBuf>,
    /// A signing configuration, instead of the instance's.
    pub(crate) config: Option<PathBuf>,
    /// The certificate authority, in place of the configuration's.
    pub(crate) authority: Option<Url>,
    /// A transparency log of version 1, in place of the configuration's.
    pub(crate) log: Option<Url>,
    /// Timestamp authorities, in place of the configuration's.
    pub(crate) timestamps: Vec<Url>,
    /// The OpenID provider, in place of the configuration's.
    pub(crate) issuer: Option<Url>,
    pub(crate) identity: IdentitySettings,
}

/// How it is found out who signs.
pub(crate) struct IdentitySettings {
    /// The audience of tokens, and how we are known to the provider.
    pub(crate) client: String,
    /// A token, or a file with one.
    pub(crate) token: Option<String>,
    /// Whether a token may be taken from the CI system, whose offers are in the environment.
    pub(crate) ambient: bool,
    pub(crate) environment: Environment,
    /// How to sign in on a terminal.
    pub(crate) flow: Flow,
}

impl SigningSettings {
    pub(crate) fn resolve(with: &SignWith, keys: Keys, context: &Context<'_>) -> Result<Self, Failure> {
        let key = with.key.as_ref().map(|key| key.as_str().to_owned());
        let by = match key {
            Some(key) if !with.keyless.names_services() => SignedBy::KeyAlone(key),
            key => {
                let services = Box::new(ServiceSettings::resolve(&with.keyless, context)?);
                SignedBy::Services { key, services }
            }
        };
        Ok(Self { by, keys, clock: context.clock(), force: with.overwriting.force })
    }
}

impl ServiceSettings {
    fn resolve(flags: &Keyless, context: &Context<'_>) -> Result<Self, Failure> {
        let url = |flag: &str, url: &Option<String>| url.as_deref().map(|url| web(flag, url)).transpose();
        let timestamps = flags.timestamp_server_url.iter().map(|url| web("--timestamp-server-url", url));
        Ok(Self {
            trusted_root: flags.trusted_root.clone(),
            instance: flags.instance.clone().unwrap_or_else(|| trust::PUBLIC_GOOD.to_owned()),
            folder: context.trust_folder().ok(),
            config: flags.signing_config.clone(),
            authority: url("--fulcio-url", &flags.fulcio_url)?,
            log: url("--rekor-url", &flags.rekor_url)?,
            timestamps: timestamps.collect::<Result<_, _>>()?,
            issuer: url("--oidc-issuer", &flags.oidc_issuer)?,
            identity: IdentitySettings {
                client: flags.oidc_client_id.clone(),
                token: flags.identity_token.clone(),
                ambient: !flags.oidc_disable_ambient_providers,
                environment: context.environment(),
                flow: flags.fulcio_auth_flow,
            },
        })
    }
}

fn web(flag: &str, url: &str) -> Result<Url, Failure> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http")).ok_or_else(|| {
        let url = plimsoll_core::text::terminal(url);
        Failure::new(Kind::Usage, format!("{flag}: got {url}, expected https://HOST"))
    })
}

/// Where a bundle about an image goes.
pub(crate) struct Upload {
    /// A file, which is written as well.
    pub(crate) bundle: Option<PathBuf>,
    /// Whether it is attached to the image.
    pub(crate) attaches: bool,
}

impl Upload {
    /// Where the bundles about so many subjects go.
    pub(crate) fn resolve(flags: &UploadFlags, subjects: usize) -> Result<Self, Failure> {
        let upload = Self { bundle: flags.bundle.clone(), attaches: flags.attaches() };
        upload.has_room_for(subjects)?;
        if !upload.attaches && upload.bundle.is_none() {
            return Err(Failure::new(Kind::Usage, "nothing would be attached, and nothing written")
                .with_hint("say where the bundle goes: --bundle FILE"));
        }
        Ok(upload)
    }

    /// Refuses several images where `--bundle` names one file, which their bundles would overwrite in turn.
    pub(crate) fn has_room_for(&self, images: usize) -> Result<(), Failure> {
        if self.bundle.is_some() && images > 1 {
            return Err(Failure::new(Kind::Usage, "--bundle names one file, and there are several images")
                .with_hint("sign them one by one"));
        }
        Ok(())
    }
}
