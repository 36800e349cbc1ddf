//! Documents that say something else than what is there, or that lead in circles.

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Limits, Timestamp};
use plimsoll_sbom::{
    Build, Completeness, Document, DocumentSubject, Inventory, ProblemCode, formats, read, read_whole, select,
};
use serde_json::{Value, json};

/// Every form of a document about an inventory.
fn forms(inventory: &Inventory) -> Vec<Vec<u8>> {
    let document = Document {
        inventory,
        subject: DocumentSubject { name: "x".to_owned(), ..DocumentSubject::default() },
        created: Timestamp::UNIX_EPOCH,
        tool_version: "0",
        build: Build::default(),
        states: Completeness::Unstated,
    };
    let written = formats().filter(|format| !format.writes().is_empty()).map(|format| {
        let mut bytes = Vec::new();
        format.write(&document, &mut bytes).unwrap();
        bytes
    });
    written.collect()
}

#[test]
fn v01_an_sbom_in_the_image_removes_nothing_and_replaces_nothing() {
    let lie = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [
        {"type": "library", "name": "requests", "version": "2.99.0", "purl": "pkg:pypi/requests@2.99.0"}],
        "compositions": [{"aggregate": "complete"}]});
    let metadata =
        |name: &str, version: &str| format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let mut files = FileSet::default();
    for (path, content) in [
        ("opt/app/bom.json", lie.to_string()),
        ("opt/app/site-packages/requests-2.0.0.dist-info/METADATA", metadata("requests", "2.0.0")),
        ("opt/app/site-packages/urllib3-1.0.dist-info/METADATA", metadata("urllib3", "1.0")),
    ] {
        files.add(select(), path, None, content.as_bytes());
    }
    let inventory = plimsoll_sbom::catalog(&files, &Limits::default());
    let found: Vec<String> = inventory.components.iter().map(|it| it.purl.to_string()).collect();
    assert_eq!(found, ["pkg:pypi/requests@2.0.0", "pkg:pypi/urllib3@1.0"]);
    let conflict = inventory.problems.iter().find(|it| it.path == "opt/app/bom.json").unwrap();
    assert_eq!(conflict.code, ProblemCode::MetadataDisagrees);
    assert!(conflict.detail.contains("requests 2.99.0"), "{}", conflict.detail);
}

/// An SPDX document with these packages and relationships.
fn spdx(packages: usize, relationships: &[(String, &str, String)]) -> Vec<u8> {
    let package = |n: usize| {
        json!({"SPDXID": format!("SPDXRef-{n}"), "name": format!("p{n}"), "versionInfo": "1", "downloadLocation": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": format!("pkg:npm/p{n}@1")}]})
    };
    let related = |(from, kind, to): &(String, &str, String)| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
    json!({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "app",
        "documentNamespace": "https://example.org/app", "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: x"]},
        "packages": (0..packages).map(package).collect::<Vec<Value>>(),
        "relationships": relationships.iter().map(related).collect::<Vec<Value>>()})
    .to_string()
    .into_bytes()
}

#[test]
fn v02_circles_and_references_that_lead_nowhere_end_and_hide_nothing() {
    let id = |n: usize| format!("SPDXRef-{n}");
    // A circle through all of them, each one in itself, and references to what is not there.
    let mut relationships = Vec::new();
    for n in 0..1_000 {
        relationships.push((id(n), "DEPENDS_ON", id((n + 1) % 1_000)));
        relationships.push((id(n), "CONTAINS", id(n)));
        relationships.push((id(n), "DEPENDS_ON", id(n + 5_000)));
        relationships.push((id(n + 5_000), "DEPENDENCY_OF", id(n)));
    }
    let document = read_whole(&spdx(1_000, &relationships), &Limits::default()).unwrap();
    assert_eq!(document.inventory.components.len(), 1_000);
    assert_eq!(
        document.inventory.direct().into_iter().filter(|is_direct| *is_direct).count(),
        1,
        "one of the circle"
    );
    for bytes in forms(&document.inventory) {
        assert!(String::from_utf8_lossy(&bytes).contains("p999"));
    }
    let mut limits = Limits::default();
    limits.relationships = 3_000;
    let error = read_whole(&spdx(1_000, &relationships), &limits).unwrap_err().to_string();
    assert!(error.contains("relationships"), "{error}");
    limits.components = 999;
    let error = read_whole(&spdx(1_000, &[]), &limits).unwrap_err().to_string();
    assert!(error.contains("components"), "{error}");
}

#[test]
fn v03_a_package_url_is_a_name_and_neither_a_path_nor_an_address() {
    let hostile = [
        "pkg:npm/..%2F..%2Fetc/passwd@1",
        "pkg:npm/a@1?repository_url=http://169.254.169.254/latest&download_url=file:///etc/passwd",
        "pkg:npm/a@1#../../x",
        "pkg:pypi/r\u{435}quests@1",
        "pkg:npm/%00@1",
        "pkg:npm/%0A%1B%5B2J@1",
    ];
    let components: Vec<Value> = hostile
        .iter()
        .enumerate()
        .map(|(n, purl)| json!({"bom-ref": n.to_string(), "type": "library", "name": "x", "version": "1", "purl": purl}))
        .collect();
    let document =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components});
    let inventory = read(document.to_string().as_bytes()).unwrap();
    // What is no package URL is told, and is not taken for another one.
    let problems: Vec<ProblemCode> = inventory.problems.iter().map(|it| it.code).collect();
    assert!(
        inventory.components.len() == hostile.len() || problems.contains(&ProblemCode::InvalidPurl),
        "{problems:?}"
    );
    for component in &inventory.components {
        let written = component.purl.to_string();
        let again: plimsoll_core::Purl = written.parse().unwrap();
        assert_eq!(again, component.purl, "{written}");
        assert!(written.is_ascii() && !written.contains(char::is_control), "{written}");
        assert!(!written.split(['/', '#', '?']).any(|part| part == ".."), "{written}");
        assert_ne!(component.name, "requests", "a letter that only looks the same is another name");
    }
    let lists = forms(&inventory);
    assert!(lists.iter().all(|bytes| !bytes.contains(&0x1b) && !bytes.contains(&0)));
}
