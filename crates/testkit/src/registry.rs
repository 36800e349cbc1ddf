//! A fake registry on loopback: the OCI distribution API (pull, push, tags, referrers) over memory.
//!
//! It answers as specified, unless a test makes it [misbehave](Registry::misbehave). It owns its threads and
//! stops when dropped. It does not imitate the quirks of particular products; faults do that.
//!
//! Specification: OCI distribution 1.1 (pull, push, content discovery, referrers, `OCI-Subject`, fallback tag).

mod authority;
mod fault;
mod routes;
mod store;
pub(crate) mod wire;

pub use fault::Fault;
pub use wire::{Answer, Request};

use crate::listener::{Listener, Port, lock};
use crate::tls::Authority;
use authority::{Authentication, Tokens};
use fault::{Outcome, Rule};
use plimsoll_core::Digest;
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use store::Repository;

/// A running fake registry; stops on drop.
pub struct Registry {
    shared: Arc<Shared>,
    listener: Listener,
    ca_pem: Option<String>,
}

/// The settings of a registry; see [`Registry::builder`].
pub struct RegistryBuilder {
    options: Options,
    tls: Option<Vec<String>>,
    clients: Option<String>,
}

#[derive(Clone)]
struct Options {
    gate: Authentication,
    referrers: bool,
    referrers_page: usize,
    etags: bool,
    scheme: &'static str,
    /// Its name in challenges.
    name: Option<String>,
    /// Gets requests before the registry itself.
    also: Option<Arc<ExtraAnswers>>,
}

/// Answers beyond the distribution API.
type ExtraAnswers = dyn Fn(&Request) -> Option<Answer> + Send + Sync;

impl Registry {
    /// Plain HTTP, open to all, referrers API on, `ETag` and `If-Match` honoured.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Sets the registry up before it starts.
    pub fn builder() -> RegistryBuilder {
        let options = Options {
            gate: Authentication::Open,
            referrers: true,
            referrers_page: usize::MAX,
            etags: true,
            scheme: "http",
            name: None,
            also: None,
        };
        RegistryBuilder { options, tls: None, clients: None }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// `127.0.0.1:PORT`, as in a reference.
    pub fn host(&self) -> String {
        self.shared.addr.to_string()
    }

    /// `http://127.0.0.1:PORT` or `https://…`.
    pub fn url(&self) -> String {
        self.shared.base()
    }

    /// `127.0.0.1:PORT/repository:tag`, or `…@sha256:…` when `tag` is a digest.
    pub fn reference(&self, repository: &str, tag: &str) -> String {
        let separator = if tag.contains(':') { '@' } else { ':' };
        format!("{}/{repository}{separator}{tag}", self.host())
    }

    /// The certificate authority to trust, PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Stores a blob.
    pub fn add_blob(&self, repository: &str, bytes: impl Into<Vec<u8>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        self.shared.state().repository(repository).blobs.insert(digest.to_string(), bytes);
        digest
    }

    /// Stores any bytes under any digest: a registry that lies consistently.
    pub fn add_blob_as(&self, repository: &str, digest: &Digest, bytes: impl Into<Vec<u8>>) {
        self.shared.state().repository(repository).blobs.insert(digest.to_string(), bytes.into());
    }

    /// Stores a manifest by its digest; nothing is checked.
    pub fn add_manifest(&self, repository: &str, media_type: &str, bytes: impl Into<Vec<u8>>) -> Digest {
        self.shared.state().repository(repository).put_manifest(media_type, bytes.into())
    }

    /// Points a tag at a digest; it need not exist.
    pub fn tag(&self, repository: &str, tag: &str, digest: &Digest) {
        self.shared.state().repository(repository).tags.insert(tag.to_owned(), digest.to_string());
    }

    /// The bytes of a manifest, by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        self.shared.state().repository(repository).manifest(reference).map(|(_, m)| m.bytes.clone())
    }

    /// The bytes of a blob.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
        self.shared.state().repository(repository).blobs.get(&digest.to_string()).cloned()
    }

    /// The tags of a repository, sorted.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.shared.state().repository(repository).tags.keys().cloned().collect()
    }

    /// From now on, every request that `pattern` matches meets `fault`. Rules that were added first win.
    pub fn misbehave(&self, pattern: &str, fault: Fault) {
        self.shared.state().rules.push(Rule { pattern: pattern.to_owned(), fault, left: None });
    }

    /// Like [`Self::misbehave`], but only for the next `times` requests.
    pub fn misbehave_times(&self, times: u64, pattern: &str, fault: Fault) {
        self.shared.state().rules.push(Rule { pattern: pattern.to_owned(), fault, left: Some(times) });
    }

    /// Forgets all faults.
    pub fn behave(&self) {
        self.shared.state().rules.clear();
    }

    /// No bearer token given out so far is accepted any more.
    pub fn expire_tokens(&self) {
        self.shared.state().tokens.forget();
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().log.clone()
    }

    /// The requests that a pattern matches (see [`Self::misbehave`]).
    pub fn requests_to(&self, pattern: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|r| fault::matches(pattern, &format!("{} {}", r.method, r.path())));
        requests
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.state().log.clear();
    }

    /// Stops: open connections are cut, new ones refused.
    pub fn stop(&self) {
        self.shared.state().stopped = true;
        self.shared.stopping.notify_all();
        self.listener.stop();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

impl RegistryBuilder {
    /// Whether the referrers API exists; without it, `/referrers/` answers 404 and no `OCI-Subject` is sent.
    #[must_use]
    pub fn referrers_api(mut self, on: bool) -> Self {
        self.options.referrers = on;
        self
    }

    /// At most this many descriptors per page of the referrers list; further pages by `Link`.
    #[must_use]
    pub fn referrers_page(mut self, count: usize) -> Self {
        self.options.referrers_page = count;
        self
    }

    /// Whether manifests and lists of referrers have an `ETag`, `If-None-Match` is honoured on `GET`, and
    /// `If-Match` and `If-None-Match: *` on `PUT`.
    #[must_use]
    pub fn etags(mut self, on: bool) -> Self {
        self.options.etags = on;
        self
    }

    /// Requires HTTP basic authentication for everything.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.options.gate = Authentication::Basic { user: user.to_owned(), password: password.to_owned() };
        self
    }

    /// Requires a bearer token from the registry's own `/token`, which knows this user.
    #[must_use]
    pub fn bearer(mut self, user: &str, password: &str) -> Self {
        self.options.gate = Authentication::Bearer {
            user: user.to_owned(),
            password: password.to_owned(),
            identity_token: None,
            anonymous_pull: false,
            realm: None,
        };
        self
    }

    /// With [`Self::bearer`]: this identity token is accepted by `POST /token`.
    #[must_use]
    pub fn identity_token(mut self, token: &str) -> Self {
        if let Authentication::Bearer { identity_token, .. } = &mut self.options.gate {
            *identity_token = Some(token.to_owned());
        }
        self
    }

    /// With [`Self::bearer`]: tokens requested without credentials may pull.
    #[must_use]
    pub fn anonymous_pull(mut self) -> Self {
        if let Authentication::Bearer { anonymous_pull, .. } = &mut self.options.gate {
            *anonymous_pull = true;
        }
        self
    }

    /// With [`Self::bearer`]: the challenge names this realm instead of the registry's own.
    #[must_use]
    pub fn realm(mut self, url: &str) -> Self {
        if let Authentication::Bearer { realm, .. } = &mut self.options.gate {
            *realm = Some(url.to_owned());
        }
        self
    }

    /// TLS with a certificate for `127.0.0.1` and `localhost` from a fresh authority ([`Registry::ca_pem`]).
    #[must_use]
    pub fn tls(self) -> Self {
        self.tls_for(&["127.0.0.1", "localhost"])
    }

    /// TLS with a certificate for these names only.
    #[must_use]
    pub fn tls_for(mut self, names: &[&str]) -> Self {
        self.tls = Some(names.iter().map(ToString::to_string).collect());
        self.options.scheme = "https";
        self
    }

    /// TLS under this name, which the client must resolve to 127.0.0.1; challenges name it as well.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.options.name = Some(name.to_owned());
        self.tls_for(&[name])
    }

    /// `answer` gets requests first; the registry answers the rest.
    #[must_use]
    pub fn also(mut self, answer: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> Self {
        self.options.also = Some(Arc::new(answer));
        self
    }

    /// With TLS: only clients with a certificate of this authority (PEM) are accepted.
    #[must_use]
    pub fn client_authority(mut self, pem: &str) -> Self {
        self.clients = Some(pem.to_owned());
        self
    }

    /// Starts on a free port of 127.0.0.1.
    pub fn start(self) -> Registry {
        let port = Port::free();
        let shared = Arc::new(Shared {
            addr: port.addr(),
            options: self.options,
            state: Mutex::new(State::default()),
            stopping: Condvar::new(),
        });
        let authority = self.tls.as_ref().map(|_| Authority::new());
        let tls = self.tls.as_ref().zip(authority.as_ref()).map(|(names, authority)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            authority.server_for_clients(&names, self.clients.as_deref())
        });
        let ca_pem = authority.map(|a| a.pem());
        let serving = Arc::clone(&shared);
        let listener = port.listen(move |stream| connection(stream, &serving, tls.as_ref()));
        Registry { shared, listener, ca_pem }
    }
}

struct Shared {
    addr: SocketAddr,
    options: Options,
    state: Mutex<State>,
    stopping: Condvar,
}

#[derive(Default)]
struct State {
    repositories: BTreeMap<String, Repository>,
    uploads: BTreeMap<String, Vec<u8>>,
    uploads_begun: u64,
    tokens: Tokens,
    rules: Vec<Rule>,
    log: Vec<Request>,
    stopped: bool,
}

impl State {
    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn base(&self) -> String {
        match &self.options.name {
            Some(name) => format!("{}://{name}:{}", self.options.scheme, self.addr.port()),
            None => format!("{}://{}", self.options.scheme, self.addr),
        }
    }

    /// Waits for `time` (`None`: forever), but not longer than the registry runs. Returns whether it still
    /// runs.
    fn wait(&self, time: Option<Duration>) -> bool {
        let state = self.state();
        match time {
            Some(time) => !self.stopping.wait_timeout_while(state, time, |s| !s.stopped).unwrap().0.stopped,
            None => !self.stopping.wait_while(state, |s| !s.stopped).unwrap().stopped,
        }
    }
}

/// The first byte of every TLS connection.
const TLS_HANDSHAKE: [u8; 1] = [22];

fn connection(stream: TcpStream, shared: &Shared, tls: Option<&Arc<rustls::ServerConfig>>) {
    let Some(config) = tls else { return serve(stream, shared) };
    let mut first = [0];
    if matches!(stream.peek(&mut first), Ok(1)) && first != TLS_HANDSHAKE {
        // Like common servers: a plain answer to a plain request.
        let mut stream = stream;
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nthis port speaks TLS");
    } else if let Ok(connection) = rustls::ServerConnection::new(Arc::clone(config)) {
        serve(rustls::StreamOwned::new(connection, stream), shared);
    }
}

/// Serves one connection until either side ends it.
fn serve<S: Read + Write>(stream: S, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    loop {
        let request = match wire::read(&mut stream) {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(error) => {
                // The answer of plain servers to a client that starts TLS.
                if error.kind() == std::io::ErrorKind::InvalidData {
                    let answer = Answer::new(400).body("not HTTP");
                    let _ = wire::write(stream.get_mut(), &answer, false, wire::Delivery::Whole, |_| false);
                }
                return;
            }
        };
        let head = request.method == "HEAD";
        let (answer, delivery) = match answer(&request, shared) {
            Outcome::Send(answer, delivery) => (answer, delivery),
            Outcome::StallForEver => {
                shared.wait(None);
                return;
            }
            Outcome::Close => return,
        };
        let wait = |time| shared.wait(time);
        if !wire::write(stream.get_mut(), &answer, head, delivery, wait).unwrap_or(false) {
            return;
        }
    }
}

fn answer(request: &Request, shared: &Shared) -> Outcome {
    let mut state = shared.state();
    state.log.push(request.clone());
    let fault = fault::pick(&mut state.rules, &request.method, request.path());
    if let Some(fault) = fault.as_ref().filter(|fault| fault.keeps_from_store()) {
        return fault.apply(&request.target, Answer::default());
    }
    let also = shared.options.also.as_ref().and_then(|also| also(request));
    let answer = also.unwrap_or_else(|| routes::route(request, &mut state, shared, fault.as_ref()));
    match fault {
        Some(fault) => fault.apply(&request.target, answer),
        None => Outcome::Send(answer, wire::Delivery::Whole),
    }
}
