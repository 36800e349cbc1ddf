//! What statements set aside, and what they must not.

#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values, and tests have only them")]

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::{Digest, Purl, Timestamp};
use plimsoll_sbom::{
    Component, ComponentIndex, Inventory, Location, Relationship, RelationshipKind, SourcePackage,
};
use serde_json::{Value, json};

use super::*;
use crate::class::Class;
use crate::scan::{Finding, Fix, Gap, GapReason, Scan, Suppressed, Suppression, Undecided};
use crate::severity::{Severity, SeveritySource};

mod corrections;

const NOW: &str = "2026-11-20T12:00:00Z";
const LIMIT: u64 = 1 << 20;

fn finding(id: &str, aliases: &[&str], purl: &str) -> Finding {
    let component = Component::from_purl(purl.parse().unwrap());
    let (package, version) = match component.source {
        Some(SourcePackage { name, version }) => (name, version),
        None => (component.name, component.version),
    };
    Finding {
        id: id.to_owned(),
        advisory: id.to_owned(),
        class: Class::default(),
        aliases: aliases.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>().into(),
        named_by: BTreeMap::new().into(),
        component: component.purl.into(),
        package,
        version,
        severity: Severity::High,
        severity_source: SeveritySource::default(),
        exploited: None,
        likelihood: None,
        linked: None,
        cpe: None,
        without_epochs: false,
        fix: Fix::Unknown,
        summary: String::new().into(),
        locations: Vec::new().into(),
        published: None,
        modified: None,
        urls: Vec::new().into(),
    }
}

fn scan(findings: Vec<Finding>) -> Scan {
    Scan { findings, ..Scan::default() }
}

fn manifest() -> Digest {
    Digest::sha256(b"manifest")
}

fn image() -> ScannedImage {
    ScannedImage {
        digests: vec![manifest()],
        repository: Some("registry.example/team/app".to_owned()),
        tag: Some("1.4".to_owned()),
        architecture: Some("amd64".to_owned()),
        purl: None,
        os: Some(("rhel".to_owned(), "9.4".to_owned())),
    }
}

/// An OpenVEX document with these statements.
fn openvex(statements: Value) -> Document {
    read_json(&json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/1", "author": "ACME",
        "timestamp": "2026-11-01T00:00:00Z", "version": 1, "statements": statements,
    }))
    .unwrap()
}

fn read_json(document: &Value) -> Result<Document, Error> {
    read(document.to_string().as_bytes(), "acme.json", LIMIT)
}

/// A statement that CVE-1 does not affect these products.
fn not_affected(products: Value) -> Value {
    json!({"vulnerability": {"name": "CVE-2026-0001"}, "products": products, "status": "not_affected",
        "justification": "vulnerable_code_not_present"})
}

fn settled(documents: Vec<Document>, scan: &mut Scan, inventory: Option<&Inventory>) {
    let image = image();
    let scene = Scene { image: &image, inventory, now: NOW.parse().unwrap() };
    Statements::new(documents).settle(scan, &scene).unwrap();
}

/// Whether a document sets CVE-1 in this component aside.
fn clears(document: Document, purl: &str) -> bool {
    let mut scan = scan(vec![finding("CVE-2026-0001", &[], purl)]);
    settled(vec![document], &mut scan, None);
    assert_eq!(scan.findings.len() + scan.suppressed.len(), 1, "a finding is lost");
    scan.findings.is_empty()
}

#[test]
fn a_package_url_names_what_it_says_and_nothing_else() {
    let deb = "pkg:deb/debian/zlib1g@1:1.2.13-1?arch=amd64&distro=debian-12&upstream=zlib";
    let go = "pkg:golang/golang.org/x/net@0.1.0";
    let rpm = "pkg:rpm/redhat/curl@7.76.1-1.el9?arch=x86_64&distro=rhel-9.4&epoch=1&upstream=curl-7.76.1-1.el9.src.rpm";
    for (named, component, expected) in [
        ("pkg:deb/debian/zlib1g", deb, true),
        ("pkg:deb/debian/zlib1g@1:1.2.13-1", deb, true),
        ("pkg:deb/debian/zlib1g@1.2.13-1?epoch=1", deb, true),
        ("pkg:deb/debian/zlib1g@1.2.13-1", deb, false),
        ("pkg:deb/debian/zlib1g@1:1.2.13-2", deb, false),
        ("pkg:deb/debian/zlib1g?distro=debian-12", deb, true),
        ("pkg:deb/debian/zlib1g?distro=debian-1", deb, false),
        ("pkg:deb/debian/zlib1g?arch=arm64", deb, false),
        ("pkg:deb/debian/zlib1g?epoch=1", deb, true),
        ("pkg:deb/debian/zlib1g?epoch=0", deb, false),
        ("pkg:deb/debian/zlib1g#usr/lib", deb, false),
        ("pkg:deb/ubuntu/zlib1g", deb, false),
        ("pkg:deb/debian/zlib", deb, false),
        ("pkg:deb/debian/zlib?arch=source", deb, true),
        ("pkg:deb/debian/zlib1g?arch=source", deb, false),
        ("pkg:generic/zlib1g", deb, false),
        ("pkg:golang/golang.org/x/net@v0.1.0", go, true),
        ("pkg:golang/golang.org/x/net@v0.1.1", go, false),
        ("pkg:golang/golang.org/x", go, false),
        ("pkg:rpm/redhat/curl", rpm, true),
        ("pkg:rpm/redhat/curl?arch=src", rpm, true),
        ("pkg:rpm/redhat/curl@1:7.76.1-1.el9", rpm, true),
        ("pkg:rpm/redhat/curl@7.76.1-1.el9?epoch=1&arch=x86_64", rpm, true),
        ("pkg:rpm/redhat/curl@0:7.76.1-1.el9", rpm, false),
        ("pkg:rpm/redhat/curl?distro=rhel-9", rpm, true),
        ("pkg:rpm/redhat/curl?rpmmod=curl:1", rpm, false),
    ] {
        let document = openvex(json!([not_affected(json!([{"@id": named}]))]));
        assert_eq!(clears(document, component), expected, "{named}");
        // The same as a part of the image.
        let product = json!([{"@id": "pkg:oci/app", "subcomponents": [{"identifiers": {"purl": named}}]}]);
        assert_eq!(
            clears(openvex(json!([not_affected(product)])), component),
            expected,
            "{named} in the image"
        );
    }
}

#[test]
fn a_statement_about_another_image_says_nothing() {
    let zlib = "pkg:apk/alpine/zlib@1.2-r0";
    let other = Digest::sha256(b"other").to_string().replace(':', "%3A");
    let own = manifest().to_string().replace(':', "%3A");
    let hex = |digest: &Digest| digest.to_string().trim_start_matches("sha256:").to_owned();
    for (product, expected) in [
        (json!({"@id": format!("pkg:oci/app@{own}")}), true),
        (json!({"@id": format!("pkg:oci/mirrored@{own}")}), true),
        (json!({"@id": format!("pkg:oci/app@{own}?arch=amd64")}), true),
        (json!({"@id": format!("pkg:oci/app@{own}?arch=arm64")}), false),
        (json!({"@id": format!("pkg:oci/app@{other}")}), false),
        (json!({"@id": "pkg:oci/app@1.4"}), false),
        (json!({"@id": "pkg:oci/app?tag=1.4"}), true),
        (json!({"@id": "pkg:oci/app?tag=1.3"}), false),
        (json!({"@id": "pkg:oci/app"}), true),
        (json!({"@id": "pkg:oci/ap"}), false),
        (json!({"@id": "pkg:oci/app?repository_url=registry.example/team/app"}), true),
        (json!({"@id": "pkg:oci/app?repository_url=registry.example%2Fteam"}), true),
        (json!({"@id": "pkg:oci/app?repository_url=registry.example"}), false),
        (json!({"@id": "pkg:oci/app?repository_url=evil.example/team/app"}), false),
        (json!({"hashes": {"sha-256": hex(&manifest())}}), true),
        (json!({"@id": "pkg:oci/app", "hashes": {"sha-256": hex(&Digest::sha256(b"other"))}}), false),
        (json!({"@id": "pkg:oci/app", "hashes": {"md5": "00"}}), false),
        (json!({"@id": "pkg:docker/team/app"}), false),
        (json!({"identifiers": {"cpe23": "cpe:2.3:o:redhat:enterprise_linux:9:*:*:*:*:*:*:*"}}), false),
    ] {
        let whole = openvex(json!([not_affected(json!([product]))]));
        assert_eq!(clears(whole, zlib), expected, "{product}");
        let mut part = product.clone();
        part["subcomponents"] = json!([{"@id": "pkg:apk/alpine/zlib"}]);
        let part = openvex(json!([not_affected(json!([part]))]));
        let is_platform = product.to_string().contains("enterprise_linux");
        assert_eq!(clears(part, zlib), expected || is_platform, "zlib in {product}");
    }
    // A package is not recognised by digests, which nobody compares.
    let package = json!([{"@id": "pkg:apk/alpine/zlib", "hashes": {"sha-256": hex(&manifest())}}]);
    assert!(clears(openvex(json!([not_affected(package.clone())])), zlib), "the digest is the image's");
    let package = json!([{"@id": "pkg:apk/alpine/zlib", "hashes": {"sha-256": hex(&Digest::sha256(b"x"))}}]);
    assert!(!clears(openvex(json!([not_affected(package)])), zlib));
}

#[test]
fn a_statement_without_a_reason_is_refused_and_told() {
    let product = json!([{"@id": "pkg:apk/alpine/zlib"}]);
    let vulnerability = json!({"name": "CVE-2026-0001"});
    for (statement, reason) in [
        (
            json!({"vulnerability": vulnerability, "products": product, "status": "not_affected"}),
            "without a justification",
        ),
        (
            json!({"vulnerability": vulnerability, "products": product, "status": "not_affected", "impact_statement": " "}),
            "without a justification",
        ),
        (
            json!({"vulnerability": vulnerability, "products": product, "status": "not_affected", "justification": "because"}),
            "`because` is not a justification",
        ),
        (
            json!({"vulnerability": vulnerability, "products": product, "status": "fixed"}),
            "in which version is not said",
        ),
        (
            json!({"vulnerability": vulnerability, "status": "not_affected", "impact_statement": "x"}),
            "names no product",
        ),
        (
            json!({"vulnerability": vulnerability, "products": [{"@id": "https://example.com/app"}], "status": "not_affected", "impact_statement": "x"}),
            "names no product by package URL",
        ),
        (
            json!({"vulnerability": {"name": " "}, "products": product, "status": "not_affected", "impact_statement": "x"}),
            "names no vulnerability",
        ),
        (
            json!({"vulnerability": vulnerability, "products": product, "status": "safe", "impact_statement": "x"}),
            "unknown variant `safe`",
        ),
        (
            json!({"vulnerability": vulnerability, "products": product, "status": "not_affected", "impact_statement": "x", "only_in": "1.2"}),
            "unknown field `only_in`",
        ),
        (
            json!({"vulnerability": vulnerability, "products": [{"@id": "pkg:apk/alpine/zlib", "vers": "<1"}], "status": "not_affected", "impact_statement": "x"}),
            "did not match any variant",
        ),
        (
            json!({"vulnerability": vulnerability, "products": product, "status": "not_affected", "impact_statement": "x", "timestamp": "yesterday"}),
            "not a time",
        ),
        (json!(7), "it is not valid"),
    ] {
        let document = openvex(json!([statement]));
        assert_eq!((document.statements.len(), document.refused), (0, 1), "{statement}");
        assert!(document.reasons[0].contains(reason), "{}", document.reasons[0]);
        assert!(!clears(document, "pkg:apk/alpine/zlib@1-r0"));
    }
    let many: Vec<Value> = (0..100).map(|_| json!(7)).collect();
    let document = openvex(json!(many));
    assert_eq!((document.refused, document.reasons.len()), (100, 20));
}

#[test]
fn a_fix_counts_for_the_version_that_has_it() {
    let fixed = |products: Value| {
        openvex(
            json!([{"vulnerability": {"name": "CVE-2026-0001"}, "products": products, "status": "fixed"}]),
        )
    };
    let zlib = "pkg:apk/alpine/zlib@1.2-r0";
    assert!(clears(fixed(json!([{"@id": "pkg:apk/alpine/zlib@1.2-r0"}])), zlib));
    assert!(!clears(fixed(json!([{"@id": "pkg:apk/alpine/zlib@1.2-r1"}])), zlib));
    let own = manifest().to_string().replace(':', "%3A");
    let inside =
        json!([{"@id": format!("pkg:oci/app@{own}"), "subcomponents": [{"@id": "pkg:apk/alpine/zlib"}]}]);
    assert!(clears(fixed(inside), zlib));
}

#[test]
fn the_newest_statement_counts_and_contradictions_are_told() {
    let at = |status: &str, time: &str| {
        json!({"vulnerability": {"name": "CVE-2026-0001"}, "products": [{"@id": "pkg:apk/alpine/zlib@1-r0"}],
            "status": status, "impact_statement": "x", "timestamp": time})
    };
    let (old, new) = ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z");
    for (statements, is_clear, told) in [
        (
            json!([at("not_affected", new), at("affected", old)]),
            true,
            "`not_affected` of 2026-11-03T00:00:00Z by ACME",
        ),
        (
            json!([at("not_affected", old), at("affected", new)]),
            false,
            "counts, not `not_affected` of 2026-11-02",
        ),
        (json!([at("not_affected", old), at("under_investigation", new)]), false, "counts, not"),
        (json!([at("fixed", new), at("affected", new)]), false, "of the same time, so none counts"),
        (
            json!([at("not_affected", "2027-01-01T00:00:00Z"), at("affected", old)]),
            false,
            "is from the future",
        ),
        (json!([at("not_affected", "2027-01-01T00:00:00Z")]), false, "is from the future"),
    ] {
        for split in [false, true] {
            let documents = match (split, statements.as_array()) {
                (true, Some(all)) => all.iter().map(|one| openvex(json!([one]))).collect(),
                _ => vec![openvex(statements.clone())],
            };
            let mut scan = scan(vec![finding("CVE-2026-0001", &[], "pkg:apk/alpine/zlib@1-r0")]);
            settled(documents, &mut scan, None);
            assert_eq!(scan.findings.is_empty(), is_clear, "{statements}");
            assert_eq!(scan.vex.conflicts.len(), 1, "{statements}");
            assert!(scan.vex.conflicts[0].contains(told), "{:?}", scan.vex.conflicts);
        }
    }
    // What agrees is no contradiction.
    let mut scan = scan(vec![finding("CVE-2026-0001", &[], "pkg:apk/alpine/zlib@1-r0")]);
    settled(vec![openvex(json!([at("not_affected", old), at("fixed", new)]))], &mut scan, None);
    assert_eq!((scan.suppressed.len(), scan.vex.conflicts.len()), (1, 0));
}

#[test]
fn an_advisory_about_several_vulnerabilities_needs_a_statement_about_each() {
    let zlib = "pkg:apk/alpine/zlib@1-r0";
    let mut both = finding("CVE-2026-0001", &["CVE-2026-0002", "GHSA-x"], zlib);
    both.named_by = BTreeMap::from([
        ("GHSA-x".to_owned(), BTreeSet::from(["CVE-2026-0001".to_owned(), "CVE-2026-0002".to_owned()])),
        ("DSA-1".to_owned(), BTreeSet::from(["CVE-2026-0002".to_owned()])),
    ])
    .into();
    let about = |id: &str| json!({"vulnerability": {"name": id}, "products": [{"@id": zlib}], "status": "not_affected", "impact_statement": "x"});
    for (ids, expected) in [
        (vec!["CVE-2026-0001"], false),
        (vec!["CVE-2026-0002"], false),
        (vec!["DSA-1"], false),
        (vec!["CVE-2026-0001", "DSA-1"], true),
        (vec!["cve-2026-0001", "CVE-2026-0002"], true),
        (vec!["GHSA-x"], true),
    ] {
        let statements: Vec<Value> = ids.iter().map(|id| about(id)).collect();
        let mut scan = scan(vec![both.clone()]);
        settled(vec![openvex(json!(statements))], &mut scan, None);
        assert_eq!(scan.findings.is_empty(), expected, "{ids:?}");
        assert_eq!(scan.vex.conflicts.is_empty(), expected, "{:?}", scan.vex.conflicts);
    }
    let alias = finding("CVE-2026-0001", &["GHSA-y"], zlib);
    let mut one = scan(vec![alias]);
    settled(vec![openvex(json!([about("GHSA-y")]))], &mut one, None);
    assert!(one.findings.is_empty());
}

#[test]
fn a_malicious_package_is_never_set_aside() {
    let zlib = "pkg:npm/zlib@1.0.0";
    let mut scan = scan(vec![Finding { class: Class::Malicious, ..finding("CVE-2026-0001", &[], zlib) }]);
    settled(vec![openvex(json!([not_affected(json!([{"@id": zlib}]))]))], &mut scan, None);
    assert_eq!((scan.findings.len(), scan.suppressed.len()), (1, 0));
    assert!(scan.vex.conflicts[0].contains("malicious"));
}

/// Two programs that need the same module, and a module that only the first needs.
fn programs() -> Inventory {
    let component = |purl: &str, path: &str| Component {
        locations: vec![Location { path: path.to_owned(), layer: Some(0) }],
        ..Component::from_purl(purl.parse::<Purl>().unwrap())
    };
    let components = vec![
        component("pkg:golang/example.com/first@1.0.0", "bin/first"),
        component("pkg:golang/example.com/second@1.0.0", "bin/second"),
        component("pkg:golang/golang.org/x/net@0.1.0", "bin/first"),
        component("pkg:golang/golang.org/x/net@0.1.0", "bin/second"),
        component("pkg:golang/golang.org/x/text@0.1.0", "bin/first"),
        component("pkg:golang/golang.org/x/sys@0.1.0", "lib/sys"),
    ];
    let needs = |from, to| Relationship {
        from: ComponentIndex(from),
        kind: RelationshipKind::DependsOn,
        to: ComponentIndex(to),
    };
    // Both need the last one, which is there once.
    let relationships =
        [needs(0, 2), needs(1, 3), needs(0, 4), needs(4, 5), needs(3, 5)].into_iter().collect();
    Inventory { components, relationships, ..Inventory::default() }
}

#[test]
fn a_part_of_a_product_is_what_is_there_only_because_of_it() {
    let inventory = programs();
    let left = |products: Value| -> Vec<String> {
        let findings = inventory.components.iter().skip(2).map(|component| Finding {
            locations: component.locations.clone().into(),
            ..finding("CVE-2026-0001", &[], &component.purl.to_string())
        });
        let mut scan = scan(findings.collect());
        settled(vec![openvex(json!([not_affected(products)]))], &mut scan, Some(&inventory));
        let shown = |it: &Finding| format!("{} {}", it.component.name(), it.locations[0].path);
        scan.findings.iter().map(shown).collect()
    };
    let first =
        |inside: Value| json!([{"@id": "pkg:golang/example.com/first@v1.0.0", "subcomponents": inside}]);
    assert_eq!(
        left(first(json!([{"@id": "pkg:golang/golang.org/x/net"}]))),
        ["net bin/second", "sys lib/sys", "text bin/first"]
    );
    // Without parts: everything that is there because of it.
    assert_eq!(left(first(json!([]))), ["net bin/second", "sys lib/sys"]);
    let other = json!([{"@id": "pkg:golang/example.com/first@v2.0.0"}]);
    assert_eq!(left(other).len(), 4);
    let both = json!([{"@id": "pkg:golang/example.com/first"}, {"@id": "pkg:golang/example.com/second"}]);
    assert_eq!(left(both), ["sys lib/sys"]);
}

#[test]
fn what_an_advisory_leaves_open_is_settled_by_a_statement() {
    let zlib = "pkg:apk/alpine/zlib@1-r0";
    let open = |component| Undecided {
        finding: Finding {
            named_by: BTreeMap::from([("ALPINE-1".to_owned(), BTreeSet::new())]).into(),
            ..finding("CVE-2026-0001", &["ALPINE-1"], zlib)
        },
        ecosystem: "Alpine",
        component,
    };
    let reason = GapReason::UndecidedRange {
        package: "zlib".into(),
        version: "1-r0".into(),
        advisories: vec!["ALPINE-1".into()],
    };
    let other = Gap { ecosystem: "Alpine".into(), components: 1, reason: GapReason::NoFeed };
    let gap = Gap { ecosystem: "Alpine".into(), components: 2, reason };
    for (status, findings, suppressed, gaps) in [
        ("not_affected", 0, 1, vec![other.clone()]),
        ("fixed", 0, 1, vec![other.clone()]),
        ("affected", 1, 0, vec![other.clone()]),
        ("under_investigation", 0, 0, vec![other.clone(), gap.clone()]),
    ] {
        let mut scan = Scan {
            gaps: vec![other.clone(), gap.clone()],
            undecided: vec![open(0), open(1)],
            ..scan(Vec::new())
        };
        let statement = json!({"vulnerability": {"name": "CVE-2026-0001"}, "products": [{"@id": zlib}],
            "status": status, "impact_statement": "x"});
        settled(vec![openvex(json!([statement]))], &mut scan, None);
        assert_eq!((scan.findings.len(), scan.suppressed.len()), (findings, suppressed), "{status}");
        assert_eq!(scan.gaps, gaps, "{status}");
    }
}

#[test]
fn what_is_affected_is_found_though_the_same_was_set_aside_for_another_reason() {
    let zlib = || finding("CVE-2026-0001", &[], "pkg:apk/alpine/zlib@1-r0");
    for (status, findings, suppressed) in [("affected", 1, 1), ("not_affected", 0, 1)] {
        let mut scan = Scan {
            undecided: vec![Undecided { finding: zlib(), ecosystem: "Alpine", component: 0 }],
            suppressed: vec![Suppressed { finding: zlib(), reason: Suppression::ForDevelopment }],
            ..Scan::default()
        };
        let mut statement = not_affected(json!([{"@id": "pkg:apk/alpine/zlib"}]));
        statement["status"] = json!(status);
        settled(vec![openvex(json!([statement]))], &mut scan, None);
        assert_eq!((scan.findings.len(), scan.suppressed.len()), (findings, suppressed), "{status}");
    }
}

#[test]
fn the_older_openvex_is_read() {
    let statement = json!({"vulnerability": "CVE-2026-0001", "products": ["pkg:oci/app"],
        "subcomponents": ["pkg:apk/alpine/zlib"], "status": "not_affected", "impact_statement": "x"});
    let document = openvex(json!([statement]));
    assert!(clears(document.clone(), "pkg:apk/alpine/zlib@1-r0"));
    assert!(!clears(document, "pkg:apk/alpine/curl@1-r0"));
}

fn csaf() -> Value {
    json!({
        "document": {"category": "csaf_vex", "csaf_version": "2.0", "publisher": {"name": "ACME"},
            "tracking": {"id": "A-1", "status": "final", "current_release_date": "2026-11-01T00:00:00Z"}},
        "product_tree": {
            "branches": [{"category": "vendor", "name": "ACME", "branches": [
                {"category": "product_version", "name": "curl", "product": {"product_id": "curl", "name": "curl",
                    "product_identification_helper": {"purl": "pkg:rpm/redhat/curl"}}},
                {"category": "product_name", "name": "EL 9", "product": {"product_id": "el9", "name": "EL 9",
                    "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:9"}}},
                {"category": "product_name", "name": "EL 8", "product": {"product_id": "el8", "name": "EL 8",
                    "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:8"}}}]}],
            "relationships": [
                {"category": "default_component_of", "product_reference": "curl", "relates_to_product_reference": "el9",
                 "full_product_name": {"product_id": "el9:curl", "name": "curl in EL 9"}},
                {"category": "default_component_of", "product_reference": "curl", "relates_to_product_reference": "el8",
                 "full_product_name": {"product_id": "el8:curl", "name": "curl in EL 8"}}]},
        "vulnerabilities": [{"cve": "CVE-2026-0001", "product_status": {"known_not_affected": ["el9:curl"]},
            "flags": [{"label": "vulnerable_code_not_present", "product_ids": ["el9:curl"]}]}],
    })
}

#[test]
fn csaf_products_are_what_they_relate_to() {
    let curl = "pkg:rpm/redhat/curl@7.76.1-1.el9?distro=rhel-9.4";
    assert!(clears(read_json(&csaf()).unwrap(), curl));
    let status = |status: Value| {
        let mut document = csaf();
        document["vulnerabilities"][0]["product_status"] = status;
        read_json(&document).unwrap()
    };
    // Of another release, of the whole system, of a product that is not defined, and without a reason.
    assert!(!clears(status(json!({"known_not_affected": ["el8:curl"]})), curl));
    assert!(!clears(status(json!({"known_not_affected": ["el9"]})), curl));
    assert!(!clears(status(json!({"known_not_affected": ["el7:curl"]})), curl));
    assert!(!clears(status(json!({"recommended": ["el9:curl"]})), curl));
    assert!(!clears(
        status(json!({"known_affected": ["el9:curl"], "known_not_affected": ["el9:curl"]})),
        curl
    ));
    assert!(!clears(status(json!({"fixed": ["el9:curl"]})), curl), "no version");
    let mut bare = csaf();
    bare["vulnerabilities"][0]["flags"] = json!([]);
    let document = read_json(&bare).unwrap();
    assert!(document.reasons[0].contains("without a justification"), "{:?}", document.reasons);
    bare["vulnerabilities"][0]["threats"] =
        json!([{"category": "exploit_status", "details": "none", "product_ids": ["el9:curl"]}]);
    assert_eq!(read_json(&bare).unwrap().refused, 1);
    bare["product_tree"]["product_groups"] = json!([{"group_id": "g", "product_ids": ["el9:curl"]}]);
    bare["vulnerabilities"][0]["threats"] =
        json!([{"category": "impact", "details": "not built", "group_ids": ["g"]}]);
    assert!(clears(read_json(&bare).unwrap(), curl));
}

#[test]
fn a_csaf_product_that_is_narrowed_clears_no_other_version() {
    let curl = "pkg:rpm/redhat/curl@7.76.1-1.el9?distro=rhel-9.4";
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = csaf();
        change(&mut document["product_tree"]["branches"][0]["branches"][0]);
        clears(read_json(&document).unwrap(), curl)
    };
    assert!(with(&|_| {}), "a name is no version");
    assert!(with(&|it| it["name"] = json!("tools:1/curl")));
    for name in ["7.70", "vers:rpm/<7.70", ""] {
        assert!(!with(&|it| it["name"] = json!(name)), "{name}");
    }
    for category in ["patch_level", "service_pack"] {
        assert!(!with(&|it| (it["category"], it["name"]) = (json!(category), json!("3"))), "{category}");
    }
    assert!(!with(&|it| it["category"] = json!("product_version_range")));
    let purl = json!("pkg:rpm/redhat/curl@7.76.1-1.el9");
    assert!(with(&|it| {
        it["name"] = json!("7.76.1");
        it["product"]["product_identification_helper"]["purl"] = purl.clone();
    }));
    // What is below is of the version as well.
    assert!(!with(&|it| {
        let inside = json!([{"category": "architecture", "name": "x86_64", "product": it["product"].take()}]);
        *it = json!({"category": "product_version", "name": "7.70", "branches": inside});
    }));
    for member in ["skus", "model_numbers", "serial_numbers", "x_generic_uris"] {
        assert!(
            !with(&|it| it["product"]["product_identification_helper"][member] = json!(["x"])),
            "{member}"
        );
    }
}

#[test]
fn csaf_documents_that_readers_would_read_differently_are_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut document = csaf();
        change(&mut document);
        read_json(&document).unwrap_err().to_string()
    };
    assert!(refused(&|it| it["document"]["tracking"]["status"] = json!("draft")).contains("status is draft"));
    assert!(refused(&|it| it["document"]["csaf_version"] = json!("3.0")).contains("CSAF 3.0 is not read"));
    assert!(refused(&|it| it["document"]["category"] = json!("csaf_base")).contains("category is csaf_base"));
    let twice = refused(&|it| {
        it["product_tree"]["full_product_names"] = json!([{"product_id": "el8", "name": "x"}]);
    });
    assert!(twice.contains("el8 is defined twice"), "{twice}");
    let twice = refused(&|it| {
        let mut copy = it["product_tree"]["relationships"][0].clone();
        copy["relates_to_product_reference"] = json!("el8");
        it["product_tree"]["relationships"].as_array_mut().unwrap().push(copy);
    });
    assert!(twice.contains("el9:curl is defined twice"), "{twice}");
    // In the same words it is no contradiction.
    let mut document = csaf();
    for list in ["branches", "relationships"] {
        let copy = document["product_tree"][list][0].clone();
        document["product_tree"][list].as_array_mut().unwrap().push(copy);
    }
    assert_eq!(read_json(&document).unwrap().statements.len(), 1);
}

#[test]
fn a_circle_of_csaf_relationships_ends() {
    let mut document = csaf();
    document["product_tree"]["relationships"] = json!([
        {"product_reference": "b", "relates_to_product_reference": "b", "full_product_name": {"product_id": "el9:curl"}},
        {"product_reference": "el9:curl", "relates_to_product_reference": "el9:curl", "full_product_name": {"product_id": "b"}}]);
    let document = read_json(&document).unwrap();
    assert_eq!((document.statements.len(), document.refused), (0, 1));
}

fn cyclonedx() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"timestamp": "2026-11-01T00:00:00Z", "supplier": {"name": "ACME"},
            "component": {"bom-ref": "app", "type": "container", "name": "app", "purl": "pkg:oci/app"}},
        "components": [{"bom-ref": "zlib", "type": "library", "name": "zlib", "version": "1-r0", "purl": "pkg:apk/alpine/zlib"}],
        "vulnerabilities": [{"id": "CVE-2026-0001",
            "analysis": {"state": "not_affected", "justification": "code_not_reachable"}, "affects": [{"ref": "zlib"}]}],
    })
}

#[test]
fn cyclonedx_names_components_by_reference() {
    let zlib = "pkg:apk/alpine/zlib@1-r0";
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = cyclonedx();
        change(&mut document);
        read_json(&document).unwrap()
    };
    assert!(clears(with(&|_| {}), zlib));
    assert!(!clears(with(&|_| {}), "pkg:apk/alpine/zlib@2-r0"), "the component has a version");
    assert!(clears(with(&|it| it["vulnerabilities"][0]["affects"][0]["ref"] = json!("app")), zlib));
    assert!(!clears(with(&|it| it["metadata"]["component"]["purl"] = json!("pkg:oci/other")), zlib));
    assert!(!clears(with(&|it| it["vulnerabilities"][0]["analysis"]["state"] = json!("in_triage")), zlib));
    assert!(clears(with(&|it| it["vulnerabilities"][0]["analysis"]["state"] = json!("resolved")), zlib));
    assert!(clears(
        with(&|it| it["vulnerabilities"][0] = json!({"id": "X-1", "references": [{"id": "CVE-2026-0001"}],
        "analysis": {"state": "false_positive", "detail": "another zlib"}, "affects": [{"ref": "zlib"}]})),
        zlib
    ));
    for (change, reason) in [
        (json!({"ref": "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#zlib"}), "another document"),
        (json!({"ref": "nothing"}), "no component that it refers to"),
        (
            json!({"ref": "zlib", "versions": [{"version": "1-r0", "status": "affected"}]}),
            "it lists versions",
        ),
    ] {
        let document = with(&|it| it["vulnerabilities"][0]["affects"] = json!([change]));
        assert!(document.reasons[0].contains(reason), "{:?}", document.reasons);
        assert!(!clears(document, zlib));
    }
    let silent = with(&|it| it["vulnerabilities"][0]["analysis"] = json!({"state": "not_affected"}));
    assert!(silent.reasons[0].contains("without a justification"));
    // The result of a scan is no statement.
    let plain = with(&|it| {
        it["vulnerabilities"][0].as_object_mut().unwrap().remove("analysis");
    });
    assert_eq!((plain.statements.len(), plain.refused), (0, 0));
    let mut twice = cyclonedx();
    twice["components"] = json!([{"bom-ref": "zlib"}, {"bom-ref": "zlib"}]);
    assert!(read_json(&twice).unwrap_err().to_string().contains("two components have the bom-ref zlib"));
}

#[test]
fn what_is_no_vex_is_refused() {
    for (text, expected) in [
        ("{}", "not a VEX document, expected OpenVEX, CSAF, CycloneDX"),
        ("[]", "not a VEX document"),
        (r#"{"bomFormat": "CycloneDX", "@context": "https://openvex.dev/ns"}"#, "not a VEX document"),
        (r#"{"@context": "https://openvex.dev/ns", "@context": "x"}"#, "stands twice"),
        (
            r#"{"@context": "https://openvex.dev/ns/v0.3.0", "statements": []}"#,
            "OpenVEX 0.3.0 is not read, expected 0.2.0 or 0.0.1",
        ),
        (r#"{"@context": "https://openvex.dev/ns"}"#, "invalid OpenVEX document: missing field `statements`"),
        (r#"{"bomFormat": "CycloneDX", "specVersion": "1.3"}"#, "CycloneDX 1.3 is not read"),
        ("", "invalid JSON"),
    ] {
        let error = read(text.as_bytes(), "x", LIMIT).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(read(&[b' '; 64], "x", 10).unwrap_err().to_string().contains("at most 10"));
}

#[test]
fn comparisons_are_bounded_in_all() {
    let versions: Vec<Value> = (0..100).map(|n| json!({"@id": format!("pkg:npm/p@{n}")})).collect();
    let document = openvex(json!([not_affected(json!(versions))]));
    let findings = || (0..100).map(|_| finding("CVE-2026-0001", &[], "pkg:npm/p@x")).collect();
    let image = image();
    let scene = Scene { image: &image, inventory: None, now: NOW.parse::<Timestamp>().unwrap() };
    let statements = Statements::new(vec![document]);
    statements.settle_within(10_000, &mut scan(findings()), &scene).unwrap();
    let error = statements.settle_within(9_999, &mut scan(findings()), &scene).unwrap_err().to_string();
    assert_eq!(error, "more than 9999 comparisons of statements with components");
    // What has another name is not compared.
    let others = (0..100).map(|_| finding("CVE-2026-0001", &[], "pkg:npm/q@x")).collect();
    statements.settle_within(0, &mut scan(others), &scene).unwrap();
}
