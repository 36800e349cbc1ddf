//! SBOMs of others: scanned, converted, compared, merged, validated and scored.

use plimsoll_core::Digest;

use crate::fixture::{NOW, Place};

/// The same package as CycloneDX XML.
const XML: &str = r#"<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1"><metadata><timestamp>2026-01-02T03:04:05Z</timestamp></metadata>
<components><component type="library"><name>jinja2</name><version>2.11.2</version><hashes><hash alg="MD5">0123456789abcdef0123456789abcdef</hash></hashes><cpe>cpe:2.3:a:x:jinja2:2.11.2:*:*:*:*:*:*:*</cpe>
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
    let run = place.run(&["sbom", "convert", &file, "-o", "cyclonedx-json"]).exits(0);
    let converted = run.says("components/hashes/MD5 (1)").json();
    assert_eq!(converted["components"][0]["cpe"], "cpe:2.3:a:x:jinja2:2.11.2:*:*:*:*:*:*:*");
    place.run(&["sbom", "convert", &file, "-o", "purl-list"]).exits(0).says("CPE names (1)");
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
fn a_document_that_would_be_beyond_the_limits_of_its_reader_is_not_written() {
    let place = Place::empty();
    let spdx = |folder: &str| {
        let digest = Digest::sha256(b"x").hex();
        let file = |number: usize| {
            format!(
                r#"{{"fileName":"./{folder}/{number}","SPDXID":"SPDXRef-{number}","checksums":[
                {{"algorithm":"SHA1","checksumValue":"{}"}},{{"algorithm":"SHA256","checksumValue":"{digest}"}}]}}"#,
                &digest[..40]
            )
        };
        let files: Vec<_> = (0..20).map(file).collect();
        format!(
            r#"{{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[{{"SPDXID":"SPDXRef-P","name":"p",
            "externalRefs":[{{"referenceType":"purl","referenceLocator":"pkg:pypi/p@1"}}]}}],"files":[{}]}}"#,
            files.join(",")
        )
    };
    let (file, other) = (place.write("a.json", spdx("a")), place.write("b.json", spdx("b")));
    let to = ["-o", "cyclonedx-json", "--limit"];
    for source in [&["convert", &file][..], &["merge", &file, &other]] {
        // In CycloneDX, files are components.
        let out = place.path("out.json");
        let arguments = [&["sbom"], source, &to, &["components=10"]].concat();
        let run = place.run(&[&arguments[..], &["--output-file", &out]].concat()).exits(1).says("components");
        assert!(!std::path::Path::new(&out).exists(), "{}", run.stderr);
        let run = place.run(&arguments).exits(1);
        assert_eq!(run.stdout, "");
        let enough = [&["sbom"], source, &to, &["components=50"]].concat();
        assert!(place.run(&enough).exits(0).stdout.contains("\"a/19\""));
    }
    // Each has less than that, and both together have not.
    let merge = ["sbom", "merge", &file, &other, "--limit", "file_list_bytes=6000"];
    place.run(&merge).exits(1).says("file_list_bytes");
    place.run(&["sbom", "convert", &file, "--limit", "file_list_bytes=6000"]).exits(0);
}

#[test]
fn components_that_cannot_be_carried_over_are_told() {
    let place = Place::empty();
    let lost = r#"{"type":"library","name":"lost","version":"1"}"#;
    let kept = r#"{"type":"library","name":"a","version":"1","purl":"pkg:pypi/a@1"}"#;
    let file = place.write("a.json", cyclonedx(&format!("{lost},{kept}")));
    let other = place.write("b.json", cyclonedx(kept));
    for arguments in [&["sbom", "convert", &file][..], &["sbom", "merge", &file, &other]] {
        place
            .run(arguments)
            .exits(0)
            .says("components without a usable package URL (1)")
            .says("1 component without a package URL: lost");
    }
    // A table shows problems itself, also in a pipe.
    let table = place.run(&["sbom", "convert", &file, "-o", "table"]).exits(0);
    assert!(table.stdout.contains("without a package URL: lost"), "{}", table.stdout);
    assert!(!table.stderr.contains("without a package URL: lost"), "{}", table.stderr);
}

const MANIFEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A document about an image, whose package URL has these qualifiers.
fn image(qualifiers: &str, created: &str) -> String {
    cyclonedx("").replace(
        r#""components""#,
        &format!(
            r#""metadata":{{"timestamp":"{created}","component":{{"type":"container","name":"app","version":"{MANIFEST}",
            "purl":"pkg:oci/app@{MANIFEST}?{qualifiers}"}}}},"components""#
        ),
    )
}

#[test]
fn a_converted_document_says_where_its_image_is_from() {
    let place = Place::empty();
    let qualifiers = "arch=arm64&repository_url=registry.example%2Fteam%2Fapp&tag=1.2";
    let file = place.write("a.json", image(qualifiers, "2026-01-02T03:04:05Z"));
    let purl = format!("pkg:oci/app@{MANIFEST}?{qualifiers}");
    let converted = place.run(&["sbom", "convert", &file, "-o", "cyclonedx-json"]).exits(0).json();
    assert_eq!(converted["metadata"]["component"]["purl"], purl);
    // Of the merged ones, what both say and agree on is kept, and the newest time in whatever zone it is written.
    let other = place.write("b.json", image("arch=arm64&tag=1.3", "2026-01-02T01:00:00-05:00"));
    let merged = place.run(&["sbom", "merge", &file, &other, "-o", "cyclonedx-json"]).exits(0).json();
    let expected = format!("pkg:oci/app@{MANIFEST}?arch=arm64&repository_url=registry.example%2Fteam%2Fapp");
    assert_eq!(merged["metadata"]["component"]["purl"], expected);
    assert_eq!(merged["metadata"]["timestamp"], "2026-01-02T06:00:00Z");
}

#[test]
fn another_system_or_architecture_is_a_difference() {
    let place = Place::empty();
    let system = |version: &str, arch: &str| {
        cyclonedx(&format!(
            r#"{{"type":"operating-system","name":"debian","version":"{version}"}},
            {{"type":"library","name":"a","version":"1","purl":"pkg:deb/debian/a@1?arch={arch}"}}"#
        ))
    };
    let old = place.write("old.json", system("12", "amd64"));
    for (name, new, says) in [
        ("system.json", system("13", "amd64"), "operating system: debian-12 → debian-13"),
        ("architecture.json", system("12", "arm64"), "architecture: amd64 → arm64"),
    ] {
        let new = place.write(name, new);
        for format in ["table", "markdown"] {
            place
                .run(&["sbom", "diff", &old, &new, "-o", format, "--exit-code"])
                .exits(10)
                .says(says)
                .says("no component differs");
        }
        let json = place.run(&["sbom", "diff", &old, &new, "-o", "json"]).exits(0).json();
        assert_eq!(json["aspects"].as_array().unwrap().len(), 1);
    }
    let hole = place.write("hole.json", cyclonedx(r#"{"type":"library","name":"x"}"#));
    for format in ["table", "markdown"] {
        place
            .run(&["sbom", "diff", &hole, &hole, "-o", format])
            .exits(0)
            .says("no difference in what is known")
            .says("components may be missing from");
    }
}

#[test]
fn a_document_is_validated_and_scored() {
    let place = Place::empty();
    let good = place.write("good.xml", XML);
    place.run(&["sbom", "validate", &good]).exits(0).says("no errors");
    let bad =
        place.write("bad.json", cyclonedx("").replace("]}", r#"],"dependencies":[{"ref":"nowhere"}]}"#));
    place.run(&["sbom", "validate", &good, &bad]).exits(1).says("dangling-reference").says("1 error");
    let attested =
        STATEMENT.replace(r#""predicate":{"#, r#""predicate":{"dependencies":[{"ref":"nowhere"}],"#);
    let attested = place.write("bad.intoto.json", attested);
    place
        .run(&["sbom", "validate", &attested])
        .exits(1)
        .says("dangling-reference")
        .says("in an in-toto statement");
    place
        .run(&["sbom", "score", &good])
        .exits(0)
        .says("NTIA")
        .says("BSI")
        .says("what to fix:")
        .says("(ntia, cisa, bsi)");
    place.run(&["sbom", "score", &good, "--guideline", "ntia", "--at-least", "100"]).exits(10);
    place.run(&["sbom", "score", &good, "--guideline", "ntia", "--at-least", "10"]).exits(0);
}
