//! The security database's statements, and files that must be refused.

use plimsoll_vuln::affected::{End, Interval, Start};
use plimsoll_vuln::events::RangeProblem;
use serde_json::{Value, json};

use super::*;
use crate::Doubt;
use crate::publisher::Publisher as _;
use crate::publisher::alpine::Alpine;

fn run_with(files: &[(&str, &Value)], limits: &Limits) -> (Result<Reading, Error>, FeedReport) {
    let dir = tempfile::tempdir().unwrap();
    for (name, document) in files {
        let path = dir.path().join("alpine").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, document.to_string()).unwrap();
    }
    let [input] = &Alpine.discover(dir.path()).unwrap()[..] else { panic!("one feed") };
    let mut report =
        FeedReport::new("Alpine", "Alpine", input.files.path(), "2026-01-01T00:00:00Z".parse().unwrap());
    (Alpine.read(input, limits, &mut report), report)
}

fn repository(release: &str, packages: &Value) -> Value {
    let packages = packages.as_object().unwrap().iter();
    let packages: Vec<_> =
        packages.map(|(name, fixes)| json!({"pkg": {"name": name, "secfixes": fixes}})).collect();
    json!({"distroversion": release, "reponame": "main", "archs": ["x86_64"], "packages": packages})
}

fn one(fixes: &Value) -> (Reading, FeedReport) {
    let document = repository("v3.20", &json!({"openssl": fixes}));
    let documents = [("v3.20/main.json", &document), ("v3.20/community.json", &nothing("v3.20"))];
    let (reading, report) = run_with(&documents, &Limits::default());
    (reading.unwrap(), report)
}

/// A repository in which nothing was fixed.
fn nothing(release: &str) -> Value {
    json!({"distroversion": release, "reponame": "community", "packages": null})
}

fn encoded(intervals: Vec<Interval<'_>>) -> Vec<u8> {
    let mut out = Vec::new();
    Affected { intervals, doubtful: vec![], versions: vec![], fix_state: FixState::Unknown }.encode(&mut out);
    out
}

fn before(version: &str) -> Interval<'_> {
    Interval { from: Start::First, end: End::Before(version) }
}

#[test]
fn a_package_is_affected_before_the_last_version_that_fixed_it() {
    let (reading, report) = one(&json!({
        "3.3.0-r2": ["CVE-1", "CVE-2"], "3.3.0-r10": ["CVE-1"], "0": ["CVE-3"], "1.0-r0": null, "1.0-r1": []
    }));
    let [first, second] = &reading.drafts[..] else { panic!("two: {:?}", reading.drafts) };
    assert_eq!((first.id.as_str(), first.statements.len()), ("CVE-1", 1));
    assert_eq!(first.statements[0].key, "v3.20/openssl");
    assert_eq!(first.statements[0].affected, encoded(vec![before("3.3.0-r10")]));
    assert_eq!(second.statements[0].affected, encoded(vec![before("3.3.0-r2")]));
    assert_eq!((report.read, report.kept, report.skipped[&Skip::NotAffected].count), (4, 3, 1));
    assert_eq!(reading.releases, ["v3.20"]);
}

#[test]
fn identifiers_are_distinguished_from_remarks_and_from_each_other() {
    for (text, expected) in [
        ("CVE-2017-2620 XSA-209", &["CVE-2017-2620", "XSA-209"][..]),
        ("CVE-2018-14468 (FrameRelay)", &["CVE-2018-14468"]),
        ("CVE-2019-1 (+ regression fix)  CVE-2019-2", &["CVE-2019-1"]),
        ("CVE-2024-1, GHSA-85xr-ghj6-6m46;", &["CVE-2024-1", "GHSA-85xr-ghj6-6m46"]),
        ("CVE-2017-11610  ", &["CVE-2017-11610"]),
        ("ZBX-11023", &["ZBX-11023"]),
        ("wnpa-sec-2017-18", &["wnpa-sec-2017-18"]),
        ("CVE-????-?????  XSA-295", &["XSA-295"]),
        ("fixed upstream", &[]),
        ("CVE-\u{1b}[2J", &[]),
        ("", &[]),
    ] {
        assert_eq!(identifiers(text), expected, "{text}");
    }
    let (reading, report) = one(&json!({"1.0-r1": [
        "CVE_1 XSA-7", "CVE 1", "CVE-2 XSA-8", "CVE-3 XSA-8", "CVE-4 CVE-5", "XSA-9 XSA-10", "none"
    ]}));
    let found: Vec<_> =
        reading.drafts.iter().map(|draft| (draft.id.as_str(), draft.detail.aliases.join(" "))).collect();
    let text = |text: &str| text.to_owned();
    assert_eq!(
        found,
        [
            ("CVE-1", text("XSA-7")),
            ("CVE-2", text("")),
            ("CVE-3", text("")),
            ("CVE-4", text("")),
            ("CVE-5", text("")),
            ("XSA-9", text("XSA-10")),
        ]
    );
    assert_eq!(report.skipped[&Skip::NoIdentifier].count, 1);
    assert_eq!(report.read, report.kept + 1);
}

#[test]
fn an_invalid_version_leaves_its_neighbours_undecided() {
    let (reading, report) = one(&json!({"0.8.21.r2": ["CVE-1"], "0.8.20-r0": ["CVE-1"], "r2": ["CVE-2"]}));
    let around = Interval { from: Start::First, end: End::Around("0.8.21") };
    assert_eq!(reading.drafts[0].statements[0].affected, encoded(vec![before("0.8.20-r0"), around]));
    assert_eq!(report.doubts[&Doubt::Range(RangeProblem::InvalidBound)].count, 2);
}

#[test]
fn repositories_and_releases_are_combined() {
    let main = repository("v3.20", &json!({"a": {"1.0-r1": ["CVE-1"]}}));
    let mut community = main.clone();
    community["reponame"] = "community".into();
    let edge = repository("edge", &json!({"a": {"2.0-r0": ["CVE-1"]}}));
    let files = [
        ("v3.20/main.json", &main),
        ("v3.20/community.json", &community),
        ("edge/main.json", &edge),
        ("edge/community.json", &nothing("edge")),
    ];
    let reading = run_with(&files, &Limits::default()).0.unwrap();
    let [draft] = &reading.drafts[..] else { panic!("one vulnerability") };
    let keys: Vec<_> = draft.statements.iter().map(|statement| statement.key.as_str()).collect();
    assert_eq!(keys, ["edge/a", "v3.20/a"]);
    assert_eq!(reading.releases, ["edge", "v3.20"]);
}

#[test]
fn a_release_without_one_of_its_repositories_is_not_covered() {
    let main = |release| repository(release, &json!({"a": {"1.0-r1": ["CVE-1"]}}));
    let files = [
        ("v3.2/main.json", &main("v3.2")),
        ("v3.19/main.json", &main("v3.19")),
        ("v3.20/community.json", &nothing("v3.20")),
    ];
    let (reading, report) = run_with(&files, &Limits::default());
    assert_eq!(reading.unwrap().releases, ["v3.2"]);
    assert_eq!(report.doubts[&Doubt::Repository].examples, ["v3.19 community", "v3.20 main"]);
}

#[test]
fn documents_with_unexpected_types_fail_with_their_place() {
    let package = |name: &str| repository("v3.20", &json!({ name: {"1": ["CVE-1"]} }));
    for (document, reason) in [
        (json!([]), "main.json: invalid JSON"),
        (json!({"reponame": "main", "packages": []}), "distroversion is not valid"),
        (repository("latest", &json!({})), "distroversion is not valid"),
        (repository("../v3.20", &json!({})), "distroversion is not valid"),
        (package("a b"), "packages.pkg.name is not valid"),
        (package(""), "packages.pkg.name is not valid"),
        (
            json!({"distroversion": "v3.20", "reponame": "main", "packages": [{"pkg": {"name": "a", "secfixes": []}}]}),
            "main.json: ",
        ),
        (
            json!({"distroversion": "v3.20", "reponame": "main", "packages": [{"pkg": {"name": "a", "secfixes": {"1": "CVE-1"}}}]}),
            "main.json: ",
        ),
    ] {
        let error =
            run_with(&[("v3.20/main.json", &document)], &Limits::default()).0.unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("v3.20/main.json"), "{error}");
    }
    let mut limits = Limits::default();
    limits.advisories = 2;
    let many = repository("v3.20", &json!({"a": {"1": ["CVE-1", "CVE-2", "CVE-3"]}}));
    let error = run_with(&[("v3.20/main.json", &many)], &limits).0.unwrap_err().to_string();
    assert!(error.contains("advisories = 2"), "{error}");
}
