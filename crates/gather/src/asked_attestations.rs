//! The search for the attestations that rules of the policies ask for.
//!
//! Owns which attachments are of a type that a policy asks for, and whether a signer whom it names for that type made them. What is
//! enough is decided with the verdict, which asks again who signed what. As for signatures, the platform's manifest and its index
//! both count, and the search may end as soon as every rule is satisfied: one that counts is enough, whatever follows.

use plimsoll_attach::evidence::{Bundles, FoundBundle, ParsedBundle};
use plimsoll_core::Digest;
use plimsoll_policy::{AttestationFacts, AttestationSearch, ImageDigests, Policy, RefusedAttestation};

use crate::candidates::{Candidates, Unread};
use crate::collection::{Collection, UnderPolicy};

/// The search for one image.
pub(crate) struct AskedAttestations<'a> {
    collection: &'a Collection<'a>,
    policies: Vec<UnderOne<'a>>,
}

struct UnderOne<'a> {
    under: &'a UnderPolicy<'a>,
    search: AttestationSearch,
    satisfied: bool,
}

impl<'a> AskedAttestations<'a> {
    /// A search that has not started; none if no rule asks for attestations.
    pub(crate) fn new(collection: &'a Collection<'a>) -> Option<Self> {
        let asking = collection.policies.iter().filter(|under| under.policy.needs().attestations);
        let policies = asking.map(|under| {
            let no_root = under.root.err().map(str::to_owned);
            let limits = collection.layers.limits().clone();
            let search = AttestationSearch { no_root, limits, ..AttestationSearch::default() };
            UnderOne { under, search, satisfied: false }
        });
        let search = Self { collection, policies: policies.collect() };
        (!search.policies.is_empty()).then_some(search)
    }

    /// Whether no other place must be searched.
    pub(crate) fn is_satisfied(&self) -> bool {
        self.policies.iter().all(|one| one.satisfied)
    }

    /// The place where it was searched could not be read.
    pub(crate) fn failed(&mut self, reason: &str) {
        self.incomplete(&format!("could not search for all attachments ({reason})"));
    }

    fn incomplete(&mut self, reason: &str) {
        for one in &mut self.policies {
            one.search.incomplete.get_or_insert_with(|| reason.to_owned());
        }
    }

    /// Looks at what was found for each of the image's digests in one place.
    pub(crate) fn add(&mut self, place: &[(Digest, Bundles)], digests: &ImageDigests) {
        let (limits, now) = (self.collection.layers.limits(), self.collection.now);
        for (subject, found) in place {
            let policies: Vec<&Policy> = self.policies.iter().map(|one| one.under.policy).collect();
            let is_asked_for =
                |kind: &str| policies.iter().any(|policy| policy.attestation_signers(kind).is_some());
            let candidates = Candidates::new(found, limits, is_asked_for);
            match candidates.unread {
                None => {}
                Some(Unread::Truncated) => {
                    self.incomplete("there are more attachments than the limits allow");
                }
                Some(Unread::Skipped(reason)) => {
                    self.incomplete(&format!("an attachment was not read ({reason})"));
                }
            }
            for (bundle, parsed) in &candidates.bundles {
                for one in self.policies.iter_mut().filter(|one| !one.satisfied) {
                    one.add(bundle, parsed, subject, self.collection);
                }
            }
        }
        for one in &mut self.policies {
            one.satisfied = one.under.policy.has_enough_attestations(&one.search, digests, now);
        }
    }

    pub(crate) fn finish(self) -> AttestationFacts {
        let mut facts = AttestationFacts::default();
        for one in self.policies {
            facts.add(one.under.policy, one.search);
        }
        facts
    }
}

impl UnderOne<'_> {
    fn add(
        &mut self,
        bundle: &FoundBundle,
        parsed: &ParsedBundle<'_>,
        subject: &Digest,
        collection: &Collection<'_>,
    ) {
        let UnderPolicy { policy, root } = self.under;
        let Some(predicate_type) = parsed.claimed_predicate() else { return };
        let Some(signers) = policy.attestation_signers(&predicate_type) else { return };
        let verified =
            signers.verify(parsed.bundle(), root.ok(), collection.now, |check| parsed.verify(subject, check));
        let refused = |reason: String| RefusedAttestation { predicate_type, digest: bundle.digest, reason };
        match (verified, root) {
            (Ok(statement), _) => self.search.add(policy, statement),
            (Err(plimsoll_verify::Error::NoTrustedRoot), Err(reason)) => {
                self.search.undecided.push(refused((*reason).to_owned()));
            }
            (Err(error), _) => {
                if matches!(error, plimsoll_verify::Error::Limit(_)) {
                    let reason = format!("an attachment was not read ({error})");
                    self.search.incomplete.get_or_insert(reason);
                }
                self.search.refused.push(refused(error.to_string()));
            }
        }
    }
}
