//! `scan --baseline`: what is new, worse or fixed since an earlier result.

use serde_json::{Value, json};

use crate::fixture::{AS_OF, NOW, Place, Run};
use crate::schemas::Schemas;

/// Writes an SBOM of these PyPI packages.
fn sbom(place: &Place, name: &str, packages: &[(&str, &str)]) -> String {
    let component = |(name, version): &(&str, &str)| json!({"type": "library", "name": name, "version": version, "purl": format!("pkg:pypi/{name}@{version}")});
    let components: Vec<Value> = packages.iter().map(component).collect();
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components});
    place.write(name, sbom.to_string())
}

fn scan(place: &Place, more: &[&str]) -> Run {
    place.run(&[&["scan", "--db", &place.path("db"), "--at", NOW], more].concat())
}

/// The result for an SBOM, as a file.
fn baseline(place: &Place, sbom: &str) -> String {
    let file = place.path("baseline.json");
    scan(place, &[sbom, "-o", "json", "--output-file", &file]);
    file
}

#[test]
fn only_what_changed_is_shown_and_counted() {
    let place = Place::new();
    let app = sbom(&place, "app.cdx.json", &[("jinja2", "2.10")]);
    let earlier = baseline(&place, &app);
    // The same again: nothing to fail on.
    let same = scan(&place, &[&app, "--baseline", &earlier, "--fail-on", "low"]).exits(0);
    same.says("0 new, 0 worse, 0 fixed, 1 as before").keeps_quiet_about("CVE-2020-28493");
    // Another version of what is affected is not new, another package is.
    let app = sbom(&place, "app.cdx.json", &[("jinja2", "2.11"), ("pymysql", "1.1.0")]);
    let more = [&*app, "--baseline", &earlier];
    scan(&place, &[&more[..], &["--fail-on", "low"]].concat())
        .exits(10)
        .says("1 new, 0 worse (1 critical), 0 fixed, 1 as before")
        .says("CVE-2024-36039")
        .says("failed on low: 1 finding")
        .keeps_quiet_about("CVE-2020-28493");
    let json = scan(&place, &[&more[..], &["-o", "json"]].concat()).exits(0).json();
    Schemas(&place).fits("scan", &json);
    let result = &json["results"][0];
    assert_eq!(
        result["findings"].as_array().unwrap().len(),
        2,
        "all are there, so that it can be the next baseline"
    );
    assert_eq!(result["baseline"]["new"][0]["id"], "CVE-2024-36039");
    assert_eq!(
        (&result["baseline"]["unchanged"], &result["baseline"]["regressions"]),
        (&json!(1), &json!({"critical": 1}))
    );
    let sarif = scan(&place, &[&more[..], &["-o", "sarif"]].concat()).exits(0).json();
    let states: Vec<&str> = sarif["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["baselineState"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["unchanged", "new"]);
    // And back: fixed.
    let earlier = baseline(&place, &app);
    let clean = sbom(&place, "app.cdx.json", &[("jinja2", "3.0"), ("pymysql", "1.1.1")]);
    for format in ["table", "markdown", "html", "junit"] {
        let run = scan(&place, &[&clean, "--baseline", &earlier, "-o", format]).exits(0);
        assert!(
            run.stdout.contains("CVE-2024-36039 (critical) in pymysql 1.1.0"),
            "{format}: {}",
            run.stdout
        );
    }
    // MEDIUM and LOW as well. The documents have one name, so the baseline is made before the next is written.
    let earlier = baseline(&place, &clean);
    let worse = sbom(&place, "app.cdx.json", &[("jinja2", "2.10"), ("pymysql", "1.1.1")]);
    scan(&place, &[&worse, "--baseline", &earlier, "--fail-on", "high"])
        .exits(0)
        .says("1 new, 0 worse (1 medium)");
    scan(&place, &[&worse, "--baseline", &earlier, "--fail-on", "medium"]).exits(10);
}

#[test]
fn a_finding_that_became_worse_counts_again() {
    let place = Place::empty();
    let write = |severity: &str, exploited: bool| {
        let advisory = json!({
            "schema_version": "1.7.0", "id": "PYSEC-2021-66", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2020-28493"],
            "severity": [{"type": "CVSS_V3", "score": severity}],
            "affected": [{"package": {"ecosystem": "PyPI", "name": "jinja2"}, "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.11.3"}]}]}],
        });
        place.write("feeds/PyPI/PYSEC-2021-66.json", advisory.to_string());
        let entries = if exploited {
            json!([{"cveID": "CVE-2020-28493", "dateAdded": "2026-01-01", "dueDate": "2026-01-22", "knownRansomwareCampaignUse": "Unknown"}])
        } else {
            json!([{"cveID": "CVE-2020-0001", "dateAdded": "2026-01-01", "dueDate": "2026-01-22", "knownRansomwareCampaignUse": "Unknown"}])
        };
        let kev = json!({"catalogVersion": "1", "dateReleased": "2026-11-20T00:00:00Z", "count": 1, "vulnerabilities": entries});
        place.write("feeds/kev/known_exploited_vulnerabilities.json", kev.to_string());
        let (from, db) = (place.path("feeds"), place.path("db"));
        place.run(&["db", "build", "--from", &from, "--as-of", AS_OF, "--db", &db]).exits(0);
    };
    let medium = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L";
    write(medium, false);
    let app = sbom(&place, "app.cdx.json", &[("jinja2", "2.10")]);
    let earlier = baseline(&place, &app);
    write("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", false);
    scan(&place, &[&app, "--baseline", &earlier, "--fail-on", "high"])
        .exits(10)
        .says("0 new, 1 worse (1 critical)")
        .says("it was medium, and is critical");
    write(medium, true);
    let run =
        scan(&place, &[&app, "--baseline", &earlier, "--fail-on", "kev", "-o", "json"]).exits(10).json();
    let worse = &run["results"][0]["baseline"]["worse"][0];
    assert_eq!(worse["because"], json!(["it is now known to be exploited"]));
    write("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L", false);
    scan(&place, &[&app, "--baseline", &earlier, "--fail-on", "low"]).exits(0).says("0 worse");
}

#[test]
fn a_baseline_that_misleads_is_told() {
    let place = Place::new();
    let app = sbom(&place, "app.cdx.json", &[("pymysql", "1.1.0")]);
    let other = sbom(&place, "other.cdx.json", &[("pymysql", "1.1.0")]);
    let earlier = baseline(&place, &app);
    scan(&place, &[&other, "--baseline", &earlier])
        .exits(0)
        .says("about another subject")
        .says("1 as before");
    // Two subjects, and neither is this one.
    let both = place.path("both.json");
    scan(&place, &[&app, &other, "-o", "json", "--output-file", &both]).exits(0);
    let third = sbom(&place, "third.cdx.json", &[("pymysql", "1.1.0")]);
    scan(&place, &[&third, "--baseline", &both, "--fail-on", "low"])
        .exits(10)
        .says("nothing about this subject");
    // What was not covered then is new now, and said so.
    let mut gappy: Value = serde_json::from_slice(&std::fs::read(&earlier).unwrap()).unwrap();
    gappy["results"][0]["findings"] = json!([]);
    gappy["results"][0]["gaps"] =
        json!([{"ecosystem": "PyPI", "components": 1, "reason": {"code": "no-feed"}}]);
    let gappy = place.write("gappy.json", gappy.to_string());
    scan(&place, &[&app, "--baseline", &gappy, "--fail-on", "low"]).exits(10).says("the baseline has 1 gap");
    // What is not covered now was not fixed.
    let stale = ["scan", "--db", &place.path("db"), "--at", "2027-01-01T00:00:00Z", "-o", "json"];
    let clean = sbom(&place, "app.cdx.json", &[("pymysql", "1.1.1")]);
    let run = place.run(&[&stale[..], &[&clean, "--baseline", &earlier]].concat()).exits(11).json();
    let changes = &run["results"][0]["baseline"];
    assert_eq!((&changes["fixed"], changes["unclear"].as_array().unwrap().len()), (&json!([]), 1));
    Schemas(&place).fits("scan", &run);
    for (content, says) in [
        (
            r#"{"schemaVersion":"plimsoll.dev/scan/v2","scannedAt":"2026-01-01T00:00:00Z","results":[]}"#,
            "scan/v2",
        ),
        (r#"{"matches":[]}"#, "no schemaVersion"),
        ("not JSON", "invalid JSON"),
    ] {
        let file = place.write("bad.json", content);
        scan(&place, &[&app, "--baseline", &file]).exits(2).says(says).says("-o json --output-file");
    }
    scan(&place, &[&app, "--baseline", &place.path("none.json")]).exits(4);
    scan(&place, &[&app, "--baseline", &earlier, "-o", "gitlab"]).exits(2).says("no place for a comparison");
    let limited = scan(&place, &[&app, "--baseline", &earlier, "--limit", "statement_bytes=100"]).exits(2);
    limited.says("statement_bytes");
}
