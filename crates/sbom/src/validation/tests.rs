//! Documents that are wrong in one way each.

use plimsoll_core::Limits;

use super::*;

fn codes(text: &str) -> Vec<&'static str> {
    let validation = validate(text.as_bytes(), &Limits::default()).unwrap();
    let mut codes: Vec<_> =
        validation.findings.iter().filter(|one| one.level == Level::Error).map(|one| one.code).collect();
    codes.dedup();
    codes
}

fn cyclonedx(rest: &str) -> Vec<&'static str> {
    codes(&format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6",{rest}}}"#))
}

#[test]
fn references_of_cyclonedx_lead_somewhere_and_are_defined_once() {
    let a = r#"{"type":"library","bom-ref":"a","name":"a"}"#;
    let valid = format!(r#""components":[{a}],"dependencies":[{{"ref":"a","dependsOn":["urn:cdx:1/2#b"]}}]"#);
    assert_eq!(cyclonedx(&valid), [""; 0]);
    for (rest, code) in [
        (format!(r#""components":[{a},{a}]"#), "duplicate-reference"),
        (format!(r#""components":[{a}],"dependencies":[{{"ref":"b"}}]"#), "dangling-reference"),
        (
            format!(r#""components":[{a}],"dependencies":[{{"ref":"a","dependsOn":["b"]}}]"#),
            "dangling-reference",
        ),
        (r#""compositions":[{"aggregate":"complete","assemblies":["b"]}]"#.to_owned(), "dangling-reference"),
        (format!(r#""components":[{a}],"dependencies":[{{"ref":"a"}},{{"ref":"a"}}]"#), "repeated"),
    ] {
        assert!(cyclonedx(&rest).contains(&code), "{rest}: {:?}", cyclonedx(&rest));
    }
}

#[test]
fn an_image_has_a_digest_and_is_not_an_index() {
    let subject = |rest: &str| {
        cyclonedx(&format!(r#""metadata":{{"component":{{"type":"container","name":"app:1"{rest}}}}}"#))
    };
    let digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    assert_eq!(subject(&format!(r#","version":"{digest}""#)), [""; 0]);
    assert_eq!(subject(""), ["subject-without-digest"]);
    let index = "application%2Fvnd.oci.image.index.v1%2Bjson";
    assert_eq!(
        subject(&format!(r#","purl":"pkg:oci/app@{digest}?mediaType={index}""#)),
        ["subject-is-index"]
    );
}

#[test]
fn a_document_is_about_what_its_statement_is_about() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let statement = |subject: &str| {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"x","digest":{{"sha256":"{subject}"}}}}],
            "predicateType":"https://cyclonedx.org/bom","predicate":{{"bomFormat":"CycloneDX","specVersion":"1.6",
            "metadata":{{"component":{{"type":"container","name":"app","version":"sha256:{digest}"}}}}}}}}"#
        )
    };
    assert_eq!(codes(&statement(digest)), [""; 0]);
    assert_eq!(codes(&statement(&digest.replace('9', "8"))), ["subject-mismatch"]);
}

#[test]
fn identifiers_of_spdx_lead_somewhere_and_are_defined_once() {
    let document = |packages: &str, relationships: &str| {
        codes(&format!(
            r#"{{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"x",
            "documentNamespace":"https://x.example/1","creationInfo":{{"created":"2026-11-20T10:00:00Z","creators":["Tool: t"]}},
            "packages":[{packages}],"relationships":[{relationships}]}}"#
        ))
    };
    let package =
        |id: &str| format!(r#"{{"SPDXID":"SPDXRef-{id}","name":"{id}","downloadLocation":"NONE"}}"#);
    let related = |from: &str, kind: &str, to: &str| {
        format!(r#"{{"spdxElementId":"{from}","relationshipType":"{kind}","relatedSpdxElement":"{to}"}}"#)
    };
    let describes = related("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-a");
    let two = format!("{},{}", package("a"), package("b"));
    assert_eq!(document(&two, &describes), [""; 0]);
    assert_eq!(document(&two, ""), ["no-subject"]);
    assert_eq!(document(&format!("{two},{}", package("a")), &describes), ["duplicate-reference"]);
    let dangling = related("SPDXRef-a", "CONTAINS", "SPDXRef-c");
    assert_eq!(document(&two, &format!("{describes},{dangling}")), ["dangling-reference"]);
    assert_eq!(document(&package("a_b"), ""), ["wrong-form"]);
    assert_eq!(document(r#"{"SPDXID":"SPDXRef-a","name":"a"}"#, ""), ["missing-member"]);
}

#[test]
fn relationships_of_every_form_lead_somewhere() {
    let xml = |on: &str| {
        codes(&format!(
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><components><component type='library' bom-ref='a'><name>a</name></component></components><dependencies><dependency ref='a'><dependency ref='{on}'/></dependency></dependencies></bom>"
        ))
    };
    assert_eq!(xml("a"), [""; 0]);
    assert_eq!(xml("b"), ["dangling-reference"]);
    let tag_value = |to: &str| {
        codes(&format!(
            "SPDXVersion: SPDX-2.3\nDocumentName: x\nPackageName: a\nSPDXID: SPDXRef-a\nRelationship: SPDXRef-DOCUMENT DESCRIBES {to}\n"
        ))
    };
    assert_eq!(tag_value("SPDXRef-a"), [""; 0]);
    assert_eq!(tag_value("SPDXRef-b"), ["dangling-reference"]);
}

#[test]
fn findings_are_bounded() {
    let bad = vec!["{}"; 2_000].join(",");
    let text = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","dependencies":[{bad}]}}"#);
    // Reading asks for `ref` as well, so the document is refused as a whole.
    assert!(validate(text.as_bytes(), &Limits::default()).is_err());
    let bad = vec![r#"{"ref":""}"#; 2_000].join(",");
    let text = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","dependencies":[{bad}]}}"#);
    let validation = validate(text.as_bytes(), &Limits::default()).unwrap();
    assert!(validation.findings.len() <= MAX_FINDINGS && validation.more > 0);
}
