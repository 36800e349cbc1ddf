//! Whole collections as their repositories have them: GitHub's advisories, those of the Node.js Security Working Group, and Photon's
//! files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "test code"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use common::Built;
use plimsoll_core::Limits;
use plimsoll_feeds::{Error, FeedReport};
use plimsoll_vuln::{GapReason, Severity};
use serde_json::{Value, json};

/// The files of a published archive, by their paths.
fn published(archive: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let path = plimsoll_testkit::published_data(archive)?;
    let mut files = BTreeMap::new();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        files.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    Some(files)
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn feed<'b>(built: &'b Built, ecosystem: &str) -> &'b FeedReport {
    built.report.feeds.iter().find(|feed| feed.ecosystem == ecosystem).unwrap()
}

fn ids(built: &Built, purl: &str) -> Vec<String> {
    built
        .findings(purl)
        .into_iter()
        .flat_map(|finding| {
            finding.aliases.iter().cloned().chain([finding.id.clone()]).collect::<Vec<String>>()
        })
        .collect()
}

/// The place of each advisory in GitHub's repository.
fn reviewed(files: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let advisories = files.iter().filter(|(name, _)| name.starts_with("advisories/GHSA-"));
    advisories
        .map(|(_, bytes)| {
            let advisory: Value = serde_json::from_slice(bytes).unwrap();
            let (id, date) = (advisory["id"].as_str().unwrap(), advisory["published"].as_str().unwrap());
            let place = format!("{}/{}/{id}/{id}.json", &date[..4], &date[5..7]);
            (format!("advisories/github-reviewed/{place}"), bytes.clone())
        })
        .collect()
}

#[test]
fn githubs_repository_is_read_once_for_all_ecosystems_as_a_tree_or_an_archive() {
    let Some(files) = published("fixtures/ghsa-sample.tar.gz") else { return };
    let advisories = reviewed(&files);
    let tree = Built::new(|from| {
        for (name, bytes) in &advisories {
            put(&from.join("ghsa").join(name), bytes);
        }
    });
    let mut in_archive: Vec<(String, Vec<u8>)> = advisories
        .iter()
        .map(|(name, bytes)| (format!("advisory-database-main/{name}"), bytes.clone()))
        .collect();
    in_archive.push(("advisory-database-main/README.md".to_owned(), b"text".to_vec()));
    let unreviewed = "advisory-database-main/advisories/unreviewed/2026/01/GHSA-x/GHSA-x.json";
    in_archive.push((unreviewed.to_owned(), b"not read".to_vec()));
    let archive = Built::new(|from| put(&from.join("ghsa/advisory-database.zip"), &zip(&in_archive)));
    for built in [&tree, &archive] {
        // As the sample says of itself; an advisory that names several counts for each.
        for (ecosystem, expected) in [
            ("Maven", 360),
            ("npm", 134),
            ("RubyGems", 23),
            ("NuGet", 19),
            ("Packagist", 10),
            ("PyPI", 4),
            ("Go", 2),
            ("SwiftURL", 1),
        ] {
            let feed = feed(built, ecosystem);
            assert_eq!(feed.read, expected, "{ecosystem}");
            let skipped: u64 = feed.skipped.values().map(|tally| tally.count).sum();
            assert_eq!(feed.read, feed.kept + feed.withdrawn + skipped, "{ecosystem}");
            assert_eq!(skipped, 0, "{feed}");
        }
        assert_eq!(built.report.feeds.len(), 8);
    }
    // GHSA-29mw-wpgm-hmr9, lodash: slow regular expressions from 4.0.0 to 4.17.21.
    for built in [&tree, &archive] {
        assert!(ids(built, "pkg:npm/lodash@4.17.20").contains(&"GHSA-29mw-wpgm-hmr9".to_owned()));
        assert!(!ids(built, "pkg:npm/lodash@4.17.21").contains(&"GHSA-29mw-wpgm-hmr9".to_owned()));
    }
    // Every fix that is stated for a single range is one.
    let mut tried = 0;
    for (_, bytes) in &advisories {
        let advisory: Value = serde_json::from_slice(bytes).unwrap();
        let affected = advisory["affected"].as_array().unwrap();
        let [only] = affected.as_slice() else { continue };
        let events = only["ranges"][0]["events"].as_array().unwrap();
        if advisory.get("withdrawn").is_some() || only["package"]["ecosystem"] != "npm" || events.len() != 2 {
            continue;
        }
        let Some(fix) = events[1]["fixed"].as_str() else { continue };
        let (name, id) = (only["package"]["name"].as_str().unwrap(), advisory["id"].as_str().unwrap());
        let purl = format!("pkg:npm/{}@{fix}", name.replacen('@', "%40", 1));
        assert!(!ids(&tree, &purl).contains(&id.to_owned()), "{purl} {id}");
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn what_github_and_osv_both_have_is_one_finding() {
    let advisory = json!({"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-1"], "affected": [
        {"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]}]}]});
    let bytes = advisory.to_string().into_bytes();
    let built = Built::new(|from| {
        put(&from.join("npm/GHSA-1.json"), &bytes);
        put(&from.join("ghsa/advisories/github-reviewed/2026/01/GHSA-1/GHSA-1.json"), &bytes);
    });
    assert_eq!(built.report.feeds.len(), 2);
    let found = built.findings("pkg:npm/a@1.0.0");
    assert_eq!(
        (found.len(), found[0].id.as_str(), found[0].aliases.as_slice()),
        (1, "CVE-2026-1", &["GHSA-1".to_owned()][..])
    );
    let both = Built::within(&Limits::default(), |from| {
        put(&from.join("ghsa/advisories/github-reviewed/2026/01/GHSA-1/GHSA-1.json"), &bytes);
        put(&from.join("ghsa/advisory-database.zip"), &zip(&[]));
    });
    assert!(matches!(both, Err(Error::Ambiguous { .. })));
    // An archive without any is not an ecosystem without vulnerabilities.
    let none = Built::within(&Limits::default(), |from| {
        put(&from.join("ghsa/advisory-database.zip"), &zip(&[("README.md".to_owned(), b"x".to_vec())]));
    });
    assert!(matches!(none, Err(Error::NoFeeds { .. })));
}

/// Something else of npm, so that it is covered.
fn npm(from: &Path) {
    let other = json!({"id": "X-1", "modified": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "other"}, "versions": ["1.0.0"]}]});
    put(&from.join("npm/X-1.json"), other.to_string().as_bytes());
}

#[test]
fn the_working_groups_advisories_add_to_those_of_others_and_cover_nothing_by_themselves() {
    let Some(files) = published("feeds/nodejs-security-wg.tar.gz") else { return };
    let place = |from: &Path| {
        for (name, bytes) in
            files.iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|it| it == "json"))
        {
            put(&from.join("nodejs-security-wg").join(name), bytes);
        }
    };
    let built = Built::new(|from| {
        place(from);
        npm(from);
    });
    let feed = built.report.feeds.iter().find(|feed| feed.publisher.starts_with("Node.js")).unwrap();
    // 467 advisories, and their index.
    assert_eq!((feed.read, feed.kept), (468, 467), "{feed}");
    let undecided: u64 = feed.doubts.values().map(|tally| tally.count).sum();
    assert_eq!(undecided, 0, "{feed}");
    let status = built.database.status();
    let published = status.iter().find(|feed| feed.publisher.starts_with("Node.js")).unwrap().published;
    assert_eq!(published.unwrap().to_string(), "2020-07-13T00:00:00Z", "it ended then");
    // 493, lodash: `<4.17.11`.
    let named = "NSWG-ECO-493".to_owned();
    let finding = built.findings("pkg:npm/lodash@4.17.10");
    let finding = finding.iter().find(|it| it.id == named || it.aliases.contains(&named)).unwrap();
    assert_eq!(finding.fix.nearest(), Some("4.17.11"));
    assert!(!ids(&built, "pkg:npm/lodash@4.17.11").contains(&"NSWG-ECO-493".to_owned()));
    assert!(built.scan_purl("pkg:npm/unheard-of@1.0.0").gaps.is_empty());

    // Alone, it is no database: everything since 2020 would be missing.
    let alone = Built::within(&Limits::default(), place);
    assert!(matches!(alone, Err(Error::NoFeeds { .. })));
}

#[test]
fn an_advisory_of_the_working_group_that_cannot_be_read_is_undecided_or_refused() {
    let advisory = json!({"id": 1, "title": "a", "module_name": "a", "publish_date": "2017-01-01", "cves": ["CVE-2017-1"],
        "vulnerable_versions": "<1.2.0 || >=2.0.0 <2.1.0", "patched_versions": ">=2.1.0", "cvss_score": 7.1});
    let built = |advisory: &Value| {
        Built::within(&Limits::default(), |from| {
            npm(from);
            put(&from.join("nodejs-security-wg/vuln/npm/1.json"), advisory.to_string().as_bytes());
        })
    };
    let good = built(&advisory).unwrap();
    for (version, expected) in [("1.1.9", 1), ("1.2.0", 0), ("2.0.0-rc.1", 0), ("2.0.5", 1), ("2.1.0", 0)] {
        assert_eq!(good.findings(&format!("pkg:npm/a@{version}")).len(), expected, "{version}");
    }
    let finding = good.findings("pkg:npm/a@1.0.0").remove(0);
    assert_eq!((finding.id.as_str(), finding.severity), ("CVE-2017-1", Severity::High));
    assert_eq!(*finding.aliases, ["NSWG-ECO-1"]);
    for range in [json!(null), json!(""), json!("1.0.0 - 2.0.0"), json!("all of them")] {
        let mut changed = advisory.clone();
        changed["vulnerable_versions"] = range;
        let scan = built(&changed).unwrap().scan_purl("pkg:npm/a@9.0.0");
        assert!(matches!(scan.gaps[0].reason, GapReason::UndecidedRange { .. }), "{changed}");
    }
    for (member, value) in [
        ("module_name", json!("a b")),
        ("cves", json!(["CVE 1"])),
        ("id", json!("x")),
        ("module_name", json!(null)),
    ] {
        let mut changed = advisory.clone();
        changed[member] = value;
        assert!(built(&changed).is_err(), "{changed}");
    }
}

const PHOTON: &str = r#"[
  {"cve_id": "CVE-2019-3828", "pkg": "ansible", "cve_score": 10, "aff_ver": "all versions before 2.7.6-2.ph3 are vulnerable", "res_ver": "2.7.6-2.ph3"},
  {"cve_id": "CVE-2019-3828", "pkg": "ansible-devel", "cve_score": "4.2", "aff_ver": "x", "res_ver": "2.7.6-2.ph3", "status": "Fixed"},
  {"cve_id": "UNK-1", "pkg": "curl-libs", "cve_score": 6.7, "aff_ver": "NA", "res_ver": "NA", "status": "Not Affected"},
  {"cve_id": "CVE-2020-1", "pkg": "openssl", "cve_score": 6.7, "aff_ver": "all versions", "res_ver": "NA"},
  {"cve_id": "Re", "pkg": "nothing", "cve_score": 6.7, "aff_ver": "NA", "res_ver": "NA"},
  {"cve_id": "", "pkg": "unnamed", "cve_score": 6.7, "aff_ver": "all versions before 2-1.ph3", "res_ver": "2-1.ph3"}]"#;

#[test]
fn photons_statements_become_what_they_say() {
    let built = Built::new(|from| put(&from.join("photon/cve_data_photon3.0.json"), PHOTON.as_bytes()));
    let feed = feed(&built, "Photon OS");
    assert_eq!((feed.read, feed.kept), (6, 4), "{feed}");
    let at = |name: &str, version: &str| {
        built.scan_purl(&format!("pkg:rpm/photon/{name}@{version}?distro=photon-3.0"))
    };
    let scan = at("ansible", "2.7.6-1.ph3");
    assert_eq!(
        (scan.findings[0].id.as_str(), scan.findings[0].severity),
        ("CVE-2019-3828", Severity::Critical)
    );
    assert_eq!(scan.findings[0].fix.nearest(), Some("2.7.6-2.ph3"));
    assert_eq!(at("ansible-devel", "2.7.6-1.ph3").findings[0].severity, Severity::Medium);
    assert!(at("ansible", "2.7.6-2.ph3").findings.is_empty());
    for clean in ["curl-libs", "nothing"] {
        let scan = at(clean, "1-1.ph3");
        assert!(scan.findings.is_empty() && scan.gaps.is_empty(), "{clean}");
    }
    assert!(matches!(at("openssl", "9-1.ph3").gaps[0].reason, GapReason::UndecidedRange { .. }));
    assert!(matches!(at("unnamed", "1-1.ph3").gaps[0].reason, GapReason::UndecidedRange { .. }));
    assert!(at("unnamed", "2-1.ph3").gaps.is_empty());
    assert!(built.database.status()[0].unproven);
    let of_another = built.scan_purl("pkg:rpm/photon/ansible@1-1.ph4?distro=photon-4.0");
    assert!(matches!(of_another.gaps[0].reason, GapReason::ReleaseNotCovered(_)));
    for broken in ["[]", "{}", "", "[{\"pkg\": \"a b\", \"cve_id\": \"CVE-1\"}]", "[{\"cve_id\": \"CVE-1\"}]"]
    {
        let error = Built::within(&Limits::default(), |from| {
            put(&from.join("photon/cve_data_photon3.0.json"), broken.as_bytes());
        });
        assert!(error.err().unwrap().to_string().contains("photon3.0"), "{broken}");
    }
}
