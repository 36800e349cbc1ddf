//! `scan --explain`: why there is a finding, or none.

use plimsoll_testkit::Registry;
use serde_json::json;

use crate::fixture::{AS_OF, NOW, Place, Run, affected, patched};
use crate::schemas::Schemas;

fn explain(place: &Place, id: &str, more: &[&str]) -> Run {
    place.run(&[&["scan", "--db", &place.path("db"), "--at", NOW, "--explain", id], more].concat())
}

#[test]
fn a_finding_is_explained_by_the_comparison_that_decided() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = affected(&registry);
    for id in ["CVE-2024-36039", "cve-2024-36039", "PYSEC-2024-1"] {
        explain(&place, id, &[&image])
            .exits(0)
            .says("CVE-2024-36039, also PYSEC-2024-1: SQL injection by JSON keys")
            .says("pymysql 1.1.0: affected")
            .says("because   1.1.0 < 1.1.1 (fixed), in the order pep440")
            .says("says      PYSEC-2024-1 (osv, PyPI)")
            .says("range     before 1.1.1")
            .says("severity  critical, by CVSS:3.1/")
            .says("site-packages/pymysql-1.1.0.dist-info/METADATA (layer 2 of 2)");
    }
    explain(&place, "CVE-2023-45853", &[&image])
        .exits(0)
        .says("zlib1g (of zlib 1:1.2.13.dfsg-1): affected")
        .says("because   all versions are affected")
        .says("(debian, Debian bookworm)");
    // Several at once, and everything for programs.
    let json = explain(&place, "CVE-2024-36039,CVE-2023-45853", &[&image, "-o", "json"]).exits(0).json();
    Schemas(&place).fits("scan-explanation", &json);
    let explanations = json["results"][0]["explanations"].as_array().unwrap();
    assert_eq!(explanations.len(), 2);
    let outcome = &explanations[0]["statements"][0]["outcome"];
    let because = json!([{"relation": "<", "bound": "1.1.1", "meaning": "fixed"}]);
    assert_eq!(outcome, &json!({"code": "affected", "because": because}));
}

#[test]
fn what_is_not_a_finding_says_why() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = patched(&registry);
    explain(&place, "CVE-2024-36039", &[&image])
        .exits(0)
        .says("not a finding: no advisory about it applies to what is installed")
        .says("because   1.1.1 >= 1.1.1 (fixed), in the order pep440");
    explain(&place, "CVE-2020-28493", &[&image])
        .exits(0)
        .says("not a finding: its advisories are about packages that are not there")
        .says("jinja2 (osv, PyPI): before 2.11.3");
    explain(&place, "CVE-2024-36093", &[&affected(&registry)])
        .exits(4)
        .says("neither among the findings of")
        .says("did you mean CVE-2024-36039?");
    explain(&place, "CVE-1999-0001", &[&image]).exits(4).says("plimsoll db status");
    explain(&place, "x", &[&image, "-o", "html"]).exits(2).says("expected table or json");
    explain(&place, "x", &[&image, "--fail-on", "high"]).exits(2).says("--fail-on");
}

#[test]
fn what_nobody_can_decide_is_no_answer_of_no() {
    let place = Place::empty();
    let advisory = json!({
        "schema_version": "1.7.0", "id": "PYSEC-2024-3", "modified": "2026-01-01T00:00:00Z", "summary": "a flaw",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "keras"}}],
    });
    place.write("feeds/PyPI/PYSEC-2024-3.json", advisory.to_string());
    let (from, db) = (place.path("feeds"), place.path("db"));
    place.run(&["db", "build", "--from", &from, "--as-of", AS_OF, "--db", &db]).exits(0);
    let sbom = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","name":"keras","version":"3.0","purl":"pkg:pypi/keras@3.0"}]}"#,
    );
    explain(&place, "PYSEC-2024-3", &[&sbom])
        .exits(11)
        .says("keras 3.0: undecided")
        .says("no finding, and not excluded");
    // Its package is not there, but something was not looked up.
    let other = place.write(
        "other.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","name":"left-pad","version":"1","purl":"pkg:npm/left-pad@1"}]}"#,
    );
    let run = explain(&place, "PYSEC-2024-3", &[&other, "-o", "json"]).exits(11).json();
    Schemas(&place).fits("scan-explanation", &run);
    assert!(
        run["results"][0]["explanations"][0]["notCovered"][0].as_str().unwrap().starts_with("npm"),
        "{run:#}"
    );
}
