//! Documents written and read back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests fail by panicking")]

mod shared;

use std::collections::BTreeSet;

use plimsoll_core::{Digest, Limits};
use plimsoll_sbom::{
    BaseEvidence, Completeness, Component, ComponentIndex, Document, DocumentSubject, Error, Inventory,
    Level, Licence, Location, OwnerEvidence, Problem, Relationship, RelationshipKind, formats, read,
    read_document, read_whole, unread, unwritten, validate, write_cyclonedx, write_spdx,
};
use proptest::prelude::*;
use shared::{detected, document, found, inventory, listed, manifest, written};

#[test]
fn equal_input_gives_equal_bytes_and_different_input_a_different_identifier() {
    let inventory = inventory();
    let first = document(&inventory);
    let mut other = inventory.clone();
    other.components.pop();
    for write in [write_spdx, write_cyclonedx] {
        assert_eq!(written(write, &first), written(write, &document(&inventory.clone())));
        let identifier = |bytes: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            value.get("serialNumber").or_else(|| value.get("documentNamespace")).unwrap().clone()
        };
        assert_ne!(identifier(&written(write, &first)), identifier(&written(write, &document(&other))));
    }
}

#[test]
fn the_document_is_about_the_manifest() {
    let inventory = inventory();
    for (write, format) in
        [(shared::Write::Spdx, ("SPDX", "2.3")), (shared::Write::CycloneDx, ("CycloneDX", "1.6"))]
    {
        let read =
            read_document(&written(write.function(), &document(&inventory)), &Limits::default()).unwrap();
        assert_eq!((read.format, read.version.as_str()), format);
        assert_eq!(read.subject_digest, Some(manifest()));
        assert_eq!(read.subject_name.as_deref(), Some("registry.example/team/app:1.2"));
        assert_eq!(read.created.as_deref(), Some("2026-11-20T10:00:00Z"));
    }
}

#[test]
fn written_documents_read_back() {
    let inventory = inventory();
    for write in [write_spdx, write_cyclonedx] {
        let read = read(&written(write, &document(&inventory))).unwrap();
        assert_eq!(read.os, inventory.os);
        assert_eq!(read.layers, inventory.layers);
        assert_eq!(read.problems, inventory.problems);
        assert_eq!(read.components.len(), inventory.components.len());
        assert_eq!(read.components, inventory.components);
        // Evidence from a document is a claim.
        let expected = inventory.relationships.iter().map(|relationship| match relationship.kind {
            RelationshipKind::OwnedBy(OwnerEvidence::DigestsMatch) => {
                Relationship { kind: RelationshipKind::OwnedBy(OwnerEvidence::Claimed), ..*relationship }
            }
            _ => *relationship,
        });
        assert_eq!(read.relationships, expected.collect());
    }
}

/// Every form that is written and read, in every version, with the result for `document`.
fn forms(document: &Document<'_>) -> Vec<(String, Vec<u8>)> {
    let read_and_written = formats().filter(|format| !format.reads().is_empty());
    read_and_written
        .flat_map(|format| format.writes().iter().map(move |version| (format, *version)))
        .map(|(format, version)| {
            let mut bytes = Vec::new();
            format.write_version(document, version, &mut bytes).unwrap();
            (format!("{} {version}", format.id()), bytes)
        })
        .collect()
}

#[test]
fn every_form_of_a_document_gives_the_same_inventory() {
    let mut inventory = inventory();
    let need =
        Relationship { from: ComponentIndex(4), kind: RelationshipKind::DependsOn, to: ComponentIndex(2) };
    inventory.relationships.insert(need);
    let forms = forms(&document(&inventory));
    assert_eq!(forms.len(), 11, "2 of SPDX 2.3, 1 of SPDX 3, 4 each of CycloneDX");
    let expected = inventory.relationships.iter().map(|relationship| match relationship.kind {
        RelationshipKind::OwnedBy(OwnerEvidence::DigestsMatch) => {
            Relationship { kind: RelationshipKind::OwnedBy(OwnerEvidence::Claimed), ..*relationship }
        }
        _ => *relationship,
    });
    let expected = Inventory { relationships: expected.collect(), ..inventory.clone() };
    for (name, bytes) in forms {
        let text = String::from_utf8_lossy(&bytes);
        let read =
            read_whole(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert_eq!(read.inventory, expected, "{name}: {text}");
        assert_eq!(read.subject_digest, Some(manifest()), "{name}");
        assert_eq!(read.subject_name.as_deref(), Some("registry.example/team/app:1.2"), "{name}");
        assert_eq!(read.created.as_deref(), Some("2026-11-20T10:00:00Z"), "{name}");
        assert!(read.stated.names_tool, "{name}");
    }
}

#[test]
fn every_form_states_that_it_is_complete_unless_a_problem_hides_components() {
    let mut inventory = inventory();
    let is_missing = inventory.problems.iter().any(Problem::hides_components);
    assert!(is_missing, "the inventory of these tests has such a problem");
    let states = |inventory: &Inventory, states| {
        let document = Document { states, ..document(inventory) };
        let read = forms(&document)
            .into_iter()
            .map(|(_, bytes)| read_document(&bytes, &Limits::default()).unwrap().completeness);
        read.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    for stated in [Completeness::Complete, Completeness::Unstated, Completeness::Incomplete] {
        assert_eq!(states(&inventory, stated), [Completeness::Incomplete]);
    }
    inventory.problems.retain(|problem| !problem.hides_components());
    for stated in [Completeness::Complete, Completeness::Unstated, Completeness::Incomplete] {
        assert_eq!(states(&inventory, stated), [stated]);
    }
}

#[test]
fn only_a_statement_about_the_whole_subject_makes_a_document_complete() {
    let cyclonedx = |compositions: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{{"type":"container","bom-ref":"s","name":"a"}}}},
            "components":[{{"type":"library","bom-ref":"c","name":"b","version":"1","purl":"pkg:npm/b@1"}}],"compositions":{compositions}}}"#
        )
    };
    let complete = r#"{"aggregate":"complete","assemblies":["s"]}"#;
    for (compositions, expected) in [
        (format!("[{complete}]"), Completeness::Complete),
        (format!(r#"[{complete},{{"aggregate":"complete","dependencies":["c"]}}]"#), Completeness::Complete),
        ("[]".to_owned(), Completeness::Unstated),
        ("null".to_owned(), Completeness::Unstated),
        // About a component, about what the subject depends on, about nothing that exists.
        (r#"[{"aggregate":"complete","assemblies":["c"]}]"#.to_owned(), Completeness::Unstated),
        (r#"[{"aggregate":"complete","dependencies":["s"]}]"#.to_owned(), Completeness::Unstated),
        (r#"[{"aggregate":"complete"}]"#.to_owned(), Completeness::Unstated),
        // Two contradicting statements count as none.
        (format!(r#"[{complete},{{"aggregate":"unknown","assemblies":["s"]}}]"#), Completeness::Unstated),
        (
            format!(r#"[{complete},{{"aggregate":"not_specified","assemblies":["c"]}}]"#),
            Completeness::Unstated,
        ),
        (
            format!(r#"[{complete},{{"aggregate":"of-the-future","assemblies":["s"]}}]"#),
            Completeness::Unstated,
        ),
        (format!("[{complete},{{}}]"), Completeness::Unstated),
        (
            format!(r#"[{complete},{{"aggregate":"incomplete","assemblies":["c"]}}]"#),
            Completeness::Incomplete,
        ),
        (
            format!(r#"[{complete},{{"aggregate":"incomplete_third_party_only","assemblies":["s"]}}]"#),
            Completeness::Incomplete,
        ),
        // A malformed statement is ignored, and the components are still read.
        (format!(r"[{complete},7]"), Completeness::Unstated),
        (r#"{"aggregate":"complete","assemblies":["s"]}"#.to_owned(), Completeness::Unstated),
        (r#"[{"aggregate":"Complete","assemblies":["s"]}]"#.to_owned(), Completeness::Unstated),
    ] {
        let read = read_document(cyclonedx(&compositions).as_bytes(), &Limits::default()).unwrap();
        assert_eq!(read.completeness, expected, "{compositions}");
        assert_eq!(read.inventory.components.len(), 1, "{compositions}");
    }
    let nameless =
        cyclonedx(r#"[{"aggregate":"complete","assemblies":[""]}]"#).replace(r#""bom-ref":"s","#, "");
    let read = read_document(nameless.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(
        read.completeness,
        Completeness::Unstated,
        "no statement can refer to a subject without an identifier"
    );

    let spdx = |comment: &str| {
        format!(
            r#"{{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"a","comment":{comment},"packages":[{{"name":"b","SPDXID":"SPDXRef-b",
            "versionInfo":"1","externalRefs":[{{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/b@1"}}]}}]}}"#
        )
    };
    for comment in
        [r#""Complete""#, r#""complete: no further components are known.""#, "7", r#"["Complete"]"#, "null"]
    {
        let read = read_document(spdx(comment).as_bytes(), &Limits::default()).unwrap();
        assert_eq!(
            (read.completeness, read.inventory.components.len()),
            (Completeness::Unstated, 1),
            "{comment}"
        );
    }
}

#[test]
fn detected_licences_are_distinguished_from_declared_ones_and_read_back() {
    let limits = Limits::default();
    let lost = |bytes: &[u8]| unread(bytes, &read_whole(bytes, &limits).unwrap(), &limits).unwrap();
    let (inventory, without) = (detected(), inventory());
    let both = forms(&document(&inventory)).into_iter().zip(forms(&document(&without)));
    for ((form, bytes), (_, without)) in both {
        assert_eq!(lost(&bytes), lost(&without), "{form}");
        let read = read_whole(&bytes, &limits).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(read.inventory.components, inventory.components, "{form}");
        let marks: &[&str] = match form.split_once(' ').unwrap() {
            ("spdx-json-ld", _) => &["\"hasConcludedLicense\"", "\"Apache-2.0 AND MIT\""],
            ("spdx-tag-value", _) => &["PackageLicenseConcluded: Apache-2.0 AND MIT"],
            ("spdx-json", _) => &["\"licenseConcluded\":\"Apache-2.0 AND MIT\""],
            (_, "1.4" | "1.5") => &["plimsoll:detected-licence"],
            _ => &["plimsoll:detected-licence", "concluded"],
        };
        for mark in marks {
            assert!(text.contains(mark), "{form}: {mark} in {text}");
        }
        // A licence next to other text is listed, but not concluded.
        assert!(text.contains("ISC (97 %) beside other text in srv/COPYING"), "{form}");
        assert!(!text.contains("Concluded: ISC") && !text.contains("licenseConcluded\":\"ISC"), "{form}");
    }
}

#[test]
fn every_form_contains_the_origins_and_cpe_names_of_components() {
    let inventory = found();
    for (form, bytes) in forms(&document(&inventory)) {
        let text = String::from_utf8(bytes).unwrap();
        let wanted =
            ["https://a.example/?x=1", "git+https://git.example.org/a/b.git", "cpe:2.3:a:glibc:glibc:2.36:"];
        for wanted in wanted.into_iter().chain([&*"ab".repeat(20), &*"cd".repeat(64)]) {
            assert!(text.contains(wanted), "{form}: {wanted}");
        }
    }
}

#[test]
fn cpe_names_and_digests_are_carried_from_form_to_form() {
    let mut inventory = found();
    let origin = inventory.components[0].origin.as_mut().unwrap();
    origin.cpes = vec!["cpe:2.3:a:x:y:1:*:*:*:*:*:*:*".to_owned()];
    for (form, bytes) in forms(&document(&inventory)) {
        let read = read_whole(&bytes, &Limits::default()).unwrap();
        for (before, after) in inventory.components.iter().zip(&read.inventory.components) {
            let (before, after) = (before.origin.as_ref().unwrap(), after.origin.as_ref().unwrap());
            assert_eq!(before.checksums, after.checksums, "{form}");
        }
        let names = &read.inventory.components[0].origin.as_ref().unwrap().cpes;
        assert_eq!(*names, ["cpe:2.3:a:x:y:1:*:*:*:*:*:*:*"], "{form}");
        let again = document(&read.inventory);
        for (other, bytes) in forms(&again) {
            let text = String::from_utf8(bytes).unwrap();
            let carried = text.contains("cpe:2.3:a:x:y:1:") && text.contains(&*"cd".repeat(64));
            assert!(carried, "{form} as {other}");
        }
    }
}

#[test]
fn every_cpe_name_of_syft_is_carried_and_invalid_ones_are_reported_as_lost() {
    let syft = r#"{"artifacts":[{"id":"1","name":"y","version":"1","type":"python","purl":"pkg:pypi/y@1",
        "cpes":[{"cpe":"cpe:2.3:a:x:y:1:*:*:*:*:*:*:*","source":"a"},"cpe:/a:z:y:1","nonsense"]}],
        "source":{"type":"directory"},"distro":{},"descriptor":{"name":"syft"},"schema":{"version":"16.0.0"}}"#;
    let read = read_whole(syft.as_bytes(), &Limits::default()).unwrap();
    let lost = unread(syft.as_bytes(), &read, &Limits::default()).unwrap();
    let lost: Vec<_> = lost.iter().map(|it| (&*it.what, it.count)).collect();
    assert_eq!(lost, [("artifacts/cpes", 1), ("descriptor", 1)]);
    for (form, bytes) in forms(&document(&read.inventory)) {
        let again = read_whole(&bytes, &Limits::default()).unwrap();
        let names = &again.inventory.components[0].origin.as_ref().unwrap().cpes;
        assert_eq!(*names, ["cpe:2.3:a:x:y:1:*:*:*:*:*:*:*", "cpe:/a:z:y:1"], "{form}");
    }
    let purls = formats().find(|format| format.id() == "purl-list").unwrap();
    let lost = unwritten(&read.inventory, b"", purls, &Limits::default()).unwrap();
    assert_eq!(lost.iter().map(|it| (&*it.what, it.count)).collect::<Vec<_>>(), [("CPE names", 2)]);
}

#[test]
fn components_of_the_base_are_marked_if_layers_were_compared() {
    let inventory = found();
    let mut document = document(&inventory);
    let told = |document: &Document<'_>| {
        let count = |bytes: Vec<u8>, text: &str| String::from_utf8(bytes).unwrap().matches(text).count();
        let spdx = count(written(write_spdx, document), "came with the base image");
        let cyclonedx = written(write_cyclonedx, document);
        (spdx, count(cyclonedx, r#""name":"plimsoll:from-base","value":"true""#))
    };
    let of_base = inventory.components.iter().filter(|it| it.locations.iter().any(|at| at.layer == Some(0)));
    let of_base = of_base.count();
    assert!(of_base > 0 && of_base < inventory.components.len());
    assert_eq!(told(&document), (of_base, of_base));
    // A guess is distinguished from a comparison in every form.
    document.subject.base.as_mut().unwrap().boundary = Some(BaseEvidence::History);
    assert_eq!(told(&document), (of_base, of_base));
    for (form, bytes) in forms(&document) {
        let text = String::from_utf8(bytes).unwrap();
        let wanted = match form.as_str() {
            cyclonedx if cyclonedx.starts_with("cyclonedx") => "plimsoll:from-base:evidence",
            _ => "came with the base image (history)",
        };
        assert!(text.contains(wanted) && text.contains("history") && text.contains("named-base"), "{form}");
    }
    // The image's claims say nothing about layers.
    document.subject.base.as_mut().unwrap().layers = None;
    assert_eq!(told(&document), (0, 0));
}

#[test]
fn author_and_phase_are_in_the_forms_that_can_represent_them() {
    let inventory = inventory();
    for (form, bytes) in forms(&document(&inventory)) {
        let read = read_whole(&bytes, &Limits::default()).unwrap();
        assert_eq!(read.stated.authors, ["Example"], "{form}");
    }
    let read = read_whole(&written(write_cyclonedx, &document(&inventory)), &Limits::default()).unwrap();
    assert!(read.stated.names_phase);
}

#[test]
fn lists_have_each_package_once() {
    let inventory = inventory();
    let list = |id: &str| {
        let format = formats().find(|format| format.id() == id).unwrap();
        let mut bytes = Vec::new();
        format.write(&document(&inventory), &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let purls = list("purl-list");
    assert_eq!(purls.lines().count(), 7);
    assert_eq!(purls.lines().filter(|purl| purl.contains("requests")).count(), 1);
    let snapshot: serde_json::Value = serde_json::from_str(&list("github-snapshot")).unwrap();
    let status = &snapshot["manifests"]["var/lib/dpkg/status"];
    assert_eq!(status["file"]["source_location"], "var/lib/dpkg/status");
    assert_eq!(status["resolved"].as_object().unwrap().len(), 4);
}

#[test]
fn both_documents_contain_the_dependencies_of_components() {
    let mut inventory = inventory();
    let relationship = |kind| Relationship { from: ComponentIndex(1), kind, to: ComponentIndex(2) };
    inventory.relationships =
        BTreeSet::from([relationship(RelationshipKind::Contains), relationship(RelationshipKind::DependsOn)]);
    let ids = inventory.identifiers();
    let (from, to) = (ids[1].as_str(), ids[2].as_str());
    let parsed = |write| -> serde_json::Value {
        serde_json::from_slice(&written(write, &document(&inventory))).unwrap()
    };
    let spdx = parsed(write_spdx as shared::Function);
    for kind in ["CONTAINS", "DEPENDS_ON"] {
        let relationship = serde_json::json!({
            "spdxElementId": format!("SPDXRef-{from}"),
            "relationshipType": kind,
            "relatedSpdxElement": format!("SPDXRef-{to}"),
        });
        assert!(spdx["relationships"].as_array().unwrap().contains(&relationship), "{kind}");
    }
    let cyclonedx = parsed(write_cyclonedx);
    let dependency = serde_json::json!({ "ref": from, "dependsOn": [to] });
    assert!(cyclonedx["dependencies"].as_array().unwrap().contains(&dependency));
}

#[test]
fn only_valid_licences_are_written_as_expressions() {
    let inventory = inventory();
    let bytes = written(write_spdx, &document(&inventory));
    let spdx: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let declared = |name: &str| {
        let packages = spdx["packages"].as_array().unwrap();
        packages.iter().find(|package| package["name"] == name).unwrap()["licenseDeclared"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(declared("requests"), "Apache-2.0");
    assert_eq!(declared("libc6"), "NOASSERTION");
    assert!(declared("flask").starts_with("BSD-3-Clause AND LicenseRef-"), "{}", declared("flask"));
    let extracted = &spdx["hasExtractedLicensingInfos"][0];
    assert_eq!(extracted["extractedText"], "see \"LICENSE\" in the sources");
}

#[test]
fn a_root_file_system_has_no_digest() {
    let inventory = Inventory::default();
    let subject = DocumentSubject { name: "/srv/root".to_owned(), ..DocumentSubject::default() };
    let document = Document { subject, ..document(&inventory) };
    for write in [write_spdx, write_cyclonedx] {
        let read = read_document(&written(write, &document), &Limits::default()).unwrap();
        assert_eq!(read.subject_digest, None);
        assert_eq!(read.subject_name.as_deref(), Some("/srv/root"));
        assert_eq!(read.inventory.components, []);
    }
}

#[test]
fn a_writer_that_fails_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let inventory = inventory();
    for write in [write_spdx, write_cyclonedx] {
        assert!(matches!(write(&document(&inventory), &mut Full), Err(Error::Write(_))));
    }
}

fn component() -> impl Strategy<Value = Component> {
    let purl = prop_oneof![
        "pkg:deb/debian/[a-z][a-z0-9+.]{1,6}@[0-9][0-9.:~]{0,3}[0-9](-[0-9]{1,2})?[?]arch=amd64&distro=debian-12(&upstream=[a-z]{2,5}(%40[0-9]{1,2}-1)?)?",
        "pkg:apk/alpine/[a-z][a-z0-9_+]{1,6}@[0-9][.][0-9]-r[0-9][?]arch=x86_64&distro=alpine-3[.]20[.]1(&upstream=[a-z]{2,5})?",
        "pkg:pypi/[a-z]{1,8}@[0-9][.][0-9]{1,2}",
        "pkg:npm/%40[a-z]{1,4}/[a-z]{1,8}@[0-9][.][0-9]",
        "pkg:golang/github[.]com/[A-Za-z]{1,4}/[a-z]{1,8}@v[0-9][.][0-9]",
    ];
    let layer = proptest::option::of(0_usize..3);
    let licence = proptest::option::of("[a-zA-Z][ -~é]{0,9}[a-z]");
    let declared = proptest::option::of("(runtime|development)( direct| transitive)?");
    (purl, "[a-z/]{1,9}", layer, licence, declared).prop_map(|(purl, path, layer, licence, declared)| {
        let mut component = Component::from_purl(purl.parse().unwrap());
        component.locations = vec![Location { path: path.trim_start_matches('/').to_owned(), layer }];
        component.declared = declared.map(|declared| declared.parse().unwrap());
        component.licenses = licence.as_deref().map(Licence::parse).into_iter().collect();
        component
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_inventory_reads_back(mut components in proptest::collection::vec(component(), 0..12)) {
        components.sort_by(|a, b| (&a.purl, &a.locations).cmp(&(&b.purl, &b.locations)));
        let inventory = Inventory { components, relationships: BTreeSet::new(), ..inventory() };
        for write in [write_spdx, write_cyclonedx] {
            let read = read(&written(write, &document(&inventory))).unwrap();
            prop_assert_eq!(&read.os, &inventory.os);
            prop_assert_eq!(&read.components, &inventory.components);
        }
    }

    #[test]
    fn damaged_documents_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let inventory = inventory();
        for write in [write_spdx, write_cyclonedx] {
            let mut bytes = written(write, &document(&inventory));
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let _ = read(&bytes);
        }
    }
}

#[test]
fn the_digest_of_the_subject_may_be_in_any_of_three_places() {
    let digest = Digest::sha256(b"x");
    for subject in [
        format!(r#"{{"type":"container","name":"a","version":"{digest}"}}"#),
        format!(r#"{{"type":"container","name":"a","purl":"pkg:oci/a@{digest}"}}"#),
        format!(
            r#"{{"type":"container","name":"a","hashes":[{{"alg":"SHA-256","content":"{}"}}]}}"#,
            digest.hex()
        ),
    ] {
        let bom = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{{"component":{subject}}}}}"#
        );
        assert_eq!(read_document(bom.as_bytes(), &Limits::default()).unwrap().subject_digest, Some(digest));
    }
}

#[test]
fn nothing_of_our_own_documents_is_reported_as_lost() {
    let mut inventory = inventory();
    inventory.components[0].declared = Some("development direct".parse().unwrap());
    // Author, build and base image are stated anew by whoever converts a document, see below.
    let mut document = document(&inventory);
    document.build.author.clear();
    document.subject.base = None;
    document.subject.phase = None;
    for format in formats().filter(|format| !format.writes().is_empty() && !format.reads().is_empty()) {
        for version in format.writes() {
            let mut bytes = Vec::new();
            format.write_version(&document, version, &mut bytes).unwrap();
            let read = read_whole(&bytes, &Limits::default()).unwrap();
            assert_eq!(unread(&bytes, &read, &Limits::default()).unwrap(), [], "{} {version}", format.id());
            let lost = unwritten(&inventory, &bytes, format, &Limits::default()).unwrap();
            assert_eq!(lost, [], "{} {version}", format.id());
        }
    }
}

#[test]
fn an_author_and_a_base_image_are_reported_as_lost() {
    let inventory = inventory();
    let spdx = written(write_spdx, &document(&inventory));
    let read = read_whole(&spdx, &Limits::default()).unwrap();
    let lost: Vec<_> =
        unread(&spdx, &read, &Limits::default()).unwrap().into_iter().map(|it| it.what).collect();
    assert_eq!(lost, ["creationInfo/creators", "packages/annotations", "packages/comment"]);
}

#[test]
fn our_own_documents_are_valid() {
    let inventory = inventory();
    for format in formats().filter(|format| !format.writes().is_empty() && !format.reads().is_empty()) {
        for version in format.writes() {
            let mut bytes = Vec::new();
            format.write_version(&document(&inventory), version, &mut bytes).unwrap();
            let findings = validate(&bytes, &Limits::default()).unwrap().findings;
            let errors: Vec<_> = findings.iter().filter(|finding| finding.level == Level::Error).collect();
            assert!(errors.is_empty(), "{} {version}: {errors:?}", format.id());
        }
    }
}

#[test]
fn every_file_is_listed_with_its_digests_and_its_owners() {
    let inventory = listed();
    let about = document(&inventory);
    let (a, b) = ("pkg:deb/debian/a@1-1", "pkg:deb/debian/b@1-1");
    let spdx: serde_json::Value = serde_json::from_slice(&written(write_spdx, &about)).unwrap();
    let list = |of: &serde_json::Value| of.as_array().unwrap().clone();
    let names: Vec<String> =
        list(&spdx["files"]).iter().map(|it| it["fileName"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 10);
    assert!(names.contains(&"./srv/\\xff".to_owned()), "{names:?}");
    let purl_of = |id: &serde_json::Value| {
        let package = list(&spdx["packages"]).into_iter().find(|it| it["SPDXID"] == *id)?;
        let purl = package["externalRefs"][0]["referenceLocator"].as_str()?.to_owned();
        Some(purl.split('?').next().unwrap().to_owned())
    };
    let owners = |path: &str| {
        let file = list(&spdx["files"]).into_iter().find(|it| it["fileName"] == path).unwrap();
        let contains = list(&spdx["relationships"]).into_iter();
        let contains = contains.filter(|it| it["relationshipType"] == "CONTAINS");
        let mine = contains.filter(|it| it["relatedSpdxElement"] == file["SPDXID"]);
        mine.map(|it| purl_of(&it["spdxElementId"])).collect::<Vec<_>>()
    };
    let owned = |purls: &[&str]| purls.iter().map(|purl| Some((*purl).to_owned())).collect::<Vec<_>>();
    assert_eq!(owners("./usr/bin/a"), owned(&[a]), "through the link of /bin");
    assert_eq!(owners("./etc/a.conf"), owned(&[a]), "which has no recorded digest");
    assert_eq!(owners("./usr/share/doc/shared"), owned(&[a, b]));
    let subject = list(&spdx["relationships"])[0]["relatedSpdxElement"].clone();
    assert_eq!(owners("./srv/own <data>"), [purl_of(&subject)]);
    for package in list(&spdx["packages"]) {
        let is_analyzed = package["packageVerificationCode"]["packageVerificationCodeValue"].is_string();
        assert_eq!(package["filesAnalyzed"], is_analyzed, "{package}");
    }
    let cdx: serde_json::Value = serde_json::from_slice(&written(write_cyclonedx, &about)).unwrap();
    let names = |of: &serde_json::Value| {
        let files = of.as_array().into_iter().flatten().filter(|it| it["type"] == "file");
        files.map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let inside = |purl: &str| {
        let has = |it: &&serde_json::Value| it["purl"].as_str().is_some_and(|it| it.starts_with(purl));
        names(&list(&cdx["components"]).iter().find(has).unwrap()["components"])
    };
    assert_eq!(inside(a), ["etc/a.conf", "usr/bin/a", "usr/share/doc/shared"]);
    assert!(inside(b).is_empty(), "one place for each file");
    assert_eq!(names(&cdx["components"]).len(), 7);
}

#[test]
fn a_document_with_files_is_read_like_one_without_and_its_files() {
    let inventory = listed();
    let plain = Inventory { files: None, ..inventory.clone() };
    let (with, without) = (forms(&document(&inventory)), forms(&document(&plain)));
    for ((name, with), (_, without)) in with.iter().zip(&without) {
        assert!(with.len() > without.len(), "{name}");
        assert_eq!(*with, forms(&document(&inventory)).into_iter().find(|it| it.0 == *name).unwrap().1);
        let read = |bytes: &[u8]| read_whole(bytes, &Limits::default()).unwrap();
        let (with, without) = (read(with), read(without));
        let files = with.inventory.files.clone();
        // The size is in no document.
        let told = |files: &plimsoll_sbom::Files| -> Vec<_> {
            files.list().iter().map(|it| (it.path.to_vec(), it.content.sha1, it.content.sha256)).collect()
        };
        let stated = inventory.files.as_deref().map(told);
        assert!(stated.is_some() && files.as_deref().map(told) == stated, "{name}: {files:?}");
        assert_eq!(Inventory { files: None, ..with.inventory }, without.inventory, "{name}");
        assert_eq!((with.subject_digest, with.completeness), (without.subject_digest, without.completeness));
    }
    for (name, bytes) in
        with.iter().filter(|(name, _)| name.starts_with("spdx-json 2") || name.starts_with("cyclonedx"))
    {
        let findings = validate(bytes, &Limits::default()).unwrap().findings;
        assert!(findings.iter().all(|finding| finding.level != Level::Error), "{name}: {findings:?}");
    }
}
