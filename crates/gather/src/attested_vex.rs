//! The search for VEX that is attested about one platform's image.
//!
//! Owns which attachments are VEX by a signer whom a policy names for it. What such a statement sets aside is decided with the
//! verdict, which asks again who signed it. Only what is attached to the platform's own manifest counts. Whatever could not be
//! looked at may be a correction of what was found, so that the search is then incomplete, which the verdict has to respect.

use plimsoll_attach::evidence::Bundles;
use plimsoll_core::Digest;
use plimsoll_policy::{RejectedSignature, Signers, VexFacts, is_vex};

use crate::candidates::{Candidates, Unread};
use crate::collection::{Collection, UnderPolicy};

/// The search for one image.
pub(crate) struct AttestedVex<'a> {
    collection: &'a Collection<'a>,
    manifest: Digest,
    policies: Vec<(&'a UnderPolicy<'a>, Signers)>,
    facts: VexFacts,
}

impl<'a> AttestedVex<'a> {
    /// A search that has not started; none if no policy accepts VEX.
    pub(crate) fn new(manifest: Digest, collection: &'a Collection<'a>) -> Option<Self> {
        collection.needs().findings?;
        let policies = collection.policies.iter();
        let policies: Vec<_> =
            policies.filter_map(|under| Some((under, under.policy.vex_signers()?))).collect();
        let search = Self { collection, manifest, policies, facts: VexFacts::default() };
        (!search.policies.is_empty()).then_some(search)
    }

    /// The place where it was searched could not be read.
    pub(crate) fn failed(&mut self, reason: &str) {
        self.incomplete(format!("could not search for all attachments ({reason})"));
    }

    fn incomplete(&mut self, reason: String) {
        self.facts.incomplete.get_or_insert(reason);
    }

    /// Looks at what was found for `subject`.
    pub(crate) fn add(&mut self, subject: &Digest, found: &Bundles) {
        let candidates = Candidates::new(found, self.collection.layers.limits(), is_vex);
        match candidates.unread {
            None => {}
            Some(Unread::Truncated) => {
                self.incomplete("there are more attachments than the limits allow".to_owned());
            }
            Some(Unread::Skipped(reason)) => {
                self.incomplete(format!("an attachment was not read ({reason})"));
            }
        }
        for (bundle, parsed) in candidates.bundles {
            let refused = |reason: String| RejectedSignature { digest: bundle.digest, reason };
            if *subject != self.manifest {
                let reason = "it is attached to the index, not to this platform's image".to_owned();
                self.facts.refused.push(refused(reason));
                continue;
            }
            let (now, mut counts, mut why) = (self.collection.now, false, String::new());
            let mut unverified: Option<String> = None;
            for (under, signers) in &self.policies {
                let verified = signers
                    .verify(parsed.bundle(), under.root.ok(), now, |check| parsed.verify(subject, check));
                let carried = parsed.bundle();
                let (has_certificate, has_more) = (carried.has_certificate(), !carried.extras().is_empty());
                // What a root would show decides whether it counts.
                let undecided = under.root.err().filter(|_| match &verified {
                    Ok(_) => has_more,
                    Err(error) => has_certificate && matches!(error, plimsoll_verify::Error::NoTrustedRoot),
                });
                let accepted = match (verified, under.root) {
                    (Ok(statement), _) => {
                        under.policy.accepts_vex(&statement, &self.manifest, now).map(|()| statement)
                    }
                    (Err(plimsoll_verify::Error::NoTrustedRoot), Err(reason)) => Err(reason.to_owned()),
                    (Err(error), _) => Err(error.to_string()),
                };
                match accepted {
                    Ok(statement) => {
                        counts = true;
                        self.facts.add(under.policy, statement);
                    }
                    Err(reason) => {
                        if let Some(root) = undecided {
                            unverified.get_or_insert_with(|| {
                                format!("an attachment could not be verified without a trusted root ({root})")
                            });
                        }
                        why = reason;
                    }
                }
            }
            if !counts {
                self.facts.refused.push(refused(why));
            }
            if let Some(reason) = unverified {
                self.incomplete(reason);
            }
        }
    }

    pub(crate) fn finish(self) -> VexFacts {
        self.facts
    }
}
