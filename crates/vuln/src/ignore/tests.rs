//! What rules of each form ignore, and what is refused instead of becoming wider.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_core::Timestamp;
use plimsoll_sbom::{Component, Location};

use super::*;
use crate::class::Class;
use crate::scan::{Finding, Fix, Gap, GapReason, Scan, Undecided};
use crate::severity::{Severity, SeveritySource};

const NOW: &str = "2026-11-20T12:00:00Z";

fn finding(id: &str, purl: &str, paths: &[&str]) -> Finding {
    let component = Component::from_purl(purl.parse().unwrap());
    let locations = paths.iter().map(|path| Location { path: (*path).to_owned(), layer: None });
    let locations: Vec<Location> = locations.collect();
    Finding {
        id: id.to_owned(),
        advisory: id.to_owned(),
        class: Class::default(),
        aliases: vec!["GHSA-x".to_owned()].into(),
        named_by: BTreeMap::new().into(),
        component: component.purl.into(),
        package: component.name,
        version: component.version,
        severity: Severity::High,
        severity_source: SeveritySource::default(),
        exploited: None,
        likelihood: None,
        linked: None,
        cpe: None,
        without_epochs: false,
        fix: Fix::NotFixed,
        summary: String::new().into(),
        locations: locations.into(),
        published: None,
        modified: None,
        urls: Vec::new().into(),
    }
}

fn scan(findings: Vec<Finding>) -> Scan {
    Scan { findings, ..Scan::default() }
}

fn applied(name: &str, text: &str, finding: Finding) -> Scan {
    let rules = Rules::new(vec![read(text.as_bytes(), Path::new(name)).unwrap()]);
    let mut scan = scan(vec![finding]);
    rules.apply(&mut scan, NOW.parse().unwrap());
    assert_eq!(scan.findings.len() + scan.suppressed.len(), 1, "a finding is lost");
    scan
}

/// Whether a file ignores CVE-2026-1 in this package at this place.
fn ignores(name: &str, text: &str, purl: &str, paths: &[&str]) -> bool {
    applied(name, text, finding("CVE-2026-1", purl, paths)).findings.is_empty()
}

fn own(rule: &str) -> String {
    format!("apiVersion: plimsoll.dev/v1\nkind: IgnoreRules\nignore:\n  - {rule}\n")
}

const NPM: &str = "pkg:npm/%40acme/lib@1.0.0";

#[test]
fn every_condition_of_a_rule_has_to_hold() {
    let at = &["opt/app/node_modules/lib/package.json"];
    for (rule, expected) in [
        ("{ids: [CVE-2026-1], reason: r, until: 2026-12-31}", true),
        ("{ids: [ghsa-X], reason: r, until: 2026-12-31}", true),
        ("{ids: [CVE-2026-2], reason: r, until: 2026-12-31}", false),
        ("{ids: [CVE-2026-1], reason: r, until: 2026-11-20}", false),
        ("{ids: [CVE-2026-1], reason: r, until: 2026-11-20T12:00:00Z}", false),
        ("{ids: [CVE-2026-1], reason: r, until: 2026-11-20T12:00:01Z}", true),
        ("{package: 'pkg:npm/%40acme/lib', reason: r, until: 2026-12-31}", true),
        ("{package: 'pkg:npm/%40acme/lib@1.0.1', reason: r, until: 2026-12-31}", false),
        ("{ids: [CVE-2026-1], package: 'pkg:npm/lib', reason: r, until: 2026-12-31}", false),
        ("{ids: [CVE-2026-1], paths: ['opt/*/node_modules/**'], reason: r, until: 2026-12-31}", true),
        ("{ids: [CVE-2026-1], paths: ['opt/*'], reason: r, until: 2026-12-31}", false),
        ("{ids: [CVE-2026-1], paths: ['/opt/**'], reason: r, until: 2026-12-31}", true),
    ] {
        assert_eq!(ignores("r.yaml", &own(rule), NPM, at), expected, "{rule}");
    }
    // Each place has to be meant, and one at least has to be known.
    let rule = own("{ids: [CVE-2026-1], paths: ['opt/**'], reason: r, until: 2026-12-31}");
    assert!(!ignores("r.yaml", &rule, NPM, &["opt/a", "usr/a"]));
    assert!(!ignores("r.yaml", &rule, NPM, &[]));
}

#[test]
fn rules_without_reason_end_or_subject_are_refused() {
    for (rule, expected) in [
        ("{ids: [CVE-2026-1], until: 2026-12-31}", "reason"),
        ("{ids: [CVE-2026-1], reason: r}", "until"),
        ("{ids: [CVE-2026-1], reason: r, until: 2026-12-31, image: x}", "image"),
    ] {
        let error = read(own(rule).as_bytes(), Path::new("r.yaml")).unwrap_err().to_string();
        assert!(error.contains(expected), "{rule}: {error}");
    }
    for (rule, expected) in [
        ("{reason: r, until: 2026-12-31}", "neither a vulnerability"),
        ("{paths: [opt], reason: r, until: 2026-12-31}", "neither a vulnerability"),
        ("{ids: [CVE-2026-1], reason: ' ', until: 2026-12-31}", "reason is empty"),
        ("{ids: [CVE-2026-1], reason: r, until: tomorrow}", "`tomorrow` is neither a day"),
        ("{ids: ['*'], reason: r, until: 2026-12-31}", "`*` is not the identifier"),
        ("{package: lib, reason: r, until: 2026-12-31}", "expected a package URL"),
        ("{ids: [CVE-2026-1], paths: ['opt/[a'], reason: r, until: 2026-12-31}", "rule 1: "),
        ("{ids: [CVE-2026-1], paths: ['/'], reason: r, until: 2026-12-31}", "a path is empty"),
    ] {
        let file = read(own(rule).as_bytes(), Path::new("r.yaml")).unwrap();
        assert_eq!((file.rules.len(), file.refused), (0, 1), "{rule}");
        assert!(file.reasons[0].contains(expected), "{rule}: {:?}", file.reasons);
    }
}

#[test]
fn an_ended_rule_is_told_and_an_unused_one_counted() {
    let text = "CVE-2026-1 exp:2026-01-01\nCVE-2026-9\nCVE-2026-1 # why\n";
    let scan = applied(".trivyignore", text, finding("CVE-2026-1", NPM, &[]));
    let used = &scan.ignored[0];
    assert_eq!((used.rules, used.set_aside, used.unused, used.refused), (2, 0, 1, 1));
    assert_eq!(used.ended, ["line 1 (CVE-2026-1) ended at 2026-01-01T00:00:00Z"]);
    assert_eq!(used.reasons, ["line 3: `#` after the identifier is not exp: and a day"]);
}

#[test]
fn an_advisory_about_several_vulnerabilities_is_ignored_if_each_is() {
    let both = || {
        let named = BTreeSet::from(["CVE-2026-1".to_owned(), "CVE-2026-2".to_owned()]);
        Finding {
            aliases: vec!["CVE-2026-2".to_owned(), "GHSA-x".to_owned()].into(),
            named_by: BTreeMap::from([("GHSA-x".to_owned(), named)]).into(),
            ..finding("CVE-2026-1", NPM, &[])
        }
    };
    for (text, expected) in [("CVE-2026-1", false), ("CVE-2026-1\nCVE-2026-2", true), ("GHSA-x", true)] {
        assert_eq!(applied("ignore", text, both()).findings.is_empty(), expected, "{text}");
    }
}

#[test]
fn a_malicious_package_is_ignored_by_name_only() {
    let malicious = || Finding { class: Class::Malicious, ..finding("MAL-2026-1", NPM, &["opt/a"]) };
    let package = own("{package: 'pkg:npm/%40acme/lib', reason: r, until: 2026-12-31}");
    assert_eq!(applied("r.yaml", &package, malicious()).findings.len(), 1);
    assert_eq!(applied("r.yaml", "ignore:\n  - {fix-state: not-fixed}\n", malicious()).findings.len(), 1);
    assert_eq!(applied("ignore", "MAL-2026-1", malicious()).findings.len(), 0);
}

#[test]
fn trivys_rules_in_yaml_are_carried_over() {
    let yaml = |rule: &str| format!("vulnerabilities:\n  - {rule}\nmisconfigurations:\n  - id: AVD-1\n");
    for (rule, expected) in [
        ("{id: CVE-2026-1}", true),
        ("{id: CVE-2026-1, statement: s, expired_at: 2026-12-31}", true),
        ("{id: CVE-2026-1, expired_at: 2026-10-31}", false),
        ("{id: CVE-2026-1, purls: ['pkg:npm/other', 'pkg:npm/%40acme/lib']}", true),
        ("{id: CVE-2026-1, purls: ['pkg:npm/other']}", false),
        ("{id: CVE-2026-1, paths: [opt/a]}", true),
        ("{id: CVE-2026-1, paths: [opt/b]}", false),
    ] {
        assert_eq!(ignores(".trivyignore.yaml", &yaml(rule), NPM, &["opt/a"]), expected, "{rule}");
    }
    let file = read(yaml("{id: CVE-2026-1, only: x}").as_bytes(), Path::new("t.yaml")).unwrap();
    assert!(file.reasons[0].contains("unknown field `only`"), "{:?}", file.reasons);
}

#[test]
fn grypes_rules_are_carried_over_exactly_or_refused() {
    for (rule, expected) in [
        ("{vulnerability: CVE-2026-1}", Ok(true)),
        ("{vulnerability: GHSA-x, include-aliases: true, reason: r}", Ok(true)),
        ("{vulnerability: CVE-2026-1, fix-state: not-fixed}", Ok(true)),
        ("{vulnerability: CVE-2026-1, fix-state: fixed}", Ok(false)),
        ("{fix-state: wont-fix}", Ok(false)),
        ("{package: {name: '@acme/lib'}}", Ok(true)),
        ("{package: {name: '@acme/lib', version: 1.0.0, type: npm}}", Ok(true)),
        ("{package: {name: '@acme/lib', version: 1.0.1}}", Ok(false)),
        ("{package: {name: '@acme/lib', type: deb}}", Ok(false)),
        ("{package: {location: '/opt/**'}}", Ok(true)),
        ("{package: {name: 'lib.*'}}", Err("regular expression")),
        ("{package: {type: npm}}", Err("without a name")),
        ("{package: {name: lib, language: go}}", Err("unknown field `language`")),
        ("{vulnerability: CVE-2026-1, namespace: debian}", Err("unknown field `namespace`")),
        ("{vulnerability: CVE-2026-1, vex-status: fixed}", Err("unknown field `vex-status`")),
        ("{fix-state: maybe}", Err("not a state of a fix")),
        ("{reason: r}", Err("no condition")),
    ] {
        let text = format!("fail-on-severity: high\nignore:\n  - {rule}\n");
        let file = read(text.as_bytes(), Path::new(".grype.yaml")).unwrap();
        match expected {
            Ok(expected) => {
                assert_eq!(file.reasons, Vec::<String>::new(), "{rule}");
                assert_eq!(ignores(".grype.yaml", &text, NPM, &["opt/a"]), expected, "{rule}");
            }
            Err(reason) => {
                assert!(file.reasons[0].contains(reason), "{rule}: {:?}", file.reasons);
                assert!(!ignores(".grype.yaml", &text, NPM, &["opt/a"]), "{rule}");
            }
        }
    }
}

#[test]
fn osv_scanners_rules_are_carried_over_exactly_or_refused() {
    for (text, expected) in [
        ("[[IgnoredVulns]]\nid = 'GHSA-x'\nignoreUntil = 2026-12-31\nreason = 'r'\n", Ok(true)),
        ("[[IgnoredVulns]]\nid = 'CVE-2026-1'\nignoreUntil = 2026-10-31\n", Ok(false)),
        ("[[PackageOverrides]]\nname = '@acme/lib'\necosystem = 'npm'\nignore = true\n", Ok(true)),
        (
            "[[PackageOverrides]]\nname = '@acme/lib'\nversion = '1.0.0'\nvulnerability.ignore = true\n",
            Ok(true),
        ),
        (
            "[[PackageOverrides]]\nname = '@acme/lib'\nversion = '1.0.1'\nvulnerability.ignore = true\n",
            Ok(false),
        ),
        ("[[PackageOverrides]]\nname = '@acme/lib'\necosystem = 'Go'\nignore = true\n", Ok(false)),
        ("[[PackageOverrides]]\nname = '@acme/lib'\nlicense.override = ['MIT']\n", Ok(false)),
        (
            "[[PackageOverrides]]\nname = '@acme/lib'\nignore = true\neffectiveUntil = 2026-10-31T00:00:00Z\n",
            Ok(false),
        ),
        ("[[PackageOverrides]]\necosystem = 'npm'\nignore = true\n", Err("names no package")),
        ("[[PackageOverrides]]\nname = 'lib'\ngroup = 'dev'\nignore = true\n", Err("unknown field `group`")),
        (
            "[[PackageOverrides]]\nname = 'lib'\necosystem = 'Debian:12'\nignore = true\n",
            Err("without its release"),
        ),
        ("GoVersionOverride = '1.20'\n", Err("it is no ignore rule")),
    ] {
        let file = read(text.as_bytes(), Path::new("osv-scanner.toml")).unwrap();
        match expected {
            Ok(expected) => {
                assert_eq!(file.reasons, Vec::<String>::new(), "{text}");
                assert_eq!(ignores("osv-scanner.toml", text, NPM, &[]), expected, "{text}");
            }
            Err(reason) => assert!(file.reasons[0].contains(reason), "{text}: {:?}", file.reasons),
        }
    }
}

#[test]
fn what_has_no_rules_is_refused() {
    for (name, text, expected) in [
        ("a.yaml", "{}", "has no ignore rules, expected one of IgnoreRules"),
        ("a.yaml", "kind: Policy\napiVersion: plimsoll.dev/v1\n", "Policy"),
        ("a.yaml", "ignore: []\nignore: []\n", "ignore"),
        ("a.toml", "x = ", "invalid TOML"),
    ] {
        let error = read(text.as_bytes(), Path::new(name)).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(read(&[0xff], Path::new("x")).unwrap_err().to_string().contains("not UTF-8"));
    let now: Timestamp = NOW.parse().unwrap();
    let file = read(b"rm -rf /\n../x\n", Path::new("x")).unwrap();
    assert_eq!((file.rules.len(), file.refused), (0, 2));
    assert!(file.rules.iter().all(|rule| rule.is_in_force(now)));
}

#[test]
fn what_an_advisory_leaves_open_is_settled_by_a_rule_that_names_it_and_by_no_other() {
    let undecided = || {
        let named = BTreeMap::from([("GHSA-x".to_owned(), BTreeSet::from(["CVE-2026-1".to_owned()]))]);
        let finding = Finding { named_by: named.into(), ..finding("CVE-2026-1", NPM, &["opt/a"]) };
        let (package, version) = (finding.package.clone(), finding.version.clone());
        let reason = GapReason::UndecidedRange { package, version, advisories: vec!["GHSA-x".to_owned()] };
        let gap = Gap { ecosystem: "npm".to_owned(), components: 1, reason };
        let undecided = vec![Undecided { finding, ecosystem: "npm", component: 0 }];
        Scan { undecided, gaps: vec![gap], ..Scan::default() }
    };
    let after = |rule: &str| {
        let mut scan = undecided();
        let text = format!(
            "apiVersion: plimsoll.dev/v1\nkind: IgnoreRules\nignore:\n  - {{{rule}, reason: not run, until: 2027-01-01}}\n"
        );
        let file = read(text.as_bytes(), "rules.yaml".as_ref()).unwrap();
        Rules::new(vec![file]).apply(&mut scan, NOW.parse().unwrap());
        (scan.gaps.len(), scan.undecided.len(), scan.suppressed.len(), scan.ignored[0].set_aside)
    };
    assert_eq!(after("ids: [CVE-2026-1]"), (0, 0, 1, 1));
    assert_eq!(after("ids: [CVE-2026-2]"), (1, 1, 0, 0), "another one");
    assert_eq!(after(&format!("package: '{NPM}'")), (1, 1, 0, 0), "whatever there may be in a package");
    assert_eq!(after("ids: [CVE-2026-1], paths: ['opt/b']"), (1, 1, 0, 0), "elsewhere");
}
