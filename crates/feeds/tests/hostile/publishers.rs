//! Files of single publishers that an attacker or a broken publisher may send.

use std::io::Write as _;

use plimsoll_core::Limits;
use serde_json::{Value, json};

use super::{built_in, places, told};

/// A document of Red Hat's, a page of the NVD's, and a security database: the folder, the name, and a whole one.
fn documents() -> [(&'static str, &'static str, Value); 5] {
    let redhat = json!({
        "document": {"category": "csaf_vex", "aggregate_severity": {"text": "Low"}, "title": "a",
            "tracking": {"id": "CVE-2024-0001", "current_release_date": "2024-11-21T14:31:32+00:00"}},
        "product_tree": {
            "branches": [{"branches": [
                {"product": {"product_id": "p", "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:9"}}},
                {"product": {"product_id": "c", "product_identification_helper": {"purl": "pkg:rpm/redhat/curl@1-2.el9_2?epoch=1"}}}]}],
            "relationships": [{"product_reference": "c", "relates_to_product_reference": "p", "full_product_name": {"product_id": "p:c"}}]},
        "vulnerabilities": [{"cve": "CVE-2024-0001", "product_status": {"fixed": ["p:c"], "known_affected": ["p:c"]},
            "threats": [{"category": "impact", "details": "Low", "product_ids": ["p:c"]}],
            "remediations": [{"category": "no_fix_planned", "product_ids": ["p:c"]}],
            "scores": [{"cvss_v3": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]}]});
    let nvd = json!({"version": "2.0", "vulnerabilities": [{"cve": {
        "id": "CVE-2024-0001", "published": "2023-10-10T14:15:10.883", "lastModified": "2024-12-20T17:40:52.067",
        "vulnStatus": "Analyzed", "descriptions": [{"lang": "en", "value": "a"}],
        "metrics": {"cvssMetricV31": [{"type": "Primary", "cvssData": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]},
        "references": [{"url": "https://example.org"}],
        "configurations": [{"operator": "AND", "nodes": [{"operator": "OR", "negate": false, "cpeMatch": [
            {"vulnerable": true, "criteria": "cpe:2.3:a:f5:nginx:*:*:*:*:*:*:*:*", "versionStartIncluding": "1", "versionEndExcluding": "2"}]}]}]}}]});
    let secdb = json!({"reponame": "os", "packages": [{"pkg": {"name": "a", "secfixes": {"1.0-r1": ["CVE-1"], "0": ["CVE-2"]}}}]});
    let photon = json!([{"cve_id": "CVE-2024-0001", "pkg": "a", "cve_score": 7.5, "aff_ver": "all", "res_ver": "1-1.ph5", "status": "Fixed"}]);
    let ghsa = json!({"id": "GHSA-1", "modified": "2024-01-01T00:00:00Z", "aliases": ["CVE-2024-0001"], "affected": [
        {"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]}]}]});
    [
        ("photon", "cve_data_photon5.0.json", photon),
        ("ghsa/advisories/github-reviewed/2024/01/GHSA-1", "GHSA-1.json", ghsa),
        ("redhat/2024", "cve-2024-1.json", redhat),
        ("nvd", "nvdcve.json", nvd),
        ("wolfi", "security.json", secdb),
    ]
}

#[test]
fn p08_another_shape_anywhere_in_a_publishers_file_is_never_a_panic_and_never_half_a_database() {
    for (folder, file, document) in documents() {
        let limits = Limits::default();
        let whole = built_in(folder, file, document.to_string().as_bytes(), &limits).unwrap();
        assert!(whole.feeds[0].kept >= 1, "{whole:?}");
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for place in all {
            for other in [
                json!(null),
                json!(1),
                json!("x"),
                json!(""),
                json!([]),
                json!({}),
                json!([[1]]),
                json!({"x": {"y": 1}}),
            ] {
                let mut changed = document.clone();
                *changed.pointer_mut(&place).unwrap() = other;
                // Of GitHub's, one without packages is about no ecosystem, and then there is no feed.
                let place = if folder.starts_with("ghsa") { "from" } else { folder };
                told(&built_in(folder, file, changed.to_string().as_bytes(), &limits), place);
            }
        }
    }
}

#[test]
fn p01_p02_p04_publishers_files_that_readers_would_read_differently() {
    for (folder, file, document) in documents() {
        let text = document.to_string();
        let nested = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        for broken in [
            text.replacen('{', "{\"x\":", 1).replacen("\"x\":", &format!("\"x\":{nested},"), 1),
            text[..text.len() - 1].to_owned(),
            format!("{text}{text}"),
            text.replace("\"vulnerabilities\":", "\"vulnerabilities\":[],\"vulnerabilities\":")
                .replace("\"packages\":", "\"packages\":[],\"packages\":")
                .replace("\"pkg\":\"", "\"pkg\":\"b\",\"pkg\":\"")
                .replace("\"affected\":", "\"affected\":[],\"affected\":"),
            text.replace("CVE-2024-0001", "CVE-2024-0001\\u001b[2J").replace("\"a\"", "\"a\\nb\""),
        ] {
            if folder == "nvd" && broken.contains(&nested) {
                // What is not read is skipped in a loop there, however deep it is.
                built_in(folder, file, broken.as_bytes(), &Limits::default()).unwrap();
                continue;
            }
            let error = match built_in(folder, file, broken.as_bytes(), &Limits::default()) {
                Err(error) => error.to_string(),
                Ok(report) => panic!("{folder}: {report:?}"),
            };
            assert!(error.contains(file) && error.len() < 1_000, "{error}");
        }
    }
}

#[test]
fn t16_compressed_files_of_the_nvd_run_into_a_named_limit() {
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    compressed.write_all(b"{\"x\": \"").unwrap();
    for _ in 0..64 {
        compressed.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    compressed.write_all(b"\", \"vulnerabilities\": []}").unwrap();
    let bytes = compressed.finish().unwrap();
    let mut limits = Limits::default();
    limits.feed_bytes = 1 << 20;
    let error = built_in("nvd", "nvdcve.json.gz", &bytes, &limits).unwrap_err().to_string();
    assert!(error.contains("feed_bytes"), "{error}");
    let (_, _, page) = &documents()[3];
    let mut many = page.clone();
    let one = many["vulnerabilities"][0].clone();
    many["vulnerabilities"] = Value::Array(vec![one; 100]);
    let mut limits = Limits::default();
    limits.advisories = 50;
    let error = built_in("nvd", "nvdcve.json", many.to_string().as_bytes(), &limits).unwrap_err().to_string();
    assert!(error.contains("advisories"), "{error}");
    // A message of the service is no empty database.
    let error = built_in("nvd", "nvdcve.json", b"{\"error\": \"slow down\"}", &Limits::default());
    assert!(error.unwrap_err().to_string().contains("vulnerabilities"));
}

#[test]
fn p04_lists_of_notices_with_marks_controls_and_broken_text() {
    let list = |text: &[u8]| built_in("debian/DSA", "list", text, &Limits::default());
    let good = b"[20 Mar 2023] DSA-5376-1 apache2 - security update\n\t{CVE-2022-36760}\n\t[bullseye] - apache2 2.4.56-1\n";
    assert_eq!(list(good).unwrap().feeds[0].kept, 1);
    assert!(list(b"[20 Mar 2023] DSA-1 a\xff").unwrap_err().to_string().contains("list"));
    for (from, to) in [
        ("apache2 2", "apa\u{1b}[2Jche2 2"),
        ("DSA-5376-1", "DSA-5376\u{1b}-1"),
        ("[bullseye]", "[../bullseye]"),
        ("CVE-2022-36760", "CVE-2022\u{202e}-1"),
        ("2.4.56-1", "2 4"),
        ("20 Mar 2023", "99 Mar 2023"),
        ("{CVE", &format!("{{{} CVE", "CVE-1 ".repeat(10_000))),
    ] {
        let text = String::from_utf8(good.to_vec()).unwrap().replace(from, to);
        told(&list(text.as_bytes()), "list");
    }
}
