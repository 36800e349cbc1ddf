//! `attestation/NAME`: somebody attested what the policy asks for, one rule for each entry of `spec.attestations`.
//!
//! ```yaml
//! attestations:
//!   - name: tests
//!     predicateType: https://in-toto.io/attestation/test-result/v0.1
//!     signedBy: [{ name: ci, key: { file: keys/ci.pub } }]
//!     maxAge: 30d
//!     conditions: [{ path: /result, equals: PASSED }]
//! ```
//!
//! One attestation by a named signer for which all conditions hold is enough ([`crate::quorum`]). Like a signature, it is by the
//! exact digest of the platform's manifest or its index, and nothing that an unnamed signer states counts. A waiver can accept
//! that it is missing, by the name of the rule.

use std::num::NonZeroU32;

use jiff::Timestamp;
use plimsoll_verify::PredicateType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use self::condition::{Condition, ConditionSpec};
use super::RuleName;
use crate::action::Action;
use crate::authority::{Authority, AuthoritySpec};
use crate::evidence::{AttestationSearch, ImageDigests};
use crate::lint::Lint;
use crate::policy::Policy;
use crate::quorum::{self, Candidate, Quorum, Wanted, WantedType};
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of};
use crate::setting::{Age, Name, Setting, given};

mod condition;

/// What the names of these rules begin with.
pub(crate) const PREFIX: &str = "attestation/";

/// An attestation that images must have.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("required" = ["name", "predicateType", "signedBy"]))]
pub(crate) struct AttestationSpec {
    /// The rule is called `attestation/NAME`.
    pub(crate) name: Name,
    /// The type of the predicate: a URI, or one of the names that `attest --type` takes.
    predicate_type: String,
    /// Who may have signed it.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(crate) signed_by: Setting<Vec<AuthoritySpec>>,
    /// How many entries of `signedBy` must have signed one, each by a different signer. One, when left out.
    #[serde(default)]
    threshold: Setting<NonZeroU32>,
    /// How long ago it may have been signed, by the time that a trusted log or timestamp authority attests. Any time, when left out.
    #[serde(default)]
    max_age: Setting<Age>,
    /// What its predicate must say.
    #[serde(default, deserialize_with = "given")]
    conditions: Vec<ConditionSpec>,
    /// What follows if there is none.
    #[serde(default)]
    action: Setting<Action>,
}

/// The rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttestationRule {
    name: RuleName,
    #[serde(serialize_with = "written")]
    predicate_type: PredicateType,
    pub(crate) signed_by: Vec<Authority>,
    threshold: NonZeroU32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<Age>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Action::is_deny")]
    action: Action,
    #[serde(skip)]
    path: String,
    #[serde(skip)]
    about: String,
    #[serde(skip)]
    list: String,
}

fn written<S: Serializer>(kind: &PredicateType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name().unwrap_or_else(|| kind.uri()))
}

impl AttestationSpec {
    /// The rule, or where in `path` something is wrong, and what. The caller reads the keys of `signedBy`, and knows how many
    /// of them are different.
    pub(crate) fn resolve(
        self,
        path: &str,
        signed_by: Vec<Authority>,
        distinct: usize,
    ) -> Result<AttestationRule, (String, String)> {
        let predicate_type: PredicateType = self
            .predicate_type
            .parse()
            .map_err(|error: plimsoll_verify::Error| (format!("{path}.predicateType"), error.to_string()))?;
        let list = format!("{path}.signedBy");
        if signed_by.is_empty() {
            return Err((list, "names no signer, expected at least one".to_owned()));
        }
        let threshold = self.threshold.or(NonZeroU32::MIN);
        if threshold.get() as usize > distinct {
            let reason =
                format!("got threshold {threshold} with only {distinct} distinct keys and identities");
            return Err((format!("{path}.threshold"), reason));
        }
        let mut conditions = Vec::new();
        for (index, condition) in self.conditions.into_iter().enumerate() {
            let condition = condition.resolve();
            conditions.push(condition.map_err(|reason| (format!("{path}.conditions[{index}]"), reason))?);
        }
        Ok(AttestationRule {
            name: RuleName::of_policy(PREFIX, &self.name),
            about: format!("It has the attestation {}.", self.name.0),
            predicate_type,
            signed_by,
            threshold,
            max_age: self.max_age.into_option(),
            conditions,
            action: self.action.or_default(),
            path: path.to_owned(),
            list,
        })
    }
}

impl AttestationRule {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            kind: WantedType::Of(&self.predicate_type),
            signed_by: &self.signed_by,
            list: &self.list,
            threshold: self.threshold.get() as usize,
            max_age: self.max_age,
            reads_predicate: !self.conditions.is_empty(),
        }
    }

    /// Which of the attestations that were found count.
    fn quorum<'p>(&'p self, found: &AttestationSearch, digests: &ImageDigests, now: Timestamp) -> Quorum<'p> {
        let accepts = |it: &Candidate<'_>| self.accepts(&it.statement.value().predicate, now);
        Quorum::new(found, self.wanted(), digests, now, &accepts)
    }

    /// Whether the content of a statement is accepted: until when, or why not.
    fn accepts(&self, predicate: &Value, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let mut until = None;
        for condition in &self.conditions {
            until = [until, condition.holds(predicate, now)?].into_iter().flatten().min();
        }
        Ok(until)
    }
}

impl Rule for AttestationRule {
    fn name(&self) -> RuleName {
        self.name.clone()
    }

    fn about(&self) -> &str {
        &self.about
    }

    fn section(&self) -> &'static str {
        "spec.attestations"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs { attestations: true, ..Needs::default() }
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn attestations<'a>(&'a self, _: &'a Policy) -> Option<Wanted<'a>> {
        Some(self.wanted())
    }

    fn has_enough(
        &self,
        _: &Policy,
        found: &AttestationSearch,
        digests: &ImageDigests,
        now: Timestamp,
    ) -> bool {
        self.quorum(found, digests, now).is_reached()
    }

    fn lint(&self, policy: &Policy, now: Timestamp, lint: &mut Lint) {
        lint.authorities(&self.list, &self.signed_by, now);
        lint.action(&format!("{}.action", self.path), self.action, policy.phase);
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let kind = self.predicate_type.name().unwrap_or_else(|| self.predicate_type.uri());
        let what = format!("attestation of type {kind}");
        let effect = effect_of(self.action);
        let counted =
            |found: &AttestationSearch, digests: &ImageDigests| self.quorum(found, digests, context.now);
        quorum::answer(context, self.name.clone(), effect, &what, counted).or_waived(context)
    }
}
