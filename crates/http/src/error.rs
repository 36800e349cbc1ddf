//! What can go wrong with a call, and which kind of failure it is.
//!
//! Every message names the method and the URL, without user name, password and query: a signed blob URL is a
//! credential. Foreign text (a server's explanation) is made safe for a terminal.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use plimsoll_core::{Classify, Kind, Stopped, text};
use url::Url;

use crate::address::Class;

/// Method and URL of a call, safe to show: `GET https://registry.example/v2/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The URL without user name, password, query values and fragment.
    pub url: String,
}

impl Call {
    /// The description of a request with this method and URL.
    pub fn new(method: &Method, url: &Url) -> Self {
        Self { method: method.clone(), url: shown(url) }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// Which time-out it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Until the connection was established.
    Connect,
    /// No progress while waiting for the response.
    Response,
    /// No progress, or next to none, within the body.
    Body,
    /// The whole call.
    Call,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::Response => "no response",
            Self::Body => "the body stalled",
            Self::Call => "not finished",
        })
    }
}

/// What went wrong in TLS; decides the hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate's issuer is not trusted.
    UnknownIssuer,
    /// The certificate is for another name.
    WrongName,
    /// The certificate is not valid at this time.
    Expired,
    /// Another fault of the certificate.
    Certificate,
    /// The host requires a client certificate, or another one than it got.
    ClientCertificate,
    /// The other side does not speak TLS.
    NotTls,
    /// The hand-shake or the record layer failed in another way.
    Protocol,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client must not use the network.
    #[error("{call}: refused because of --offline")]
    Offline {
        /// The call.
        call: Call,
    },
    /// A URL that cannot be called.
    #[error("{call}: {reason}")]
    Url {
        /// The call.
        call: Call,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Plain HTTP to a host for which it is not allowed.
    #[error("{call}: plain http is only allowed to loopback, and to hosts named for it; {host} is neither")]
    PlainHttp {
        /// The call.
        call: Call,
        /// `host:port`.
        host: String,
    },
    /// A response over TLS names a URL without TLS.
    #[error("{call}: refused to go from https ({given_by}) to plain http")]
    Downgrade {
        /// The call.
        call: Call,
        /// The URL that named it.
        given_by: String,
    },
    /// A proxy variable that is not understood.
    #[error("{variable}: {reason}")]
    ProxySetting {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it; never the value, which may hold a password.
        reason: &'static str,
    },
    /// The proxy did not open the tunnel.
    #[error("{call}: the proxy {proxy} answered {status} to CONNECT")]
    ProxyRefused {
        /// The call.
        call: Call,
        /// `host:port` of the proxy.
        proxy: String,
        /// Its answer.
        status: StatusCode,
    },
    /// Extra certificate authorities that cannot be read.
    #[error("extra certificate authorities: {reason}")]
    ExtraRoots {
        /// What is wrong with them.
        reason: String,
    },
    /// A setting for single hosts that cannot be used.
    #[error("{place}: {reason}")]
    HostSetting {
        /// The file or the entry.
        place: String,
        /// What is wrong with it; never the content, because it may be a private key.
        reason: String,
    },
    /// There is no trusted certificate authority.
    #[error("{call}: no certificate authority found on this system: {reason}")]
    NoRoots {
        /// The call.
        call: Call,
        /// What loading them reported.
        reason: String,
    },
    /// A host resolves to an address that is not allowed for the one who named it.
    #[error("{call}: refused to connect to {address} ({class}), {}", .given_by.as_ref().map_or_else(
        || "which a named host must not resolve to".to_owned(), |by| format!("named by {by}, not by you")))]
    AddressRefused {
        /// The call.
        call: Call,
        /// The address.
        address: IpAddr,
        /// Its class.
        class: Class,
        /// The URL that named the host; `None` if the user did.
        given_by: Option<String>,
    },
    /// More hops than are followed.
    #[error("{call}: more than {limit} redirects")]
    TooManyRedirects {
        /// The first call.
        call: Call,
        /// The limit.
        limit: usize,
    },
    /// A redirect that cannot be followed.
    #[error("{call}: got {status}, but {reason}")]
    BadRedirect {
        /// The call that was redirected.
        call: Call,
        /// Its status.
        status: StatusCode,
        /// What is wrong with `Location`.
        reason: &'static str,
    },
    /// The name could not be resolved.
    #[error("{call}: cannot resolve {host}: {reason}")]
    Resolve {
        /// The call.
        call: Call,
        /// The name.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// No connection.
    #[error("{call}: cannot connect to {host}: {reason}")]
    Connect {
        /// The call.
        call: Call,
        /// `host:port`, and the address if it was a name.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// The TLS hand-shake failed, or the certificate was refused.
    #[error("{call}: TLS with {host}: {reason}")]
    Tls {
        /// The call.
        call: Call,
        /// `host:port`.
        host: String,
        /// The kind of failure.
        fault: TlsFault,
        /// What rustls says.
        reason: String,
    },
    /// It took too long.
    #[error("{call}: {phase} after {}", seconds(*.after))]
    Timeout {
        /// The call.
        call: Call,
        /// Which limit it was.
        phase: Phase,
        /// The limit.
        after: Duration,
    },
    /// The caller no longer waits.
    #[error("{call}: {reason}")]
    Stopped {
        /// The call.
        call: Call,
        /// Why.
        reason: Stopped,
    },
    /// The connection broke before the response's head was complete.
    #[error("{call}: the connection broke before the response: {reason}")]
    Interrupted {
        /// The call.
        call: Call,
        /// What the system says.
        reason: String,
    },
    /// The body ended early.
    #[error("{call}: the body ended after {received} bytes{}: {reason}",
        .expected.map(|n| format!(" of {n}")).unwrap_or_default())]
    Truncated {
        /// The call.
        call: Call,
        /// Bytes that arrived.
        received: u64,
        /// Announced bytes.
        expected: Option<u64>,
        /// What the system says.
        reason: String,
    },
    /// Not HTTP.
    #[error("{call}: not a valid HTTP response: {reason}")]
    Protocol {
        /// The call.
        call: Call,
        /// What the parser says.
        reason: String,
    },
    /// The body is larger than the caller accepts.
    #[error("{call}: the body is larger than {limit} bytes")]
    TooLarge {
        /// The call.
        call: Call,
        /// The caller's limit.
        limit: u64,
    },
    /// The server answered 429 or 5xx to every attempt.
    #[error("{call}: got {status}{}{}{}", times(*.attempts),
        .retry_after.map(|d| format!(", and asks to wait {}", seconds(d))).unwrap_or_default(),
        if .detail.is_empty() { String::new() } else { format!(": {}", .detail) })]
    Status {
        /// The call.
        call: Call,
        /// The last status.
        status: StatusCode,
        /// How often the request was sent.
        attempts: u32,
        /// What the last `Retry-After` says.
        retry_after: Option<Duration>,
        /// The start of the last response's body, safe to be shown.
        detail: String,
    },
}

impl Error {
    /// The status that the server kept returning, for callers that handle one of 429 and 5xx themselves.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Url { .. }
            | Self::PlainHttp { .. }
            | Self::ProxySetting { .. }
            | Self::HostSetting { .. }
            | Self::ExtraRoots { .. } => Kind::Usage,
            Self::ProxyRefused { status, .. } if *status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Kind::Unauthorized
            }
            Self::ProxyRefused { status, .. } if status.is_server_error() => Kind::Transient,
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Stopped { .. }
            | Self::Interrupted { .. }
            | Self::Truncated { .. }
            | Self::Status { .. } => Kind::Transient,
            Self::Offline { .. }
            | Self::Downgrade { .. }
            | Self::ProxyRefused { .. }
            | Self::NoRoots { .. }
            | Self::AddressRefused { .. }
            | Self::TooManyRedirects { .. }
            | Self::BadRedirect { .. }
            | Self::Tls { .. }
            | Self::Protocol { .. }
            | Self::TooLarge { .. } => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Offline { .. } => Some("leave out --offline, or name a copy on this machine (oci:DIR, archive:FILE)".to_owned()),
            Self::PlainHttp { host, .. } => {
                Some(format!("if {host} really has no TLS, allow it with --insecure-registry {host}"))
            }
            Self::Tls { fault: TlsFault::UnknownIssuer, .. } => Some(
                "if the host's certificate comes from a private authority, give its certificate with --ca-file FILE \
                 or in SSL_CERT_FILE"
                    .to_owned(),
            ),
            Self::Tls { fault: TlsFault::WrongName, .. } => {
                Some("use a name that the certificate covers; --ca-file and SSL_CERT_FILE do not change this".to_owned())
            }
            Self::Tls { fault: TlsFault::Expired, .. } => {
                Some("check this machine's clock; otherwise the host needs a new certificate".to_owned())
            }
            Self::Tls { fault: TlsFault::Certificate, .. } => Some(
                "the host needs another certificate, or its authority's certificate given with --ca-file FILE or in \
                 SSL_CERT_FILE is not a proper one"
                    .to_owned(),
            ),
            Self::Tls { fault: TlsFault::ClientCertificate, host, .. } => Some(format!(
                "{host} requires a client certificate: give one that it accepts with --client-cert {host}=FILE"
            )),
            Self::Tls { fault: TlsFault::NotTls, host, .. } => {
                Some(format!("if {host} has no TLS, allow it with --insecure-registry {host}"))
            }
            Self::NoRoots { .. } => Some(
                "install the system's certificate authorities (package ca-certificates), or name them with --ca-file \
                 FILE or SSL_CERT_FILE"
                    .to_owned(),
            ),
            Self::ExtraRoots { .. } => Some("--ca-file takes certificates as PEM".to_owned()),
            Self::ProxySetting { variable, .. } => Some(format!("set {variable} to http://HOST:PORT, or unset it")),
            Self::ProxyRefused { status, .. } if *status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Some("put the proxy's user name and password into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT".to_owned())
            }
            Self::AddressRefused { class, address, given_by: Some(by), .. } => Some(match class {
                Class::Loopback | Class::Private | Class::Reserved => format!(
                    "check what {by} names; if it is right, allow it with --allow-private HOST or a network such as \
                     {address}/32"
                ),
                _ => format!("check what {by} names; no host may name a {class} address"),
            }),
            Self::Status { status: StatusCode::TOO_MANY_REQUESTS, .. } => {
                Some("try again later; many registries allow more requests with credentials".to_owned())
            }
            _ => None,
        }
    }
}

/// A URL without parts that may be secret: user name, password, query, fragment. A query is shown as `?…`.
pub(crate) fn shown(url: &Url) -> String {
    /// The URL is foreign; 300 characters name any registry path.
    const MOST: usize = 300;
    let (host, path) = (url.host_str().unwrap_or_default(), url.path());
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    let mut shown = format!("{}://{host}{port}{path}", url.scheme());
    if shown.len() > MOST {
        // `Url` is ASCII after the scheme's and host's normalisation, but a cut must never panic.
        let cut = (0..=MOST).rev().find(|i| shown.is_char_boundary(*i)).unwrap_or(0);
        shown.truncate(cut);
        shown.push('…');
    }
    if url.query().is_some() {
        shown.push_str("?…");
    }
    text::terminal(&shown).into_owned()
}

/// The start of a server's explanation: one line, at most 200 characters.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    text::terminal(&line).into_owned()
}

fn seconds(d: Duration) -> String {
    if d.subsec_millis() == 0 { format!("{} s", d.as_secs()) } else { format!("{:.1} s", d.as_secs_f64()) }
}

fn times(attempts: u32) -> String {
    if attempts > 1 { format!(" {attempts} times") } else { String::new() }
}

/// An error and what caused it, in one line. hyper's own text ("error reading a body") does not say enough.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call::new(&Method::GET, &Url::parse("https://me:pa55@h.example:8443/v2/a?token=x#y").unwrap())
    }

    #[test]
    fn a_shown_url_holds_neither_password_nor_query() {
        assert_eq!(call().to_string(), "GET https://h.example:8443/v2/a?…");
    }

    #[test]
    fn a_long_foreign_url_is_cut() {
        let url = Url::parse(&format!("https://h.example/{}", "a".repeat(5000))).unwrap();
        assert!(shown(&url).len() < 320);
    }

    #[test]
    fn a_servers_explanation_cannot_rewrite_the_screen() {
        assert_eq!(excerpt(b"{\"errors\":\n\x1b[2J \xff}"), "{\"errors\": \\u{1b}[2J \u{fffd}}");
        assert_eq!(excerpt(&[b'a'; 4096]).len(), 200);
    }

    #[test]
    fn messages_say_method_url_and_reason() {
        let error = Error::Status {
            call: call(),
            status: StatusCode::TOO_MANY_REQUESTS,
            attempts: 4,
            retry_after: Some(Duration::from_secs(90)),
            detail: "pull rate limit".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "GET https://h.example:8443/v2/a?…: got 429 Too Many Requests 4 times, and asks to wait 90 s: \
             pull rate limit"
        );
        assert_eq!(error.kind(), Kind::Transient);
        let error = Error::Timeout { call: call(), phase: Phase::Body, after: Duration::from_millis(1500) };
        assert_eq!(error.to_string(), "GET https://h.example:8443/v2/a?…: the body stalled after 1.5 s");
    }

    #[test]
    fn hints_name_the_flags() {
        let plain = Error::PlainHttp { call: call(), host: "h.example:80".to_owned() };
        assert_eq!(plain.kind(), Kind::Usage);
        assert!(plain.hint().unwrap().contains("--insecure-registry h.example:80"));
        let tls = Error::Tls {
            call: call(),
            host: "h.example:443".to_owned(),
            fault: TlsFault::UnknownIssuer,
            reason: "unknown issuer".to_owned(),
        };
        assert_eq!(tls.kind(), Kind::Failed);
        let hint = tls.hint().unwrap();
        assert!(hint.contains("--ca-file") && hint.contains("SSL_CERT_FILE"), "{hint}");
    }
}
