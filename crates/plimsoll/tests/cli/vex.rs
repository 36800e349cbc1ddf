//! `scan --vex`: findings that VEX documents say are none.

use plimsoll_testkit::Registry;
use serde_json::{Value, json};

use crate::fixture::{NOW, Place, Run, affected, digest_of};
use crate::schemas::Schemas;

struct Case {
    place: Place,
    _registry: Registry,
    image: String,
}

impl Case {
    fn new() -> Self {
        let (place, registry) = (Place::new(), Registry::start());
        let image = affected(&registry);
        Self { place, _registry: registry, image }
    }

    fn scan(&self, more: &[&str]) -> Run {
        let db = self.place.path("db");
        self.place.run(&[&["scan", "--db", &db, "--at", NOW, &self.image], more].concat())
    }

    /// Writes an OpenVEX document about PyMySQL in this image.
    fn vex(&self, name: &str, statement: &Value) -> String {
        let product = format!("pkg:oci/app@{}", digest_of(&self.image).replace(':', "%3A"));
        let mut statement = statement.clone();
        statement["vulnerability"] = json!({"name": "CVE-2024-36039"});
        statement["products"] = json!([{"@id": product, "subcomponents": [{"@id": "pkg:pypi/pymysql"}]}]);
        let document = json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.example/1", "author": "ACME \u{1b}[31m",
            "timestamp": "2026-11-01T00:00:00Z", "version": 1, "statements": [statement],
        });
        self.place.write(name, document.to_string())
    }
}

#[test]
fn what_vex_sets_aside_is_listed_and_fails_nothing() {
    let case = Case::new();
    case.scan(&["--fail-on", "high"]).exits(10).says("failed on high: 1 finding");
    let reason = json!({"status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
        "impact_statement": "no JSON keys from outside"});
    let file = case.vex("vex/app.openvex.json", &reason);
    let table = case.scan(&["--vex", &file, "--fail-on", "high"]).exits(0);
    let text = table.stdout.replace("\n           ", " ").replace("\n     ", " ");
    for expected in [
        "set aside: CVE-2024-36039 in pymysql: not affected (vulnerable_code_not_in_execute_path: no JSON keys from outside)",
        "says ACME \\u{1b}[31m in",
        "OpenVEX by ACME \\u{1b}[31m, 1 statement, set aside 1 finding",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let json = case.scan(&["--vex", &file, "-o", "json"]).exits(0).json();
    Schemas(&case.place).fits("scan", &json);
    let result = &json["results"][0];
    let aside = result["suppressed"].as_array().unwrap().iter().find(|it| it["reason"]["code"] == "vex");
    let aside = aside.expect("set aside by VEX");
    assert_eq!(aside["finding"]["id"], "CVE-2024-36039");
    assert_eq!(aside["reason"]["status"], "not_affected");
    assert_eq!(aside["reason"]["document"], file);
    assert_eq!(aside["reason"]["timestamp"], "2026-11-01T00:00:00Z");
    assert_eq!(result["vex"]["documents"][0]["setAside"], 1);

    let sarif = case.scan(&["--vex", &file, "-o", "sarif"]).exits(0).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let closed = results.iter().find(|it| it["ruleId"] == "CVE-2024-36039").expect("still a result");
    assert_eq!(closed["suppressions"][0]["status"], "accepted");
    assert!(closed["suppressions"][0]["justification"].as_str().unwrap().contains("no JSON keys"));

    // A folder, and a variable.
    let folder = case.place.path("vex");
    case.place.write("vex/index.json", "{}");
    case.scan(&["--vex", &folder, "--fail-on", "high"]).exits(0).says("1 file among the VEX documents");
    let db = case.place.path("db");
    let arguments = ["scan", "--db", &db, "--at", NOW, &case.image, "--fail-on", "high"];
    case.place.run_with(&[("PLIMSOLL_VEX", &file)], &arguments).exits(0);
    // Nothing is found by where it lies.
    case.vex(".vex/app.openvex.json", &reason);
    case.scan(&["--fail-on", "high"]).exits(10);
}

#[test]
fn documents_that_do_not_count_are_told() {
    let case = Case::new();
    let file = case.vex("bare.json", &json!({"status": "not_affected"}));
    let run = case.scan(&["--vex", &file, "--fail-on", "high"]).exits(10);
    run.says("vex refused: ").says("without a justification");
    let yes = case.vex("yes.json", &json!({"status": "not_affected", "impact_statement": "x"}));
    let later = json!({"status": "affected", "timestamp": "2026-11-02T00:00:00Z"});
    let no = case.vex("no.json", &later);
    let run = case.scan(&["--vex", &yes, "--vex", &no, "--fail-on", "high"]).exits(10);
    run.says("vex conflict: ").says("counts, not `not_affected`");
    let json = case.scan(&["--vex", &yes, "--vex", &no, "--vex", &file, "-o", "json"]).exits(0).json();
    Schemas(&case.place).fits("scan", &json);
    assert_eq!(json["results"][0]["vex"]["conflicts"].as_array().unwrap().len(), 1);

    let other = case.place.write("other.json", "{}");
    case.scan(&["--vex", &other]).exits(2).says("other.json: not a VEX document");
    case.scan(&["--vex", &case.place.path("missing.json")]).exits(4).says("missing.json");
    case.scan(&["--vex", &yes, "--limit", "vex_bytes=10"]).says("vex_bytes");
}

#[test]
fn what_an_advisory_leaves_open_is_settled() {
    let place = Place::empty();
    // No ranges, no versions.
    let advisory = json!({"schema_version": "1.7.0", "id": "PYSEC-2026-1", "modified": "2026-01-01T00:00:00Z",
        "aliases": ["CVE-2026-0001"], "affected": [{"package": {"ecosystem": "PyPI", "name": "jinja2"}}]});
    place.write("feeds/PyPI/PYSEC-2026-1.json", advisory.to_string());
    let (from, db) = (place.path("feeds"), place.path("db"));
    place.run(&["db", "build", "--from", &from, "--as-of", crate::fixture::AS_OF, "--db", &db]).exits(0);
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [
        {"type": "library", "name": "jinja2", "version": "3.0", "purl": "pkg:pypi/jinja2@3.0"}]});
    let sbom = place.write("app.cdx.json", sbom.to_string());
    let scan = |more: &[&str]| place.run(&[&["scan", "--db", &db, "--at", NOW, &sbom], more].concat());
    scan(&[]).exits(11).says("PYSEC-2026-1 do not say whether jinja2 3.0 is affected");
    let vex = |status: &str| {
        let analysis = json!({"state": status, "detail": "templates are ours"});
        let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "components": [{"bom-ref": "j", "type": "library", "name": "jinja2", "purl": "pkg:pypi/jinja2"}],
            "vulnerabilities": [{"id": "CVE-2026-0001", "analysis": analysis, "affects": [{"ref": "j"}]}]});
        place.write("vex.cdx.json", document.to_string())
    };
    let json = scan(&["--vex", &vex("not_affected"), "-o", "json"]).exits(0).json();
    Schemas(&place).fits("scan", &json);
    assert_eq!(json["results"][0]["suppressed"][0]["reason"]["leftOpen"], true);
    scan(&["--vex", &vex("exploitable"), "--fail-on", "high"]).exits(10).says("CVE-2026-0001 in jinja2");
    scan(&["--vex", &vex("in_triage")]).exits(11);
}

#[test]
fn what_ignore_rules_set_aside_is_listed_and_reaches_no_verdict() {
    let case = Case::new();
    let own = "apiVersion: plimsoll.dev/v1\nkind: IgnoreRules\nignore:\n  - ids: [CVE-2024-36039]\n    \
               package: pkg:pypi/pymysql\n    reason: no JSON keys\n    until: 2026-12-31\n  \
               - {ids: [CVE-2020-1], reason: r, until: 2026-01-01}\n";
    let file = case.place.write("rules.yaml", own);
    let run = case.scan(&["--ignore-file", &file, "--fail-on", "high"]).exits(0);
    let run = run.says("set aside: CVE-2024-36039 in pymysql: ignored by rule 1 of").says("no JSON keys");
    run.says("rule ended: ").says("rule 2 (CVE-2020-1) ended at 2026-01-01T00:00:00Z");
    let json = case.scan(&["--ignore-file", &file, "-o", "json"]).exits(0).json();
    Schemas(&case.place).fits("scan", &json);
    let suppressed = json["results"][0]["suppressed"].as_array().unwrap();
    let aside = suppressed.iter().find(|it| it["reason"]["code"] == "ignored").expect("ignored");
    assert_eq!(aside["reason"]["until"], "2026-12-31T00:00:00Z");
    let sarif = case.scan(&["--ignore-file", &file, "-o", "sarif"]).exits(0).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|it| it["suppressions"][0]["status"] == "accepted"), "{sarif:#}");

    // Of other scanners. Nothing is found by where it is.
    let trivy = case.place.write(".trivyignore", "CVE-2024-36039\n");
    case.scan(&["--fail-on", "high"]).exits(10);
    case.scan(&["--ignore-file", &trivy, "--fail-on", "high"]).exits(0);
    let grype = "ignore:\n  - {vulnerability: CVE-2024-36039, namespace: x}\n";
    let grype = case.place.write(".grype.yaml", grype);
    let run = case.scan(&["--ignore-file", &grype, "--fail-on", "high"]).exits(10);
    run.says("rule refused: ").says("unknown field `namespace`");
    let broken = case.place.write("x.yaml", "a: 1\n");
    case.scan(&["--ignore-file", &broken]).exits(2).says("has no ignore rules");
    case.place.run(&["check", &case.image, "--ignore-file", &file]).exits(2);
    case.place.check(&[&case.image]).exits(10).says("CVE-2024-36039");
}

#[test]
fn ignore_rules_become_a_waiver_that_still_needs_a_signature() {
    let place = Place::empty();
    let ignored = "CVE-2026-1\nCVE-2026-2 exp:2026-11-01\nCVE-2026-3 exp:2027-03-01\n";
    let trivy = place.write(".trivyignore", ignored);
    let grype =
        "ignore:\n  - {vulnerability: GHSA-x}\n  - {vulnerability: CVE-2026-4, package: {name: lib}}\n";
    let grype = place.write(".grype.yaml", grype);
    let new = |expires: &str, more: &[&str]| {
        let fixed = ["waiver", "new", "old", "--ignore-file", &trivy, "--issued", NOW, "--expires", expires];
        let why =
            ["--reason", "r", "--risk", "x", "--control", "c", "--owner", "o", "--scope", "r.example/a/b"];
        place.run(&[&fixed[..], &why, more].concat())
    };
    let run = new("2026-12-20T00:00:00Z", &["--ignore-file", &grype]).exits(0);
    assert!(run.stdout.contains("cves: [CVE-2026-1, CVE-2026-3, GHSA-x]"), "{}", run.stdout);
    run.says("line 2: left out: it has ended").says("rule 2: left out: it is about a package");
    new("2027-06-01T00:00:00Z", &[]).exits(2).says("line 3 ends at 2027-03-01T00:00:00Z, before the waiver");
}

#[test]
fn vex_counts_in_a_verdict_if_who_signed_it_may() {
    let case = Case::new();
    let (place, image) = (&case.place, case.image.as_str());
    for name in ["psirt", "ci"] {
        place.key(name);
    }
    let policy = place.write(
        "policy.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: shop}\nspec:\n  phase: pilot\n  \
         vulnerabilities: { vex: { signedBy: [{ name: product security, key: { file: psirt.pub } }] } }\n",
    );
    let check = || place.check(&[image, "--policy", &policy, "-v"]);
    let file = case.vex("vex.json", &json!({"status": "not_affected", "impact_statement": "no JSON keys"}));
    let attest = |key: &str, kind: &str, file: &str| {
        let key = place.path(&format!("{key}.key"));
        place.run(&["attest", "--key", &key, "--type", kind, "--predicate", file, image]).exits(0);
    };
    check().exits(10);
    // By another signer, and an SBOM of the right one.
    attest("ci", "openvex", &file);
    check().exits(10).says("does not count: VEX: ");
    let sbom = place.path("sbom.json");
    place.run(&["sbom", image, "--output", "cyclonedx-json", "--output-file", &sbom]).exits(0);
    attest("psirt", "cyclonedx", &sbom);
    check().exits(10);
    attest("psirt", "openvex", &file);
    let run = check().exits(0).says("1 finding set aside by VEX of product security");
    run.says("set aside: CVE-2024-36039 in pymysql").says("no JSON keys");
    let json = place.check(&[image, "--policy", &policy, "-o", "json"]).exits(0).json();
    Schemas(place).fits("verdict", &json["results"][0]["verdict"]);
    // A plain scan takes it from whoever it is told to.
    let (psirt, ci) = (place.path("psirt.pub"), place.path("ci.pub"));
    case.scan(&["--fail-on", "high"]).exits(10);
    let run = case.scan(&["--fail-on", "high", "--vex-key", &psirt]).exits(0);
    run.says("set aside: CVE-2024-36039 in pymysql").says("does not count");
    case.scan(&["--fail-on", "high", "--vex-key", &ci]).exits(0);
    // A file on the command line of a scan is nothing to a verdict, and no policy without the field counts VEX.
    place.check(&[image]).exits(10);
    // A later correction.
    let later =
        json!({"status": "affected", "timestamp": "2026-11-10T00:00:00Z", "action_statement": "update"});
    attest("psirt", "openvex", &case.vex("later.json", &later));
    check().exits(10).says("counts, not `not_affected`");
}
