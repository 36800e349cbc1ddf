//! `secrets`: nothing in the environment or the history of the image looks like a secret.
//!
//! ```yaml
//! secrets:
//!   allow: [{ name: TEST_PASSWORD, reason: "for the database of the tests, which starts without data" }]
//! ```
//!
//! Whoever can pull an image can read both. What is searched for, and that it can be wrong in both directions, is said in
//! [`crate::evidence::SuspectedSecret`]. Neither message nor verdict contains a value.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RuleName;
use super::configuration::{IN_ITS_PLACE, NOT_READ};
use crate::action::Action;
use crate::detail::Detail;
use crate::evidence::SuspectedSecret;
use crate::lint::Lint;
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of};
use crate::setting::{Reason, Setting, given};
use crate::verdict::{Effect, Outcome};

/// That images must not contain secrets where everybody can read them.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SecretsSpec {
    /// Names that only look like those of secrets.
    #[serde(deserialize_with = "given", skip_serializing_if = "Vec::is_empty")]
    allow: Vec<AllowedName>,
    /// What follows if there is one.
    #[serde(skip_serializing_if = "Setting::is_unset")]
    action: Setting<Action>,
}

/// A name of a variable, and why its value is not a secret.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AllowedName {
    /// The whole name; upper and lower case count.
    name: String,
    /// Repeated in verdicts.
    reason: Reason,
}

const NAME: RuleName = RuleName::built_in("secrets");

/// The rule.
pub(crate) struct SecretsRule;

impl Rule for SecretsRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "Nothing in its environment or history looks like a secret."
    }

    fn section(&self) -> &'static str {
        "spec.secrets"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        if let Some(wanted) = &policy.secrets {
            lint.action("spec.secrets.action", wanted.action.clone().or_default(), policy.phase);
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let Some(wanted) = &context.policy.secrets else {
            let reason = "the policy does not ask for secrets";
            return Answer::new(NAME, Outcome::NotApplicable, Effect::Block, reason);
        };
        let effect = effect_of(wanted.action.clone().or_default());
        let Some(configuration) = context.configuration() else {
            return Answer::new(NAME, Outcome::Unknown, effect, NOT_READ).hint(IN_ITS_PLACE);
        };
        let allowance = |it: &SuspectedSecret| {
            let name = it.name.as_deref()?;
            wanted.allow.iter().find(|allowed| allowed.name == name)
        };
        let (mut details, mut found) = (Vec::new(), Vec::new());
        for it in &configuration.secrets {
            let what = it.to_string();
            match allowance(it) {
                Some(allowed) => details.push(Detail::SetAside { what, reason: allowed.reason.0.clone() }),
                None => found.push(what),
            }
        }
        let answer = match found.as_slice() {
            [] => {
                Answer::new(NAME, Outcome::Pass, effect, "nothing in environment and history looks like one")
            }
            [only] => Answer::new(NAME, Outcome::Fail, effect, only.clone()),
            [first, others @ ..] => {
                Answer::new(NAME, Outcome::Fail, effect, format!("{first}, and {} more", others.len()))
            }
        };
        details.extend(found.into_iter().map(|what| Detail::Secret { what }));
        let failed = answer.result.outcome == Outcome::Fail;
        let answer = answer.details(details);
        if !failed {
            return answer;
        }
        answer
            .hint("change the secret, which counts as known, and build again with a mounted secret (RUN --mount=type=secret)")
            .or_waived(context)
    }
}
