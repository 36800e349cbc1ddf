//! `registries`: the image comes from a repository that the policy allows.

use crate::evaluate::Case;
use crate::pattern::any;
use crate::rules::Judged;
use crate::verdict::{Effect, Outcome, Rule};

pub(crate) fn judge(case: &Case<'_>) -> Judged {
    let Some(allowed) = &case.policy.registries else {
        return Judged::new(
            Rule::Registries,
            Outcome::NotApplicable,
            Effect::Block,
            "the policy allows any registry",
        );
    };
    let Some(name) = &case.evidence.subject.repository else {
        let reason = "it comes from no registry, and the policy allows some by name";
        return Judged::new(Rule::Registries, Outcome::Unknown, Effect::Block, reason)
            .hint("judge the image from the registry that it is used from");
    };
    if any(allowed, name) {
        return Judged::new(Rule::Registries, Outcome::Pass, Effect::Block, format!("{name} is allowed"));
    }
    let list: Vec<&str> = allowed.iter().map(crate::pattern::Pattern::as_str).collect();
    let reason = match list.as_slice() {
        [] => format!("{name} is not allowed: the policy's list is empty"),
        _ => format!("{name} is not among {}", list.join(", ")),
    };
    Judged::new(Rule::Registries, Outcome::Fail, Effect::Block, reason)
        .hint("mirror the image into an allowed registry, or add it to spec.registries.allow")
        .or_waived(case)
}
