//! From the flags about the network to clients of registries and key services.

use std::path::PathBuf;

use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Cancel, Kind};
use plimsoll_gather::{Access, Registries, StandardInput};
use plimsoll_http::{ClientCertificate, HostTls, Proxy, Settings};
use plimsoll_image::layers::cache::{LayerCache, LayerCacheSettings};
use plimsoll_keys::KeyAccess;
use plimsoll_registry::{Cache, Clients, RegistryConfig, cache};

use super::{Context, PEM_BYTES, read_file};
use crate::args::cache_flags::{CachePlace, Caching};
use crate::args::shared::{CloudIdentity, Network, Reading};
use crate::failure::Failure;

/// The settings for opening subjects.
pub(crate) fn access(network: &Network, context: &Context<'_>) -> Result<Access, Failure> {
    Ok(Access {
        clients: Clients::new(http(network, context)?),
        registries: registries(network, context)?,
        cloud: cloud(network, context),
        cache: None,
        layer_cache: None,
        environment: context.environment(),
        limits: context.limits.clone(),
        cancel: Cancel::never(),
        stdin: StandardInput::OfUser,
    })
}

/// The same for what also reads layers.
pub(crate) fn reading_access(reading: &Reading, context: &Context<'_>) -> Result<Access, Failure> {
    let layer_cache = layer_cache(&reading.cache, context);
    Ok(Access { layer_cache, ..access(&reading.network, context)? })
}

/// What references to keys are followed with.
pub(crate) fn key_access(network: &Network, context: &Context<'_>) -> Result<KeyAccess, Failure> {
    Ok(KeyAccess::from_env(http(network, context)?, cloud(network, context), context.environment()))
}

/// The same, by the settings that subjects are opened with.
pub(crate) fn key_access_beside(access: &Access, context: &Context<'_>) -> KeyAccess {
    KeyAccess::from_env(access.http().clone(), access.cloud.clone(), context.environment())
}

/// What the HTTP client is built from.
pub(crate) fn http(network: &Network, context: &Context<'_>) -> Result<Settings, Failure> {
    let extra_roots =
        network.ca_file.iter().map(|path| read_file(path, PEM_BYTES)).collect::<Result<_, _>>()?;
    Ok(Settings {
        timeout: network.timeout,
        plain_http: network.insecure_registry.clone(),
        extra_roots,
        hosts: client_certificates(network)?,
        allow_private: network.allow_private.clone(),
        offline: network.offline,
        proxy: Proxy::from_env(|name| context.text(name))?,
        ..Settings::default()
    })
}

/// The identities that clouds give this machine, as far as they may be used.
fn cloud(network: &Network, context: &Context<'_>) -> Cloud {
    let mode = match network.cloud_identity {
        CloudIdentity::Auto => Mode::Auto,
        CloudIdentity::Metadata => Mode::Metadata,
        CloudIdentity::Off => Mode::Off,
    };
    Cloud::from_env(mode, context.environment(), context.clock())
}

/// What is kept of what registries sent. `None` if nothing is to be kept, or if there is no place for it.
pub(crate) fn registry_cache(caching: &Caching, network: &Network, context: &Context<'_>) -> Option<Cache> {
    let CachePlace { cache_dir, no_cache } = &caching.place;
    if *no_cache {
        return None;
    }
    Some(Cache::new(cache::Settings {
        folder: context.registry_cache_folder(cache_dir.as_deref()).ok()?,
        named: cache_dir.is_some(),
        bytes: context.limits.cache_bytes,
        fresh_for: caching.cache_for.unwrap_or_default(),
        offline: network.offline,
        now: context.clock(),
    }))
}

/// What is kept of what was read of layers. `None` if nothing is to be kept, or if there is no place for it. Machines for CI run
/// jobs that do not trust each other, often with one home folder for all. Whoever can write there could prepare what a later
/// job finds in a layer. So nothing is kept there unless a folder is named.
fn layer_cache(place: &CachePlace, context: &Context<'_>) -> Option<LayerCache> {
    let CachePlace { cache_dir, no_cache } = place;
    if *no_cache || (cache_dir.is_none() && context.is_ci()) {
        return None;
    }
    Some(LayerCache::new(LayerCacheSettings {
        folder: context.layer_cache_folder(cache_dir.as_deref()).ok()?,
        named: cache_dir.is_some(),
        bytes: context.limits.layer_cache_bytes,
        program: env!("PLIMSOLL_SOURCES"),
    }))
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
fn registries(network: &Network, context: &Context<'_>) -> Result<Registries, Failure> {
    let named: Vec<PathBuf> =
        network.registry_config.iter().filter(|path| !path.as_os_str().is_empty()).cloned().collect();
    let (insecure, at_once) = (network.insecure_registry_config, !named.is_empty());
    let environment = context.environment();
    let registries = Registries::new(move || {
        let config = match named.as_slice() {
            [] => RegistryConfig::from_env(environment)?,
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
