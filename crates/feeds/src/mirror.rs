//! A copy of a publisher's files inside a network: `osv=https://mirror.example.com/osv`.
//!
//! Files have the same names below it as at the publisher.

use std::str::FromStr;

use url::Url;

use crate::publisher::{PUBLISHERS, Publisher};

/// The place of a publisher's files in place of its own server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    publisher: &'static str,
    url: Url,
}

impl Mirror {
    /// Its publisher's identifier.
    pub fn publisher(&self) -> &'static str {
        self.publisher
    }

    /// The address that replaces the publisher's.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// Not a mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMirror {
    /// The text has no `=`.
    #[error("got `{got}`, expected PUBLISHER=URL")]
    Form {
        /// The text.
        got: String,
    },
    /// No publisher has this identifier.
    #[error("got publisher `{got}`, expected one of {}", PUBLISHERS.map(Publisher::id).join(", "))]
    Publisher {
        /// The identifier.
        got: String,
    },
    /// The address is not that of a server.
    #[error("got address `{got}`, expected https://…")]
    Address {
        /// The address.
        got: String,
    },
}

impl FromStr for Mirror {
    type Err = InvalidMirror;

    fn from_str(text: &str) -> Result<Self, InvalidMirror> {
        let (publisher, address) =
            text.split_once('=').ok_or_else(|| InvalidMirror::Form { got: text.to_owned() })?;
        let publisher = PUBLISHERS
            .into_iter()
            .find(|known| known.id() == publisher)
            .ok_or_else(|| InvalidMirror::Publisher { got: publisher.to_owned() })?;
        let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let url = url.ok_or_else(|| InvalidMirror::Address { got: address.to_owned() })?;
        Ok(Self { publisher: publisher.id(), url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_mirror_says_what_was_expected() {
        for (text, expected) in [
            ("https://mirror.example.com", "expected PUBLISHER=URL"),
            (
                "nobody=https://mirror.example.com",
                "expected one of alpine, amazon, azurelinux, chainguard, debian, epss, friendsofphp, ghsa, kev, minimos, nodejs-security-wg, nvd, oracle, osv, photon, redhat, rubysec, wolfi",
            ),
            ("osv=mirror.example.com", "expected https://"),
            ("osv=file:///srv", "expected https://"),
        ] {
            let error = text.parse::<Mirror>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let mirror: Mirror = "osv=https://mirror.example.com/osv".parse().unwrap();
        assert_eq!((mirror.publisher(), mirror.url().path()), ("osv", "/osv"));
    }
}
