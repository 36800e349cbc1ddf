//! `vulnerabilities`: nothing in the image is known to be too bad, and everything in it could be looked up.
//!
//! A finding blocks from the lowest listed severity upwards, unless a waiver covers it. What is not covered by fresh
//! advisory data makes the rule unknown, but never turns a fail into less: deny goes over indeterminate.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::{Ecosystem, clock};
use plimsoll_vuln::{FeedStatus, Finding, Fix, GapReason, Scan, Severity};

use crate::detail::{Detail, Disposition, FindingRecord, LocationRecord};
use crate::evidence::VulnerabilityFacts;

use super::{Answer, Context, Needs, Rule, RuleName, count, effect_of_unknown};
use crate::setting::{Level, span};

use crate::applicable::{ApplicableWaiver, ApplicableWaivers};
use crate::verdict::{Effect, Outcome, WaiverUse, earliest};
use crate::waiver::Waiver;

/// Findings that a reason names before it only counts.
const NAMED: usize = 3;
use super::{Presets, Waivable};
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::setting::{Age, Setting};
use crate::spec::{OnUnknown, Phase, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VulnerabilitiesSpec {
    /// Severities that block, with everything above the lowest of them. Empty: nothing blocks.
    pub(crate) block: Setting<Vec<Level>>,
    /// What a finding without any rating counts as.
    pub(crate) unrated_as: Setting<UnratedAs>,
    /// How long ago the publisher's data may have been retrieved.
    pub(crate) max_database_age: Setting<Age>,
    /// Whether findings that no fix exists for are left out.
    pub(crate) ignore_unfixed: Setting<bool>,
    pub(crate) on_unknown: Setting<OnUnknown>,
}

/// What a finding that nobody rated counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum UnratedAs {
    /// As low.
    Low,
    /// As medium.
    Medium,
    /// As high.
    High,
    /// As critical.
    Critical,
    /// It makes the rule unknown.
    Unknown,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VulnerabilityPolicy {
    /// As listed. What blocks is everything from the lowest of them upwards: a list that forgets CRITICAL must not let
    /// CRITICAL through.
    pub(crate) block: BTreeSet<Level>,
    pub(crate) unrated_as: UnratedAs,
    pub(crate) max_database_age: Age,
    pub(crate) ignore_unfixed: bool,
    pub(crate) on_unknown: OnUnknown,
}

impl VulnerabilitiesSpec {
    /// What holds, with presets applied.
    pub(crate) fn resolve(self, presets: Presets) -> VulnerabilityPolicy {
        let mut block = BTreeSet::from([Level::Critical]);
        if presets.strict() {
            block.insert(Level::High);
        }
        if presets.phase == Phase::Ga && presets.tier == Tier::Core {
            block.insert(Level::Medium);
        }
        VulnerabilityPolicy {
            block: self.block.into_option().map_or(block, |listed| listed.into_iter().collect()),
            unrated_as: self.unrated_as.or(UnratedAs::High),
            max_database_age: self.max_database_age.or(Age(SignedDuration::from_hours(24))),
            ignore_unfixed: self.ignore_unfixed.or(false),
            on_unknown: self.on_unknown.or(OnUnknown::Block),
        }
    }
}

const NAME: RuleName = RuleName::built_in("vulnerabilities");

/// The rule.
pub(crate) struct NothingTooBad;

impl Rule for NothingTooBad {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "Nothing in it is known to be too bad."
    }

    fn section(&self) -> &'static str {
        "spec.vulnerabilities"
    }

    fn needs(&self, policy: &Policy) -> Needs {
        Needs {
            inventory: true,
            findings: Some(policy.vulnerabilities.max_database_age.0),
            ..Needs::default()
        }
    }

    fn waivable(&self) -> Waivable {
        Waivable::Findings
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        lint.on_unknown("spec.vulnerabilities.onUnknown", policy.vulnerabilities.on_unknown);
        let vulnerabilities = &policy.vulnerabilities;
        let path = "spec.vulnerabilities.block";
        match vulnerabilities.block.first() {
            None => lint.warn(
                Code::NothingBlocks,
                path,
                "no finding blocks, however severe",
                "list critical at least",
            ),
            Some(lowest) => {
                let levels = [Level::Low, Level::Medium, Level::High, Level::Critical];
                let missing =
                    levels.iter().filter(|level| *level > lowest && !vulnerabilities.block.contains(level));
                for level in missing {
                    let message =
                        format!("{level} is not listed and {lowest} is; {level} blocks all the same");
                    lint.error(
                        Code::BlockListGap,
                        path,
                        message,
                        "list every severity from the lowest upwards",
                    );
                }
            }
        }
        if vulnerabilities.ignore_unfixed {
            let message = "a vulnerability is exploited whether there is a fix or not";
            let hint = "waive such findings by name, with controls and an end";
            lint.warn(Code::UnfixedIgnored, "spec.vulnerabilities.ignoreUnfixed", message, hint);
        }
        if matches!(vulnerabilities.unrated_as, UnratedAs::Low | UnratedAs::Medium) {
            let message = "whole ecosystems (Go, AlmaLinux) rate nothing; their findings count as harmless";
            lint.warn(
                Code::UnratedLenient,
                "spec.vulnerabilities.unratedAs",
                message,
                "say high, critical or unknown",
            );
        }
        let age = vulnerabilities.max_database_age.0;
        if age > SignedDuration::from_hours(7 * 24) {
            let message = format!("what was published in the last {} may be missing", span(age));
            lint.warn(
                Code::DatabaseMayBeOld,
                "spec.vulnerabilities.maxDatabaseAge",
                message,
                "24h is the default",
            );
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        evaluate(context)
    }
}

fn evaluate(context: &Context<'_>) -> Answer {
    let policy = &context.policy.vulnerabilities;
    let unknown_effect = effect_of_unknown(true, policy.on_unknown);
    let scan = match &context.evidence.vulnerabilities {
        VulnerabilityFacts::Scanned(scan) => scan,
        VulnerabilityFacts::Unavailable { reason } => {
            let reason = format!("there was no scan: {reason}");
            return Answer::new(NAME, Outcome::Unknown, unknown_effect, reason).hint(BUILD_DATABASE);
        }
    };
    let sorted = Sorted::new(scan, policy, context.waivers);
    let gaps = gaps(scan, policy, context.now);

    let blocking = sorted.with(Disposition::Blocks);
    let unrated = sorted.with(Disposition::Unrated);
    let waived = sorted.with(Disposition::Waived);
    let (outcome, effect) = match (blocking.is_empty(), gaps.is_empty() && unrated.is_empty()) {
        (false, _) => (Outcome::Fail, Effect::Block),
        (true, false) => (Outcome::Unknown, unknown_effect),
        (true, true) if !waived.is_empty() => (Outcome::Waived, Effect::Block),
        (true, true) => (Outcome::Pass, Effect::Block),
    };
    let mut reason = reason(policy, &blocking, &unrated, &waived, &gaps, scan.findings.len());
    if outcome == Outcome::Fail
        && let Some(refused) = sorted.waivers.iter().find(|waiver| !waiver.used)
    {
        reason = format!("{reason}; {}", refused.reason);
    }
    let hint = match outcome {
        Outcome::Fail => blocking.first().map(|finding| hint(finding)),
        Outcome::Unknown if gaps.iter().any(|gap| gap.fresh_feed_helps) => Some(BUILD_DATABASE.to_owned()),
        Outcome::Unknown if gaps.is_empty() => {
            Some("say what unrated counts as: spec.vulnerabilities.unratedAs".to_owned())
        }
        Outcome::Unknown => Some("plimsoll scan SUBJECT shows what was not covered".to_owned()),
        _ => None,
    };

    let fresh_until = scan.database.iter().map(|feed| feed.as_of.checked_add(policy.max_database_age.0).ok());
    let fresh_until = earliest(fresh_until.filter(|end| end.is_some_and(|end| end >= context.now)));
    let mut judged = Answer::new(NAME, outcome, effect, reason);
    judged.until = earliest([fresh_until, sorted.until]);
    judged.evidence = sorted.waiver_evidence;
    judged.result.hint = hint;
    judged.result.waivers = sorted.waivers;
    judged.result.details.push(sorted.counts);
    judged.result.details.extend(sorted.records.into_iter().map(|record| Detail::Finding(Box::new(record))));
    judged.result.details.extend(gaps.into_iter().map(|gap| gap.detail));
    judged
}

const BUILD_DATABASE: &str = "plimsoll db build --from DIR --as-of TIME --db DIR";

/// What a finding counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Harmless,
    Level(Level),
    Unknown,
}

fn weight(severity: Severity, policy: &VulnerabilityPolicy) -> Weight {
    match severity {
        Severity::None => Weight::Harmless,
        Severity::Low => Weight::Level(Level::Low),
        Severity::Medium => Weight::Level(Level::Medium),
        Severity::High => Weight::Level(Level::High),
        Severity::Critical => Weight::Level(Level::Critical),
        Severity::Unrated => match policy.unrated_as {
            UnratedAs::Low => Weight::Level(Level::Low),
            UnratedAs::Medium => Weight::Level(Level::Medium),
            UnratedAs::High => Weight::Level(Level::High),
            UnratedAs::Critical => Weight::Level(Level::Critical),
            UnratedAs::Unknown => Weight::Unknown,
        },
    }
}

/// The findings by what becomes of them.
struct Sorted {
    /// Those that matter, the worst first.
    records: Vec<FindingRecord>,
    counts: Detail,
    waivers: Vec<WaiverUse>,
    waiver_evidence: Vec<crate::verdict::EvidenceRecord>,
    until: Option<Timestamp>,
}

impl Sorted {
    fn new(scan: &Scan, policy: &VulnerabilityPolicy, waivers: &ApplicableWaivers) -> Self {
        let applicable: Vec<&ApplicableWaiver> = waivers.for_rule(&NAME).collect();
        let mut ledger: Vec<Ledger> = applicable.iter().map(|_| Ledger::default()).collect();
        let mut by_severity = BTreeMap::new();
        let (mut unfixed_ignored, mut until) = (0, None);
        let mut records = Vec::new();
        for finding in &scan.findings {
            *by_severity.entry(finding.severity.name().to_owned()).or_insert(0) += 1;
            let weight = weight(finding.severity, policy);
            let (level, disposition) = match weight {
                Weight::Level(level) if policy.blocks(level) => (Some(level), Disposition::Blocks),
                Weight::Unknown if !policy.block.is_empty() => (None, Disposition::Unrated),
                Weight::Harmless | Weight::Level(_) | Weight::Unknown => continue,
            };
            // "Unknown" does not say that there is no fix.
            if policy.ignore_unfixed && matches!(finding.fix, Fix::NotFixed | Fix::WontFix) {
                unfixed_ignored += 1;
                continue;
            }
            let mut waived_by = Vec::new();
            for (waiver, entry) in applicable.iter().zip(&mut ledger) {
                let covered = match names(&waiver.waiver, finding) {
                    Naming::No => continue,
                    Naming::Partly(reason) => Err(reason),
                    Naming::Yes => waivers.covers(waiver, level),
                };
                match covered {
                    Ok(approval) => {
                        until = earliest([until, approval.until()]);
                        entry.covers(&finding.id, approval.reason());
                        waived_by.push(waiver.waiver.name.clone());
                    }
                    Err(refusal) => entry.refuses(refusal),
                }
            }
            let disposition = if waived_by.is_empty() { disposition } else { Disposition::Waived };
            records.push(record(finding, level, disposition, waived_by));
        }
        records.sort_by(|a, b| {
            b.counted_as.cmp(&a.counted_as).then_with(|| (&a.id, &a.component).cmp(&(&b.id, &b.component)))
        });
        let used = applicable.iter().zip(&ledger).filter(|(_, entry)| !entry.covered.is_empty());
        Self {
            records,
            counts: Detail::Findings { by_severity, unfixed_ignored, suppressed: scan.suppressed.len() },
            waiver_evidence: used.flat_map(|(waiver, _)| waiver.evidence()).collect(),
            waivers: applicable
                .iter()
                .zip(ledger)
                .filter_map(|(waiver, entry)| entry.close(waiver))
                .collect(),
            until,
        }
    }

    fn with(&self, disposition: Disposition) -> Vec<&FindingRecord> {
        self.records.iter().filter(|record| record.disposition == disposition).collect()
    }
}

impl VulnerabilityPolicy {
    /// Whether findings of this level block: everything from the lowest listed upwards.
    fn blocks(&self, level: Level) -> bool {
        self.block.first().is_some_and(|lowest| level >= *lowest)
    }
}

/// What one waiver did for the findings.
#[derive(Default)]
struct Ledger {
    covered: Vec<String>,
    approval: String,
    refused: Vec<String>,
}

impl Ledger {
    fn covers(&mut self, id: &str, approval: String) {
        self.approval = approval;
        if !self.covered.iter().any(|known| known == id) {
            self.covered.push(id.to_owned());
        }
    }

    fn refuses(&mut self, reason: String) {
        if !self.refused.contains(&reason) {
            self.refused.push(reason);
        }
    }

    /// The entry for the verdict; nothing for a waiver that names none of the findings.
    fn close(self, waiver: &ApplicableWaiver) -> Option<WaiverUse> {
        let used = !self.covered.is_empty();
        let mut reasons = self.refused;
        if used {
            reasons.insert(0, format!("covers {}; {}", self.covered.join(", "), self.approval));
        }
        (!reasons.is_empty()).then(|| waiver.record(used, reasons.join("; ")))
    }
}

enum Naming {
    Yes,
    No,
    Partly(String),
}

/// Whether the waiver names the finding: by the advisory that it is known by, or by all of its CVEs. One advisory may
/// stand for several CVEs; accepting one of them does not accept the others.
fn names(waiver: &Waiver, finding: &Finding) -> Naming {
    let named = &waiver.terms.cves;
    let cves: Vec<&String> = [&finding.id, &finding.advisory]
        .into_iter()
        .chain(&finding.aliases)
        .filter(|id| id.starts_with("CVE-"))
        .collect();
    if cves.is_empty() {
        let known =
            [&finding.id, &finding.advisory].into_iter().chain(&finding.aliases).any(|id| named.contains(id));
        return if known { Naming::Yes } else { Naming::No };
    }
    let advisory_named =
        [&finding.id, &finding.advisory].into_iter().any(|id| !id.starts_with("CVE-") && named.contains(id));
    match cves.iter().find(|cve| !named.contains(**cve)) {
        None => Naming::Yes,
        Some(_) if advisory_named => Naming::Yes,
        Some(_) if !cves.iter().any(|cve| named.contains(*cve)) => Naming::No,
        Some(missing) => {
            let name = &waiver.name;
            Naming::Partly(format!("waiver {name} does not name {missing}, which {} is as well", finding.id))
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
        aliases: finding.aliases.clone(),
        component: finding.component.to_string(),
        package: finding.package.clone(),
        version: finding.version.clone(),
        severity: finding.severity.name().to_owned(),
        counted_as: level,
        fixed_in: match &finding.fix {
            Fix::Fixed(versions) => versions.clone(),
            Fix::NotFixed | Fix::WontFix | Fix::Unknown => Vec::new(),
        },
        summary: finding.summary.clone(),
        locations: finding
            .locations
            .iter()
            .map(|location| LocationRecord { path: location.path.clone(), layer: location.layer })
            .collect(),
        disposition,
        waived_by,
    }
}

/// Something that the scan could not cover.
struct Uncovered {
    text: String,
    detail: Detail,
    fresh_feed_helps: bool,
}

/// The scan's own gaps, with the age of feeds measured anew: time and policy may be others than at the scan.
fn gaps(scan: &Scan, policy: &VulnerabilityPolicy, now: Timestamp) -> Vec<Uncovered> {
    let max_age = policy.max_database_age.0;
    let mut uncovered = Vec::new();
    let mut push = |ecosystem: &str, components: usize, reason: String, fresh_feed_helps: bool| {
        uncovered.push(Uncovered {
            text: format!("{ecosystem}: {reason}"),
            detail: Detail::Gap { ecosystem: ecosystem.to_owned(), components, reason },
            fresh_feed_helps,
        });
    };
    for gap in &scan.gaps {
        match &gap.reason {
            GapReason::Stale { as_of, .. } => {
                if let Some(reason) = staleness(*as_of, max_age, now) {
                    push(&gap.ecosystem, gap.components, reason, true);
                }
            }
            reason => {
                let helps = matches!(reason, GapReason::NoFeed | GapReason::ReleaseNotCovered(_));
                push(&gap.ecosystem, gap.components, reason.to_string(), helps);
            }
        }
    }
    for feed in &scan.database {
        let reported = |gap: &plimsoll_vuln::Gap| {
            gap.ecosystem == feed.ecosystem && matches!(gap.reason, GapReason::Stale { .. })
        };
        if let Some(reason) = staleness(feed.as_of, max_age, now)
            && !scan.gaps.iter().any(reported)
            && was_used(feed, scan)
        {
            push(&feed.ecosystem, 0, reason, true);
        }
    }
    uncovered
}

/// Why data of that time is no evidence now.
fn staleness(as_of: Timestamp, max_age: SignedDuration, now: Timestamp) -> Option<String> {
    let age = now.duration_since(as_of);
    if age < -clock::SKEW {
        return Some(format!("feed as of {as_of} claims to come from the future"));
    }
    (age > max_age)
        .then(|| format!("feed as of {as_of} is {} old, at most {} allowed", span(age), span(max_age)))
}

/// Whether findings show that the feed was looked into. A feed that was fresh at the scan and looked into without
/// finding anything cannot be told from one that was not needed; an earlier verdict's `valid_until` covers that.
fn was_used(feed: &FeedStatus, scan: &Scan) -> bool {
    let purl_types = Ecosystem::from_name(&feed.ecosystem).map_or(&[][..], Ecosystem::purl_types);
    let suppressed = scan.suppressed.iter().map(|suppressed| &suppressed.finding);
    scan.findings
        .iter()
        .chain(suppressed)
        .any(|finding| purl_types.contains(&finding.component.package_type()))
}

fn reason(
    policy: &VulnerabilityPolicy,
    blocking: &[&FindingRecord],
    unrated: &[&FindingRecord],
    waived: &[&FindingRecord],
    gaps: &[Uncovered],
    total: usize,
) -> String {
    let mut parts = Vec::new();
    if !blocking.is_empty() {
        parts.push(named(blocking));
    }
    if !unrated.is_empty() {
        parts.push(format!("nobody rated {}", named(unrated)));
    }
    match gaps {
        [] => {}
        [one] => parts.push(format!("not covered: {}", one.text)),
        [first, rest @ ..] => parts.push(format!("not covered: {}, and {} more", first.text, rest.len())),
    }
    if !waived.is_empty() {
        parts.push(format!("{} waived", count(waived.len(), "finding")));
    }
    if parts.is_empty() {
        let from = match policy.block.first() {
            Some(lowest) => format!("none {lowest} or above"),
            None => "and the policy blocks none".to_owned(),
        };
        parts.push(if total == 0 {
            "no findings".to_owned()
        } else {
            format!("{}, {from}", count(total, "finding"))
        });
    }
    parts.join("; ")
}

/// `CVE-2026-1 (critical) in libfoo 1.0, … and 4 more`.
fn named(findings: &[&FindingRecord]) -> String {
    let mut text: Vec<String> = findings
        .iter()
        .take(NAMED)
        .map(|finding| {
            format!("{} ({}) in {} {}", finding.id, finding.severity, finding.package, finding.version)
        })
        .collect();
    if let Some(rest) = findings.len().checked_sub(NAMED).filter(|rest| *rest > 0) {
        text.push(format!("and {rest} more"));
    }
    text.join(", ")
}

fn hint(finding: &FindingRecord) -> String {
    match finding.fixed_in.first() {
        Some(version) => format!("upgrade {} to {version} or newer", finding.package),
        None => format!(
            "no fix is known for {}: replace {}, or have an approver waive it: plimsoll waiver sign --key KEY WAIVER.yaml",
            finding.id, finding.package
        ),
    }
}
