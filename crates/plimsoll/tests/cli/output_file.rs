//! Where results go that `--output-file` and `--bundle` name: a regular file is replaced, a pipe or a device is written
//! into, and anything else is refused.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::thread::{self, JoinHandle};

use crate::fixture::Place;

/// A pipe in this place, and what comes out of it.
fn pipe(place: &Place, name: &str) -> (String, JoinHandle<String>) {
    let path = place.path(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let reader = path.clone();
    (path, thread::spawn(move || fs::read_to_string(reader).unwrap()))
}

fn is_pipe(path: &str) -> bool {
    fs::symlink_metadata(path).unwrap().file_type().is_fifo()
}

const WAIVER: [&str; 15] = [
    "waiver",
    "new",
    "a",
    "--cve",
    "CVE-2026-1",
    "--scope",
    "registry.example/app",
    "--days",
    "1",
    "--reason",
    "r",
    "--risk",
    "k",
    "--owner",
    "o",
];

/// Writes a waiver to `file`.
fn waiver(file: &str) -> Vec<&str> {
    let mut arguments = WAIVER.to_vec();
    arguments.extend(["--control", "c", "--output-file", file]);
    arguments
}

#[test]
fn a_pipe_gets_the_result_and_stays_a_pipe() {
    let place = Place::empty();
    let (path, reader) = pipe(&place, "pipe");
    place.run(&waiver(&path)).exits(0);
    assert!(reader.join().unwrap().contains("CVE-2026-1"));
    assert!(is_pipe(&path));
}

#[test]
fn a_bundle_and_a_signature_go_into_a_pipe_as_well() {
    let place = Place::empty();
    place.key("a");
    let (key, file) = (place.path("a.key"), place.write("file", "content"));
    let (path, reader) = pipe(&place, "pipe");
    let bundle = place.path("bundle");
    place
        .run(&["sign-blob", "--key", &key, "--bundle", &bundle, "--output-signature", &path, &file])
        .exits(0);
    assert!(!reader.join().unwrap().is_empty());
    assert!(is_pipe(&path) && fs::metadata(&bundle).unwrap().is_file());
}

#[test]
fn standard_output_by_name_is_standard_output() {
    let place = Place::empty();
    // A link of our own, so that a defect takes nothing from this machine.
    let link = place.path("stdout");
    std::os::unix::fs::symlink("/proc/self/fd/1", &link).unwrap();
    place.run(&waiver(&link)).exits(0).says("kind: Waiver");
    let log = fs::File::create(place.path("log")).unwrap();
    let status = place.command(&waiver(&link)).stdout(log.try_clone().unwrap()).status().unwrap();
    assert!(status.success() && fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(place.path("log")).unwrap().contains("kind: Waiver"));
}

#[test]
fn a_folder_is_not_replaced() {
    let place = Place::empty();
    fs::create_dir(place.path("folder")).unwrap();
    let run = place.run(&waiver(&place.path("folder")));
    run.exits(5).says("got a folder, expected a regular file").says("choose another name");
}

#[test]
fn a_file_that_cannot_be_written_to_is_told_before_anything_is_asked() {
    let place = Place::empty();
    let registry = plimsoll_testkit::Registry::start();
    let image = registry.reference("shop/orders", "2.0");
    let nowhere = place.path("no/such/folder/result");
    fs::create_dir(place.path("folder")).unwrap();
    for command in ["check", "scan", "sbom", "verify"] {
        let mut arguments = vec![command, &image, "--output-file", &nowhere];
        if command == "verify" {
            arguments.extend(["--key", "missing.pub"]);
        }
        place.run(&arguments).exits(4).says("no/such/folder").says("must exist and be writable");
    }
    let file = place.write("file", "content");
    place
        .run(&["sign-blob", "--key", "missing.key", "--bundle", &place.path("folder"), &file])
        .exits(5)
        .says("got a folder");
    assert_eq!(registry.requests().len(), 0);
}

#[test]
fn a_run_that_fails_leaves_no_file_and_keeps_the_old_one() {
    let place = Place::empty();
    let old = place.write("out/result", "old");
    place.run(&["sbom", &place.path("missing.tar"), "--output-file", &old]).exits(4);
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 1);
}
