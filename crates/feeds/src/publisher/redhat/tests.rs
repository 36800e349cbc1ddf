//! What each statement becomes, and documents that must be refused.

use serde_json::{Value, json};

use super::*;

fn run(document: &Value) -> (Result<Vec<Draft>, Error>, FeedReport, BTreeSet<String>) {
    let mut report =
        FeedReport::new("Red Hat", "Red Hat", Path::new("redhat"), "2026-01-01T00:00:00Z".parse().unwrap());
    let bytes = document.to_string().into_bytes();
    let entry = Entry { file: Path::new("redhat/2024/cve-2024-1.json"), name: None, bytes: &bytes };
    let mut releases = BTreeSet::new();
    let read = read(&entry, &Limits::default(), &mut report, &mut releases);
    (read.map(|read| read.drafts), report, releases)
}

/// A document about packages, each with its purl and its platform's CPE.
fn document(status: &Value, packages: &[(&str, &str, &str)]) -> Value {
    let branch = |id: &str, helper: Value| json!({"product": {"product_id": id, "product_identification_helper": helper}});
    let mut branches = Vec::new();
    let mut relationships = Vec::new();
    for (id, purl, cpe) in packages {
        branches.push(branch(&format!("{id}/component"), json!({"purl": purl})));
        branches.push(json!({"branches": [branch(&format!("{id}/platform"), json!({"cpe": cpe}))]}));
        relationships.push(json!({"category": "default_component_of", "product_reference": format!("{id}/component"),
            "relates_to_product_reference": format!("{id}/platform"), "full_product_name": {"product_id": id}}));
    }
    json!({
        "document": {"category": "csaf_vex", "aggregate_severity": {"text": "Moderate"},
            "tracking": {"id": "CVE-2024-1", "current_release_date": "2024-11-21T14:31:32+00:00"}},
        "product_tree": {"branches": branches, "relationships": relationships},
        "vulnerabilities": [{"cve": "CVE-2024-1", "title": "curl: a flaw", "product_status": status,
            "scores": [{"cvss_v3": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]}]
    })
}

const RHEL9: &str = "cpe:/o:redhat:enterprise_linux:9::baseos";
const CURL: &str = "pkg:rpm/redhat/curl@7.76.1-26.el9_3.2?arch=x86_64";

fn encoded(intervals: Vec<Interval<'_>>, doubtful: Vec<Interval<'_>>, fix_state: FixState) -> Vec<u8> {
    let mut out = Vec::new();
    Affected { intervals, doubtful, versions: vec![], fix_state }.encode(&mut out);
    out
}

fn one(document: &Value) -> PackageStatement {
    let (drafts, report, _) = run(document);
    let [draft] = <[Draft; 1]>::try_from(drafts.unwrap()).unwrap();
    assert_eq!((report.read, report.kept), (1, 1));
    assert_eq!((draft.id.as_str(), draft.detail.summary.as_str()), ("CVE-2024-1", "curl: a flaw"));
    assert_eq!(draft.rating.severity, Severity::Critical, "the vector rates others");
    let [statement] = <[PackageStatement; 1]>::try_from(draft.statements).unwrap();
    statement
}

#[test]
fn every_state_becomes_what_the_table_says() {
    let before = |fix| {
        vec![Interval {
            from: plimsoll_vuln::affected::Start::First,
            end: plimsoll_vuln::affected::End::Before(fix),
        }]
    };
    let all = || vec![Interval::ALL];
    for (status, affected) in [
        (json!({"fixed": ["a"]}), encoded(before("7.76.1-26.el9_3.2"), vec![], FixState::Unknown)),
        (json!({"known_affected": ["a"]}), encoded(all(), vec![], FixState::NotFixed)),
        (json!({"under_investigation": ["a"]}), encoded(vec![], all(), FixState::Unknown)),
        (
            json!({"known_affected": ["a"], "fixed": ["a"]}),
            encoded(before("7.76.1-26.el9_3.2"), vec![], FixState::NotFixed),
        ),
    ] {
        let statement = one(&document(&status, &[("a", CURL, RHEL9)]));
        assert_eq!((statement.key.as_str(), &statement.affected), ("9/curl", &affected), "{status}");
        assert_eq!(statement.rating, Rating { severity: Severity::Medium, source: SeveritySource::Vendor });
    }
    let mut never = document(&json!({"known_affected": ["a"]}), &[("a", CURL, RHEL9)]);
    never["vulnerabilities"][0]["remediations"] =
        json!([{"category": "no_fix_planned", "details": "Out of support scope", "product_ids": ["a"]}]);
    never["vulnerabilities"][0]["threats"] =
        json!([{"category": "impact", "details": "Low", "product_ids": ["a"]}]);
    let statement = one(&never);
    assert_eq!(statement.affected, encoded(all(), vec![], FixState::WontFix));
    assert_eq!(statement.rating.severity, Severity::Low);

    let (drafts, report, releases) =
        run(&document(&json!({"known_not_affected": ["a"]}), &[("a", CURL, RHEL9)]));
    assert!(drafts.unwrap().is_empty());
    assert_eq!(report.skipped[&Skip::NoPackage].count, 1);
    assert_eq!(releases.into_iter().collect::<Vec<_>>(), ["9"], "the release is covered all the same");
}

#[test]
fn an_epoch_and_a_module_are_part_of_what_is_said() {
    let purl =
        "pkg:rpm/redhat/ruby@2.5.9-111.module%2Bel8.9.0%2B1?arch=src&epoch=1&rpmmod=ruby:2.5:80900:b46";
    let statement = one(&document(
        &json!({"fixed": ["a"]}),
        &[("a", purl, "cpe:/a:redhat:enterprise_linux:8::appstream")],
    ));
    assert_eq!((statement.key.as_str(), statement.module.as_deref()), ("8/ruby", Some("ruby:2.5")));
    let fixed = std::str::from_utf8(&statement.affected).unwrap_or_default();
    assert!(statement.affected.windows(2).any(|pair| pair == b"1:"), "{fixed}");

    // A module as a platform of its own.
    let mut nested =
        document(&json!({"fixed": ["a"]}), &[("a", CURL, "x"), ("m", "pkg:rpmmod/redhat/curl@7:1:2", RHEL9)]);
    nested["product_tree"]["relationships"][0]["relates_to_product_reference"] = "m".into();
    assert_eq!(one(&nested).module.as_deref(), Some("curl:7"));
    // A module without a stream is none, or the package would be found in no stream.
    let purl = "pkg:rpm/redhat/firefox-flatpak@128.0-1.el10?arch=src&rpmmod=rhel10";
    let statement = one(&document(&json!({"known_affected": ["a"]}), &[("a", purl, RHEL9)]));
    assert_eq!(statement.module, None);
}

#[test]
fn other_products_and_extended_updates_affect_nobody_else() {
    let eus = "cpe:/a:redhat:rhel_eus:9.0::appstream";
    for cpe in [
        "cpe:/a:redhat:openshift:4.16::el9",
        "cpe:/o:example:enterprise_linux:9",
        "cpe:/o:redhat:enterprise_linux",
        eus,
    ] {
        let (drafts, ..) = run(&document(&json!({"known_affected": ["a"]}), &[("a", CURL, cpe)]));
        assert!(drafts.unwrap().is_empty(), "{cpe}");
    }
    let both = document(
        &json!({"fixed": ["old"], "known_affected": ["a"]}),
        &[("a", "pkg:rpm/redhat/curl", RHEL9), ("old", "pkg:rpm/redhat/curl@7.76.1-14.el9_0.9", eus)],
    );
    let statement = one(&both);
    let open = Interval {
        from: plimsoll_vuln::affected::Start::At("7.76.1-14.el9_1"),
        end: plimsoll_vuln::affected::End::Open,
    };
    let before = Interval {
        from: plimsoll_vuln::affected::Start::First,
        end: plimsoll_vuln::affected::End::Before("7.76.1-14.el9_0.9"),
    };
    assert_eq!(statement.affected, encoded(vec![before, open], vec![], FixState::NotFixed));
}

#[test]
fn what_cannot_be_read_is_told_or_refused() {
    for purl in ["curl", "pkg:rpm/redhat/", "pkg:rpm/redhat/curl@%zz"] {
        let (drafts, report, _) = run(&document(&json!({"fixed": ["a"]}), &[("a", purl, RHEL9)]));
        assert_eq!(report.doubts[&Doubt::Malformed].count, 1, "{purl}");
        let statement = &drafts.unwrap()[0].statements[0];
        assert_eq!(statement.key, "9/component", "{purl}: the name that the document has for it");
        assert_eq!(statement.affected, encoded(vec![], vec![Interval::ALL], FixState::Unknown));
        for (status, platform) in
            [("known_affected", RHEL9), ("known_affected", "cpe:/a:redhat:rhel_eus:9.0")]
        {
            let (drafts, ..) = run(&document(&json!({status: ["a"]}), &[("a", purl, platform)]));
            assert_eq!(drafts.unwrap().len(), usize::from(platform == RHEL9), "{purl} {platform}");
        }
    }
    let (drafts, report, _) =
        run(&document(&json!({"fixed": ["a"]}), &[("a", "pkg:rpm/redhat/curl", RHEL9)]));
    assert_eq!(report.doubts[&Doubt::FixedVersion].count, 1);
    assert_eq!(
        drafts.unwrap()[0].statements[0].affected,
        encoded(vec![], vec![Interval::ALL], FixState::Unknown)
    );

    // A platform that is a component of itself.
    let mut endless = document(&json!({"fixed": ["a"]}), &[("a", CURL, RHEL9)]);
    endless["product_tree"]["relationships"][0]["relates_to_product_reference"] = "a".into();
    assert!(run(&endless).0.unwrap().is_empty());

    for (place, value) in [
        ("/vulnerabilities/0/cve", json!("two words")),
        ("/vulnerabilities/0/product_status", json!("none")),
        ("/document/tracking/current_release_date", json!("today")),
        ("/product_tree/relationships/0/full_product_name", json!(7)),
    ] {
        let mut broken = document(&json!({"fixed": ["a"]}), &[("a", CURL, RHEL9)]);
        *broken.pointer_mut(place).unwrap() = value;
        let error = run(&broken).0.unwrap_err().to_string();
        assert!(error.starts_with("redhat/2024/cve-2024-1.json"), "{error}");
    }
    let mut other = document(&json!({}), &[]);
    other["document"]["category"] = "csaf_base".into();
    let (_, report, _) = run(&other);
    assert_eq!(report.skipped[&Skip::NotAnAdvisory].count, 1);
}
