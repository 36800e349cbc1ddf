//! `rule/NAME`: what a policy asks in its own words, one rule for each entry of `spec.rules`.
//!
//! ```yaml
//! rules:
//!   - name: nothing-exploited
//!     cel: "!evidence.findings.exists(f, f.exploited)"
//!     message: a vulnerability that attackers use is not accepted
//! ```
//!
//! The expression ([`crate::expression`]) is about the evidence as a document ([`crate::document`]). True passes, false fails. An
//! expression that has no result, because something is missing or because it used all of its steps, leaves the rule unknown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::RuleName;
use crate::action::Action;
use crate::expression::{Expression, Fault};
use crate::lint::Lint;
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of};
use crate::setting::{Name, Reason, Setting};
use crate::verdict::Outcome;

/// What the names of these rules begin with.
pub(crate) const PREFIX: &str = "rule/";

/// The most rules of their own that policies can have. Each may use all of its steps.
const MOST: usize = 64;

/// A rule in the words of the policy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CustomSpec {
    /// The rule is called `rule/NAME`.
    name: Name,
    /// An expression in CEL that must be true. The evidence is `evidence`; `policy schema evidence` prints its form.
    #[schemars(length(min = 1, max = 4096))]
    cel: String,
    /// What it means if it is not true.
    #[serde(default)]
    message: Setting<Reason>,
    /// What follows then, or if it has no result.
    #[serde(default)]
    action: Setting<Action>,
}

/// The rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomRule {
    name: RuleName,
    #[serde(serialize_with = "written")]
    cel: Expression,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Reason>,
    #[serde(skip_serializing_if = "Action::is_deny")]
    action: Action,
    #[serde(skip)]
    path: String,
    #[serde(skip)]
    about: String,
}

fn written<S: Serializer>(expression: &Expression, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(expression.as_str())
}

/// The rules, by name, or where something is wrong, and what.
pub(crate) fn resolve(specs: Setting<Vec<CustomSpec>>) -> Result<Vec<CustomRule>, (String, String)> {
    let specs = specs.into_option().unwrap_or_default();
    if specs.len() > MOST {
        return Err(("spec.rules".to_owned(), format!("got {}, expected at most {MOST}", specs.len())));
    }
    let mut rules: Vec<CustomRule> = Vec::new();
    for (index, spec) in specs.into_iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        let name = RuleName::of_policy(PREFIX, &spec.name);
        if rules.iter().any(|other| other.name == name) {
            let reason = format!("got {}, which another entry of the list is called", spec.name.0);
            return Err((format!("{path}.name"), reason));
        }
        let cel = Expression::parse(&spec.cel).map_err(|wrong| (format!("{path}.cel"), wrong))?;
        rules.push(CustomRule {
            name,
            cel,
            message: spec.message.into_option(),
            action: spec.action.or_default(),
            path,
            about: format!("What {} asks is true.", spec.name.0),
        });
    }
    rules.sort_by_key(|rule| rule.name.clone());
    Ok(rules)
}

impl Rule for CustomRule {
    fn name(&self) -> RuleName {
        self.name.clone()
    }

    fn about(&self) -> &str {
        &self.about
    }

    fn section(&self) -> &'static str {
        "spec.rules"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn lint(&self, policy: &Policy, _: jiff::Timestamp, lint: &mut Lint) {
        lint.action(&format!("{}.action", self.path), self.action, policy.phase);
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let effect = effect_of(self.action);
        let name = self.name.clone();
        let document = context.document();
        let mut answer = match self.cel.is_true_of(document) {
            Ok(true) => Answer::new(name, Outcome::Pass, effect, "it is true"),
            Ok(false) => {
                let reason = match &self.message {
                    Some(message) => message.0.clone(),
                    None => format!("`{}` is false", self.cel.as_str()),
                };
                Answer::new(name, Outcome::Fail, effect, reason).or_waived(context)
            }
            Err(fault) => {
                let missing = document.get("missing").and_then(|it| it.as_object()).into_iter().flatten();
                let missing = missing.filter(|(part, _)| self.cel.as_str().contains(part.as_str()));
                let missing: Vec<String> = missing
                    .map(|(part, why)| format!("; no {part}: {}", why.as_str().unwrap_or_default()))
                    .collect();
                let reason = format!("it has no result: {fault}{}", missing.concat());
                let hint = match fault {
                    Fault::Stopped => "ask for less in one expression: fewer loops inside each other",
                    Fault::Wrong(_) => "ask whether it is there first: has(evidence.…)",
                };
                Answer::new(name, Outcome::Unknown, effect, reason).hint(hint)
            }
        };
        // Whoever reads the time of judgement may decide otherwise a moment later.
        if self.cel.as_str().contains("evaluatedAt") {
            answer.until = Some(context.now);
        }
        answer
    }
}
