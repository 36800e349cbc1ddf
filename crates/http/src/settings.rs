//! The settings of a client. The caller merges flags, environment and configuration files.

use std::fmt;
use std::time::Duration;

use crate::proxy::Proxy;

/// The client's settings. [`Default`] is what the command line uses without flags.
#[derive(Clone)]
pub struct Settings {
    /// The whole of one call: all attempts, the waits between them, redirects, and reading the body. 30 minutes by
    /// default, enough for a layer of several GiB; dead and slow peers are noticed by the other limits long before.
    pub timeout: Duration,
    /// Name resolution, TCP and TLS hand-shake, and the proxy's answer to `CONNECT`. 10 s by default.
    pub connect_timeout: Duration,
    /// The longest time without a byte from the peer, or without the peer accepting one. 30 s by default.
    pub idle_timeout: Duration,
    /// Bytes per second below which a body counts as stalled, averaged over [`Settings::idle_timeout`] of
    /// waiting for the peer: a peer that sends a byte now and then would defeat a simple idle time-out. 512
    /// by default; 0 switches it off.
    pub least_rate: u64,
    /// Sent as `User-Agent` unless the request has one.
    pub user_agent: String,
    /// Hosts, as `host` or `host:port`, for which the user allowed plain HTTP (`--insecure-registry`). Loopback is
    /// always allowed.
    pub plain_http: Vec<String>,
    /// Further certificate authorities as PEM, in addition to those of the system (`--ca-file`).
    pub extra_roots: Vec<Vec<u8>>,
    /// Settings for single hosts: authorities, client certificates.
    pub hosts: Vec<HostTls>,
    /// Hosts (`host`, `host:port`) and networks (`10.1.0.0/16`) that responses may name although they are not public
    /// (`--allow-private`). Link-local, metadata, multicast and unspecified addresses stay out of reach.
    pub allow_private: Vec<String>,
    /// How often a failed idempotent request is sent again. 3 by default.
    pub retries: u32,
    /// Refuse every request before a socket is opened (`--offline`).
    pub offline: bool,
    /// The proxies to use; [`Proxy::none`] by default, [`Proxy::from_env`] for the usual variables.
    pub proxy: Proxy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(30),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            least_rate: 512,
            user_agent: concat!("plimsoll/", env!("CARGO_PKG_VERSION")).to_owned(),
            plain_http: Vec::new(),
            extra_roots: Vec::new(),
            hosts: Vec::new(),
            allow_private: Vec::new(),
            retries: 3,
            offline: false,
            proxy: Proxy::none(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("least_rate", &self.least_rate)
            .field("user_agent", &self.user_agent)
            .field("plain_http", &self.plain_http)
            .field("extra_roots", &self.extra_roots.len())
            .field("hosts", &self.hosts)
            .field("allow_private", &self.allow_private)
            .field("retries", &self.retries)
            .field("offline", &self.offline)
            .field("proxy", &self.proxy)
            .finish()
    }
}

/// TLS settings for one host, in addition to [`Settings::extra_roots`]. They apply to connections to that
/// host only: after a redirect to another host, the client certificate is not used.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HostTls {
    /// `host` for port 443, `host:port` for another port. Several entries for one host add up; the last
    /// client certificate counts.
    pub host: String,
    /// Further certificate authorities as PEM, trusted for this host only.
    pub roots: Vec<Vec<u8>>,
    /// The client certificate for this host.
    pub client: Option<ClientCertificate>,
    /// Accept any certificate. Anybody on the network path can then read and change the traffic, credentials included.
    pub dangerous_any_certificate: bool,
}

impl fmt::Debug for HostTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostTls")
            .field("host", &self.host)
            .field("roots", &self.roots.len())
            .field("client", &self.client)
            .field("dangerous_any_certificate", &self.dangerous_any_certificate)
            .finish()
    }
}

/// A certificate that identifies us, with its private key. Its `Debug` output says only where it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Where it was found, for messages.
    pub place: String,
    /// The chain as PEM, our own certificate first.
    pub chain: Vec<u8>,
    /// The private key as PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted. It may be the same text as the chain.
    pub key: Vec<u8>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({})", self.place)
    }
}
