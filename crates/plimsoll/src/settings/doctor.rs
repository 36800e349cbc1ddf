//! Settings of `plimsoll doctor`. What cannot be resolved is not the end here: it is what the command reports.

use std::path::PathBuf;

use plimsoll_core::Timestamp;
use plimsoll_gather::Access;

use super::{Context, Format, access};
use crate::args::doctor::Doctor;
use crate::args::shared::Network;
use crate::failure::Failure;

/// What is checked.
pub(crate) struct DoctorSettings<'a> {
    /// Images whose registries are asked.
    pub(crate) subjects: Vec<String>,
    /// The instant that ages are counted to.
    pub(crate) now: Timestamp,
    /// The machine's clock, which registries' are compared with.
    pub(crate) clock: fn() -> Timestamp,
    /// The configuration files that were read.
    pub(crate) config: Result<Vec<PathBuf>, Failure>,
    /// Folder of the advisory database.
    pub(crate) database: Result<PathBuf, Failure>,
    /// Folder of the instances whose trusted roots were fetched.
    pub(crate) trust: Result<PathBuf, Failure>,
    /// `plimsoll` in the user's cache folder.
    pub(crate) cache: Result<PathBuf, Failure>,
    /// Where what registries sent is kept.
    pub(crate) registry_cache: Result<PathBuf, Failure>,
    /// Where what was read of layers is kept.
    pub(crate) layer_cache: Result<PathBuf, Failure>,
    /// The files in which credentials are searched for.
    pub(crate) credential_files: Vec<PathBuf>,
    /// The folders in which credential helpers are searched for.
    pub(crate) program_folders: Vec<PathBuf>,
    /// The variables that name proxies. Their values may contain passwords.
    pub(crate) proxies: Result<Vec<&'static str>, Failure>,
    pub(crate) format: Format,
    network: &'a Network,
    context: &'a Context<'a>,
}

impl<'a> DoctorSettings<'a> {
    pub(crate) fn resolve(arguments: &'a Doctor, context: &'a Context<'a>) -> Self {
        Self {
            subjects: arguments.subjects.clone(),
            now: context.now(&arguments.instant),
            clock: context.clock(),
            config: match &context.config.fault {
                Some(failure) => Err(failure.clone()),
                None => Ok(context.config.read().cloned().collect()),
            },
            database: context.database_folder(&arguments.db),
            trust: context.trust_folder(),
            registry_cache: context.registry_cache_folder(arguments.cache_dir.as_deref()),
            layer_cache: context.layer_cache_folder(arguments.cache_dir.as_deref()),
            cache: context.cache_folder(),
            credential_files: credential_files(context),
            program_folders: program_folders(context),
            proxies: proxies(context),
            format: if arguments.json { Format::Json } else { arguments.output },
            network: &arguments.network,
            context,
        }
    }

    /// The settings for asking a registry. Each registry is asked anew, and wrong flags are reported for each.
    pub(crate) fn access(&self) -> Result<Access, Failure> {
        access(self.network, self.context)
    }
}

/// The places where credentials are searched for, as `plimsoll-registry` does.
fn credential_files(context: &Context<'_>) -> Vec<PathBuf> {
    let variable = |name| context.variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(only) = variable("REGISTRY_AUTH_FILE") {
        return vec![only];
    }
    let below_home = |folder: &str| variable("HOME").map(|home| home.join(folder));
    let docker = variable("DOCKER_CONFIG").or_else(|| below_home(".docker"));
    let config = variable("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
    let containers = [variable("XDG_RUNTIME_DIR"), config].into_iter().flatten();
    let docker = docker.map(|folder| folder.join("config.json"));
    docker.into_iter().chain(containers.map(|folder| folder.join("containers/auth.json"))).collect()
}

fn program_folders(context: &Context<'_>) -> Vec<PathBuf> {
    let path = context.variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

fn proxies(context: &Context<'_>) -> Result<Vec<&'static str>, Failure> {
    plimsoll_http::Proxy::from_env(|name| context.text(name))?;
    let variables = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"];
    let is_set = |name: &&str| context.variable(name).is_some_and(|value| !value.is_empty());
    Ok(variables.into_iter().filter(is_set).collect())
}
