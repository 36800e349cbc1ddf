//! `registries`: the image comes from a repository that the policy allows.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::RuleName;
use crate::lint::{Code, Lint};
use crate::pattern::{Pattern, any};
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Rule, Waivable};
use crate::setting::Setting;
use crate::verdict::{Effect, Outcome};

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegistriesSpec {
    /// Repositories that images may come from. If it is left out, any repository is allowed.
    pub(crate) allow: Setting<Vec<Pattern>>,
}

const NAME: RuleName = RuleName::built_in("registries");

/// The rule.
pub(crate) struct RegistriesRule;

impl Rule for RegistriesRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "It comes from an allowed repository."
    }

    fn section(&self) -> &'static str {
        "spec.registries"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        lint.patterns("spec.registries.allow", policy.registries.as_deref(), "no registry is allowed");
        for (index, pattern) in policy.registries.iter().flatten().enumerate() {
            if pattern.is_everything() {
                lint.warn(
                    Code::PatternMatchesAll,
                    &format!("spec.registries.allow[{index}]"),
                    "matches every registry",
                    "name the registries, or leave the list out",
                );
            }
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        evaluate(context)
    }
}

fn evaluate(context: &Context<'_>) -> Answer {
    let Some(allowed) = &context.policy.registries else {
        return Answer::new(NAME, Outcome::NotApplicable, Effect::Block, "the policy allows any registry");
    };
    let Some(name) = &context.evidence.subject.repository else {
        let reason = "it comes from no registry, but the policy only allows some registries";
        return Answer::new(NAME, Outcome::Unknown, Effect::Block, reason)
            .hint("judge the image from the registry that it is used from");
    };
    if any(allowed, name) {
        return Answer::new(NAME, Outcome::Pass, Effect::Block, format!("{name} is allowed"));
    }
    let list: Vec<&str> = allowed.iter().map(Pattern::as_str).collect();
    let reason = match list.as_slice() {
        [] => format!("{name} is not allowed: the policy's list is empty"),
        _ => format!("{name} is not among {}", list.join(", ")),
    };
    Answer::new(NAME, Outcome::Fail, Effect::Block, reason)
        .hint("mirror the image into an allowed registry, or add it to spec.registries.allow")
        .or_waived(context)
}
