//! Publishers whose files are named by indexes: only what changed is received, what is received is what was announced, and an index
//! cannot name what is not the publisher's.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::{Cancel, Classify as _, Digest, Kind, Limits};
use plimsoll_feeds::update::{self, Updated};
use plimsoll_feeds::{Error, Mirror, Wanted};
use plimsoll_http::Client;
use plimsoll_sbom::{Component, Inventory};
use plimsoll_testkit::publisher::{Fault, Publisher};
use plimsoll_vuln::{Database, Scan, ScanSettings, scan};
use tempfile::TempDir;

const NOW: &str = "2026-11-20T06:00:00Z";

struct Place {
    dir: TempDir,
    server: Publisher,
    limits: Limits,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), server: Publisher::start(), limits: Limits::default() }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("feeds")
    }

    fn update(&self, wanted: &str, now: &str) -> Result<Updated, Error> {
        let mirrors: Vec<Mirror> = ["amazon", "photon", "nvd", "redhat", "ghsa", "oracle"]
            .map(|publisher| format!("{publisher}={}/{publisher}", self.server.url()).parse().unwrap())
            .to_vec();
        let settings = plimsoll_http::Settings { retries: 2, ..plimsoll_http::Settings::default() };
        let settings = update::Settings {
            folder: &self.folder(),
            wanted: &[wanted.parse::<Wanted>().unwrap()],
            mirrors: &mirrors,
            client: &Client::new(settings).unwrap(),
            limits: &self.limits,
            now: now.parse().unwrap(),
            cancel: &Cancel::never(),
            listener: Arc::new(|_| {}),
        };
        update::update(&settings, &self.dir.path().join("db"))
    }

    /// What was asked for since, by its path without the publisher.
    fn asked(&self) -> Vec<String> {
        let mut asked: Vec<String> = self
            .server
            .asked()
            .into_iter()
            .map(|asked| asked.path.splitn(3, '/').nth(2).unwrap_or_default().to_owned())
            .collect();
        asked.sort();
        asked
    }

    fn scan(&self, purl: &str) -> Scan {
        let inventory = Inventory {
            components: vec![Component::from_purl(purl.parse().unwrap())],
            ..Inventory::default()
        };
        let database = Database::open(&self.dir.path().join("db")).unwrap();
        scan(&inventory, &database, &ScanSettings::at(NOW.parse().unwrap())).unwrap()
    }

    fn ids(&self, purl: &str) -> Vec<String> {
        let scan = self.scan(purl);
        assert!(scan.gaps.is_empty(), "{:?}", scan.gaps);
        scan.findings.into_iter().map(|finding| finding.id).collect()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    compressed.write_all(bytes).unwrap();
    compressed.finish().unwrap()
}

/// Publishes a repository of Amazon's as it is now.
fn repository(server: &Publisher, list: &str, place: &str, fix: &str) {
    let updates = format!(
        "<updates><update type='security'><id>ALAS-1</id><severity>low</severity><references>\
         <reference type='cve' id='CVE-2026-1'/></references><pkglist><collection>\
         <package name='a' epoch='0' version='{fix}' release='1.amzn'/></collection></pkglist></update></updates>"
    );
    let stored = gzip(updates.as_bytes());
    let announced = Digest::sha256(&stored).hex();
    server.put(
        &format!("/amazon/{list}/mirror.list"),
        format!("https://cdn.amazonlinux.com/{place}/\n").as_bytes(),
    );
    server.put(
        &format!("/amazon/{place}/repodata/repomd.xml"),
        format!(
            "<repomd><data type='updateinfo'><checksum type='sha256'>{announced}</checksum>\
             <location href='repodata/0-updateinfo.xml.gz'/></data></repomd>"
        )
        .as_bytes(),
    );
    server.put(&format!("/amazon/{place}/repodata/0-updateinfo.xml.gz"), &stored);
}

const YEAR: &str = "al2023/core/mirrors/latest/x86_64";
const PURL: &str = "pkg:rpm/amazon/a@1-1.amzn2023?distro=amzn-2023";

#[test]
fn amazons_repositories_are_followed_from_the_list_of_mirrors_to_the_advisories() {
    let place = Place::new();
    repository(&place.server, YEAR, "al2023/core/guids/46ff/x86_64", "2");
    place.update("Amazon Linux:2023", NOW).unwrap();
    assert_eq!(place.ids(PURL), ["CVE-2026-1"]);
    let all = [
        "al2023/core/guids/46ff/x86_64/repodata/0-updateinfo.xml.gz",
        "al2023/core/guids/46ff/x86_64/repodata/repomd.xml",
        "al2023/core/mirrors/latest/x86_64/mirror.list",
    ];
    assert_eq!(place.asked(), all);
    // Unchanged: the advisories themselves are not asked for.
    let again = place.update("Amazon Linux:2023", NOW).unwrap();
    assert!(again.files.iter().all(|file| file.received.is_none()), "{again:?}");
    assert_eq!(place.asked(), all[1..]);
    repository(&place.server, YEAR, "al2023/core/guids/5000/x86_64", "1");
    place.update("Amazon Linux:2023", NOW).unwrap();
    assert!(place.ids(PURL).is_empty());
}

#[test]
fn amazon_linux_2_has_all_repositories_of_its_catalogue() {
    let place = Place::new();
    repository(&place.server, "2/core/latest/x86_64", "2/core/2.0/x86_64/1", "2");
    repository(&place.server, "2/extras/docker/latest/x86_64", "2/extras/docker/2", "3");
    let none = "2/extras/emacs/3";
    place.server.put(
        "/amazon/2/extras/emacs/latest/x86_64/mirror.list",
        format!("https://other.example/x\nhttps://cdn.amazonlinux.com/{none}").as_bytes(),
    );
    place
        .server
        .put(&format!("/amazon/{none}/repodata/repomd.xml"), b"<repomd><data type='primary'/></repomd>");
    place
        .server
        .put("/amazon/2/extras-catalog-x86_64.json", br#"{"topics": [{"n": "docker"}, {"n": "emacs"}]}"#);
    place.update("Amazon Linux:2", NOW).unwrap();
    assert_eq!(place.ids("pkg:rpm/amazon/a@1-1.amzn2?distro=amzn-2"), ["CVE-2026-1"]);
    // A repository that is in the catalogue but nowhere else.
    place.server.put(
        "/amazon/2/extras-catalog-x86_64.json",
        br#"{"topics": [{"n": "docker"}, {"n": "emacs"}, {"n": "gone"}]}"#,
    );
    let error = place.update("Amazon Linux:2", NOW).unwrap_err();
    assert!(matches!(error, Error::Answer { status: 404, .. }), "{error}");
    assert!(error.to_string().contains("2/extras/gone"), "{error}");
    assert_eq!(place.ids("pkg:rpm/amazon/a@1-1.amzn2?distro=amzn-2"), ["CVE-2026-1"], "the database stays");
}

#[test]
fn what_an_index_announces_is_what_is_received_or_nothing() {
    let place = Place::new();
    let file = "al2023/core/guids/46ff/x86_64/repodata/0-updateinfo.xml.gz";
    repository(&place.server, YEAR, "al2023/core/guids/46ff/x86_64", "2");
    let good = gzip(b"<updates></updates>");
    place.server.put(&format!("/amazon/{file}"), &good);
    let error = place.update("Amazon Linux:2023", NOW).unwrap_err();
    assert!(matches!(error, Error::NotAnnounced { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Transient);
    // It was asked for once more from the beginning, since it may just have been changed.
    assert_eq!(place.asked().iter().filter(|asked| *asked == file).count(), 2);
    assert!(!place.folder().join("amazon/2023/core/updateinfo.xml.gz").exists());
    assert!(!place.folder().join("amazon/2023/core/updateinfo.xml.gz.part").exists());

    // The faults of servers: too many requests, cut off, changed between two parts, gone for a moment.
    repository(&place.server, YEAR, "al2023/core/guids/46ff/x86_64", "2");
    for faults in [
        &[Fault::Status(429), Fault::Status(503)][..],
        &[Fault::CutAfter(40), Fault::CutAfter(30)],
        &[Fault::CutAfter(40), Fault::OtherRange],
        &[Fault::Status(404)],
    ] {
        fs::remove_dir_all(place.folder()).unwrap();
        place.server.fail(&format!("/amazon/{file}"), faults);
        place.update("Amazon Linux:2023", NOW).unwrap_or_else(|error| panic!("{faults:?}: {error}"));
        assert_eq!(place.ids(PURL), ["CVE-2026-1"]);
    }
    // Changed between two parts: what is there in the end is not what was announced.
    fs::remove_dir_all(place.folder()).unwrap();
    place.server.fail(&format!("/amazon/{file}"), &[Fault::ChangesAfter(40)]);
    assert!(matches!(place.update("Amazon Linux:2023", NOW).unwrap_err(), Error::NotAnnounced { .. }));
}

#[test]
fn an_index_names_nothing_outside_of_its_publisher() {
    for (list, repomd) in [
        ("https://evil.example/x", "<repomd/>"),
        ("https://cdn.amazonlinux.com.evil.example/x", "<repomd/>"),
        ("https://cdn.amazonlinux.com/../x", "<repomd/>"),
        (
            "https://cdn.amazonlinux.com/a",
            "<repomd><data type='updateinfo'><checksum type='sha256'>SUM</checksum><location href='../../../x.gz'/></data></repomd>",
        ),
        (
            "https://cdn.amazonlinux.com/a",
            "<repomd><data type='updateinfo'><checksum type='sha256'>SUM</checksum><location href='https://evil.example/x.gz'/></data></repomd>",
        ),
        (
            "https://cdn.amazonlinux.com/a",
            "<repomd><data type='updateinfo'><location href='repodata/x.gz'/></data></repomd>",
        ),
        ("", "<repomd/>"),
    ] {
        let place = Place::new();
        let repomd = repomd.replace("SUM", &"0".repeat(64));
        place.server.put(&format!("/amazon/{YEAR}/mirror.list"), list.as_bytes());
        place.server.put("/amazon/a/repodata/repomd.xml", repomd.as_bytes());
        let error = place.update("Amazon Linux:2023", NOW).unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{list}: {error}");
        assert!(place.server.asked().len() <= 2, "{list}");
    }
}

#[test]
fn photons_list_names_its_releases() {
    let place = Place::new();
    let cves = |fix: &str| {
        format!(
            "[{{\"cve_id\": \"CVE-2026-1\", \"pkg\": \"a\", \"cve_score\": 7.5, \"aff_ver\": \"all\", \"res_ver\": \"{fix}\"}}]"
        )
    };
    place.server.put("/photon/photon_versions.json", br#"{"branches": ["4.0", "5.0", "dev"]}"#);
    place.server.put("/photon/cve_data_photon4.0.json", cves("2-1.ph4").as_bytes());
    place.server.put("/photon/cve_data_photon5.0.json", cves("1-1.ph5").as_bytes());
    place.update("Photon OS", NOW).unwrap();
    assert_eq!(place.ids("pkg:rpm/photon/a@1-1.ph4?distro=photon-4.0"), ["CVE-2026-1"]);
    assert!(place.ids("pkg:rpm/photon/a@1-1.ph5?distro=photon-5.0").is_empty());
    place.asked();
    assert!(place.update("Photon OS", NOW).unwrap().files.iter().all(|file| file.received.is_none()));
    for list in [r#"{"branches": []}"#, r#"{"branches": ["../5.0"]}"#, r#"{"branches": ["6.0"]}"#, "[]"] {
        place.server.put("/photon/photon_versions.json", list.as_bytes());
        place.update("Photon OS", NOW).unwrap_err();
    }
    assert!(!place.scan("pkg:rpm/photon/a@1-1.ph6?distro=photon-6.0").gaps.is_empty());
}

fn page(cve: &str, modified: &str, end: &str) -> String {
    format!(
        r#"{{"vulnerabilities": [{{"cve": {{"id": "{cve}", "lastModified": "{modified}", "vulnStatus": "Analyzed",
        "configurations": [{{"nodes": [{{"operator": "OR", "negate": false, "cpeMatch": [{{"vulnerable": true,
        "criteria": "cpe:2.3:a:nodejs:node.js:*:*:*:*:*:*:*:*", "versionEndExcluding": "{end}"}}]}}]}}]}}}}]}}"#
    )
}

fn nvd(server: &Publisher, name: &str, content: &str) {
    let meta = format!(
        "lastModifiedDate:2026-11-19T03:00:00-05:00\r\nsize:{}\r\nsha256:{}\r\n",
        content.len(),
        Digest::sha256(content.as_bytes()).hex().to_uppercase()
    );
    server.put(&format!("/nvd/nvdcve-2.0-{name}.meta"), meta.as_bytes());
    server.put(&format!("/nvd/nvdcve-2.0-{name}.json.gz"), &gzip(content.as_bytes()));
}

#[test]
fn the_nvds_years_are_asked_for_once_a_week_and_what_changed_every_time() {
    let place = Place::new();
    for year in 2002..=2026 {
        nvd(
            &place.server,
            &year.to_string(),
            &page(&format!("CVE-{year}-0001"), "2026-01-01T00:00:00.000", "20.0.0"),
        );
    }
    nvd(&place.server, "modified", r#"{"vulnerabilities": []}"#);
    assert_eq!(place.update("CPE", NOW).unwrap().files.len(), 52);
    assert_eq!(place.asked().len(), 52);
    // A day later, only what changed.
    nvd(&place.server, "modified", &page("CVE-2026-0001", "2026-11-20T00:00:00.000", "18.0.0"));
    place.update("CPE", "2026-11-21T06:00:00Z").unwrap();
    assert_eq!(place.asked(), ["nvdcve-2.0-modified.json.gz", "nvdcve-2.0-modified.meta"]);
    let found = Database::open(&place.dir.path().join("db")).unwrap();
    assert_eq!(found.status().iter().map(|feed| feed.advisories).sum::<u64>(), 25);
    // A week later, what the years announce; their files did not change.
    place.update("CPE", "2026-11-28T06:00:00Z").unwrap();
    let asked = place.asked();
    assert_eq!((asked.len(), asked.iter().filter(|file| file.contains(".meta")).count()), (26, 26));
    // What is received is what is announced.
    place.server.put("/nvd/nvdcve-2.0-modified.meta", format!("sha256:{}", "0".repeat(64)).as_bytes());
    let error = place.update("CPE", "2026-11-28T07:00:00Z").unwrap_err();
    assert!(matches!(error, Error::NotAnnounced { .. }), "{error}");
    for meta in ["", "sha256:", "<html>", "sha256:0"] {
        place.server.put("/nvd/nvdcve-2.0-modified.meta", meta.as_bytes());
        assert!(matches!(place.update("CPE", "2026-11-28T07:00:00Z").unwrap_err(), Error::Broken { .. }));
    }
}

#[test]
fn a_year_that_has_just_begun_may_have_no_file_yet_but_no_other() {
    let place = Place::new();
    for year in 2002..=2026 {
        nvd(
            &place.server,
            &year.to_string(),
            &page(&format!("CVE-{year}-0001"), "2026-01-01T00:00:00.000", "20.0.0"),
        );
    }
    nvd(&place.server, "modified", r#"{"vulnerabilities": []}"#);
    place.update("CPE", "2027-01-01T00:00:00Z").unwrap();
    let error = place.update("CPE", "2028-01-01T00:00:00Z").unwrap_err();
    assert!(error.to_string().contains("2027"), "{error}");
}

fn vex(cve: &str, date: &str, fix: &str) -> String {
    format!(
        r#"{{"document": {{"category": "csaf_vex", "title": "a", "tracking": {{"id": "{cve}", "current_release_date": "{date}"}}}},
        "product_tree": {{"branches": [{{"branches": [
          {{"product": {{"product_id": "p", "product_identification_helper": {{"cpe": "cpe:/o:redhat:enterprise_linux:9"}}}}}},
          {{"product": {{"product_id": "c", "product_identification_helper": {{"purl": "pkg:rpm/redhat/curl@{fix}"}}}}}}]}}],
          "relationships": [{{"product_reference": "c", "relates_to_product_reference": "p", "full_product_name": {{"product_id": "p:c"}}}}]}},
        "vulnerabilities": [{{"cve": "{cve}", "product_status": {{"fixed": ["p:c"]}}}}]}}"#
    )
}

fn archive(documents: &[(&str, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    for (name, content) in documents {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn red_hat(server: &Publisher, day: &str, documents: &[(&str, String)]) {
    let bytes = archive(documents);
    let name = format!("csaf_vex_{day}.tar.zst");
    server.put("/redhat/archive_latest.txt", format!("{name}\n").as_bytes());
    server.put(
        &format!("/redhat/{name}.sha256"),
        format!("{}  {name}\n", Digest::sha256(&bytes).hex()).as_bytes(),
    );
    server.put(&format!("/redhat/{name}"), &bytes);
}

const CURL: &str = "pkg:rpm/redhat/curl@7-1.el9?distro=rhel-9.3";

#[test]
fn of_red_hats_documents_only_those_that_changed_since_the_archive_are_received() {
    let place = Place::new();
    let first = |fix: &str| {
        vec![
            ("2026/cve-2026-0001.json", vex("CVE-2026-0001", "2026-11-01T00:00:00Z", fix)),
            ("2026/cve-2026-0002.json", vex("CVE-2026-0002", "2026-11-01T00:00:00Z", "7-2.el9")),
            ("2025/cve-2025-0001.json", vex("CVE-2025-0001", "2026-11-01T00:00:00Z", "7-2.el9")),
        ]
    };
    red_hat(&place.server, "2026-11-18", &first("7-2.el9"));
    let changes = "\"2026/cve-2026-0001.json\",\"2026-11-01T00:00:00+00:00\"\n";
    place.server.put("/redhat/changes.csv", changes.as_bytes());
    place.server.put("/redhat/deletions.csv", b"\"2024/cve-2024-0001.json\",\"2025-01-01T00:00:00+00:00\"\n");
    place.update("Red Hat", NOW).unwrap();
    assert_eq!(place.ids(CURL), ["CVE-2025-0001", "CVE-2026-0001", "CVE-2026-0002"]);
    assert_eq!(place.asked().len(), 5);

    // One document changed, one is new, one is gone; there is a new archive, which is not needed.
    red_hat(&place.server, "2026-11-19", &[("2026/cve-2026-0009.json", "not asked for".to_owned())]);
    place.server.put(
        "/redhat/2026/cve-2026-0001.json",
        vex("CVE-2026-0001", "2026-11-19T00:00:00Z", "7-1.el9").as_bytes(),
    );
    place.server.put(
        "/redhat/2026/cve-2026-0003.json",
        vex("CVE-2026-0003", "2026-11-19T00:00:00Z", "7-3.el9").as_bytes(),
    );
    let changes = format!(
        "\"2026/cve-2026-0003.json\",\"2026-11-19T01:00:00+00:00\"\n\"2026/cve-2026-0001.json\",\"2026-11-19T00:00:00+00:00\"\n{changes}"
    );
    place.server.put("/redhat/changes.csv", changes.as_bytes());
    place.server.put("/redhat/deletions.csv", b"\"2026/cve-2026-0002.json\",\"2026-11-19T00:00:00+00:00\"\n");
    let updated = place.update("Red Hat", NOW).unwrap();
    assert_eq!(place.ids(CURL), ["CVE-2025-0001", "CVE-2026-0003"]);
    let feed = &updated.build.feeds[0];
    let skipped: u64 = feed.skipped.values().map(|tally| tally.count).sum();
    assert_eq!((feed.read, feed.kept, feed.withdrawn, skipped), (5, 3, 1, 1), "{feed}");
    let asked = place.asked();
    assert!(!asked.contains(&"csaf_vex_2026-11-19.tar.zst".to_owned()) && asked.len() == 6, "{asked:?}");
    // Nothing changed: no document is asked for.
    place.update("Red Hat", NOW).unwrap();
    assert_eq!(
        place.asked(),
        ["archive_latest.txt", "changes.csv", "csaf_vex_2026-11-18.tar.zst.sha256", "deletions.csv"]
    );

    // The old archive is damaged: the newest one is fetched, and the old one and what changed before it is removed.
    fs::write(place.folder().join("redhat/csaf_vex_2026-11-18.tar.zst"), b"x").unwrap();
    red_hat(&place.server, "2026-11-20", &first("7-9.el9"));
    place.server.put("/redhat/changes.csv", b"");
    place.server.put("/redhat/deletions.csv", b"");
    place.update("Red Hat", NOW).unwrap();
    assert_eq!(place.ids(CURL), ["CVE-2025-0001", "CVE-2026-0001", "CVE-2026-0002"]);
    let left = names(&place.folder().join("redhat"));
    assert!(
        left.contains(&"csaf_vex_2026-11-20.tar.zst".to_owned())
            && !left.contains(&"csaf_vex_2026-11-18.tar.zst".to_owned()),
        "{left:?}"
    );
    assert!(names(&place.folder().join("redhat/2026")).is_empty());
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn red_hats_lists_and_archives_that_are_something_else_are_refused() {
    let good = [("2026/cve-2026-0001.json", vex("CVE-2026-0001", "2026-11-01T00:00:00Z", "7-2.el9"))];
    let place = || {
        let place = Place::new();
        red_hat(&place.server, "2026-11-18", &good);
        place.server.put("/redhat/changes.csv", b"");
        place.server.put("/redhat/deletions.csv", b"");
        place
    };
    // Without a digest, which mirrors may not have.
    let bare = place();
    bare.server.fail("/redhat/csaf_vex_2026-11-18.tar.zst.sha256", &[Fault::Status(404)]);
    bare.update("Red Hat", NOW).unwrap();
    for (file, content) in [
        ("archive_latest.txt", &b"../../x"[..]),
        ("archive_latest.txt", b"csaf_vex_2026-11-18.tar.zst/../x"),
        ("archive_latest.txt", b""),
        ("changes.csv", b"\"../cve.json\",\"2026-11-19T00:00:00+00:00\"\n"),
        ("changes.csv", b"\"2026/../../cve.json\",\"2026-11-19T00:00:00+00:00\"\n"),
        ("changes.csv", b"\"2026/cve-2026-0001.json\",\"yesterday\"\n"),
        ("changes.csv", b"\"2026/cve-2026-0007.json\",\"2026-11-19T00:00:00+00:00\"\n"),
        ("changes.csv", b"<html>"),
        ("deletions.csv", b"<html>"),
        ("csaf_vex_2026-11-18.tar.zst.sha256", b"0000"),
        ("csaf_vex_2026-11-18.tar.zst", b"cut off"),
    ] {
        let place = place();
        place.server.put(&format!("/redhat/{file}"), content);
        place.update("Red Hat", NOW).unwrap_err();
        assert!(!place.dir.path().join("db").exists(), "{file}");
    }
}

#[test]
fn githubs_repository_is_asked_for_by_its_name() {
    let place = Place::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [
        ("advisory-database-main/README.md", "text"),
        ("advisory-database-main/advisories/unreviewed/2026/01/GHSA-2/GHSA-2.json", "not read"),
        (
            "advisory-database-main/advisories/github-reviewed/2026/01/GHSA-1/GHSA-1.json",
            r#"{"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "a"},
               "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]}]}]}"#,
        ),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    place.server.put("/ghsa/main", &zip.finish().unwrap().into_inner());
    let updated = place.update("ghsa", NOW).unwrap();
    assert_eq!((updated.build.feeds[0].read, updated.build.feeds[0].kept), (1, 1));
    assert_eq!(place.ids("pkg:npm/a@1.0.0"), ["GHSA-1"]);
    assert_eq!(place.asked(), ["main"]);
}
