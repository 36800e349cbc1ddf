//! The rules, one file each. A rule looks at the case and answers with an outcome, the reason, and how long that holds.

pub(crate) mod coverage;
pub(crate) mod deny;
pub(crate) mod digest;
pub(crate) mod registries;
pub(crate) mod sbom;
pub(crate) mod signatures;
pub(crate) mod vulnerabilities;

use jiff::Timestamp;

use crate::detail::Detail;
use crate::evaluate::Case;
use crate::setting::Level;
use crate::spec::OnUnknown;
use crate::verdict::{Effect, EvidenceRecord, Outcome, Rule, RuleResult, earliest};

/// A rule's answer.
pub(crate) struct Judged {
    pub(crate) result: RuleResult,
    /// When the answer may change.
    pub(crate) until: Option<Timestamp>,
    /// Evidence that was used and is not part of the case's own: waivers' bundles.
    pub(crate) evidence: Vec<EvidenceRecord>,
}

impl Judged {
    pub(crate) fn new(rule: Rule, outcome: Outcome, effect: Effect, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let result = RuleResult {
            rule,
            outcome,
            effect,
            reason,
            hint: None,
            details: Vec::new(),
            waivers: Vec::new(),
        };
        Self { result, until: None, evidence: Vec::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.result.hint = Some(hint.into());
        self
    }

    pub(crate) fn details(mut self, details: Vec<Detail>) -> Self {
        self.result.details = details;
        self
    }

    /// Replaces a fail by waived where a waiver for the whole rule covers it; lists those that do not.
    pub(crate) fn or_waived(mut self, case: &Case<'_>) -> Self {
        if self.result.outcome != Outcome::Fail {
            return self;
        }
        for standing in case.docket.of(self.result.rule) {
            match case.docket.covers(standing, Some(Level::Low)) {
                Ok(approval) => {
                    self.result.outcome = Outcome::Waived;
                    self.until = earliest([self.until, approval.until()]);
                    self.evidence.extend(standing.evidence());
                    self.result.waivers.push(standing.record(true, approval.reason()));
                }
                Err(refusal) => self.result.waivers.push(standing.record(false, refusal)),
            }
        }
        if self.result.outcome == Outcome::Waived {
            let names: Vec<&str> =
                self.result.waivers.iter().filter(|w| w.used).map(|w| w.name.as_str()).collect();
            self.result.reason = format!("{}; waived by {}", self.result.reason, names.join(", "));
        }
        self
    }
}

/// The effect of a rule that can be switched to reporting.
fn effect(required: bool) -> Effect {
    if required { Effect::Block } else { Effect::Report }
}

/// The effect of an unknown outcome where the policy may relax it.
fn effect_of_unknown(required: bool, on_unknown: OnUnknown) -> Effect {
    effect(required && on_unknown == OnUnknown::Block)
}

/// `1 finding`, `3 findings`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
