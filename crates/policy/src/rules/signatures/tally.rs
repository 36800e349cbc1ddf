//! Counting: which entries of the policy are satisfied, each by a different person.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_core::Digest;
use plimsoll_verify::person::Person;
use plimsoll_verify::{Statement, Verified};

use super::SignaturePolicy;
use crate::assignment::assign;
use crate::authority::{Authority, Signed, name_of, not_checked};
use crate::detail::{Detail, SignerRecord};
use crate::evidence::{Collected, ImageDigests, RejectedSignature};
use crate::verdict::earliest;

/// A signature by a signer whom the policy names, at a time that counts.
pub(super) struct EligibleSignature {
    person: usize,
    /// The entries that it fits, and until when.
    fits: Vec<(usize, Option<Timestamp>)>,
    signed: Signed,
    bundle: Digest,
    digest: Digest,
    not_checked: Vec<String>,
    carried: Vec<String>,
}

pub(super) struct Tally<'a> {
    policy: &'a SignaturePolicy,
    /// The entries; those of `allOf` come first.
    pub(super) entries: Vec<&'a Authority>,
    pub(super) counted: Vec<EligibleSignature>,
    pub(super) refused: Vec<(Digest, String)>,
    /// For each entry the signer that counts for it.
    pub(super) assigned: Vec<Option<usize>>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        found: &Collected,
        policy: &'a SignaturePolicy,
        digests: &ImageDigests,
        now: Timestamp,
    ) -> Self {
        let entries: Vec<&Authority> = policy.entries().collect();
        let mut tally =
            Self { policy, entries, counted: Vec::new(), refused: Vec::new(), assigned: Vec::new() };
        let mut persons: BTreeMap<Person, usize> = BTreeMap::new();
        // The reason why a signature does not count is more informative than the presence of other
        // statements.
        let (signatures, others): (Vec<_>, Vec<_>) =
            found.verified.iter().partition(|statement| statement.value().is_signature());
        for statement in signatures {
            match tally.look(statement, digests, now) {
                Ok((digest, signed, fits)) => {
                    let next = persons.len();
                    let person = *persons.entry(signed.signer.person()).or_insert(next);
                    let not_checked = not_checked(statement);
                    let carried =
                        statement.not_checked().iter().map(|what| name_of(*what).to_owned()).collect();
                    let bundle = *statement.bundle();
                    tally.counted.push(EligibleSignature {
                        person,
                        fits,
                        signed,
                        bundle,
                        digest,
                        not_checked,
                        carried,
                    });
                }
                Err(reason) => tally.refused.push((*statement.bundle(), reason)),
            }
        }
        for RejectedSignature { digest, reason } in &found.rejected {
            tally.refused.push((*digest, reason.clone()));
        }
        for statement in others {
            let kind = &statement.value().predicate_type;
            let reason = format!("a statement of type {kind} is not a signature");
            tally.refused.push((*statement.bundle(), reason));
        }
        let mut fits = vec![Vec::new(); tally.entries.len()];
        for counting in &tally.counted {
            for (entry, _) in &counting.fits {
                if let Some(signers) = fits.get_mut(*entry)
                    && !signers.contains(&counting.person)
                {
                    signers.push(counting.person);
                }
            }
        }
        tally.assigned = assign(&fits);
        tally
    }

    /// What a statement signs and which entries it fits, or why it does not count.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once, in the one place that calls")]
    fn look(
        &self,
        statement: &Verified<Statement>,
        digests: &ImageDigests,
        now: Timestamp,
    ) -> Result<(Digest, Signed, Vec<(usize, Option<Timestamp>)>), String> {
        let value = statement.value();
        let Some(digest) = digests.names().find(|digest| value.names(digest)) else {
            return Err("it signs another digest".to_owned());
        };
        let signed = Signed::from(statement);
        let (fits, refused) = Authority::counting(self.entries.iter().copied(), "the policy", &signed, now);
        let fits: Vec<_> = fits.into_iter().map(|it| (it.index, it.until)).collect();
        if fits.is_empty() { Err(refused) } else { Ok((digest, signed, fits)) }
    }

    pub(super) fn satisfies(&self) -> bool {
        let enough = self.policy.any_of.is_empty() || self.any_of() >= self.policy.threshold.get() as usize;
        enough && self.missing().is_empty()
    }

    /// How many entries of `anyOf` are satisfied.
    pub(super) fn any_of(&self) -> usize {
        self.assigned.iter().skip(self.policy.all_of.len()).flatten().count()
    }

    /// The entries of `allOf` that are not satisfied.
    pub(super) fn missing(&self) -> Vec<&str> {
        let all = self.policy.all_of.iter().zip(&self.assigned);
        all.filter(|(_, signer)| signer.is_none()).map(|(entry, _)| entry.name.as_str()).collect()
    }

    pub(super) fn names(&self) -> String {
        let assigned = self.entries.iter().zip(&self.assigned);
        let names = assigned.filter(|(_, signer)| signer.is_some()).map(|(entry, _)| entry.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Until when the satisfied entries stay satisfied.
    pub(super) fn until(&self) -> Option<Timestamp> {
        let until = |entry: usize, person: usize| {
            let ends = self.counted.iter().filter(|counting| counting.person == person);
            let ends = ends.flat_map(|counting| &counting.fits).filter(|(fit, _)| *fit == entry);
            // One of several signatures is enough, and a signature without an end counts forever.
            ends.map(|(_, until)| *until).reduce(|one, other| Some(one?.max(other?))).flatten()
        };
        let assigned = self.assigned.iter().enumerate();
        earliest(assigned.filter_map(|(entry, person)| Some(until(entry, (*person)?))))
    }

    pub(super) fn details(self) -> Vec<Detail> {
        let Self { entries, counted, refused, assigned, .. } = self;
        let detail = |counting: EligibleSignature| {
            let fits = || counting.fits.iter().map(|(entry, _)| *entry);
            let is_signers = |entry: &usize| assigned.get(*entry) == Some(&Some(counting.person));
            if let Some(authority) = fits().find(is_signers).and_then(|entry| entries.get(entry)) {
                return Detail::Signature {
                    authority: authority.name.clone(),
                    by: SignerRecord::from(&counting.signed),
                    bundle: counting.bundle,
                    signed: counting.digest,
                    not_checked: counting.not_checked,
                    carried: counting.carried,
                };
            }
            let fits = fits().filter_map(|entry| Some(entries.get(entry)?.name.as_str()));
            let names = fits.collect::<Vec<_>>().join(" or ");
            let reason = format!("a further signature as {names}, who counts once");
            Detail::RefusedSignature { bundle: counting.bundle, reason }
        };
        let refused = refused.into_iter();
        let refused = refused.map(|(bundle, reason)| Detail::RefusedSignature { bundle, reason });
        counted.into_iter().map(detail).chain(refused).collect()
    }
}
