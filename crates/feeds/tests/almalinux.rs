//! Databases from AlmaLinux's real errata: every answer equals that of a plain reading of the documents.

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
use std::path::Path;

use plimsoll_core::{Limits, Timestamp};
use plimsoll_feeds::build;
use plimsoll_sbom::{Component, Inventory};
use plimsoll_vuln::version::rpm;
use plimsoll_vuln::{Database, ScanSettings, scan};
use serde_json::Value;

const AS_OF: &str = "2026-08-22T00:00:00Z";

/// One fix of one package: the version, the module streams that its erratum names, and its CVEs.
struct Repair {
    fixed: String,
    streams: Vec<String>,
    vulnerabilities: Vec<String>,
}

fn documents(zip: &Path) -> Vec<Value> {
    let mut archive = zip::ZipArchive::new(fs::File::open(zip).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut bytes = Vec::new();
            archive.by_index(index).unwrap().read_to_end(&mut bytes).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        })
        .collect()
}

/// Everything between spaces with one colon inside, as summaries write the streams of modules.
fn streams(summary: &str) -> Vec<String> {
    let inner =
        |word: &&str| !word.starts_with("AL") && word.split(':').filter(|part| !part.is_empty()).count() == 2;
    summary.split(' ').map(|word| word.trim_end_matches(',')).filter(inner).map(str::to_owned).collect()
}

fn repairs(documents: &[Value]) -> BTreeMap<(String, String), Vec<Repair>> {
    let mut repairs: BTreeMap<_, Vec<Repair>> = BTreeMap::new();
    for document in documents {
        let id = document["id"].as_str().unwrap();
        let related =
            document["related"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
        let mut vulnerabilities: Vec<String> = related.filter(|id| id.starts_with("CVE-")).collect();
        match (vulnerabilities.is_empty(), id.starts_with("ALSA")) {
            (true, true) => vulnerabilities.push(id.to_owned()),
            (true, false) => continue,
            (false, _) => {}
        }
        for affected in document["affected"].as_array().unwrap() {
            let package = &affected["package"];
            let release = package["ecosystem"].as_str().unwrap().split_once(':').unwrap().1.to_owned();
            for range in affected["ranges"].as_array().unwrap() {
                for event in range["events"].as_array().unwrap() {
                    let Some(fixed) = event["fixed"].as_str() else { continue };
                    let of_module = fixed.contains(".module");
                    let streams =
                        if of_module { streams(document["summary"].as_str().unwrap()) } else { vec![] };
                    let repair =
                        Repair { fixed: fixed.to_owned(), streams, vulnerabilities: vulnerabilities.clone() };
                    let key = (release.clone(), package["name"].as_str().unwrap().to_owned());
                    repairs.entry(key).or_default().push(repair);
                }
            }
        }
    }
    repairs
}

#[test]
fn every_answer_is_that_of_a_plain_reading() {
    let Some(data) = plimsoll_testkit::published_data("osv.tar") else { return };
    let dir = tempfile::tempdir().unwrap();
    for entry in tar::Archive::new(fs::File::open(data).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().starts_with("osv/AlmaLinux") {
            entry.unpack_in(dir.path()).unwrap();
        }
    }
    let now: Timestamp = AS_OF.parse().unwrap();
    let out = dir.path().join("out");
    let report = build(dir.path(), now, &out, now, &Limits::default()).unwrap();
    let [feed] = &report.feeds[..] else { panic!("one feed") };
    assert_eq!(feed.read, feed.kept + feed.skipped.values().map(|tally| tally.count).sum::<u64>());
    let database = Database::open(&out).unwrap();
    let repairs = repairs(&documents(&dir.path().join("osv/AlmaLinux/all.zip")));

    // Every tenth package, at the version of each of its fixes, from its own module and from none.
    let mut asked = 0;
    let mut affected = 0;
    for ((release, name), all) in repairs.iter().step_by(10) {
        for repair in all.iter().take(20) {
            let (epoch, version) = repair.fixed.split_once(':').unwrap_or(("0", &repair.fixed));
            let module =
                repair.streams.first().map(|stream| format!("&rpmmod={}", stream.replace(':', "%3A")));
            let purl = format!(
                "pkg:rpm/almalinux/{name}@{}?distro=almalinux-{release}&epoch={epoch}{}",
                version.replace('+', "%2B").replace('~', "%7E").replace('^', "%5E"),
                module.unwrap_or_default()
            );
            let component = Component::from_purl(purl.parse().unwrap());
            let inventory = Inventory { components: vec![component], ..Inventory::default() };
            let scan = scan(&inventory, &database, &ScanSettings::at(now)).unwrap();
            let found: BTreeSet<&str> = scan.findings.iter().map(|finding| finding.id.as_str()).collect();
            let applies = |other: &&Repair| {
                let same_module = match repair.fixed.contains(".module") {
                    // Nobody knows the stream of a package whose erratum names none.
                    true if repair.streams.is_empty() => other.streams.is_empty(),
                    true => other.streams.is_empty() || other.streams.contains(&repair.streams[0]),
                    false => other.streams.is_empty(),
                };
                same_module && rpm::compare(&repair.fixed, &other.fixed) == Ok(Ordering::Less)
            };
            let expected: BTreeSet<&str> =
                all.iter().filter(applies).flat_map(|it| &it.vulnerabilities).map(String::as_str).collect();
            assert_eq!(found, expected, "{purl}");
            asked += 1;
            affected += usize::from(!found.is_empty());
        }
    }
    let bytes = feed.written.as_ref().unwrap().bytes;
    eprintln!("{asked} versions were asked for, {affected} of them affected; the file has {bytes} bytes");
    assert!(asked > 2_000 && affected > 500, "{asked} {affected}");
}
