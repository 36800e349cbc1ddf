//! Databases from real repositories of Alpine's security database: no document is lost without being counted,
//! and every answer equals that of a plain reading of the documents.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::LazyLock;

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Ecosystem, Limits, Timestamp, yaml};
use plimsoll_feeds::{BuildReport, Skip, build};
use plimsoll_sbom::{Component, Inventory, catalog, select};
use plimsoll_vuln::version::{Version as _, apk};
use plimsoll_vuln::{Database, Finding, ScanSettings, scan};
use serde_json::Value;

const AS_OF: &str = "2026-08-22T00:00:00Z";

/// The basis of the tests: the repositories, as any reader sees them, and the database built from them.
struct Built {
    repositories: Vec<Value>,
    report: BuildReport,
    database: Database,
    _dir: tempfile::TempDir,
}

/// Built once for all tests of this file; `None` if the data is missing.
static BUILT: LazyLock<Option<Built>> = LazyLock::new(|| {
    let mut archive = archive("feeds/alpine-secdb.tar.gz")?;
    let dir = tempfile::tempdir().unwrap();
    let (from, out) = (dir.path().join("from"), dir.path().join("db"));
    let folder = from.join("alpine");
    fs::create_dir_all(&folder).unwrap();
    let mut repositories = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().extension().is_some_and(|ending| ending == "yaml") {
            entry.unpack_in(&folder).unwrap();
            let text = fs::read(folder.join(entry.path().unwrap())).unwrap();
            repositories.push(yaml::read(&text, "repository", yaml::Size::LIST).unwrap());
        }
    }
    assert_eq!(repositories.len(), 18);
    let report = build(&from, now(), &out, now(), &Limits::default()).unwrap();
    Some(Built { repositories, report, database: Database::open(&out).unwrap(), _dir: dir })
});

fn now() -> Timestamp {
    AS_OF.parse().unwrap()
}

fn archive(name: &str) -> Option<tar::Archive<flate2::read::GzDecoder<fs::File>>> {
    let file = fs::File::open(plimsoll_testkit::published_data(name)?).unwrap();
    Some(tar::Archive::new(flate2::read::GzDecoder::new(file)))
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
    let Some(Built { repositories, report, database, .. }) = &*BUILT else { return };
    let [feed] = &report.feeds[..] else { panic!("one feed") };
    eprintln!("{feed}");
    let skipped: u64 = feed.skipped.values().map(|tally| tally.count).sum();
    assert_eq!(feed.read, feed.kept + skipped);
    assert!(feed.kept > 11_000, "{feed}");
    assert_eq!(feed.skipped.keys().collect::<Vec<_>>(), [&Skip::NotAffected]);

    database.verify().unwrap();
    let releases = &database.status()[0].releases;
    assert_eq!(releases.len(), 9, "{releases:?}");

    let mut compared = 0;
    for ((package, release), mut cves) in fixes(repositories) {
        // A fix that is not a version leaves the versions around it undecided; the publisher's own tests show
        // that.
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
            let scan = scan(&inventory, database, &ScanSettings::at(now())).unwrap();
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

#[test]
fn a_real_package_database_has_the_findings_of_its_sources_in_its_release() {
    let Some(Built { repositories, database, .. }) = &*BUILT else { return };
    let Some(mut archive) = archive("fixtures/package-databases.tar.gz") else { return };
    let wanted = Path::new("os/apk/trivy-alpine-310/root/lib/apk/db/installed");
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap() == wanted).unwrap();
    let mut installed = Vec::new();
    entry.read_to_end(&mut installed).unwrap();

    let fixes = fixes(repositories);
    // The image is Alpine 3.10, with the fixes of its time. Its OpenSSL also has the vulnerabilities that
    // 3.11 fixed later.
    let openssl = ["libcrypto1.1", "libssl1.1"].map(|library| (library, "CVE-2019-1551"));
    for (release, fixed_later) in [("3.10", &[][..]), ("3.11", &openssl)] {
        let mut image = FileSet::default();
        let os_release = format!("ID=alpine\nVERSION_ID={release}.4\n");
        image.add(select(), "etc/os-release", None, os_release.as_bytes());
        image.add(select(), "lib/apk/db/installed", None, &installed);
        let inventory = catalog(&image, &Limits::default());
        assert_eq!((&inventory.problems[..], inventory.components.len()), (&[][..], 14));
        let scan = scan(&inventory, database, &ScanSettings::at(now())).unwrap();
        assert_eq!((&scan.gaps[..], scan.matched_components), (&[][..], 14));

        let mut expected = BTreeSet::new();
        for component in &inventory.components {
            let source = component.source.as_ref().unwrap();
            let cves = fixes.get(&(source.name.clone(), format!("v{release}")));
            for (cve, fixed) in cves.into_iter().flatten() {
                if fixed.iter().any(|fixed| is_below(&source.version, fixed)) {
                    expected.insert((component.purl.name(), cve.as_str()));
                }
            }
        }
        let named = |finding: &'_ Finding| (finding.component.name().to_owned(), finding.id.clone());
        let found: BTreeSet<_> = scan.findings.iter().map(named).collect();
        let found: BTreeSet<_> = found.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        assert_eq!(found, expected, "{release}");
        assert!(fixed_later.iter().all(|finding| found.contains(finding)), "{release}: {found:?}");
    }
}

fn is_below(version: &str, fixed: &str) -> bool {
    let [version, fixed] = [version, fixed].map(|text| apk::Version::parse(text).unwrap());
    version < fixed
}
