//! SBOMs of others: scanned, converted, compared, merged, validated and scored.

use crate::fixture::{NOW, Place};

/// The same package as CycloneDX XML.
const XML: &str = r#"<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1"><metadata><timestamp>2026-01-02T03:04:05Z</timestamp></metadata>
<components><component type="library"><name>jinja2</name><version>2.11.2</version><cpe>cpe:2.3:a:x:jinja2:2.11.2</cpe>
<purl>pkg:pypi/jinja2@2.11.2</purl></component></components></bom>"#;

const TAG_VALUE: &str = "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: app\n\
    PackageName: jinja2\nSPDXID: SPDXRef-1\nPackageVersion: 2.11.2\nPackageDownloadLocation: NOASSERTION\n\
    ExternalRef: PACKAGE-MANAGER purl pkg:pypi/jinja2@2.11.2\n";

const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":
    "0000000000000000000000000000000000000000000000000000000000000000"}}],"predicateType":"https://cyclonedx.org/bom",
    "predicate":{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2"}]}}"#;

fn cyclonedx(components: &str) -> String {
    format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{components}]}}"#)
}

#[test]
fn other_forms_of_a_document_give_the_same_findings() {
    let place = Place::new();
    let db = place.path("db");
    let marked: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(XML.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (name, bytes) in [
        ("app.xml", XML.as_bytes()),
        ("app.utf16.xml", &marked),
        ("app.spdx", TAG_VALUE.as_bytes()),
        ("app.intoto.json", STATEMENT.as_bytes()),
    ] {
        let file = place.write(name, bytes);
        place
            .run(&["scan", "--db", &db, "--at", NOW, &format!("sbom:{file}"), "-o", "table"])
            .exits(0)
            .says("CVE-2020-28493");
    }
}

#[test]
fn an_attestation_is_read_and_said_not_to_be_verified() {
    use base64::Engine as _;
    let place = Place::new();
    let payload = base64::engine::general_purpose::STANDARD.encode(STATEMENT);
    let envelope = format!(
        r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[{{"sig":"eA=="}}]}}"#
    );
    let (db, file) = (place.path("db"), place.write("app.dsse.json", &envelope));
    let scan = ["scan", "--db", &db, "--at", NOW, &format!("sbom:{file}"), "-o", "table"];
    place.run(&scan).exits(0).says("CVE-2020-28493").says("signature not verified here");
    place
        .run(&["sbom", "convert", &file])
        .exits(0)
        .says("signature not verified here")
        .says("not carried over");
    let provenance = STATEMENT
        .replace("\"bomFormat\":\"CycloneDX\",", "")
        .replace("cyclonedx.org/bom", "slsa.dev/provenance/v1");
    let file = place.write("provenance.json", &provenance);
    place.run(&["sbom", "validate", &file]).exits(1).says("slsa.dev/provenance/v1");
}

#[test]
fn conversion_says_what_is_lost() {
    let place = Place::empty();
    let file = place.write("app.xml", XML);
    let run =
        place.run(&["sbom", "convert", &file, "-o", "cyclonedx-json"]).exits(0).says("components/cpe (1)");
    let converted = run.json();
    assert_eq!(converted["components"][0]["purl"], "pkg:pypi/jinja2@2.11.2");
    assert_eq!(converted["metadata"]["timestamp"], "2026-01-02T03:04:05Z");
    for (format, begins) in [
        ("spdx-json", "{\n\"spdxVersion\":\"SPDX-2.3\""),
        ("spdx-tag-value", "SPDXVersion: SPDX-2.3\n"),
        ("spdx-json-ld", "{\n\"@context\":"),
        (
            "cyclonedx-xml@1.4",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"",
        ),
        ("cyclonedx-json@1.7", "{\n\"$schema\":\"http://cyclonedx.org/schema/bom-1.7.schema.json\""),
        ("purl-list", "pkg:pypi/jinja2@2.11.2\n"),
        ("github-snapshot", "{\n\"version\":0"),
        ("table", "TYPE"),
    ] {
        let first = place.run(&["sbom", "convert", &file, "-o", format]).exits(0);
        assert!(first.stdout.starts_with(begins), "{format}: {}", first.stdout);
        assert_eq!(place.run(&["sbom", "convert", &file, "-o", format]).stdout, first.stdout, "{format}");
    }
    place.run(&["sbom", "convert", &file, "-o", "cyclonedx-json@1.1"]).exits(2);
    place.run(&["sbom", &format!("sbom:{file}")]).exits(2).says("plimsoll sbom convert");
    place.run(&["sbom", "convert", &place.path("none")]).exits(4);
    let doctype = place.write("dtd.xml", XML.replace("<bom", "<!DOCTYPE bom [<!ENTITY a 'b'>]><bom"));
    place.run(&["sbom", "convert", &doctype]).exits(1).says("DOCTYPE");
}

#[test]
fn a_difference_is_told_and_is_an_exit_code_on_request() {
    let place = Place::empty();
    let library = |name: &str, version: &str, licence: &str| {
        format!(
            r#"{{"type":"library","name":"{name}","version":"{version}","purl":"pkg:pypi/{name}@{version}","licenses":[{{"license":{{"id":"{licence}"}}}}]}}"#
        )
    };
    let old = [library("a", "1.9", "MIT"), library("b", "1", "MIT"), library("c", "1", "MIT")].join(",");
    let new =
        [library("a", "1.10", "MIT"), library("c", "1", "ISC"), library("evil|d", "1", "MIT")].join(",");
    let (old, new) = (place.write("old.json", cyclonedx(&old)), place.write("new.json", cyclonedx(&new)));
    let table = place.run(&["sbom", "diff", &old, &new]).exits(0);
    let table =
        table.says("1.9 → 1.10").says("MIT → ISC").says("1 added, 1 removed, 1 upgraded, 1 relicensed");
    assert!(table.stdout.contains("upgraded"), "{}", table.stdout);
    place.run(&["sbom", "diff", &old, &new, "-o", "markdown"]).exits(0).says("## Upgraded").says("evil\\|d");
    place.run(&["sbom", "diff", &old, &new, "--exit-code"]).exits(10);
    place.run(&["sbom", "diff", &old, &old, "--exit-code"]).exits(0).says("no difference");
    let incomplete = place.write("hole.json", cyclonedx(r#"{"type":"library","name":"x"}"#));
    place.run(&["sbom", "diff", &incomplete, &incomplete, "--exit-code"]).exits(11);
}

#[test]
fn merged_documents_have_each_package_once() {
    let place = Place::empty();
    let (xml, tags) = (place.write("a.xml", XML), place.write("b.spdx", TAG_VALUE));
    let merged = place
        .run(&["sbom", "merge", &xml, &tags, "--subject-name", "shop", "-o", "cyclonedx-json"])
        .exits(0)
        .json();
    assert_eq!(merged["components"].as_array().unwrap().len(), 1);
    assert_eq!(merged["metadata"]["component"]["name"], "shop");
    place.run(&["sbom", "merge", &xml]).exits(2);
}

#[test]
fn a_document_is_validated_and_scored() {
    let place = Place::empty();
    let good = place.write("good.xml", XML);
    place.run(&["sbom", "validate", &good]).exits(0).says("no errors");
    let bad =
        place.write("bad.json", cyclonedx("").replace("]}", r#"],"dependencies":[{"ref":"nowhere"}]}"#));
    place.run(&["sbom", "validate", &good, &bad]).exits(1).says("dangling-reference").says("1 error");
    place.run(&["sbom", "score", &good]).exits(0).says("NTIA").says("BSI").says("fix: ");
    place.run(&["sbom", "score", &good, "--guideline", "ntia", "--at-least", "100"]).exits(10);
    place.run(&["sbom", "score", &good, "--guideline", "ntia", "--at-least", "10"]).exits(0);
}
