//! What `waiver show` says of a waiver, and what is said of one without effect: its state to the second, whether it would count
//! and why, and what it was for.

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
use plimsoll_core::{Limits, Timestamp};
use plimsoll_policy::{
    DenyList, Evidence, Policy, UnusedWaiver, Waiver, WaiverReports, WaiverStanding, WaiverState, schema,
};
use plimsoll_vuln::Severity;
use serde_json::{Value, json};

const UNSIGNED: &str = "phase: pilot\nwaivers: { allowUnsigned: I accept unsigned waivers }";

fn signed(by: &[&Key], document: &Value, policy: &Policy) -> Waiver {
    let one = |key: &&Key| {
        let bundle = key.approve(document);
        Waiver::from_bundle(&bundle, "w.json", policy, Err("no root"), now(), &Limits::default()).unwrap()
    };
    let all: Vec<Waiver> = by.iter().map(one).collect();
    let mut united = Waiver::united(&all);
    assert_eq!(united.len(), 1, "one document, whoever signed it");
    united.remove(0)
}

fn approved_by(key: &Key, more: &str) -> Policy {
    policy(&format!(
        "phase: pilot\nwaivers: {{ approvers: [{{ name: secops, key: {} }}]{more} }}",
        key.yaml()
    ))
}

#[test]
fn a_waiver_is_in_force_from_the_second_of_its_issue_to_the_one_before_its_end() {
    let waiver = unsigned(&waiver());
    let (issued, expires, second) = (after(-24), after(-24 + 20 * 24), SignedDuration::from_secs(1));
    assert_eq!((waiver.origin(), waiver.expires()), ("w.yaml", expires));
    for (time, state) in [
        (issued - second, WaiverState::NotYet),
        (issued, WaiverState::InForce),
        (now(), WaiverState::InForce),
        (expires - second, WaiverState::InForce),
        (expires, WaiverState::Expired),
        (expires + second, WaiverState::Expired),
    ] {
        assert_eq!(waiver.report(time).state, state, "{time}");
    }
}

#[test]
fn a_report_has_what_the_document_says_and_fits_its_schema() {
    let document =
        waiver_with(&json!({"digests": [manifest().to_string()], "controls": ["egress closed", "alerts"]}));
    let waiver = unsigned(&document);
    let mut report = waiver.report(now());
    report.standings = vec![policy(UNSIGNED).standing_of(&waiver, now())];
    let shown = serde_json::to_value(WaiverReports::new(now(), vec![report])).unwrap();
    let of_waiver = &shown["waivers"][0];
    for name in [
        "cves",
        "images",
        "digests",
        "reason",
        "riskAssessment",
        "controls",
        "owner",
        "rules",
        "issued",
        "expires",
    ] {
        assert_eq!(of_waiver[name], document["spec"][name], "{name}");
    }
    assert_eq!(of_waiver["name"], "W-1");
    assert_eq!(of_waiver["files"], json!(["w.yaml"]));
    assert_eq!(of_waiver["content"], waiver.content().to_string());
    assert_eq!(of_waiver["state"], "in-force");

    let schema = schema::waiver_show();
    assert_eq!(shown["schemaVersion"], schema["properties"]["schemaVersion"]["const"]);
    let described = |value: &Value, of: &Value| {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        let mut known: Vec<String> = of["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    };
    described(&shown, &schema);
    described(of_waiver, &schema["$defs"]["WaiverReport"]);
    described(&of_waiver["standings"][0], &schema["$defs"]["WaiverStanding"]);
}

/// All fields of a standing, but those that name the policy.
fn told(standing: &WaiverStanding) -> (bool, &str, Vec<&str>, Option<Timestamp>, Vec<&str>) {
    let approvers = standing.signatures.iter().map(|approval| approval.approver.as_str()).collect();
    let severities = standing.severities.iter().map(String::as_str).collect();
    (standing.counts, &standing.reason, approvers, standing.valid_until, severities)
}

#[test]
fn a_standing_says_whether_it_would_count_who_approved_and_until_when() {
    let (secops, other) = (key(), key());
    let policy = approved_by(&secops, "");
    let good = signed(&[&secops], &waiver(), &policy);
    let standing = policy.standing_of(&good, now());
    assert_eq!((standing.policy.as_str(), standing.origin.as_str()), ("test", "test.yaml"));
    let end = Some(after(-24 + 20 * 24));
    let all = vec!["critical", "high", "medium", "low", "unrated"];
    assert_eq!(told(&standing), (true, "approved by secops", vec!["secops"], end, all.clone()));
    assert_eq!(standing.signatures[0].by.key, Some(secops.public.id().to_string()));

    let refused = |waiver: &Waiver, now: Timestamp, reason: &str| {
        assert_eq!(told(&policy.standing_of(waiver, now)), (false, reason, vec![], None, vec![]));
    };
    refused(&good, after(-25), "waiver W-1 is not valid before 2026-11-19T12:00:00Z");
    refused(&good, after(20 * 24), "waiver W-1 expired 2026-12-09T12:00:00Z");
    refused(
        &unsigned(&waiver()),
        now(),
        "waiver W-1 is not signed, and policy test accepts only signed ones",
    );
    let elsewhere = approved_by(&other, "");
    let foreign = signed(&[&other], &waiver(), &elsewhere);
    refused(&foreign, now(), "waiver W-1 is not signed by an approver of policy test");
    // Signatures that do not verify are no standing of the document.
    let refusal = policy.refusal_of("somebody changed it".to_owned());
    assert_eq!(told(&refusal), (false, "somebody changed it", vec![], None, vec![]));
    assert_eq!((refusal.policy.as_str(), refusal.origin.as_str()), ("test", "test.yaml"));

    let both = approved_by(&secops, &format!(", secondApprover: [{{ name: cto, key: {} }}]", other.yaml()));
    let twice = signed(&[&secops, &other], &waiver(), &both);
    let standing = both.standing_of(&twice, now());
    assert_eq!(told(&standing), (true, "approved by secops and cto", vec!["secops", "cto"], end, all));
}

/// The bounds are inclusive: thirty days to the second are thirty days.
#[test]
fn a_waiver_may_cover_the_severities_for_which_it_is_not_too_long() {
    let policy = policy(
        &format!("{UNSIGNED}\n")
            .replace("waivers: {", "waivers: { maxDays: { critical: 10, high: 20, other: 30 },"),
    );
    let lasting = |seconds: i64| {
        let end = after(-24) + SignedDuration::from_secs(seconds);
        unsigned(&waiver_with(&json!({"expires": end.to_string()})))
    };
    let day = 24 * 3600;
    let unsigned_counts = "unsigned; the policy says: I accept unsigned waivers";
    for (seconds, counts, severities, reason) in [
        (10 * day, true, vec!["critical", "high", "medium", "low", "unrated"], unsigned_counts),
        (10 * day + 1, true, vec!["high", "medium", "low"], unsigned_counts),
        (20 * day, true, vec!["high", "medium", "low"], unsigned_counts),
        (20 * day + 1, true, vec!["medium", "low"], unsigned_counts),
        (30 * day, true, vec!["medium", "low"], unsigned_counts),
        (
            30 * day + 1,
            false,
            vec![],
            "waiver W-1 runs 31 days, longer than the 30 that the policy allows for anything",
        ),
        (
            31 * day,
            false,
            vec![],
            "waiver W-1 runs 31 days, longer than the 30 that the policy allows for anything",
        ),
    ] {
        let standing = policy.standing_of(&lasting(seconds), now());
        let (is_counted, why, _, _, covered) = told(&standing);
        assert_eq!((is_counted, why, covered), (counts, reason, severities), "{seconds}");
    }
    // A waiver of a whole rule is about no severity.
    let of_rule = unsigned(&waiver_with(&json!({"rules": ["sbom"], "cves": null})));
    let standing = policy.standing_of(&of_rule, now());
    assert!(standing.counts && standing.severities.is_empty(), "{standing:?}");
}

fn why_unused(waivers: &[Waiver], policy: &Policy, evidence: &Evidence) -> Vec<String> {
    let verdict = evaluate(policy, evidence, waivers, &DenyList::none(), now());
    let unused = UnusedWaiver::find(waivers, &[policy], std::slice::from_ref(evidence), &verdict);
    unused.iter().map(ToString::to_string).collect()
}

#[test]
fn a_waiver_without_effect_is_told_with_the_reason() {
    let accepts = policy(UNSIGNED);
    let strict = policy("phase: pilot");
    let mut blocked = evidence();
    blocked.vulnerabilities = scanned(vec![finding("CVE-2026-1", Severity::Critical)], Vec::new());
    let waivers = |changes: &Value| [unsigned(&waiver_with(changes))];
    let here = waivers(&json!({}));
    assert_eq!(why_unused(&here, &accepts, &blocked), Vec::<String>::new(), "it is used");

    let nothing = "waiver W-1 (w.yaml) matches nothing: CVE-2026-1 blocks nothing here";
    assert_eq!(why_unused(&here, &accepts, &evidence()), [nothing]);
    let several = waivers(&json!({"cves": ["CVE-2026-8", "CVE-2026-9"]}));
    let nothing = "waiver W-1 (w.yaml) matches nothing: CVE-2026-8, CVE-2026-9 blocks nothing here";
    assert_eq!(why_unused(&several, &accepts, &blocked), [nothing]);
    let of_rules = waivers(&json!({"rules": ["sbom", "registries"], "cves": null}));
    let nothing = "waiver W-1 (w.yaml) matches nothing: registries, sbom blocks nothing here";
    assert_eq!(why_unused(&of_rules, &accepts, &blocked), [nothing]);

    let elsewhere = waivers(&json!({"images": ["registry.example/other/app"]}));
    let other = "waiver W-1 (w.yaml) matches nothing: it is for other images";
    assert_eq!(why_unused(&elsewhere, &accepts, &blocked), [other]);

    let refused = "waiver W-1 (w.yaml) is not signed, and the policy accepts only signed ones";
    assert_eq!(why_unused(&elsewhere, &strict, &blocked), [refused], "that is why, wherever it is for");
    // One of several policies may accept it.
    let verdict = evaluate(&strict, &evidence(), &here, &DenyList::none(), now());
    let unused = UnusedWaiver::find(&here, &[&strict, &accepts], &[evidence()], &verdict);
    assert!(unused[0].to_string().contains("blocks nothing here"), "{unused:?}");

    let secops = key();
    let policy = approved_by(&secops, "");
    let signed = [signed(&[&secops], &waiver(), &policy)];
    assert_eq!(
        why_unused(&signed, &policy, &evidence()),
        ["waiver W-1 (w.json) matches nothing: CVE-2026-1 blocks nothing here"]
    );
}
