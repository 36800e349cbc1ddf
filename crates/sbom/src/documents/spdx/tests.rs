//! Valid documents that a reader could refuse or misread.

use plimsoll_core::Limits;

use crate::documents::format::ReadDocument;
use crate::documents::read_whole;

fn json_ld(elements: &str) -> Result<ReadDocument, crate::Error> {
    let text = format!(
        r#"{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[
        {{"@id":"_:c","type":"CreationInfo","specVersion":"3.0.1","created":"2026-11-20T10:00:00Z","createdBy":["urn:a"]}},{elements}]}}"#
    );
    read_whole(text.as_bytes(), &Limits::default())
}

#[test]
fn keywords_of_json_ld_and_their_aliases_are_equal() {
    let rest = r#""name":"a","software_packageUrl":"pkg:pypi/a@1""#;
    for names in [
        r#""type":"software_Package","spdxId":"urn:p""#,
        r#""@type":"software_Package","@id":"urn:p""#,
        r#""type":"software_Package","@type":"software_Package","spdxId":"urn:p","@id":"urn:p""#,
    ] {
        let document = json_ld(&format!("{{{names},{rest}}}")).unwrap();
        assert_eq!(document.inventory.components.len(), 1, "{names}");
    }
    for names in [
        r#""type":"software_Package","@type":"software_File","spdxId":"urn:p""#,
        r#""type":"software_Package","spdxId":"urn:p","@id":"urn:q""#,
    ] {
        json_ld(&format!("{{{names},{rest}}}")).unwrap_err();
    }
}

#[test]
fn a_list_of_one_may_have_no_brackets() {
    let package = |id: &str| {
        format!(
            r#"{{"type":"software_Package","spdxId":"urn:{id}","name":"{id}","software_packageUrl":"pkg:pypi/{id}@1"}}"#
        )
    };
    let related = |to: &str| {
        let (a, b) = (package("a"), package("b"));
        let relationship = format!(
            r#"{{"type":"Relationship","spdxId":"urn:r","from":"urn:a","relationshipType":"dependsOn","to":{to}}}"#
        );
        json_ld(&format!("{a},{b},{relationship}"))
    };
    for to in [r#""urn:b""#, r#"["urn:b"]"#] {
        assert_eq!(related(to).unwrap().inventory.relationships.len(), 1, "{to}");
    }
    assert_eq!(related("null").unwrap().inventory.relationships.len(), 0);
    // An element inside another one could be a package.
    related(&package("c")).unwrap_err();
}

#[test]
fn an_element_without_a_graph_is_not_a_document() {
    let text = r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","type":"software_Package","spdxId":"urn:p","name":"a"}"#;
    read_whole(text.as_bytes(), &Limits::default()).unwrap_err();
}

#[test]
fn a_program_is_a_tool_and_not_an_author() {
    let agent = |kind: &str| {
        let stated = json_ld(&format!(r#"{{"type":"{kind}","spdxId":"urn:a","name":"A"}}"#)).unwrap().stated;
        (stated.authors, stated.names_tool)
    };
    for kind in ["SoftwareAgent", "Tool"] {
        assert_eq!(agent(kind), (Vec::new(), true), "{kind}");
    }
    for kind in ["Person", "Organization", "Agent"] {
        assert_eq!(agent(kind), (vec!["A".to_owned()], false), "{kind}");
    }
}

/// The licences of a package that declares `declared`, where references have the names of `extracted`.
fn licences(declared: &str, extracted: &[(&str, &str)]) -> Result<Vec<String>, crate::Error> {
    let extracted = extracted.iter().map(|(id, name)| serde_json::json!({ "licenseId": id, "name": name }));
    let text = serde_json::json!({
        "spdxVersion": "SPDX-2.3", "hasExtractedLicensingInfos": extracted.collect::<Vec<_>>(),
        "packages": [{
            "SPDXID": "SPDXRef-a", "name": "a", "licenseDeclared": declared, "externalRefs": [
                { "referenceType": "purl", "referenceLocator": "pkg:pypi/a@1" }
            ],
        }],
    });
    let mut limits = Limits::default();
    limits.sbom_bytes = 1 << 20;
    let document = read_whole(text.to_string().as_bytes(), &limits)?;
    Ok(document.inventory.components[0].licenses.iter().map(ToString::to_string).collect())
}

#[test]
fn references_in_an_expression_become_names() {
    let names = [("LicenseRef-a", "The A License"), ("LicenseRef-b", "B AND more")];
    for (declared, expected) in [
        ("MIT AND ISC", &["MIT AND ISC"][..]),
        ("LicenseRef-a", &["The A License"]),
        ("MIT AND LicenseRef-a", &["MIT", "The A License"]),
        ("(MIT AND ISC) AND (LicenseRef-a)", &["MIT AND ISC", "The A License"]),
        ("LicenseRef-a AND LicenseRef-b AND (MIT OR ISC)", &["The A License", "B AND more", "MIT OR ISC"]),
        ("MIT OR LicenseRef-a", &["MIT OR The A License"]),
        ("(MIT AND LicenseRef-a) OR LicenseRef-b", &["(MIT AND The A License) OR B AND more"]),
        // An unknown reference stays, and so does a text that is not an expression.
        ("MIT AND LicenseRef-c", &["MIT AND LicenseRef-c"]),
        ("Apache AND BSD like", &["Apache AND BSD like"]),
        ("NOASSERTION", &[]),
    ] {
        assert_eq!(licences(declared, &names).unwrap(), expected, "{declared}");
    }
}

#[test]
fn names_that_a_document_repeats_are_bounded() {
    let long = "x".repeat(4 << 10);
    let many = vec!["LicenseRef-a"; 1_000].join(" AND ");
    let error = licences(&many, &[("LicenseRef-a", &long)]).unwrap_err();
    assert!(error.to_string().contains("sbom_bytes"), "{error}");
}
