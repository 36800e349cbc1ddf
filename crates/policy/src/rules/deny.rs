//! `deny-list`: no digest of the image is denied. Nothing relaxes it, and no waiver reaches it.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::Digest;

use crate::deny::Denial;
use crate::detail::Detail;
use crate::evaluate::Case;
use crate::rules::{Judged, count};
use crate::verdict::{Effect, Outcome, Rule};

pub(crate) fn judge(case: &Case<'_>) -> Judged {
    let result = |outcome, reason: String| Judged::new(Rule::DenyList, outcome, Effect::Block, reason);
    let denials = || case.policy.denials.iter().chain(&case.denials.denials);
    let total = denials().count();
    if total == 0 {
        return result(Outcome::NotApplicable, "no deny list names any digest".to_owned());
    }
    let mut parts: BTreeMap<Digest, &'static str> = BTreeMap::new();
    if let Some(digests) = &case.evidence.subject.digests {
        // The first name wins: of a plain layer, stored and uncompressed digest are the same.
        for (digest, what) in digests.all() {
            parts.entry(digest).or_insert(what);
        }
    }
    if let Some(asked) = case.evidence.subject.pinned {
        parts.entry(asked).or_insert("requested digest");
    }
    let hits: BTreeSet<&Denial> = denials().filter(|denial| parts.contains_key(&denial.digest)).collect();
    if let Some(first) = hits.first() {
        let what = parts.get(&first.digest).copied().unwrap_or_default();
        let others = if hits.len() > 1 { format!(", and {} more", hits.len() - 1) } else { String::new() };
        let reason = format!("{what} {} is denied by {}: {}{others}", first.digest, first.list, first.reason);
        let details = hits.iter().map(|denial| Detail::Denied {
            digest: denial.digest,
            what: parts.get(&denial.digest).copied().unwrap_or_default().to_owned(),
            reason: denial.reason.clone(),
            list: denial.list.clone(),
        });
        return result(Outcome::Fail, reason)
            .details(details.collect())
            .hint("a denied digest cannot be waived; build and use another image");
    }
    if case.evidence.subject.digests.is_none() {
        let reason = format!("the subject has no digests to look up among {}", count(total, "denied digest"));
        return result(Outcome::Unknown, reason).hint("judge the image that it comes from, by digest");
    }
    result(Outcome::Pass, format!("none of its digests is among {}", count(total, "denied digest")))
}
