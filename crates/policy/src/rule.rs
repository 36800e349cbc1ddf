//! What a rule is: what it needs, what weakens it, and its answer.

use std::cell::OnceCell;

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::Cancel;
use serde_json::Value;

use crate::action::Action;
use crate::applicable::ApplicableWaivers;
use crate::deny::DenyList;
use crate::detail::Detail;
use crate::document::document;
use crate::evidence::{
    AttestationSearch, Evidence, ImageConfiguration, ImageDigests, InventorySource, Narrowed,
    SbomAttestation, SbomFacts,
};
use crate::lint::Lint;
use crate::policy::Policy;
use crate::quorum::Wanted;
use crate::rules::RuleName;
use crate::rules::sbom::Attester;
use crate::setting::{Level, OnUnknown};
use crate::verdict::{Effect, EvidenceRecord, Outcome, RuleResult, earliest};

/// A rule.
pub(crate) trait Rule: Sync {
    /// The stable name.
    fn name(&self) -> RuleName;

    /// What is true if it passes, in one line.
    fn about(&self) -> &str;

    /// The part of the policy document that it reads, as in `spec.signatures`.
    fn section(&self) -> &'static str;

    /// The evidence that it needs under this policy.
    fn needs(&self, policy: &Policy) -> Needs;

    /// The attestations that it asks for.
    fn attestations<'a>(&'a self, _policy: &'a Policy) -> Option<Wanted<'a>> {
        None
    }

    /// Whether these attestations are enough, so that no other place must be searched.
    fn has_enough(
        &self,
        _policy: &Policy,
        _found: &AttestationSearch,
        _digests: &ImageDigests,
        _now: Timestamp,
    ) -> bool {
        true
    }

    /// What a waiver can accept of it.
    fn waivable(&self) -> Waivable {
        Waivable::Nothing
    }

    /// Its role among the rules.
    fn role(&self) -> Role {
        Role::Requirement
    }

    /// Finds parts of the policy that weaken it or are probably mistakes.
    fn lint(&self, _policy: &Policy, _now: Timestamp, _lint: &mut Lint) {}

    /// Its answer to the evidence.
    fn evaluate(&self, context: &Context<'_>) -> Answer;
}

/// What a waiver can accept of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waivable {
    Nothing,
    /// Its failure as a whole.
    Failure,
    /// Single findings, by name.
    Findings,
}

/// The role of a rule among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Evaluated once for all policies together, regardless of other rules.
    Always,
    /// Its policy's requirements are only evaluated if it passes.
    Gate,
    /// A requirement of its policy.
    Requirement,
}

/// The evidence that rules need. Other evidence is not gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Signatures by the signers that each policy names.
    pub signatures: bool,
    /// Attestations of the types and by the signers that each policy names.
    pub attestations: bool,
    /// The inventory.
    pub inventory: bool,
    /// Findings, from advisory data that is no older than this.
    pub findings: Option<SignedDuration>,
}

impl Needs {
    /// The needs of both; of two ages, the shorter.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            signatures: self.signatures || other.signatures,
            attestations: self.attestations || other.attestations,
            inventory: self.inventory || other.inventory,
            findings: [self.findings, other.findings].into_iter().flatten().min(),
        }
    }
}

/// Everything that a rule may use.
pub(crate) struct Context<'a> {
    pub(crate) policy: &'a Policy,
    /// All policies that may apply, including `policy`.
    pub(crate) policies: &'a [&'a Policy],
    pub(crate) evidence: &'a Evidence,
    pub(crate) waivers: &'a ApplicableWaivers,
    pub(crate) denials: &'a DenyList,
    pub(crate) now: Timestamp,
    pub(crate) cancel: &'a Cancel,
    /// The evidence as a document, made when the first rule asks for it.
    pub(crate) document: OnceCell<Value>,
}

impl Context<'_> {
    /// `items`, until the work is stopped. Then the answer counts no more, and may be made of a part.
    pub(crate) fn while_awaited<'i, T>(&'i self, items: &'i [T]) -> impl Iterator<Item = &'i T> {
        items.iter().take_while(|_| self.cancel.check().is_ok())
    }
}

impl Context<'_> {
    /// The attested SBOM that the inventory is from and who attested it, if it is from one; an error if the policy does not
    /// accept it. Every rule that uses the inventory asks.
    pub(crate) fn attested(&self) -> Result<Option<(&SbomAttestation, Attester<'_>)>, String> {
        let SbomFacts::Inventory { source: InventorySource::Attested(attestation), .. } = &self.evidence.sbom
        else {
            return Ok(None);
        };
        let Some(digests) = &self.evidence.subject.digests else {
            return Err(
                "the inventory is from an attested SBOM, but no digest of the image is known".to_owned()
            );
        };
        let attester = attestation.attester(self.policy, &digests.manifest, self.now)?;
        Ok(Some((attestation, attester)))
    }

    /// The evidence as a document, for rules in the words of the policy.
    pub(crate) fn document(&self) -> &Value {
        self.document.get_or_init(|| document(self))
    }

    /// The image's configuration, if the subject is an image that was seen.
    pub(crate) fn configuration(&self) -> Option<&ImageConfiguration> {
        self.evidence.configuration.as_deref()
    }

    /// What is known without the paths that the policy leaves out, if it leaves out any.
    pub(crate) fn narrowed(&self) -> Option<&Narrowed> {
        let exclusions = self.policy.exclusions();
        if exclusions.is_empty() {
            return None;
        }
        self.evidence.narrowed.iter().find(|narrowed| narrowed.exclusions == *exclusions)
    }
}

/// A rule's answer.
pub(crate) struct Answer {
    pub(crate) result: RuleResult,
    /// When the answer may change.
    pub(crate) until: Option<Timestamp>,
    /// Evidence in addition to the gathered evidence: the bundles of waivers.
    pub(crate) evidence: Vec<EvidenceRecord>,
}

impl Answer {
    pub(crate) fn new(rule: RuleName, outcome: Outcome, effect: Effect, reason: impl Into<String>) -> Self {
        let result = RuleResult {
            rule,
            policy: None,
            outcome,
            effect,
            reason: reason.into(),
            hint: None,
            details: Vec::new(),
            waivers: Vec::new(),
        };
        Self { result, until: None, evidence: Vec::new() }
    }

    /// The answer of a rule that no policy uses.
    pub(crate) fn not_asked(rule: RuleName) -> Self {
        Self::new(rule, Outcome::NotApplicable, Effect::Report, "no policy asks for it")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.result.hint = Some(hint.into());
        self
    }

    pub(crate) fn details(mut self, details: Vec<Detail>) -> Self {
        self.result.details = details;
        self
    }

    /// Turns a fail into waived if a waiver for the whole rule covers it; lists the waivers that do not.
    pub(crate) fn or_waived(mut self, context: &Context<'_>) -> Self {
        if self.result.outcome != Outcome::Fail {
            return self;
        }
        for waiver in context.waivers.for_rule(&self.result.rule) {
            match context.waivers.covers(waiver, Some(Level::Low)) {
                Ok(approval) => {
                    self.result.outcome = Outcome::Waived;
                    self.until = earliest([self.until, approval.until()]);
                    self.evidence.extend(waiver.evidence());
                    self.result.waivers.push(waiver.record(true, approval.reason()));
                }
                Err(refusal) => self.result.waivers.push(waiver.record(false, refusal)),
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
pub(crate) fn effect(required: bool) -> Effect {
    if required { Effect::Block } else { Effect::Report }
}

/// The effect of a rule that a policy gives an action.
pub(crate) fn effect_of(action: Action) -> Effect {
    match action {
        Action::Deny => Effect::Block,
        Action::Warn => Effect::Warn,
        Action::Audit => Effect::Report,
    }
}

/// The effect of an unknown outcome if the policy may relax it.
pub(crate) fn effect_of_unknown(required: bool, on_unknown: OnUnknown) -> Effect {
    effect(required && on_unknown == OnUnknown::Block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{SbomFacts, Signatures, SubjectFacts, SubjectKind, VulnerabilityFacts};

    #[test]
    fn rules_stop_in_the_middle_of_findings_when_nobody_waits() {
        let policy = Policy::builtin();
        let subject = SubjectFacts {
            kind: SubjectKind::File,
            requested: String::new(),
            repository: None,
            tag: None,
            pinned: None,
            digests: None,
            platform: None,
        };
        let waivers = ApplicableWaivers::new(&policy, &[], &subject, Timestamp::UNIX_EPOCH);
        let unavailable = || String::from("nobody asked");
        let evidence = Evidence {
            subject,
            signatures: Signatures::Unavailable { reason: unavailable() }.into(),
            sbom: SbomFacts::Unavailable { reason: unavailable() },
            vulnerabilities: VulnerabilityFacts::Unavailable { reason: unavailable() },
            sbom_search: crate::SbomSearch::default(),
            database: crate::DatabaseFacts::default(),
            vex: crate::VexFacts::default(),
            attestations: crate::AttestationFacts::default(),
            configuration: None,
            narrowed: Vec::new(),
        };
        let cancel = Cancel::never();
        let context = Context {
            policy: &policy,
            policies: &[&policy],
            evidence: &evidence,
            waivers: &waivers,
            denials: &DenyList::none(),
            now: Timestamp::UNIX_EPOCH,
            cancel: &cancel,
            document: OnceCell::new(),
        };
        let mut findings = context.while_awaited(&[1, 2, 3]);
        assert_eq!(findings.next(), Some(&1));
        cancel.cancel();
        assert_eq!(findings.next(), None);
    }

    #[test]
    fn of_two_needs_the_stricter_holds() {
        let hours = |hours| Needs { findings: Some(SignedDuration::from_hours(hours)), ..Needs::default() };
        assert_eq!(hours(24).and(hours(2)), hours(2));
        assert_eq!(hours(24).and(Needs::default()), hours(24));
    }

    #[test]
    fn what_one_of_two_needs_both_need_and_the_shorter_age_counts() {
        let [day, week] = [24, 7 * 24].map(SignedDuration::from_hours);
        let needs =
            |signatures, inventory, findings| Needs { signatures, inventory, findings, ..Needs::default() };
        let attested = Needs { attestations: true, ..Needs::default() };
        assert_eq!(attested.and(Needs::default()), attested);
        assert_eq!(Needs::default().and(attested), attested);
        for (one, other, both) in [
            (needs(true, false, None), needs(false, true, None), needs(true, true, None)),
            (needs(false, false, Some(week)), needs(false, false, Some(day)), needs(false, false, Some(day))),
            (needs(false, false, Some(week)), Needs::default(), needs(false, false, Some(week))),
            (Needs::default(), Needs::default(), Needs::default()),
        ] {
            assert_eq!(one.and(other), both);
            assert_eq!(other.and(one), both);
        }
    }
}
