//! Statements and documents that correct older ones.

use super::*;

#[test]
fn a_correction_is_read_widely() {
    let zlib = "pkg:apk/alpine/zlib@1-r0";
    // Whether a statement cleared by an older document still is.
    let cleared = |later: Document| {
        let mut scan = scan(vec![finding("CVE-2026-0001", &[], zlib)]);
        let older = openvex(json!([not_affected(json!([{"@id": "pkg:apk/alpine/zlib"}]))]));
        settled(vec![older, later], &mut scan, None);
        scan.findings.is_empty()
    };
    let other = Digest::sha256(b"other").hex();
    for (product, expected) in [
        (json!({"@id": "pkg:apk/alpine/zlib@2-r0"}), true),
        (json!({"@id": "pkg:apk/alpine/curl"}), true),
        (json!({"@id": "pkg:apk/alpine/zlib", "hashes": {"md5": "00"}}), false),
        (json!({"@id": "pkg:apk/alpine/zlib", "hashes": {"sha-256": other}}), false),
        (json!({"@id": "pkg:oci/app", "hashes": {"sha-256": other}}), false),
        (json!({"@id": "pkg:oci/mirror", "subcomponents": [{"@id": "pkg:apk/alpine/zlib"}]}), false),
        (
            json!({"@id": "https://acme.example/app", "subcomponents": [{"@id": "pkg:apk/alpine/zlib"}]}),
            false,
        ),
        (json!({"@id": "https://acme.example/app", "subcomponents": [{"@id": "pkg:apk/alpine/curl"}]}), true),
        (
            json!({"identifiers": {"cpe23": "cpe:/o:redhat:enterprise_linux:8"},
            "subcomponents": [{"@id": "pkg:apk/alpine/zlib"}]}),
            true,
        ),
        (
            json!({"identifiers": {"cpe23": "cpe:/a:redhat:openshift:4"},
            "subcomponents": [{"@id": "pkg:apk/alpine/zlib"}]}),
            false,
        ),
    ] {
        for status in ["affected", "under_investigation"] {
            let later = json!({"vulnerability": {"name": "CVE-2026-0001"}, "products": [product], "status": status,
                "timestamp": "2026-11-02T00:00:00Z"});
            assert_eq!(cleared(openvex(json!([later]))), expected, "{status} {product}");
        }
    }
    // The same as CSAF, in a product of which nothing is known, and a range of versions.
    let mut document = csaf();
    document["document"]["tracking"]["current_release_date"] = json!("2026-11-02T00:00:00Z");
    document["vulnerabilities"][0]["product_status"] = json!({"known_affected": ["el9:curl"]});
    let branches = &mut document["product_tree"]["branches"][0]["branches"];
    branches[0]["category"] = json!("product_version_range");
    branches[0]["product"]["product_identification_helper"]["purl"] = json!("pkg:apk/alpine/zlib");
    branches[1]["product"]["product_identification_helper"] = json!({});
    assert!(!cleared(read_json(&document).unwrap()));
}

#[test]
fn only_the_newest_edition_of_a_document_counts() {
    let zlib = "pkg:apk/alpine/zlib@1-r0";
    let edition = |version: Value, id: &str, statements: Value| {
        json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": id, "author": "ACME", "version": version,
            "timestamp": "2026-11-01T00:00:00Z", "statements": statements})
    };
    let clearing = || json!([not_affected(json!([{"@id": "pkg:apk/alpine/zlib"}]))]);
    let expect = |documents: [Value; 2], signers: [Option<&str>; 2], expected: bool| {
        let mut scan = scan(vec![finding("CVE-2026-0001", &[], zlib)]);
        let mut read: Vec<Document> = documents.iter().map(|document| read_json(document).unwrap()).collect();
        read.iter_mut().zip(signers).for_each(|(it, signer)| it.signer = signer.map(str::to_owned));
        settled(read, &mut scan, None);
        assert_eq!(scan.findings.is_empty(), expected, "{documents:?}");
        let told = scan.vex.conflicts.iter().any(|it| it.contains("counts no longer, since a newer one is"));
        assert_eq!(told, !expected);
    };
    let first = || edition(json!(1), "acme-1", clearing());
    let unsigned = [None, None];
    // The newer one says nothing about it any more.
    expect([first(), edition(json!(2), "acme-1", json!([]))], unsigned, false);
    expect(
        [edition(json!("10"), "acme-1", json!([])), edition(json!("9"), "acme-1", clearing())],
        unsigned,
        false,
    );
    expect([first(), edition(json!(2), "acme-1", json!([]))], [Some("psirt"), Some("psirt")], false);
    // Another document, of another signer, and the same version.
    expect([first(), edition(json!(2), "acme-2", json!([]))], unsigned, true);
    expect([first(), edition(json!(2), "acme-1", json!([]))], [Some("psirt"), Some("vendor")], true);
    expect([first(), edition(json!(1), "acme-1", json!([]))], unsigned, true);
    let nameless = |version: i32, statements| edition(json!(version), "", statements);
    expect([nameless(1, clearing()), nameless(2, json!([]))], unsigned, true);
    for version in [json!("1.2"), json!(-1), json!([])] {
        assert!(read_json(&edition(version, "acme-1", json!([]))).is_err());
    }
    // The other formats.
    let with = |document: Value, path: &str, value: Value| {
        let mut document = document;
        *document.pointer_mut(path).unwrap() = value;
        document
    };
    let empty = with(csaf(), "/vulnerabilities", json!([]));
    let newer = with(empty, "/document/tracking/current_release_date", json!("2026-11-02T00:00:00Z"));
    let older = {
        let path = "/product_tree/branches/0/branches/0/product/product_identification_helper/purl";
        let document = with(csaf(), path, json!("pkg:apk/alpine/zlib"));
        with(document, "/product_tree/branches/0/branches/0/name", json!("zlib"))
    };
    expect([newer, older], unsigned, false);
    let mut older = cyclonedx();
    older["serialNumber"] = json!("urn:uuid:f08a6ccd-4dce-4759-bd84-c626675d60a7");
    let newer = with(with(older.clone(), "/vulnerabilities", json!([])), "/version", json!(2));
    expect([older, newer], unsigned, false);
}

#[test]
fn the_time_of_a_document_is_that_of_its_last_change() {
    let mut changed = json!({"@context": "https://openvex.dev/ns/v0.2.0", "author": "ACME", "version": 1,
        "timestamp": "2026-10-01T00:00:00Z", "last_updated": "2026-11-02T00:00:00Z",
        "statements": [{"vulnerability": {"name": "CVE-2026-0001"}, "products": [{"@id": "pkg:apk/alpine/zlib"}],
            "status": "affected"}]});
    let mut scan = scan(vec![finding("CVE-2026-0001", &[], "pkg:apk/alpine/zlib@1-r0")]);
    let older = openvex(json!([not_affected(json!([{"@id": "pkg:apk/alpine/zlib"}]))]));
    settled(vec![older, read_json(&changed).unwrap()], &mut scan, None);
    assert_eq!(scan.findings.len(), 1);
    changed["last_updated"] = json!("soon");
    assert!(read_json(&changed).unwrap_err().to_string().contains("not a time"));
}
