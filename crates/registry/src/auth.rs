//! How we authenticate to a registry: credentials, where they are found, and how they become an `Authorization` header.
//!
//! Owns the credential files ([`Keyring`]), credential helpers, the identities that clouds give a machine ([`Cloud`]),
//! `WWW-Authenticate` challenges and the token exchange. Does not own when a request is repeated: the registry
//! transport does.
//!
//! Follows RFC 9110 ("Basic" and challenges, with RFC 7617 and RFC 6750), the distribution project's token flow
//! (`GET realm?service=…&scope=…`), and its OAuth2 variant (`POST`, `grant_type=refresh_token`) for identity tokens.
//!
//! Credentials never show up in `Debug` output, messages or logs.

mod challenge;
mod config;
mod helper;
mod token;

use plimsoll_cloud::{Login, basic, sensitive};
use plimsoll_core::Reference;
use plimsoll_http::HeaderValue;

use crate::Error;

pub use config::Keyring;
pub use plimsoll_cloud::Secret;
use plimsoll_cloud::{Cloud, CloudIdentity};

pub(crate) use challenge::Challenge;
pub(crate) use token::{Exchange, IssuedToken};

/// Our credentials for one registry.
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
    /// An OAuth2 refresh token, which only a token server accepts.
    IdentityToken(Secret),
    /// A bearer token that is sent to the registry as it is.
    RegistryToken(Secret),
    /// The identity that a cloud gives this machine; it becomes one of the others when the registry asks.
    Cloud(CloudIdentity),
}

impl From<Login> for Credentials {
    fn from(login: Login) -> Self {
        match login {
            Login::Password { username, password } => Self::Password { username, password },
            Login::IdentityToken(token) => Self::IdentityToken(token),
        }
    }
}

impl Credentials {
    /// A user name and a password.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { username: username.into(), password: Secret::new(password) }
    }

    /// The credentials for a repository from the user's files and helpers; if they have none, the identity that a cloud
    /// gives this machine for its own registries.
    pub fn find(reference: &Reference, files: &Keyring, cloud: &Cloud) -> Result<Option<Self>, Error> {
        match files.find(reference)? {
            Some(known) => Ok(Some(known)),
            None => Ok(cloud.identity(reference.registry()).map(Self::Cloud)),
        }
    }

    /// `Basic …`, where these credentials have a password.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let Self::Password { username, password } = self else { return None };
        basic(username, password)
    }
}

/// `Bearer …`, if the token can be sent in a header.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {}", token.reveal()))
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
