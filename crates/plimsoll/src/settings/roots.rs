//! Which trusted root a policy's certificates are verified with.

use std::cell::OnceCell;
use std::path::PathBuf;

use plimsoll_core::clock;
use plimsoll_policy::Policy;
use plimsoll_signing::trust;
use plimsoll_verify::TrustedRoot;

use crate::args::trust_flags::RootChoice;
use crate::failure::Failure;

/// The trusted roots of a run: a policy's own, else one for all policies, which is not looked for before one wants it.
pub(crate) struct Roots {
    named: Option<TrustedRoot>,
    of_instance: OnceCell<Result<TrustedRoot, String>>,
    instance: String,
    folder: Option<PathBuf>,
    http: plimsoll_http::Settings,
}

impl Roots {
    /// Reads the file that the flags name.
    pub(crate) fn new(choice: &RootChoice, http: &plimsoll_http::Settings) -> Result<Self, Failure> {
        Ok(Self {
            named: choice.trusted_root.as_deref().map(super::trusted_root).transpose()?,
            of_instance: OnceCell::new(),
            instance: choice.instance.clone().unwrap_or_else(|| trust::PUBLIC_GOOD.to_owned()),
            folder: super::trust_folder().ok(),
            http: http.clone(),
        })
    }

    /// The root to verify with under `policy`: its own, else the file of the flags, else the instance's. Where none can be
    /// had the reason, which leaves certificates undecided.
    pub(crate) fn of<'a>(&'a self, policy: &'a Policy) -> Result<&'a TrustedRoot, &'a str> {
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
                now: clock::now(),
                http: &self.http,
            };
            let current = trust::current(&choice).map_err(Failure::from);
            current.map(|current| current.root).map_err(|failure| match failure.hint() {
                Some(hint) => format!("{failure} ({hint})"),
                None => failure.to_string(),
            })
        });
        found.as_ref().map_err(String::as_str)
    }
}
