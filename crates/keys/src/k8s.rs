//! A key in a Kubernetes secret: `k8s://NAMESPACE/NAME`, as `cosign generate-key-pair k8s://…` writes it.
//!
//! ```text
//! GET /api/v1/namespaces/NAMESPACE/secrets/NAME
//!     → {"data": {"cosign.key": "LS0t…", "cosign.password": "aHVu…", "cosign.pub": "LS0t…"}}
//! ```
//!
//! The cluster is that of the current context in the file that `KUBECONFIG` names; without it, the cluster
//! that this process runs in, through its service account; otherwise that of `~/.kube/config`. For a user in
//! a kubeconfig, tokens and client certificates are supported; programs that fetch tokens are not.

use std::future::ready;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::yaml;
use plimsoll_http::{ClientCertificate, HostTls, Request, Url, header};
use serde::Deserialize;

use crate::access::{KeyAccess, small_file};
use crate::remote::{Service, is_segment};
use crate::{Error, Zeroizing};

const HINT: &str = "the account needs get on this secret; name the cluster in KUBECONFIG, or run in it";
/// Where a pod finds its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The content of the secret.
pub(super) struct KeySecret {
    pub(super) key: Option<Zeroizing<Vec<u8>>>,
    pub(super) password: Option<Zeroizing<Vec<u8>>>,
    pub(super) public: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(rename = "cosign.key")]
    key: Option<String>,
    #[serde(rename = "cosign.password")]
    password: Option<String>,
    #[serde(rename = "cosign.pub")]
    public: Option<String>,
}

#[derive(Deserialize)]
struct KubeConfig {
    #[serde(rename = "current-context", default)]
    current: String,
    #[serde(default)]
    contexts: Vec<NamedEntry<Context>>,
    #[serde(default)]
    clusters: Vec<NamedEntry<Cluster>>,
    #[serde(default)]
    users: Vec<NamedEntry<User>>,
}

#[derive(Deserialize)]
struct NamedEntry<T> {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user")]
    value: T,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
}

/// How the API server is reached.
struct ApiServer {
    server: Url,
    token: Option<String>,
    roots: Vec<Vec<u8>>,
    client: Option<ClientCertificate>,
}

/// Reads the secret that `rest`, the end of the reference, names.
pub(super) fn read(reference: &str, rest: &str, access: &KeyAccess) -> Result<KeySecret, Error> {
    let service = Service::new(reference, access, HINT)?;
    let (namespace, name) = rest
        .split_once('/')
        .filter(|(namespace, name)| is_segment(namespace) && is_segment(name))
        .ok_or_else(|| service.usage("expected k8s://NAMESPACE/NAME"))?;
    let way = way(&service, access)?;
    let mut access = access.clone();
    let host = way.server.host_str().unwrap_or_default();
    let host = way.server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    access.http.hosts.push(HostTls { host, roots: way.roots, client: way.client, ..HostTls::default() });
    let service = Service::new(reference, &access, HINT)?;

    let url =
        format!("{}/api/v1/namespaces/{namespace}/secrets/{name}", way.server.as_str().trim_end_matches('/'));
    let url = Url::parse(&url).map_err(|_| service.usage("the server is not a URL"))?;
    let mut request = Request::get(url);
    if let Some(token) = &way.token {
        request = request.header(header::AUTHORIZATION, service.secret(&format!("Bearer {}", token.trim()))?);
    }
    let Secret { data } = service.ask("reading the secret", ready(Ok(request)))?;
    let decoded = |text: &str| STANDARD.decode(text).map_err(|_| service.wrong("the secret is not base64"));
    let hidden = |text: Option<String>| {
        text.map(Zeroizing::new).map(|text| decoded(&text).map(Zeroizing::new)).transpose()
    };
    Ok(KeySecret {
        key: hidden(data.key)?,
        password: hidden(data.password)?,
        public: data.public.map(|text| decoded(&text)).transpose()?,
    })
}

fn way(service: &Service, access: &KeyAccess) -> Result<ApiServer, Error> {
    if let Some(path) = access.get("KUBECONFIG") {
        return configured(service, Path::new(&path));
    }
    if let (Some(host), Some(port)) =
        (access.get("KUBERNETES_SERVICE_HOST"), access.get("KUBERNETES_SERVICE_PORT"))
    {
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let server = service.endpoint("KUBERNETES_SERVICE_HOST", &format!("https://{host}:{port}/"))?;
        let file = |name: &str| {
            small_file(&format!("{ACCOUNT}/{name}"))
                .ok_or_else(|| service.usage(format!("cannot read {ACCOUNT}/{name}")))
        };
        let roots = vec![file("ca.crt")?.into_bytes()];
        return Ok(ApiServer { server, token: Some(file("token")?), roots, client: None });
    }
    match access.get("HOME") {
        Some(home) => configured(service, &Path::new(&home).join(".kube/config")),
        None => Err(service.usage("KUBECONFIG is not set, and this is not a pod")),
    }
}

fn configured(service: &Service, path: &Path) -> Result<ApiServer, Error> {
    let place = path.display().to_string();
    let wrong =
        |problem: &str| service.usage(format!("{}: {problem}", plimsoll_core::text::terminal(&place)));
    let text = small_file(&place).ok_or_else(|| wrong("cannot be read"))?;
    // Not the parser's own message: it may quote a key.
    let config: KubeConfig = yaml::read_generated(text.as_bytes(), &place, yaml::Size::DOCUMENT)
        .map_err(|_| wrong("is not a kubeconfig"))?;
    let context = find(&config.contexts, &config.current).ok_or_else(|| wrong("has no current context"))?;
    let cluster = find(&config.clusters, &context.cluster).ok_or_else(|| wrong("has no such cluster"))?;
    let user = find(&config.users, &context.user).ok_or_else(|| wrong("has no such user"))?;
    // Paths are relative to the file.
    let folder = path.parent().unwrap_or(Path::new(""));
    let inline = |file: &Option<PathBuf>, data: &Option<String>| match (data, file) {
        (Some(data), _) => STANDARD.decode(data).map(Some).map_err(|_| wrong("has data that is not base64")),
        (None, Some(file)) => small_file(&folder.join(file).display().to_string())
            .map(|text| Some(text.into_bytes()))
            .ok_or_else(|| wrong("names a file that cannot be read")),
        (None, None) => Ok(None),
    };
    let server = service.endpoint("server", &cluster.server)?;
    let roots = inline(&cluster.certificate_authority, &cluster.certificate_authority_data)?;
    let chain = inline(&user.client_certificate, &user.client_certificate_data)?;
    let key = inline(&user.client_key, &user.client_key_data)?;
    let client = chain.zip(key).map(|(chain, key)| ClientCertificate { place: place.clone(), chain, key });
    let token = match (&user.token, &user.token_file) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(file)) => Some(
            small_file(&folder.join(file).display().to_string())
                .ok_or_else(|| wrong("names a token file that cannot be read"))?,
        ),
        (None, None) => None,
    };
    if token.is_none() && client.is_none() {
        return Err(wrong("gives its user neither a token nor a client certificate"));
    }
    Ok(ApiServer { server, token, roots: roots.into_iter().collect(), client })
}

fn find<'a, T>(all: &'a [NamedEntry<T>], name: &str) -> Option<&'a T> {
    all.iter().find(|named| named.name == name).map(|named| &named.value)
}
