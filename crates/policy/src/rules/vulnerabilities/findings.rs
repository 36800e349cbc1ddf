//! The result for each finding: whether it blocks, is waived, or is undecided because it has no rating.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use plimsoll_vuln::{Class, Finding, Fix, Scan, Severity};

use super::{NAME, UnratedAs, VulnerabilityPolicy};
use crate::applicable::{ApplicableWaiver, Approval};
use crate::detail::{Detail, Disposition, FindingRecord, LocationRecord};
use crate::rule::Context;
use crate::setting::Level;
use crate::verdict::{EvidenceRecord, WaiverUse, earliest};
use crate::waiver::Waiver;

/// What a finding counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CountedAs {
    Harmless,
    Level(Level),
    Unknown,
}

fn weight(severity: Severity, policy: &VulnerabilityPolicy) -> CountedAs {
    match severity {
        Severity::None => CountedAs::Harmless,
        Severity::Low => CountedAs::Level(Level::Low),
        Severity::Medium => CountedAs::Level(Level::Medium),
        Severity::High => CountedAs::Level(Level::High),
        Severity::Critical => CountedAs::Level(Level::Critical),
        Severity::Unrated => match policy.unrated_as {
            UnratedAs::Low => CountedAs::Level(Level::Low),
            UnratedAs::Medium => CountedAs::Level(Level::Medium),
            UnratedAs::High => CountedAs::Level(Level::High),
            UnratedAs::Critical => CountedAs::Level(Level::Critical),
            UnratedAs::Unknown => CountedAs::Unknown,
        },
    }
}

/// The findings, sorted by result.
pub(super) struct SortedFindings {
    /// The relevant findings, the worst first.
    pub(super) records: Vec<FindingRecord>,
    pub(super) counts: Detail,
    pub(super) waivers: Vec<WaiverUse>,
    pub(super) waiver_evidence: Vec<EvidenceRecord>,
    pub(super) until: Option<Timestamp>,
}

impl SortedFindings {
    pub(super) fn new(scan: &Scan, context: &Context<'_>) -> Self {
        let (policy, waivers) = (&context.policy.vulnerabilities, context.waivers);
        let applicable: Vec<&ApplicableWaiver> = waivers.for_rule(&NAME).collect();
        let mut ledger: Vec<WaiverEffect> = applicable.iter().map(|_| WaiverEffect::default()).collect();
        let mut by_severity = BTreeMap::new();
        let (mut unfixed_ignored, mut not_linked_ignored, mut until) = (0, 0, None);
        let mut records = Vec::new();
        for finding in context.while_awaited(&scan.findings) {
            *by_severity.entry(severity_word(finding).to_owned()).or_insert(0) += 1;
            let is_malicious = finding.class == Class::Malicious;
            let weight = weight(finding.severity, policy);
            let (level, disposition) = match weight {
                // Whatever the policy says of vulnerabilities: the package was made to do harm.
                _ if is_malicious => (Some(Level::Critical), Disposition::Blocks),
                CountedAs::Level(level) if policy.blocks(level) => (Some(level), Disposition::Blocks),
                CountedAs::Unknown if !policy.block.is_empty() => (None, Disposition::Unrated),
                CountedAs::Harmless | CountedAs::Level(_) | CountedAs::Unknown => continue,
            };
            // "Unknown" does not mean that there is no fix.
            if policy.ignore_unfixed && !is_malicious && matches!(finding.fix, Fix::NotFixed | Fix::WontFix) {
                unfixed_ignored += 1;
                continue;
            }
            if policy.ignore_not_linked && !is_malicious && finding.linked == Some(false) {
                not_linked_ignored += 1;
                continue;
            }
            let mut waived_by = Vec::new();
            for (waiver, entry) in applicable.iter().zip(&mut ledger) {
                let covered = match names(&waiver.waiver, finding) {
                    WaiverMatch::No => continue,
                    WaiverMatch::Partly(reason) => Err(reason),
                    WaiverMatch::Yes => waivers
                        .covers(waiver, level)
                        .and_then(|approval| enough(approval, finding, &waiver.waiver.name)),
                };
                match covered {
                    Ok(approval) => {
                        until = earliest([until, approval.until()]);
                        entry.covers(&finding.id, approval.reason());
                        waived_by.push(waiver.waiver.name.clone());
                    }
                    Err(refusal) => entry.refused.add(&refusal),
                }
            }
            let disposition = if waived_by.is_empty() { disposition } else { Disposition::Waived };
            records.push(record(finding, level, disposition, waived_by));
        }
        records.sort_by(|a, b| {
            b.counted_as.cmp(&a.counted_as).then_with(|| (&a.id, &a.component).cmp(&(&b.id, &b.component)))
        });
        let used = applicable.iter().zip(&ledger).filter(|(_, entry)| !entry.covered.texts.is_empty());
        Self {
            records,
            counts: Detail::Findings {
                by_severity,
                unfixed_ignored,
                not_linked_ignored,
                suppressed: scan.suppressed.len(),
            },
            waiver_evidence: used.flat_map(|(waiver, _)| waiver.evidence()).collect(),
            waivers: applicable
                .iter()
                .zip(ledger)
                .filter_map(|(waiver, entry)| entry.close(waiver))
                .collect(),
            until,
        }
    }

    pub(super) fn with(&self, disposition: Disposition) -> Vec<&FindingRecord> {
        self.records.iter().filter(|record| record.disposition == disposition).collect()
    }
}

impl VulnerabilityPolicy {
    /// Whether findings of this level block: everything from the lowest listed upwards.
    fn blocks(&self, level: Level) -> bool {
        self.block.first().is_some_and(|lowest| level >= *lowest)
    }
}

/// How many people have to accept a malicious package.
const MALICIOUS_APPROVERS: usize = 2;

/// The approval, if it is enough for this class of finding.
fn enough<'a>(approval: &'a Approval, finding: &Finding, waiver: &str) -> Result<&'a Approval, String> {
    let approvers: HashSet<String> = approval.names().into_iter().collect();
    if finding.class == Class::Malicious && approvers.len() < MALICIOUS_APPROVERS {
        let got = approvers.len();
        return Err(format!(
            "waiver {waiver} has {got} of the {MALICIOUS_APPROVERS} approvers that a malicious package needs"
        ));
    }
    Ok(approval)
}

/// The severity as it is shown.
fn severity_word(finding: &Finding) -> &'static str {
    if finding.class == Class::Malicious { "malicious" } else { finding.severity.name() }
}

/// The effect of one waiver on the findings.
#[derive(Default)]
struct WaiverEffect {
    covered: InOrder,
    approval: String,
    refused: InOrder,
}

/// Texts in the order in which they came, each once.
#[derive(Default)]
struct InOrder {
    texts: Vec<String>,
    known: HashSet<String>,
}

impl InOrder {
    fn add(&mut self, text: &str) {
        if !self.known.contains(text) {
            self.known.insert(text.to_owned());
            self.texts.push(text.to_owned());
        }
    }
}

impl WaiverEffect {
    fn covers(&mut self, id: &str, approval: String) {
        self.approval = approval;
        self.covered.add(id);
    }

    /// The entry for the verdict; `None` for a waiver that names none of the findings.
    fn close(self, waiver: &ApplicableWaiver) -> Option<WaiverUse> {
        let used = !self.covered.texts.is_empty();
        let mut reasons = self.refused.texts;
        if used {
            reasons.insert(0, format!("covers {}; {}", self.covered.texts.join(", "), self.approval));
        }
        (!reasons.is_empty()).then(|| waiver.record(used, reasons.join("; ")))
    }
}

enum WaiverMatch {
    Yes,
    No,
    Partly(String),
}

/// Whether the waiver names the finding: all of its CVEs, each by itself or by an advisory that names it. One advisory may cover
/// several CVEs; accepting one of them does not accept the others, and neither does accepting another advisory.
fn names(waiver: &Waiver, finding: &Finding) -> WaiverMatch {
    let named = &waiver.terms.cves;
    let cves: Vec<&String> = [&finding.id, &finding.advisory]
        .into_iter()
        .chain(&finding.aliases)
        .filter(|id| id.starts_with("CVE-"))
        .collect();
    if cves.is_empty() {
        let known =
            [&finding.id, &finding.advisory].into_iter().chain(&finding.aliases).any(|id| named.contains(id));
        return if known { WaiverMatch::Yes } else { WaiverMatch::No };
    }
    // Other advisories about the same vulnerability may name more CVEs, which the signer of the waiver never saw.
    let advisories = finding.named_by.iter().filter(|(advisory, _)| named.contains(*advisory));
    let accepted: HashSet<&String> = advisories.flat_map(|(_, cves)| cves).chain(named).collect();
    let is_advisory_named = finding.named_by.keys().chain([&finding.advisory]).any(|id| named.contains(id));
    match cves.iter().find(|cve| !accepted.contains(**cve)) {
        None => WaiverMatch::Yes,
        Some(_) if !is_advisory_named && !cves.iter().any(|cve| accepted.contains(*cve)) => WaiverMatch::No,
        Some(missing) => {
            let name = &waiver.name;
            WaiverMatch::Partly(format!(
                "waiver {name} does not name {missing}, which {} also covers",
                finding.id
            ))
        }
    }
}

fn record(
    finding: &Finding,
    level: Option<Level>,
    disposition: Disposition,
    waived_by: Vec<String>,
) -> FindingRecord {
    FindingRecord {
        id: finding.id.clone(),
        advisory: finding.advisory.clone(),
        aliases: finding.aliases.to_vec(),
        component: finding.component.to_string(),
        package: finding.package.clone(),
        version: finding.version.clone(),
        severity: severity_word(finding).to_owned(),
        counted_as: level,
        fixed_in: match &finding.fix {
            Fix::Fixed(versions) => versions.clone(),
            Fix::NotFixed | Fix::WontFix | Fix::Unknown => Vec::new(),
        },
        summary: finding.summary.to_string(),
        locations: finding
            .locations
            .iter()
            .map(|location| LocationRecord { path: location.path.clone(), layer: location.layer })
            .collect(),
        disposition,
        waived_by,
    }
}
