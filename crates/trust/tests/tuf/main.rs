//! Trust material from a mirror that lies: the rows U01 to U11 of the list of hostile inputs, and 2,000 mutations.
//!
//! Each test begins with a repository that is valid except for one thing. It expects a specific kind of
//! refusal, and an unchanged cache.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

mod bins;
mod by_python;
mod chain;
mod cosign;
mod current;
mod memory;
mod mutations;
mod own;
mod peer;
mod roles;
mod updates;

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_core::{Classify as _, Kind, Timestamp};
use plimsoll_http::Settings;
use plimsoll_testkit::sigstore::{NOW, Sigstore};
use plimsoll_testkit::tuf::{Mirror, Tuf, signed};
use plimsoll_trust::{
    Cached, Choice, Error, InitialRoot, Instance, ServiceSpec, SigningConfigSpec, TrustFault, Updated, update,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const TRUSTED_ROOT: &str = "trusted_root.json";
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
const DAY: i64 = 24 * 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A valid trusted root, distinguished by `name`.
fn root_named(name: &str) -> Vec<u8> {
    let mut root = Sigstore::new().trusted_root();
    root["certificateAuthorities"][0]["subject"]["commonName"] = json!(name);
    serde_json::to_vec_pretty(&root).unwrap()
}

fn signing_config() -> Vec<u8> {
    let service = ServiceSpec {
        url: "https://ca.example".into(),
        api_version: 1,
        start: at(NOW - DAY),
        end: None,
        operator: "testkit".into(),
    };
    SigningConfigSpec { fulcio: vec![service], ..SigningConfigSpec::default() }.to_json().unwrap()
}

/// A repository, a mirror of it, and a user's cache.
struct World {
    tuf: Tuf,
    mirror: Mirror,
    cache: TempDir,
}

impl World {
    fn new() -> Self {
        Self::with_tuf(Tuf::with_targets(&[
            (TRUSTED_ROOT, &root_named("first")),
            (SIGNING_CONFIG, &signing_config()),
        ]))
    }

    fn with_tuf(tuf: Tuf) -> Self {
        let mirror = tuf.serve();
        Self { tuf, mirror, cache: TempDir::new().unwrap() }
    }

    fn instance(&self) -> Instance {
        let root = InitialRoot::File(self.tuf.initial_root());
        Instance { name: "testkit".into(), mirror: self.mirror.url(), root }
    }

    /// Puts the repository's files on the mirror and updates from it.
    fn update_at(&self, seconds: i64) -> Result<Updated, Error> {
        self.mirror.hold(&self.tuf.files);
        update(&self.instance(), self.cache.path(), at(seconds), &Settings::default())
    }

    fn update(&self) -> Result<Updated, Error> {
        self.update_at(NOW)
    }

    /// The fault for which an update is refused; the files in use must not change.
    #[track_caller]
    fn refused_at(&self, seconds: i64) -> TrustFault {
        let before = self.on_disk();
        let error = self.update_at(seconds).map(|updated| updated.cached.versions()).unwrap_err();
        assert_eq!(self.on_disk(), before, "the cache changed: {error}");
        assert!(error.hint().is_some(), "{error}");
        match error {
            Error::Refused { fault, .. } => {
                assert_eq!(error.kind(), Kind::Denied);
                fault
            }
            other => panic!("another error: {other:?}"),
        }
    }

    #[track_caller]
    fn refused(&self) -> TrustFault {
        self.refused_at(NOW)
    }

    /// Every file in the cache with its content, except for metadata that is only remembered.
    fn on_disk(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = self.cache.path().join("testkit");
        let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let used = paths.filter(|path| !path.ends_with("seen.json") && !path.ends_with("lock"));
        used.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    fn cached(&self) -> Option<Cached> {
        Cached::open(self.cache.path(), "testkit").unwrap()
    }

    /// Puts `file` in place of the newest snapshot's, with a timestamp of the next version that vouches for it.
    fn vouch_for_snapshot(&mut self, file: &[u8]) {
        self.tuf.timestamp.version += 1;
        let name = self.tuf.name(self.tuf.snapshot.version, "snapshot");
        let timestamp = signed(&self.tuf.timestamp.keys, &self.tuf.timestamp_document(file));
        self.tuf.files.insert(name, file.to_vec());
        self.tuf.files.insert("timestamp.json".into(), timestamp);
    }

    /// Replaces the list of files by `document`, vouched for by everything above it.
    fn vouch_for_targets(&mut self, document: &Value) {
        let file = signed(&self.tuf.targets_role.keys, document);
        let version = document["version"].as_u64().unwrap();
        self.tuf.snapshot.version += 1;
        let lists = [("targets".to_owned(), version, file.clone())];
        let snapshot = signed(&self.tuf.snapshot.keys, &self.tuf.snapshot_document(&lists));
        let name = self.tuf.name(version, "targets");
        self.tuf.files.insert(name, file);
        self.vouch_for_snapshot(&snapshot);
    }
}

fn choice<'a>(world: &'a World, seconds: i64, http: &'a Settings) -> Choice<'a> {
    Choice { file: None, instance: "testkit", folder: Some(world.cache.path()), now: at(seconds), http }
}
