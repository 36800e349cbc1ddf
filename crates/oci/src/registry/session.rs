//! A conversation with one registry: where it is, what it wants to know about us, and what its refusals mean.
//!
//! Credentials and tokens are only ever added to requests to the registry's own origin, and only its own 401 counts as a
//! challenge: a blob store behind a redirect asks in vain.

use std::collections::HashMap;

use plimsoll_core::{Limits, Reference};
use plimsoll_http::{Client, HeaderMap, HeaderValue, Request, Response, Url, header};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use super::manifest::Resolved;
use crate::Error;
use crate::auth::{self, Challenge, Credentials, Exchange, Grant};
use crate::error::shown;

/// Docker Hub's registry is not at the host that its references name.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// Bytes of an error document that are read; messages beyond are cut.
const EXPLANATION: u64 = 16 * 1024;

pub(super) struct Session {
    pub(super) client: Client,
    pub(super) reference: Reference,
    pub(super) limits: Limits,
    pub(super) resolved: OnceCell<Resolved>,
    credentials: Option<Credentials>,
    /// The root end point as it would be with TLS and without.
    candidates: (Url, Url),
    base: OnceCell<Url>,
    identity: Mutex<Identity>,
}

/// What a request does, as token scopes distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Pull,
    Push,
}

impl Access {
    fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        }
    }
}

/// What we have learned about how to identify ourselves.
#[derive(Default)]
struct Identity {
    challenge: Option<Challenge>,
    tokens: HashMap<Access, HeaderValue>,
    /// Why requests are anonymous, if they are.
    anonymous: String,
}

impl Session {
    pub(super) fn new(
        client: Client,
        reference: Reference,
        credentials: Option<Credentials>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let host = reference.registry();
        let host = if host == DOCKER_HUB.0 { DOCKER_HUB.1 } else { host };
        let parse = |scheme: &str| {
            Url::parse(&format!("{scheme}://{host}/v2/"))
                .map_err(|e| Error::malformed(format!("registry {host}"), e.to_string()))
        };
        let candidates = (parse("https")?, parse("http")?);
        Ok(Self {
            client,
            reference,
            limits,
            resolved: OnceCell::new(),
            credentials,
            candidates,
            base: OnceCell::new(),
            identity: Mutex::default(),
        })
    }

    /// The registry's host for messages.
    pub(super) fn host(&self) -> &str {
        self.reference.registry()
    }

    /// `/v2/<repository>/<path>` at the registry.
    pub(super) async fn url(&self, path: &str) -> Result<Url, Error> {
        let base = self.base().await?;
        base.join(&format!("{}/{path}", self.reference.repository()))
            .map_err(|e| Error::malformed(format!("URL of {path} at {}", self.host()), e.to_string()))
    }

    /// Whether a URL is the registry's own: scheme, host and port.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        self.base.get().is_some_and(|base| base.origin() == url.origin())
    }

    /// Sends a request, identifies ourselves as the registry asks, and returns any answer but 429 and 5xx. Redirects of
    /// GET and HEAD are followed if `follow` says so.
    pub(super) async fn call(
        &self,
        request: Request,
        access: Access,
        follow: Redirects,
        what: &str,
    ) -> Result<Response, Error> {
        let mut again = true;
        loop {
            let mut request = request.clone();
            let sent = if self.is_own(&request.url) { self.authorization(access).await? } else { None };
            if let Some(value) = &sent {
                request = request.header(header::AUTHORIZATION, value.clone());
            }
            let response = match follow {
                Redirects::Followed => self.client.send_following(request).await,
                Redirects::Returned => self.client.send(request).await,
            };
            let response = response.map_err(|e| http_error(what, e))?;
            let challenged = response.status.as_u16() == 401 && self.is_own(&response.url);
            if !challenged || !again || !self.learn(&response.headers, access, sent.as_ref()).await {
                return Ok(response);
            }
            again = false;
        }
    }

    /// The error for an answer that is not the one hoped for.
    pub(super) async fn refused(&self, mut response: Response, what: &str) -> Error {
        let detail = explanation(&mut response).await;
        let what = what.to_owned();
        let own = self.is_own(&response.url);
        let place =
            if own { self.host().to_owned() } else { response.url.host_str().map(shown).unwrap_or_default() };
        match response.status.as_u16() {
            status @ (401 | 403) if own => {
                let how = self.identity.lock().await.anonymous.clone();
                Error::Unauthorized { what, place, status, how, detail }
            }
            404 => Error::NotFound { what, place: format!("registry {}", self.reference.name()) },
            status => Error::Refused { what, place, status, detail },
        }
    }

    /// Where the registry is, found out by its root end point, once. The answer tells as well how to identify ourselves,
    /// so that no second attempt is needed later.
    async fn base(&self) -> Result<&Url, Error> {
        self.base.get_or_try_init(|| self.probe()).await
    }

    async fn probe(&self) -> Result<Url, Error> {
        let what = format!("registry {}", self.host());
        let (tls, plain) = self.candidates.clone();
        // TLS first, except on loopback, where it is rare, and where setting it up would cost more than the request.
        let (first, second) = if is_loopback(&plain) { (plain, tls) } else { (tls, plain) };
        let failure = match self.client.send(Request::get(first.clone())).await {
            // What TLS servers tell a client that speaks plain HTTP.
            Ok(response) if response.status.as_u16() == 400 && first.scheme() == "http" => None,
            Ok(response) => return Ok(self.found(first, &response).await),
            Err(error) if may_be_other_protocol(&error, &first) => Some(error),
            Err(error) => return Err(http_error(&what, error)),
        };
        // The client lets plain HTTP pass for loopback and for hosts that the user named as such, and refuses it
        // otherwise without opening a connection.
        match (self.client.send(Request::get(second.clone())).await, failure) {
            (Ok(response), _) => Ok(self.found(second, &response).await),
            (Err(_), Some(failure)) => Err(http_error(&what, failure)),
            // Spoke HTTP and does not speak TLS: a registry without the root end point.
            (Err(error), None) if may_be_other_protocol(&error, &second) => Ok(first),
            // Speaks TLS, with a certificate that does not hold, say.
            (Err(error), None) => Err(http_error(&what, error)),
        }
    }

    async fn found(&self, base: Url, response: &Response) -> Url {
        if response.status.as_u16() == 401 {
            self.identity.lock().await.challenge = Challenge::of(&response.headers);
        }
        base
    }

    /// The header to send along now, as far as is known.
    async fn authorization(&self, access: Access) -> Result<Option<HeaderValue>, Error> {
        let mut identity = self.identity.lock().await;
        if let Some(Credentials::RegistryToken(token)) = &self.credentials {
            return Ok(identity.challenge.is_some().then(|| auth::bearer(token)).flatten());
        }
        let Identity { challenge, tokens, anonymous } = &mut *identity;
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => {
                let header = self.basic();
                if header.is_none() {
                    "no password is known for it".clone_into(anonymous);
                }
                Ok(header)
            }
            Some(Challenge::Bearer { realm, service }) => {
                if let Some(token) = tokens.get(&access) {
                    return Ok(Some(token.clone()));
                }
                let grant = self.grant(realm, service.as_deref(), access).await?;
                let value = auth::bearer(&grant.token).ok_or_else(|| {
                    Error::malformed(format!("token for {}", self.host()), "it cannot stand in a header")
                })?;
                tokens.insert(access, value.clone());
                *anonymous = grant.anonymous;
                Ok(Some(value))
            }
        }
    }

    async fn grant(&self, realm: &str, service: Option<&str>, access: Access) -> Result<Grant, Error> {
        let scope = format!("repository:{}:{}", self.reference.repository(), access.actions());
        let registry = self.base().await?;
        let credentials = self.credentials.as_ref();
        Exchange {
            client: &self.client,
            registry,
            host: self.host(),
            realm,
            service,
            scope: &scope,
            credentials,
        }
        .run()
        .await
    }

    /// Learns from a 401; whether trying again makes sense. `sent` is what was sent in vain.
    async fn learn(&self, headers: &HeaderMap, access: Access, sent: Option<&HeaderValue>) -> bool {
        let mut identity = self.identity.lock().await;
        if identity.tokens.get(&access).is_some_and(|known| Some(known) != sent) {
            // Another thread has a newer token already.
            return true;
        }
        identity.tokens.remove(&access);
        let Some(challenge) = Challenge::of(headers) else { return false };
        let worth_it = challenge != Challenge::Basic || (sent.is_none() && self.basic().is_some());
        if challenge == Challenge::Basic && self.basic().is_none() {
            "no password is known for it".clone_into(&mut identity.anonymous);
        }
        identity.challenge = Some(challenge);
        worth_it
    }

    fn basic(&self) -> Option<HeaderValue> {
        self.credentials.as_ref().and_then(Credentials::basic)
    }
}

/// Whether redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redirects {
    Followed,
    Returned,
}

/// The registry's own words about a refusal, fit for a terminal: the first error of the API's error document, or the
/// beginning of whatever else came.
pub(crate) async fn explanation(response: &mut Response) -> String {
    #[derive(Deserialize)]
    struct Document {
        #[serde(default)]
        errors: Vec<Item>,
        #[serde(default)]
        details: Option<String>,
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let is_page = response.header(&header::CONTENT_TYPE).is_some_and(|t| t.starts_with("text/html"));
    let Ok(body) = response.body.bytes(EXPLANATION).await else { return String::new() };
    if is_page {
        return String::new();
    }
    let Ok(document) = serde_json::from_slice::<Document>(&body) else {
        return shown(String::from_utf8_lossy(&body).trim());
    };
    match document.errors.first() {
        Some(Item { code, message }) if message.is_empty() => shown(code),
        Some(Item { message, .. }) => shown(message),
        None => document.details.map(|d| shown(&d)).unwrap_or_default(),
    }
}

/// Puts the object in front of a failed call.
pub(super) fn http_error(what: &str, source: plimsoll_http::Error) -> Error {
    Error::Http { what: what.to_owned(), source: Box::new(source) }
}

/// Whether the other side may simply speak the other of TLS and plain HTTP. Without a port of its own it may also listen
/// on the other protocol's only.
fn may_be_other_protocol(error: &plimsoll_http::Error, url: &Url) -> bool {
    use plimsoll_http::{Error as E, TlsFault};
    match error {
        E::Tls { fault, .. } => matches!(fault, TlsFault::NotTls | TlsFault::Protocol),
        E::Protocol { .. } | E::Interrupted { .. } => true,
        E::Connect { .. } => url.port().is_none(),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(v4)) => v4.is_loopback(),
        Some(url::Host::Ipv6(v6)) => v6.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
