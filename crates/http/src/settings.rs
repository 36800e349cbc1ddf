//! What a client is built from. Flags, environment and configuration files are merged by the caller.

use std::fmt;
use std::time::Duration;

use crate::proxy::Proxy;

/// The client's settings. [`Default`] is what the command line uses when nothing is said.
#[derive(Clone)]
pub struct Settings {
    /// The whole of one call: all attempts, the waits between them, redirects, and reading the body. 30 minutes by
    /// default, enough for a layer of several GiB; dead and slow peers are noticed by the other limits long before.
    pub timeout: Duration,
    /// Name resolution, TCP and TLS hand-shake, and the proxy's answer to `CONNECT`. 10 s by default.
    pub connect_timeout: Duration,
    /// No byte from the peer, or none taken by it, for that long. 30 s by default.
    pub idle_timeout: Duration,
    /// Bytes per second below which a body counts as stalled, averaged over [`Settings::idle_timeout`] of waiting for
    /// the peer: a peer that sends a byte now and then defeats a plain idle time-out. 512 by default; 0 switches it off.
    pub least_rate: u64,
    /// Sent as `User-Agent` unless the request has one.
    pub user_agent: String,
    /// Hosts, as `host` or `host:port`, that the user allowed to be talked to without TLS (`--insecure-registry`).
    /// Loopback is always allowed.
    pub plain_http: Vec<String>,
    /// Further certificate authorities as PEM, beside those of the system (`--ca-file`).
    pub extra_roots: Vec<Vec<u8>>,
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
            .field("retries", &self.retries)
            .field("offline", &self.offline)
            .field("proxy", &self.proxy)
            .finish()
    }
}
