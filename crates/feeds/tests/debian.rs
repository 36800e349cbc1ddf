//! Debian's real lists of notices, with and without the tracker's JSON.

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

use std::collections::BTreeMap;
use std::fs;

use common::Built;
use plimsoll_feeds::{Doubt, Skip};
use plimsoll_vuln::Finding;
use serde_json::{Value, json};

/// A database of the lists, and of this tracker's JSON if there is one.
fn built(tracker: Option<&Value>) -> Option<Built> {
    built_without(tracker, None)
}

fn built_without(tracker: Option<&Value>, missing: Option<&str>) -> Option<Built> {
    let archive = plimsoll_testkit::published_data("feeds/debian-dsa-dla.tar.gz")?;
    Some(Built::new(|from| {
        let unpacked = from.with_file_name("unpacked");
        tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(archive).unwrap()))
            .unpack(&unpacked)
            .unwrap();
        fs::rename(unpacked.join("data"), from.join("debian")).unwrap();
        if let Some(list) = missing {
            fs::remove_file(from.join("debian").join(list)).unwrap();
        }
        if let Some(tracker) = tracker {
            fs::write(from.join("debian/tracker.json"), tracker.to_string()).unwrap();
        }
    }))
}

/// The text of both lists.
fn text(built: &Built) -> String {
    let read = |list: &str| fs::read_to_string(built.from().join("debian").join(list)).unwrap();
    ["DSA/list", "DLA/list"].map(read).concat()
}

fn findings(built: &Built, release: &str, package: &str, version: &str) -> Vec<Finding> {
    let version = version.replace('+', "%2B").replace('~', "%7E").replace(':', "%3A");
    let package = package.replace('+', "%2B");
    built.findings(&format!("pkg:deb/debian/{package}@{version}?distro=debian-{release}&arch=source"))
}

/// By release and package: each CVE with the version of the last notice about it, as the lines say it.
fn fixes(text: &str) -> BTreeMap<(String, String), BTreeMap<String, String>> {
    let mut fixes: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for notice in text.split("\n[").filter(|notice| !notice.is_empty()) {
        let cves: Vec<&str> =
            notice.split(['{', '}', ' ', '\n', '\t']).filter(|word| word.starts_with("CVE-")).collect();
        for line in notice.lines().map(str::trim).filter(|line| line.starts_with('[')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [release, "-", package, version, ..] = words[..] else { continue };
            let release = release.trim_matches(['[', ']']).to_owned();
            for cve in &cves {
                // The newest notices come first.
                let known: &mut BTreeMap<String, String> =
                    fixes.entry((release.clone(), package.to_owned())).or_default();
                known.entry((*cve).to_owned()).or_insert_with(|| version.to_owned());
            }
        }
    }
    fixes
}

#[test]
fn without_the_tracker_every_fix_of_a_notice_is_found_below_its_version() {
    let Some(built) = built(None) else { return };
    let [feed] = &built.report.feeds[..] else { panic!("one feed") };
    eprintln!("{feed}");
    assert_eq!(feed.read, feed.kept + feed.skipped.values().map(|tally| tally.count).sum::<u64>());
    let mut asked = 0;
    for ((release, package), cves) in fixes(&text(&built))
        .iter()
        .filter(|((release, _), _)| ["bullseye", "buster", "stretch"].contains(&release.as_str()))
        .step_by(9)
    {
        let oldest = findings(&built, release, package, "0~0");
        for (cve, version) in cves {
            assert!(oldest.iter().any(|finding| finding.id == *cve), "{release} {package} {cve}");
            let fixed = findings(&built, release, package, version);
            assert!(!fixed.iter().any(|finding| finding.id == *cve), "{release} {package} {version} {cve}");
            asked += 1;
        }
    }
    eprintln!("{asked}");
    assert!(asked > 300, "{asked}");
    // DSA-5376-1
    let finding = findings(&built, "bullseye", "apache2", "2.4.54-1~deb11u1");
    let finding = finding.iter().find(|it| it.id == "CVE-2022-36760").unwrap();
    assert_eq!(finding.fix.nearest(), Some("2.4.56-1~deb11u1"));
    assert_eq!(*finding.urls, ["https://security-tracker.debian.org/tracker/DSA-5376-1"]);
    assert_eq!(finding.published.unwrap().to_string(), "2023-03-20T00:00:00Z");
}

/// A release is in the one list while it is supported, and in the other one afterwards.
#[test]
fn without_the_tracker_one_list_covers_no_release() {
    for missing in ["DSA/list", "DLA/list"] {
        let Some(built) = built_without(None, Some(missing)) else { return };
        let [feed] = &built.report.feeds[..] else { panic!("one feed") };
        assert!(feed.kept > 100 && built.database.feeds()[0].releases.is_empty(), "{feed}");
        assert_eq!(feed.doubts[&Doubt::List].examples, [missing]);
    }
    let Some(both) = built(None) else { return };
    assert!(both.database.feeds()[0].releases.iter().any(|release| release == "bullseye"));
    assert!(!both.report.feeds[0].doubts.contains_key(&Doubt::List));
}

#[test]
fn the_tracker_decides_and_notices_add_names_and_dates() {
    // CVE-2022-36760 as the tracker knows it, but for the version, which only a reader of the tracker can have.
    let tracker = json!({"apache2": {
        "CVE-2022-36760": {"releases": {"bullseye": {"status": "resolved", "fixed_version": "2.4.57-9", "urgency": "low"}}},
        "CVE-2006-20001": {"releases": {"bullseye": {"status": "resolved", "fixed_version": "0", "urgency": "low"}}}}});
    let Some(built) = built(Some(&tracker)) else { return };
    assert!(built.report.feeds[0].skipped[&Skip::Repeated].count >= 2);
    let found = findings(&built, "bullseye", "apache2", "2.4.54-1~deb11u1");
    let finding = found.iter().find(|it| it.id == "CVE-2022-36760").unwrap();
    assert_eq!((finding.fix.nearest(), finding.severity.name()), (Some("2.4.57-9"), "low"));
    let tracker = "https://security-tracker.debian.org/tracker/";
    // The notice for the release before was the first.
    let urls = ["CVE-2022-36760", "DLA-3351-1", "DSA-5376-1"].map(|name| format!("{tracker}{name}"));
    assert_eq!(*finding.urls, urls);
    assert_eq!(finding.published.unwrap().to_string(), "2023-03-03T00:00:00Z");
    assert!(found.iter().all(|it| it.id != "CVE-2006-20001"), "it never had it, although a notice names it");
    // A vulnerability that the tracker does not know yet.
    assert!(found.iter().any(|it| it.id == "CVE-2022-37436"));
    assert_eq!(built.database.feeds()[0].releases, ["bullseye"], "lists cover nothing beside the tracker");
}
