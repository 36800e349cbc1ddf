//! Settings of `plimsoll trust`. The files that make up a trusted root or a signing configuration are read here.

mod pairs;

use std::path::PathBuf;

use plimsoll_core::{Digest, Kind, Limits, Timestamp};
use plimsoll_http::Url;
use plimsoll_trust::{PUBLIC_GOOD, SelectorSpec, SigningConfigSpec, TrustedRootSpec};

use super::{Context, Format, http, read_file};
use crate::args::trust::{Command, InstanceChoice, Root, Selector, Show, SigningConfig, Trust, Update};
use crate::failure::Failure;

use pairs::{authority, each, log, service};

/// Settings of `plimsoll trust`.
pub(crate) enum TrustCommandSettings<'a> {
    Update(Box<UpdateSettings<'a>>),
    Root(RootSettings),
    SigningConfig(Box<SigningConfigSettings>),
    Show(ShowSettings),
}

/// Which instance is brought up to date.
pub(crate) struct UpdateSettings<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Its TUF repository, where a flag names one.
    pub(crate) mirror: Option<String>,
    /// A file with its first root.
    pub(crate) root: Option<PathBuf>,
    /// The digest of its first root.
    pub(crate) root_checksum: Option<Digest>,
    /// The folder of all instances.
    pub(crate) folder: PathBuf,
    pub(crate) http: plimsoll_http::Settings,
    /// The instant by which metadata has expired or not.
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a Limits,
}

/// Which trusted root is made.
pub(crate) struct RootSettings {
    pub(crate) spec: TrustedRootSpec,
    /// Where it goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

/// Which signing configuration is made.
pub(crate) struct SigningConfigSettings {
    pub(crate) spec: SigningConfigSpec,
    /// Where it goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

/// Settings of `plimsoll trust show`.
pub(crate) struct ShowSettings {
    pub(crate) source: TrustSource,
    /// The instant at which something is in force or not.
    pub(crate) now: Timestamp,
    pub(crate) format: Format,
}

/// Where the shown trust comes from.
pub(crate) enum TrustSource {
    /// A trusted root or signing configuration in a file.
    File(PathBuf),
    /// The cached root of an instance, or else the one that is built in.
    Instance { name: String, folder: PathBuf },
}

impl<'a> TrustCommandSettings<'a> {
    pub(crate) fn resolve(arguments: &Trust, context: &Context<'a>) -> Result<Self, Failure> {
        Ok(match &arguments.command {
            Command::Update(arguments) => {
                Self::Update(Box::new(UpdateSettings::resolve(arguments, context)?))
            }
            Command::Root(arguments) => Self::Root(RootSettings::resolve(arguments)?),
            Command::SigningConfig(arguments) => {
                Self::SigningConfig(Box::new(SigningConfigSettings::resolve(arguments, context)?))
            }
            Command::Show(arguments) => Self::Show(ShowSettings::resolve(arguments, context)?),
        })
    }
}

impl<'a> UpdateSettings<'a> {
    fn resolve(arguments: &Update, context: &Context<'a>) -> Result<Self, Failure> {
        Ok(Self {
            name: instance(&arguments.instance, arguments.mirror.as_deref())?,
            mirror: arguments.mirror.clone(),
            root: arguments.root.clone(),
            root_checksum: arguments.root_checksum,
            folder: context.trust_folder()?,
            http: http(&arguments.network, context)?,
            now: context.clock()(),
            limits: context.limits,
        })
    }
}

/// The name of the instance: from the flag, or else the mirror's host, or else that of the public instance.
fn instance(choice: &InstanceChoice, mirror: Option<&str>) -> Result<String, Failure> {
    match (&choice.instance, mirror) {
        (Some(name), _) => Ok(name.clone()),
        (None, Some(mirror)) => {
            Url::parse(mirror).ok().and_then(|url| url.host_str().map(str::to_owned)).ok_or_else(|| {
                Failure::new(Kind::Usage, "the mirror has no host to name the instance by")
                    .with_hint("pass --instance NAME")
            })
        }
        (None, None) => Ok(PUBLIC_GOOD.to_owned()),
    }
}

impl RootSettings {
    fn resolve(arguments: &Root) -> Result<Self, Failure> {
        let spec = TrustedRootSpec {
            fulcio: each("--fulcio", &arguments.fulcio, authority)?,
            rekor: each("--rekor", &arguments.rekor, log)?,
            ctfe: each("--ctfe", &arguments.ctfe, log)?,
            tsa: each("--tsa", &arguments.tsa, authority)?,
        };
        if spec.fulcio.is_empty() && spec.rekor.is_empty() && spec.ctfe.is_empty() && spec.tsa.is_empty() {
            return Err(Failure::new(Kind::Usage, "an empty trusted root trusts nobody")
                .with_hint("pass at least one of --fulcio, --rekor, --ctfe and --tsa"));
        }
        Ok(Self { spec, file: arguments.file.output_file.clone() })
    }
}

impl SigningConfigSettings {
    fn resolve(arguments: &SigningConfig, context: &Context<'_>) -> Result<Self, Failure> {
        let base = arguments.base_config.as_ref();
        let spec = SigningConfigSpec {
            base: base.map(|path| read_file(path, context.limits.document_bytes)).transpose()?,
            fulcio: each("--fulcio", &arguments.fulcio, service)?,
            oidc: each("--oidc-provider", &arguments.oidc_provider, service)?,
            rekor: each("--rekor", &arguments.rekor, service)?,
            rekor_config: arguments.rekor_config.map(selector),
            tsa: each("--tsa", &arguments.tsa, service)?,
            tsa_config: arguments.tsa_config.map(selector),
        };
        Ok(Self { spec, file: arguments.file.output_file.clone() })
    }
}

fn selector(selector: Selector) -> SelectorSpec {
    match selector {
        Selector::Any => SelectorSpec::Any,
        Selector::All => SelectorSpec::All,
        Selector::Exact(count) => SelectorSpec::Exact(count),
    }
}

impl ShowSettings {
    fn resolve(arguments: &Show, context: &Context<'_>) -> Result<Self, Failure> {
        let source = match &arguments.path {
            Some(path) => TrustSource::File(path.clone()),
            None => TrustSource::Instance {
                name: instance(&arguments.instance, None)?,
                folder: context.trust_folder()?,
            },
        };
        Ok(Self { source, now: context.now(&arguments.instant), format: arguments.output })
    }
}
