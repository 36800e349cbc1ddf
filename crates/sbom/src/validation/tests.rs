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
fn references_of_cyclonedx_are_defined_exactly_once() {
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
fn a_document_has_the_subject_of_its_statement() {
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

/// A document that can be read and has errors in its members.
const BROKEN: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:1","dependencies":[{"ref":"b"}]}"#;

#[test]
fn a_document_in_an_envelope_is_checked_as_if_it_were_alone() {
    use base64::Engine as _;
    let alone = codes(BROKEN);
    assert_eq!(alone, ["dangling-reference", "wrong-form"]);
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://cyclonedx.org/bom","predicate":{BROKEN}}}"#
    );
    let payload = base64::engine::general_purpose::STANDARD.encode(&statement);
    let dsse = format!(
        r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[{{"sig":"eA=="}}]}}"#
    );
    let bundle = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{}},"dsseEnvelope":{dsse}}}"#
    );
    let text = serde_json::to_string(BROKEN).unwrap();
    let quoted = statement.replace(BROKEN, &text);
    let custom = statement.replace(BROKEN, &format!(r#"{{"Data":{text}}}"#));
    for wrapped in [&statement, &dsse, &bundle, &quoted, &custom, &format!("\u{feff}{BROKEN}")] {
        assert_eq!(codes(wrapped), alone, "{wrapped}");
    }
    let spdx = r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[]}"#;
    let yaml = "spdxVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\nname: x\npackages: []\n";
    for wrapped in [spdx, &format!(r#"{{"sbom":{spdx}}}"#), yaml] {
        assert_eq!(codes(wrapped), ["missing-member"], "{wrapped}");
    }
}

#[test]
fn a_validation_says_whether_there_was_a_table_for_the_form() {
    let extent = |text: &str| validate(text.as_bytes(), &Limits::default()).unwrap().extent;
    assert_eq!(extent(BROKEN), ValidationExtent::Members);
    assert_eq!(extent("spdxVersion: SPDX-2.3\nname: x\n"), ValidationExtent::Members);
    let xml = "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><components/></bom>";
    for text in [xml, "SPDXVersion: SPDX-2.3\nDocumentName: x\n"] {
        assert_eq!(extent(text), ValidationExtent::Members, "{text}");
    }
    let json_ld = r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}"#;
    assert_eq!(extent(json_ld), ValidationExtent::Meaning);
}

#[test]
fn forms_that_are_not_json_are_checked_by_the_same_members() {
    let xml = |inner: &str| {
        codes(&format!(
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.6' serialNumber='urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79'>{inner}</bom>"
        ))
    };
    let component = |inner: &str| {
        xml(&format!(
            "<components><component type='library' bom-ref='a'><name>a</name>{inner}</component></components>"
        ))
    };
    let licences = "<licenses><license><id>MIT</id><text content-type='text/plain'>x</text></license><license><name>x</name><text>y</text></license></licenses>";
    let swid = "<swid tagId='t' name='n'><text>x</text></swid><modified>false</modified><pedigree><ancestors><component type='library'><name>b</name></component></ancestors><patches><patch type='backport'><resolves><issue type='security'><id>1</id></issue></resolves></patch></patches></pedigree>";
    let rest = "<hashes><hash alg='MD5'>9188560f22e0b73070d2efce670c74af</hash></hashes><externalReferences><reference type='website'><url>x</url></reference></externalReferences><properties><property name='n'>v</property><property name='e'/></properties>";
    assert_eq!(component(&format!("{licences}{swid}{rest}")), [""; 0]);
    assert_eq!(
        xml(
            "<compositions><composition><aggregate>complete</aggregate><assemblies><assembly ref='urn:cdx:1/1'/></assemblies></composition></compositions>"
        ),
        [""; 0]
    );
    assert_eq!(
        xml(
            "<services><service><name>s</name><data><classification flow='inbound'>PII</classification></data></service></services>"
        ),
        [""; 0]
    );
    assert_eq!(
        component("<hashes><hash alg='MD4'>9188560f22e0b73070d2efce670c74af</hash></hashes>"),
        ["unknown-value"]
    );
    assert_eq!(
        component("<licenses><expression>MIT</expression><license><id>MIT</id></license></licenses>"),
        ["ambiguous-licence"]
    );
    assert_eq!(component("<licenses><license/></licenses>"), ["missing-member"]);
    assert_eq!(xml("<metadata/><components/><dependencies/>"), [""; 0]);
    assert_eq!(component("<scope>none</scope>"), ["unknown-value"]);
    let tag_value = "SPDXVersion: SPDX-2.3\nDataLicense: MIT\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: x\nDocumentNamespace: x\nCreator: x\nCreated: now\nPackageName: a\nSPDXID: a\nPackageChecksum: MD5: 12\nFilesAnalyzed: maybe\n";
    assert_eq!(codes(tag_value), ["missing-member", "unknown-value", "wrong-form", "wrong-type"]);
}

#[test]
fn licences_may_be_mixed_since_1_7() {
    let document = |version: &str| {
        codes(&format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"{version}","components":[{{"type":"library","name":"a",
            "licenses":[{{"expression":"MIT OR ISC"}},{{"license":{{"name":"x"}}}}]}}]}}"#
        ))
    };
    assert_eq!(document("1.6"), ["ambiguous-licence"]);
    assert_eq!(document("1.4"), ["ambiguous-licence"]);
    assert_eq!(document("1.7"), [""; 0]);
}

#[test]
fn a_serial_number_is_a_uuid_with_hyphens() {
    let serial = |text: &str| cyclonedx(&format!(r#""serialNumber":"{text}""#));
    assert_eq!(serial("urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"), [""; 0]);
    for wrong in [
        "3e671687-395b-41f5-a30f-a58921a69b79",
        "urn:uuid:3e671687395b41f5a30fa58921a69b79",
        "urn:uuid:{3e671687-395b-41f5-a30f-a58921a69b79}",
        "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b7g",
    ] {
        assert_eq!(serial(wrong), ["wrong-form"], "{wrong}");
    }
}

#[test]
fn identifiers_of_spdx_are_defined_exactly_once() {
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
fn relationships_of_every_form_must_not_dangle() {
    let xml = |on: &str| {
        codes(&format!(
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><components><component type='library' bom-ref='a'><name>a</name></component></components><dependencies><dependency ref='a'><dependency ref='{on}'/></dependency></dependencies></bom>"
        ))
    };
    assert_eq!(xml("a"), [""; 0]);
    assert_eq!(xml("b"), ["dangling-reference"]);
    let tag_value = |to: &str| {
        codes(&format!(
            "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: x\nDocumentNamespace: https://x.example/1\nCreator: Tool: t\nCreated: 2026-11-20T10:00:00Z\nPackageName: a\nSPDXID: SPDXRef-a\nPackageDownloadLocation: NONE\nRelationship: SPDXRef-DOCUMENT DESCRIBES {to}\n"
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
