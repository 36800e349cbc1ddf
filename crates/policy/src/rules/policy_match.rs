//! `policy`: the policy applies to the image. An image that no policy applies to is denied.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::RuleName;
use crate::lint::Lint;
use crate::pattern::Pattern;
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Role, Rule};
use crate::setting::Setting;
use crate::verdict::{Effect, Outcome};

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MatchSpec {
    pub(crate) images: Setting<Vec<Pattern>>,
}

const NAME: RuleName = RuleName::built_in("policy");

/// The rule.
pub(crate) struct MatchRule;

impl Rule for MatchRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "The policy applies to it."
    }

    fn section(&self) -> &'static str {
        "spec.match"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn role(&self) -> Role {
        Role::Gate
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        let nothing = "the policy applies to nothing, so it denies everything";
        lint.patterns("spec.match.images", policy.images.as_deref(), nothing);
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let policy = &context.policy.name;
        let name = context.evidence.subject.repository.as_deref();
        let answer = |outcome, reason: String| Answer::new(NAME, outcome, Effect::Block, reason);
        match (context.policy.matches(name), name) {
            (Some(true), Some(name)) => answer(Outcome::Pass, format!("policy {policy} applies to {name}")),
            (Some(true), None) => answer(Outcome::Pass, format!("policy {policy} applies to everything")),
            (Some(false), _) => {
                let name = name.unwrap_or("this subject");
                // A policy that does not match is only evaluated if no policy matches.
                let reason = match context.policies.len() {
                    0 | 1 => format!("policy {policy} does not apply to {name}"),
                    several => format!("none of {several} policies applies to {name}"),
                };
                answer(Outcome::Fail, reason)
                    .hint("give the policy for it with --policy, or widen spec.match.images")
            }
            (None, _) => {
                let reason = format!(
                    "policy {policy} applies to repositories by name, but this subject comes from none"
                );
                answer(Outcome::Unknown, reason)
                    .hint("judge it by a policy without spec.match, or from its registry")
            }
        }
    }
}
