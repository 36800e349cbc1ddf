//! What the rule `vulnerabilities` says of what was looked up: data to the second of its age, gaps with what helps, findings that
//! were left out, and the numbers of both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use common::*;
use jiff::SignedDuration;
use plimsoll_core::Timestamp;
use plimsoll_policy::{Detail, Evidence, Narrowed, Outcome, Policy, RuleResult, VulnerabilityFacts};
use plimsoll_sbom::{Location, ProblemCode};
use plimsoll_vuln::{Finding, Gap, GapReason, Scan, Severity};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn judged(policy: &Policy, vulnerabilities: VulnerabilityFacts) -> RuleResult {
    let evidence = Evidence { vulnerabilities, ..evidence() };
    rule(&judge(policy, &evidence), "vulnerabilities").clone()
}

fn scan(facts: &mut VulnerabilityFacts) -> &mut Scan {
    let VulnerabilityFacts::Scanned(scan) = facts else { panic!("{facts:?}") };
    scan
}

fn stale(ecosystem: &str, as_of: Timestamp) -> Gap {
    let age = now().duration_since(as_of);
    Gap { ecosystem: ecosystem.to_owned(), components: 3, reason: GapReason::Stale { as_of, age } }
}

fn gap_of(detail: &Detail) -> Option<(&str, &str)> {
    match detail {
        Detail::Gap { ecosystem, reason, .. } => Some((ecosystem, reason)),
        _ => None,
    }
}

fn gaps(result: &RuleResult) -> Vec<(&str, &str)> {
    result.details.iter().filter_map(gap_of).collect()
}

/// A day old is not older than a day, and a clock that is five minutes behind is another's that is not quite right.
#[test]
fn data_is_fresh_up_to_the_second_of_its_greatest_age_and_of_the_skew_of_clocks() {
    let policy = policy("phase: pilot");
    let minutes = SignedDuration::from_mins;
    for (as_of, problem) in [
        (after(-24), None),
        (after(-24) - SECOND, Some("is 24h old, at most 24h allowed")),
        (now(), None),
        (now() + minutes(5), None),
        (now() + minutes(5) + SECOND, Some("is from the future")),
    ] {
        // Of a gap that the scan reported, and of a feed that it found fresh.
        let mut facts = scanned(vec![finding("CVE-2026-1", Severity::Low)], Vec::new());
        scan(&mut facts).database[0].as_of = as_of;
        for facts in [scanned(Vec::new(), vec![stale("Debian", as_of)]), facts] {
            let told = judged(&policy, facts);
            let reasons = gaps(&told);
            match problem {
                None => assert_eq!(reasons, [], "{as_of}"),
                Some(problem) => {
                    assert_eq!(told.outcome, Outcome::Unknown);
                    assert!(reasons.len() == 1 && reasons[0].1.contains(problem), "{reasons:?}");
                }
            }
        }
    }
}

#[test]
fn a_feed_that_is_too_old_is_told_once_and_only_if_it_was_used() {
    let policy = policy("phase: pilot");
    let old = after(-30);
    let with = |findings: Vec<Finding>, gaps: Vec<Gap>| {
        let mut facts = scanned(findings, gaps);
        scan(&mut facts).database[0].as_of = old;
        judged(&policy, facts)
    };
    let debian = || vec![finding("CVE-2026-1", Severity::Low)];
    let names = |result: &RuleResult| gaps(result).iter().map(|gap| gap.0.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&with(debian(), Vec::new())), ["Debian"]);
    assert_eq!(names(&with(debian(), vec![stale("Debian", old)])), ["Debian"], "once");
    // Neither another gap of the same feed nor the age of another feed says that this one is too old.
    let elsewhere = Gap { ecosystem: "Debian".to_owned(), ..gap() };
    assert_eq!(names(&with(debian(), vec![elsewhere])), ["Debian", "Debian"]);
    assert_eq!(names(&with(debian(), vec![stale("npm", old)])), ["npm", "Debian"]);
    // Nothing is of this feed, so its age is nothing to anybody.
    let mut of_npm = finding("CVE-2026-1", Severity::Low);
    of_npm.component = "pkg:npm/a@1".parse::<plimsoll_core::Purl>().unwrap().into();
    assert_eq!(names(&with(vec![of_npm], Vec::new())), Vec::<String>::new());
    assert_eq!(names(&with(Vec::new(), Vec::new())), Vec::<String>::new());
}

#[test]
fn what_helps_against_a_gap_depends_on_the_gap() {
    let gap = |reason: GapReason| Gap { reason, ..gap() };
    let incomplete = || GapReason::Incomplete {
        problem: ProblemCode::UnparsableMetadata,
        path: "a".to_owned(),
        detail: "b".to_owned(),
    };
    let unrated = || vec![finding("CVE-2026-1", Severity::Unrated)];
    let (update, show) = ("plimsoll db update", "plimsoll scan SUBJECT shows what was not covered");
    let asking = policy("phase: pilot\nvulnerabilities: { unratedAs: unknown }");
    for (findings, gaps, advice) in [
        (vec![], vec![gap(GapReason::NoFeed)], update),
        (vec![], vec![gap(GapReason::ReleaseNotCovered("bookworm".to_owned()))], update),
        (vec![], vec![gap(incomplete())], show),
        (vec![], vec![gap(incomplete()), gap(GapReason::NoFeed)], update),
        (unrated(), vec![gap(incomplete())], show),
        (unrated(), vec![], "say what unrated counts as: spec.vulnerabilities.unratedAs"),
    ] {
        let told = judged(&asking, scanned(findings, gaps));
        assert_eq!(told.outcome, Outcome::Unknown);
        assert!(told.hint.as_deref().is_some_and(|hint| hint.starts_with(advice)), "{advice}: {told:?}");
    }
    assert_eq!(judged(&asking, scanned(vec![], vec![])).hint, None);
}

#[test]
fn a_reason_names_three_findings_and_counts_the_others() {
    let told = |count: u32| {
        let all = (1..=count).map(|number| finding(&format!("CVE-2026-{number}"), Severity::Critical));
        judged(&policy("phase: pilot"), scanned(all.collect(), Vec::new())).reason
    };
    let named = |numbers: &[u32]| {
        let one = |number: &u32| format!("CVE-2026-{number} (critical) in foo 1.0-1");
        numbers.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(2), named(&[1, 2]));
    assert_eq!(told(3), named(&[1, 2, 3]));
    assert_eq!(told(4), format!("{}, and 1 more", named(&[1, 2, 3])));
    assert_eq!(told(9), format!("{}, and 6 more", named(&[1, 2, 3])));
}

/// Whoever reads a verdict can see what the policy did not want to know, but not that a package of the system was left out: it
/// never is.
#[test]
fn findings_at_excluded_paths_are_listed_with_the_exclusion() {
    let policy = policy("phase: pilot\nexclude: [{ path: 'opt/vendor/**', reason: vendored }]");
    let at = |id: &str, component: &str, paths: &[&str]| {
        let mut found = finding(id, Severity::Low);
        found.component = component.parse::<plimsoll_core::Purl>().unwrap().into();
        let location = |path: &&str| Location { path: (*path).to_owned(), layer: None };
        found.locations = paths.iter().map(location).collect::<Vec<_>>().into();
        found
    };
    let all = vec![
        at("CVE-2026-1", "pkg:npm/a@1", &["opt/vendor/a", "opt/vendor/b"]),
        at("CVE-2026-2", "pkg:npm/b@1", &["opt/vendor/a", "srv/b"]),
        at("CVE-2026-3", "pkg:npm/c@1", &[]),
        at("CVE-2026-4", "pkg:deb/debian/d@1?distro=debian-12", &["opt/vendor/status"]),
    ];
    let narrowed = Narrowed {
        exclusions: policy.exclusions().clone(),
        excluded: Vec::new(),
        sbom: evidence().sbom,
        vulnerabilities: scanned(Vec::new(), Vec::new()),
    };
    let evidence =
        Evidence { vulnerabilities: scanned(all, Vec::new()), narrowed: vec![narrowed], ..evidence() };
    let told = rule(&judge(&policy, &evidence), "vulnerabilities").clone();
    let aside = told.details.iter().filter_map(|detail| match detail {
        Detail::SetAside { what, reason } => Some((what.as_str(), reason.as_str())),
        _ => None,
    });
    assert_eq!(aside.collect::<Vec<_>>(), [("CVE-2026-1 in foo", "excluded as opt/vendor/**: vendored")]);
}

#[test]
fn lint_warns_of_data_that_may_be_older_than_seven_days() {
    let warned = |age: &str| {
        let spec = format!("phase: pilot\nvulnerabilities: {{ maxDatabaseAge: {age} }}");
        policy(&spec).lint(now()).iter().any(|it| it.code.as_str() == "PL021")
    };
    assert_eq!(["32h", "7d", "10080m", "10081m", "8d"].map(warned), [false, false, false, true, true]);
}

/// Who gathers evidence asks the policy for whom to verify it.
#[test]
fn a_policy_that_names_signers_of_databases_has_them_verified() {
    let spec = |signed_by: &str| {
        policy(&format!("phase: pilot\nvulnerabilities: {{ database: {{ signedBy: [{signed_by}] }} }}"))
    };
    assert!(spec("").database_signers().is_none());
    assert!(spec(&format!("{{ name: a, key: {} }}", key().yaml())).database_signers().is_some());
}
