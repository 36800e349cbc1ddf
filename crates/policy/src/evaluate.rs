//! The only place that decides: policies, evidence, waivers, deny lists and a time in, a verdict out.
//!
//! Pure: no disk, no network, and no clock but that of [`Cancel`], which ends the work and changes no verdict. The same
//! inputs give the same verdict everywhere.
//!
//! - Precedence is deny over indeterminate over allow; each rule contributes its [`RuleResult::decision`].
//! - Every policy that matches is applied, and the worst decision counts. An image that no policy applies to
//!   is denied; of the other rules, only deny lists are applied to it.
//! - If evidence that a rule needs is missing, the rule is unknown, never passed and never "not applicable".

use std::cell::OnceCell;

use jiff::Timestamp;
use plimsoll_core::{Cancel, Stopped};

use crate::applicable::ApplicableWaivers;
use crate::deny::DenyList;
use crate::evidence::{Evidence, InventorySource, SbomFacts, VulnerabilityFacts};
use crate::rule::{Answer, Context, Role};
use crate::set::{PolicySet, label};
use crate::verdict::{
    DatabaseRecord, Decision, EvidenceRecord, Outcome, PlatformVerdict, PolicyRef, RuleResult, SubjectRecord,
    VERDICT_V1, Verdict, earliest, reasons,
};
use crate::waiver::Waiver;

/// Judges one platform of one subject by every policy that applies to it. [`Verdict::combine`] merges the verdicts of
/// several platforms.
pub fn evaluate(
    policies: &PolicySet,
    evidence: &Evidence,
    waivers: &[Waiver],
    denials: &DenyList,
    now: Timestamp,
) -> Verdict {
    answered(policies, evidence, waivers, denials, now, &Cancel::never())
}

/// The same, until `cancel` stops it: an image may have a million findings, and each is compared with each waiver.
pub fn evaluate_until(
    policies: &PolicySet,
    evidence: &Evidence,
    waivers: &[Waiver],
    denials: &DenyList,
    now: Timestamp,
    cancel: &Cancel,
) -> Result<Verdict, Stopped> {
    cancel.check()?;
    let verdict = answered(policies, evidence, waivers, denials, now, cancel);
    // What was cut short is no verdict. A token that has stopped something stays stopped.
    cancel.check()?;
    Ok(verdict)
}

/// The verdict. If `cancel` stops it, rules end early, and what they say is worth nothing.
fn answered(
    policies: &PolicySet,
    evidence: &Evidence,
    waivers: &[Waiver],
    denials: &DenyList,
    now: Timestamp,
    cancel: &Cancel,
) -> Verdict {
    let name = evidence.subject.repository.as_deref();
    let in_question = policies.in_question(name);
    let none_matches = in_question.iter().all(|policy| policy.matches(name) == Some(false));
    // If none applies, the first one reports this for all.
    let asked = if none_matches { in_question.get(..1) } else { in_question.get(..) }.unwrap_or_default();
    let mut answers = Vec::new();
    for (index, policy) in asked.iter().enumerate() {
        let waivers = ApplicableWaivers::new(policy, waivers, &evidence.subject, now);
        let context = Context {
            policy,
            policies: &in_question,
            evidence,
            waivers: &waivers,
            denials,
            now,
            cancel,
            document: OnceCell::new(),
        };
        let label = (asked.len() > 1).then(|| label(policy, asked));
        answers.extend(answers_under(&context, index == 0, label.as_deref()));
    }

    let valid_until = earliest(answers.iter().map(|answer| answer.until));
    let mut records = records(evidence);
    records.extend(answers.iter().flat_map(|answer| answer.evidence.iter().cloned()));
    records.sort_by(|a, b| (&a.kind, a.digest).cmp(&(&b.kind, b.digest)));
    records.dedup();
    let rules: Vec<RuleResult> = answers.into_iter().map(|answer| answer.result).collect();
    let decision = rules.iter().map(RuleResult::decision).max().unwrap_or(Decision::Deny);
    let subject = &evidence.subject;
    let platforms = vec![PlatformVerdict {
        platform: subject.platform.as_ref().map(ToString::to_string),
        subject: SubjectRecord {
            kind: subject.kind,
            repository: subject.repository.clone(),
            tag: subject.tag.clone(),
            digests: subject.digests.clone(),
        },
        decision,
        valid_until,
        rules,
        database: database(evidence),
        evidence: records,
    }];
    Verdict {
        schema_version: VERDICT_V1,
        decision,
        reasons: reasons(&platforms, decision),
        requested: subject.requested.clone(),
        evaluated_at: now,
        valid_until,
        policy: match in_question.as_slice() {
            [policy] => Some(PolicyRef::from(*policy)),
            _ => None,
        },
        policies: match in_question.as_slice() {
            [_] => Vec::new(),
            several => several.iter().map(|policy| PolicyRef::from(*policy)).collect(),
        },
        deny_lists: denials.documents.clone(),
        platforms,
    }
}

/// The answers of one policy's rules. Rules that are evaluated once for all policies are evaluated with the
/// first.
fn answers_under(context: &Context<'_>, first: bool, label: Option<&str>) -> Vec<Answer> {
    let (mut answers, mut applies) = (Vec::new(), true);
    for rule in context.policy.rules() {
        let mut answer = match rule.role() {
            Role::Always if !first => continue,
            Role::Requirement if !applies => Answer::not_asked(rule.name()),
            Role::Always | Role::Gate | Role::Requirement => rule.evaluate(context),
        };
        if rule.role() == Role::Gate {
            applies &= answer.result.outcome == Outcome::Pass;
        }
        if rule.role() != Role::Always {
            answer.result.policy = label.map(str::to_owned);
        }
        answers.push(answer);
    }
    answers
}

fn records(evidence: &Evidence) -> Vec<EvidenceRecord> {
    let mut records = Vec::new();
    for found in evidence.signatures.collected() {
        let root = found.root.map(|digest| EvidenceRecord { kind: "trusted-root".to_owned(), digest });
        records.extend(root);
        records.extend(found.verified.iter().map(|statement| {
            let kind = if statement.value().is_signature() { "signature" } else { "statement" };
            EvidenceRecord { kind: kind.to_owned(), digest: *statement.bundle() }
        }));
    }
    if let (VulnerabilityFacts::Scanned(_), Some(digest)) =
        (&evidence.vulnerabilities, evidence.database.list)
    {
        records.push(EvidenceRecord { kind: "database".to_owned(), digest });
    }
    if let SbomFacts::Inventory { digest: Some(digest), .. } = &evidence.sbom {
        records.push(EvidenceRecord { kind: "sbom".to_owned(), digest: *digest });
    }
    if let SbomFacts::Inventory { source: InventorySource::Attested(attestation), .. } = &evidence.sbom {
        records.push(EvidenceRecord { kind: "attested-sbom".to_owned(), digest: attestation.bundle });
    }
    records
}

fn database(evidence: &Evidence) -> Vec<DatabaseRecord> {
    let VulnerabilityFacts::Scanned(scan) = &evidence.vulnerabilities else { return Vec::new() };
    let record = |feed: &plimsoll_vuln::FeedStatus| DatabaseRecord {
        ecosystem: feed.ecosystem.clone(),
        publisher: feed.publisher.clone(),
        as_of: feed.as_of,
        digest: feed.file_digest,
    };
    scan.database.iter().map(record).collect()
}
