//! The one place where it is decided: policy, evidence, waivers, deny lists and a time in, a verdict out.
//!
//! Pure: no clock, no disk, no network. The same inputs give the same verdict at every point that asks.
//!
//! - Precedence is deny over indeterminate over allow; each rule's part in it is [`RuleResult::decision`].
//! - An image that the policy is not about is denied, and no other rule of that policy is applied to it. Deny lists are.
//! - Evidence that a rule needs and that is missing makes the rule unknown, never passed and never "not applicable".

use jiff::Timestamp;

use crate::applicable::ApplicableWaivers;
use crate::deny::DenyList;
use crate::evidence::{Evidence, SbomFacts, Signatures, VulnerabilityFacts};
use crate::policy::Policy;
use crate::rules::{Answer, Context, Role};
use crate::verdict::{
    DatabaseRecord, Decision, EvidenceRecord, Outcome, PlatformVerdict, PolicyRef, RuleResult, SubjectRecord,
    VERDICT_V1, Verdict, earliest, reasons,
};
use crate::waiver::Waiver;

/// Judges one platform of one subject. [`Verdict::combine`] makes one verdict of several platforms.
pub fn evaluate(
    policy: &Policy,
    evidence: &Evidence,
    waivers: &[Waiver],
    denials: &DenyList,
    now: Timestamp,
) -> Verdict {
    let waivers = ApplicableWaivers::new(policy, waivers, &evidence.subject, now);
    let context = Context { policy, policies: &[policy], evidence, waivers: &waivers, denials, now };
    let (mut answers, mut applies) = (Vec::new(), true);
    for rule in policy.rules() {
        let answer = match rule.role() {
            Role::Requirement if !applies => Answer::not_asked(rule.name()),
            _ => rule.evaluate(&context),
        };
        applies &= rule.role() != Role::Gate || answer.result.outcome == Outcome::Pass;
        answers.push(answer);
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
        policy: PolicyRef {
            name: policy.name.clone(),
            origin: policy.origin.clone(),
            digest: policy.digest,
            effective_digest: policy.effective,
            phase: policy.phase,
            tier: policy.tier,
        },
        deny_lists: denials.documents.clone(),
        platforms,
    }
}

fn records(evidence: &Evidence) -> Vec<EvidenceRecord> {
    let mut records = Vec::new();
    if let Signatures::Collected(found) = &evidence.signatures {
        let root = found.root.map(|digest| EvidenceRecord { kind: "trusted-root".to_owned(), digest });
        records.extend(root);
        records.extend(found.verified.iter().map(|statement| {
            let kind = if statement.value().is_signature() { "signature" } else { "statement" };
            EvidenceRecord { kind: kind.to_owned(), digest: *statement.bundle() }
        }));
    }
    if let SbomFacts::Inventory { digest: Some(digest), .. } = &evidence.sbom {
        records.push(EvidenceRecord { kind: "sbom".to_owned(), digest: *digest });
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
