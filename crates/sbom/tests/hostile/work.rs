//! Small images that could take a reader hours or gigabytes. Nothing here measures time: if work or memory grew with
//! the square of the input, these tests would not end.

use std::fmt::Write as _;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{FileSet, FoundFile};
use plimsoll_sbom::{ComponentIndex, Inventory, OwnerEvidence, ProblemCode, select};

const OS: &str = "ID=debian\nVERSION_ID=12\n";
const MD5: &str = "00000000000000000000000000000000";
const METADATA: &str = "usr/lib/python3/dist-packages/x-1.egg-info/PKG-INFO";

fn catalog(files: &FileSet) -> Inventory {
    plimsoll_sbom::catalog(files, &Limits::default())
}

fn set(status: &str) -> FileSet {
    let mut set = FileSet::default();
    set.add(select(), "etc/os-release", None, OS.as_bytes());
    set.add(select(), "var/lib/dpkg/status", None, status.as_bytes());
    set
}

/// Paragraphs of this many packages.
fn packages(count: usize, paragraph: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut status, n| {
        writeln!(status, "{}", paragraph(n)).unwrap();
        status
    })
}

fn package(name: &str, more: &str) -> String {
    format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1{more}\n")
}

/// Adds `links` to the file at `real`.
fn link(set: &mut FileSet, real: &str, links: impl Iterator<Item = String>) {
    let file = set.get(real).unwrap().clone();
    for path in links {
        set.insert(FoundFile { path, ..file.clone() });
    }
}

fn problems_of(inventory: &Inventory, code: ProblemCode) -> usize {
    inventory.problems.iter().filter(|problem| problem.code == code).count()
}

#[test]
fn a11_repeated_lines_of_owned_files_with_many_links() {
    let mut files = set(&packages(1, |_| package("a", "")));
    files.add(select(), METADATA, None, b"Name: x\nVersion: 1\n");
    link(&mut files, METADATA, (0..30_000).map(|n| format!("srv/{n}.egg-info/PKG-INFO")));
    let lines = format!("{MD5}  {METADATA}\n").repeat(90_000);
    files.add(select(), "var/lib/dpkg/info/a.md5sums", None, lines.as_bytes());
    let inventory = catalog(&files);
    assert_eq!(inventory.components.len(), 30_002);
    let owned = (0..inventory.components.len()).filter_map(|n| inventory.owner(ComponentIndex(n)));
    assert_eq!(owned.filter(|owner| owner.evidence == OwnerEvidence::DigestMismatch).count(), 30_001);
}

#[test]
fn a11_many_packages_claim_one_file_with_many_links() {
    let mut files = set(&packages(20_000, |n| package(&format!("p{n:05}"), "")));
    files.add(select(), METADATA, None, b"Name: x\nVersion: 1\n");
    link(&mut files, METADATA, (0..20_000).map(|n| format!("srv/{n}.egg-info/PKG-INFO")));
    for n in 0..20_000 {
        let lines = format!("{n:032x}  {METADATA}\n");
        files.add(select(), &format!("var/lib/dpkg/info/p{n:05}.md5sums"), None, lines.as_bytes());
    }
    let inventory = catalog(&files);
    // The one with the first package URL, in any order of the lists.
    let owner = (0..inventory.components.len()).find_map(|n| inventory.owner(ComponentIndex(n))).unwrap();
    assert_eq!(owner.package.name, "p00000");
}

#[test]
fn a11_one_package_tens_of_thousands_of_times() {
    for paragraph in [
        (|_| package("a", "")) as fn(usize) -> String,
        |n| package("a", &format!(".{n}")),
        |n| package("a", "").replace("amd64", &format!("arch{n}")),
        |n| package("a", &format!("\nSource: s{n}")),
    ] {
        let mut files = set(&packages(30_000, paragraph));
        for suffix in ["md5sums", "list"] {
            let line = format!("{MD5}  {METADATA}\n");
            files.add(select(), &format!("var/lib/dpkg/info/a.{suffix}"), None, line.as_bytes());
        }
        let inventory = catalog(&files);
        assert!(!inventory.components.is_empty());
        assert!(inventory.problems.len() < 100, "{}", inventory.problems.len());
        assert_eq!(inventory.identifiers().len(), inventory.components.len());
    }
}

#[test]
fn a11_paragraphs_beyond_the_limit_are_reported_once() {
    let inventory = catalog(&set(&packages(150_000, |n| package(&format!("p{n}"), ""))));
    assert_eq!(inventory.components.len(), 100_000);
    assert_eq!(problems_of(&inventory, ProblemCode::OsInventoryBroken), 1);
}

#[test]
fn a11_a_million_broken_files_are_a_thousand_problems_and_a_count() {
    let mut files = set(&packages(1, |_| package("a", "")));
    for n in 0..200_000 {
        files.add(select(), &format!("srv/{n}.egg-info"), None, b"");
    }
    let inventory = catalog(&files);
    assert_eq!(problems_of(&inventory, ProblemCode::UnparsableMetadata), 1_001);
    let last = inventory.problems.iter().find(|problem| problem.path.is_empty()).unwrap();
    assert_eq!(last.detail, "199000 more of this kind in the files that python reads");
}

#[test]
fn a11_hundreds_of_thousands_of_empty_folders_are_a_thousand_problems_and_a_count() {
    let mut files = set(&packages(1, |_| package("a", "")));
    for n in 0..200_000 {
        files.add_folder(select(), &format!("srv/{n}.dist-info"), None);
    }
    let inventory = catalog(&files);
    assert_eq!(problems_of(&inventory, ProblemCode::UnparsableMetadata), 1_001);
}

#[test]
fn a11_metadata_with_only_classifiers() {
    let mut files = set(&packages(1, |_| package("a", "")));
    let metadata = format!("Name: x\nVersion: 1\n{}", "Classifier: License :: a\n".repeat(160_000));
    files.add(select(), METADATA, None, metadata.as_bytes());
    let inventory = catalog(&files);
    assert!(inventory.components.iter().all(|component| component.licenses.len() <= 32));
}

#[test]
fn a11_hundreds_of_thousands_of_unread_files_are_one_problem() {
    let mut files = set(&packages(1, |_| package("a", "")));
    for n in 0..200_000 {
        files.add(select(), &format!("srv/{n}.jmod"), None, b"");
    }
    let lines = (0..100_000).fold(String::new(), |mut lines, n| {
        writeln!(lines, "{MD5}  usr/bin/{n}\n{MD5}  usr/bin/{n}").unwrap();
        lines
    });
    files.add(select(), "var/lib/dpkg/info/a.md5sums", None, lines.as_bytes());
    let inventory = catalog(&files);
    assert_eq!(inventory.problems.len(), 1, "{:?}", inventory.problems);
    assert_eq!(inventory.problems[0].detail, "200000 *.jmod");
}

#[test]
fn a11_repeated_entries_of_apk() {
    let entry = "P:a\nV:1\nA:x86_64\nF:usr/bin\nR:a\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n";
    let mut files = FileSet::default();
    files.add(select(), "etc/os-release", None, b"ID=alpine\nVERSION_ID=3.20.1\n");
    files.add(select(), "lib/apk/db/installed", None, entry.repeat(90_000).as_bytes());
    assert_eq!(catalog(&files).components.len(), 1);
    let mut files = FileSet::default();
    files.add(select(), "etc/os-release", None, b"ID=alpine\nVERSION_ID=3.20.1\n");
    let lines = "F:usr/lib/x.egg-info\nR:PKG-INFO\n".repeat(300_000);
    files.add(select(), "lib/apk/db/installed", None, format!("P:a\nV:1\nA:x\n{lines}\n").as_bytes());
    assert_eq!(catalog(&files).components.len(), 1);
}

#[test]
fn a11_a_long_directory_with_a_million_files_is_not_a_million_long_paths() {
    let mut files = FileSet::default();
    files.add(select(), "etc/os-release", None, b"ID=alpine\nVERSION_ID=3.20.1\n");
    let directory = format!("usr/{}/x.egg-info", "d".repeat(1 << 20));
    let lines = "R:PKG-INFO\n".repeat(1_000_000);
    let database = format!("P:a\nV:1\nA:x\nF:{directory}\n{lines}\n");
    files.add(select(), "lib/apk/db/installed", None, database.as_bytes());
    let directory = format!("usr/{}/x.egg-info", "d".repeat(3 << 10));
    let database = format!("P:a\nV:1\nA:x\nF:{directory}\n{lines}\n");
    files.add(select(), "usr/lib/apk/db/installed", None, database.as_bytes());
    assert_eq!(catalog(&files).components.len(), 1);
}

#[test]
fn a11_folders_of_packages_beyond_the_limit_are_reported_once() {
    let mut limits = Limits::default();
    limits.packages = 100;
    for (os, folder, file) in
        [("arch", "var/lib/pacman/local", "desc"), ("gentoo", "var/db/pkg/app", "CONTENTS")]
    {
        let mut files = FileSet::default();
        files.add(select(), "etc/os-release", None, format!("ID={os}\n").as_bytes());
        for n in 0..1_000 {
            let desc = format!("%NAME%\np{n}\n\n%VERSION%\n1\n");
            files.add(select(), &format!("{folder}/p{n}-1/{file}"), None, desc.as_bytes());
        }
        let inventory = plimsoll_sbom::catalog(&files, &limits);
        assert_eq!(inventory.components.len(), 100);
        assert_eq!(problems_of(&inventory, ProblemCode::OsInventoryBroken), 1, "{os}");
    }
}
