//! A session with one registry: where it is, how it wants us to authenticate, and what its refusals mean.
//!
//! Credentials and tokens are only ever added to requests to the registry's own origin, and only its own 401 counts as
//! a challenge: one from a blob store behind a redirect is not answered.

use std::collections::HashMap;

use plimsoll_cloud::Failure;
use plimsoll_core::text::shown;
use plimsoll_core::{Kind, Limits, Reference};
use plimsoll_http::{Client, HeaderMap, HeaderValue, Method, Request, Response, Url, header, is_loopback};
use plimsoll_image::Error as ImageError;
use tokio::sync::{Mutex, OnceCell};

use crate::Error;
use crate::auth::{self, Challenge, Credentials, Exchange, IssuedToken};
use crate::cache::{Cache, Section};
use crate::explanation::explanation;
use crate::mirrors::{Place, contacted};

pub(super) struct Session {
    pub(super) client: Client,
    pub(super) reference: Reference,
    pub(super) limits: Limits,
    credentials: Option<Credentials>,
    /// The root endpoint with and without TLS; only one, if the configuration says which.
    candidates: (Url, Option<Url>),
    namespace: Option<String>,
    headers: HeaderMap,
    /// Whether this is one of several places: then trying the next is better than retrying.
    is_mirror: bool,
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

/// What we have learned about authenticating.
#[derive(Default)]
struct Identity {
    challenge: Option<Challenge>,
    tokens: HashMap<Access, HeaderValue>,
    /// Why requests are anonymous, if they are.
    anonymous: String,
    /// Why the machine's cloud gave no identity, if it failed.
    failed: Option<Failure>,
}

impl Identity {
    /// Adds to the refusal of an anonymous request why it was anonymous.
    fn explained(&self, refusal: Error) -> Error {
        match (refusal, &self.failed) {
            (Error::Unauthorized { what, place, status, detail, .. }, Some(failed)) => Error::CloudIdentity {
                what,
                place,
                status,
                detail,
                failure: failed.to_string(),
                transient: failed.kind == Kind::Transient,
                hint: failed.hint,
            },
            (other, _) => other,
        }
    }
}

impl Session {
    pub(super) fn new(
        client: Client,
        place: Place,
        credentials: Option<Credentials>,
        limits: Limits,
        is_mirror: bool,
    ) -> Result<Self, Error> {
        let host = contacted(place.reference.registry());
        let parse = |scheme: &str| {
            Url::parse(&format!("{scheme}://{host}/v2/"))
                .map_err(|e| Error::malformed(format!("registry {host}"), e.to_string()))
        };
        let candidates = match place.root {
            Some(root) => (root, None),
            None => (parse("https")?, Some(parse("http")?)),
        };
        Ok(Self {
            client,
            reference: place.reference,
            limits,
            credentials,
            candidates,
            namespace: place.namespace,
            headers: place.headers,
            is_mirror,
            base: OnceCell::new(),
            identity: Mutex::default(),
        })
    }

    /// The cache section of this repository and these credentials.
    pub(super) fn section(&self, cache: &Cache) -> Option<Section> {
        cache.section(&self.reference, self.credentials.as_ref())
    }

    /// Whether nobody on the path can have changed the registry's answers: they came over TLS, or from this machine.
    pub(super) fn is_sealed(&self) -> bool {
        self.base.get().is_some_and(|base| base.scheme() == "https" || is_loopback(base))
    }

    /// The registry's host for messages.
    pub(super) fn host(&self) -> &str {
        self.reference.registry()
    }

    /// `/v2/<repository>/<path>` at the registry, as far as its address is known: [`Session::call`] finds out the rest.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        let mut url = self
            .base
            .get()
            .unwrap_or_else(|| self.presumed().0)
            .join(&format!("{}/{path}", self.reference.repository()))
            .map_err(|e| Error::malformed(format!("URL of {path} at {}", self.host()), e.to_string()))?;
        if let Some(namespace) = &self.namespace {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
        Ok(url)
    }

    /// Whether a URL is the registry's own: scheme, host and port.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        self.base.get().is_some_and(|base| base.origin() == url.origin())
    }

    /// Sends a request, authenticates as the registry asks, and returns any answer but 429 and 5xx. Redirects of GET
    /// and HEAD are followed if `follow` says so.
    pub(super) async fn call(
        &self,
        request: Request,
        access: Access,
        follow: Redirects,
        what: &str,
    ) -> Result<Response, Error> {
        let mut first = match self.base.get() {
            Some(_) => None,
            // Once for each place; on the heap, because it would double what every other call needs.
            None => Box::pin(self.begin(&request, follow, what)).await?,
        };
        let request = self.settled(request);
        let mut again = true;
        loop {
            let mut request = self.prepared(request.clone());
            let mut sent = None;
            let response = if let Some(response) = first.take() {
                response
            } else {
                if self.is_own(&request.url) {
                    sent = self.authorization(access).await?;
                }
                if let Some(value) = &sent {
                    request = request.header(header::AUTHORIZATION, value.clone());
                }
                let answer = match follow {
                    Redirects::Followed => self.client.send_following(request).await,
                    Redirects::Returned => self.client.send(request).await,
                };
                answer.map_err(|e| http_error(what, e))?
            };
            let challenged = response.status.as_u16() == 401 && self.is_own(&response.url);
            if !challenged || !again || !self.learn(&response.headers, access, sent.as_ref()).await {
                return Ok(response);
            }
            again = false;
        }
    }

    /// Adds the headers that the configuration sets for this place.
    fn prepared(&self, request: Request) -> Request {
        if self.is_own(&request.url) {
            return self.dressed(request);
        }
        if self.is_mirror { request.retries(0) } else { request }
    }

    fn dressed(&self, mut request: Request) -> Request {
        for (name, value) in &self.headers {
            request = request.append(name.clone(), value.clone());
        }
        if self.is_mirror { request.retries(0) } else { request }
    }

    /// The error for an unexpected answer.
    pub(super) async fn refused(&self, mut response: Response, what: &str) -> Error {
        let detail = explanation(&mut response).await;
        let what = what.to_owned();
        let own = self.is_own(&response.url);
        let place =
            if own { self.host().to_owned() } else { response.url.host_str().map(shown).unwrap_or_default() };
        match response.status.as_u16() {
            status @ (401 | 403) if own => {
                let identity = self.identity.lock().await;
                let how = identity.anonymous.clone();
                identity.explained(Error::Unauthorized { what, place, status, how, detail })
            }
            404 => ImageError::NotFound { what, place: format!("registry {}", self.reference.name()) }.into(),
            status => Error::Refused { what, place, status, detail },
        }
    }

    /// Finds out where the registry is, once, with the first request to it; returns the answer if that request was
    /// `request`.
    ///
    /// The API foresees a request to the root endpoint before everything else. A public registry does not need it,
    /// because its first answer says the same. It is made when credentials are known, to learn whether they are
    /// required: some registries hide their content from anonymous clients (404, an empty list), and that must never be
    /// read as "there is none". It is also made before a write, so that no body is sent only to be refused.
    async fn begin(
        &self,
        request: &Request,
        follow: Redirects,
        what: &str,
    ) -> Result<Option<Response>, Error> {
        let mut first = None;
        self.base
            .get_or_try_init(|| async {
                let reads = matches!(request.method, Method::GET | Method::HEAD);
                if self.credentials.is_some() || !reads {
                    let root = Request::get(self.presumed().0.clone());
                    let (base, response) = self.probe(root, &format!("registry {}", self.host())).await?;
                    if response.status.as_u16() == 401 {
                        self.identity.lock().await.challenge = Challenge::from_headers(&response.headers);
                    }
                    return Ok::<_, Error>(base);
                }
                let (base, response) = self.probe(request.clone(), what).await?;
                // The target of a redirect says nothing about the registry's own protocol, so the redirect is not
                // followed yet.
                let redirects = matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308);
                if !(follow == Redirects::Followed && redirects) {
                    first = Some(response);
                }
                Ok(base)
            })
            .await?;
        Ok(first)
    }

    /// Sends the first request, which shows whether the registry speaks TLS.
    async fn probe(&self, request: Request, what: &str) -> Result<(Url, Response), Error> {
        let request = self.dressed(request);
        let (first, second) = self.presumed();
        let Some(second) = second else {
            let response = self.client.send(request).await.map_err(|e| http_error(what, e))?;
            return Ok((first.clone(), response));
        };
        let other = Request { url: of_scheme(request.url.clone(), second), ..request.clone() };
        let (answer, failure) = match self.client.send(request).await {
            // The answer of TLS servers to a client that speaks plain HTTP.
            Ok(response) if response.status.as_u16() == 400 && first.scheme() == "http" => {
                (Some(response), None)
            }
            Ok(response) => return Ok((first.clone(), response)),
            Err(error) if may_be_other_protocol(&error, first) => (None, Some(error)),
            Err(error) => return Err(http_error(what, error)),
        };
        // The client allows plain HTTP for loopback and for hosts that the user named, and otherwise refuses it without
        // opening a connection.
        match (self.client.send(other).await, answer, failure) {
            (Ok(response), ..) => Ok((second.clone(), response)),
            // It speaks HTTP and not TLS: it merely rejects the request.
            (Err(error), Some(answer), _) if may_be_other_protocol(&error, second) => {
                Ok((first.clone(), answer))
            }
            (Err(_), _, Some(failure)) => Err(http_error(what, failure)),
            // It speaks TLS, perhaps with an invalid certificate.
            (Err(error), ..) => Err(http_error(what, error)),
        }
    }

    /// Which URL is tried first and which second. TLS first, except on loopback, where it is rare, and where the
    /// handshake would cost more than the request.
    fn presumed(&self) -> (&Url, Option<&Url>) {
        match &self.candidates {
            (tls, Some(plain)) if is_loopback(plain) => (plain, Some(tls)),
            (tls, plain) => (tls, plain.as_ref()),
        }
    }

    /// The request with the registry's real URL, which may have been guessed wrong before.
    fn settled(&self, request: Request) -> Request {
        match self.base.get() {
            Some(base) if request.url.origin() == self.presumed().0.origin() => {
                Request { url: of_scheme(request.url, base), ..request }
            }
            _ => request,
        }
    }

    /// The `Authorization` header to send now, if one is known.
    async fn authorization(&self, access: Access) -> Result<Option<HeaderValue>, Error> {
        let mut identity = self.identity.lock().await;
        if let Some(Credentials::RegistryToken(token)) = &self.credentials {
            return Ok(identity.challenge.is_some().then(|| auth::bearer(token)).flatten());
        }
        match identity.challenge.clone() {
            None => Ok(None),
            Some(Challenge::Basic) => Ok(self.basic(&mut identity).await),
            Some(Challenge::Bearer { realm, service }) => {
                if let Some(token) = identity.tokens.get(&access) {
                    return Ok(Some(token.clone()));
                }
                let credentials = self.known(&mut identity).await;
                let grant = self.grant(&realm, service.as_deref(), access, credentials.as_ref()).await;
                let grant = grant.map_err(|e| identity.explained(e))?;
                let value = auth::bearer(&grant.token).ok_or_else(|| {
                    Error::malformed(format!("token for {}", self.host()), "it cannot be sent in a header")
                })?;
                identity.tokens.insert(access, value.clone());
                identity.anonymous = grant.anonymous;
                Ok(Some(value))
            }
        }
    }

    async fn grant(
        &self,
        realm: &str,
        service: Option<&str>,
        access: Access,
        credentials: Option<&Credentials>,
    ) -> Result<IssuedToken, Error> {
        let scope = format!("repository:{}:{}", self.reference.repository(), access.actions());
        let registry = self.base.get().unwrap_or_else(|| self.presumed().0);
        let of_cloud = matches!(self.credentials, Some(Credentials::Cloud(_)));
        Exchange {
            client: &self.client,
            registry,
            host: self.host(),
            realm,
            service,
            scope: &scope,
            credentials,
            of_cloud,
        }
        .run()
        .await
    }

    /// Learns from a 401. Returns whether trying again makes sense. `sent` is the header that was refused.
    async fn learn(&self, headers: &HeaderMap, access: Access, sent: Option<&HeaderValue>) -> bool {
        let mut identity = self.identity.lock().await;
        if identity.tokens.get(&access).is_some_and(|known| Some(known) != sent) {
            // Another thread already has a newer token.
            return true;
        }
        identity.tokens.remove(&access);
        let Some(challenge) = Challenge::from_headers(headers) else { return false };
        let worth_it = match challenge {
            Challenge::Bearer { .. } => true,
            Challenge::Basic => {
                let basic = self.basic(&mut identity).await;
                basic.is_some() && basic.as_ref() != sent
            }
        };
        identity.challenge = Some(challenge);
        worth_it
    }

    async fn basic(&self, identity: &mut Identity) -> Option<HeaderValue> {
        let known = self.known(identity).await;
        let header = known.as_ref().and_then(Credentials::basic);
        if header.is_none() {
            let why = match known {
                Some(Credentials::IdentityToken(_)) => {
                    "an identity token is known for it, but it requires a password"
                }
                _ => "no password is known for it",
            };
            why.clone_into(&mut identity.anonymous);
        }
        header
    }

    /// The credentials to use now. If a cloud fails, requests are anonymous, which many repositories allow; a refusal
    /// then reports both.
    async fn known(&self, identity: &mut Identity) -> Option<Credentials> {
        let (Some(Credentials::Cloud(cloud)), Some(base)) = (&self.credentials, self.base.get()) else {
            return self.credentials.clone();
        };
        match cloud.credentials(&self.client, base).await {
            Ok(known) => {
                identity.failed = None;
                known.map(Into::into)
            }
            Err(failure) => {
                tracing::warn!(registry = self.host(), %failure, "going on without credentials");
                identity.failed = Some(failure);
                None
            }
        }
    }
}

/// Whether redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redirects {
    Followed,
    Returned,
}

/// Adds the requested object to the error of a failed call.
pub(super) fn http_error(what: &str, source: plimsoll_http::Error) -> Error {
    Error::Http { what: what.to_owned(), source: Box::new(source) }
}

/// The URL with the scheme of `base`. The two candidates differ in nothing else.
fn of_scheme(mut url: Url, base: &Url) -> Url {
    // Fails only between schemes of different kinds, and these are http and https.
    let _ = url.set_scheme(base.scheme());
    url
}

/// Whether the server may simply speak the other of TLS and plain HTTP. Without an explicit port, it may also listen
/// only on the other protocol's port.
fn may_be_other_protocol(error: &plimsoll_http::Error, url: &Url) -> bool {
    use plimsoll_http::{Error as E, TlsFault};
    match error {
        E::Tls { fault, .. } => matches!(fault, TlsFault::NotTls | TlsFault::Protocol),
        E::Protocol { .. } | E::Interrupted { .. } => true,
        E::Connect { .. } => url.port().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_http::{Call, Error, TlsFault};

    /// What a server cannot have meant by speaking the other protocol is no reason to try that: of a certificate that is refused, it
    /// would mean to go on without TLS.
    #[test]
    fn only_what_the_other_protocol_would_explain_makes_it_worth_a_try() {
        let call = || Call { method: Method::GET, url: "https://r.example/v2/".to_owned() };
        let (host, reason) = (|| "r.example".to_owned(), || "so it is".to_owned());
        let tls = |fault| Error::Tls { call: call(), host: host(), fault, reason: reason() };
        let (without, with) =
            ("https://r.example/".parse().unwrap(), "https://r.example:5000/".parse().unwrap());
        for (error, is_worth_it) in [
            (tls(TlsFault::NotTls), [true, true]),
            (tls(TlsFault::Protocol), [true, true]),
            (tls(TlsFault::UnknownIssuer), [false, false]),
            (Error::Protocol { call: call(), reason: reason() }, [true, true]),
            (Error::Interrupted { call: call(), reason: reason() }, [true, true]),
            // The other protocol may have its own port.
            (Error::Connect { call: call(), host: host(), reason: reason() }, [true, false]),
            (Error::Offline { call: call() }, [false, false]),
        ] {
            let got = [&without, &with].map(|url: &Url| may_be_other_protocol(&error, url));
            assert_eq!(got, is_worth_it, "{error}");
        }
    }
}
