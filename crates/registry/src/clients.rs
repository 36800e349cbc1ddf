//! The HTTP clients of a process: one for all registries, and one for each set of settings that certificates and
//! mirrors of single hosts require. The same settings share connections.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::Cancel;
use plimsoll_http::{Client, HostTls, Settings};

use crate::Plan;

/// Clients that are kept. A machine has settings for a handful of hosts; a long-lived process that meets more of them
/// opens connections anew.
const MAX_CLIENTS: usize = 32;

/// The clients. Clones share them; each clone has its own token, [`Clients::under`].
#[derive(Clone)]
pub struct Clients {
    made: Arc<Made>,
    cancel: Cancel,
}

struct Made {
    settings: Settings,
    /// The most recently used one is last.
    kept: Mutex<Vec<(HostRules, Client)>>,
}

/// What a plan adds to the settings.
#[derive(PartialEq, Eq)]
struct HostRules {
    tls: Vec<HostTls>,
    plain_http: Vec<String>,
}

impl Clients {
    /// Creates no client yet: each is created when it is first needed.
    pub fn new(settings: Settings) -> Self {
        Self { made: Arc::new(Made { settings, kept: Mutex::default() }), cancel: Cancel::never() }
    }

    /// The same clients for work that `cancel` stops.
    #[must_use]
    pub fn under(&self, cancel: &Cancel) -> Self {
        Self { made: Arc::clone(&self.made), cancel: cancel.clone() }
    }

    /// What they are made from.
    pub fn settings(&self) -> &Settings {
        &self.made.settings
    }

    /// The client for the places of `plan`.
    pub fn client(&self, plan: &Plan) -> Result<Client, plimsoll_http::Error> {
        let mut settings = self.made.settings.clone();
        plan.apply(&mut settings);
        let rules = HostRules { tls: settings.hosts.clone(), plain_http: settings.plain_http.clone() };
        let mut kept = self.made.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let client = match kept.iter().position(|(known, _)| *known == rules) {
            Some(at) => kept.remove(at).1,
            None => Client::new(settings)?,
        };
        if kept.len() >= MAX_CLIENTS {
            kept.remove(0);
        }
        kept.push((rules, client.clone()));
        Ok(client.under(&self.cancel))
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("settings", &self.made.settings).finish_non_exhaustive()
    }
}
