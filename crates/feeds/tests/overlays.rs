//! Facts by CVE, from the publishers' files to findings: KEV and EPSS.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use plimsoll_core::Limits;
use plimsoll_feeds::{BuildReport, Error, build};
use plimsoll_sbom::{Component, Inventory};
use plimsoll_vuln::{Database, Scan, ScanSettings, Share, scan};
use serde_json::{Value, json};

const AS_OF: &str = "2026-11-20T00:00:00Z";
const KEV: &str = "known_exploited_vulnerabilities.json";
const SCORES: &str = "#model_version:v2025.03.14,score_date:2026-11-19T12:55:00Z\ncve,epss,percentile\n";

struct Place(tempfile::TempDir);

impl Place {
    /// With advisories about a PyPI package; `CVE-2024-1111` is only an alias of one.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (id, aliases) in
            [("PYSEC-1", vec!["CVE-2024-1111"]), ("PYSEC-2", vec![]), ("CVE-2024-2222", vec![])]
        {
            let document = json!({"id": id, "modified": AS_OF, "aliases": aliases, "affected": [{
                "package": {"ecosystem": "PyPI", "name": "a"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2"}]}]}]});
            place.put(&format!("PyPI/{id}.json"), document.to_string().as_bytes());
        }
        place
    }

    fn from(&self) -> PathBuf {
        self.0.path().join("from")
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.from().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn build_within(&self, limits: &Limits) -> Result<BuildReport, Error> {
        let now = AS_OF.parse().unwrap();
        build(&self.from(), now, &self.out(), now, limits)
    }

    fn build(&self) -> Result<BuildReport, Error> {
        self.build_within(&Limits::default())
    }

    /// The error of a refused build, which leaves nothing behind.
    fn refused(&self) -> String {
        let error = self.build().unwrap_err().to_string();
        assert!(!self.out().exists() && error.len() < 1_000, "{error}");
        error
    }

    fn scan(&self) -> Scan {
        let database = Database::open(&self.out()).unwrap();
        database.verify().unwrap();
        let components = vec![Component::from_purl("pkg:pypi/a@1".parse().unwrap())];
        let inventory = Inventory { components, ..Inventory::default() };
        scan(&inventory, &database, &ScanSettings::at(AS_OF.parse().unwrap())).unwrap()
    }
}

fn catalogue(entries: &[Value]) -> Vec<u8> {
    json!({"dateReleased": "2026-11-18T17:04:19.9796Z", "count": entries.len(), "vulnerabilities": entries})
        .to_string()
        .into_bytes()
}

fn exploited(cve: &str) -> Value {
    json!({"cveID": cve, "dateAdded": "2024-05-01", "dueDate": "2024-05-22", "knownRansomwareCampaignUse": "Known"})
}

fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

#[test]
fn findings_have_the_facts_about_all_their_identifiers() {
    let place = Place::new();
    place.put(&format!("kev/{KEV}"), &catalogue(&[exploited("CVE-2024-1111"), exploited("CVE-2020-9999")]));
    let scores = format!("{SCORES}CVE-2024-1111,0.94358,0.99962\nCVE-2024-2222,0.00043,0.07811\n");
    place.put("epss/epss_scores-current.csv.gz", &gzip(&scores));
    let report = place.build().unwrap();
    let lines: Vec<String> = report.feeds.iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], "CVE from FIRST EPSS: 2 of 2 kept, 0 withdrawn");
    assert_eq!(lines[1], "CVE from CISA KEV: 2 of 2 kept, 0 withdrawn");

    let scan = place.scan();
    let shown = serde_json::to_value(&scan).unwrap();
    let of =
        |id: &str| shown["findings"].as_array().unwrap().iter().find(|it| it["id"] == id).unwrap().clone();
    assert_eq!(
        (of("CVE-2024-1111")["kev"].clone(), of("CVE-2024-1111")["epss"].clone()),
        (
            json!({"cve": "CVE-2024-1111", "added": "2024-05-01", "due": "2024-05-22", "ransomware": true}),
            json!({"cve": "CVE-2024-1111", "score": 0.94358, "percentile": 0.99962, "date": "2026-11-19"}),
        )
    );
    assert_eq!(of("CVE-2024-2222")["epss"]["score"], json!(0.00043));
    assert!(of("CVE-2024-2222").get("kev").is_none() && of("PYSEC-2").get("epss").is_none());
    let names: Vec<&str> = scan.overlays.iter().map(|feed| feed.publisher.as_str()).collect();
    assert_eq!(names, ["FIRST EPSS", "CISA KEV"]);
    assert_eq!((scan.overlays[0].unproven, scan.overlays[1].unproven), (true, false));
    assert_eq!(scan.overlays[0].published.unwrap().to_string(), "2026-11-19T12:55:00Z");

    let mut findings = scan.findings;
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.risk()));
    let ids: Vec<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!(ids, ["CVE-2024-1111", "CVE-2024-2222", "PYSEC-2"], "exploited first, then by EPSS");
}

#[test]
fn files_are_also_found_under_their_original_names() {
    let place = Place::new();
    place.put(KEV, &catalogue(&[exploited("CVE-2024-2222")]));
    place.put("epss_scores-2026-11-19.csv", format!("{SCORES}CVE-2024-2222,0.5,1\r\n").as_bytes());
    place.build().unwrap();
    let scan = place.scan();
    let finding = scan.findings.iter().find(|finding| finding.id == "CVE-2024-2222").unwrap();
    assert!(finding.exploited.as_ref().unwrap().ransomware);
    assert_eq!(finding.likelihood.as_ref().unwrap().score, Share(50_000));

    // Either could be the older one.
    place.put("epss/epss_scores-current.csv.gz", &gzip(SCORES));
    fs::remove_dir_all(place.out()).unwrap();
    assert!(place.refused().contains("contain the same feed"));
}

#[test]
fn facts_alone_are_not_a_database() {
    let place = Place::new();
    fs::remove_dir_all(place.from()).unwrap();
    place.put(KEV, &catalogue(&[exploited("CVE-2024-2222")]));
    assert!(place.refused().contains("no advisory feeds"));
}

#[test]
fn a_malformed_catalogue_is_refused() {
    let with = |member: &str, value: Value| {
        let mut entry = exploited("CVE-2024-2222");
        entry[member] = value;
        catalogue(&[entry])
    };
    let cut = json!({"count": 2, "vulnerabilities": [exploited("CVE-2024-2222")]}).to_string().into_bytes();
    let twice = catalogue(&[exploited("CVE-2024-2222"), exploited("CVE-2024-2222")]);
    for (content, expected) in [
        (cut, "got 1 entries, expected 2"),
        (twice, "`CVE-2024-2222` occurs twice"),
        (with("cveID", json!("CVE-2024-\u{1b}[2J")), "cveID is not valid"),
        (with("cveID", json!("")), "cveID is not valid"),
        (with("dateAdded", json!("yesterday")), "known_exploited"),
        (with("dateAdded", json!(20_240_501)), "known_exploited"),
        (b"{}".to_vec(), "known_exploited"),
        (b"[]".to_vec(), "known_exploited"),
        (b"<html>".to_vec(), "known_exploited"),
        ("[".repeat(100_000).into_bytes(), "known_exploited"),
    ] {
        let place = Place::new();
        place.put(&format!("kev/{KEV}"), &content);
        let error = place.refused();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn malformed_scores_are_refused() {
    let many = "x".repeat(1 << 20);
    for (text, expected) in [
        ("", "score_date is not valid"),
        ("cve,epss,percentile\nCVE-2024-2222,0.5,0.5\n", "score_date is not valid"),
        ("#model_version:v1,score_date:2026-11-19\nepss,cve,percentile\n", "header is not valid"),
        (&format!("{SCORES}CVE-2024-2222,0.5\n"), "percentile is not valid"),
        (&format!("{SCORES}CVE-2024-2222,0.5,0.5,0.5\n"), "line is not valid"),
        (&format!("{SCORES}CVE-2024-2222,0.5,1.5\n"), "percentile is not valid"),
        (&format!("{SCORES}CVE-2024-2222,NaN,0.5\n"), "epss is not valid"),
        (&format!("{SCORES}\nCVE-2024-2222,0.5,0.5\n"), "cve is not valid"),
        (&format!("{SCORES}GHSA-1,0.5,0.5\n"), "cve is not valid"),
        // Truncated in the middle of a number.
        (&format!("{SCORES}CVE-2024-2222,0.5,0.7"), "line is not valid"),
        (&format!("{SCORES}CVE-2024-2222,0.5,0.7\nCVE-2024-2222,0.5,0.7\n"), "occurs twice"),
        (&format!("{SCORES}{many}\n"), "line is not valid"),
        (&many, "line is not valid"),
    ] {
        for name in ["epss/epss_scores-current.csv", "epss/epss_scores-current.csv.gz"] {
            let place = Place::new();
            place.put(name, &if name.ends_with("gz") { gzip(text) } else { text.as_bytes().to_vec() });
            let error = place.refused();
            assert!(error.contains(expected) && error.contains(name), "{expected}: {error}");
        }
    }
    let whole = gzip(&format!("{SCORES}CVE-2024-2222,0.5,0.7\n"));
    for length in 0..whole.len() {
        let place = Place::new();
        place.put("epss/epss_scores-current.csv.gz", &whole[..length]);
        place.refused();
    }
}

#[test]
fn scores_are_bounded_in_number_and_after_inflating() {
    let lines: String =
        (0..2_000).map(|number| format!("CVE-2024-{number:05},0.5,0.5\n")).fold(String::new(), |a, b| a + &b);
    let place = Place::new();
    place.put("epss/epss_scores-current.csv.gz", &gzip(&format!("{SCORES}{lines}")));
    let within = |advisories, feed_bytes| {
        let mut limits = Limits::default();
        (limits.advisories, limits.feed_bytes) = (advisories, feed_bytes);
        place.build_within(&limits)
    };
    for (advisories, bytes) in [(1_999, 1 << 20), (2_000, 40_000)] {
        let error = within(advisories, bytes).unwrap_err();
        assert!(matches!(error, Error::Limit(_)), "{error}");
    }
    within(2_000, 1 << 20).unwrap();
}

#[test]
fn the_real_catalogue_is_read_completely() {
    let Some(path) = plimsoll_testkit::published_data("feeds/cisa-kev.tar.gz") else { return };
    let archive = flate2::read::GzDecoder::new(fs::File::open(path).unwrap());
    let mut found = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with(KEV) {
            entry.read_to_end(&mut found).unwrap();
        }
    }
    let place = Place::new();
    place.put(&format!("kev/{KEV}"), &found);
    place.build().unwrap();
    let database = Database::open(&place.out()).unwrap();
    database.verify().unwrap();
    let overlays = database.overlays().unwrap();
    let raw: Value = serde_json::from_slice(&found).unwrap();
    let entries = raw["vulnerabilities"].as_array().unwrap();
    assert_eq!(entries.len(), 1404);
    let day = |date: &Value| {
        format!("{}T00:00:00Z", date.as_str().unwrap())
            .parse::<plimsoll_core::Timestamp>()
            .unwrap()
            .as_second()
    };
    for entry in entries {
        let kev = overlays.find(entry["cveID"].as_str().unwrap()).unwrap().unwrap().kev.unwrap();
        assert_eq!((kev.added, kev.due), (day(&entry["dateAdded"]), Some(day(&entry["dueDate"]))), "{entry}");
        assert_eq!(kev.ransomware, entry["knownRansomwareCampaignUse"] == "Known", "{entry}");
    }
    let [status] = &overlays.status().collect::<Vec<_>>()[..] else { panic!("one feed") };
    assert_eq!((status.advisories, status.unproven), (1404, false));
    assert_eq!(status.published.unwrap().to_string(), "2025-08-25T17:04:19.9796Z");
}
