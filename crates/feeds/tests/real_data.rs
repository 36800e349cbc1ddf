//! Databases from real PyPI and Go advisories: no document is lost without being counted, and every answer
//! equals that of OSV's own algorithm over the raw documents.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::sync::LazyLock;

use plimsoll_core::{Ecosystem, Limits, Timestamp};
use plimsoll_feeds::{BuildReport, Doubt, build};
use plimsoll_sbom::{Component, Inventory};
use plimsoll_vuln::events::RangeProblem;
use plimsoll_vuln::order::{self, VersionOrder};
use plimsoll_vuln::{Database, GapReason, Scan, ScanSettings, Severity, SeveritySource, scan};
use serde_json::Value;

const AS_OF: &str = "2026-08-22T00:00:00Z";

struct Built {
    dir: tempfile::TempDir,
    report: BuildReport,
    database: Database,
}

impl Built {
    fn scan(&self, components: Vec<Component>) -> Scan {
        let inventory = Inventory { components, ..Inventory::default() };
        scan(&inventory, &self.database, &ScanSettings::at(AS_OF.parse().unwrap())).unwrap()
    }

    /// The identifiers of all findings of one package.
    fn ids(&self, purl: &str) -> BTreeSet<String> {
        let scan = self.scan(vec![Component::from_purl(purl.parse().unwrap())]);
        scan.findings
            .into_iter()
            .flat_map(|f| f.aliases.iter().cloned().chain([f.id.clone()]).collect::<Vec<_>>())
            .collect()
    }

    fn undecided(&self, purl: &str) -> Vec<String> {
        let scan = self.scan(vec![Component::from_purl(purl.parse().unwrap())]);
        let gaps = scan.gaps.into_iter().filter_map(|gap| match gap.reason {
            GapReason::UndecidedRange { advisories, .. } => Some(advisories),
            _ => None,
        });
        gaps.flatten().collect()
    }

    fn raw(&self, ecosystem: &str) -> Vec<Value> {
        let file = fs::File::open(self.dir.path().join("osv").join(ecosystem).join("all.zip")).unwrap();
        let mut archive = zip::ZipArchive::new(file).unwrap();
        (0..archive.len())
            .map(|index| {
                let mut bytes = Vec::new();
                archive.by_index(index).unwrap().read_to_end(&mut bytes).unwrap();
                serde_json::from_slice(&bytes).unwrap()
            })
            .collect()
    }
}

/// Built once for all tests of this file; `None` if the data is missing.
static BUILT: LazyLock<Option<Built>> = LazyLock::new(|| {
    let archive = fs::File::open(plimsoll_testkit::published_data("osv.tar")?).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.starts_with("osv/PyPI") || path.starts_with("osv/Go") {
            entry.unpack_in(dir.path()).unwrap();
        }
    }
    let now: Timestamp = AS_OF.parse().unwrap();
    let out = dir.path().join("out");
    let report = build(dir.path(), now, &out, now, &Limits::default()).unwrap();
    Some(Built { report, database: Database::open(&out).unwrap(), dir })
});

#[test]
fn nothing_is_lost_uncounted() {
    let Some(built) = &*BUILT else { return };
    for (feed, documents) in built.report.feeds.iter().zip([4291, 7080]) {
        let skipped: u64 = feed.skipped.values().map(|tally| tally.count).sum();
        assert_eq!(feed.read, feed.kept + feed.withdrawn + skipped, "{}", feed.ecosystem);
        assert_eq!(feed.read, documents);
        assert_eq!(skipped, 0, "{:?}", feed.skipped);
        assert_eq!(feed.written.as_ref().unwrap().advisories, feed.kept);
    }
    let database = &built.database;
    database.verify().unwrap();
    // Every package that a document names has a record.
    for ecosystem in [Ecosystem::Go, Ecosystem::PyPI] {
        let feed = database.advisories(ecosystem).unwrap();
        let keys: BTreeSet<String> = feed.keys().unwrap().into_iter().collect();
        let mut named = BTreeSet::new();
        for document in built.raw(ecosystem.name()).iter().filter(|d| d.get("withdrawn").is_none()) {
            for affected in document["affected"].as_array().unwrap() {
                let name = affected["package"]["name"].as_str().unwrap();
                named.insert(ecosystem.normalise(name).into_owned());
            }
        }
        assert_eq!(keys, named);
    }
}

#[test]
fn the_oddities_of_the_data_are_counted_and_answered() {
    let Some(built) = &*BUILT else { return };
    let pypi = &built.report.feeds[1];
    let count = |doubt: Doubt| pypi.doubts.get(&doubt).map_or(0, |tally| tally.count);
    assert!(count(Doubt::Range(RangeProblem::InvalidBound)) > 0);
    assert!(count(Doubt::Range(RangeProblem::TwoEnds)) > 0);
    assert!(count(Doubt::Range(RangeProblem::TwoStarts)) > 0);
    assert!(count(Doubt::NoVersions) > 0);
    assert_eq!(pypi.withdrawn, 269);

    let raw = built.raw("PyPI");
    let has = |purl: &str, id: &str| built.ids(purl).contains(id);
    // `fixed: 2.0.0` and `introduced: 2.0.0` in one range leave no hole at 2.0.0.
    let [package] = &packages(&raw, "PYSEC-2024-258")[..] else { panic!("one package") };
    assert!(has(&format!("pkg:pypi/{package}@2.0.0"), "PYSEC-2024-258"));
    // Events out of order.
    let [package] = &packages(&raw, "PYSEC-2018-42")[..] else { panic!("one package") };
    assert!(has(&format!("pkg:pypi/{package}@2.4.4"), "PYSEC-2018-42"));
    assert!(!has(&format!("pkg:pypi/{package}@2.4.5.0"), "PYSEC-2018-42"));
    // Invalid versions match by their text.
    let [package] = &packages(&raw, "PYSEC-2026-783")[..] else { panic!("one package") };
    assert!(has(&format!("pkg:pypi/{package}@trunk"), "PYSEC-2026-783"));
    // `last_affected: 2.6.0-NA`: known below 2.6.0, undecided at it, not affected above it.
    assert!(has("pkg:pypi/torch@2.5.1", "PYSEC-2025-192"));
    assert!(built.undecided("pkg:pypi/torch@2.6.0").contains(&"PYSEC-2025-192".to_owned()));
    assert!(!has("pkg:pypi/torch@2.6.1", "PYSEC-2025-192"));
    assert!(built.undecided("pkg:pypi/torch@2.9.0").is_empty());
    // Neither versions nor ranges.
    assert!(built.undecided("pkg:pypi/avro@1.11").contains(&"PYSEC-2022-43180".to_owned()));
    // Names match in any spelling.
    let [package] = &packages(&raw, "PYSEC-2020-341")[..] else { panic!("one package") };
    assert_eq!(package, "jw.util");
    assert!(has("pkg:pypi/jw-util@2.2", "PYSEC-2020-341"));
}

fn packages(raw: &[Value], id: &str) -> Vec<String> {
    let document = raw.iter().find(|d| d["id"] == id).unwrap();
    let names: BTreeSet<&str> = document["affected"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|a| a["package"]["name"].as_str())
        .collect();
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn advisories_that_rate_nothing_are_rated_by_their_aliases() {
    let Some(built) = &*BUILT else { return };
    let keys = built.database.advisories(Ecosystem::Go).unwrap().keys().unwrap();
    let component = |name: &String| {
        let mut component = Component::from_purl("pkg:golang/example.org/x@v1".parse().unwrap());
        (component.name, component.version) = (name.clone(), "v1.0.0".into());
        component
    };
    let scan = built.scan(keys.iter().map(component).collect());
    let rated = scan
        .findings
        .iter()
        .filter(|f| matches!(&f.severity_source, SeveritySource::Alias(id) if id.starts_with("PYSEC-")));
    let rated = rated.inspect(|f| assert_ne!(f.severity, Severity::Unrated)).count();
    let unrated = scan.findings.iter().filter(|f| f.severity_source == SeveritySource::None).count();
    eprintln!("Go: {rated} findings rated by Python's advisories, {unrated} unrated");
    // Go's advisories have no severity at all.
    assert!(rated > 0 && rated + unrated == scan.findings.len());
}

#[test]
fn every_answer_is_that_of_the_algorithm_over_the_raw_documents() {
    let Some(built) = &*BUILT else { return };
    for ecosystem in [Ecosystem::PyPI, Ecosystem::Go] {
        let raw = built.raw(ecosystem.name());
        let mut by_package: BTreeMap<String, Vec<(&str, &Value)>> = BTreeMap::new();
        for document in raw.iter().filter(|d| d.get("withdrawn").is_none()) {
            for affected in document["affected"].as_array().unwrap() {
                let name = ecosystem.normalise(affected["package"]["name"].as_str().unwrap()).into_owned();
                by_package.entry(name).or_default().push((document["id"].as_str().unwrap(), affected));
            }
        }
        let mut compared = 0;
        let mut left_out = BTreeSet::new();
        let mut components = Vec::new();
        let mut expectations = Vec::new();
        for (package, affected) in &by_package {
            for version in sample(affected) {
                // The algorithm does not cover documents with invalid bounds; a test above does.
                let readable = |(_, affected): &&(&str, &Value)| {
                    bounds(affected).all(|b| order_of(ecosystem).check(b).is_ok())
                };
                let unreadable: BTreeSet<&str> =
                    affected.iter().filter(|a| !readable(a)).map(|(id, _)| *id).collect();
                let expected: BTreeSet<&str> = affected
                    .iter()
                    .filter(readable)
                    .filter(|(_, affected)| naive(ecosystem, version, affected))
                    .map(|(id, _)| *id)
                    .collect();
                compared += affected.len() - unreadable.len();
                left_out.extend(unreadable.iter().copied());
                let kind = if ecosystem == Ecosystem::Go { "golang" } else { "pypi" };
                let mut component = Component::from_purl(format!("pkg:{kind}/{package}@1").parse().unwrap());
                component.version = version.to_owned();
                components.push(component);
                expectations.push((package, version, expected, unreadable));
            }
        }
        let known: BTreeSet<&str> = raw.iter().filter_map(|d| d["id"].as_str()).collect();
        for (component, (package, version, expected, unreadable)) in components.into_iter().zip(&expectations)
        {
            let scan = built.scan(vec![component]);
            // An alias is a hit only when the raw data says so; aliases without a document in this feed do
            // not count.
            let found: BTreeSet<&str> = scan
                .findings
                .iter()
                .flat_map(|f| f.aliases.iter().chain([&f.id, &f.advisory]))
                .map(String::as_str)
                .filter(|id| known.contains(id))
                .collect();
            for finding in &scan.findings {
                let advisory = finding.advisory.as_str();
                assert!(
                    expected.contains(advisory) || unreadable.contains(advisory),
                    "{package} {version}: {finding:?}"
                );
            }
            // An invalid version is a separate gap, unless the documents list it.
            if scan.gaps.iter().any(|gap| matches!(gap.reason, GapReason::InvalidVersion { .. })) {
                assert!(order_of(ecosystem).check(version).is_err(), "{package} {version}");
                continue;
            }
            let missing: Vec<_> = expected.iter().filter(|id| !found.contains(*id)).collect();
            assert!(missing.is_empty(), "{package} {version}: not found: {missing:?}");
        }
        eprintln!(
            "{ecosystem}: {} versions, {compared} comparisons with the raw documents",
            expectations.len()
        );
        assert!(expectations.len() > 2_500 && compared > 10_000);
        assert!(left_out.len() <= 25, "{left_out:?}");
    }
}

/// Some of the versions that the documents about a package name, evenly spread.
fn sample<'a>(affected: &[(&str, &'a Value)]) -> Vec<&'a str> {
    let mut versions = BTreeSet::new();
    for (_, affected) in affected {
        versions.extend(affected["versions"].as_array().into_iter().flatten().filter_map(Value::as_str));
        versions.extend(bounds(affected));
    }
    let step = versions.len().div_ceil(4).max(1);
    versions.into_iter().step_by(step).collect()
}

/// The versions that the events name.
fn bounds(affected: &Value) -> impl Iterator<Item = &str> {
    let ranges = affected["ranges"].as_array().into_iter().flatten().filter(|r| r["type"] != "GIT");
    let events = ranges.flat_map(|range| range["events"].as_array().unwrap());
    events.flat_map(|event| event.as_object().unwrap().values().filter_map(Value::as_str))
}

/// OSV's schema, "Evaluation", as written there.
fn naive(ecosystem: Ecosystem, version: &str, affected: &Value) -> bool {
    let compare = |a: &str, b: &str| order_of(ecosystem).compare(a, b);
    let mut versions = affected["versions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if versions.any(|v| v == version || compare(v, version) == Ok(Ordering::Equal)) {
        return true;
    }
    affected["ranges"].as_array().into_iter().flatten().filter(|r| r["type"] != "GIT").any(|range| {
        let mut events: Vec<(&str, &str)> = range["events"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|event| event.as_object().unwrap())
            .map(|(kind, version)| (kind.as_str(), version.as_str().unwrap()))
            .collect();
        // At one version, ends come before starts.
        let first = |event: &(&str, &str)| *event == ("introduced", "0");
        events.sort_by(|a, b| {
            first(b).cmp(&first(a)).then(compare(a.1, b.1).unwrap_or(Ordering::Equal)).then(a.0.cmp(b.0))
        });
        let mut vulnerable = false;
        for (kind, bound) in events {
            let order = if first(&(kind, bound)) { Ok(Ordering::Greater) } else { compare(version, bound) };
            match (kind, order) {
                ("introduced", Ok(Ordering::Greater | Ordering::Equal)) => vulnerable = true,
                ("fixed", Ok(Ordering::Greater | Ordering::Equal))
                | ("last_affected", Ok(Ordering::Greater)) => {
                    vulnerable = false;
                }
                _ => {}
            }
        }
        vulnerable
    })
}

fn order_of(ecosystem: Ecosystem) -> &'static dyn VersionOrder {
    order::of_ecosystem(ecosystem).unwrap()
}
