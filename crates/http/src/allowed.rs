//! Which private hosts and networks a response may name, because the user allowed it.

use std::net::IpAddr;
use std::sync::Arc;

use plimsoll_core::text;

use crate::address::{Network, width};
use crate::error::Error;

/// What [`crate::Settings::allow_private`] lists.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    /// `host` or `host:port`, lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) networks: Arc<[Network]>,
}

impl Allowed {
    pub(crate) fn parse(entries: &[String]) -> Result<Self, Error> {
        let (mut hosts, mut networks) = (Vec::new(), Vec::new());
        for entry in entries {
            let text = entry.trim().to_ascii_lowercase();
            let fault = |reason: &str| Error::HostSetting {
                place: format!("allowed host `{}`", text::terminal(entry)),
                reason: reason.to_owned(),
            };
            let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(&text);
            if let Ok(address) = bare.parse::<IpAddr>() {
                networks.push(Network { address, bits: width(address) });
            } else if text.contains('/') {
                let network = Network::parse(&text);
                networks.push(network.ok_or_else(|| fault("expected a network such as 10.1.0.0/16"))?);
            } else if !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
            {
                hosts.push(text);
            } else {
                return Err(fault("expected HOST, HOST:PORT or a network such as 10.1.0.0/16"));
            }
        }
        Ok(Self { hosts, networks: networks.into() })
    }
}
