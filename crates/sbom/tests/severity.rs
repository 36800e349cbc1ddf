//! The severity of a problem depends on what it can hide, not on how a file is broken.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use plimsoll_core::rootfs::{Attributes, Extraction, FileSet, FoundFile, LayerRef, Unreadable};
use plimsoll_core::{Digest, Limits};
use plimsoll_sbom::{
    Document, DocumentSubject, Inventory, Problem, ProblemCode, ProblemSeverity, catalog, read_document,
    select, write_cyclonedx, write_spdx,
};

/// A package that is found without an operating system.
const FOUND: (&str, &str) = ("app/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n");

fn folder(files: &[(&str, &str)]) -> FileSet {
    let mut set = FileSet::default();
    for (path, content) in files {
        set.add(select(), path, None, content.as_bytes());
    }
    set
}

fn image(files: &[(&str, &str)]) -> FileSet {
    let layer = LayerRef { index: 0, digest: Digest::sha256(b"gz"), diff_id: Digest::sha256(b"tar") };
    FileSet { layers: vec![layer], ..folder(files) }
}

fn told(files: &FileSet) -> Vec<(ProblemCode, ProblemSeverity)> {
    let inventory = catalog(files, &Limits::default());
    inventory.problems.iter().map(|problem| (problem.code, problem.severity)).collect()
}

const UNKNOWN: (ProblemCode, ProblemSeverity) = (ProblemCode::UnknownOs, ProblemSeverity::Missing);
const NONE: (ProblemCode, ProblemSeverity) = (ProblemCode::NoOs, ProblemSeverity::Noted);

#[test]
fn a_source_folder_needs_no_operating_system() {
    assert_eq!(told(&folder(&[])), []);
    assert_eq!(told(&folder(&[FOUND, ("go.mod", "module x\n")])), []);
}

#[test]
fn a_directory_that_cannot_be_entered_hides_its_content() {
    let mut files = folder(&[FOUND]);
    for path in ["private", "secret/x"] {
        let (path, reason) = (path.to_owned(), "permission denied".to_owned());
        files.unreadable.push(Unreadable { path, reason, purposes: Vec::new() });
    }
    let inventory = catalog(&files, &Limits::default());
    let [problem] = &inventory.problems[..] else { panic!("{:?}", inventory.problems) };
    assert!(problem.hides_components());
    assert_eq!(problem.detail, "cannot be read: permission denied, and neither can 1 more");
    assert_eq!((problem.path.as_str(), problem.files.len()), ("private", 2));
}

#[test]
fn an_image_of_a_single_program_needs_no_operating_system_but_an_empty_one_may() {
    assert_eq!(told(&image(&[FOUND])), [NONE]);
    // Files that such images contain for their program.
    for path in
        ["etc/passwd", "etc/nsswitch.conf", "etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/UTC"]
    {
        assert_eq!(told(&image(&[FOUND, (path, "")])), [NONE], "{path}");
    }
    assert_eq!(told(&image(&[])), [UNKNOWN]);
}

#[test]
fn a_system_without_its_release_and_database_is_missing_in_images_and_in_folders() {
    for path in [
        "etc/debian_version",
        "etc/alpine-release",
        "etc/apk/world",
        "etc/apt/sources.list",
        "etc/issue",
        "etc/yum.repos.d/fedora.repo",
        "lib/apk/db/scripts.tar",
        "lib/ld-musl-x86_64.so.1",
        "lib/x86_64-linux-gnu/libc.so.6",
        "lib64/ld-linux-x86-64.so.2",
        "opt/glibc/lib/ld-linux-aarch64.so.1",
        "usr/share/base-files/motd",
        "var/lib/dpkg/info/libc6:amd64.md5sums",
        "var/lib/dpkg/lock",
        "Files/Windows/System32/ntdll.dll",
    ] {
        for files in [image(&[FOUND, (path, "")]), folder(&[FOUND, (path, "")])] {
            let found = told(&files);
            assert!(found.contains(&UNKNOWN), "{path}: {found:?}");
            assert!(!found.contains(&NONE), "{path}");
        }
    }
    let mut files = image(&[FOUND]);
    let path = "etc/apt/sources.list".to_owned();
    let purposes = select().want(&path, None);
    files.unreadable.push(Unreadable { path, reason: "permission denied".to_owned(), purposes });
    assert_eq!(told(&files), [UNKNOWN]);
    // An unusable file counts like a present one.
    for content in ["", "NAME=x\n", "ID=\"a b\"\n"] {
        let found = told(&image(&[FOUND, ("etc/os-release", content)]));
        assert!(found.iter().all(|it| *it == UNKNOWN) && !found.is_empty(), "{content}: {found:?}");
    }
}

/// A 64-bit little-endian ELF program with one program header of this type.
fn program(kind: u8) -> Vec<u8> {
    let mut bytes = vec![0; 120];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (bytes[16], bytes[32], bytes[54], bytes[56], bytes[64]) = (2, 64, 56, 1, kind);
    bytes
}

fn with_program(mut set: FileSet, content: &[u8]) -> FileSet {
    let attributes = Attributes { size: content.len() as u64, mode: 0o755 };
    let purposes = select().want("app/run", Some(attributes));
    let (mut buffer, limits) = (Vec::new(), Limits::default());
    let mut extraction = Extraction::new(select(), &purposes, attributes, &limits, &mut buffer);
    extraction.take(content);
    let (path, facts) = ("app/run".to_owned(), extraction.finish());
    let layer = set.layers.first().map(|_| 0);
    set.insert(FoundFile { real_path: path.clone(), path, facts, layer, earlier: Vec::new() });
    set
}

#[test]
fn a_program_that_names_a_loader_needs_libraries_that_are_not_listed() {
    let not_read = (ProblemCode::NotRead, ProblemSeverity::Missing);
    assert_eq!(told(&with_program(image(&[FOUND]), &program(3))), [UNKNOWN, not_read]);
    assert_eq!(told(&with_program(image(&[FOUND]), &program(1))), [NONE, not_read]);
    // In a folder, it runs on the system around it.
    assert_eq!(told(&with_program(folder(&[FOUND]), &program(3))), [not_read]);
}

/// No metadata of any format; as a zip archive, its directory is larger than the archive.
const BROKEN: &str = "PK\x05\x06\0\0\0\0\0\0\0\0\x7f\0\0\0\0\0\0\0\0\0";

#[test]
fn broken_metadata_is_noted_in_test_data_and_missing_everywhere_else() {
    let broken = |path: &str| {
        let inventory = catalog(&folder(&[(path, BROKEN)]), &Limits::default());
        let [problem] = &inventory.problems[..] else { panic!("{path}: {:?}", inventory.problems) };
        (problem.code, problem.severity)
    };
    let code = ProblemCode::UnparsableMetadata;
    for path in [
        "tests/data/x-1.dist-info/METADATA",
        "usr/lib/python3/dist-packages/setuptools/tests/x.egg-info/PKG-INFO",
        "node_modules/resolve/test/malformed_package_json/package.json",
        "test/fixtures/Cargo.lock",
        "usr/local/go/src/cmd/testdata/go.mod",
    ] {
        assert_eq!(broken(path), (code, ProblemSeverity::Noted), "{path}");
    }
    for path in [
        "x-1.dist-info/METADATA",
        "usr/lib/python3/site-packages/x-1.dist-info/METADATA",
        "tests/.venv/lib/python3.12/site-packages/x-1.dist-info/METADATA",
        "var/task/x-1.dist-info/METADATA",
        "node_modules/x/package.json",
        "tests/node_modules/x/package.json",
        "Cargo.lock",
        // Not a list of packages, but the packages themselves.
        "tests/x.whl",
        "tests/x.jar",
        "tests/vendor/composer/installed.json",
    ] {
        assert_eq!(broken(path), (code, ProblemSeverity::Missing), "{path}");
    }
}

#[test]
fn a_broken_package_database_is_missing_wherever_it_is_broken() {
    let status =
        |text| image(&[("etc/os-release", "ID=debian\nVERSION_ID=12\n"), ("var/lib/dpkg/status", text)]);
    for text in ["", "\0", "Package: a\n", "Package: a\nStatus: install ok installed\nVersion: 1\n\njunk\n"] {
        assert!(told(&status(text)).iter().any(|(_, it)| *it == ProblemSeverity::Missing), "{text:?}");
    }
}

#[test]
fn an_empty_database_does_not_count_for_an_unknown_distribution() {
    for (path, content) in [("var/lib/dpkg/status", ""), ("lib/apk/db/installed", "\n")] {
        let found = told(&image(&[FOUND, ("etc/os-release", "ID=ours\nVERSION_ID=1\n"), (path, content)]));
        assert!(found.contains(&UNKNOWN), "{path}: {found:?}");
    }
}

#[test]
fn documents_keep_the_severity_and_are_incomplete_only_if_something_is_missing() {
    let noted = Problem {
        severity: ProblemSeverity::Noted,
        ..Problem::new(ProblemCode::UnparsableMetadata, "tests/package.json", "is not JSON")
    };
    let missing = Problem::new(ProblemCode::UnparsableMetadata, "package.json", "is not JSON");
    for (problems, complete) in [(vec![noted.clone()], true), (vec![missing, noted], false)] {
        let inventory = Inventory { problems, ..catalog(&folder(&[FOUND]), &Limits::default()) };
        assert_eq!(inventory.is_complete(), complete);
        let document = Document {
            inventory: &inventory,
            subject: DocumentSubject { name: "x".to_owned(), ..DocumentSubject::default() },
            created: "2026-11-20T10:00:00Z".parse().unwrap(),
            tool_version: "1",
            build: plimsoll_sbom::Build::default(),
            states: plimsoll_sbom::Completeness::Complete,
        };
        let (mut spdx, mut cyclonedx) = (Vec::new(), Vec::new());
        write_spdx(&document, &mut spdx).unwrap();
        write_cyclonedx(&document, &mut cyclonedx).unwrap();
        for (bytes, mark) in
            [(spdx, "\"comment\": \"Incomplete: "), (cyclonedx, "\"aggregate\": \"incomplete\"")]
        {
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(
                read_document(text.as_bytes(), &Limits::default()).unwrap().completeness,
                document.completeness()
            );
            let is_marked = text.replace("\": ", "\":").contains(&mark.replace("\": ", "\":"));
            assert_eq!(is_marked, !complete, "{text}");
            let read = read_document(text.as_bytes(), &Limits::default()).unwrap().inventory;
            assert_eq!(read.problems, inventory.problems);
        }
    }
}

#[test]
fn an_image_without_a_system_has_none_in_its_document() {
    let inventory = catalog(&image(&[FOUND]), &Limits::default());
    let document = Document {
        inventory: &inventory,
        subject: DocumentSubject {
            name: "x".to_owned(),
            manifest: Some(Digest::sha256(b"m")),
            ..DocumentSubject::default()
        },
        created: "2026-11-20T10:00:00Z".parse().unwrap(),
        tool_version: "1",
        build: plimsoll_sbom::Build::default(),
        states: plimsoll_sbom::Completeness::default(),
    };
    for write in [write_spdx, write_cyclonedx] {
        let mut bytes = Vec::new();
        write(&document, &mut bytes).unwrap();
        let read = read_document(&bytes, &Limits::default()).unwrap().inventory;
        assert_eq!(read.problems, inventory.problems);
        assert!(read.is_complete());
    }
}
