//! `age`: the image does not say that it was built longer ago than the policy allows.
//!
//! ```yaml
//! age: { max: 90d }
//! ```
//!
//! When an image was built is its own claim. So this can refuse an image and never vouch for one: whoever builds it can write any
//! time. That somebody signed or scanned it lately is shown by an attestation with a `maxAge`. An image that states no time, or one
//! in the future, is unknown; one of a reproducible build often states a fixed time long ago, and is refused.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RuleName;
use super::configuration::{IN_ITS_PLACE, NOT_READ};
use crate::action::Action;
use crate::lint::Lint;
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of};
use crate::setting::{Age, Setting, span};
use crate::verdict::{Effect, Outcome};

/// How old images may be.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AgeSpec {
    /// How long ago it may have been built, by its own claim.
    max: Age,
    /// What follows if it is older.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    action: Setting<Action>,
}

const NAME: RuleName = RuleName::built_in("age");

/// The rule.
pub(crate) struct AgeRule;

impl Rule for AgeRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "It does not say that it is too old."
    }

    fn section(&self) -> &'static str {
        "spec.age"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        if let Some(wanted) = &policy.age {
            lint.action("spec.age.action", wanted.action.clone().or_default(), policy.phase);
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let Some(wanted) = &context.policy.age else {
            return Answer::new(NAME, Outcome::NotApplicable, Effect::Block, "the policy allows any age");
        };
        let effect = effect_of(wanted.action.clone().or_default());
        let answer = |outcome, reason: String| Answer::new(NAME, outcome, effect, reason);
        let Some(configuration) = context.configuration() else {
            return answer(Outcome::Unknown, NOT_READ.to_owned()).hint(IN_ITS_PLACE);
        };
        let (now, most) = (context.now, span(wanted.max.0));
        match configuration.created {
            None => answer(Outcome::Unknown, "it does not say when it was built".to_owned()),
            Some(built) if built > now => {
                answer(Outcome::Unknown, format!("it says that it was built {built}, in the future"))
            }
            Some(built) => match built.checked_add(wanted.max.0) {
                Ok(end) if now <= end => {
                    let reason = format!("built {built} by its own claim, at most {most} ago");
                    let mut passed = answer(Outcome::Pass, reason);
                    passed.until = Some(end);
                    passed
                }
                _ => {
                    answer(Outcome::Fail, format!("it says that it was built {built}, more than {most} ago"))
                        .hint("build it again, on a current base")
                        .or_waived(context)
                }
            },
        }
    }
}
