//! `policy`: the policy is about the image. What no policy is about is denied.

use crate::evaluate::Case;
use crate::rules::Judged;
use crate::verdict::{Effect, Outcome, Rule};

pub(crate) fn judge(case: &Case<'_>) -> Judged {
    let policy = &case.policy.name;
    let name = case.evidence.subject.repository.as_deref();
    match (case.policy.matches(name), name) {
        (Some(true), Some(name)) => Judged::new(
            Rule::Policy,
            Outcome::Pass,
            Effect::Block,
            format!("policy {policy} is about {name}"),
        ),
        (Some(true), None) => Judged::new(
            Rule::Policy,
            Outcome::Pass,
            Effect::Block,
            format!("policy {policy} is about everything"),
        ),
        (Some(false), _) => {
            let reason = format!("policy {policy} is not about {}", name.unwrap_or("this subject"));
            Judged::new(Rule::Policy, Outcome::Fail, Effect::Block, reason)
                .hint("give the policy for it with --policy, or widen spec.match.images")
        }
        (None, _) => {
            let reason =
                format!("policy {policy} is about repositories by name, and this subject comes from none");
            Judged::new(Rule::Policy, Outcome::Unknown, Effect::Block, reason)
                .hint("judge it by a policy without spec.match, or from the registry it is in")
        }
    }
}
