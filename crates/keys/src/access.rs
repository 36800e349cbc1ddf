//! What it takes to resolve a key reference: the network, the environment, clouds' identities, and a way to ask the
//! user.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::sync::Arc;

use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::read;
use plimsoll_http::Settings;

use crate::{Error, Zeroizing};

/// Bytes of a token, a kubeconfig, a certificate.
const SMALL: u64 = 1 << 20;

/// Looks an environment variable up.
type Variable = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// What it takes to resolve a key reference.
#[derive(Clone)]
pub struct KeyAccess {
    /// The network settings, for references to a service.
    pub http: Settings,
    cloud: Cloud,
    variable: Arc<Variable>,
}

impl KeyAccess {
    /// Access through environment variables and the identities that clouds give this machine.
    pub fn from_env(
        http: Settings,
        cloud: Cloud,
        variable: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        Self { http, cloud, variable: Arc::new(variable) }
    }

    /// Access with these environment variables, which also determine the clouds' identities.
    pub fn new(http: Settings, variable: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        let variable: Arc<Variable> = Arc::new(variable);
        let shared = Arc::clone(&variable);
        let cloud = Cloud::from_env(Mode::Auto, move |name| shared(name), plimsoll_core::clock::now);
        Self { http, cloud, variable }
    }

    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    }

    /// The identities that clouds give this machine.
    pub(super) fn cloud(&self) -> Cloud {
        self.cloud.clone()
    }
}

impl fmt::Debug for KeyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyAccess").field("http", &self.http).finish_non_exhaustive()
    }
}

/// The kind of secret that the user is asked for. The two must not be confused: a token locks itself after a
/// few wrong PINs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// The passphrase of a key file.
    Passphrase,
    /// The PIN of a token.
    Pin,
}

/// Asks the user for the secret of the named key.
pub type AskSecret<'a> = dyn FnMut(Secret, &str) -> Result<Zeroizing<String>, Error> + 'a;

/// A small text file that the environment names.
pub(super) fn small_file(path: &str) -> Option<String> {
    let file = File::open(path).ok()?;
    let bytes = read::to_end(file, SMALL, "document_bytes", "the file").ok()?;
    String::from_utf8(bytes).ok()
}
