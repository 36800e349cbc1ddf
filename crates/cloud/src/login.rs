//! The login that a cloud grants for one of its registries, and for how long.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_http::HeaderValue;

use crate::secret::{Secret, sensitive};

/// A login that a registry accepts for the machine's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A user name and a password or access token.
    Password {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth2 refresh token, which only a token server accepts.
    IdentityToken(Secret),
}

impl Login {
    pub(crate) fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { username: username.into(), password: Secret::new(password) }
    }
}

/// `Basic …` for a user name and a password; `None` if they cannot be sent in a header.
pub fn basic(username: &str, password: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal()))))
}

/// A login, and the time that it stays valid.
pub(crate) struct TimedLogin {
    pub(crate) login: Login,
    pub(crate) life: Duration,
}
