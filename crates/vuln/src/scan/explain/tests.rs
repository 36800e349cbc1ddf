//! What is said about a version inside, outside and beside the ranges of an advisory.

use super::*;
use crate::scan::tests::{AS_OF, Advisory, database, debian, inventory};
use crate::severity::{Severity, SeveritySource};
use plimsoll_core::Ecosystem;

fn explained(
    feeds: &[(Ecosystem, &[&str], Vec<Advisory<'_>>)],
    inventory: &Inventory,
    id: &str,
) -> Vec<Explained> {
    let dir = tempfile::tempdir().unwrap();
    let settings = ScanSettings::at(AS_OF.parse().unwrap());
    let ids = BTreeSet::from([id.to_owned()]);
    explain(inventory, &database(dir.path(), feeds), &settings, &ids, &Cancel::never()).unwrap()
}

fn said(because: &[Comparison]) -> Vec<String> {
    because.iter().map(|it| format!("{} {}", it.relation.sign(), it.bound)).collect()
}

#[test]
fn the_range_that_decided_is_told() {
    let mut advisory =
        Advisory::new("A-1", "x", &[(None, End::Before("1.5")), (Some("2.0"), End::Through("2.3"))]);
    advisory.affected.versions = vec!["4.0"];
    advisory.affected.doubtful = vec![Interval { from: Start::At("5.0"), end: End::Open }];
    let feeds = [(Ecosystem::PyPI, &[][..], vec![advisory.aliases(&["CVE-2024-1"])])];
    for (version, expected) in [
        ("1.4", Ok(&["< 1.5"][..])),
        ("2.3", Ok(&[">= 2.0", "<= 2.3"])),
        ("4.0.0", Ok(&["= 4.0"])),
        ("1.5", Err(&[">= 1.5", "< 2.0", "< 5.0"][..])),
        ("4.1", Err(&[">= 1.5", "> 2.3", "< 5.0"])),
    ] {
        let found = explained(&feeds, &inventory(&[&format!("pkg:pypi/x@{version}")]), "CVE-2024-1");
        let [one] = &*found else { panic!("{found:?}") };
        assert_eq!((one.order, &*one.advice.advisory), ("pep440", "A-1"));
        match (&one.outcome, expected) {
            (Outcome::Affected { because }, Ok(words)) | (Outcome::NotAffected { because }, Err(words)) => {
                assert_eq!(said(because), words, "{version}");
            }
            (other, _) => panic!("{version}: {other:?}"),
        }
    }
    let unclear = explained(&feeds, &inventory(&["pkg:pypi/x@5.1"]), "A-1");
    assert!(matches!(&unclear[0].outcome, Outcome::Undecided { because } if said(because) == [">= 5.0"]));
    let invalid = explained(&feeds, &inventory(&["pkg:pypi/x@trunk"]), "A-1");
    assert_eq!(invalid[0].outcome, Outcome::InvalidVersion);
    assert_eq!(explained(&feeds, &inventory(&["pkg:pypi/y@1.0"]), "A-1"), []);
    assert_eq!(explained(&feeds, &inventory(&["pkg:pypi/x@1.0"]), "A-2"), []);
}

#[test]
fn a_binary_is_explained_by_its_source_and_release() {
    let advisory = Advisory::new("CVE-2024-1", "bookworm/openssl", &[(None, End::Before("3.0.14"))])
        .rated(Severity::High, SeveritySource::Vendor);
    let feeds = [(Ecosystem::Debian, &["bookworm"][..], vec![advisory])];
    let purls = ["pkg:deb/debian/libssl3@3.0.11?upstream=openssl"];
    let found = explained(&feeds, &debian(Some("12"), Some("bookworm"), &purls), "CVE-2024-1");
    let [one] = &*found else { panic!("{found:?}") };
    assert_eq!((&*one.package, &*one.version, one.order), ("openssl", "3.0.11", "dpkg"));
    assert_eq!(one.advice.release.as_deref(), Some("bookworm"));
    assert!(matches!(&one.outcome, Outcome::Affected { because } if said(because) == ["< 3.0.14"]));
    let other = explained(&feeds, &debian(Some("11"), Some("bullseye"), &purls), "CVE-2024-1");
    assert_eq!(other, [], "the feed does not cover the release, which is a gap of the scan");
}
