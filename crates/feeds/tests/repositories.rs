//! The published advisories of RubySec and FriendsOfPHP: every file is read, and every answer follows the rules of
//! their own tools.

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

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use common::{AS_OF, Built, component};
use plimsoll_core::yaml;
use plimsoll_feeds::{Doubt, FeedReport};
use plimsoll_vuln::order;
use plimsoll_vuln::{GapReason, Scan};
use serde_json::{Value, json};

fn unpacked(archive: &str, folder: &Path) -> Option<()> {
    let path = plimsoll_testkit::published_data(archive)?;
    fs::create_dir_all(folder).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap())).unpack(folder).unwrap();
    Some(())
}

impl Built {
    fn scan_all(&self, purls: &[String]) -> Scan {
        self.scan(purls.iter().map(|purl| component(purl)))
    }

    /// What the building of its only feed said.
    fn feed(&self) -> &FeedReport {
        &self.report.feeds[0]
    }

    /// The documents, by their path.
    fn documents(&self, folder: &str, levels: usize) -> BTreeMap<String, Value> {
        let mut parents = vec![self.from().join(folder)];
        for _ in 0..=levels {
            let below = |parent: &std::path::PathBuf| {
                fs::read_dir(parent).unwrap().map(|it| it.unwrap().path()).collect::<Vec<_>>()
            };
            parents = parents.iter().filter(|it| it.is_dir()).flat_map(below).collect();
        }
        let document = |path: &std::path::PathBuf| {
            let bytes = fs::read(path).unwrap();
            (path.display().to_string(), yaml::read_generated(&bytes, "x", yaml::Size::DOCUMENT).unwrap())
        };
        parents.iter().filter(|path| path.is_file()).map(document).collect()
    }
}

/// Whether a version of RubyGems or Composer meets a constraint, by the rules of the publisher's own tool.
fn admits(order: &str, constraint: &str, version: &str) -> bool {
    let constraint = constraint.trim();
    let at = constraint.find(|c: char| c.is_ascii_alphanumeric()).unwrap();
    let (operator, bound) = (constraint[..at].trim(), &constraint[at..]);
    let order = order::by_id(order).unwrap();
    let against = |bound: &str| order.compare(version, bound).unwrap();
    match operator {
        ">=" => against(bound).is_ge(),
        ">" => against(bound).is_gt(),
        "<=" => against(bound).is_le(),
        "<" => against(bound).is_lt(),
        "=" => against(bound).is_eq(),
        "~>" => {
            let numbers =
                |text: &str| text.split('.').map_while(|part| part.parse().ok()).collect::<Vec<u64>>();
            let mut next = numbers(bound);
            if next.len() > 1 {
                next.pop();
            }
            *next.last_mut().unwrap() += 1;
            // The version without its words is below the next one.
            against(bound).is_ge() && numbers(version).cmp(&next) == Ordering::Less
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_gem_is_affected_unless_stated_otherwise() {
    if plimsoll_testkit::published_data("feeds/ruby-advisory-db.tar.gz").is_none() {
        return;
    }
    let built = Built::new(|from| unpacked("feeds/ruby-advisory-db.tar.gz", &from.join("rubysec")).unwrap());
    assert_eq!((built.feed().read, built.feed().kept), (1234, 1234));
    assert!(!built.feed().doubts.contains_key(&Doubt::Malformed), "{}", built.feed());
    let documents = built.documents("rubysec/gems", 1);
    assert_eq!(documents.len(), 1234);
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let mut gems: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (path, document) in &documents {
        let id = Path::new(path).file_stem().unwrap().to_str().unwrap();
        gems.entry(document["gem"].as_str().unwrap()).or_default().push((id, document));
    }
    let safe = |document: &Value| {
        [texts(&document["patched_versions"]), texts(&document["unaffected_versions"])].concat()
    };
    let mut compared = 0;
    for (gem, documents) in &gems {
        // Every bound, and the versions just below and above it.
        let mut versions = BTreeSet::from(["0".to_owned(), "99999".to_owned()]);
        for requirement in documents.iter().flat_map(|(_, document)| safe(document)) {
            for bound in requirement.split(',').map(|it| it.trim_start_matches(|c: char| !c.is_ascii_digit()))
            {
                versions.extend([bound.to_owned(), format!("{bound}.0.1"), format!("{bound}.pre1")]);
            }
        }
        for version in &versions {
            let scan = built.scan_all(&[format!("pkg:gem/{gem}@{version}")]);
            assert!(scan.gaps.is_empty(), "{gem} {version}: {:?}", scan.gaps);
            let found: BTreeSet<String> = scan
                .findings
                .into_iter()
                .flat_map(|it| it.aliases.iter().cloned().chain([it.id.clone()]).collect::<Vec<_>>())
                .collect();
            for (id, document) in documents {
                let is_safe =
                    safe(document).iter().any(|it| it.split(',').all(|it| admits("gem", it, version)));
                // Two files about one vulnerability are one finding.
                let shares_an_id = |(other, it): &&(&str, &Value)| {
                    let shares = |key: &str| !it[key].is_null() && it[key] == document[key];
                    other != id && ["cve", "ghsa", "osvdb"].iter().any(|key| shares(key))
                };
                if !documents.iter().any(|it| shares_an_id(&it)) {
                    assert_eq!(found.contains(*id), !is_safe, "{gem} {version} {id}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 20_000, "{compared}");
}

#[test]
fn a_composer_package_is_affected_in_each_branch() {
    if plimsoll_testkit::published_data("feeds/php-security-advisories.tar.gz").is_none() {
        return;
    }
    let built = Built::new(|from| {
        unpacked("feeds/php-security-advisories.tar.gz", &from.join("friendsofphp")).unwrap();
    });
    // One file belongs to the repository itself.
    assert_eq!((built.feed().read, built.feed().kept), (1593, 1592));
    eprintln!("{}", built.feed());
    let mut documents = built.documents("friendsofphp", 2);
    documents.retain(|_, document| !document["reference"].is_null());
    assert_eq!(documents.len(), 1592);
    let package = |document: &Value| document["reference"].as_str().unwrap().replace("composer://", "");
    let branches = |document: &Value| -> Vec<Vec<String>> {
        let branches = document["branches"].as_object().unwrap().values();
        let texts = |it: &Value| {
            it["versions"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        branches.map(texts).collect()
    };
    // Several files may be about one vulnerability of a package.
    let mut vulnerabilities: BTreeMap<(String, &str), Vec<Vec<String>>> = BTreeMap::new();
    for document in documents.values() {
        if let Some(cve) = document["cve"].as_str().filter(|cve| !cve.is_empty()) {
            vulnerabilities.entry((package(document), cve)).or_default().extend(branches(document));
        }
    }
    let mut compared = 0;
    for ((package, cve), branches) in &vulnerabilities {
        let bound = |text: &String| text.trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned();
        let mut versions: Vec<String> = branches.iter().flatten().map(bound).collect();
        versions.truncate(8);
        versions.extend(versions.clone().iter().map(|bound| format!("{bound}.1")));
        versions.retain(|version| order::by_id("composer").unwrap().check(version).is_ok());
        for version in versions {
            let scan = built.scan_all(&[format!("pkg:composer/{package}@{version}")]);
            let found: BTreeSet<String> = scan
                .findings
                .into_iter()
                .flat_map(|it| it.aliases.iter().cloned().chain([it.id.clone()]).collect::<Vec<_>>())
                .collect();
            let expected = branches.iter().any(|it| it.iter().all(|it| admits("composer", it, &version)));
            assert_eq!(found.contains(*cve), expected, "{package} {version} {cve}");
            compared += 1;
        }
    }
    assert!(compared > 5_000, "{compared}");
}

const GOOD: &str = "gem: rack\ncve: 2022-30122\nghsa: hxqx-xwvh-44m2\npatched_versions: ['>= 2.0.9.1']\n";

/// The archive of a repository.
fn archive(path: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, text) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn two_publishers_of_one_vulnerability_are_one_finding_and_a_malformed_file_is_named() {
    let built = Built::new(|from| {
        archive(
            &from.join("rubysec/ruby-advisory-db.zip"),
            &[
                ("ruby-advisory-db-master/README.md", "text"),
                ("ruby-advisory-db-master/gems/rack/CVE-2022-30122.yml", GOOD),
                (
                    "ruby-advisory-db-master/gems/broken/CVE-2022-1.yml",
                    "gem: broken\npatched_versions: ['?']",
                ),
            ],
        );
        fs::create_dir_all(from.join("osv/RubyGems")).unwrap();
        let document = json!({"id": "GHSA-hxqx-xwvh-44m2", "modified": AS_OF, "aliases": ["CVE-2022-30122"], "affected": [{
            "package": {"ecosystem": "RubyGems", "name": "rack"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.2"}, {"fixed": "2.0.9.1"}]}]}]});
        fs::write(from.join("osv/RubyGems/a.json"), document.to_string()).unwrap();
    });
    let scan = built.scan_all(&["pkg:gem/rack@2.0".to_owned()]);
    let [finding] = &scan.findings[..] else { panic!("{:?}", scan.findings) };
    assert_eq!(
        (finding.id.as_str(), finding.aliases.join(" ")),
        ("CVE-2022-30122", "GHSA-hxqx-xwvh-44m2".to_owned())
    );
    assert!(scan.gaps.is_empty(), "{:?}", scan.gaps);

    let scan = built.scan_all(&["pkg:gem/broken@1".to_owned()]);
    let [gap] = &scan.gaps[..] else { panic!("{:?}", scan.gaps) };
    assert!(
        matches!(&gap.reason, GapReason::UndecidedRange { advisories, .. } if *advisories == ["CVE-2022-1"])
    );
    assert!(built.scan_all(&["pkg:gem/other@1".to_owned()]).gaps.is_empty());
    let status = built.database.status();
    let malformed = &status.iter().find(|feed| feed.publisher == "RubySec").unwrap().malformed;
    assert_eq!(malformed.count, 1);
    assert_eq!(malformed.examples, ["ruby-advisory-db-master/gems/broken/CVE-2022-1.yml"]);
}
