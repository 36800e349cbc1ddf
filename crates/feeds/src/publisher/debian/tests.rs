//! The tracker's states, and files that must be refused.

use super::*;

fn run(text: &str) -> (Result<Reading, Error>, FeedReport) {
    run_with(text, &Limits::default())
}

fn run_with(text: &str, limits: &Limits) -> (Result<Reading, Error>, FeedReport) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tracker.json");
    std::fs::write(&path, text).unwrap();
    let mut report = FeedReport::new("Debian", "Debian", &path, "2026-01-01T00:00:00Z".parse().unwrap());
    (read(Some(&path), &path, Vec::new(), limits, &mut report), report)
}

fn one(state: &serde_json::Value) -> (Reading, FeedReport) {
    let document = serde_json::json!({"openssl": {"CVE-2024-1": {
        "description": "A bad thing.\nMore.", "scope": "remote", "debianbug": 1, "releases": {"bookworm": state}}}});
    let (tracker, report) = run(&document.to_string());
    (tracker.unwrap(), report)
}

fn encoded(intervals: Vec<Interval<'_>>, doubtful: Vec<Interval<'_>>, fix_state: FixState) -> Vec<u8> {
    let mut out = Vec::new();
    Affected { intervals, doubtful, versions: vec![], fix_state }.encode(&mut out);
    out
}

#[test]
fn every_state_becomes_what_the_table_says() {
    use serde_json::json;
    let all = || vec![Interval::ALL];
    let before = vec![Interval { from: Start::First, end: End::Before("3.0.11-1") }];
    for (state, affected) in [
        (
            json!({"status": "resolved", "fixed_version": "3.0.11-1"}),
            encoded(before, vec![], FixState::Unknown),
        ),
        (json!({"status": "open", "urgency": "low**"}), encoded(all(), vec![], FixState::NotFixed)),
        (
            json!({"status": "open", "nodsa": "Minor", "nodsa_reason": ""}),
            encoded(all(), vec![], FixState::NotFixed),
        ),
        (json!({"status": "open", "nodsa_reason": "postponed"}), encoded(all(), vec![], FixState::NotFixed)),
        (json!({"status": "open", "nodsa_reason": "ignored"}), encoded(all(), vec![], FixState::WontFix)),
        (json!({"status": "open", "urgency": "end-of-life"}), encoded(all(), vec![], FixState::WontFix)),
        (json!({"status": "undetermined"}), encoded(all(), vec![], FixState::Unknown)),
        (json!({"status": "resolved"}), encoded(vec![], all(), FixState::Unknown)),
        (json!({"status": "resolved", "fixed_version": "3 0"}), encoded(vec![], all(), FixState::Unknown)),
    ] {
        let (tracker, report) = one(&state);
        let [draft] = &tracker.drafts[..] else { panic!("one draft") };
        assert_eq!(draft.statements[0].key, "bookworm/openssl");
        assert_eq!(draft.statements[0].affected, affected, "{state}");
        assert_eq!((report.read, report.kept), (1, 1));
        assert_eq!(draft.detail.summary, "A bad thing.");
    }
    let (tracker, report) = one(&json!({"status": "resolved", "fixed_version": "0"}));
    assert_eq!(tracker.drafts.len(), 0);
    assert_eq!(tracker.releases, ["bookworm"]);
    assert_eq!(report.skipped[&Skip::NotAffected].count, 1);
}

#[test]
fn only_what_debian_rates_is_rated() {
    for (urgency, severity) in [
        ("high", Severity::High),
        ("high**", Severity::High),
        ("medium*", Severity::Medium),
        ("low", Severity::Low),
        ("unimportant", Severity::Low),
        ("not yet assigned", Severity::Unrated),
        ("end-of-life", Severity::Unrated),
        ("severe", Severity::Unrated),
    ] {
        assert_eq!(rating(urgency).severity, severity, "{urgency}");
    }
}

#[test]
fn a_vulnerability_of_two_packages_is_one_advisory() {
    let state = r#"{"releases": {"sid": {"status": "open"}}}"#;
    let (tracker, _) =
        run(&format!(r#"{{"a": {{"CVE-1": {state}}}, "b": {{"CVE-1": {state}, "TEMP-1-AB": {state}}}}}"#));
    let tracker = tracker.unwrap();
    let ids: Vec<_> = tracker.drafts.iter().map(|d| (d.id.as_str(), d.statements.len())).collect();
    assert_eq!(ids, [("CVE-1", 2), ("TEMP-1-AB", 1)]);
}

#[test]
fn a_file_that_is_not_the_trackers_json_fails_with_its_name() {
    let state = r#"{"releases": {"sid": {"status": "open"}}}"#;
    for text in [
        "",
        "[]",
        "{\"a\": {",
        "{} {}",
        &format!(r#"{{"a": {{"CVE-1": {state}}}, "a": {{}}}}"#),
        &format!(r#"{{"a": {{"CVE-1": {state}, "CVE-1": {state}}}}}"#),
        r#"{"a": {"CVE-1": {"releases": {"sid": {"status": "open"}, "sid": {"status": "resolved"}}}}}"#,
        r#"{"a": {"CVE-1": {"releases": {"sid": {"status": "new state"}}}}}"#,
        r#"{"a": {"CVE-1": {"releases": {"sid": {}}}}}"#,
        r#"{"a": {"CVE-1": {"releases": {"../sid": {"status": "open"}}}}}"#,
        r#"{"a b": {}}"#,
        r#"{"a": {"CVE 1": {}}}"#,
    ] {
        let error = run(text).0.expect_err(text).to_string();
        assert!(error.contains("tracker.json: "), "{text}: {error}");
    }
}

#[test]
fn size_and_number_are_bounded() {
    let document =
        r#"{"a": {"CVE-1": {"releases": {"sid": {"status": "open"}, "trixie": {"status": "open"}}}}}"#;
    let with = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        run_with(document, &limits).0.unwrap_err().to_string()
    };
    assert!(with(|limits| limits.feed_bytes = 20).contains("feed_bytes = 20"));
    assert!(with(|limits| limits.advisories = 1).contains("advisories = 1"));
    let exact = |limits: &mut Limits| limits.feed_bytes = 89;
    assert_eq!(document.len(), 89);
    let mut limits = Limits::default();
    exact(&mut limits);
    assert!(run_with(document, &limits).0.is_ok());
}
