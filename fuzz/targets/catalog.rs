//! The catalogers: os-release, the package databases of dpkg, apk, rpm, pacman, portage, opkg and chisel, Go programs, npm's and other languages' files, jars, lock files, Python's METADATA and its
//! neighbours, also in zip archives, and what nobody reads, in one file system.
//!
//! Each document is a file; its first line is the path. What comes out goes through both SBOM writers and back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::Timestamp;
use plimsoll_core::rootfs::FileSet;
use plimsoll_fuzz::{documents, limits};
use plimsoll_sbom::{Build, Completeness, Document, DocumentSubject, catalog, formats, read_document, select};

fuzz_target!(|bytes: &[u8]| {
    let mut limits = limits();
    let mut files = FileSet::default();
    for document in documents(bytes) {
        let end = document.iter().position(|b| *b == b'\n').unwrap_or(document.len());
        let (path, content) = document.split_at(end);
        let Ok(path) = str::from_utf8(path) else { continue };
        // As readers of root file systems hand them over.
        let clean = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if clean {
            files.add_within(&limits, select(), path, None, content.get(1..).unwrap_or_default());
        }
    }
    let inventory = catalog(&files, &limits);
    assert_eq!(catalog(&files, &limits), inventory);
    assert!(
        inventory.os.is_some()
            || inventory.components.is_empty()
            || !inventory.problems.is_empty()
            || inventory.components.iter().all(|c| !c.ecosystem.is_os())
    );
    let document = Document {
        inventory: &inventory,
        subject: DocumentSubject { name: "fuzzed".to_owned(), ..DocumentSubject::default() },
        created: Timestamp::UNIX_EPOCH,
        tool_version: "0",
        build: Build::default(),
        states: Completeness::Complete,
    };
    limits.sbom_bytes = u64::MAX;
    limits.components = usize::MAX;
    limits.relationships = usize::MAX;
    for format in formats().filter(|format| !format.writes().is_empty() && !format.reads().is_empty()) {
        let mut out = Vec::new();
        format.write(&document, &mut out).unwrap();
        let read = read_document(&out, &limits).unwrap();
        let purls = |inventory: &plimsoll_sbom::Inventory| {
            let mut purls: Vec<String> = inventory.components.iter().map(|c| c.purl.to_string()).collect();
            purls.sort();
            purls
        };
        assert_eq!(purls(&read.inventory), purls(&inventory), "{}", String::from_utf8_lossy(&out));
    }
});
