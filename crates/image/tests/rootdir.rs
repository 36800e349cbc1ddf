//! A root file system in a directory: what is found, what is not followed, what is reported.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "the shared module has more than this test needs")]

mod memory;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use plimsoll_core::rootfs::{FileSet, Select};
use plimsoll_core::{Digest, Limits};
use plimsoll_image::{Error, rootdir};
use plimsoll_testkit::{Folders, Listing, WholeFiles};

use memory::{ALL, FIXED, texts};

const META: WholeFiles = WholeFiles { rule: |path| path.ends_with("META"), ..ALL };

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn read(root: &Path, select: &dyn Select) -> FileSet {
    rootdir::read(root, select, &Limits::default(), &(), &plimsoll_core::Cancel::never()).unwrap()
}

#[test]
fn wanted_files_are_found_by_name_and_by_well_known_path() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "usr/lib/os-release", "ID=x");
    write(root.path(), "opt/app/META", "1");
    write(root.path(), "opt/app/other", "2");
    fs::create_dir(root.path().join("etc")).unwrap();
    symlink("/usr/lib/os-release", root.path().join("etc/os-release")).unwrap();
    let files = read(root.path(), &META);
    let found = texts(&files);
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [("etc/os-release".to_owned(), "ID=x".to_owned()), ("opt/app/META".to_owned(), "1".to_owned())]
    );
    let release = files.get("etc/os-release").unwrap();
    assert_eq!((release.real_path.as_str(), release.layer), ("usr/lib/os-release", None));
    assert!(files.layers.is_empty());
}

#[test]
fn t02_links_are_resolved_inside_the_root_and_not_walked_through() {
    let outer = tempfile::tempdir().unwrap();
    write(outer.path(), "secret/os-release", "outside");
    write(outer.path(), "secret/META", "outside");
    let root = outer.path().join("root");
    fs::create_dir(&root).unwrap();
    symlink("../secret", root.join("etc")).unwrap();
    symlink(outer.path().join("secret"), root.join("opt")).unwrap();
    assert_eq!(texts(&read(&root, &META)).len(), 0);
    write(&root, "secret/os-release", "inside");
    assert_eq!(texts(&read(&root, &FIXED))["etc/os-release"], "inside");
    fs::remove_file(root.join("etc")).unwrap();
    symlink("b", root.join("etc")).unwrap();
    symlink("etc", root.join("b")).unwrap();
    assert_eq!(read(&root, &FIXED).unreadable.len(), 1);
}

#[test]
fn kernel_directories_and_devices_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    for directory in ["proc/1", "sys/x", "dev/x", "home/proc"] {
        write(root.path(), &format!("{directory}/META"), "1");
    }
    assert_eq!(texts(&read(root.path(), &META)).into_keys().collect::<Vec<_>>(), ["home/proc/META"]);
}

#[test]
fn files_that_are_too_large_or_forbidden_are_reported() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/META", "12345678901");
    write(root.path(), "b/META", "x");
    let small = {
        let mut limits = Limits::default();
        limits.metadata_bytes = 10;
        limits
    };
    let files = rootdir::read(root.path(), &META, &small, &(), &plimsoll_core::Cancel::never()).unwrap();
    assert_eq!(WholeFiles::oversized(&files), [("a/META", 11)]);
    let limits = {
        let mut limits = Limits::default();
        limits.entries = 3;
        limits
    };
    assert!(matches!(
        rootdir::read(root.path(), &META, &limits, &(), &plimsoll_core::Cancel::never()),
        Err(Error::Limit(_))
    ));
    assert!(matches!(
        rootdir::read(&root.path().join("missing"), &META, &limits, &(), &plimsoll_core::Cancel::never()),
        Err(Error::Io { .. })
    ));

    fs::set_permissions(root.path().join("b/META"), fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(root.path().join("b/META")).is_ok() {
        eprintln!("skipped: permissions do not bind this user");
        return;
    }
    let files = read(root.path(), &META);
    assert_eq!(WholeFiles::unreadable(&files), [("b/META", "permission denied")]);
}

#[test]
fn folders_are_found_by_name_and_through_links_inside_the_root() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    write(&root, "app/a-1.dist-info/METADATA", "1");
    fs::create_dir(root.join("app/b-1.dist-info")).unwrap();
    fs::create_dir(root.join("app/c")).unwrap();
    symlink("c", root.join("app/c-1.dist-info")).unwrap();
    symlink("a-1.dist-info/METADATA", root.join("app/d-1.dist-info")).unwrap();
    fs::create_dir(outer.path().join("outside")).unwrap();
    symlink("../../outside", root.join("app/e-1.dist-info")).unwrap();
    let files = read(&root, &Folders);
    let found = Folders::found(&files);
    let ending =
        |ending: &str| found.iter().filter(|(path, _)| path.ends_with(ending)).copied().collect::<Vec<_>>();
    assert_eq!(
        ending("dist-info"),
        [
            ("app/a-1.dist-info", "app/a-1.dist-info"),
            ("app/b-1.dist-info", "app/b-1.dist-info"),
            ("app/c-1.dist-info", "app/c"),
        ]
    );
}

#[test]
fn every_file_is_listed_with_its_digests_whether_it_is_wanted_or_not() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "usr/lib/os-release", "ID=x");
    write(root.path(), "opt/app/META", "1");
    write(root.path(), "opt/large", &"x".repeat(200_000));
    write(root.path(), "opt/empty", "");
    fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"odd\xff")), "o").unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    symlink("/usr/lib/os-release", root.path().join("etc/os-release")).unwrap();
    let files = read(root.path(), &Listing(META));
    assert_eq!(texts(&files), texts(&read(root.path(), &META)), "what is wanted does not depend on it");
    let list = files.listed.unwrap();
    let told = list.iter().map(|file| (file.path.to_vec(), file.content.size, file.layer));
    let expected = [
        ("odd", 1),
        ("opt/app/META", 1),
        ("opt/empty", 0),
        ("opt/large", 200_000),
        ("usr/lib/os-release", 4),
    ];
    let expected = expected.map(|(path, size)| {
        (if path == "odd" { b"odd\xff".to_vec() } else { path.as_bytes().to_vec() }, size, None)
    });
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let large = list.get(list.at(b"opt/large").unwrap()).unwrap();
    assert_eq!(large.content.sha256, Digest::sha256("x".repeat(200_000).as_bytes()).as_bytes());
    let mut limits = Limits::default();
    limits.file_list_bytes = 500;
    let cancel = plimsoll_core::Cancel::never();
    let error = rootdir::read(root.path(), &Listing(META), &limits, &(), &cancel).unwrap_err();
    assert!(error.to_string().contains("file_list_bytes"), "{error}");
}
