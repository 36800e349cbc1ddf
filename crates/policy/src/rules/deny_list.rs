//! `deny-list`: no digest of the image is denied. Nothing relaxes it, and no waiver overrides it.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::Digest;
use plimsoll_core::quantity::count;
use schemars::JsonSchema;
use serde::Deserialize;

use super::RuleName;
use crate::deny::Denial;
use crate::deny::DenialSpec;
use crate::detail::Detail;
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Role, Rule};
use crate::setting::Setting;
use crate::verdict::{Effect, Outcome};

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DenySpec {
    pub(crate) digests: Setting<Vec<DenialSpec>>,
}

const NAME: RuleName = RuleName::built_in("deny-list");

/// The rule.
pub(crate) struct DenyListRule;

impl Rule for DenyListRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "None of its digests is denied."
    }

    fn section(&self) -> &'static str {
        "spec.deny"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn role(&self) -> Role {
        Role::Always
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        evaluate(context)
    }
}

fn evaluate(context: &Context<'_>) -> Answer {
    let result = |outcome, reason: String| Answer::new(NAME, outcome, Effect::Block, reason);
    let denials =
        || context.policies.iter().flat_map(|policy| &policy.denials).chain(&context.denials.denials);
    let total = denials().count();
    if total == 0 {
        return result(Outcome::NotApplicable, "no deny list names any digest".to_owned());
    }
    let mut parts: BTreeMap<Digest, &'static str> = BTreeMap::new();
    if let Some(digests) = &context.evidence.subject.digests {
        // The first name counts: an uncompressed layer has the same digest stored and uncompressed.
        for (digest, what) in digests.all() {
            parts.entry(digest).or_insert(what);
        }
    }
    if let Some(asked) = context.evidence.subject.pinned {
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
    if context.evidence.subject.digests.is_none() {
        let reason = format!("the subject has no digests to look up among {}", count(total, "denied digest"));
        return result(Outcome::Unknown, reason).hint("judge the image that it comes from, by digest");
    }
    result(Outcome::Pass, format!("none of its digests is among {}", count(total, "denied digest")))
}
