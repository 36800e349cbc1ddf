//! Which version helps, and with what.

use super::*;
use crate::affected::End;
use crate::scan::scan;
use crate::scan::tests::{AS_OF, Advisory, database, debian, inventory};
use plimsoll_core::Ecosystem;

fn asked(feeds: &[(Ecosystem, &[&str], Vec<Advisory<'_>>)], inventory: &Inventory) -> Vec<Upgrade> {
    let dir = tempfile::tempdir().unwrap();
    let settings = ScanSettings::at(AS_OF.parse().unwrap());
    let database = database(dir.path(), feeds);
    let scan = scan(inventory, &database, &settings).unwrap();
    upgrades(inventory, &database, &settings, &scan.findings, &Cancel::never()).unwrap()
}

fn told(upgrades: &[Upgrade]) -> Vec<(&str, &str, Vec<&str>, Vec<&str>)> {
    let texts = |list: &'_ Vec<String>| list.iter().map(|it| &*it.clone().leak()).collect();
    upgrades.iter().map(|it| (&*it.package, &*it.to, texts(&it.fixes), texts(&it.leaves))).collect()
}

#[test]
fn one_version_fixes_all_that_have_a_fix() {
    let feeds = [(
        Ecosystem::PyPI,
        &[][..],
        vec![
            Advisory::new("A-1", "x", &[(None, End::Before("1.5"))]),
            Advisory::new("A-2", "x", &[(None, End::Before("1.10"))]),
            Advisory::new("A-3", "x", &[(None, End::Open)]),
            Advisory::new("B-1", "y", &[(None, End::Open)]),
        ],
    )];
    // In any order: an inventory is whatever its caller fills in.
    for purls in [
        ["pkg:pypi/x@1.4", "pkg:pypi/y@1.0", "pkg:pypi/z@1"],
        ["pkg:pypi/z@1", "pkg:pypi/x@1.4", "pkg:pypi/y@1.0"],
    ] {
        let found = asked(&feeds, &inventory(&purls));
        assert_eq!(told(&found), [("x", "1.10", vec!["A-1", "A-2"], vec!["A-3"])]);
    }
}

/// 1.5 fixes the first, 2.1 the second, but 2.1 has the first again.
#[test]
fn a_version_that_is_affected_again_is_not_named() {
    let feeds = [(
        Ecosystem::PyPI,
        &[][..],
        vec![
            Advisory::new("A-1", "x", &[(None, End::Before("1.5")), (Some("2.0"), End::Before("2.3"))]),
            Advisory::new("A-2", "x", &[(None, End::Before("2.1"))]),
            // Not in the installed version.
            Advisory::new("A-3", "x", &[(Some("2.2"), End::Before("2.4"))]),
            Advisory::new("A-4", "x", &[(Some("2.4"), End::Through("2.4"))]),
        ],
    )];
    let found = asked(&feeds, &inventory(&["pkg:pypi/x@1.4"]));
    assert_eq!(told(&found), [("x", "2.4", vec!["A-1", "A-2"], vec!["A-4"])]);
}

#[test]
fn a_version_that_is_not_judged_clearly_leaves_the_doubt() {
    let mut doubtful = Advisory::new("A-2", "x", &[]);
    doubtful.affected.doubtful =
        vec![crate::affected::Interval { from: crate::affected::Start::At("1.5"), end: End::Open }];
    let feeds = [(
        Ecosystem::PyPI,
        &[][..],
        vec![Advisory::new("A-1", "x", &[(None, End::Before("1.5"))]), doubtful],
    )];
    let found = asked(&feeds, &inventory(&["pkg:pypi/x@1.4"]));
    assert_eq!(told(&found), [("x", "1.5", vec!["A-1"], vec!["A-2"])]);
}

/// Without the GHSA the vulnerability has another main identifier at the newer version, and is still the same.
#[test]
fn what_remains_under_another_name_is_not_fixed() {
    let feeds = [(
        Ecosystem::PyPI,
        &[][..],
        vec![
            Advisory::new("GHSA-1", "x", &[(None, End::Before("1.5"))]).aliases(&["CVE-2024-1"]),
            Advisory::new("PYSEC-1", "x", &[(None, End::Open)]).aliases(&["GHSA-1"]),
            Advisory::new("PYSEC-2", "x", &[(None, End::Before("1.5"))]),
        ],
    )];
    let found = asked(&feeds, &inventory(&["pkg:pypi/x@1.4"]));
    assert_eq!(told(&found), [("x", "1.5", vec!["PYSEC-2"], vec!["PYSEC-1"])]);
}

#[test]
fn binaries_of_one_source_are_one_upgrade() {
    let feeds = [(
        Ecosystem::Debian,
        &["bookworm"][..],
        vec![Advisory::new("CVE-2024-1", "bookworm/openssl", &[(None, End::Before("3.0.14"))])],
    )];
    let purls = [
        "pkg:deb/debian/libssl3@3.0.11?upstream=openssl",
        "pkg:deb/debian/openssl@3.0.11",
        "pkg:deb/debian/zlib1g@1?upstream=zlib",
    ];
    let found = asked(&feeds, &debian(Some("12"), Some("bookworm"), &purls));
    assert_eq!(told(&found), [("openssl", "3.0.14", vec!["CVE-2024-1"], vec![])]);
    assert_eq!(found[0].components.len(), 2);
}
