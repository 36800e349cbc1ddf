//! The search for an image's signatures under each policy.
//!
//! Owns where to search, in which order, and when to stop. The policy decides what a signature is worth.

use plimsoll_attach::evidence::{Bundles, Search, SkipReason};
use plimsoll_core::{Digest, Limits, Timestamp};
use plimsoll_image::Source;
use plimsoll_policy::{
    Collected, ImageDigests, Policy, RejectedSignature, Signatures, SignaturesByPolicy, Signers,
};
use plimsoll_verify::TrustedRoot;

use crate::asked_attestations::AskedAttestations;
use crate::attached::on_all_processors;
use crate::attested_sbom::AttestedSboms;
use crate::attested_vex::AttestedVex;
use crate::collection::{Collection, UnderPolicy, with_hint};

/// Searches for signatures of the index and the platform's manifest, place by place as in [`Search`], until every
/// policy is satisfied and `asked` has what its rules ask for. For `sboms` and `vex` it searches every place, because a
/// later document may contradict an earlier one. Each bundle is fetched once, and verified for each policy with its own keys and roots. A failed search is not the
/// same as finding none: it makes the signatures unavailable, whatever else was found.
pub(crate) fn signatures(
    source: &dyn Source,
    digests: &ImageDigests,
    collection: &Collection<'_>,
    mut sboms: Option<&mut AttestedSboms<'_>>,
    mut vex: Option<&mut AttestedVex<'_>>,
    mut asked: Option<&mut AskedAttestations<'_>>,
) -> SignaturesByPolicy {
    let needs_signatures = collection.needs().signatures;
    if !needs_signatures && sboms.is_none() && vex.is_none() && asked.is_none() {
        return unneeded();
    }
    let source = collection.evidence_repository.unwrap_or(source);
    let (limits, now) = (collection.layers.limits(), collection.now);
    let subjects: Vec<Digest> = [Some(digests.manifest), digests.index].into_iter().flatten().collect();
    let mut search = Search::new(source, &subjects, limits);
    let asking = collection.policies.iter().filter(|_| needs_signatures);
    let mut policies: Vec<FoundForPolicy<'_>> = asking.map(FoundForPolicy::new).collect();
    loop {
        let mut unsatisfied: Vec<_> = policies.iter_mut().filter(|policy| !policy.satisfied).collect();
        let (sboms, vex) = (sboms.as_deref_mut(), vex.as_deref_mut());
        let asked = asked.as_deref_mut().filter(|asked| !asked.is_satisfied());
        if unsatisfied.is_empty() && sboms.is_none() && vex.is_none() && asked.is_none() {
            break;
        }
        match search.next_place() {
            Ok(Some(place)) => {
                if let Some(sboms) = sboms {
                    for (subject, found) in &place {
                        sboms.add(subject, found);
                    }
                }
                if let Some(vex) = vex {
                    for (subject, found) in &place {
                        vex.add(subject, found);
                    }
                }
                if let Some(asked) = asked {
                    asked.add(&place, digests);
                }
                for policy in unsatisfied {
                    for (subject, found) in &place {
                        policy.add(found, subject, now, limits);
                    }
                    policy.satisfied = policy.is_satisfied(digests, now);
                }
            }
            Ok(None) => break,
            Err(error) => {
                if let Some(sboms) = sboms {
                    sboms.failed(&with_hint(&error));
                }
                if let Some(vex) = vex {
                    vex.failed(&with_hint(&error));
                }
                if let Some(asked) = asked {
                    asked.failed(&with_hint(&error));
                }
                for policy in &mut unsatisfied {
                    policy.failed = Some(with_hint(&error));
                }
                break;
            }
        }
    }
    if !needs_signatures {
        return unneeded();
    }
    policies.into_iter().map(FoundForPolicy::finish).collect()
}

fn unneeded() -> SignaturesByPolicy {
    Signatures::Unavailable { reason: "no rule of the policy needs signatures".to_owned() }.into()
}

/// What was found for the signers of one policy.
struct FoundForPolicy<'a> {
    under: &'a UnderPolicy<'a>,
    signers: Signers,
    all: Collected,
    satisfied: bool,
    failed: Option<String>,
}

impl<'a> FoundForPolicy<'a> {
    fn new(under: &'a UnderPolicy<'a>) -> Self {
        let root = under.root.ok().map(TrustedRoot::digest);
        Self {
            under,
            signers: under.policy.image_signers(),
            all: Collected { root, ..Collected::default() },
            satisfied: false,
            failed: None,
        }
    }

    fn is_satisfied(&self, digests: &ImageDigests, now: Timestamp) -> bool {
        // A policy without signers is never satisfied, and still reports whether there are signatures.
        let all = &self.all;
        let nothing = all.verified.is_empty() && all.rejected.is_empty() && all.undecided.is_empty();
        !nothing && self.under.policy.is_satisfied_by(all, digests, now)
    }

    /// Verifies what was found for `subject`.
    fn add(&mut self, found: &Bundles, subject: &Digest, now: Timestamp, limits: &Limits) {
        let (signers, root, all) = (&self.signers, self.under.root.ok(), &mut self.all);
        let outcomes = on_all_processors(&found.found, |found| {
            let parsed = found.parse(limits)?;
            signers.verify(parsed.bundle(), root, now, |check| parsed.verify(subject, check))
        });
        all.truncated |= found.truncated;
        for (found, outcome) in found.found.iter().zip(outcomes) {
            let left = |reason: String| RejectedSignature { digest: found.digest, reason };
            match outcome {
                Ok(statement) => all.verified.push(statement),
                Err(error @ plimsoll_verify::Error::NoTrustedRoot) => {
                    let why = self.under.root.err().map_or_else(|| error.to_string(), str::to_owned);
                    all.undecided.push(left(why));
                }
                Err(error) => {
                    // Its content was not read.
                    all.truncated |= matches!(error, plimsoll_verify::Error::Limit(_));
                    all.rejected.push(left(error.to_string()));
                }
            }
        }
        // Other artifacts, such as an SBOM, do not count as bad signatures.
        let broken = found.skipped.iter().filter(|s| !matches!(s.reason, SkipReason::OtherArtifact { .. }));
        all.rejected.extend(broken.map(|skipped| RejectedSignature {
            digest: skipped.descriptor.digest,
            reason: skipped.reason.to_string(),
        }));
    }

    fn finish(self) -> (&'a Policy, Signatures) {
        let signatures = match self.failed {
            Some(reason) => Signatures::Unavailable { reason },
            None => Signatures::Collected(self.all),
        };
        (self.under.policy, signatures)
    }
}
