//! Where images are really fetched from: mirrors, pull-through proxies and certificates, as this machine's other tools
//! are configured.
//!
//! Owns reading `registries.conf` (`containers`), `hosts.toml` (`containerd`) and `certs.d` (`certificates`), and the
//! [`Plan`] that they give for one name. Does not own asking the places: the registry transport does.
//!
//! Rules that apply regardless of the files:
//! - Content is checked by digest, so a mirror can withhold and delay, but not change. A *tag* means whatever the place
//!   says; only places that the files allow are asked for tags.
//! - Nothing is written to a mirror, and referrers are requested from the primary place: "not found" on a mirror never
//!   means "no signatures".
//! - `insecure` and `skip_verify` weaken TLS only if the user allows it for this program
//!   (`--insecure-registry-config`).

mod certificates;
mod containerd;
mod containers;
mod document;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_core::Reference;
use plimsoll_http::{HeaderMap, HostTls, Url};

use crate::Error;
use document::{Document, fault, names};

/// What the configuration files say. Cloning it is cheap, and clones share which mirrors are down.
#[derive(Debug, Clone, Default)]
pub struct RegistryConfig {
    entries: Arc<Vec<containers::Entry>>,
    /// Folders with a folder for each registry, and whether the user named them.
    folders: Arc<Vec<(PathBuf, ConfigSource)>>,
    /// Whether `insecure` and `skip_verify` count.
    insecure: bool,
    dead: UnreachableHosts,
}

/// Who named a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConfigSource {
    ByTheUser,
    /// One of the usual places, which may be meant for other users.
    Usual,
}

/// The places for one name.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) mirrors: Vec<Place>,
    pub(crate) primary: Place,
    /// What the user named; what is written goes there.
    pub(crate) origin: Reference,
    tls: Vec<HostTls>,
    plain_http: Vec<String>,
    pub(crate) dead: UnreachableHosts,
}

/// One place that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// What is asked for there.
    pub(crate) reference: Reference,
    /// The API's root, where the configuration names it; it ends in a slash.
    pub(crate) root: Option<Url>,
    /// The registry that a proxy for several registries should use (`ns=`).
    pub(crate) namespace: Option<String>,
    /// Sent with each request; never shown.
    pub(crate) headers: HeaderMap,
    /// Whether it may say what a tag means.
    pub(crate) resolves: bool,
    /// Whether it is asked for content by digest.
    pub(crate) serves: bool,
    /// `FILE:LINE` of the entry; empty for the registry itself.
    pub(crate) configured: String,
    /// The position of a setting that weakens TLS and was not followed.
    pub(crate) refused: Option<String>,
}

/// Hosts that could not be reached recently.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnreachableHosts(Arc<Mutex<BTreeMap<String, Instant>>>);

impl UnreachableHosts {
    /// How long a host is not tried again. A command is over by then; a long-lived process has to notice that a mirror
    /// is back.
    const LEFT_ALONE: Duration = Duration::from_mins(1);

    pub(crate) fn has(&self, host: &str) -> bool {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(host).is_some_and(|since| since.elapsed() < Self::LEFT_ALONE)
    }

    /// Whether this is news.
    pub(crate) fn add(&self, host: &str) -> bool {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, since| since.elapsed() < Self::LEFT_ALONE);
        hosts.insert(host.to_owned(), Instant::now()).is_none()
    }
}

impl RegistryConfig {
    /// No files: each registry is asked directly.
    pub fn none() -> Self {
        Self::default()
    }

    /// Only these files and folders. A file is a `registries.conf`. A folder may contain drop-ins (`*.conf`), and folders
    /// named after registries (`certs.d`).
    pub fn from_paths(paths: &[PathBuf]) -> Result<Self, Error> {
        let (mut entries, mut folders) = (Vec::new(), Vec::new());
        for path in paths {
            if path.is_dir() {
                drop_ins(path, &mut entries)?;
                folders.push((path.clone(), ConfigSource::ByTheUser));
            } else {
                let Some(document) = Document::open(path)? else { return Err(fault(path, "does not exist")) };
                merge(&mut entries, containers::read(&document)?);
            }
        }
        Ok(Self { entries: Arc::new(entries), folders: Arc::new(folders), ..Self::default() })
    }

    /// The usual places. Of `$CONTAINERS_REGISTRIES_CONF`, `~/.config/containers/registries.conf` and
    /// `/etc/containers/registries.conf` the first one that exists; then the drop-ins in `registries.conf.d` of the
    /// machine and of the user; and the folders of certificates and hosts of docker, the containers tools and
    /// containerd.
    pub fn from_env(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        Self::below(Path::new("/"), variable)
    }

    /// [`Self::from_env`] with another root folder for the machine's files.
    fn below(root: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let path = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let config = path("XDG_CONFIG_HOME").or_else(|| path("HOME").map(|home| home.join(".config")));
        let user = config.map(|config| config.join("containers"));
        let machine = root.join("etc/containers");
        let mut entries = Vec::new();
        if let Some(only) = path("CONTAINERS_REGISTRIES_CONF") {
            let Some(document) = Document::open(&only)? else {
                return Err(fault(&only, "does not exist; CONTAINERS_REGISTRIES_CONF names it"));
            };
            merge(&mut entries, containers::read(&document)?);
        } else {
            for folder in user.iter().chain([&machine]) {
                if let Some(document) = Document::open(&folder.join("registries.conf"))? {
                    merge(&mut entries, containers::read(&document)?);
                    break;
                }
            }
        }
        for folder in [&machine].into_iter().chain(&user) {
            drop_ins(&folder.join("registries.conf.d"), &mut entries)?;
        }
        let folders =
            [root.join("etc/containerd/certs.d"), root.join("etc/docker/certs.d"), machine.join("certs.d")];
        let folders = folders.into_iter().chain(user.map(|user| user.join("certs.d")));
        let folders = folders.map(|folder| (folder, ConfigSource::Usual)).collect();
        Ok(Self { entries: Arc::new(entries), folders: Arc::new(folders), ..Self::default() })
    }

    /// Whether `insecure` and `skip_verify` in the files count. They do not by default.
    #[must_use]
    pub fn dangerous_follow_insecure(mut self, follow: bool) -> Self {
        self.insecure = follow;
        self
    }

    /// The places for a name.
    pub fn plan(&self, reference: &Reference) -> Result<Plan, Error> {
        let mut plan = Plan { dead: self.dead.clone(), ..Plan::direct(reference) };
        if let Some(entry) = containers::find(&self.entries, reference) {
            tracing::debug!(prefix = entry.prefix(), "an entry of registries.conf covers {reference}");
            let chosen = entry.choose(reference)?;
            for (location, at) in chosen.mirrors {
                let place = self.located(location, at, &mut plan);
                plan.mirrors.push(place);
            }
            plan.primary = self.located(chosen.primary.0, chosen.primary.1, &mut plan);
        } else if let Some(document) = self.hosts(reference)? {
            self.hosted(&containerd::read(&document)?, reference, &mut plan)?;
        }
        let places = plan.mirrors.iter().chain([&plan.primary]).map(|place| place.reference.registry());
        let hosts: BTreeSet<String> = places.chain([reference.registry()]).map(str::to_owned).collect();
        for host in hosts {
            // In front, because a client certificate in hosts.toml is more specific.
            let found = self.certificates(&host)?;
            plan.tls.splice(0..0, found);
        }
        Ok(plan)
    }

    fn located(&self, location: &containers::Location, reference: Reference, plan: &mut Plan) -> Place {
        let host = contacted(reference.registry()).to_owned();
        let mut place = Place { configured: location.place.clone(), ..Place::direct(reference) };
        if location.insecure.is_some() && self.insecure {
            plan.tls.push(HostTls {
                host: host.clone(),
                dangerous_any_certificate: true,
                ..HostTls::default()
            });
            plan.plain_http.push(host);
        } else {
            place.refused.clone_from(&location.insecure);
        }
        place
    }

    /// The `hosts.toml` for a reference's registry, if there is one.
    fn hosts(&self, reference: &Reference) -> Result<Option<Document>, Error> {
        for (folder, named) in self.folders.iter() {
            for name in containerd::folders(reference.registry()) {
                let registry = folder.join(name);
                let found = allowed(Document::open(&registry.join("hosts.toml")), *named)?;
                if let Some(Some(document)) = found {
                    return Ok(Some(document));
                }
                // A registry's own folder overrides the default, even without the file.
                if registry.is_dir() {
                    break;
                }
            }
        }
        Ok(None)
    }

    fn hosted(&self, hosts: &containerd::Hosts, reference: &Reference, plan: &mut Plan) -> Result<(), Error> {
        for host in &hosts.hosts {
            let place = self.host(host, reference, plan)?;
            plan.mirrors.push(place);
        }
        plan.primary = self.host(&hosts.server, reference, plan)?;
        if hosts.server.is_plain() {
            plan.primary.configured = String::new();
        }
        Ok(())
    }

    fn host(&self, host: &containerd::Host, reference: &Reference, plan: &mut Plan) -> Result<Place, Error> {
        let (at, root) = host.at(reference)?;
        let name = contacted(at.registry()).to_owned();
        let mut place = Place {
            root,
            headers: host.headers.clone(),
            resolves: host.resolve,
            serves: host.pull,
            configured: host.place.clone(),
            ..Place::direct(at)
        };
        if contacted(reference.registry()) != name {
            place.namespace = Some(reference.registry().to_owned());
        }
        let dangerous_any_certificate = host.skip_verify.is_some() && self.insecure;
        if !dangerous_any_certificate {
            place.refused.clone_from(&host.skip_verify);
        }
        if place.root.as_ref().is_some_and(|root| root.scheme() == "http") {
            if self.insecure {
                plan.plain_http.push(name.clone());
            } else {
                place.refused = Some(host.place.clone());
            }
        }
        let (roots, client) = (host.roots.clone(), host.client.clone());
        plan.tls.push(HostTls { host: name, roots, client, dangerous_any_certificate });
        Ok(place)
    }

    /// What the certificate folders have for a host.
    fn certificates(&self, host: &str) -> Result<Vec<HostTls>, Error> {
        let mut found = Vec::new();
        for (folder, named) in self.folders.iter() {
            // With hosts.toml, containerd ignores the other files of the folder.
            let folder = folder.join(host);
            if !folder.join("hosts.toml").is_file() {
                found.extend(allowed(certificates::read(&folder, contacted(host)), *named)?.flatten());
            }
        }
        Ok(found)
    }
}

impl Plan {
    /// The registry itself.
    pub fn direct(reference: &Reference) -> Self {
        Self {
            mirrors: Vec::new(),
            primary: Place::direct(reference.clone()),
            origin: reference.clone(),
            tls: Vec::new(),
            plain_http: Vec::new(),
            dead: UnreachableHosts::default(),
        }
    }

    /// Only what the user named, without mirrors and rewriting, for writing and for reads that must not be stale.
    /// Certificates from the files stay.
    #[must_use]
    pub fn at_origin(self) -> Self {
        let origin = self.origin.clone();
        let refused = self.primary.refused.filter(|_| self.primary.reference == origin);
        Self { mirrors: Vec::new(), primary: Place { refused, ..Place::direct(origin) }, ..self }
    }

    /// Adds what the files say about certificates to a client's settings.
    pub fn apply(&self, settings: &mut plimsoll_http::Settings) {
        // In front, because the user's flags are more specific.
        settings.hosts.splice(0..0, self.tls.iter().cloned());
        settings.plain_http.extend(self.plain_http.iter().cloned());
    }
}

impl Place {
    fn direct(reference: Reference) -> Self {
        Self {
            reference,
            root: None,
            namespace: None,
            headers: HeaderMap::new(),
            resolves: true,
            serves: true,
            configured: String::new(),
            refused: None,
        }
    }
}

/// The host that a registry is reached at. Docker Hub's registry is not where its references name it.
pub(crate) fn contacted(registry: &str) -> &str {
    const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
    if registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { registry }
}

/// Files in the usual places may belong to others and be unreadable for us; then `None`.
fn allowed<T>(read: Result<T, Error>, named: ConfigSource) -> Result<Option<T>, Error> {
    match read {
        Err(Error::RegistryConfig { place, problem })
            if named == ConfigSource::Usual && problem.contains("Permission denied") =>
        {
            tracing::warn!("{place}: {problem}; going on without it");
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// The drop-ins of a folder, in the order of their names; each replaces earlier entries for the same prefix.
fn drop_ins(folder: &Path, entries: &mut Vec<containers::Entry>) -> Result<(), Error> {
    for name in names(folder)?.iter().filter(|name| name.strip_suffix(".conf").is_some()) {
        if let Some(document) = Document::open(&folder.join(name))? {
            merge(entries, containers::read(&document)?);
        }
    }
    Ok(())
}

fn merge(entries: &mut Vec<containers::Entry>, later: Vec<containers::Entry>) {
    for entry in later {
        entries.retain(|earlier| earlier.prefix() != entry.prefix());
        entries.push(entry);
    }
}
