//! Fetching the publishers' files: only changed files, continuing interrupted downloads, and never a mixture of two
//! versions.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use plimsoll_core::{Cancel, Classify as _, Kind, Limits};
use plimsoll_feeds::update::{self, FileReport};
use plimsoll_feeds::{Error, Mirror, Wanted};
use plimsoll_http::Client;
use plimsoll_testkit::publisher::{Asked, Fault, Publisher};
use tempfile::TempDir;

const NOW: &str = "2026-11-20T06:00:00Z";
const PYPI: &str = "/PyPI/all.zip";

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

    fn update(&self, wanted: &[&str]) -> Result<Vec<FileReport>, Error> {
        self.update_under(wanted, &Cancel::never())
    }

    fn update_under(&self, wanted: &[&str], cancel: &Cancel) -> Result<Vec<FileReport>, Error> {
        let wanted: Vec<Wanted> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        let mirrors: Vec<Mirror> = ["osv", "debian", "alpine", "wolfi", "azurelinux"]
            .map(|publisher| format!("{publisher}={}", self.server.url()).parse().unwrap())
            .to_vec();
        let settings = plimsoll_http::Settings { retries: 2, ..plimsoll_http::Settings::default() };
        update::fetch(&update::Settings {
            folder: &self.folder(),
            wanted: &wanted,
            mirrors: &mirrors,
            client: &Client::new(settings).unwrap(),
            limits: &self.limits,
            now: NOW.parse().unwrap(),
            cancel,
            listener: Arc::new(|_| {}),
        })
    }

    fn file(&self) -> Vec<u8> {
        fs::read(self.folder().join("osv/PyPI/all.zip")).unwrap()
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.server.asked().into_iter().map(|asked| asked.range).collect()
    }
}

/// Bytes without repetition, so that a piece at the wrong place is noticed.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

fn received(reports: &[FileReport]) -> Vec<Option<u64>> {
    reports.iter().map(|report| report.received).collect()
}

#[test]
fn only_changed_files_are_received_again() {
    let place = Place::new();
    place.server.put(PYPI, &bytes(1000));
    assert_eq!(received(&place.update(&["PyPI"]).unwrap()), [Some(1000)]);
    assert_eq!(place.server.asked(), [Asked { path: PYPI.to_owned(), range: None, conditional: false }]);

    // What was requested once is requested again without being named.
    assert_eq!(received(&place.update(&[]).unwrap()), [None]);
    assert_eq!(place.server.asked(), [Asked { path: PYPI.to_owned(), range: None, conditional: true }]);

    place.server.put(PYPI, &bytes(500));
    assert_eq!(received(&place.update(&[]).unwrap()), [Some(500)]);
    assert_eq!(place.file(), bytes(500));
}

#[test]
fn a_file_that_was_modified_locally_is_fetched_again() {
    let place = Place::new();
    place.server.put(PYPI, &bytes(1000));
    place.update(&["PyPI"]).unwrap();
    for tampered in [&b"other"[..], b""] {
        fs::write(place.folder().join("osv/PyPI/all.zip"), tampered).unwrap();
        assert_eq!(received(&place.update(&[]).unwrap()), [Some(1000)]);
        assert_eq!(place.file(), bytes(1000));
    }
    fs::write(place.folder().join("feeds.json"), b"{").unwrap();
    assert_eq!(received(&place.update(&["PyPI"]).unwrap()), [Some(1000)]);
}

#[test]
fn an_interrupted_download_continues_where_it_ended() {
    let place = Place::new();
    place.server.put(PYPI, &bytes(1000));
    place.server.fail(PYPI, &[Fault::CutAfter(400), Fault::CutAfter(300)]);
    assert_eq!(received(&place.update(&["PyPI"]).unwrap()), [Some(1000)]);
    assert_eq!(place.ranges(), [None, Some("bytes=400-".to_owned()), Some("bytes=700-".to_owned())]);
    assert_eq!(place.file(), bytes(1000));
    let names =
        |folder: PathBuf| fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names(place.folder().join("osv/PyPI")), ["all.zip"], "nothing is left behind");
}

#[test]
fn a_later_update_continues_the_download_of_an_earlier_one() {
    let place = Place::new();
    place.server.put(PYPI, &bytes(1000));
    // No further byte each time, so the first update fails.
    place.server.fail(PYPI, &[Fault::CutAfter(400), Fault::CutAfter(0)]);
    let error = place.update(&["PyPI"]).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    assert!(!place.folder().join("osv/PyPI/all.zip").exists());
    place.server.asked();
    assert_eq!(received(&place.update(&[]).unwrap()), [Some(600)]);
    assert_eq!(place.ranges(), [Some("bytes=400-".to_owned())]);
    assert_eq!(place.file(), bytes(1000));
}

#[test]
fn two_versions_of_a_file_are_never_mixed() {
    for fault in [Fault::ChangesAfter(400), Fault::CutAfter(400)] {
        let place = Place::new();
        place.server.put(PYPI, &bytes(1000));
        place.server.fail(PYPI, &[fault, Fault::OtherRange]);
        place.update(&["PyPI"]).unwrap();
        let expected: Vec<u8> = match fault {
            Fault::ChangesAfter(_) => bytes(1000).into_iter().rev().collect(),
            _ => bytes(1000),
        };
        assert_eq!(place.file(), expected, "{fault:?}");
    }
}

#[test]
fn an_old_file_stays_until_the_new_one_is_complete() {
    let place = Place::new();
    place.server.put(PYPI, &bytes(1000));
    place.update(&["PyPI"]).unwrap();
    place.server.put(PYPI, &bytes(2000));
    place.server.fail(PYPI, &[Fault::CutAfter(10), Fault::CutAfter(0)]);
    place.update(&[]).unwrap_err();
    assert_eq!(place.file(), bytes(1000));
}

#[test]
fn a_server_that_asks_to_wait_is_asked_again_and_a_missing_file_is_an_error() {
    let place = Place::new();
    place.server.put(PYPI, &bytes(10));
    place.server.fail(PYPI, &[Fault::Status(429), Fault::Status(503)]);
    place.update(&["PyPI"]).unwrap();
    let error = place.update(&["Go"]).unwrap_err();
    assert!(error.to_string().ends_with("/Go/all.zip: got status 404, expected a file"), "{error}");
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.hint().unwrap().contains("--mirror"));
    // It is not requested again unless it is named again.
    assert_eq!(received(&place.update(&[]).unwrap()), [None]);
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_received() {
    let mut place = Place::new();
    place.limits.set("feed_bytes", "999").unwrap();
    place.server.put(PYPI, &bytes(1000));
    let error = place.update(&["PyPI"]).unwrap_err().to_string();
    assert!(error.contains("feed_bytes"), "{error}");
    assert!(!place.folder().join("osv/PyPI/all.zip").exists());
}

#[test]
fn each_publisher_is_asked_only_for_requested_files() {
    let place = Place::new();
    let files = [
        "/data/json",
        "/v3.20/main.json",
        "/v3.20/community.json",
        "/AlmaLinux/all.zip",
        "/crates.io/all.zip",
        "/Ubuntu/all.zip",
        "/Rocky%20Linux/all.zip",
        "/security.json",
        "/azurelinux-3.0-oval.xml",
    ];
    for file in files {
        place.server.put(file, b"{}");
    }
    let wanted =
        ["debian", "alpine:v3.20", "almalinux", "crates.io", "ubuntu", "rocky linux", "wolfi", "azure linux"];
    place.update(&wanted).unwrap();
    let mut asked: Vec<_> = place.server.asked().into_iter().map(|asked| asked.path).collect();
    asked.sort();
    let mut expected = files.to_vec();
    expected.sort_unstable();
    assert_eq!(asked, expected);
    for file in [
        "debian/tracker.json",
        "alpine/v3.20/main.json",
        "osv/AlmaLinux/all.zip",
        "wolfi/security.json",
        "osv/Rocky Linux/all.zip",
    ] {
        assert!(place.folder().join(file).is_file(), "{file}");
    }
}

#[test]
fn two_updates_at_once_do_not_disturb_each_other() {
    let place = Place::new();
    fs::create_dir_all(place.folder()).unwrap();
    let lock = fs::File::create(place.folder().join("lock")).unwrap();
    lock.lock().unwrap();
    let error = place.update(&["PyPI"]).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    drop(lock);
    place.server.put(PYPI, b"x");
    place.update(&["PyPI"]).unwrap();
}

#[test]
fn progress_adds_up_to_what_is_received() {
    let place = Place::new();
    place.server.put(PYPI, &bytes(300_000));
    let heard: Arc<Mutex<u64>> = Arc::default();
    let counted = Arc::clone(&heard);
    let mirror: Mirror = format!("osv={}", place.server.url()).parse().unwrap();
    update::fetch(&update::Settings {
        folder: &place.folder(),
        wanted: &["PyPI".parse().unwrap()],
        mirrors: &[mirror],
        client: &Client::new(plimsoll_http::Settings::default()).unwrap(),
        limits: &place.limits,
        now: NOW.parse().unwrap(),
        cancel: &Cancel::never(),
        listener: Arc::new(move |event| {
            if let update::Event::Arrived(bytes) = event {
                *counted.lock().unwrap() += bytes;
            }
        }),
    })
    .unwrap();
    assert_eq!(*heard.lock().unwrap(), 300_000);
}
