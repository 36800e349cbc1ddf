//! `signatures`: enough distinct authorities signed the image.
//!
//! Counts only statements that were made to be signatures, that name the platform's manifest or the index it was reached
//! through by exact digest, by a key whose window is open at the time of judgement. An SBOM attestation by the same key
//! signs nothing. One authority counts once however often it signed (sigstore-go CVE-2026-49834 is the case of two), and
//! two names for one key count once. Junk beside a good signature harms nothing, and hides nothing: a search that hit a
//! limit before the rule was satisfied is unknown.

use std::collections::BTreeMap;

use plimsoll_core::Digest;
use plimsoll_verify::{KeyId, NotChecked, Signer, Statement, Verified};

use crate::detail::Detail;
use crate::evaluate::Case;
use crate::evidence::{ImageDigests, RejectedSignature, Signatures, SubjectKind};
use crate::policy::{Authority, SignaturePolicy, Window};
use crate::rules::{Judged, count, effect};
use crate::verdict::{Outcome, Rule, earliest};

pub(crate) fn judge(case: &Case<'_>) -> Judged {
    let policy = &case.policy.signatures;
    let effect = effect(policy.required);
    let result = |outcome, reason: String| Judged::new(Rule::Signatures, outcome, effect, reason);
    let (verified, rejected, truncated) = match &case.evidence.signatures {
        Signatures::Collected { verified, rejected, truncated } => (verified, rejected, *truncated),
        Signatures::Unavailable { reason } => {
            let hint = match case.evidence.subject.kind {
                SubjectKind::LocalImage => {
                    "signatures are in the registry: judge the image there, by its digest"
                }
                _ => "try again when the registry answers in full",
            };
            return result(Outcome::Unknown, format!("signatures could not be looked for: {reason}"))
                .hint(hint);
        }
        Signatures::Impossible { reason } => {
            return result(Outcome::Unknown, format!("it cannot be signed: {reason}"));
        }
    };
    let Some(digests) = &case.evidence.subject.digests else {
        return result(Outcome::Unknown, "it is not known which digest must be signed".to_owned());
    };
    if policy.authorities.is_empty() {
        return nobody_named(verified.len() + rejected.len(), truncated, effect);
    }

    let mut tally = Tally::default();
    for statement in verified {
        tally.add(statement, policy, digests, case.now);
    }
    for RejectedSignature { digest, reason } in rejected {
        tally.refuse(*digest, reason.clone());
    }
    let got = tally.authorities.len();
    let wanted = policy.threshold.get() as usize;
    let names = tally.names();
    let until = earliest(tally.authorities.values().map(|authority| authority.not_after));
    let mut judged = if got >= wanted {
        let of = if wanted > 1 { format!(" ({wanted} needed)") } else { String::new() };
        result(Outcome::Pass, format!("signed by {names}{of}"))
    } else if truncated {
        let reason = format!("{got} of {wanted} authorities found before the limit on referrers was reached");
        result(Outcome::Unknown, reason)
            .hint("remove referrers that are not needed from the repository, and try again")
    } else {
        let reason = match (got, tally.refused.first()) {
            (0, None) => "it is not signed".to_owned(),
            (0, Some((_, why))) => {
                format!("no signature counts, of {} found: {why}", count(tally.refused.len(), "statement"))
            }
            _ => format!("signed by {names} only, {wanted} authorities are needed"),
        };
        let judged = result(Outcome::Fail, reason);
        match &case.evidence.subject.repository {
            Some(name) => judged.hint(format!(
                "plimsoll sign --key KEY {name}@{}",
                digests.index.unwrap_or(digests.manifest)
            )),
            None => judged.hint("plimsoll sign --key KEY SUBJECT"),
        }
    };
    if judged.result.outcome == Outcome::Pass {
        judged.until = until;
    }
    judged.details(tally.details())
}

/// Nothing can count, so nothing was judged. Only a policy that does not require signatures gets here.
fn nobody_named(found: usize, truncated: bool, effect: crate::verdict::Effect) -> Judged {
    if found == 0 && !truncated {
        return Judged::new(Rule::Signatures, Outcome::Fail, effect, "it is not signed")
            .hint("plimsoll sign --key KEY SUBJECT");
    }
    let reason = format!("{} found, and the policy names no key to verify with", count(found, "statement"));
    Judged::new(Rule::Signatures, Outcome::Unknown, effect, reason).hint("name keys in spec.signatures.anyOf")
}

#[derive(Default)]
struct Tally<'a> {
    /// Who signed, by key: that is what makes two of them two.
    authorities: BTreeMap<KeyId, &'a Authority>,
    counted: Vec<Detail>,
    refused: Vec<(Digest, String)>,
}

impl<'a> Tally<'a> {
    fn add(
        &mut self,
        statement: &Verified<Statement>,
        policy: &'a SignaturePolicy,
        digests: &ImageDigests,
        now: jiff::Timestamp,
    ) {
        let bundle = *statement.bundle();
        let value = statement.value();
        if !value.is_signature() {
            return self
                .refuse(bundle, format!("a statement of type {} is no signature", value.predicate_type));
        }
        let Some(signed) = digests.names().find(|digest| value.names(digest)) else {
            return self.refuse(bundle, "it signs another digest".to_owned());
        };
        let Signer::Key(id) = statement.signer() else {
            return self.refuse(bundle, "it is not signed with a key".to_owned());
        };
        let mut refused = "it is signed by a key that the policy does not name".to_owned();
        for authority in policy.authorities.iter().filter(|authority| authority.id() == *id) {
            match authority.window(now) {
                Window::Open => {
                    self.authorities.entry(*id).or_insert(authority);
                    self.counted.push(Detail::Signature {
                        authority: authority.name.clone(),
                        key: id.to_string(),
                        bundle,
                        signed,
                        not_checked: statement.not_checked().iter().map(|what| not_checked(*what)).collect(),
                    });
                    return;
                }
                Window::NotYet(start) => {
                    refused = format!("the key of {} does not count before {start}", authority.name);
                }
                Window::Over(end) => {
                    refused = format!("the key of {} counts no longer since {end}", authority.name);
                }
            }
        }
        self.refuse(bundle, refused);
    }

    fn refuse(&mut self, bundle: Digest, reason: String) {
        self.refused.push((bundle, reason));
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.authorities.values().map(|authority| authority.name.as_str()).collect();
        names.join(", ")
    }

    fn details(self) -> Vec<Detail> {
        let refused = self.refused.into_iter();
        let refused = refused.map(|(bundle, reason)| Detail::RefusedSignature { bundle, reason });
        self.counted.into_iter().chain(refused).collect()
    }
}

fn not_checked(what: NotChecked) -> String {
    match what {
        NotChecked::TransparencyLog => "transparency log",
        NotChecked::Timestamp => "timestamp",
        _ => "further material",
    }
    .to_owned()
}
