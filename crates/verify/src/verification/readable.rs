//! The part of a bundle that the official verifier can read.

use std::borrow::Cow;

use sigstore_types::TransparencyLogEntry;

use crate::{Bundle, Check, Error, Step, TrustedRoot, entry, inclusion};

/// The bundle for the official verifier, without log entries that it cannot read. Those are verified here.
pub(super) struct Readable<'a> {
    pub(super) bundle: Cow<'a, sigstore_types::Bundle>,
    pub(super) is_partial: bool,
}

impl<'a> Readable<'a> {
    pub(super) fn new(bundle: &'a Bundle, root: &TrustedRoot, check: &Check<'_>) -> Result<Self, Error> {
        let is_ours = |(index, entry): (usize, &TransparencyLogEntry)| {
            bundle.is_dsse_entry(index) || !entry::is_read_upstream(entry)
        };
        let ours: Vec<bool> = bundle.log_entries().iter().enumerate().map(is_ours).collect();
        if !ours.contains(&true) {
            return Ok(Self { bundle: Cow::Borrowed(bundle.parsed()), is_partial: false });
        }
        let mut rest = bundle.parsed().clone();
        rest.verification_material.tlog_entries.clear();
        for (entry, ours) in bundle.log_entries().iter().zip(ours) {
            if !ours {
                rest.verification_material.tlog_entries.push(entry.clone());
                continue;
            }
            if entry.inclusion_promise.is_some() {
                // It would not be verified, so a result must not count it.
                let got = "a promise for an entry of version 2";
                return Err(Error::step(Step::LogPromise, got, "none, as such logs give none"));
            }
            if check.requirements.logs.is_some() {
                inclusion::verify(entry, root, check.now)?;
            }
        }
        Ok(Self { bundle: Cow::Owned(rest), is_partial: true })
    }

    /// Whether all entries were verified here.
    pub(super) fn has_no_entries(&self) -> bool {
        self.is_partial && self.bundle.verification_material.tlog_entries.is_empty()
    }
}
