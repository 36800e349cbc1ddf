//! `hosts.toml` of containerd: which hosts are asked for the images of a registry, in a folder named after it.
//!
//! Follows containerd's documentation of registry hosts. A registry's folder is `HOST_PORT_`, `HOST:PORT`, `HOST`, or
//! `_default` when there is none of these.
//! ```toml
//! server = "https://registry-1.docker.io"     # asked last; the registry itself when it is left out
//! [host."https://mirror.example/v2/hub"]
//! capabilities = ["pull", "resolve"]          # without resolve: content by digest, but not what a tag means
//! override_path = true                        # the URL is the API's root as it stands, nothing is appended
//! ca = "mirror.crt"                           # a path or several, relative to the file
//! client = [["me.cert", "me.key"]]            # a path, several, or pairs
//! skip_verify = false                         # true: any certificate
//! [host."https://mirror.example/v2/hub".header]
//! x-team = "shop"
//! ```

use std::path::{Path, PathBuf};

use plimsoll_core::Reference;
use plimsoll_core::text::shown;
use plimsoll_http::{ClientCertificate, HeaderMap, HeaderName, HeaderValue, Url};

use super::document::{Document, Table, Value, contents};
use crate::Error;

/// What one file says.
pub(super) struct Hosts {
    /// In the order of the file.
    pub(super) hosts: Vec<Host>,
    /// The one asked last, if the file changes anything about it.
    pub(super) server: Host,
}

/// One host.
pub(super) struct Host {
    /// `None`: the registry itself.
    pub(super) url: Option<Url>,
    pub(super) override_path: bool,
    pub(super) pull: bool,
    pub(super) resolve: bool,
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) client: Option<ClientCertificate>,
    /// The position of `skip_verify = true`.
    pub(super) skip_verify: Option<String>,
    pub(super) headers: HeaderMap,
    /// `FILE:LINE`.
    pub(super) place: String,
}

/// The possible folder names for a registry; the first that exists counts.
pub(super) fn folders(registry: &str) -> Vec<String> {
    let mut names = Vec::new();
    if let Some((host, port)) = registry.rsplit_once(':')
        && port.bytes().all(|b| b.is_ascii_digit())
    {
        names.push(format!("{host}_{port}_"));
    }
    names.push(registry.to_owned());
    names.push("_default".to_owned());
    names
}

pub(super) fn read(document: &Document) -> Result<Hosts, Error> {
    let mut table = document.parse()?;
    let folder = document.path.parent().unwrap_or(Path::new("")).to_owned();
    let server = table.text("server")?.map(|(text, value)| url(&text, &value)).transpose()?;
    let tables = table.take("host").map(Value::table).transpose()?;
    let server = host(table, server, &folder)?;
    let mut hosts = Vec::new();
    for (name, value) in tables.map(Table::all).unwrap_or_default() {
        let url = url(&name, &value)?;
        hosts.push(host(value.table()?, Some(url), &folder)?);
    }
    Ok(Hosts { hosts, server })
}

/// `https://host` or `http://host`, perhaps with a path. Without a scheme it is https.
fn url(text: &str, value: &Value<'_>) -> Result<Url, Error> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let bad = |problem: &str| value.fault(format!("got `{}`, {problem}", shown(text)));
    let url = Url::parse(&whole).map_err(|e| bad(&format!("which is not a URL: {e}")))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return Err(bad("expected https:// or http:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not repeated: it may be a password.
        return Err(value.fault("a user name or password in it, which belongs into the credentials file"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("expected no query and no fragment"));
    }
    Ok(url)
}

fn host(mut table: Table<'_>, url: Option<Url>, folder: &Path) -> Result<Host, Error> {
    let place = table.place();
    let (pull, resolve) = capabilities(&mut table)?;
    let roots = match table.take("ca") {
        None => Vec::new(),
        Some(value) if value.is_array() => {
            value.items()?.iter().map(|v| file(folder, v)).collect::<Result<_, _>>()?
        }
        Some(value) => vec![file(folder, &value)?],
    };
    let client = table.take("client").map(|value| client(value, folder)).transpose()?.flatten();
    let skip_verify = table.flag("skip_verify")?.map(|v| v.place());
    let override_path = table.flag("override_path")?.is_some();
    let headers = table.take("header").map(headers).transpose()?.unwrap_or_default();
    // The connection time-out is the same for every host here.
    table.take("dial_timeout");
    table.finish();
    Ok(Host { url, override_path, pull, resolve, roots, client, skip_verify, headers, place })
}

fn capabilities(table: &mut Table<'_>) -> Result<(bool, bool), Error> {
    let Some(value) = table.take("capabilities") else { return Ok((true, true)) };
    let (mut pull, mut resolve, mut any) = (false, false, false);
    for item in value.items()? {
        any = true;
        match item.string()?.as_str() {
            "pull" => pull = true,
            "resolve" => resolve = true,
            // Writes go to the registry itself, and so do requests for referrers.
            "push" | "referrers" => {}
            other => {
                return Err(item.fault(format!("got `{}`, expected pull, resolve or push", shown(other))));
            }
        }
    }
    // An empty list is the same as no list.
    Ok(if any { (pull, resolve) } else { (true, true) })
}

fn client(value: Value<'_>, folder: &Path) -> Result<Option<ClientCertificate>, Error> {
    let items = if value.is_array() { value.items()? } else { vec![value] };
    let (place, more) = (items.first().map(Value::place), items.len() > 1);
    let Some(first) = items.into_iter().next() else { return Ok(None) };
    if more && let Some(place) = place {
        tracing::warn!("{place}: only the first of several client certificates is used");
    }
    if !first.is_array() {
        let chain = file(folder, &first)?;
        let place = first.string()?;
        return Ok(Some(ClientCertificate { place, key: chain.clone(), chain }));
    }
    let pair = first.items()?;
    let (Some(certificate), Some(key)) = (pair.first(), pair.get(1)) else {
        return Err(pair.first().map_or_else(
            || Error::malformed("client certificate", "got an empty pair"),
            |v| v.fault("expected a pair of a certificate and a key"),
        ));
    };
    let chain = file(folder, certificate)?;
    let key = if key.string()?.is_empty() { chain.clone() } else { file(folder, key)? };
    Ok(Some(ClientCertificate { place: certificate.string()?, chain, key }))
}

/// The content of the file that a value names.
fn file(folder: &Path, value: &Value<'_>) -> Result<Vec<u8>, Error> {
    let path: PathBuf = folder.join(value.string()?);
    match contents(&path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(value.fault(format!("{} does not exist", path.display()))),
        Err(Error::RegistryConfig { problem, .. }) => {
            Err(value.fault(format!("{}: {problem}", path.display())))
        }
        Err(other) => Err(other),
    }
}

fn headers(value: Value<'_>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in value.table()?.all() {
        let header = HeaderName::try_from(name.as_str()).map_err(|_| value.fault("not a header's name"))?;
        if matches!(header.as_str(), "host" | "content-length" | "transfer-encoding" | "connection") {
            return Err(value.fault("this header is the client's own"));
        }
        let items = if value.is_array() { value.items()? } else { vec![value] };
        for item in &items {
            let mut content = HeaderValue::try_from(item.string()?)
                .map_err(|_| item.fault("a value that cannot be sent in a header"))?;
            content.set_sensitive(true);
            headers.append(header.clone(), content);
        }
    }
    Ok(headers)
}

impl Host {
    /// Whether the file says nothing about this host.
    pub(super) fn is_plain(&self) -> bool {
        self.url.is_none() && self.headers.is_empty() && self.pull && self.resolve
    }

    /// What is asked for at this host, and the API's root there where it is not `/v2/`.
    pub(super) fn at(&self, reference: &Reference) -> Result<(Reference, Option<Url>), Error> {
        let Some(url) = &self.url else { return Ok((reference.clone(), None)) };
        let trouble = |e: &dyn std::fmt::Display| Error::RegistryConfig {
            place: self.place.clone(),
            problem: format!("cannot ask {} for {reference}: {e}", shown(url.as_str())),
        };
        let path = url.path().trim_matches('/');
        // Always with the port, so that a name without a dot counts as a host.
        let port = url.port_or_known_default().unwrap_or(443);
        let own_port = url.port().is_some() || !url.host_str().unwrap_or_default().contains('.');
        let host = match url.host_str() {
            Some("docker.io") if path.is_empty() => "docker.io".to_owned(),
            Some(host) if own_port => format!("{host}:{port}"),
            host => host.unwrap_or_default().to_owned(),
        };
        let (repository, root) = match path {
            "" | "v2" => (reference.repository().to_owned(), None),
            // A proxy's project: below the usual root, it is part of the repository's name, and of a token's scope.
            path if self.override_path && path.starts_with("v2/") => {
                (format!("{}/{}", path.trim_start_matches("v2/"), reference.repository()), None)
            }
            path => {
                let mut root = url.clone();
                let tail = if self.override_path || path.ends_with("/v2") { "" } else { "/v2" };
                root.set_path(&format!("/{path}{tail}/"));
                (reference.repository().to_owned(), Some(root))
            }
        };
        let root = match root {
            None if host != "docker.io" => Some(url.join("/v2/").map_err(|e| trouble(&e))?),
            other => other,
        };
        let mut name = format!("{host}/{repository}");
        if let Some(tag) = reference.tag() {
            name = format!("{name}:{tag}");
        }
        if let Some(digest) = reference.digest() {
            name = format!("{name}@{digest}");
        }
        Ok((name.parse().map_err(|e| trouble(&e))?, root))
    }
}
