//! Building a database through the public interface: which inputs are found, which are refused, and what remains
//! afterwards.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use plimsoll_core::{Classify as _, Kind, Limits, Timestamp};
use plimsoll_feeds::{BuildReport, Error, build};
use plimsoll_sbom::{Component, Inventory, OsRelease};
use plimsoll_vuln::{Database, Fix, Scan, ScanSettings, Severity, SeveritySource, scan};
use serde_json::{Value, json};

const AS_OF: &str = "2026-08-21T00:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOW: &str = "2026-08-21T00:10:00Z";

fn advisory(id: &str, ecosystem: &str, name: &str, fixed: &str) -> Value {
    json!({
        "id": id, "modified": AS_OF,
        "affected": [{
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": if ecosystem == "PyPI" { "ECOSYSTEM" } else { "SEMVER" },
                        "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }]
    })
}

fn zip(path: &Path, entries: &[(&str, &[u8])]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, content) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap();
}

fn loose(folder: &Path, documents: &[Value]) {
    fs::create_dir_all(folder).unwrap();
    for document in documents {
        fs::write(folder.join(format!("{}.json", document["id"].as_str().unwrap())), document.to_string())
            .unwrap();
    }
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn from(&self) -> PathBuf {
        let from = self.dir.path().join("from");
        fs::create_dir_all(&from).unwrap();
        from
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn build(&self) -> Result<BuildReport, Error> {
        build(&self.from(), time(AS_OF), &self.out(), time(NOW), &Limits::default())
    }

    fn build_within(&self, change: impl FnOnce(&mut Limits)) -> String {
        let mut limits = Limits::default();
        change(&mut limits);
        build(&self.from(), time(AS_OF), &self.out(), time(NOW), &limits).unwrap_err().to_string()
    }

    fn scan(&self, os: Option<OsRelease>, purls: &[&str]) -> Scan {
        let components = purls.iter().map(|p| Component::from_purl(p.parse().unwrap())).collect();
        let inventory = Inventory { os, components, ..Inventory::default() };
        let database = Database::open(&self.out()).unwrap();
        database.verify().unwrap();
        scan(&inventory, &database, &ScanSettings::at(time(AS_OF))).unwrap()
    }

    /// The subjects of the database's files. Besides them there are only the list and the lock.
    fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.out()) else { return Vec::new() };
        let (mut files, mut others) = (Vec::new(), Vec::new());
        for name in entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            match name.strip_suffix(".plimsolldb").map(|name| name.split_once('-').unwrap()) {
                Some((stem, _)) => files.push(stem.to_owned()),
                None => others.push(name),
            }
        }
        files.sort();
        others.sort();
        assert_eq!(others, ["database.json", "lock"]);
        files
    }

    /// The bytes of the file with the advisories about PyPI, and of the list.
    fn bytes(&self) -> [Vec<u8>; 2] {
        let names = fs::read_dir(self.out()).unwrap().map(|entry| entry.unwrap().path());
        let pypi = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("pypi-");
        let [file] = &names.filter(pypi).collect::<Vec<_>>()[..] else { panic!("one file") };
        [fs::read(file).unwrap(), fs::read(self.out().join("database.json")).unwrap()]
    }
}

#[test]
fn every_layout_is_found() {
    let place = Place::new();
    let from = place.from();
    zip(
        &from.join("PyPI/all.zip"),
        &[("a.json", advisory("PYSEC-1", "PyPI", "a", "2").to_string().as_bytes())],
    );
    loose(&from.join("osv/Go"), &[advisory("GO-1", "Go", "example.org/b", "2.0.0")]);
    zip(
        &from.join("osv/npm/all.zip"),
        &[("x/c.json", advisory("GHSA-1", "npm", "@s/c", "2.0.0").to_string().as_bytes())],
    );
    loose(&from.join("AlmaLinux"), &[advisory("ALSA-1", "AlmaLinux:9", "d", "2")]);
    fs::create_dir_all(from.join("notes")).unwrap();
    let tracker = json!({"e": {"CVE-1": {"releases": {"bookworm": {"status": "open"}}}}});
    fs::write(from.join("debian.json"), tracker.to_string()).unwrap();

    let report = place.build().unwrap();
    let feeds: Vec<_> =
        report.feeds.iter().map(|f| (f.ecosystem.as_str(), f.kept, f.written.is_some())).collect();
    assert_eq!(
        feeds,
        [("AlmaLinux", 1, true), ("Debian", 1, true), ("Go", 1, true), ("PyPI", 1, true), ("npm", 1, true)]
    );
    assert_eq!(place.files(), ["almalinux", "debian", "go", "npm", "pypi"]);
    let scan = place.scan(
        None,
        &[
            "pkg:pypi/a@1",
            "pkg:golang/example.org/b@v1.0.0",
            "pkg:npm/%40s/c@1.0.0",
            "pkg:deb/debian/e@1?distro=debian-12",
            "pkg:rpm/almalinux/d@1-1.el9?distro=almalinux-9.4",
        ],
    );
    let ids: Vec<_> = scan.findings.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["CVE-1", "GO-1", "GHSA-1", "PYSEC-1", "ALSA-1"]);
}

#[test]
fn more_releases_than_a_feed_can_have_are_refused() {
    let place = Place::new();
    let open = json!({"status": "open"});
    let tracker = json!({"e": {"CVE-1": {"releases": {"bookworm": open, "trixie": open}}}});
    fs::create_dir_all(place.from()).unwrap();
    fs::write(place.from().join("debian.json"), tracker.to_string()).unwrap();
    let build = |releases| {
        let mut limits = Limits::default();
        limits.releases = releases;
        build(&place.from(), time(AS_OF), &place.out(), time(NOW), &limits)
    };
    assert!(build(1).unwrap_err().to_string().contains("--limit releases="));
    assert!(place.files().is_empty());
    build(2).unwrap();
}

#[test]
fn a_feed_that_occurs_twice_is_refused() {
    for second in ["osv/PyPI", "PyPI"] {
        let place = Place::new();
        loose(&place.from().join("PyPI"), &[advisory("PYSEC-1", "PyPI", "a", "2")]);
        zip(&place.from().join(second).join("all.zip"), &[]);
        let error = place.build().unwrap_err();
        assert!(matches!(error, Error::Ambiguous { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(place.files().is_empty());
    }
}

#[test]
fn an_empty_folder_is_an_error_with_the_expected_layout() {
    let error = Place::new().build().unwrap_err();
    assert_eq!(error.kind().exit_code(), 4, "{error}");
    assert!(error.hint().unwrap().contains("PyPI/all.zip"));
    // A feed that only rates others is not enough: the result would be an empty database.
    let place = Place::new();
    loose(&place.from().join("CPAN"), &[advisory("CPANSA-1", "CPAN", "a", "2.0.0")]);
    assert!(matches!(place.build(), Err(Error::NoFeeds { .. })));
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    let bytes = |order: &[&str]| {
        let place = Place::new();
        for id in order {
            loose(&place.from().join("PyPI"), &[advisory(id, "PyPI", "a", "2")]);
        }
        place.build().unwrap();
        place.bytes()
    };
    assert_eq!(bytes(&["PYSEC-1", "PYSEC-2", "PYSEC-3"]), bytes(&["PYSEC-3", "PYSEC-1", "PYSEC-2"]));
    assert_ne!(bytes(&["PYSEC-1"]), bytes(&["PYSEC-2"]));
}

#[test]
fn a_new_build_replaces_what_it_covers_and_removes_unlisted_files() {
    let place = Place::new();
    loose(&place.from().join("PyPI"), &[advisory("PYSEC-1", "PyPI", "a", "2")]);
    loose(&place.from().join("Go"), &[advisory("GO-1", "Go", "example.org/b", "2.0.0")]);
    place.build().unwrap();
    let before = place.bytes();
    // Files that a killed process or an older version left.
    for left in ["pypi.plimsolldb", "npm-00.plimsolldb"] {
        fs::write(place.out().join(left), "left").unwrap();
    }
    fs::remove_dir_all(place.from().join("Go")).unwrap();
    loose(&place.from().join("PyPI"), &[advisory("PYSEC-2", "PyPI", "a", "2")]);
    place.build().unwrap();
    assert_eq!(place.files(), ["go", "pypi"]);
    assert_ne!(place.bytes(), before);
    let scan = place.scan(None, &["pkg:pypi/a@1", "pkg:golang/example.org/b@v1.0.0"]);
    assert_eq!(scan.findings.len(), 3);
    // This version may not replace a database of another version.
    let list = fs::read(place.out().join("database.json")).unwrap();
    let newer = r#"{"schemaVersion":2,"parts":[]}"#;
    fs::write(place.out().join("database.json"), newer).unwrap();
    assert!(place.build().unwrap_err().to_string().contains("has database format 2"));
    assert_eq!(fs::read_to_string(place.out().join("database.json")).unwrap(), newer);
    fs::write(place.out().join("database.json"), list).unwrap();
    assert_eq!(place.files(), ["go", "pypi"]);
    // An unreadable database is rebuilt.
    fs::write(place.out().join("database.json"), "{").unwrap();
    place.build().unwrap();
    assert_eq!(place.files(), ["pypi"]);
}

#[test]
fn concurrent_builds_do_not_lose_files_of_each_other() {
    let place = Place::new();
    let ecosystems = ["PyPI", "npm", "Go", "crates.io", "RubyGems", "NuGet"];
    std::thread::scope(|scope| {
        for (number, ecosystem) in ecosystems.into_iter().enumerate() {
            let (from, out) = (place.from().join(format!("of-{number}")), place.out());
            scope.spawn(move || {
                for round in 1..10 {
                    loose(&from.join(ecosystem), &[advisory(&format!("A-{round}"), ecosystem, "a", "2.0.0")]);
                    build(&from, time(AS_OF), &out, time(NOW), &Limits::default()).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..500 {
                if let Err(error) = Database::open(&place.out()) {
                    assert_eq!(error.kind(), Kind::NotFound, "{error}");
                }
            }
        });
    });
    assert_eq!(place.files(), ["crates.io", "go", "npm", "nuget", "pypi", "rubygems"]);
}

#[test]
fn broken_input_names_its_place_and_leaves_the_old_database() {
    let place = Place::new();
    let good = advisory("PYSEC-1", "PyPI", "a", "2").to_string();
    let path = place.from().join("PyPI/all.zip");
    zip(&path, &[("PYSEC-1.json", good.as_bytes())]);
    place.build().unwrap();
    let before = place.bytes();

    for broken in [&b"{\"id\": \"PYSEC-2\""[..], b"", b"[]", b"\xff\xfe", br#"{"id": "PYSEC-2"}"#] {
        zip(&path, &[("PYSEC-1.json", good.as_bytes()), ("sub/PYSEC-2.json", broken)]);
        let error = place.build().unwrap_err();
        assert_eq!(error.kind(), Kind::Failed);
        let error = error.to_string();
        assert!(error.contains("PyPI/all.zip, entry `sub/PYSEC-2.json`: "), "{error}");
        assert_eq!(place.files(), ["pypi"]);
        assert_eq!(place.bytes(), before);
    }

    let mut cut = fs::read(&path).unwrap();
    cut.truncate(cut.len() - 30);
    fs::write(&path, cut).unwrap();
    let error = place.build().unwrap_err().to_string();
    assert!(error.contains("PyPI/all.zip: invalid zip"), "{error}");
    assert_eq!(place.bytes(), before);
}

#[test]
fn one_broken_feed_keeps_all_databases_as_they_were() {
    let place = Place::new();
    loose(&place.from().join("Go"), &[advisory("GO-1", "Go", "a", "2.0.0")]);
    fs::write(place.from().join("debian.json"), "{\"a\": ").unwrap();
    assert!(place.build().unwrap_err().to_string().contains("debian.json: invalid JSON"));
    assert!(place.files().is_empty());
}

#[test]
fn archives_are_bounded_by_their_inflated_size() {
    let place = Place::new();
    let document = advisory("PYSEC-1", "PyPI", "a", "2");
    let mut long = document.clone();
    long["details"] = "A".repeat(3 << 20).into();
    zip(
        &place.from().join("PyPI/all.zip"),
        &[("a.json", long.to_string().as_bytes()), ("b.json", document.to_string().as_bytes())],
    );
    assert!(
        place
            .build_within(|limits| limits.advisory_bytes = 1 << 20)
            .contains("entry a.json exceeds the limit advisory_bytes")
    );
    assert!(place.build_within(|_| ()).contains("entry a.json exceeds the limit ratio = 200"));
    assert!(
        place
            .build_within(|limits| (limits.ratio, limits.feed_bytes) = (2000, 1 << 20))
            .contains("feed_bytes")
    );
    assert!(place.build_within(|limits| limits.advisories = 1).contains("advisories = 1"));
    let place = Place::new();
    loose(&place.from().join("PyPI"), std::slice::from_ref(&document));
    assert!(
        place.build_within(|limits| limits.advisory_bytes = 10).contains("PYSEC-1.json exceeds the limit")
    );
}

#[test]
fn names_in_archives_are_never_paths_and_never_hide_each_other() {
    let place = Place::new();
    let path = place.from().join("PyPI/all.zip");
    let one = advisory("PYSEC-1", "PyPI", "a", "2").to_string();
    let two = advisory("PYSEC-2", "PyPI", "a", "2").to_string();
    zip(&path, &[("../../../../evil.json", one.as_bytes()), ("README", b"hello"), ("d/", b"")]);
    let report = place.build().unwrap();
    assert_eq!((report.feeds[0].read, report.feeds[0].kept), (3, 1));
    assert!(!place.dir.path().join("evil.json").exists());
    let names: Vec<_> = fs::read_dir(place.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2);

    // Two entries with one name: readers differ in which one they see.
    zip(&path, &[("a1.json", one.as_bytes()), ("a2.json", two.as_bytes())]);
    let mut bytes = fs::read(&path).unwrap();
    while let Some(at) = bytes.windows(7).position(|w| w == b"a2.json") {
        bytes[at + 1] = b'1';
    }
    fs::write(&path, bytes).unwrap();
    let error = place.build().unwrap_err().to_string();
    assert!(error.contains("archive of 1 entries, expected 2"), "{error}");
}

#[test]
fn data_from_the_future_is_refused() {
    let place = Place::new();
    loose(&place.from().join("PyPI"), &[advisory("PYSEC-1", "PyPI", "a", "2")]);
    let at = |as_of: &str| build(&place.from(), time(as_of), &place.out(), time(NOW), &Limits::default());
    assert!(at("2026-08-21T00:15:00Z").is_ok());
    let error = at("2026-08-21T00:15:01Z").unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    loose(&place.from().join("PyPI"), &[advisory("PYSEC-1", "PyPI", "a", "2")]);
    fs::write(place.out(), "a file").unwrap();
    assert!(matches!(place.build(), Err(Error::Write(_))));
}

#[test]
fn unrated_advisories_are_rated_by_others_about_the_same_vulnerability() {
    let place = Place::new();
    let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    let mut rated = advisory("PYSEC-1", "PyPI", "a", "2");
    rated["aliases"] = json!(["CVE-1"]);
    rated["severity"] = json!([{"type": "CVSS_V3", "score": vector}]);
    let mut unrated = advisory("GO-1", "Go", "example.org/a", "2.0.0");
    unrated["aliases"] = json!(["CVE-1"]);
    loose(&place.from().join("PyPI"), &[rated]);
    loose(&place.from().join("Go"), &[unrated, advisory("GO-2", "Go", "example.org/a", "2.0.0")]);
    let state = json!({"releases": {"bookworm": {"status": "open", "urgency": "not yet assigned"}}});
    let low = json!({"releases": {"bookworm": {"status": "open", "urgency": "low"}}});
    fs::write(
        place.from().join("debian.json"),
        json!({"a": {"CVE-1": state}, "b": {"CVE-1": low}}).to_string(),
    )
    .unwrap();
    place.build().unwrap();
    let distro = "distro=debian-12";
    let scan = place.scan(
        None,
        &[
            &format!("pkg:deb/debian/a@1?{distro}"),
            &format!("pkg:deb/debian/b@1?{distro}"),
            "pkg:golang/example.org/a@v1.0.0",
            "pkg:pypi/a@1",
        ],
    );
    let ratings: Vec<_> =
        scan.findings.iter().map(|f| (f.advisory.as_str(), f.severity, &f.severity_source)).collect();
    let alias = SeveritySource::Alias("PYSEC-1".into());
    assert_eq!(
        ratings,
        [
            ("CVE-1", Severity::Critical, &alias),
            ("CVE-1", Severity::Low, &SeveritySource::Vendor),
            ("GO-1", Severity::Critical, &alias),
            ("GO-2", Severity::Unrated, &SeveritySource::None),
            ("PYSEC-1", Severity::Critical, &SeveritySource::Cvss(vector.into())),
        ]
    );
}

#[test]
fn debian_states_reach_the_findings() {
    let place = Place::new();
    fs::create_dir_all(place.from().join("debian")).unwrap();
    let tracker = json!({"openssl": {
        "CVE-1": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.11-1~deb12u2"}}},
        "CVE-2": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "0"}}},
        "CVE-3": {"releases": {"bookworm": {"status": "open", "nodsa": "Minor issue", "nodsa_reason": ""}}},
        "CVE-4": {"releases": {"bookworm": {"status": "open", "nodsa_reason": "ignored"}, "sid": {"status": "open"}}},
        "CVE-5": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.9-1"}}},
    }});
    fs::write(place.from().join("debian/tracker.json"), tracker.to_string()).unwrap();
    let report = place.build().unwrap();
    assert_eq!((report.feeds[0].read, report.feeds[0].kept), (6, 5));
    let os = OsRelease {
        id: "debian".into(),
        version_id: Some("12".into()),
        codename: Some("bookworm".into()),
        pretty_name: None,
    };
    let scan = place.scan(Some(os), &["pkg:deb/debian/libssl3@3.0.11-1~deb12u1?upstream=openssl"]);
    let found: Vec<_> = scan.findings.iter().map(|f| (f.id.as_str(), f.fix.clone())).collect();
    let fixed = Fix::Fixed(vec!["3.0.11-1~deb12u2".into()]);
    assert_eq!(found, [("CVE-1", fixed), ("CVE-3", Fix::NotFixed), ("CVE-4", Fix::WontFix)]);
}

/// The repositories of a release in Alpine's security database; all packages are in the first.
fn secdb(place: &Place, release: &str, packages: &[(&str, Value)]) {
    let folder = place.from().join("alpine").join(release);
    fs::create_dir_all(&folder).unwrap();
    let packages: Vec<_> =
        packages.iter().map(|(name, fixes)| json!({"pkg": {"name": name, "secfixes": fixes}})).collect();
    for (name, packages) in [("main", packages), ("community", Vec::new())] {
        let repository = json!({"distroversion": release, "reponame": name, "packages": packages});
        fs::write(folder.join(format!("{name}.json")), repository.to_string()).unwrap();
    }
}

#[test]
fn alpine_statements_reach_the_findings_by_origin_and_release() {
    let place = Place::new();
    let openssl = json!({"3.3.1-r1": ["CVE-2024-5535 GHSA-4fc7-mvrr-wv2c"], "3.3.0-r2": ["CVE-2024-4603"], "0": ["CVE-2023-0466"]});
    secdb(&place, "v3.20", &[("openssl", openssl)]);
    secdb(&place, "edge", &[("openssl", json!({"3.3.2-r0": ["CVE-2024-6119"]}))]);
    let report = place.build().unwrap();
    assert_eq!((report.feeds[0].read, report.feeds[0].kept), (4, 3));
    assert_eq!(place.files(), ["alpine"]);
    let libssl = |distro: &str| {
        format!("pkg:apk/alpine/libssl3@3.3.1-r0?arch=x86_64&distro=alpine-{distro}&upstream=openssl")
    };
    let scan = place.scan(None, &[&libssl("3.20.1")]);
    let [finding] = &scan.findings[..] else { panic!("one finding") };
    assert_eq!((finding.id.as_str(), finding.package.as_str()), ("CVE-2024-5535", "openssl"));
    assert_eq!(*finding.aliases, ["GHSA-4fc7-mvrr-wv2c"]);
    assert_eq!(finding.fix, Fix::Fixed(vec!["3.3.1-r1".into()]));
    assert_eq!(finding.severity, Severity::Unrated);
    assert_eq!(scan.gaps, []);
    let edge = place.scan(None, &[&libssl("3.21_alpha20240807")]);
    assert_eq!(edge.findings[0].id, "CVE-2024-6119");
    // The operating system names the release if a package URL does not.
    let os = OsRelease {
        id: "alpine".into(),
        version_id: Some("3.20.1".into()),
        codename: None,
        pretty_name: None,
    };
    let by_os = place.scan(Some(os), &["pkg:apk/alpine/libssl3@3.3.1-r0?upstream=openssl"]);
    assert_eq!(by_os.findings[0].id, "CVE-2024-5535");
    let older = place.scan(None, &[&libssl("3.18.4")]);
    assert_eq!((older.findings.len(), older.matched_components), (0, 0));
    assert_eq!(older.gaps[0].reason.to_string(), "release v3.18 is not in the feed");
}

#[test]
fn several_publishers_about_one_ecosystem_are_one_finding_and_two_feeds() {
    let place = Place::new();
    secdb(&place, "v3.20", &[("openssl", json!({"3.3.1-r1": ["CVE-2024-5535"]}))]);
    let mut osv = advisory("ALPINE-CVE-2024-5535", "Alpine:v3.20", "openssl", "3.3.1-r1");
    osv["upstream"] = json!(["CVE-2024-5535"]);
    osv["severity"] = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H"}]);
    osv["affected"][0]["ranges"][0]["type"] = "ECOSYSTEM".into();
    let mut only_osv = advisory("ALPINE-CVE-2024-1", "Alpine:v3.19", "openssl", "3.3.1-r1");
    only_osv["affected"][0]["ranges"][0]["type"] = "ECOSYSTEM".into();
    let unknown = advisory("ALPINE-CVE-2024-2", "Alpine:next", "openssl", "3.3.1-r1");
    loose(&place.from().join("osv/Alpine"), &[osv, only_osv, unknown]);
    let report = place.build().unwrap();
    let feeds: Vec<_> =
        report.feeds.iter().map(|f| (f.ecosystem.as_str(), f.publisher.as_str(), f.kept)).collect();
    assert_eq!(feeds, [("Alpine", "Alpine security database", 1), ("Alpine", "OSV", 2)]);
    assert!(report.feeds[1].to_string().contains("unclear 1: also names unknown releases"));
    assert_eq!(place.files(), ["alpine"]);

    let status = Database::open(&place.out()).unwrap().status();
    assert_eq!(status.iter().map(|feed| feed.unproven).collect::<Vec<_>>(), [false, true]);
    let shown: Vec<_> = status
        .iter()
        .map(|feed| (feed.publisher.as_str(), feed.advisories, feed.releases.join(" ")))
        .collect();
    let text = |text: &str| text.to_owned();
    assert_eq!(shown, [("Alpine security database", 1, text("v3.20")), ("OSV", 2, text("v3.19 v3.20"))]);

    let purl = |release: &str| format!("pkg:apk/alpine/openssl@3.3.0-r0?distro=alpine-{release}");
    let scan = place.scan(None, &[&purl("3.20.3")]);
    let [finding] = &scan.findings[..] else { panic!("one finding: {:?}", scan.findings) };
    assert_eq!(
        (finding.id.as_str(), &finding.aliases[..]),
        ("CVE-2024-5535", &[text("ALPINE-CVE-2024-5535")][..])
    );
    assert_eq!((finding.severity, finding.advisory.as_str()), (Severity::Critical, "ALPINE-CVE-2024-5535"));
    // A release that one of them names is covered.
    let scan = place.scan(None, &[&purl("3.19.0")]);
    assert_eq!((scan.findings.len(), scan.gaps.len()), (1, 0));
}

#[test]
fn malicious_packages_and_informational_advisories_have_their_own_classes() {
    let place = Place::new();
    let document = |id: &str, ecosystem: &str, change: Value| {
        let mut document = advisory(id, ecosystem, "a", "2.0.0");
        for (name, value) in change.as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    };
    let informational = |id: &str, word: &str, change: Value| {
        let mut document = document(id, "crates.io", change);
        document["affected"][0]["database_specific"] = json!({"informational": word});
        document
    };
    let rated =
        json!({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]});
    loose(
        &place.from().join("crates.io"),
        &[
            informational("RUSTSEC-1", "unmaintained", json!({})),
            informational("RUSTSEC-2", "unsound", json!({"aliases": ["GHSA-1"]})),
            informational("RUSTSEC-3", "notice", json!({})),
            // Somebody considers these vulnerabilities anyway.
            informational("RUSTSEC-4", "unsound", json!({"aliases": ["CVE-2026-0004"]})),
            informational("RUSTSEC-5", "unsound", rated),
            informational("RUSTSEC-6", "unheard-of", json!({})),
            informational("RUSTSEC-7", "unsound", json!({"aliases": ["GHSA-7"]})),
            document("GHSA-7", "crates.io", json!({})),
        ],
    );
    loose(
        &place.from().join("PyPI"),
        &[
            document("MAL-2026-1", "PyPI", json!({})),
            document("PYSEC-1", "PyPI", json!({"aliases": ["MAL-2026-1"]})),
        ],
    );
    place.build().unwrap();
    let scan = place.scan(None, &["pkg:cargo/a@1.0.0", "pkg:pypi/a@1.0.0"]);
    let told = |findings: &[plimsoll_vuln::Finding]| {
        findings.iter().map(|it| format!("{} {}", it.id, it.class)).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&scan.informational),
        ["RUSTSEC-1 unmaintained", "RUSTSEC-2 unsound", "RUSTSEC-3 notice"]
    );
    let findings = [
        "CVE-2026-0004 vulnerability",
        "GHSA-7 vulnerability",
        "RUSTSEC-5 vulnerability",
        "RUSTSEC-6 vulnerability",
        "MAL-2026-1 malicious",
    ];
    assert_eq!(told(&scan.findings), findings);
    assert!(scan.findings[4].risk() > scan.findings[2].risk(), "unrated, but published to do harm");
    let fails =
        |threshold: &str| threshold.parse::<plimsoll_vuln::Threshold>().unwrap().is_met_by(&scan.findings[4]);
    assert!(fails("critical") && !fails("kev"));
    let shown = serde_json::to_value(&scan.informational[0]).unwrap();
    assert_eq!(shown["class"], json!({"kind": "informational", "topic": "unmaintained"}));
}

#[test]
fn a_file_of_another_version_that_is_not_made_again_is_removed_and_told() {
    let place = Place::new();
    loose(&place.from().join("Go"), &[advisory("GO-1", "Go", "example.org/b", "2.0.0")]);
    loose(&place.from().join("PyPI"), &[advisory("PYSEC-1", "PyPI", "a", "2")]);
    place.build().unwrap();
    let files = fs::read_dir(place.out()).unwrap().map(|entry| entry.unwrap().path());
    let go = files.into_iter().find(|path| path.to_str().unwrap().contains("/go-")).unwrap();
    let mut bytes = fs::read(&go).unwrap();
    bytes[8] = 5;
    fs::write(&go, bytes).unwrap();
    assert!(Database::open(&place.out()).is_err());
    fs::remove_dir_all(place.from().join("Go")).unwrap();
    let report = place.build().unwrap();
    let [told] = &report.removed[..] else { panic!("{:?}", report.removed) };
    assert!(told.contains("/go-") && told.contains("database format 5"), "{told}");
    assert_eq!(place.files(), ["pypi"]);
    // What it covered is a gap now, and the rest is read.
    let scan = place.scan(None, &["pkg:golang/example.org/b@v1.0.0", "pkg:pypi/a@1"]);
    assert_eq!((scan.findings.len(), scan.gaps.len()), (1, 1), "{:?}", scan.gaps);
    assert!(place.build().unwrap().removed.is_empty());
}
