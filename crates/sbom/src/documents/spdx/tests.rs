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
fn keywords_of_json_ld_and_their_aliases_mean_the_same() {
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
