//! The client workflow of the specification (section 5), step by step, against repositories that python-tuf makes and
//! breaks: `python/cases.py` lists them. Each is shown to python-tuf's own client as well, with the same outcome.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_core::Classify as _;
use plimsoll_http::Settings;
use plimsoll_testkit::sigstore::NOW;
use plimsoll_testkit::tuf::Tuf;
use plimsoll_testkit::{Peer, peer_program};
use plimsoll_trust::{Error, InitialRoot, Instance, update};
use serde::Deserialize;
use tempfile::TempDir;

use crate::{at, root_named};

#[derive(Deserialize)]
struct Case {
    name: String,
    stages: Vec<Stage>,
}

/// What a mirror shows when a client comes at a time, and whether the client may take it.
#[derive(Deserialize)]
struct Stage {
    at: i64,
    good: bool,
}

/// The files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in below(folder) {
        let name = entry.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        files.insert(name, std::fs::read(&entry).unwrap());
    }
    files
}

fn below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

#[test]
fn every_step_has_the_outcome_that_python_tufs_client_has() {
    let what = "$PLIMSOLL_PEERS/venv with sigstore";
    let (Some(_), Some(python)) =
        (peer_program("venv/bin/sigstore", what), Peer::find("venv/bin/python", what))
    else {
        return;
    };
    for (name, text) in [
        ("repository.py", include_str!("python/repository.py")),
        ("cases.py", include_str!("python/cases.py")),
        ("client.py", include_str!("python/client.py")),
    ] {
        python.write(name, text);
    }
    python.write("trusted_root.json", root_named("by python"));
    python.must(&["cases.py", "out", &NOW.to_string(), "trusted_root.json"]);
    let cases: Vec<Case> = serde_json::from_slice(&python.read("out/cases.json")).unwrap();
    assert!(cases.len() > 80, "{}", cases.len());

    let mirror = Tuf::new().serve();
    mirror.hold(&files(&python.path("out")));
    let said = python.must(&["client.py", &mirror.url(), "out"]);
    let mut theirs = serde_json::from_str::<Vec<Option<String>>>(&said).unwrap().into_iter();
    for Case { name, stages } in cases {
        let cache = TempDir::new().unwrap();
        let first = python.read(&format!("out/{name}/first.json"));
        for (number, stage) in stages.iter().enumerate() {
            mirror.hold(&files(&python.path(&format!("out/{name}/{number}"))));
            let root = InitialRoot::File(first.clone());
            let instance = Instance { name: "testkit".into(), mirror: mirror.url(), root };
            let ours = update(&instance, cache.path(), at(stage.at), &Settings::default());
            let ours = ours.map(|updated| updated.cached.versions());
            let theirs = theirs.next().unwrap();
            let told = format!("{name}, stage {number}: ours {ours:?}, python-tuf {theirs:?}");
            assert_eq!(theirs.is_none(), stage.good, "{told}");
            assert_eq!(ours.is_ok(), stage.good, "{told}");
            // A repository at fault is denied, not unreachable.
            if let Err(error) = &ours {
                assert!(matches!(error, Error::Refused { .. }), "{told}");
                assert_eq!(error.kind(), plimsoll_core::Kind::Denied, "{told}");
            }
        }
    }
    assert_eq!(theirs.next(), None);
}
