//! The National Vulnerability Database: what programs are matched by, in its real criteria and a real page of its service.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "test code"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use common::{AS_OF, Built};
use plimsoll_sbom::{Component, Origin};
use plimsoll_vuln::{Severity, SeveritySource};
use serde_json::{Value, json};

fn nvd(place: impl FnOnce(&Path)) -> Built {
    Built::new(|from| {
        fs::create_dir_all(from.join("nvd")).unwrap();
        place(from);
    })
}

/// A program as a document of another tool names it.
fn program(product: &str, version: &str) -> Component {
    let name = product.rsplit_once(':').unwrap().1;
    let mut component = Component::from_purl(format!("pkg:generic/{name}@{version}").parse().unwrap());
    let cpes = vec![format!("cpe:2.3:a:{product}:{version}:*:*:*:*:*:*:*")];
    component.origin = Some(Box::new(Origin { cpes, ..Origin::default() }));
    component
}

impl Built {
    fn ids(&self, component: Component) -> BTreeSet<String> {
        self.scan([component]).findings.into_iter().map(|finding| finding.id).collect()
    }
}

fn cve(id: &str, configurations: &Value) -> Value {
    json!({"cve": {"id": id, "published": "2023-10-10T14:15:10.883", "lastModified": "2024-12-20T17:40:52.067",
        "descriptions": [{"lang": "es", "value": "Un fallo"}, {"lang": "en", "value": "A flaw"}],
        "configurations": configurations}})
}

fn nginx(bounds: &Value) -> Value {
    let mut criterion = json!({"vulnerable": true, "criteria": "cpe:2.3:a:f5:nginx:*:*:*:*:*:*:*:*"});
    criterion.as_object_mut().unwrap().extend(bounds.as_object().unwrap().clone());
    json!([{"nodes": [{"operator": "OR", "negate": false, "cpeMatch": [criterion]}]}])
}

#[test]
fn programs_are_matched_by_their_product_and_nothing_else_is() {
    let bounds = json!({"versionStartIncluding": "1.9.5", "versionEndIncluding": "1.25.2"});
    let mut page = json!({"vulnerabilities": [cve("CVE-2023-44487", &nginx(&bounds))]});
    page["vulnerabilities"][0]["cve"]["metrics"] = json!({"cvssMetricV31": [
        {"type": "Secondary", "cvssData": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},
        {"type": "Primary", "cvssData": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}}]});
    let go = json!({"id": "GO-2023-1", "modified": AS_OF, "aliases": ["CVE-2023-44487"], "affected": [
        {"package": {"ecosystem": "Go", "name": "stdlib"}, "versions": ["1.20.0"]}]});
    let built = nvd(|from| {
        fs::write(from.join("nvd/nvdcve-2.0-2023.json"), page.to_string()).unwrap();
        fs::create_dir_all(from.join("Go")).unwrap();
        fs::write(from.join("Go/GO-2023-1.json"), go.to_string()).unwrap();
    });
    for (version, expected) in [("1.9.4", false), ("1.9.5", true), ("1.25.2", true), ("1.25.3", false)] {
        let scan = built.scan([program("f5:nginx", version)]);
        assert_eq!(!scan.findings.is_empty(), expected, "{version}");
        assert!(scan.gaps.is_empty(), "{:?}", scan.gaps);
        assert_eq!(scan.looked_up[0].ecosystem, "CPE");
    }
    let mut found_by_us = Component::from_purl("pkg:generic/nginx@1.25.2".parse().unwrap());
    found_by_us.found_by = Some("binaries");
    let finding = built.scan([found_by_us]).findings.remove(0);
    assert_eq!((finding.cpe.as_deref(), finding.package.as_str()), (Some("f5:nginx"), "nginx"));
    assert_eq!(
        (finding.severity, finding.summary.as_str()),
        (Severity::High, "A flaw"),
        "its own rating first"
    );

    // A package of the same name, a program whose document names no product, and one that is another product.
    for purl in
        ["pkg:deb/debian/nginx@1.22.1-9?distro=debian-12", "pkg:generic/nginx@1.25.2", "pkg:npm/nginx@1.25.2"]
    {
        let scan = built.scan_purl(purl);
        assert!(scan.findings.is_empty() && !scan.gaps.is_empty(), "{purl}");
    }
    // The vector rates what others say about the CVE.
    let finding = built.scan_purl("pkg:golang/stdlib@1.20.0").findings.remove(0);
    assert_eq!(finding.severity_source, SeveritySource::Alias("CVE-2023-44487".into()));
}

/// That the database knows one product says nothing about another.
#[test]
fn a_product_that_no_feed_knows_remains_a_gap() {
    let page = json!({"vulnerabilities": [cve("CVE-2023-44487", &nginx(&json!({"versionEndExcluding": "1.25.3"})))]});
    let built = nvd(|from| fs::write(from.join("nvd/a.json"), page.to_string()).unwrap());
    let scan = built.scan([program("haxx:curl", "1.25.2")]);
    assert!(scan.findings.is_empty());
    assert_eq!((scan.gaps.len(), scan.matched_components), (1, 0), "{:?}", scan.gaps);
    assert!(built.scan([program("f5:nginx", "1.25.3")]).gaps.is_empty());
    // One of its products is enough.
    let mut both = program("f5:nginx", "1.25.2");
    both.origin.as_mut().unwrap().cpes.push("cpe:2.3:a:nginx:nginx:1.25.2:*:*:*:*:*:*:*".to_owned());
    let scan = built.scan([both]);
    assert_eq!((scan.findings.len(), scan.gaps.len()), (1, 0));
}

#[test]
fn of_two_files_the_newer_change_counts_and_what_was_rejected_does_not() {
    let old = cve("CVE-2024-0001", &nginx(&json!({"versionEndExcluding": "9"})));
    let mut new = cve("CVE-2024-0001", &nginx(&json!({"versionEndExcluding": "2"})));
    new["cve"]["lastModified"] = "2025-01-01T00:00:00.000".into();
    let mut rejected = cve("CVE-2024-0002", &nginx(&json!({})));
    rejected["cve"]["vulnStatus"] = "Rejected".into();
    for (first, second) in [(&old, &new), (&new, &old)] {
        let built = nvd(|from| {
            fs::write(from.join("nvd/a.json"), json!({"vulnerabilities": [first, rejected]}).to_string())
                .unwrap();
            let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(
                &mut compressed,
                json!({"vulnerabilities": [second]}).to_string().as_bytes(),
            )
            .unwrap();
            fs::write(from.join("nvd/b.json.gz"), compressed.finish().unwrap()).unwrap();
        });
        let feed = &built.report.feeds[0];
        assert_eq!((feed.read, feed.kept, feed.withdrawn), (3, 1, 1));
        assert!(built.ids(program("f5:nginx", "3.0")).is_empty());
        assert_eq!(built.ids(program("f5:nginx", "1.0")).len(), 1);
    }
}

/// `ssh -V` prints `9.3p1`, `sudo --version` prints `1.9.12p1`: the NVD has `9.3:p1`, `1.9.12:p1` or `1.9.12:patch1`.
#[test]
fn updates_are_matched_as_programs_print_them() {
    let one = |vendor_and_version: &str| {
        json!([{"nodes": [{"operator": "OR", "negate": false, "cpeMatch": [
        {"vulnerable": true, "criteria": format!("cpe:2.3:a:{vendor_and_version}:*:*:*:*:*:*")}]}]}])
    };
    let page = json!({"vulnerabilities": [
        cve("CVE-2023-38408", &one("openbsd:openssh:9.3:p1")), cve("CVE-2023-22809", &one("sudo_project:sudo:1.9.12:p1")),
        cve("CVE-2023-0001", &one("sudo_project:sudo:1.9.13:patch2")), cve("CVE-2023-0002", &one("openssl:openssl:3.2.0:beta1")),
        cve("CVE-2023-0003", &one("openssl:openssl:3.2.0:-"))]});
    let built = nvd(|from| fs::write(from.join("nvd/a.json"), page.to_string()).unwrap());
    for (product, version, expected) in [
        ("openbsd:openssh", "9.3p1", Some("CVE-2023-38408")),
        ("openbsd:openssh", "9.3p2", None),
        ("openbsd:openssh", "9.3", None),
        ("sudo_project:sudo", "1.9.12p1", Some("CVE-2023-22809")),
        ("sudo_project:sudo", "1.9.12p2", None),
        ("sudo_project:sudo", "1.9.13p2", Some("CVE-2023-0001")),
        ("openssl:openssl", "3.2.0-beta1", Some("CVE-2023-0002")),
        ("openssl:openssl", "3.2.0", Some("CVE-2023-0003")),
    ] {
        let found: Vec<_> = built.ids(program(product, version)).into_iter().collect();
        assert_eq!(found, expected.map(str::to_owned).as_slice(), "{product} {version}");
    }
}

/// Whether `8.3p1` is before or after 8.3 is a convention of the project.
#[test]
fn the_end_of_a_range_with_letters_behind_it_is_undecided() {
    let page = json!({"vulnerabilities": [
        cve("CVE-2020-15778", &nginx(&json!({"versionEndIncluding": "8.3"}))),
        cve("CVE-2023-5363", &nginx(&json!({"versionStartIncluding": "9.0", "versionEndExcluding": "9.2.0"})))]});
    let built = nvd(|from| fs::write(from.join("nvd/a.json"), page.to_string()).unwrap());
    for (version, findings, gaps) in [
        ("8.2p1", 1, 0),
        ("8.3", 1, 0),
        ("8.3p1", 0, 1),
        ("8.3.1", 0, 0),
        ("8.4p1", 0, 0),
        ("9.1.9", 1, 0),
        ("9.2.0-beta1", 0, 1),
        ("9.2.0", 0, 0),
        ("9.2.1", 0, 0),
    ] {
        let scan = built.scan([program("f5:nginx", version)]);
        assert_eq!((scan.findings.len(), scan.gaps.len()), (findings, gaps), "{version} {:?}", scan.gaps);
    }
}

/// Real criteria: those that were published to complete NVD's from 2021 to 2024.
#[test]
fn every_real_criterion_about_a_program_is_found_within_its_bounds() {
    let Some(archive) = plimsoll_testkit::published_data("feeds/nvd-overrides-2021-2024.tar.gz") else {
        return;
    };
    let mut items = Vec::new();
    for entry in
        tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(archive).unwrap())).entries().unwrap()
    {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let Some(id) = path.file_stem().and_then(|name| name.to_str()).filter(|id| id.starts_with("CVE-"))
        else {
            continue;
        };
        let id = id.to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let none = json!([]);
        items.push(cve(&id, document["cve"].get("configurations").unwrap_or(&none)));
    }
    let page = json!({"vulnerabilities": items});
    let built = nvd(|from| fs::write(from.join("nvd/page.json"), page.to_string()).unwrap());
    eprintln!("{}", built.report.feeds[0]);
    assert_eq!(built.report.feeds[0].read, items.len() as u64);
    let (mut asked, mut outside) = (0, 0);
    for item in items.iter().step_by(17) {
        let id = item["cve"]["id"].as_str().unwrap();
        for configuration in item["cve"]["configurations"].as_array().into_iter().flatten() {
            if configuration["operator"] == "AND" {
                continue;
            }
            for criterion in configuration["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|node| node["cpeMatch"].as_array().unwrap())
            {
                let name: Vec<&str> = criterion["criteria"].as_str().unwrap().split(':').collect();
                if name[2] != "a"
                    || name[5] != "*"
                    || name[10] != "*"
                    || name.len() != 13
                    || criterion["criteria"].as_str().unwrap().contains('\\')
                {
                    continue;
                }
                let found = |version: &str| built.ids(program(&name[3..5].join(":"), version)).contains(id);
                let text = |member: &str| criterion[member].as_str();
                let is_plain = |version: &&str| version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                if let Some(end) = text("versionEndExcluding").filter(is_plain) {
                    // The last before the end: one with a number less than its last.
                    // A pre-release as the start comes after its release in this order: undecided.
                    if text("versionStartIncluding").is_some_and(|start| start.contains('-')) {
                        continue;
                    }
                    // `8.0.x` is before all of 8.0, but nothing is that version itself.
                    let inside = text("versionStartIncluding").unwrap_or("0");
                    let inside =
                        inside.strip_suffix(".x").map_or_else(|| inside.to_owned(), |it| format!("{it}.0"));
                    assert!(found(&inside), "{id} {criterion}");
                    let all = configuration["nodes"][0]["cpeMatch"].as_array().unwrap();
                    if all.len() == 1 && item["cve"]["configurations"].as_array().unwrap().len() == 1 {
                        assert!(!found(end), "{id} {criterion}");
                        outside += 1;
                    }
                    asked += 1;
                }
                if let Some(end) = text("versionEndIncluding").filter(is_plain) {
                    assert!(found(end), "{id} {criterion}");
                    asked += 1;
                }
            }
        }
    }
    eprintln!("{asked} bounds, {outside} of them from outside");
    assert!(asked > 100 && outside > 50, "{asked} {outside}");
}

#[test]
fn a_real_page_of_the_service_is_read() {
    let Some(peer) = plimsoll_testkit::peer_program("vunnel/PKG-INFO", "$PLIMSOLL_PEERS/vunnel") else {
        return;
    };
    let page = peer.with_file_name("tests").join("unit/providers/nvd/test-fixtures/full-page.json");
    let built = nvd(|from| {
        fs::copy(&page, from.join("nvd/page.json")).unwrap();
    });
    let feed = &built.report.feeds[0];
    assert_eq!((feed.read, feed.kept), (38, 38));
    // CVE-2023-27314 as the page has it: from 9.0 below 9.8.
    assert_eq!(
        built.ids(program("netapp:clustered_data_ontap", "9.7")),
        ["CVE-2023-27314".to_owned()].into()
    );
    assert!(built.ids(program("netapp:clustered_data_ontap", "8.3")).is_empty());
}
