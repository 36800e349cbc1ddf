//! What a user sees of matching: findings, suppressed findings, and gaps.

mod owners;

use super::*;
use crate::Class;
use crate::affected::{Affected, End, FixState, Interval, Start};
use crate::conditions::Conditions;
use crate::database::{Detail, FeedDescription, File, FileList, LIST, Malformed, NewEntry, Writer};
use crate::severity::{Rating, Severity, SeveritySource};
use plimsoll_core::{Digest, Ecosystem, Purl};
use plimsoll_sbom::{
    ComponentIndex, Location, OsRelease, OwnerEvidence, Problem, ProblemCode, Relationship, RelationshipKind,
};

pub(super) const AS_OF: &str = "2026-08-21T00:00:00Z";

/// An advisory about one package.
pub(super) struct Advisory<'a> {
    id: &'a str,
    aliases: &'a [&'a str],
    key: &'a str,
    pub(super) affected: Affected<'a>,
    rating: Rating,
    conditions: Conditions<'a>,
}

impl<'a> Advisory<'a> {
    pub(super) fn new(id: &'a str, key: &'a str, intervals: &[(Option<&'a str>, End<'a>)]) -> Self {
        let intervals = intervals
            .iter()
            .map(|(from, end)| Interval { from: from.map_or(Start::First, Start::At), end: *end })
            .collect();
        let affected =
            Affected { intervals, doubtful: vec![], versions: vec![], fix_state: FixState::NotFixed };
        Self { id, aliases: &[], key, affected, rating: Rating::default(), conditions: Conditions::default() }
    }

    pub(super) fn aliases(self, aliases: &'a [&'a str]) -> Self {
        Self { aliases, ..self }
    }

    pub(super) fn rated(self, severity: Severity, source: SeveritySource) -> Self {
        Self { rating: Rating { severity, source }, ..self }
    }
}

fn install(dir: &std::path::Path, files: &[File]) {
    let mut list = FileList::default();
    for file in files {
        std::fs::write(dir.join(&file.name), &file.bytes).unwrap();
        list.insert(file.content, file.digest);
    }
    std::fs::write(dir.join(LIST), list.encode()).unwrap();
}

pub(super) fn database(dir: &std::path::Path, feeds: &[(Ecosystem, &[&str], Vec<Advisory<'_>>)]) -> Database {
    let mut files = Vec::new();
    for (ecosystem, releases, advisories) in feeds {
        let mut writer = Writer::new(*ecosystem);
        let feed = writer.feed(FeedDescription {
            id: "test".into(),
            publisher: "test".into(),
            as_of: AS_OF.parse().unwrap(),
            published: None,
            releases: releases.iter().map(|r| (*r).to_owned()).collect(),
            source: Digest::sha256(b""),
            licence: None,
            unproven: false,
            malformed: Malformed::default(),
        });
        for advisory in advisories {
            let aliases = advisory.aliases.iter().map(|a| (*a).to_owned()).collect();
            let detail = writer.advisory(feed, &Detail { aliases, ..Detail::default() }).unwrap();
            let mut affected = Vec::new();
            advisory.affected.encode(&mut affected);
            let entry = NewEntry {
                feed,
                id: advisory.id,
                rating: &advisory.rating,
                rated_by: None,
                conditions: advisory.conditions.clone(),
                class: Class::default(),
                detail,
                affected: &affected,
            };
            writer.entry(advisory.key, &entry);
        }
        files.push(writer.finish().unwrap());
    }
    install(dir, &files);
    Database::open(dir).unwrap()
}

fn run(feeds: &[(Ecosystem, &[&str], Vec<Advisory<'_>>)], inventory: &Inventory, now: &str) -> Scan {
    let dir = tempfile::tempdir().unwrap();
    let settings = ScanSettings::at(now.parse().unwrap());
    scan(inventory, &database(dir.path(), feeds), &settings).unwrap()
}

pub(super) fn purl(text: &str) -> Purl {
    text.parse().unwrap()
}

pub(super) fn inventory(purls: &[&str]) -> Inventory {
    let components = purls.iter().map(|p| Component::from_purl(purl(p))).collect();
    Inventory { components, ..Inventory::default() }
}

pub(super) fn debian(version_id: Option<&str>, codename: Option<&str>, purls: &[&str]) -> Inventory {
    let os = OsRelease {
        id: "debian".into(),
        version_id: version_id.map(str::to_owned),
        codename: codename.map(str::to_owned),
        pretty_name: None,
    };
    Inventory { os: Some(os), ..inventory(purls) }
}

fn ids(scan: &Scan) -> Vec<&str> {
    scan.findings.iter().map(|finding| finding.id.as_str()).collect()
}

fn reasons(scan: &Scan) -> Vec<&GapReason> {
    scan.gaps.iter().map(|gap| &gap.reason).collect()
}

const BEFORE_2: &[(Option<&str>, End<'_>)] = &[(None, End::Before("2.0"))];

#[test]
fn python_names_match_in_any_spelling_and_say_what_fixes_them() {
    let feeds = [(Ecosystem::PyPI, &[][..], vec![Advisory::new("PYSEC-1", "flask-babel", BEFORE_2)])];
    let scan = run(&feeds, &inventory(&["pkg:pypi/Flask_Babel@1.0", "pkg:pypi/other@1.0"]), AS_OF);
    assert_eq!(ids(&scan), ["PYSEC-1"]);
    assert_eq!(scan.findings[0].fix, Fix::Fixed(vec!["2.0".into()]));
    assert_eq!(scan.matched_components, 2);
    assert_eq!(scan.gaps, []);
    assert_eq!(scan.database.len(), 1);
}

#[test]
fn development_dependencies_are_set_aside_unless_requested() {
    let feeds = || [(Ecosystem::PyPI, &[][..], vec![Advisory::new("PYSEC-1", "a", BEFORE_2)])];
    let mut declared = inventory(&["pkg:pypi/a@1.0", "pkg:npm/unknown@1.0"]);
    for component in &mut declared.components {
        component.declared = Some("development direct".parse().unwrap());
    }
    let scan = run(&feeds(), &declared, AS_OF);
    assert_eq!(ids(&scan), Vec::<&str>::new());
    let aside: Vec<_> = scan.suppressed.iter().map(|it| (it.finding.id.as_str(), &it.reason)).collect();
    assert_eq!(aside, [("PYSEC-1", &Suppression::ForDevelopment)]);
    assert_eq!(scan.gaps, [], "a package that is not present at run time is not missing");
    let dir = tempfile::tempdir().unwrap();
    let settings = ScanSettings { development: true, ..ScanSettings::at(AS_OF.parse().unwrap()) };
    let scan = super::scan(&declared, &database(dir.path(), &feeds()), &settings).unwrap();
    assert_eq!((ids(&scan), scan.gaps.len()), (vec!["PYSEC-1"], 1));
    for component in &mut declared.components {
        component.declared = Some("runtime".parse().unwrap());
    }
    assert_eq!(ids(&run(&feeds(), &declared, AS_OF)), ["PYSEC-1"]);
}

#[test]
fn advisories_about_one_vulnerability_are_one_finding() {
    let cvss = SeveritySource::Cvss("CVSS:3.1/…".into());
    let advisories = || {
        vec![
            Advisory::new("GHSA-1", "a", BEFORE_2)
                .aliases(&["CVE-2024-1"])
                .rated(Severity::Low, SeveritySource::Vendor),
            Advisory::new("PYSEC-1", "a", &[(None, End::Before("1.5"))])
                .aliases(&["CVE-2024-1"])
                .rated(Severity::Critical, cvss.clone()),
            Advisory::new("PYSEC-2", "a", BEFORE_2).aliases(&["CVE-2024-2"]),
        ]
    };
    let scan = run(&[(Ecosystem::PyPI, &[], advisories())], &inventory(&["pkg:pypi/a@1.0"]), AS_OF);
    assert_eq!(ids(&scan), ["CVE-2024-1", "CVE-2024-2"]);
    let finding = &scan.findings[0];
    assert_eq!(*finding.aliases, ["GHSA-1", "PYSEC-1"]);
    let own = |id: &str| finding.named_by[id].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((own("GHSA-1"), own("PYSEC-1")), (vec!["CVE-2024-1"], vec!["CVE-2024-1"]));
    assert_eq!((finding.severity, &finding.severity_source), (Severity::Low, &SeveritySource::Vendor));
    assert_eq!(finding.advisory, "GHSA-1");
    assert_eq!(finding.fix, Fix::Fixed(vec!["1.5".into(), "2.0".into()]));
    assert_eq!(scan.findings[1].severity, Severity::Unrated);
}

#[test]
fn a_shared_cve_never_joins_different_packages() {
    let advisories = vec![
        Advisory::new("PYSEC-1", "a", BEFORE_2).aliases(&["CVE-2024-1"]),
        Advisory::new("PYSEC-2", "b", BEFORE_2).aliases(&["CVE-2024-1"]),
    ];
    let scan =
        run(&[(Ecosystem::PyPI, &[], advisories)], &inventory(&["pkg:pypi/a@1.0", "pkg:pypi/b@1.0"]), AS_OF);
    assert_eq!(ids(&scan), ["CVE-2024-1", "CVE-2024-1"]);
    assert_eq!(scan.findings[0].advisory, "PYSEC-1");
    assert_eq!(*scan.findings[1].aliases, ["PYSEC-2"]);
}

#[test]
fn cycles_of_aliases_end() {
    let advisories = vec![
        Advisory::new("A-1", "a", BEFORE_2).aliases(&["B-1", "A-1"]),
        Advisory::new("B-1", "a", BEFORE_2).aliases(&["C-1"]),
        Advisory::new("C-1", "a", BEFORE_2).aliases(&["A-1"]),
    ];
    let scan = run(&[(Ecosystem::PyPI, &[], advisories)], &inventory(&["pkg:pypi/a@1.0"]), AS_OF);
    assert_eq!(ids(&scan), ["A-1"]);
    assert_eq!(*scan.findings[0].aliases, ["B-1", "C-1"]);
}

#[test]
fn two_copies_of_a_package_are_two_findings() {
    let feeds = [(Ecosystem::PyPI, &[][..], vec![Advisory::new("PYSEC-1", "a", BEFORE_2)])];
    let scan = run(&feeds, &inventory(&["pkg:pypi/a@1.0", "pkg:pypi/a@1.0"]), AS_OF);
    assert_eq!(scan.findings.len(), 2);
}

#[test]
fn debian_packages_match_by_source_and_release() {
    let advisories = vec![
        Advisory::new("CVE-1", "bookworm/openssl", &[(None, End::Before("3.0.11-1"))]),
        Advisory::new("CVE-2", "trixie/openssl", &[(None, End::Open)]),
        Advisory::new("CVE-3", "bookworm/libssl3", &[(None, End::Open)]),
    ];
    let feeds = [(Ecosystem::Debian, &["bookworm", "trixie"][..], advisories)];
    let purls = ["pkg:deb/debian/libssl3@3.0.10-1%2Bb1?upstream=openssl%403.0.10-1"];
    let scan = run(&feeds, &debian(Some("12"), None, &purls), AS_OF);
    assert_eq!(ids(&scan), ["CVE-1"]);
    assert_eq!(
        (scan.findings[0].package.as_str(), scan.findings[0].version.as_str()),
        ("openssl", "3.0.10-1")
    );
    let scan = run(&feeds, &debian(None, Some("trixie"), &purls), AS_OF);
    assert_eq!(ids(&scan), ["CVE-2"]);
    assert_eq!(scan.findings[0].fix, Fix::NotFixed);
    // In a document without an operating system, the package URL still names it.
    for distro in ["debian-12", "debian-12.5", "debian-bookworm"] {
        let text = format!("{}&distro={distro}", purls[0]);
        assert_eq!(ids(&run(&feeds, &inventory(&[&text]), AS_OF)), ["CVE-1"], "{distro}");
    }
}

#[test]
fn a_document_that_names_no_source_is_a_gap_unless_the_feed_knows_the_name() {
    let advisories = || vec![Advisory::new("CVE-1", "bookworm/openssl", &[(None, End::Open)])];
    let gaps = |purls: &[&str]| {
        let scan = run(
            &[(Ecosystem::Debian, &["bookworm"][..], advisories())],
            &debian(Some("12"), None, purls),
            AS_OF,
        );
        (
            ids(&scan).len(),
            scan.gaps.iter().map(|gap| (gap.components, gap.reason.clone())).collect::<Vec<_>>(),
        )
    };
    let unnamed = "pkg:deb/debian/libssl3@3.0.0-1?distro=debian-12";
    assert_eq!(gaps(&[unnamed]), (0, vec![(1, GapReason::SourceUnknown)]));
    assert_eq!(gaps(&["pkg:deb/debian/libssl3@3.0.0-1?distro=debian-12&upstream=openssl"]), (1, vec![]));
    assert_eq!(gaps(&["pkg:deb/debian/openssl@3.0.0-1?distro=debian-12"]), (1, vec![]));
    // A document that names sources omits those of the same name, as Syft does.
    assert_eq!(
        gaps(&[
            "pkg:deb/debian/hostname@3.23?distro=debian-12",
            "pkg:deb/debian/libssl3@3.0.0-1?upstream=openssl"
        ]),
        (1, vec![])
    );
}

#[test]
fn a_version_of_a_newer_release_has_the_fixes_of_that_release() {
    let advisories = vec![
        Advisory::new("CVE-1", "bookworm/bashlike", &[(None, End::Open)]),
        Advisory::new("CVE-1", "sid/bashlike", &[(None, End::Before("5.2-3"))]),
        Advisory::new("CVE-2", "bookworm/bashlike", &[(None, End::Open)]),
        Advisory::new("CVE-2", "sid/bashlike", &[(None, End::Open)]),
        Advisory::new("CVE-3", "bookworm/bashlike", &[(None, End::Open)]),
        // A backport fixed it in an older release, which says nothing about newer versions.
        Advisory::new("CVE-3", "bullseye/bashlike", &[(None, End::Before("5.1-2"))]),
        Advisory::new("CVE-4", "bookworm/bashlike", &[(None, End::Before("9-1"))]),
        Advisory::new("CVE-4", "sid/bashlike", &[(None, End::Before("5.2-1"))]),
        // Two statements about one vulnerability, and one of them is open.
        Advisory::new("CVE-5", "bookworm/bashlike", &[(None, End::Open)]),
        Advisory::new("CVE-5", "sid/bashlike", &[(None, End::Before("5.2-3"))]),
        Advisory::new("CVE-5", "sid/bashlike", &[(Some("5.1-1"), End::Open)]),
    ];
    let feeds = [(Ecosystem::Debian, &["bookworm", "bullseye", "sid"][..], advisories)];
    let scanned = |version: &str| {
        let purls = [format!("pkg:deb/debian/bashlike@{version}")];
        let scan = run(&feeds, &debian(Some("12"), None, &[&purls[0]]), AS_OF);
        let aside: Vec<String> = scan.suppressed.iter().map(|s| s.finding.id.clone()).collect();
        (ids(&scan).iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), aside.join(" "))
    };
    let all = "CVE-1 CVE-2 CVE-3 CVE-4 CVE-5".to_owned();
    let others = "CVE-2 CVE-3 CVE-4 CVE-5".to_owned();
    assert_eq!(scanned("5.2-2%2Bdeb12u1"), (all, String::new()));
    for version in ["5.2-3", "5.2-3~bpo12%2B1", "5.2-4"] {
        assert_eq!(scanned(version), (others.clone(), "CVE-1".to_owned()), "{version}");
    }
}

#[test]
fn a_component_without_a_feed_is_a_gap_and_not_clean() {
    let debian_feed = (Ecosystem::Debian, &["bookworm"][..], vec![]);
    let gap = |inventory: &Inventory| {
        let scan = run(&[debian_feed_again(&debian_feed)], inventory, AS_OF);
        assert_eq!((scan.findings.len(), scan.matched_components), (0, 0));
        let [gap] = &scan.gaps[..] else { panic!("one gap: {:?}", scan.gaps) };
        (gap.ecosystem.clone(), gap.components, gap.reason.clone())
    };
    let deb = ["pkg:deb/debian/a@1-1", "pkg:deb/debian/b@1-1"];
    let not_covered =
        |release: &str| ("Debian".to_owned(), 2, GapReason::ReleaseNotCovered(release.to_owned()));
    assert_eq!(gap(&debian(Some("11"), None, &deb)), not_covered("bullseye"));
    assert_eq!(gap(&debian(None, Some("forky"), &deb)), not_covered("forky"));
    assert_eq!(gap(&debian(None, None, &deb)), not_covered("unknown"));
    assert_eq!(gap(&inventory(&deb)), not_covered("unknown"));
    // Half of a forged os-release could point to a release in which everything is fixed.
    assert_eq!(gap(&debian(Some("11"), Some("bookworm"), &deb)), not_covered("bookworm (VERSION_ID 11)"));
    for (text, ecosystem) in [
        ("pkg:deb/ubuntu/a@1-1", "Ubuntu"),
        ("pkg:deb/linuxmint/a@1-1", "linuxmint"),
        ("pkg:pypi/a@1", "PyPI"),
        ("pkg:gem/a@1", "RubyGems"),
        ("pkg:luarocks/a@1", "luarocks"),
        ("pkg:apk/alpine/a@1", "Alpine"),
        ("pkg:rpm/fedora/a@1", "fedora"),
    ] {
        assert_eq!(gap(&inventory(&[text])), (ecosystem.to_owned(), 1, GapReason::NoFeed), "{text}");
    }
}

fn debian_feed_again<'a>(
    feed: &(Ecosystem, &'a [&'a str], Vec<Advisory<'a>>),
) -> (Ecosystem, &'a [&'a str], Vec<Advisory<'a>>) {
    (feed.0, feed.1, vec![])
}

#[test]
fn a_feed_that_is_too_old_or_from_the_future_is_a_gap_beside_its_findings() {
    let feeds = [(Ecosystem::PyPI, &[][..], vec![Advisory::new("PYSEC-1", "a", BEFORE_2)])];
    let at = |now| run(&feeds, &inventory(&["pkg:pypi/a@1.0"]), now);
    for fresh in ["2026-08-20T23:55:00Z", AS_OF, "2026-08-22T00:00:00Z"] {
        assert_eq!(at(fresh).gaps, [], "{fresh}");
    }
    for stale in ["2026-08-20T23:54:59Z", "2026-08-22T00:00:01Z", "2030-01-01T00:00:00Z"] {
        let scan = at(stale);
        assert!(matches!(reasons(&scan)[..], [GapReason::Stale { .. }]), "{stale}");
        assert_eq!(scan.findings.len(), 1, "{stale}");
    }
    // No component needs this feed, so its age does not matter.
    assert_eq!(run(&feeds, &inventory(&[]), "2030-01-01T00:00:00Z").gaps, []);
}

#[test]
fn versions_that_cannot_be_compared_match_by_their_text_or_are_gaps() {
    let mut listed = Advisory::new("PYSEC-1", "a", BEFORE_2);
    listed.affected.versions = vec!["trunk"];
    let feeds = [(Ecosystem::PyPI, &[][..], vec![listed])];
    assert_eq!(ids(&run(&feeds, &inventory(&["pkg:pypi/a@trunk"]), AS_OF)), ["PYSEC-1"]);
    for version in ["master", &"9".repeat(100_000)] {
        let mut component = Component::from_purl(purl("pkg:pypi/a@1"));
        component.version = version.to_owned();
        let scan = run(&feeds, &Inventory { components: vec![component], ..Inventory::default() }, AS_OF);
        assert_eq!(scan.findings, []);
        assert!(matches!(reasons(&scan)[..], [GapReason::InvalidVersion { .. }]), "{:?}", scan.gaps.len());
    }
    // The same if versions are only enumerated, as for malicious packages.
    let mut malicious = Advisory::new("MAL-1", "mal", &[]);
    malicious.affected.versions = vec!["1.0.0"];
    let feeds_of_mal = [(Ecosystem::Npm, &[][..], vec![malicious])];
    assert_eq!(ids(&run(&feeds_of_mal, &inventory(&["pkg:npm/mal@1.0.0"]), AS_OF)), ["MAL-1"]);
    let scan = run(&feeds_of_mal, &inventory(&["pkg:npm/mal@%3D1.0.0"]), AS_OF);
    assert!(matches!(reasons(&scan)[..], [GapReason::InvalidVersion { .. }]), "{:?}", scan.gaps);
    // Without an advisory there is nothing to compare with.
    assert_eq!(run(&feeds, &inventory(&["pkg:pypi/b@master"]), AS_OF).gaps, []);
}

#[test]
fn doubtful_data_is_a_gap_with_the_advisories_named() {
    let mut doubtful = Advisory::new("PYSEC-9", "a", &[]);
    doubtful.affected.doubtful = vec![Interval::ALL];
    let feeds = [(Ecosystem::PyPI, &[][..], vec![doubtful, Advisory::new("PYSEC-1", "a", BEFORE_2)])];
    let scan = run(&feeds, &inventory(&["pkg:pypi/a@1.0"]), AS_OF);
    assert_eq!(ids(&scan), ["PYSEC-1"]);
    let expected = GapReason::UndecidedRange {
        package: "a".into(),
        version: "1.0".into(),
        advisories: vec!["PYSEC-9".into()],
    };
    assert_eq!(reasons(&scan), [&expected]);
}

#[test]
fn problems_of_the_inventory_are_gaps() {
    let problem = |code| Problem::new(code, "var/lib/dpkg/status", "line 7");
    let mut inventory = debian(Some("12"), None, &[]);
    inventory.problems = vec![
        problem(ProblemCode::OsInventoryMissing),
        problem(ProblemCode::OsInventoryBroken),
        problem(ProblemCode::UnparsableMetadata),
        problem(ProblemCode::MetadataDisagrees),
    ];
    let scan = run(&[(Ecosystem::PyPI, &[], vec![])], &inventory, AS_OF);
    let mut found: Vec<_> =
        scan.gaps.iter().map(|gap| (gap.ecosystem.as_str(), gap.reason.to_string())).collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("debian", "the package database of the operating system is broken".to_owned()),
            ("debian", "the package database of the operating system is missing".to_owned()),
            (
                "inventory",
                "inventory is incomplete: unparsable-metadata: var/lib/dpkg/status: line 7".to_owned()
            ),
        ]
    );
}

#[test]
fn how_many_components_were_looked_up_is_counted_by_ecosystem() {
    let feeds = [(Ecosystem::Debian, &["bookworm"][..], vec![]), (Ecosystem::PyPI, &[][..], vec![])];
    let purls = ["pkg:deb/debian/a@1", "pkg:deb/debian/b@1", "pkg:npm/c@1", "pkg:pypi/d@1"];
    let scan = run(&feeds, &debian(Some("12"), None, &purls), AS_OF);
    assert_eq!((scan.components, scan.matched_components), (4, 3));
    let looked_up: Vec<_> = scan.looked_up.iter().map(|it| (it.ecosystem.as_str(), it.components)).collect();
    assert_eq!(looked_up, [("Debian", 2), ("PyPI", 1)]);
}

#[test]
fn go_modules_and_the_standard_library_match() {
    let advisories = vec![
        Advisory::new("GO-1", "github.com/gorilla/websocket", &[(None, End::Before("1.4.1"))]),
        Advisory::new(
            "GO-2",
            "stdlib",
            &[(None, End::Before("1.20.6")), (Some("1.21.0-0"), End::Before("1.21.1"))],
        ),
    ];
    let feeds = [(Ecosystem::Go, &[][..], advisories)];
    for (text, expected) in [
        ("pkg:golang/github.com/gorilla/websocket@v1.4.0", &["GO-1"][..]),
        ("pkg:golang/github.com/gorilla/websocket@v1.4.1", &[]),
        ("pkg:golang/github.com/gorilla/websocket@v1.4.1-0.20190306004257-0ec3d1bd7fe5", &["GO-1"]),
        ("pkg:golang/stdlib@1.20.6rc1", &["GO-2"]),
        ("pkg:golang/stdlib@1.21rc2", &["GO-2"]),
        ("pkg:golang/stdlib@1.22rc2", &[]),
        ("pkg:golang/stdlib@%28devel%29", &[]),
        ("pkg:golang/stdlib@v1.21.0", &["GO-2"]),
        ("pkg:golang/stdlib@1.20.6", &[]),
    ] {
        let scan = run(&feeds, &inventory(&[text]), AS_OF);
        assert_eq!(ids(&scan), expected, "{text}");
        assert_eq!(scan.gaps.len(), usize::from(text.contains("devel")), "{text}: {:?}", scan.gaps);
    }
    let mut component = Component::from_purl(purl("pkg:golang/stdlib@1.0"));
    component.version = "go1.21rc2".into();
    let scan = run(&feeds, &Inventory { components: vec![component], ..Inventory::default() }, AS_OF);
    assert_eq!(ids(&scan), ["GO-2"]);
}

#[test]
fn an_advisory_for_other_builds_is_not_a_finding_and_for_unknown_ones_a_gap() {
    let scan_of = |purl: &str| {
        let mut advisory = Advisory::new("CVE-1", "v3.20/openssl", &[(None, End::Before("3.3.1-r3"))]);
        advisory.conditions.architectures = vec!["x86_64"];
        let feeds = [(Ecosystem::Alpine, &["v3.20"][..], vec![advisory])];
        run(&feeds, &inventory(&[purl]), AS_OF)
    };
    let found = scan_of("pkg:apk/alpine/libssl3@3.3.1-r0?arch=x86_64&distro=alpine-3.20.1&upstream=openssl");
    assert_eq!((ids(&found), found.gaps.len()), (vec!["CVE-1"], 0));
    let other = scan_of("pkg:apk/alpine/libssl3@3.3.1-r0?arch=s390x&distro=alpine-3.20.1&upstream=openssl");
    assert_eq!((ids(&other), other.gaps.len()), (vec![], 0));
    let unknown = scan_of("pkg:apk/alpine/libssl3@3.3.1-r0?distro=alpine-3.20.1&upstream=openssl");
    assert_eq!(ids(&unknown), [""; 0]);
    assert!(matches!(reasons(&unknown)[..], [GapReason::UndecidedRange { .. }]));
}

#[test]
fn alpine_packages_match_by_origin_and_release() {
    let advisories = vec![
        Advisory::new("CVE-1", "v3.20/openssl", &[(None, End::Before("3.3.1-r3"))]),
        Advisory::new("CVE-2", "edge/openssl", &[(None, End::Before("3.3.2-r0"))]),
    ];
    let feeds = [(Ecosystem::Alpine, &["v3.20", "edge"][..], advisories)];
    let libssl = |distro: &str| format!("pkg:apk/alpine/libssl3@3.3.1-r0?distro={distro}&upstream=openssl");
    for (distro, expected) in [
        ("alpine-3.20.1", &["CVE-1"][..]),
        ("alpine-3.21_alpha20240807", &["CVE-2"]),
        ("alpine-edge", &["CVE-2"]),
    ] {
        let scan = run(&feeds, &inventory(&[&libssl(distro)]), AS_OF);
        assert_eq!(ids(&scan), expected, "{distro}");
        assert_eq!((scan.findings[0].package.as_str(), scan.gaps.len()), ("openssl", 0));
    }
    let scan = run(&feeds, &inventory(&[&libssl("alpine-3.18.4")]), AS_OF);
    assert_eq!((ids(&scan), reasons(&scan)), (vec![], vec![&GapReason::ReleaseNotCovered("v3.18".into())]));
}

#[test]
fn a_stale_publisher_is_a_gap_beside_a_fresh_one() {
    let feed = |id: &str, as_of: &str, releases: &[&str]| FeedDescription {
        id: id.into(),
        publisher: id.into(),
        as_of: as_of.parse().unwrap(),
        published: None,
        releases: releases.iter().map(|r| (*r).to_owned()).collect(),
        source: Digest::sha256(b""),
        licence: None,
        unproven: false,
        malformed: Malformed::default(),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(Ecosystem::Alpine);
    writer.feed(feed("fresh", AS_OF, &["v3.19", "v3.20"]));
    writer.feed(feed("old", "2026-08-01T00:00:00Z", &["v3.20"]));
    install(dir.path(), &[writer.finish().unwrap()]);
    let database = Database::open(dir.path()).unwrap();
    let settings = ScanSettings::at(AS_OF.parse().unwrap());
    for (release, gaps) in [("3.20", 1), ("3.19", 0)] {
        let text = format!("pkg:apk/alpine/a@1?distro=alpine-{release}.0&upstream=a");
        let scan = scan(&inventory(&[&text]), &database, &settings).unwrap();
        let stale = reasons(&scan).into_iter().filter(|reason| matches!(reason, GapReason::Stale { .. }));
        assert_eq!((stale.count(), scan.gaps.len(), scan.matched_components), (gaps, gaps, 1), "{release}");
    }
}

#[test]
fn epochs_do_not_count_if_a_document_states_none() {
    let advisories = || {
        vec![
            Advisory::new("CVE-1", "9/bind", &[(None, End::Before("32:9.11.5-1"))]),
            Advisory::new("CVE-2", "9/bind", &[(None, End::Before("32:9.16-1"))]),
            Advisory::new("CVE-3", "9/bash", &[(None, End::Before("5.2-1"))]),
        ]
    };
    let feeds = || vec![(Ecosystem::AlmaLinux, &["9"][..], advisories())];
    let bind = "pkg:rpm/almalinux/bind@9.11.9-1?distro=almalinux-9";
    let bash = "pkg:rpm/almalinux/bash@5.1-1?distro=almalinux-9";
    let found = |inventory: &Inventory| {
        let scan = run(&feeds(), inventory, AS_OF);
        let ids = scan.findings.iter().map(|it| (it.id.clone(), it.without_epochs)).collect::<Vec<_>>();
        (ids, scan.compared_without_epochs)
    };
    let told =
        |ids: &[(&str, bool)]| ids.iter().map(|(id, bare)| ((*id).to_owned(), *bare)).collect::<Vec<_>>();
    // No package states an epoch: only vulnerabilities that are unfixed by either reading are found.
    let document = inventory(&[bind, bash]);
    assert_eq!(found(&document), (told(&[("CVE-3", false), ("CVE-2", true)]), 1));
    let upgrade = run(&feeds(), &document, AS_OF).findings[1].fix.clone();
    assert_eq!(upgrade.nearest(), Some("32:9.16-1"), "a fix is shown as its publisher writes it");
    // Another package has one, so this one has epoch 0.
    let named = inventory(&[bind, bash, "pkg:rpm/almalinux/dbus@1.12-1?epoch=1&distro=almalinux-9"]);
    assert_eq!(found(&named), (told(&[("CVE-3", false), ("CVE-1", false), ("CVE-2", false)]), 0));
    let zero = inventory(&["pkg:rpm/almalinux/bind@9.11.9-1?distro=almalinux-9&epoch=0"]);
    assert_eq!(found(&zero), (told(&[("CVE-1", false), ("CVE-2", false)]), 0));
    let stated = inventory(&["pkg:rpm/almalinux/bind@9.11.9-1?distro=almalinux-9&epoch=32"]);
    assert_eq!(found(&stated), (told(&[("CVE-2", false)]), 0));
    // Packages that were read from an image have their epoch.
    let mut read = inventory(&[bind]);
    read.components[0].found_by = Some("rpm");
    assert_eq!(found(&read), (told(&[("CVE-1", false), ("CVE-2", false)]), 0));
}
