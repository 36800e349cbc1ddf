//! What the arguments mean, with environment and files merged. Commands see only this.
//!
//! `COMMAND.rs` has the settings of each command, which are resolved from its arguments against [`Context`] before it runs.
//! Nothing else reads the environment or the clock.

mod access;
pub(crate) mod completions;
pub(crate) mod config;
mod context;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod man;
pub(crate) mod policy;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod schema;
mod signer;
mod trust;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Kind, Limits, Timestamp, clock};
use plimsoll_gather::Registries;
use plimsoll_http::{ClientCertificate, HostTls};
use plimsoll_judge::Roots;
use plimsoll_keys as key;
use plimsoll_keys::{KeyAccess, Secret};
use plimsoll_keys::{PrivateKey, SigningKey, Zeroizing};
use plimsoll_registry::{Cache, RegistryConfig};

use crate::args::cache_flags::Caching;
use crate::args::shared::{CloudIdentity, DatabaseChoice, Instant, Network};
use crate::args::trust_flags::RootChoice;
use crate::failure::Failure;

pub(crate) use access::{Platforms, access};
pub(crate) use context::Context;
pub(crate) use signer::Signing;
pub(crate) use trust::{TrustSettings, public_key, trusted_root};

/// PEM files are small; a certificate bundle of a whole system has about 250 KiB.
pub(crate) const PEM_BYTES: u64 = 4 << 20;

/// The instant that counts as now: `--at`, else the clock's, in whole seconds. Verdicts are read by people, and what they
/// depend on is known to the second at best.
pub(crate) fn now(instant: &Instant) -> Timestamp {
    instant.at.unwrap_or_else(|| {
        let now = clock::now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    })
}

/// The database folder: `--db`, else `plimsoll/db` in the user's cache folder.
pub(crate) fn database_folder(choice: &DatabaseChoice) -> Result<PathBuf, Failure> {
    match &choice.db {
        Some(folder) => Ok(folder.clone()),
        None => Ok(cache_folder()?.join("db")),
    }
}

/// The folder of all instances whose trusted roots were fetched.
pub(crate) fn trust_folder() -> Result<PathBuf, Failure> {
    Ok(cache_folder()?.join("trust"))
}

/// `plimsoll` in the user's cache folder.
pub(crate) fn cache_folder() -> Result<PathBuf, Failure> {
    cache_folder_in(|name| std::env::var_os(name))
}

/// The same by another environment.
fn cache_folder_in(environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Failure> {
    let variable = |name| environment(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("XDG_CACHE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("plimsoll"))
        .ok_or_else(|| {
            Failure::new(Kind::Usage, "no folder for the advisory database")
                .with_hint("pass --db DIR, or set XDG_CACHE_HOME")
        })
}

/// What is kept of what registries sent: in `--cache-dir`, else in `plimsoll/registry` in the user's cache folder. Nothing
/// is where nothing is to be kept, or where there is no place for it.
pub(crate) fn registry_cache(caching: &Caching, network: &Network, limits: &Limits) -> Option<Cache> {
    if caching.no_cache {
        return None;
    }
    let folder = match &caching.cache_dir {
        Some(folder) => folder.clone(),
        None => registry_cache_folder().ok()?,
    };
    Some(Cache::new(plimsoll_registry::cache::Settings {
        folder,
        named: caching.cache_dir.is_some(),
        bytes: limits.cache_bytes,
        fresh_for: caching.cache_for.unwrap_or_default(),
        offline: network.offline,
        now: clock::now,
    }))
}

/// Where what registries sent is kept unless a flag says otherwise.
pub(crate) fn registry_cache_folder() -> Result<PathBuf, Failure> {
    Ok(cache_folder()?.join("registry"))
}

/// What the HTTP client is built from.
pub(crate) fn http(network: &Network) -> Result<plimsoll_http::Settings, Failure> {
    let extra_roots =
        network.ca_file.iter().map(|path| read_file(path, PEM_BYTES)).collect::<Result<_, _>>()?;
    Ok(plimsoll_http::Settings {
        timeout: network.timeout,
        plain_http: network.insecure_registry.clone(),
        extra_roots,
        hosts: client_certificates(network)?,
        allow_private: network.allow_private.clone(),
        offline: network.offline,
        proxy: plimsoll_http::Proxy::from_env(|name| std::env::var(name).ok())?,
        ..plimsoll_http::Settings::default()
    })
}

/// The identities that clouds give this machine, as far as they may be used.
pub(crate) fn cloud(network: &Network) -> Cloud {
    Cloud::of_process(match network.cloud_identity {
        CloudIdentity::Auto => Mode::Auto,
        CloudIdentity::Metadata => Mode::Metadata,
        CloudIdentity::Off => Mode::Off,
    })
}

/// What references to keys are followed with.
pub(crate) fn key_access(network: &Network) -> Result<KeyAccess, Failure> {
    Ok(KeyAccess::of_process(http(network)?, cloud(network)))
}

/// The client certificates of the flags, each for its host.
fn client_certificates(network: &Network) -> Result<Vec<HostTls>, Failure> {
    for key in &network.client_key {
        if !network.client_cert.iter().any(|certificate| certificate.host == key.host) {
            return Err(Failure::new(
                Kind::Usage,
                format!("--client-key for {} has no certificate", key.host),
            )
            .with_hint(format!("pass --client-cert {}=FILE as well", key.host)));
        }
    }
    let mut hosts = Vec::new();
    for certificate in &network.client_cert {
        let chain = read_file(&certificate.file, PEM_BYTES)?;
        let key = match network.client_key.iter().find(|key| key.host == certificate.host) {
            Some(key) => read_file(&key.file, PEM_BYTES)?,
            None => chain.clone(),
        };
        let client = ClientCertificate { place: certificate.file.display().to_string(), chain, key };
        hosts.push(HostTls { host: certificate.host.clone(), client: Some(client), ..HostTls::default() });
    }
    Ok(hosts)
}

/// Mirrors and certificates: what the user named, which is read at once, else what is in the usual places, which is read
/// when a registry is needed.
pub(crate) fn registries(network: &Network) -> Result<Registries, Failure> {
    let named: Vec<PathBuf> =
        network.registry_config.iter().filter(|path| !path.as_os_str().is_empty()).cloned().collect();
    let (insecure, at_once) = (network.insecure_registry_config, !named.is_empty());
    let registries = Registries::new(move || {
        let config = match named.as_slice() {
            [] => RegistryConfig::from_env(|name| std::env::var_os(name))?,
            [only] if only.as_os_str() == "none" => RegistryConfig::none(),
            paths => RegistryConfig::from_paths(paths)?,
        };
        Ok(config.dangerous_follow_insecure(insecure))
    });
    if at_once {
        registries.get()?;
    }
    Ok(registries)
}

/// Reads a file that the user named, at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    read_within(path, limit, "document_bytes")
}

/// As [`read_file`], saying which limit it is.
pub(crate) fn read_within(path: &Path, limit: u64, name: &'static str) -> Result<Vec<u8>, Failure> {
    Ok(plimsoll_files::read(path, limit, name)?)
}

/// The trusted roots of the flags: the file that they name, which is read at once, or an instance.
pub(crate) fn roots(choice: &RootChoice, http: &plimsoll_http::Settings) -> Result<Roots, Failure> {
    let named = choice.trusted_root.as_deref().map(trusted_root).transpose()?;
    Ok(Roots::new(named, choice.instance.clone(), trust_folder().ok(), http.clone()))
}

/// What a file that cannot be read ends with.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
    Failure::new(kind, format!("cannot read {}: {error}", path.display()))
}

/// The key that `reference` names: a file, or what [`plimsoll_keys::open`] finds elsewhere.
pub(crate) fn signing_key(reference: &str, access: &KeyAccess) -> Result<Box<dyn SigningKey>, Failure> {
    asking(|ask| key::open(reference, ask, access))
}

/// The private key itself, to be written elsewhere.
pub(crate) fn private_key(reference: &str, access: &KeyAccess) -> Result<PrivateKey, Failure> {
    asking(|ask| key::open_private(reference, ask, access))
}

/// Opens a key, with what the environment or a person on the terminal says where there has to be a secret.
fn asking<T>(
    open: impl FnOnce(&mut key::AskSecret<'_>) -> Result<T, plimsoll_keys::Error>,
) -> Result<T, Failure> {
    let mut failure = None;
    let mut ask = |secret: Secret, place: &str| {
        let passphrase = match secret {
            Secret::Passphrase => Passphrase::from_environment()
                .map_or_else(|| Passphrase::ask(&format!("Passphrase for {place}: ")), Ok),
            // Its variable was looked at where the token's module is.
            Secret::Pin => Passphrase::ask_for("a PIN", "PLIMSOLL_PKCS11_PIN", &format!("PIN for {place}: ")),
        };
        passphrase.map(|passphrase| passphrase.0).map_err(|error| {
            failure = Some(error);
            plimsoll_keys::Error::PassphraseMissing
        })
    };
    let opened = open(&mut ask);
    // Why nobody could be asked says more than that there is no passphrase.
    opened.map_err(|error| failure.unwrap_or_else(|| error.into()))
}

/// A passphrase. It has no `Display`, and its `Debug` says nothing.
pub(crate) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// `PLIMSOLL_KEY_PASSPHRASE`, when it is set and not empty, else `COSIGN_PASSWORD`, which may be empty: cosign makes
    /// such keys.
    pub(crate) fn from_environment() -> Option<Self> {
        let own = std::env::var("PLIMSOLL_KEY_PASSPHRASE").ok().filter(|text| !text.is_empty());
        own.or_else(|| std::env::var("COSIGN_PASSWORD").ok()).map(|text| Self(Zeroizing::new(text)))
    }

    /// Asks on the terminal, without echo.
    pub(crate) fn ask(prompt: &str) -> Result<Self, Failure> {
        Self::ask_for("a passphrase", "PLIMSOLL_KEY_PASSPHRASE", prompt)
    }

    fn ask_for(what: &str, variable: &str, prompt: &str) -> Result<Self, Failure> {
        rpassword::prompt_password(prompt).map(|text| Self(Zeroizing::new(text))).map_err(|error| {
            Failure::new(Kind::Usage, format!("cannot ask for {what}: {error}"))
                .with_hint(format!("set {variable}"))
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}
