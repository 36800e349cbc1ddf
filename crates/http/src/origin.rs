//! The server that a URL leads to: scheme, host and port.

use std::net::IpAddr;

use url::{Host, Url};

use crate::address::{Class, is_localhost, is_loopback_address};

/// Scheme, host and port: the key of kept connections, and what "the same site" means for credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) tls: bool,
    pub(crate) host: Name,
    pub(crate) port: u16,
}

/// A host, as the URL contains it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    Domain(String),
    Address(IpAddr),
}

impl Name {
    fn in_url(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Domain("") => None,
            Host::Domain(name) => Some(Self::Domain(name.to_ascii_lowercase())),
            Host::Ipv4(v4) => Some(Self::Address(v4.into())),
            Host::Ipv6(v6) => Some(Self::Address(v6.into())),
        }
    }

    /// Without the brackets of IPv6.
    pub(crate) fn bare(&self) -> String {
        match self {
            Self::Domain(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }

    /// `localhost` and names below it; always this machine by RFC 6761, regardless of a resolver.
    pub(crate) fn is_localhost(&self) -> bool {
        match self {
            Self::Domain(name) => is_localhost(name),
            Self::Address(_) => false,
        }
    }

    /// As [`crate::is_loopback`].
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Domain(name) => is_localhost(name),
            Self::Address(address) => is_loopback_address(*address),
        }
    }

    /// The class, if the URL alone determines it.
    pub(crate) fn class(&self) -> Option<Class> {
        match self {
            Self::Address(address) => Some(Class::from(*address)),
            Self::Domain(_) => self.is_localhost().then_some(Class::Loopback),
        }
    }
}

impl Origin {
    /// The origin of an `http` or `https` URL with a host.
    pub(crate) fn from_url(url: &Url) -> Option<Self> {
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self { tls, host: Name::in_url(url)?, port: url.port_or_known_default()? })
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> String {
        match &self.host {
            Name::Address(IpAddr::V6(v6)) => format!("[{v6}]:{}", self.port),
            host => format!("{}:{}", host.bare(), self.port),
        }
    }
}
