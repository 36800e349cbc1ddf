//! What a policy leaves out by path.
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

use plimsoll_policy::{Evidence, Exclusions, InventorySource, Narrowed, Outcome, Policy, SbomFacts};
use plimsoll_sbom::{
    Component, ComponentIndex, Inventory, Location, Problem, ProblemCode, Relationship, RelationshipKind,
};

use common::{evidence, judge, policy, policy_text, rule, scanned};

const VENDOR: &str = "phase: pilot\ndigest: { pinned: false }\nsbom: { required: true }\n\
                      exclude: [{ path: 'opt/vendor/**', reason: vendored }, { path: 'srv/*.jar', reason: odd }]";

fn at(purl: &str, paths: &[&str]) -> Component {
    let location = |path: &&str| Location { path: (*path).to_owned(), layer: None };
    Component {
        locations: paths.iter().map(location).collect(),
        ..Component::from_purl(purl.parse().unwrap())
    }
}

fn exclusions() -> Exclusions {
    policy(VENDOR).exclusions().clone()
}

#[test]
fn findings_only_at_excluded_paths_are_left_out_and_counted() {
    let depends = |from, to| Relationship {
        from: ComponentIndex(from),
        kind: RelationshipKind::DependsOn,
        to: ComponentIndex(to),
    };
    let files = |problem: Problem, files: &[&str]| Problem {
        files: files.iter().map(|&path| path.to_owned()).collect(),
        ..problem
    };
    let unread = |path| Problem::new(ProblemCode::NotRead, path, "2 go.work");
    let inventory = Inventory {
        components: vec![
            at("pkg:npm/a@1", &["opt/vendor/a"]),
            at("pkg:npm/b@1", &["opt/vendor/b", "srv/b"]),
            at("pkg:npm/c@1", &[]),
            at("pkg:maven/g/d@1", &["srv/d.jar"]),
            at("pkg:deb/debian/e@1", &["opt/vendor/status"]),
        ],
        relationships: [depends(0, 1), depends(1, 2), depends(2, 4)].into(),
        problems: vec![
            Problem::new(ProblemCode::OsInventoryBroken, "opt/vendor/status", "x"),
            Problem::new(ProblemCode::UnparsableMetadata, "opt/vendor/METADATA", "x"),
            Problem::new(ProblemCode::UnparsableMetadata, "srv/x/METADATA", "x"),
            files(unread("opt/vendor/a/go.work"), &["opt/vendor/a/go.work", "opt/vendor/b/go.work"]),
            files(unread("opt/vendor/a/go.work"), &["opt/vendor/a/go.work", "srv/go.work"]),
            // Which files it is about is not known.
            unread("opt/vendor/a/go.work"),
            Problem::new(ProblemCode::SwitchedOff, "", "x"),
        ],
        ..Inventory::default()
    };
    let (rest, excluded) = exclusions().apply(&inventory);
    let names: Vec<&str> = rest.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "e"]);
    assert_eq!(rest.relationships, [depends(0, 1), depends(1, 2)].into());
    assert_eq!(rest.problems.len(), 5);
    let counts: Vec<_> = excluded.iter().map(|it| (it.path.as_str(), it.components, it.problems)).collect();
    assert_eq!(counts, [("opt/vendor/**", 1, 2), ("srv/*.jar", 1, 0)]);
    assert_eq!(excluded[0].example.as_deref(), Some("opt/vendor/METADATA"));
}

fn with(problems: Vec<Problem>) -> SbomFacts {
    SbomFacts::Inventory {
        source: InventorySource::Cataloged,
        components: 3,
        os: Some("debian-12".to_owned()),
        problems,
        digest: None,
    }
}

#[test]
fn a_policy_sees_only_what_was_gathered_for_its_own_exclusions() {
    let broken = with(vec![Problem::new(ProblemCode::UnparsableMetadata, "opt/vendor/METADATA", "x")]);
    let inventory = Inventory {
        problems: vec![Problem::new(ProblemCode::UnparsableMetadata, "opt/vendor/METADATA", "x")],
        ..Inventory::default()
    };
    let narrowed = |exclusions: Exclusions| Narrowed {
        excluded: exclusions.apply(&inventory).1,
        exclusions,
        sbom: with(Vec::new()),
        vulnerabilities: scanned(Vec::new(), Vec::new()),
    };
    let plain = policy("phase: pilot\ndigest: { pinned: false }\nsbom: { required: true }");
    let vendor = policy(VENDOR);
    let found = Evidence { sbom: broken.clone(), narrowed: vec![narrowed(exclusions())], ..evidence() };
    let sbom = |policy: &Policy, evidence: &Evidence| rule(&judge(policy, evidence), "sbom").clone();
    assert_eq!(sbom(&plain, &found).outcome, Outcome::Unknown);
    let passed = sbom(&vendor, &found);
    assert_eq!(passed.outcome, Outcome::Pass);
    assert!(passed.reason.ends_with("1 problem left out by spec.exclude"), "{}", passed.reason);
    let json = serde_json::to_string(&passed.details).unwrap();
    assert!(json.contains(r#"{"type":"excluded","path":"opt/vendor/**","reason":"vendored""#), "{json}");
    // What was not gathered for it leaves everything in.
    let missing = Evidence { sbom: broken, narrowed: Vec::new(), ..evidence() };
    assert_eq!(sbom(&vendor, &missing).outcome, Outcome::Unknown);
}

#[test]
fn a_reason_is_required_and_patterns_of_everything_are_refused() {
    for (exclude, expected) in [
        ("{ path: 'opt/**' }", "reason"),
        ("{ path: 'opt/**', reason: '' }", "1 to 500 characters"),
        ("{ path: 'opt/**', reason: ' ' }", "1 to 500 characters"),
        ("{ path: '**', reason: x }", "excludes everything"),
        ("{ path: 'var/lib/**', reason: x }", "by which the operating system's packages are known"),
        ("{ path: 'usr/lib/os-release', reason: x }", "by which the operating system's packages are known"),
        ("{ reason: x }", "path"),
    ] {
        let text = policy_text(&format!("phase: pilot\nexclude: [{exclude}]"));
        let error = Policy::parse(text.as_bytes(), "test.yaml", &()).unwrap_err().to_string();
        assert!(error.contains(expected), "{exclude}: {error}");
    }
}

#[test]
fn exclusions_are_part_of_what_a_policy_decides_by() {
    let digest = |spec: &str| policy(spec).effective_digest();
    assert_ne!(digest(VENDOR), digest(&VENDOR.replace("vendored", "other")));
    let anywhere = policy("phase: pilot\nexclude: [{ path: '**/tests/**', reason: x }]");
    let codes: Vec<_> = anywhere.lint(common::now()).into_iter().map(|found| found.code.as_str()).collect();
    assert!(codes.contains(&"PL029"), "{codes:?}");
}
