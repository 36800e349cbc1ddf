//! Which trusted root a policy's certificates are verified with.

use std::path::PathBuf;
use std::sync::OnceLock;

use plimsoll_core::{Classify as _, Timestamp};
use plimsoll_http::Settings;
use plimsoll_policy::Policy;
use plimsoll_trust as trust;
use plimsoll_verify::TrustedRoot;

/// The trusted roots: a policy's own, otherwise one for all policies. That one is loaded when it is first
/// needed, and then kept. A long-lived process makes new `Roots` from time to time.
#[derive(Debug)]
pub struct Roots {
    named: Option<TrustedRoot>,
    of_instance: OnceLock<Result<TrustedRoot, String>>,
    instance: String,
    folder: Option<PathBuf>,
    http: Settings,
}

impl Roots {
    /// `named` is used for every policy that has no root of its own. Without `named`, that is the root of
    /// `instance` (by default Sigstore's public-good instance), as it was last fetched into `folder`.
    pub fn new(
        named: Option<TrustedRoot>,
        instance: Option<String>,
        folder: Option<PathBuf>,
        http: Settings,
    ) -> Self {
        let instance = instance.unwrap_or_else(|| trust::PUBLIC_GOOD.to_owned());
        Self { named, of_instance: OnceLock::new(), instance, folder, http }
    }

    /// The root to verify with under `policy`: its own, otherwise the named one, otherwise the instance's. If
    /// none is available, the result is the reason, and certificates stay undecided.
    pub fn root_for<'a>(&'a self, policy: &'a Policy, now: Timestamp) -> Result<&'a TrustedRoot, &'a str> {
        if let Some(root) = policy.trusted_root().or(self.named.as_ref()) {
            return Ok(root);
        }
        if !policy.wants_trusted_root() {
            return Err("no trusted root is needed under this policy");
        }
        let found = self.of_instance.get_or_init(|| {
            let choice = trust::Choice {
                file: None,
                instance: &self.instance,
                folder: self.folder.as_deref(),
                now,
                http: &self.http,
            };
            trust::current(&choice).map(|current| current.root).map_err(|error| match error.hint() {
                Some(hint) => format!("{error} ({hint})"),
                None => error.to_string(),
            })
        });
        found.as_ref().map_err(String::as_str)
    }
}
