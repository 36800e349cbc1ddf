//! Fetching and building as one step, once for many who need it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use plimsoll_core::{Cancel, Limits, Timestamp};
use plimsoll_feeds::update::{self, Updated};
use plimsoll_feeds::{Error, Mirror, Wanted};
use plimsoll_http::Client;
use plimsoll_testkit::publisher::{Fault, Publisher};
use plimsoll_vuln::Database;
use tempfile::TempDir;

const NOW: &str = "2026-11-20T06:00:00Z";
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn archive(ecosystem: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("a.json", zip::write::SimpleFileOptions::default()).unwrap();
    let advisory = format!(
        r#"{{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "affected": [{{
        "package": {{"ecosystem": "{ecosystem}", "name": "a"}},
        "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}}]}}]}}]}}"#
    );
    zip.write_all(advisory.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

struct Place {
    dir: TempDir,
    server: Publisher,
}

impl Place {
    fn new(ecosystems: &[&str]) -> Self {
        let server = Publisher::start();
        for ecosystem in ecosystems {
            server.put(&format!("/{ecosystem}/all.zip"), &archive(ecosystem));
        }
        Self { dir: tempfile::tempdir().unwrap(), server }
    }

    fn database(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    /// Runs `work` with what an update at `now` needs.
    fn with<T>(
        &self,
        wanted: &[&str],
        now: &str,
        cancel: &Cancel,
        work: impl FnOnce(&update::Settings<'_>, &Path) -> T,
    ) -> T {
        let wanted: Vec<Wanted> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        let mirrors: Vec<Mirror> = vec![format!("osv={}", self.server.url()).parse().unwrap()];
        let settings = update::Settings {
            folder: &self.dir.path().join("feeds"),
            wanted: &wanted,
            mirrors: &mirrors,
            client: &Client::new(plimsoll_http::Settings::default()).unwrap(),
            limits: &Limits::default(),
            now: now.parse().unwrap(),
            cancel,
            listener: Arc::new(|_| {}),
        };
        work(&settings, &self.database())
    }

    fn update(&self, wanted: &[&str], now: &str) -> Result<Updated, Error> {
        self.with(wanted, now, &Cancel::never(), update::update)
    }

    fn is_fresh(&self, wanted: &str, now: &str) -> bool {
        let now: Timestamp = now.parse().unwrap();
        let wanted: Wanted = wanted.parse().unwrap();
        Database::open(&self.database()).is_ok_and(|database| wanted.is_fresh_in(&database, now, DAY))
    }
}

#[test]
fn of_many_who_need_it_at_once_one_updates_and_the_others_find_the_database() {
    let place = Place::new(&["PyPI"]);
    let did_it = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let needed = || !place.is_fresh("PyPI", NOW);
                let updated = place.with(&["PyPI"], NOW, &Cancel::never(), |settings, database| {
                    update::update_if(settings, database, needed).unwrap()
                });
                did_it.fetch_add(usize::from(updated.is_some()), Ordering::Relaxed);
                assert!(place.is_fresh("PyPI", NOW));
            });
        }
    });
    assert_eq!(did_it.into_inner(), 1);
    assert_eq!(place.server.asked().len(), 1);
}

#[test]
fn whoever_waits_for_another_update_waits_no_longer_than_it_may() {
    let place = Place::new(&["PyPI"]);
    let feeds = place.dir.path().join("feeds");
    std::fs::create_dir_all(&feeds).unwrap();
    let lock = std::fs::File::create(feeds.join("lock")).unwrap();
    lock.lock().unwrap();
    let soon = Cancel::never().until(Instant::now() + Duration::from_millis(200));
    let waited = place.with(&["PyPI"], NOW, &soon, |settings, database| {
        update::update_if(settings, database, || panic!("nobody has finished"))
    });
    assert!(matches!(waited.unwrap_err(), Error::Stopped(_)));
    assert!(place.server.asked().is_empty());
}

#[test]
fn what_was_not_asked_for_now_is_not_taken_for_new() {
    let place = Place::new(&["PyPI", "NuGet"]);
    place.update(&["NuGet"], "2026-11-01T00:00:00Z").unwrap();
    // PyPI arrives, crates.io is not there: the update fails, and neither is wanted from now on.
    place.server.fail("/crates.io/all.zip", &[Fault::Status(404)]);
    place.update(&["PyPI", "crates.io"], "2026-11-02T00:00:00Z").unwrap_err();
    assert!(!place.is_fresh("PyPI", "2026-11-02T00:00:00Z"));
    place.update(&[], NOW).unwrap();
    assert!(place.is_fresh("NuGet", NOW));
    assert!(!place.is_fresh("PyPI", NOW), "its file is weeks old and nobody asked for it");
    place.update(&["PyPI"], NOW).unwrap();
    assert!(place.is_fresh("PyPI", NOW));
    assert!(!place.is_fresh("PyPI", "2026-11-21T06:00:01Z"));
}

/// A signed import between the check and the installation would otherwise be overwritten.
/// What another process does to a database's folder.
type Change<'a> = &'a (dyn Fn(&Path) + Sync);

#[test]
fn a_database_that_another_process_replaced_meanwhile_is_not_overwritten() {
    let place = Place::new(&["PyPI", "NuGet"]);
    place.update(&["NuGet"], NOW).unwrap();
    let other = Place::new(&["NuGet"]);
    other.update(&["NuGet"], "2026-11-19T00:00:00Z").unwrap();
    // What is installed while PyPI is fetched: another database, or a signature of the same one.
    let list = |database: &Path| std::fs::read(database.join("database.json")).unwrap();
    let changes: [(&str, Change<'_>); 2] = [
        ("another database", &|database| {
            for entry in std::fs::read_dir(other.database()).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), database.join(entry.file_name())).unwrap();
            }
        }),
        ("a signature", &|database| {
            std::fs::write(database.join("database-0000.sigstore.json"), b"{}").unwrap();
        }),
    ];
    for (what, change) in changes {
        let database = place.database();
        let installed = std::sync::Mutex::new(None);
        let error = place.with(&["PyPI"], NOW, &Cancel::never(), |settings, folder| {
            // The check is the last moment at which nothing has installed yet.
            let checked = update::update_if(settings, folder, || {
                change(&database);
                *installed.lock().unwrap() = Some(list(&database));
                true
            });
            checked.unwrap_err()
        });
        assert!(matches!(error, Error::Replaced { .. }), "{what}: {error}");
        assert_eq!(list(&database), installed.into_inner().unwrap().unwrap(), "{what}");
        assert!(!place.is_fresh("PyPI", NOW), "{what}");
    }
    // Whoever runs it again decides about what is there now.
    std::fs::remove_file(place.database().join("database-0000.sigstore.json")).unwrap();
    let again = place.with(&["PyPI"], NOW, &Cancel::never(), |settings, database| {
        update::update_if(settings, database, || true)
    });
    assert!(again.unwrap().is_some() && place.is_fresh("PyPI", NOW));
}
