//! Which proxy to use for which host.
//!
//! The variables are those that curl and Go read: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or their lower-case
//! forms. `NO_PROXY` is a list separated by commas:
//! ```text
//! example.com        this host and those below it        10.0.0.0/8   a network (literal addresses only)
//! .example.com       those below it                      ::1          an address
//! example.com:8443   only on this port                   *            no proxy at all
//! ```

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::{Host, Url};

use crate::address::{Network, width};
use crate::error::Error;

/// The proxies for `https` (by `CONNECT`) and for plain `http` (by absolute-form requests).
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    https: Option<Arc<Server>>,
    http: Option<Arc<Server>>,
    bypass: Vec<Bypass>,
}

impl Proxy {
    /// No proxy.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the usual variables through `lookup`, usually `|name| std::env::var(name).ok()`.
    ///
    /// An empty variable counts as unset. The upper-case `HTTP_PROXY` is ignored if `REQUEST_METHOD` is set:
    /// in a CGI process a client's `Proxy:` header sets it (CVE-2016-5385).
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let server = |upper: &'static str, lower: &'static str, ignore_upper: bool| {
            let found = get(upper).filter(|_| !ignore_upper).map(|v| (upper, v));
            match found.or_else(|| get(lower).map(|v| (lower, v))) {
                Some((variable, value)) => Server::parse(variable, &value).map(|s| Some(Arc::new(s))),
                None => Ok(None),
            }
        };
        let https = server("HTTPS_PROXY", "https_proxy", false)?;
        let http = server("HTTP_PROXY", "http_proxy", get("REQUEST_METHOD").is_some())?;
        let list = get("NO_PROXY").or_else(|| get("no_proxy")).unwrap_or_default();
        let bypass = list.split(',').filter_map(Bypass::parse).collect();
        Ok(Self { https, http, bypass })
    }

    /// The proxy for a host (lower case, without brackets), unless it is exempt.
    pub(crate) fn server(&self, tls: bool, host: &str, port: u16) -> Option<&Arc<Server>> {
        let server = if tls { self.https.as_ref() } else { self.http.as_ref() }?;
        if self.bypass.iter().any(|b| b.covers(host, port)) { None } else { Some(server) }
    }
}

/// One proxy.
#[derive(Clone)]
pub(crate) struct Server {
    /// Whether the connection to the proxy itself uses TLS.
    pub(crate) tls: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `Proxy-Authorization`, marked sensitive.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Server {
    fn parse(variable: &'static str, value: &str) -> Result<Self, Error> {
        let fault = |reason| Error::ProxySetting { variable, reason };
        let with_scheme = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
        let url = Url::parse(&with_scheme).map_err(|_| fault("not a URL"))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(fault("only http:// and https:// proxies are supported")),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(v4)) => v4.to_string(),
            Some(Host::Ipv6(v6)) => v6.to_string(),
            None => return Err(fault("no host in it")),
        };
        let port = url.port_or_known_default().ok_or_else(|| fault("no port in it"))?;
        let authorization = if url.username().is_empty() {
            None
        } else {
            let mut pair = percent_decoded(url.username());
            pair.push(b':');
            pair.extend(percent_decoded(url.password().unwrap_or_default()));
            let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
                .map_err(|_| fault("user name or password cannot be sent"))?;
            header.set_sensitive(true);
            Some(header)
        };
        Ok(Self { tls, host, port, authorization })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bypass {
    All,
    Name { name: String, below_only: bool, port: Option<u16> },
    Network { network: Network, port: Option<u16> },
}

impl Bypass {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim().to_ascii_lowercase();
        if entry == "*" {
            return Some(Self::All);
        }
        if entry.contains('/') {
            return Network::parse(&entry).map(|network| Self::Network { network, port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            _ if entry.parse::<IpAddr>().is_ok() => (entry.as_str(), None),
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (entry.as_str(), None),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = host.parse() {
            return Some(Self::Network { network: Network { address, bits: width(address) }, port });
        }
        let (name, below_only) = match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
            Some(name) => (name, true),
            None => (host, false),
        };
        let name = name.trim_end_matches('.');
        (!name.is_empty()).then(|| Self::Name { name: name.to_owned(), below_only, port })
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Name { name, below_only, port: only } => {
                let host = host.trim_end_matches('.');
                let below = host.strip_suffix(name.as_str()).is_some_and(|head| head.ends_with('.'));
                only.is_none_or(|p| p == port) && (below || (!below_only && host == name))
            }
            Self::Network { network, port: only } => {
                only.is_none_or(|p| p == port) && host.parse().is_ok_and(|host| network.contains(host))
            }
        }
    }
}

/// `%41` → `A`; an invalid escape stays as it is.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        let rest = bytes.as_slice();
        if byte == b'%'
            && let [high, low, ..] = rest
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
            && let Ok(value) = u8::try_from(high * 16 + low)
        {
            decoded.push(value);
            bytes.nth(1);
        } else {
            decoded.push(byte);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)]) -> Result<Proxy, Error> {
        Proxy::from_env(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    fn used(proxy: &Proxy, tls: bool, host: &str, port: u16) -> Option<String> {
        proxy.server(tls, host, port).map(ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_own_variable() {
        let p = proxy(&[("HTTPS_PROXY", "http://p.example:3128"), ("http_proxy", "q.example:8080")]).unwrap();
        assert_eq!(used(&p, true, "a.example", 443).as_deref(), Some("p.example:3128"));
        assert_eq!(used(&p, false, "a.example", 80).as_deref(), Some("q.example:8080"));
        assert_eq!(used(&proxy(&[("HTTPS_PROXY", "  ")]).unwrap(), true, "a.example", 443), None);
    }

    #[test]
    fn no_proxy_exempts_hosts_domains_networks_and_ports() {
        let list = "example.com, .corp.example,10.0.0.0/8,192.168.1.7, [fd00::1]:5000, ports.example:8443, fd12::/16";
        let p = proxy(&[("HTTPS_PROXY", "p.example:3128"), ("NO_PROXY", list)]).unwrap();
        for exempt in [
            "example.com",
            "a.example.com",
            "example.com.",
            "a.corp.example",
            "10.255.0.1",
            "192.168.1.7",
            "fd12::9",
        ] {
            assert_eq!(used(&p, true, exempt, 443), None, "{exempt}");
        }
        for proxied in ["notexample.com", "corp.example", "11.0.0.1", "192.168.1.8", "fd13::9", "10.example"]
        {
            assert!(used(&p, true, proxied, 443).is_some(), "{proxied}");
        }
        assert_eq!(used(&p, true, "fd00::1", 5000), None);
        assert!(used(&p, true, "fd00::1", 443).is_some());
        assert_eq!(used(&p, true, "ports.example", 8443), None);
        assert!(used(&p, true, "ports.example", 443).is_some());
        let all = proxy(&[("HTTPS_PROXY", "p.example:3128"), ("no_proxy", "*")]).unwrap();
        assert_eq!(used(&all, true, "anything.example", 443), None);
        let zero = proxy(&[("HTTPS_PROXY", "p.example:3128"), ("no_proxy", "0.0.0.0/0")]).unwrap();
        assert_eq!(used(&zero, true, "8.8.8.8", 443), None);
        assert!(used(&zero, true, "name.example", 443).is_some());
    }

    #[test]
    fn a_password_is_sent_and_never_shown() {
        let p = proxy(&[("HTTPS_PROXY", "http://me:p%40ss%zz@p.example:3128")]).unwrap();
        let server = p.server(true, "a.example", 443).unwrap();
        let expected = format!("Basic {}", STANDARD.encode("me:p@ss%zz"));
        assert_eq!(server.authorization.as_ref().unwrap().to_str().unwrap(), expected);
        let shown = format!("{p:?} {server}");
        assert!(
            !shown.contains("p@ss") && !shown.contains("p%40ss") && !shown.contains(&expected),
            "{shown}"
        );
    }

    #[test]
    fn an_unusable_proxy_is_an_error_that_does_not_repeat_the_value() {
        for value in ["socks5://me:secret@p.example:1080", "http://me:secret@:99999", "://secret"] {
            let error = proxy(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert!(error.to_string().starts_with("HTTPS_PROXY: "), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_cgi_clients_header_does_not_set_the_proxy() {
        let p = proxy(&[("HTTP_PROXY", "evil.example:80"), ("REQUEST_METHOD", "GET")]).unwrap();
        assert_eq!(used(&p, false, "a.example", 80), None);
    }
}
