//! From a route to a stream of bytes: resolve, check, connect, tunnel, TLS.
//!
//! The connection goes to the address that was checked. Several addresses are tried side by side, each a
//! quarter of a second after the previous one (RFC 8305), so that a host with broken IPv6 does not cost the
//! whole time-out.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::address::AddressRule;
use crate::error::{Call, Error, Phase, TlsFault, causes};
use crate::origin::Name;
use crate::proxy::Server;
use crate::resolve::Resolve;
use crate::route::{Route, check};
use crate::stream::Stream;
use crate::tls::Tls;

/// The wait before the next address is tried beside the previous one (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Addresses of one name that are considered. A name with hundreds of addresses must not keep us busy.
const ADDRESSES: usize = 16;

/// What [`Dial::dial`] returns.
pub(crate) type Dialing = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// Opens sockets. A trait, so that tests run on memory and a stopped clock, and see which addresses were dialled.
pub(crate) trait Dial: Send + Sync {
    fn dial(&self, address: SocketAddr) -> Dialing;
}

/// This machine's TCP.
pub(crate) struct Tcp;

impl Dial for Tcp {
    fn dial(&self, address: SocketAddr) -> Dialing {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // Requests are written whole; waiting to fill a packet only adds a round trip.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Stream)
        })
    }
}

/// Opens connections.
pub(crate) struct Connector {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) dialer: Arc<dyn Dial>,
    pub(crate) tls: Tls,
    pub(crate) timeout: Duration,
}

/// A connection ready for HTTP.
pub(crate) struct Connected {
    pub(crate) stream: Stream,
    /// The address of the host itself; unknown through a proxy.
    pub(crate) peer: Option<IpAddr>,
}

impl Connector {
    pub(crate) async fn open(&self, call: &Call, route: &Route) -> Result<Connected, Error> {
        match timeout(self.timeout, self.open_untimed(call, route)).await {
            Ok(done) => done,
            Err(_) => Err(Error::Timeout { call: call.clone(), phase: Phase::Connect, after: self.timeout }),
        }
    }

    async fn open_untimed(&self, call: &Call, route: &Route) -> Result<Connected, Error> {
        let authority = route.origin.authority();
        let (mut stream, peer) = match &route.proxy {
            None => {
                let (stream, peer) =
                    self.reach(call, &route.origin.host, route.origin.port, &authority, &route.rule).await?;
                (stream, Some(peer))
            }
            Some(proxy) => (self.through(call, proxy, route).await?, None),
        };
        if route.origin.tls {
            stream =
                self.tls.connect(call, &route.origin.host, Some(&route.origin), &authority, stream).await?;
        }
        Ok(Connected { stream, peer })
    }

    /// A TCP connection to one of the host's addresses. All of them must satisfy the rule.
    async fn reach(
        &self,
        call: &Call,
        host: &Name,
        port: u16,
        authority: &str,
        rule: &AddressRule,
    ) -> Result<(Stream, IpAddr), Error> {
        let mut addresses = match host {
            Name::Address(address) => vec![*address],
            Name::Domain(_) if host.is_localhost() => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            Name::Domain(name) => self.resolver.resolve(name).await.map_err(|e| Error::Resolve {
                call: call.clone(),
                host: name.clone(),
                reason: e.to_string(),
            })?,
        };
        addresses.truncate(ADDRESSES);
        // A bad address among good ones is not an accident, so the whole answer is refused.
        for address in &addresses {
            check(rule, *address, call)?;
        }
        self.race(call, authority, port, addresses).await
    }

    /// The first of the addresses that answers.
    async fn race(
        &self,
        call: &Call,
        authority: &str,
        port: u16,
        addresses: Vec<IpAddr>,
    ) -> Result<(Stream, IpAddr), Error> {
        let mut waiting = addresses.into_iter();
        let mut dialling = JoinSet::new();
        let mut reason = "the name has no address".to_owned();
        loop {
            let next = waiting.next();
            if let Some(address) = next {
                let dialer = Arc::clone(&self.dialer);
                dialling.spawn(async move { (address, dialer.dial(SocketAddr::new(address, port)).await) });
            }
            let finished = match next {
                Some(_) => timeout(STAGGER, dialling.join_next()).await.unwrap_or(None),
                None => dialling.join_next().await,
            };
            match finished {
                Some(Ok((address, Ok(stream)))) => return Ok((stream, address)),
                Some(Ok((address, Err(error)))) => reason = format!("{address}: {error}"),
                Some(Err(error)) => reason = error.to_string(),
                None if next.is_none() => {
                    return Err(Error::Connect { call: call.clone(), host: authority.to_owned(), reason });
                }
                None => {}
            }
        }
    }

    /// A connection to the proxy, and through it to the host unless plain requests are simply handed to the proxy.
    async fn through(&self, call: &Call, proxy: &Server, route: &Route) -> Result<Stream, Error> {
        let host = match proxy.host.parse() {
            Ok(address) => Name::Address(address),
            Err(_) => Name::Domain(proxy.host.clone()),
        };
        let shown = format!("the proxy {proxy}");
        let (mut stream, _) = self.reach(call, &host, proxy.port, &shown, &AddressRule::Literal).await?;
        if proxy.tls {
            stream = self.tls.connect(call, &host, None, &shown, stream).await.map_err(of_proxy)?;
        }
        if !route.origin.tls {
            return Ok(stream);
        }
        let broken =
            |e: &hyper::Error| Error::Connect { call: call.clone(), host: shown.clone(), reason: causes(e) };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
        tokio::spawn(connection.with_upgrades());
        let authority = route.origin.authority();
        let mut tunnel = hyper::Request::new(Empty::<Bytes>::new());
        *tunnel.method_mut() = Method::CONNECT;
        *tunnel.uri_mut() = Uri::try_from(&authority).map_err(|_| Error::Url {
            call: call.clone(),
            reason: "the host cannot be asked for through a proxy",
        })?;
        if let Ok(value) = authority.parse() {
            tunnel.headers_mut().insert(header::HOST, value);
        }
        if let Some(authorization) = &proxy.authorization {
            tunnel.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
        let response = sender.send_request(tunnel).await.map_err(|e| broken(&e))?;
        if !response.status().is_success() {
            let proxy = proxy.to_string();
            return Err(Error::ProxyRefused { call: call.clone(), proxy, status: response.status() });
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|e| broken(&e))?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }
}

/// The hint for a host without TLS is wrong for a proxy.
fn of_proxy(error: Error) -> Error {
    match error {
        Error::Tls { call, host, fault: TlsFault::NotTls, reason } => {
            Error::Tls { call, host, fault: TlsFault::Protocol, reason }
        }
        other => other,
    }
}
