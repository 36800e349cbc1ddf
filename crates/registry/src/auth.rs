//! Who we are to a registry: credentials, where they are found, and how they become an `Authorization` header.
//!
//! Owns the credential files ([`Keyring`]), credential helpers, the identities that clouds give a machine ([`Cloud`]),
//! `WWW-Authenticate` challenges and the token exchange.
//! Does not own when a request is made again: that is the registry transport's.
//!
//! Follows RFC 9110 ("Basic" and challenges, with RFC 7617 and RFC 6750), the distribution project's token flow
//! (`GET realm?service=…&scope=…`), and its OAuth2 variant (`POST`, `grant_type=refresh_token`) for identity tokens.
//!
//! Credentials never show up in `Debug` output, messages or logs.

mod challenge;
pub(crate) mod cloud;
mod config;
mod helper;
mod token;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::Reference;
use plimsoll_http::HeaderValue;

use crate::Error;

pub use cloud::{Cloud, CloudIdentity, Failure as CloudFailure, Mode, code as refusal_code};
pub use config::Keyring;

pub(crate) use challenge::Challenge;
pub(crate) use token::{Exchange, Grant};

/// A password or token. Its `Debug` output says nothing about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What one registry knows us by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// A user name and a password or access token.
    Password {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth2 refresh token, which only a token server takes.
    IdentityToken(Secret),
    /// A bearer token that is sent to the registry as it is.
    RegistryToken(Secret),
    /// The identity that a cloud gives this machine; it becomes one of the others when the registry asks.
    Cloud(CloudIdentity),
}

impl Credentials {
    /// A user name and a password.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { username: username.into(), password: Secret::new(password) }
    }

    /// What the user's credential files and helpers have for a repository, in the usual places ([`Keyring::from_env`]);
    /// where they have nothing, the identity that a cloud gives this machine for its own registries.
    pub fn for_registry(reference: &Reference, cloud: &Cloud) -> Result<Option<Self>, Error> {
        Self::find(reference, &Keyring::from_env(|name| std::env::var_os(name)), cloud)
    }

    /// The same with files and identities from elsewhere. The files come first.
    pub fn find(reference: &Reference, files: &Keyring, cloud: &Cloud) -> Result<Option<Self>, Error> {
        match files.find(reference)? {
            Some(known) => Ok(Some(known)),
            None => Ok(cloud.identity(reference.registry()).map(Self::Cloud)),
        }
    }

    /// `Basic …`, where these credentials have a password.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let Self::Password { username, password } = self else { return None };
        sensitive(&format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal()))))
    }
}

/// `Bearer …`, if the token can stand in a header.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {}", token.reveal()))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Credentials::password("me", "pa55"),
            Credentials::IdentityToken(Secret::new("pa55")),
            Credentials::password("me", "pa55").basic(),
        );
        assert!(!shown.contains("pa55") && !shown.contains("bWU6"), "{shown}");
    }
}
