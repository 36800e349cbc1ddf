//! Which of an image's attachments may be documents of a kind, and whether all attachments could be read: one that could not
//! may be a document that contradicts the others.

use std::fmt;

use plimsoll_attach::evidence::{Bundles, FoundBundle, ParsedBundle, SkipReason};
use plimsoll_core::Limits;

/// The bundles that say they are of the kind.
pub(crate) struct Candidates<'f> {
    pub(crate) bundles: Vec<(&'f FoundBundle, ParsedBundle<'f>)>,
    /// Why others may be missing; the first reason.
    pub(crate) unread: Option<Unread>,
}

/// Why an attachment was not looked at.
pub(crate) enum Unread {
    /// There are more attachments than the limits allow.
    Truncated,
    /// One was not read, for this reason.
    Skipped(String),
}

impl<'f> Candidates<'f> {
    /// Those whose predicate type `is` wanted.
    pub(crate) fn new(found: &'f Bundles, limits: &Limits, is: impl Fn(&str) -> bool) -> Self {
        let mut candidates =
            Self { bundles: Vec::new(), unread: found.truncated.then_some(Unread::Truncated) };
        let unread = found.skipped.iter().find(|skipped| {
            !matches!(skipped.reason, SkipReason::OtherArtifact { .. } | SkipReason::OtherSubject { .. })
        });
        if let Some(skipped) = unread {
            candidates.skip(&skipped.reason);
        }
        for bundle in &found.found {
            match bundle.parse(limits) {
                Ok(parsed) if parsed.claimed_predicate().is_some_and(|claimed| is(&claimed)) => {
                    candidates.bundles.push((bundle, parsed));
                }
                Err(error @ plimsoll_verify::Error::Limit(_)) => candidates.skip(&error),
                // A bundle that cannot be parsed is listed with the signatures.
                Ok(_) | Err(_) => {}
            }
        }
        candidates
    }

    fn skip(&mut self, reason: &impl fmt::Display) {
        self.unread.get_or_insert_with(|| Unread::Skipped(reason.to_string()));
    }
}
