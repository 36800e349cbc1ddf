//! The forms of OSV documents that publishers really write, and forms that must be refused.

use super::*;
use plimsoll_vuln::version::{pep440::Pep440, semver::SemVer};
use std::path::Path;

const PYPI: Option<&Target> =
    Some(&Target { ecosystem: Ecosystem::PyPI, order: &Pep440, distribution: None });
const GO: Option<&Target> = Some(&Target { ecosystem: Ecosystem::Go, order: &SemVer, distribution: None });

fn parse(
    ecosystem: Option<&Target>,
    document: &serde_json::Value,
) -> (Result<Vec<Draft>, Error>, FeedReport) {
    parse_bytes(ecosystem, document.to_string().as_bytes())
}

fn parse_bytes(ecosystem: Option<&Target>, bytes: &[u8]) -> (Result<Vec<Draft>, Error>, FeedReport) {
    let mut report =
        FeedReport::new("PyPI", "OSV", Path::new("PyPI/all.zip"), "2026-01-01T00:00:00Z".parse().unwrap());
    let entry = Entry { file: Path::new("PyPI/all.zip"), name: Some("X-1.json"), bytes };
    (read(ecosystem, &entry, &Limits::default(), &mut report), report)
}

fn document() -> serde_json::Value {
    serde_json::json!({
        "schema_version": "1.7.0", "id": "PYSEC-1", "modified": "2024-11-21T14:23:03Z", "published": null,
        "aliases": ["CVE-2024-1", "PYSEC-1", "CVE-2024-1"], "details": "### Impact\nBad.", "credits": [{"name": "x"}],
        "affected": [{
            "package": {"ecosystem": "PyPI", "name": "Flask_Babel", "purl": "pkg:pypi/flask-babel"},
            "ranges": [{"type": "GIT", "repo": "https://example.org", "events": [{"introduced": "0"}]},
                       {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}],
            "versions": ["1.0", "1.1", "1.6", "trunk"]
        }],
        "references": [{"type": "WEB", "url": "https://example.org/b"}, {"type": "ADVISORY", "url": "https://example.org/a"},
                       {"type": "WEB", "url": "javascript:alert(1)"}]
    })
}

fn kept(document: &serde_json::Value) -> (Draft, FeedReport) {
    let (draft, report) = parse(PYPI, document);
    let [draft] = <[Draft; 1]>::try_from(draft.unwrap()).unwrap();
    (draft, report)
}

#[test]
fn only_one_open_range_ends_where_github_says_that_it_does() {
    let affected = |events: serde_json::Value, stated: serde_json::Value| {
        let mut document = document();
        document["affected"][0]["ranges"] = serde_json::json!([{"type": "ECOSYSTEM", "events": events}]);
        document["affected"][0]["versions"] = serde_json::json!([]);
        document["affected"][0]["database_specific"] =
            serde_json::json!({"last_known_affected_version_range": stated});
        kept(&document).0.statements[0].affected.clone()
    };
    let expected = |intervals: &[(Start<'static>, End<'static>)], fix_state: FixState| {
        let intervals = intervals.iter().map(|(from, end)| Interval { from: *from, end: *end }).collect();
        let mut encoded = Vec::new();
        Affected { intervals, doubtful: vec![], versions: vec![], fix_state }.encode(&mut encoded);
        encoded
    };
    let from_2 = serde_json::json!([{"introduced": "2"}]);
    let ends = |stated: &str| affected(from_2.clone(), stated.into());
    let unknown = |end: End<'static>| expected(&[(Start::At("2"), end)], FixState::Unknown);
    assert_eq!(ends("< 2.1"), unknown(End::Before("2.1")));
    assert_eq!(ends("<=2.1"), unknown(End::Through("2.1")));
    let open = expected(&[(Start::At("2"), End::Open)], FixState::NotFixed);
    // Before its start, no version, another form, no text.
    for stated in ["< 1.9", "<= 2", "< soon", "> 2.1", "2.1", "<"] {
        assert_eq!(ends(stated), open, "{stated}");
    }
    assert_eq!(affected(from_2.clone(), 2.into()), open);
    let fixed = affected(serde_json::json!([{"introduced": "2"}, {"fixed": "3"}]), "< 2.1".into());
    assert_eq!(fixed, unknown(End::Before("3")));
    let from_the_first = affected(serde_json::json!([{"introduced": "0"}]), "< 2.1".into());
    assert_eq!(from_the_first, expected(&[(Start::First, End::Before("2.1"))], FixState::Unknown));
}

#[test]
fn names_are_normalised_and_enumerated_versions_inside_the_range_are_dropped() {
    let (draft, report) = kept(&document());
    let [statement] = &draft.statements[..] else { panic!("one statement") };
    assert_eq!(statement.key, "flask-babel");
    let mut expected = Vec::new();
    let intervals = vec![Interval { from: Start::First, end: End::Before("1.5") }];
    Affected { intervals, doubtful: vec![], versions: vec!["1.6", "trunk"], fix_state: FixState::Unknown }
        .encode(&mut expected);
    assert_eq!(statement.affected, expected);
    assert_eq!(draft.detail.aliases, ["CVE-2024-1"]);
    assert_eq!(draft.detail.summary, "Impact");
    assert_eq!(draft.detail.urls, ["https://example.org/a", "https://example.org/b"]);
    assert_eq!((report.read, report.kept, report.doubts.len()), (1, 1, 0));
}

#[test]
fn withdrawn_and_foreign_documents_are_counted_not_kept() {
    let mut withdrawn = document();
    withdrawn["withdrawn"] = "2024-12-01T00:00:00Z".into();
    let (draft, report) = parse(PYPI, &withdrawn);
    assert!(draft.unwrap().is_empty());
    assert_eq!((report.read, report.withdrawn), (1, 1));
    withdrawn["withdrawn"] = "2099-01-01T00:00:00Z".into();
    assert_eq!(parse(PYPI, &withdrawn).1.withdrawn, 0);

    let (draft, report) = parse(GO, &document());
    assert!(draft.unwrap().is_empty());
    assert_eq!(report.skipped[&Skip::NoPackage].examples, ["PYSEC-1"]);

    let mut report = FeedReport::new("PyPI", "OSV", Path::new("x"), "2026-01-01T00:00:00Z".parse().unwrap());
    let entry = Entry { file: Path::new("x"), name: Some("README.md"), bytes: b"hello" };
    assert!(read(PYPI, &entry, &Limits::default(), &mut report).unwrap().is_empty());
    assert_eq!(report.skipped[&Skip::NotAnAdvisory].count, 1);
}

#[test]
fn the_vendor_then_the_highest_cvss_rates() {
    let mut scored = document();
    let v3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L";
    let v4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
    scored["severity"] = serde_json::json!([
        {"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:C/I:C/A:C"}, {"type": "CVSS_V3", "score": v3}]);
    assert_eq!(kept(&scored).0.statements[0].rating.severity, Severity::Medium);
    scored["severity"][0] = serde_json::json!({"type": "CVSS_V4", "score": v4});
    let rating = kept(&scored).0.statements[0].rating.clone();
    assert_eq!(rating, Rating { severity: Severity::Critical, source: SeveritySource::Cvss(v4.into()) });
    scored["database_specific"] = serde_json::json!({"severity": "MODERATE"});
    let rating = kept(&scored).0.statements[0].rating.clone();
    assert_eq!(rating, Rating { severity: Severity::Medium, source: SeveritySource::Vendor });
}

#[test]
fn an_unreadable_score_is_reported_and_rates_nothing() {
    let mut scored = document();
    scored["severity"] = serde_json::json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}]);
    let (draft, report) = kept(&scored);
    assert!(!draft.statements[0].rating.is_rated());
    assert_eq!(report.doubts[&Doubt::Severity].count, 1);
}

#[test]
fn ranges_that_say_nothing_about_versions_are_doubtful_not_empty() {
    for (ranges, versions, doubt) in [
        (serde_json::json!([]), serde_json::json!([]), Some(Doubt::NoVersions)),
        (
            serde_json::json!([{"type": "GIT", "events": [{"introduced": "0"}]}]),
            serde_json::json!(null),
            Some(Doubt::NoVersions),
        ),
        (
            serde_json::json!([{"type": "GIT", "events": [{"introduced": "0"}]}]),
            serde_json::json!(["1.0"]),
            None,
        ),
        (
            serde_json::json!([{"type": "NEW", "events": []}]),
            serde_json::json!(["1.0"]),
            Some(Doubt::RangeType),
        ),
        (
            serde_json::json!([{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"broken": "1"}]}]),
            serde_json::json!([]),
            Some(Doubt::Range(RangeProblem::UnknownEvent)),
        ),
        (
            serde_json::json!([{"type": "ECOSYSTEM", "events": [{"introduced": "2"}, {"fixed": "1"}]}]),
            serde_json::json!([]),
            Some(Doubt::Range(RangeProblem::EndBeforeStart)),
        ),
    ] {
        let mut odd = document();
        odd["affected"][0]["ranges"] = ranges.clone();
        odd["affected"][0]["versions"] = versions;
        let (draft, report) = kept(&odd);
        assert_eq!(report.doubts.keys().next(), doubt.as_ref(), "{ranges}");
        // The second list of the encoding contains the doubtful intervals; 0 is an interval without bounds.
        let mut expected = Vec::new();
        let doubtful = if doubt.is_some() { vec![Interval::ALL] } else { vec![] };
        Affected { intervals: vec![], doubtful, versions: vec![], fix_state: FixState::Unknown }
            .encode(&mut expected);
        assert_eq!(draft.statements.len(), 1);
        let has = draft.statements[0].affected.windows(2).any(|pair| pair == [1, 0]);
        assert_eq!(has, doubt.is_some(), "{ranges}: {:?}", draft.statements[0].affected);
    }
}

#[test]
fn known_fields_of_another_type_fail_with_file_and_entry() {
    let cases: [(&str, serde_json::Value); 8] = [
        ("/id", 7.into()),
        ("/id", "two words".into()),
        ("/modified", "yesterday".into()),
        ("/aliases", "CVE-1".into()),
        ("/affected", serde_json::json!({})),
        ("/affected/0/versions", serde_json::json!([1.0])),
        ("/affected/0/package/name", "a\u{1b}[2Jb".into()),
        ("/affected/0/ranges/0/events", serde_json::json!([{"introduced": 0}])),
    ];
    for (place, value) in cases {
        let mut broken = document();
        *broken.pointer_mut(place).unwrap() = value;
        let error = parse(PYPI, &broken).0.unwrap_err().to_string();
        assert!(error.starts_with("PyPI/all.zip, entry `X-1.json`: "), "{error}");
    }
    let twice = br#"{"id":"A-1","id":"A-2","modified":"2024-11-21T14:23:03Z"}"#;
    for (bytes, problem) in [
        (&b"{"[..], "EOF"),
        (b"[]", "invalid length 0"),
        (b"{} {}", "trailing characters"),
        (b"\xff", "expected value"),
        (twice, "member `id` stands twice"),
    ] {
        let error = parse_bytes(PYPI, bytes).0.unwrap_err().to_string();
        assert!(error.contains(problem), "{bytes:?}: {error}");
    }
}

#[test]
fn a_feed_without_a_place_still_rates() {
    let mut bitnami = document();
    bitnami["affected"][0]["package"]["ecosystem"] = "Bitnami".into();
    bitnami["affected"][0]["severity"] =
        serde_json::json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]);
    let draft = parse(None, &bitnami).0.unwrap().remove(0);
    assert_eq!((draft.rating.severity, draft.statements.len()), (Severity::Critical, 0));
}

#[test]
fn the_year_one_is_not_a_time() {
    let mut go = document();
    go["modified"] = "0001-01-01T00:00:00Z".into();
    assert_eq!(kept(&go).0.detail.modified, None);
}

fn almalinux() -> Target {
    Target::named("AlmaLinux").unwrap()
}

fn erratum(id: &str, summary: &str, fixed: &str, related: &[&str]) -> serde_json::Value {
    serde_json::json!({
        "id": id, "modified": "2024-11-21T14:23:03Z", "summary": summary, "related": related,
        "affected": [{
            "package": {"ecosystem": "AlmaLinux:8", "name": "nodejs"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }],
        "references": [{"type": "ADVISORY", "url": "https://errata.example.org/1"}]
    })
}

#[test]
fn an_erratum_is_one_advisory_for_each_cve_in_each_of_its_module_streams() {
    let fixed = "1:18.16.1-1.module_el8.8.0+3613+1ed8c91d";
    let document = erratum(
        "ALSA-2023:4536",
        "Moderate: nodejs:18 and nodejs-devel:18 security update",
        fixed,
        &["CVE-2023-2", "CVE-2023-1", "CVE-2023-2", "RHSA-1"],
    );
    let (drafts, report) = parse(Some(&almalinux()), &document);
    let drafts = drafts.unwrap();
    let ids: Vec<_> = drafts.iter().map(|draft| draft.id.as_str()).collect();
    assert_eq!((ids, report.kept), (vec!["CVE-2023-1", "CVE-2023-2"], 1));
    for draft in drafts {
        assert_eq!(draft.detail.urls, ["https://errata.example.org/1"]);
        assert!(draft.detail.aliases.is_empty(), "another CVE is not an alias");
        let modules: Vec<_> = draft.statements.iter().map(|it| it.module.as_deref().unwrap()).collect();
        assert_eq!(modules, ["nodejs:18", "nodejs-devel:18"]);
        assert!(
            draft.statements.iter().all(|it| it.key == "8/nodejs" && it.rating.severity == Severity::Medium)
        );
        assert!(!draft.rating.is_rated(), "the worst of an erratum rates none of its CVEs elsewhere");
    }
}

#[test]
fn an_erratum_without_module_or_cve_stays_one_advisory() {
    let document = erratum("ALSA-2024:1", "Important: kernel:4.18.0 security update", "4.18.0-1.el8", &[]);
    let (drafts, _) = parse(Some(&almalinux()), &document);
    let [draft] = <[Draft; 1]>::try_from(drafts.unwrap()).unwrap();
    assert_eq!(draft.id, "ALSA-2024:1");
    assert_eq!(draft.statements[0].module, None, "a version in the summary is not a stream");
}

#[test]
fn an_erratum_about_bugs_is_not_an_advisory_unless_it_names_a_cve() {
    let bug = |related: &[&str]| {
        let document = erratum("ALBA-2019:4275", "nodejs bug fix update", "1.18.3-1.el8", related);
        parse(Some(&almalinux()), &document)
    };
    let (drafts, report) = bug(&[]);
    assert!(drafts.unwrap().is_empty());
    assert_eq!(report.skipped[&Skip::NoVulnerability].examples, ["ALBA-2019:4275"]);
    let (drafts, _) = bug(&["CVE-2019-1"]);
    assert_eq!(drafts.unwrap()[0].id, "CVE-2019-1");
}

#[test]
fn functions_are_kept_where_go_names_any() {
    let affected = |name: &str, specific: serde_json::Value| {
        serde_json::json!({
            "package": {"ecosystem": "Go", "name": name},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
            "ecosystem_specific": specific
        })
    };
    let imports = serde_json::json!({"imports": [
        {"path": "example.org/a/b", "symbols": ["F", "T.M"], "goos": ["linux"]}, {"path": "example.org/a/c"}
    ]});
    let functions = |affected: Vec<serde_json::Value>| {
        let mut document = document();
        document["affected"] = affected.into();
        let (drafts, _) = parse(GO, &document);
        drafts.unwrap()[0].detail.functions.clone()
    };
    let function = |package: &str, names: &[&str]| VulnerableFunctions {
        package: package.to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let named = [function("example.org/a/b", &["F", "T.M"]), function("example.org/a/c", &[])];
    assert_eq!(functions(vec![affected("example.org/a", imports.clone())]), named);
    // About a second module it says nothing, so that anything there may be vulnerable.
    let both = vec![affected("example.org/a", imports), affected("example.org/z", serde_json::json!({}))];
    assert_eq!(functions(both), [&named[..], &[function("example.org/z/...", &[])]].concat());
    for nothing in [
        serde_json::json!({}),
        serde_json::json!({"imports": []}),
        serde_json::json!({"imports": [{"path": "example.org/a", "symbols": "all"}]}),
        serde_json::json!({"imports": [{"symbols": ["F"]}]}),
        serde_json::json!({"imports": [{"path": "example.org/a", "symbols": ["F"]}, 7]}),
    ] {
        assert_eq!(functions(vec![affected("example.org/a", nothing.clone())]), [], "{nothing}");
    }
}
