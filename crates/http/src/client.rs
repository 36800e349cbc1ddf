//! The client: one call from the rules to the response, with its retries and redirects.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use plimsoll_core::Cancel;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::address::Class;
use crate::allowed::Allowed;
use crate::body::{Body, CallLimits, Lease};
use crate::connect::{Connected, Connector, Dial, Tcp};
use crate::error::{Error, Phase, TlsFault, causes, excerpt};
use crate::origin::Origin;
use crate::outgoing::Outgoing;
use crate::pending::Pending;
use crate::pool::{Connection, Pool};
use crate::redirect;
use crate::request::Request;
use crate::resolve::{Resolve, SystemResolver};
use crate::response::Response;
use crate::retry;
use crate::route::{Route, route};
use crate::settings::Settings;
use crate::stop::unless_stopped;
use crate::stream::CountingStream;
use crate::tls::{Tls, client_refused};

/// The outbound client. Cloning it is cheap, and the clones share connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    cancel: Cancel,
}

struct Shared {
    settings: Settings,
    allowed: Allowed,
    connector: Connector,
    pool: Arc<Pool>,
    reached: Reached,
}

impl Client {
    /// A client on TCP and the system's resolver, for a tokio runtime with I/O and time enabled. Fails if an extra certificate authority cannot be read; nothing else is
    /// opened or loaded before it is needed.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        Self::with_resolver(settings, Arc::new(SystemResolver))
    }

    /// Like [`Client::new`], with another resolver.
    pub fn with_resolver(settings: Settings, resolver: Arc<dyn Resolve>) -> Result<Self, Error> {
        Self::with_network(settings, resolver, Arc::new(Tcp))
    }

    pub(crate) fn with_network(
        settings: Settings,
        resolver: Arc<dyn Resolve>,
        dialer: Arc<dyn Dial>,
    ) -> Result<Self, Error> {
        let tls = Tls::new(&settings)?;
        let allowed = Allowed::parse(&settings.allow_private)?;
        let connector = Connector { resolver, dialer, tls, timeout: settings.connect_timeout };
        let shared =
            Shared { settings, allowed, connector, pool: Arc::default(), reached: Reached::default() };
        Ok(Self { shared: Arc::new(shared), cancel: Cancel::never() })
    }

    /// Sends a request, repeats it if that is safe and may help, and returns when the response's head has
    /// arrived.
    ///
    /// A redirect is returned like any other answer. 429 and 5xx (except 501) are errors after the last
    /// attempt.
    pub fn send(&self, request: Request) -> Pending<'_, Response> {
        Box::pin(async move {
            let limits = self.limits(&request);
            self.within(&request, &limits, Box::pin(self.shared.attempts(&request, &limits))).await
        })
    }

    /// Like [`Client::send`], and follows up to five redirects of a GET or HEAD.
    ///
    /// A hop to another origin counts as named by the response, drops every header that could contain a
    /// credential, and never leads from https to plain http. Redirects of other methods are returned.
    pub fn send_following(&self, request: Request) -> Pending<'_, Response> {
        Box::pin(async move {
            let limits = self.limits(&request);
            self.within(&request, &limits, Box::pin(self.shared.hops(&request, &limits))).await
        })
    }

    /// The same client for work that `cancel` stops: its calls and the bodies being read end with [`Error::Stopped`],
    /// wherever they are. Connections stay shared.
    #[must_use]
    pub fn under(&self, cancel: &Cancel) -> Self {
        Self { shared: Arc::clone(&self.shared), cancel: cancel.clone() }
    }

    /// How long one call may take: [`Settings::timeout`].
    pub fn timeout(&self) -> Duration {
        self.shared.settings.timeout
    }

    fn limits(&self, request: &Request) -> CallLimits {
        let settings = &self.shared.settings;
        let timeout = request.timeout.unwrap_or(settings.timeout);
        let deadline = later(timeout);
        let stop = self.cancel.deadline().map_or(deadline, |stop| deadline.min(Instant::from_std(stop)));
        CallLimits {
            deadline: stop,
            timeout,
            idle: settings.idle_timeout,
            least_rate: settings.least_rate,
            cancel: self.cancel.clone(),
        }
    }

    async fn within(
        &self,
        request: &Request,
        limits: &CallLimits,
        work: impl Future<Output = Result<Response, Error>>,
    ) -> Result<Response, Error> {
        let in_time = async {
            match timeout_at(limits.deadline, work).await {
                Ok(done) => done,
                Err(_) => Err(limits.late(request.call(), Phase::Call)),
            }
        };
        unless_stopped(&limits.cancel, || request.call(), in_time).await
    }

    #[cfg(test)]
    pub(crate) fn tls_is_ready(&self) -> bool {
        self.shared.connector.tls.is_ready()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Shared {
    async fn hops(&self, first: &Request, limits: &CallLimits) -> Result<Response, Error> {
        let mut request = first.clone();
        for _ in 0..=redirect::HOPS {
            let response = self.attempts(&request, limits).await?;
            match redirect::next(&request, response.status, &response.headers)? {
                Some(next) => request = next,
                None => return Ok(response),
            }
        }
        Err(Error::TooManyRedirects { call: first.call(), limit: redirect::HOPS })
    }

    async fn attempts(&self, request: &Request, limits: &CallLimits) -> Result<Response, Error> {
        let mut attempts = 0_u32;
        loop {
            // It is computed anew each time, because an earlier attempt may have learned the giver's address.
            let route = route(request, &self.settings, &self.allowed, |origin| self.reached.class(origin))?;
            attempts = attempts.saturating_add(1);
            let (error, asked) = match self.attempt(request, &route, limits).await {
                Ok(response) if !retry::is_trouble(response.status) => {
                    tracing::debug!(call = %request.call(), status = response.status.as_u16(), attempts, "answered");
                    return Ok(response);
                }
                Ok(response) => self.trouble(request, response, attempts).await,
                Err(error) => (error, None),
            };
            let wait = asked.unwrap_or_else(|| retry::back_off(attempts));
            let left = limits.deadline.saturating_duration_since(Instant::now());
            if attempts > request.retries.unwrap_or(self.settings.retries)
                || !retry::may_repeat(&error, &request.method)
                || wait >= left
                || wait > retry::LONGEST_ASKED
            {
                return Err(error);
            }
            tracing::debug!(%error, attempts, ?wait, "trying again");
            sleep(wait).await;
        }
    }

    /// The error for a 429 or 5xx, and the wait that the response asks for.
    async fn trouble(
        &self,
        request: &Request,
        response: Response,
        attempts: u32,
    ) -> (Error, Option<Duration>) {
        /// Enough for the code and message of a registry's error document.
        const START: usize = 1024;
        /// An explanation is not worth waiting for.
        const START_WAIT: Duration = Duration::from_secs(2);
        let Response { status, headers, mut body, .. } = response;
        let retry_after = retry::asked(&headers);
        let detail = excerpt(&timeout(START_WAIT, body.start(START)).await.unwrap_or_default());
        (Error::Status { call: request.call(), status, attempts, retry_after, detail }, retry_after)
    }

    /// One attempt: on a kept connection if there is one; without one, or if the server has closed it, on a
    /// new one.
    async fn attempt(
        &self,
        request: &Request,
        route: &Route,
        limits: &CallLimits,
    ) -> Result<Response, Error> {
        if let Some(connection) = self.pool.take(&route.origin, &route.rule).await {
            match self.exchange(request, route, connection, limits).await {
                Ok(response) => return Ok(response),
                // Servers may close idle connections at any time; that is not a failure of the request.
                Err(lost) if lost.unsent || (lost.closed && request.method.is_idempotent()) => {}
                Err(lost) => return Err(lost.error),
            }
        }
        let connection = self.open(request, route).await?;
        self.exchange(request, route, connection, limits).await.map_err(|lost| lost.error)
    }

    async fn open(&self, request: &Request, route: &Route) -> Result<Connection, Error> {
        let call = request.call();
        let Connected { stream, peer } = self.connector.open(&call, route).await?;
        if let Some(peer) = peer {
            self.reached.note(&route.origin, Class::from(peer));
        }
        let (watched, written) = CountingStream::new(stream);
        let (sender, connection) = http1::handshake(TokioIo::new(watched))
            .await
            .map_err(|e| Error::Interrupted { call, reason: causes(&e) })?;
        tokio::spawn(async move {
            // The waiting request or body sees the error, too.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection closed");
            }
        });
        Ok(Connection { sender, written, peer })
    }

    async fn exchange(
        &self,
        request: &Request,
        route: &Route,
        mut connection: Connection,
        limits: &CallLimits,
    ) -> Result<Response, FailedExchange> {
        let call = request.call();
        let outgoing = self.outgoing(request, route)?;
        let response = {
            let mut answer = pin!(connection.sender.try_send_request(outgoing));
            let mut seen = connection.written.load(Ordering::Relaxed);
            loop {
                if let Ok(done) = timeout(limits.idle, answer.as_mut()).await {
                    break done;
                }
                let now = connection.written.load(Ordering::Relaxed);
                if now == seen {
                    return Err(Error::Timeout { call, phase: Phase::Response, after: limits.idle }.into());
                }
                seen = now;
            }
        };
        let (head, incoming): (_, Incoming) = match response {
            Ok(response) => response.into_parts(),
            Err(mut failed) => {
                let unsent = failed.take_message().is_some();
                let error = failed.into_error();
                let reason = causes(&error);
                let closed = !error.is_parse();
                let error = if let Some(reason) = client_refused(&error) {
                    let host = route.origin.authority();
                    Error::Tls { call, host, fault: TlsFault::ClientCertificate, reason }
                } else if closed {
                    Error::Interrupted { call, reason }
                } else {
                    Error::Protocol { call, reason }
                };
                return Err(FailedExchange { error, unsent, closed });
            }
        };
        let lease = Lease { connection, origin: route.origin.clone(), pool: Arc::clone(&self.pool) };
        let body = Body::new(call, incoming, lease, limits.clone());
        Ok(Response { status: head.status, headers: head.headers, url: request.url.clone(), body })
    }

    fn outgoing(&self, request: &Request, route: &Route) -> Result<hyper::Request<Outgoing>, Error> {
        let fault = |reason| Error::Url { call: request.call(), reason };
        let mut outgoing = hyper::Request::new(Outgoing::new(&request.body, request.stream.as_ref()));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = Uri::try_from(&route.target).map_err(|_| fault("the URL cannot be sent"))?;
        let headers = outgoing.headers_mut();
        *headers = request.headers.clone();
        let host = HeaderValue::try_from(&route.host_header).map_err(|_| fault("the host cannot be sent"))?;
        headers.insert(header::HOST, host);
        if !headers.contains_key(header::USER_AGENT)
            && let Ok(agent) = HeaderValue::try_from(&self.settings.user_agent)
        {
            headers.insert(header::USER_AGENT, agent);
        }
        // Digests cover the bytes as stored; a body compressed on the way would not match.
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        if let (false, Some(proxy)) = (route.origin.tls, &route.proxy)
            && let Some(authorization) = &proxy.authorization
        {
            headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(outgoing)
    }
}

/// The end of a call that may take this long. A limit of centuries counts as no limit.
fn later(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).or_else(|| now.checked_add(Duration::from_hours(24 * 365))).unwrap_or(now)
}

/// An exchange without a response.
struct FailedExchange {
    error: Error,
    /// No byte of the request was sent.
    unsent: bool,
    /// The connection ended, which is normal for a kept one.
    closed: bool,
}

impl From<Error> for FailedExchange {
    fn from(error: Error) -> Self {
        Self { error, unsent: false, closed: false }
    }
}

/// The class of the address at which each host was last reached, TLS included. It decides which hosts that host may
/// name.
#[derive(Default)]
struct Reached {
    classes: Mutex<HashMap<Origin, Class>>,
}

impl Reached {
    /// Redirects through more and more names must not fill the memory; forgetting one only makes the rules stricter.
    const MOST: usize = 1024;

    fn note(&self, origin: &Origin, class: Class) {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        if classes.len() >= Self::MOST {
            classes.clear();
        }
        classes.insert(origin.clone(), class);
    }

    fn class(&self, origin: &Origin) -> Option<Class> {
        self.classes.lock().unwrap_or_else(PoisonError::into_inner).get(origin).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Name;

    /// A process that lives for long follows many redirects, and whoever answers chooses the names.
    #[test]
    fn s22_the_addresses_of_hosts_that_others_name_are_remembered_up_to_a_number() {
        let reached = Reached::default();
        let origin = |n: usize| Origin { tls: true, host: Name::Domain(format!("{n}.example")), port: 443 };
        let last = 10 * Reached::MOST;
        for n in 0..=last {
            reached.note(&origin(n), Class::Public);
            assert!(reached.classes.lock().unwrap().len() <= Reached::MOST);
        }
        assert_eq!(reached.class(&origin(last)), Some(Class::Public));
        assert_eq!(reached.class(&origin(0)), None, "what is forgotten may name no host that is not public");
    }
}
