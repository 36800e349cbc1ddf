//! SBOMs that an attacker or a broken tool may write. Each test is named after its row in the catalogue of bad inputs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod claims;
mod work;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;
use plimsoll_sbom::{Problem, read, select};
use serde_json::{Value, json};

fn documents() -> [Value; 2] {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    [
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"timestamp": "2026-01-01T00:00:00Z", "component": {"bom-ref": "r", "type": "container", "name": "app", "version": digest}},
            "components": [{"bom-ref": "a", "type": "library", "name": "a", "version": "1", "purl": "pkg:pypi/a@1",
                "licenses": [{"license": {"id": "MIT"}}], "properties": [{"name": "x", "value": "y"}]}],
            "dependencies": [{"ref": "r", "dependsOn": ["a"]}]}),
        json!({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "app",
            "documentNamespace": "https://example.org/app", "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: x"]},
            "packages": [{"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1", "downloadLocation": "NOASSERTION", "licenseConcluded": "MIT",
                "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:pypi/a@1"}]}],
            "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"}]}),
    ]
}

fn refused(document: &[u8]) -> String {
    let error = read(document).unwrap_err().to_string();
    assert!(error.len() < 1_000, "a message must not repeat the attack: {} bytes", error.len());
    error
}

/// Each document with a member inserted before its first one.
fn with(member: &str) -> [Vec<u8>; 2] {
    documents().map(|document| format!("{{{member},{}", &document.to_string()[1..]).into_bytes())
}

#[test]
fn both_documents_are_read() {
    for document in documents() {
        assert!(read(document.to_string().as_bytes()).unwrap().components.iter().any(|c| c.name == "a"));
    }
}

#[test]
fn p01_a_name_twice_in_an_sbom() {
    for document in with("\"components\":[],\"packages\":[]") {
        assert!(refused(&document).contains("twice"));
    }
}

#[test]
fn p02_nesting_in_an_sbom() {
    let deep = format!("\"x\":{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for document in with(&deep) {
        assert!(refused(&document).contains("deeper"));
    }
    // Components in components, which CycloneDX allows.
    let nested = (0..5_000).fold(json!([]).to_string(), |inner, n| {
        format!("[{{\"name\":\"n{n}\",\"type\":\"library\",\"components\":{inner}}}]")
    });
    refused(
        format!("{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":{nested}}}").as_bytes(),
    );
}

#[test]
fn p03_numbers_in_an_sbom() {
    for document in with("\"x\":1e999") {
        refused(&document);
    }
}

#[test]
fn p04_marks_controls_and_broken_text_in_an_sbom() {
    for document in documents() {
        let text = document.to_string();
        // A byte order mark is read, and a second one is text.
        assert!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat()).is_ok());
        refused(&[b"\xef\xbb\xbf\xef\xbb\xbf", text.as_bytes()].concat());
        refused(text.replace("\"MIT\"", "\"\\ud800\"").as_bytes());
        refused(text.replace("\"MIT\"", "\"\u{0}\"").as_bytes());
        let at = text.find("MIT").unwrap();
        refused(&[&text.as_bytes()[..at], b"\xff", &text.as_bytes()[at..]].concat());
    }
}

/// Every place in a document, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| places(member, &format!("{at}/{name}"), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), out));
        }
        _ => {}
    }
}

#[test]
fn p08_another_type_anywhere_in_an_sbom_is_never_a_panic() {
    let shapes = [
        json!(null),
        json!(7),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!({"": null}),
        json!([{}]),
        json!(true),
        json!("pkg:"),
        json!("sha256:zz"),
        json!(["a", "a"]),
    ];
    for document in documents() {
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for place in &all {
            for shape in &shapes {
                let mut other = document.clone();
                *other.pointer_mut(place).unwrap() = shape.clone();
                if let Ok(inventory) = read(other.to_string().as_bytes()) {
                    // The result can be written again.
                    assert!(inventory.components.len() <= 2);
                }
            }
        }
    }
}

/// A database of packages that is too large to read, or is not a database at all: a gap, and never a short list.
#[test]
fn t18_a_database_beyond_its_limit_or_of_garbage_is_a_gap() {
    let mut limits = Limits::default();
    limits.kept_file_bytes = 10_000;
    for (os, database, package) in [
        (
            "ID=debian\nVERSION_ID=12\n",
            "var/lib/dpkg/status",
            "Package: p\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n",
        ),
        ("ID=alpine\nVERSION_ID=3.20.0\n", "lib/apk/db/installed", "P:p\nV:1-r0\nA:x86_64\n\n"),
    ] {
        let catalog = |content: &[u8]| {
            let mut set = FileSet::default();
            set.add_within(&limits, select(), "etc/os-release", None, os.as_bytes());
            set.add_within(&limits, select(), database, None, content);
            plimsoll_sbom::catalog(&set, &limits)
        };
        assert_eq!(catalog(package.as_bytes()).components.iter().filter(|c| c.name == "p").count(), 1);
        let large = package.repeat(1_000);
        assert_eq!(catalog(large.as_bytes()).components.iter().filter(|c| c.name == "p").count(), 0);
        let too_large = catalog(large.as_bytes());
        let told =
            |problem: &Problem| problem.hides_components() && problem.detail.contains("kept_file_bytes");
        assert!(too_large.problems.iter().any(told), "{:?}", too_large.problems);
        let sqlite = [&b"SQLite format 3\0"[..], &[0xff; 5_000]].concat();
        for garbage in [&sqlite[..], &[0; 5_000], b"\n\n\n", b"P:p", &[b'x'; 9_000]] {
            let problems = catalog(garbage).problems;
            assert!(problems.iter().any(Problem::hides_components), "{database}: {problems:?}");
        }
    }
}

#[test]
fn t18_garbage_in_place_of_any_database_is_a_gap() {
    let sqlite = [&b"SQLite format 3\0"[..], &[0xff; 5_000]].concat();
    for (os, database) in [
        ("rhel", "var/lib/rpm/rpmdb.sqlite"),
        ("rhel", "usr/share/rpm/rpmdb.sqlite"),
        ("rhel", "var/lib/rpm/Packages"),
        ("sles", "usr/lib/sysimage/rpm/Packages.db"),
        ("mariner", "var/lib/rpmmanifest/container-manifest-2"),
        ("bottlerocket", "usr/share/bottlerocket/application-inventory.json"),
        ("arch", "var/lib/pacman/local/a-1/desc"),
        ("openwrt", "usr/lib/opkg/status"),
        ("ubuntu", "var/lib/chisel/manifest.wall"),
    ] {
        for garbage in [&sqlite[..], &[0; 5_000], b"", b"\n\n\n", b"RpmP\0\0\0\0", &[b'x'; 9_000]] {
            let mut set = FileSet::default();
            set.add(select(), "etc/os-release", None, format!("ID={os}\nVERSION_ID=1\n").as_bytes());
            set.add(select(), database, None, garbage);
            let inventory = plimsoll_sbom::catalog(&set, &Limits::default());
            assert!(inventory.problems.iter().any(Problem::hides_components), "{database}: {garbage:?}");
        }
    }
}
