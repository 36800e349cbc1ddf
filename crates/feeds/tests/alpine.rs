//! What real repositories of Alpine's security database give: nothing is lost uncounted, and every answer is the one that
//! the documents give when they are read plainly.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use plimsoll_core::{Ecosystem, Limits, Timestamp, yaml};
use plimsoll_feeds::{Skip, build};
use plimsoll_sbom::{Component, Inventory};
use plimsoll_vuln::version::{Version as _, apk};
use plimsoll_vuln::{Database, ScanSettings, scan};
use serde_json::Value;

const AS_OF: &str = "2026-08-22T00:00:00Z";

/// Unpacks the repositories into `folder`; what they hold, as any reader sees it.
fn repositories(folder: &Path) -> Option<Vec<Value>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/feeds/alpine-secdb.tar.gz");
    let Ok(archive) = fs::File::open(data) else {
        eprintln!("skipped: no ../shared/data");
        return None;
    };
    let mut repositories = Vec::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(archive)).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().extension().is_some_and(|ending| ending == "yaml") {
            entry.unpack_in(folder).unwrap();
            let text = fs::read(folder.join(entry.path().unwrap())).unwrap();
            repositories.push(yaml::read(&text, "repository", yaml::Size::LIST).unwrap());
        }
    }
    assert_eq!(repositories.len(), 18);
    Some(repositories)
}

/// By package and release: each CVE with the versions that fixed it.
type Fixes = BTreeMap<(String, String), BTreeMap<String, Vec<String>>>;

fn fixes(repositories: &[Value]) -> Fixes {
    let mut fixes = Fixes::new();
    for repository in repositories {
        let release = repository["distroversion"].as_str().unwrap();
        for package in repository["packages"].as_array().into_iter().flatten() {
            let name = package["pkg"]["name"].as_str().unwrap();
            let package_fixes = fixes.entry((name.to_owned(), release.to_owned())).or_default();
            for (version, identifiers) in package["pkg"]["secfixes"].as_object().into_iter().flatten() {
                for text in identifiers.as_array().into_iter().flatten() {
                    let text = text.as_str().unwrap().split('(').next().unwrap();
                    let text = text.replace("CVE_", "CVE-").replace("CVE ", "CVE-");
                    for cve in
                        text.split_whitespace().filter(|word| word.starts_with("CVE-") && !word.contains('?'))
                    {
                        package_fixes.entry(cve.to_owned()).or_default().push(version.clone());
                    }
                }
            }
        }
    }
    fixes
}

#[test]
fn every_fix_is_found_below_its_version_and_not_from_it_on() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("from/alpine");
    fs::create_dir_all(&folder).unwrap();
    let Some(repositories) = repositories(&folder) else { return };
    let now: Timestamp = AS_OF.parse().unwrap();
    let out = dir.path().join("db");
    let report = build(&dir.path().join("from"), now, &out, now, &Limits::default()).unwrap();
    let [feed] = &report.feeds[..] else { panic!("one feed") };
    eprintln!("{feed}");
    let skipped: u64 = feed.skipped.values().map(|tally| tally.count).sum();
    assert_eq!(feed.read, feed.kept + skipped);
    assert!(feed.kept > 11_000, "{feed}");
    assert_eq!(feed.skipped.keys().collect::<Vec<_>>(), [&Skip::NotAffected]);

    let database = Database::open(&out).unwrap();
    database.verify().unwrap();
    let releases = &database.status()[0].releases;
    assert_eq!(releases.len(), 9, "{releases:?}");

    let mut compared = 0;
    for ((package, release), mut cves) in fixes(&repositories) {
        // A fix that is no version leaves what is around it open; the publisher's own tests show that.
        cves.retain(|_, fixed| fixed.iter().all(|fixed| apk::Version::parse(fixed).is_ok()));
        let number = release.trim_start_matches('v');
        let versions: BTreeSet<&String> = cves.values().flatten().collect();
        for version in versions {
            let expected =
                cves.iter().filter(|(_, fixed)| fixed.iter().any(|fixed| is_below(version, fixed)));
            let expected: BTreeSet<&str> = expected.map(|(cve, _)| cve.as_str()).collect();
            let mut component = Component::from_purl(
                format!("pkg:apk/alpine/x@0?distro=alpine-{number}.0&upstream=y").parse().unwrap(),
            );
            let source = component.source.as_mut().unwrap();
            (source.name, source.version) = (package.clone(), version.clone());
            let inventory = Inventory { components: vec![component], ..Inventory::default() };
            let scan = scan(&inventory, &database, &ScanSettings::at(now)).unwrap();
            let found: BTreeSet<&str> = scan.findings.iter().map(|finding| finding.id.as_str()).collect();
            let found: BTreeSet<&str> = found.into_iter().filter(|id| cves.contains_key(*id)).collect();
            assert_eq!(found, expected, "{package} {version} in {release}");
            assert_eq!(scan.matched_components, 1);
            compared += 1;
        }
    }
    assert!(compared > 3_000, "{compared}");
    assert!(database.advisories(Ecosystem::Alpine).unwrap().keys().unwrap().len() > 1_000);
    eprintln!("{compared} versions agree with the documents");
}

fn is_below(version: &str, fixed: &str) -> bool {
    let [version, fixed] = [version, fixed].map(|text| apk::Version::parse(text).unwrap());
    version < fixed
}
