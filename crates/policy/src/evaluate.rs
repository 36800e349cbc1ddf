//! The one place where it is decided: policy, evidence, waivers, deny lists and a time in, a verdict out.
//!
//! Pure: no clock, no disk, no network. The same inputs give the same verdict at every point that asks.
//!
//! - Precedence is deny over indeterminate over allow; each rule's part in it is [`RuleResult::decision`].
//! - An image that the policy is not about is denied, and no other rule of that policy is applied to it. Deny lists are.
//! - Evidence that a rule needs and that is missing makes the rule unknown, never passed and never "not applicable".

use jiff::Timestamp;

use crate::deny::DenyList;
use crate::evidence::{Evidence, SbomFacts, Signatures, VulnerabilityFacts};
use crate::policy::Policy;
use crate::rules;
use crate::rules::Judged;
use crate::standing::Docket;
use crate::verdict::{
    DatabaseRecord, Decision, Effect, EvidenceRecord, Outcome, PlatformVerdict, PolicyRef, Rule, RuleResult,
    SubjectRecord, VERDICT_V1, Verdict, earliest, reasons,
};
use crate::waiver::Waiver;

/// Everything that a rule may look at.
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) evidence: &'a Evidence,
    pub(crate) docket: &'a Docket,
    pub(crate) denials: &'a DenyList,
    pub(crate) now: Timestamp,
}

/// Judges one platform of one subject. [`Verdict::combine`] makes one verdict of several platforms.
pub fn evaluate(
    policy: &Policy,
    evidence: &Evidence,
    waivers: &[Waiver],
    denials: &DenyList,
    now: Timestamp,
) -> Verdict {
    let docket = Docket::new(policy, waivers, &evidence.subject, now);
    let case = Case { policy, evidence, docket: &docket, denials, now };

    let mut judged = vec![rules::deny::judge(&case), rules::coverage::judge(&case)];
    let covered = judged.iter().all(|j| j.result.rule != Rule::Policy || j.result.outcome == Outcome::Pass);
    if covered {
        judged.push(rules::digest::judge(&case));
        judged.push(rules::registries::judge(&case));
        judged.push(rules::signatures::judge(&case));
        judged.push(rules::sbom::judge(&case));
        judged.push(rules::vulnerabilities::judge(&case));
    } else {
        judged.extend(
            [Rule::Digest, Rule::Registries, Rule::Signatures, Rule::Sbom, Rule::Vulnerabilities].map(
                |rule| Judged::new(rule, Outcome::NotApplicable, Effect::Report, "no policy asks for it"),
            ),
        );
    }

    let valid_until = earliest(judged.iter().map(|j| j.until));
    let mut records = records(evidence);
    records.extend(judged.iter().flat_map(|j| j.evidence.iter().cloned()));
    records.sort_by(|a, b| (&a.kind, a.digest).cmp(&(&b.kind, b.digest)));
    records.dedup();
    let rules: Vec<RuleResult> = judged.into_iter().map(|j| j.result).collect();
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
