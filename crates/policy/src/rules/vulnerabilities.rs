//! `vulnerabilities`: no known vulnerability in the image is too severe, and every component could be looked up.
//!
//! A finding blocks from the lowest listed severity upwards, unless a waiver covers it. A malicious package blocks in every
//! phase, whatever is listed, unless two approvers accept it. A component without fresh
//! advisory data makes the rule unknown, but never weakens a fail: deny takes precedence over indeterminate.

use std::collections::BTreeSet;

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::Ecosystem;
use plimsoll_core::quantity::count;
use plimsoll_vuln::{Finding, Scan, SetAside, Suppressed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::findings::SortedFindings;
use self::gaps::{CoverageGap, gaps};
pub(crate) use self::signed::{DatabasePolicy, DatabaseSpec};
use super::RuleName;
use crate::authority::{Authority, AuthoritySpec};
use crate::detail::{Detail, Disposition, FindingRecord};
use crate::evidence::VulnerabilityFacts;
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::preset::Presets;
use crate::preset::{Phase, Tier};
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of_unknown};
use crate::setting::OnUnknown;
use crate::setting::{Age, Level, Setting, given, span};
use crate::verdict::{Effect, EvidenceRecord, Outcome, earliest};

mod findings;
mod gaps;
mod signed;
mod upgrades;
mod vex;

pub use vex::is_vex;

/// How many findings a reason names; it only counts the rest.
const NAMED: usize = 3;

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VulnerabilitiesSpec {
    /// The severities that block, and everything above the lowest of them. If empty, nothing blocks.
    pub(crate) block: Setting<Vec<Level>>,
    /// The severity that a finding without a rating counts as.
    pub(crate) unrated_as: Setting<UnratedAs>,
    /// The maximum age of the publisher's data.
    pub(crate) max_database_age: Setting<Age>,
    /// What the advisory database must be like.
    #[serde(deserialize_with = "given")]
    pub(crate) database: DatabaseSpec,
    /// Whether findings without a fix are left out.
    pub(crate) ignore_unfixed: Setting<bool>,
    /// Whether findings are left out if the program does not contain the functions that the advisory names (Go).
    pub(crate) ignore_not_linked: Setting<bool>,
    pub(crate) on_unknown: Setting<OnUnknown>,
    pub(crate) vex: VexSpec,
}

/// VEX documents that are attached to the image.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VexSpec {
    /// Whose statements set findings aside. Nobody's, when left out.
    pub(crate) signed_by: Setting<Vec<AuthoritySpec>>,
}

/// The severity that a finding without a rating counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum UnratedAs {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
    /// None; the rule is unknown.
    Unknown,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VulnerabilityPolicy {
    /// The listed severities. Everything from the lowest of them upwards blocks: a list that omits CRITICAL
    /// must not let CRITICAL through.
    pub(crate) block: BTreeSet<Level>,
    pub(crate) unrated_as: UnratedAs,
    pub(crate) max_database_age: Age,
    /// The usual is not written, so that older policies keep their digests.
    #[serde(skip_serializing_if = "DatabasePolicy::is_anybodys")]
    pub(crate) database: DatabasePolicy,
    pub(crate) ignore_unfixed: bool,
    pub(crate) ignore_not_linked: bool,
    pub(crate) on_unknown: OnUnknown,
    /// Not written if nobody's counts, so that older policies keep their digests.
    #[serde(skip_serializing_if = "VexPolicy::is_nobody")]
    pub(crate) vex: VexPolicy,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VexPolicy {
    pub(crate) signed_by: Vec<Authority>,
}

impl VexPolicy {
    fn is_nobody(&self) -> bool {
        self.signed_by.is_empty()
    }
}

impl VulnerabilitiesSpec {
    /// The policy with presets applied. The caller reads the keys of `database.signedBy` and `vex.signedBy`.
    pub(crate) fn resolve(
        self,
        presets: Presets,
        signed_by: Vec<Authority>,
        vex_signed_by: Vec<Authority>,
    ) -> VulnerabilityPolicy {
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
            database: DatabasePolicy { signed_by },
            ignore_unfixed: self.ignore_unfixed.or(false),
            ignore_not_linked: self.ignore_not_linked.or(false),
            on_unknown: self.on_unknown.or(OnUnknown::Block),
            vex: VexPolicy { signed_by: vex_signed_by },
        }
    }
}

const NAME: RuleName = RuleName::built_in("vulnerabilities");

/// The rule.
pub(crate) struct VulnerabilitiesRule;

impl Rule for VulnerabilitiesRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "No known vulnerability in it is too severe."
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

    fn lint(&self, policy: &Policy, now: Timestamp, lint: &mut Lint) {
        let signed_by = &policy.vulnerabilities.database.signed_by;
        lint.authorities("spec.vulnerabilities.database.signedBy", signed_by, now);
        lint.authorities("spec.vulnerabilities.vex.signedBy", &policy.vulnerabilities.vex.signed_by, now);
        lint.on_unknown("spec.vulnerabilities.onUnknown", policy.vulnerabilities.on_unknown);
        let vulnerabilities = &policy.vulnerabilities;
        let path = "spec.vulnerabilities.block";
        match vulnerabilities.block.first() {
            None => lint.warn(
                Code::NothingBlocks,
                path,
                "no finding blocks, however severe",
                "list at least critical",
            ),
            Some(lowest) => {
                let levels = [Level::Low, Level::Medium, Level::High, Level::Critical];
                let missing =
                    levels.iter().filter(|level| *level > lowest && !vulnerabilities.block.contains(level));
                for level in missing {
                    let message =
                        format!("{level} is not listed, but {lowest} is; {level} blocks all the same");
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
            let message = "a vulnerability can be exploited whether or not a fix exists";
            let hint = "waive such findings by name, with controls and an end";
            lint.warn(Code::UnfixedIgnored, "spec.vulnerabilities.ignoreUnfixed", message, hint);
        }
        if matches!(vulnerabilities.unrated_as, UnratedAs::Low | UnratedAs::Medium) {
            let message =
                "some ecosystems (Go, AlmaLinux) publish no ratings; their findings count as harmless";
            lint.warn(
                Code::UnratedLenient,
                "spec.vulnerabilities.unratedAs",
                message,
                "use high, critical or unknown",
            );
        }
        let age = vulnerabilities.max_database_age.0;
        if age > SignedDuration::from_hours(7 * 24) {
            let message = format!("advisories of the last {} may be missing", span(age));
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

/// What is known to be vulnerable, without what VEX sets aside, if nothing was left out of the search; else why there is none.
pub(crate) fn complete<'a>(context: &'a Context<'_>) -> Result<Cow<'a, Scan>, String> {
    context.attested()?;
    let narrowed = context.narrowed();
    let scan = match narrowed.map_or(&context.evidence.vulnerabilities, |narrowed| &narrowed.vulnerabilities)
    {
        VulnerabilityFacts::Scanned(scan) => scan,
        VulnerabilityFacts::Unavailable { reason } => return Err(format!("there was no scan: {reason}")),
    };
    let signer = context.evidence.database.signer(context.policy, context.now);
    signer.map_err(|reason| format!("the advisory database does not count: {reason}"))?;
    let settled = vex::settled(scan, context);
    match gaps(settled.scan.as_ref(), context.policy, context.now).first() {
        Some(gap) => Err(format!("not covered: {}", gap.text)),
        None => Ok(settled.scan),
    }
}

fn evaluate(context: &Context<'_>) -> Answer {
    let policy = &context.policy.vulnerabilities;
    let unknown_effect = effect_of_unknown(true, policy.on_unknown);
    if let Err(reason) = context.attested() {
        return Answer::new(NAME, Outcome::Unknown, unknown_effect, reason);
    }
    let narrowed = context.narrowed();
    let facts = narrowed.map_or(&context.evidence.vulnerabilities, |narrowed| &narrowed.vulnerabilities);
    let scan = match facts {
        VulnerabilityFacts::Scanned(scan) => scan,
        VulnerabilityFacts::Unavailable { reason } => {
            let reason = format!("there was no scan: {reason}");
            return Answer::new(NAME, Outcome::Unknown, unknown_effect, reason).hint(BUILD_DATABASE);
        }
    };
    let signer = match context.evidence.database.signer(context.policy, context.now) {
        Ok(signer) => signer,
        Err(reason) => {
            let reason = format!("the advisory database does not count: {reason}");
            return Answer::new(NAME, Outcome::Unknown, unknown_effect, reason).hint(IMPORT_DATABASE);
        }
    };
    let settled = vex::settled(scan, context);
    let scan = settled.scan.as_ref();
    let sorted = SortedFindings::new(scan, context);
    let gaps = gaps(scan, context.policy, context.now);

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
    if let Some(aside) = vex::summary(&settled) {
        reason = format!("{reason}; {aside}");
    }
    if outcome == Outcome::Fail
        && let Some(refused) = sorted.waivers.iter().find(|waiver| !waiver.used)
    {
        reason = format!("{reason}; {}", refused.reason);
    }
    let hint = match outcome {
        Outcome::Fail => upgrades::hint(&blocking),
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
    let signed_until = signer.as_ref().and_then(|signer| signer.until);
    judged.until = earliest([fresh_until, sorted.until, settled.until, signed_until]);
    judged.evidence = sorted.waiver_evidence;
    judged.evidence.extend(settled.evidence);
    if let Some(signer) = signer {
        let (kind, digest) = ("database-signature".to_owned(), signer.bundle);
        judged.evidence.push(EvidenceRecord { kind, digest });
        judged.result.details.push(signer.detail());
        judged.result.reason =
            format!("{}; database signed by {}", judged.result.reason, signer.authority.name);
    }
    judged.result.hint = hint;
    judged.result.waivers = sorted.waivers;
    judged.result.details.push(sorted.counts);
    judged.result.details.extend(sorted.records.into_iter().map(|record| Detail::Finding(Box::new(record))));
    judged.result.details.extend(gaps.into_iter().map(|gap| gap.detail));
    judged.result.details.extend(settled.details);
    judged.result.details.extend(set_aside(scan));
    judged.result.details.extend(excluded(context));
    judged
}

/// The findings that the policy leaves out with the paths of their components.
fn excluded(context: &Context<'_>) -> Vec<Detail> {
    let (Some(narrowed), VulnerabilityFacts::Scanned(whole)) =
        (context.narrowed(), &context.evidence.vulnerabilities)
    else {
        return Vec::new();
    };
    let detail = |finding: &Finding| {
        let paths = finding.locations.iter().map(|location| location.path.as_str());
        let exclusion = narrowed.exclusions.of_all(paths)?;
        Some(Detail::SetAside {
            what: format!("{} in {}", finding.id, finding.package),
            reason: format!("excluded as {}: {}", exclusion.path.as_str(), exclusion.reason.0),
        })
    };
    let of_os = |finding: &&Finding| Ecosystem::of_purl(&finding.component).is_os();
    whole.findings.iter().filter(|finding| !of_os(finding)).filter_map(detail).collect()
}

/// What does not count, and why, so that users can check it themselves.
fn set_aside(scan: &Scan) -> impl Iterator<Item = Detail> {
    let finding = |suppressed: &Suppressed| Detail::SetAside {
        what: format!("{} in {}", suppressed.finding.id, suppressed.finding.package),
        reason: suppressed.reason.to_string(),
    };
    let files = |aside: &SetAside| {
        let what = format!("{} ({})", aside.ecosystem, aside.files);
        Detail::SetAside { what, reason: aside.reason() }
    };
    let informational = |finding: &Finding| Detail::SetAside {
        what: format!("{} in {}", finding.id, finding.package),
        reason: format!("informational: {}", finding.class),
    };
    let findings = scan.suppressed.iter().map(finding).chain(scan.informational.iter().map(informational));
    findings.chain(scan.set_aside.iter().map(files))
}

const IMPORT_DATABASE: &str =
    "plimsoll db import FILE brings a signed one, plimsoll db status shows who signed";
const BUILD_DATABASE: &str =
    "plimsoll db update; without a network, plimsoll db build --from DIR --as-of TIME";

fn reason(
    policy: &VulnerabilityPolicy,
    blocking: &[&FindingRecord],
    unrated: &[&FindingRecord],
    waived: &[&FindingRecord],
    gaps: &[CoverageGap],
    total: usize,
) -> String {
    let mut parts = Vec::new();
    if !blocking.is_empty() {
        parts.push(named(blocking));
    }
    if !unrated.is_empty() {
        parts.push(format!("no rating for {}", named(unrated)));
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
            Some(Level::Critical) => "none critical".to_owned(),
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
