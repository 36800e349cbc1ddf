//! Archives of Red Hat's documents that an attacker or a broken publisher may send.

use std::io::Write as _;

use plimsoll_core::Limits;
use tar::EntryType;

use super::built_in;

const DOCUMENT: &str = r#"{"document": {"category": "csaf_vex", "tracking": {"id": "CVE-2026-0001", "current_release_date": "2026-01-01T00:00:00Z"}},
    "product_tree": {"branches": [{"product": {"product_id": "p", "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:9"}}},
      {"product": {"product_id": "c", "product_identification_helper": {"purl": "pkg:rpm/redhat/curl@1-2.el9"}}}],
      "relationships": [{"product_reference": "c", "relates_to_product_reference": "p", "full_product_name": {"product_id": "p:c"}}]},
    "vulnerabilities": [{"cve": "CVE-2026-0001", "product_status": {"fixed": ["p:c"]}}]}"#;
const FILE: &str = "csaf_vex_2026-08-20.tar.zst";

/// An archive of entries, each with its type, name and content.
fn archive(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 3).unwrap());
    for (kind, name, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        // Written as it is, also where the library would refuse it.
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn told(bytes: &[u8], limits: &Limits) -> String {
    match built_in("redhat", FILE, bytes, limits) {
        Ok(report) => format!("kept {}", report.feeds[0].kept),
        Err(error) => error.to_string(),
    }
}

#[test]
fn t01_only_files_with_plain_headers_are_documents() {
    let document = DOCUMENT.as_bytes();
    let name = "2026/cve-2026-0001.json";
    let time = b"30 mtime=1790000000.123456789\n";
    for (entries, expected) in [
        (vec![(EntryType::Regular, name, document)], "kept 1"),
        (
            vec![
                (EntryType::Directory, "2026/", &b""[..]),
                (EntryType::XHeader, "x", time),
                (EntryType::Regular, name, document),
            ],
            "kept 1",
        ),
        // Names are never paths.
        (vec![(EntryType::Regular, "../../2026/cve-2026-0001.json", document)], "kept 1"),
        (
            vec![(EntryType::XHeader, "x", b"20 path=2026/x.json\n"), (EntryType::Regular, name, document)],
            "renames or resizes",
        ),
        (
            vec![(EntryType::XHeader, "x", b"13 size=1000\n"), (EntryType::Regular, name, document)],
            "renames or resizes",
        ),
        (
            vec![(EntryType::XHeader, "x", &[b'x'; 70_000]), (EntryType::Regular, name, document)],
            "renames or resizes",
        ),
        (
            vec![(EntryType::GNULongName, "x", b"2026/x.json\0"), (EntryType::Regular, name, document)],
            "neither a file nor a folder",
        ),
        (vec![(EntryType::Symlink, name, b"")], "neither a file nor a folder"),
        (vec![(EntryType::Link, name, b"")], "neither a file nor a folder"),
        (vec![(EntryType::Char, name, b"")], "neither a file nor a folder"),
        (vec![(EntryType::Regular, "2026/cve.json", b"{")], "entry `2026/cve.json`"),
    ] {
        let told = told(&archive(&entries), &Limits::default());
        assert!(told.contains(expected) && told.len() < 1_000, "{expected}: {told}");
    }
}

#[test]
fn t16_an_archive_is_bounded_in_all_and_in_each_entry() {
    let whole = archive(&[(EntryType::Regular, "2026/cve-2026-0001.json", DOCUMENT.as_bytes())]);
    let mut limits = Limits::default();
    limits.set("advisory_bytes", "100").unwrap();
    assert!(told(&whole, &limits).contains("advisory_bytes"));
    let mut limits = Limits::default();
    limits.set("feed_bytes", "1000").unwrap();
    assert!(told(&whole, &limits).contains("feed_bytes"));
    let mut limits = Limits::default();
    limits.set("advisories", "2").unwrap();
    let many = vec![(EntryType::Regular, "2026/README", &b""[..]); 10];
    assert!(told(&archive(&many), &limits).contains("advisories"));
    // A bomb: a gigabyte of zeros, in entries that are each small enough.
    let mut bomb = zstd::Encoder::new(Vec::new(), 3).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("2026/README").unwrap();
    header.set_size(1 << 20);
    header.set_cksum();
    for _ in 0..1 << 10 {
        bomb.write_all(header.as_bytes()).unwrap();
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    assert!(told(&bomb.finish().unwrap(), &Limits::default()).contains("ratio"));
}

#[test]
fn t04_an_archive_that_is_cut_off_is_no_shorter_archive() {
    let whole = archive(&[
        (EntryType::Regular, "2026/cve-2026-0001.json", DOCUMENT.as_bytes()),
        (EntryType::Regular, "2026/cve-2026-0002.json", DOCUMENT.replace("0001", "0002").as_bytes()),
    ]);
    for length in (0..whole.len()).step_by(7) {
        let told = told(&whole[..length], &Limits::default());
        assert!(told.contains(FILE), "{length}: {told}");
    }
    // The frame is whole, the archive in it is not.
    let tar = zstd::decode_all(&*whole).unwrap();
    for length in [100, 512, 600, 1024 + 700, 2048] {
        let cut = zstd::encode_all(&tar[..length], 3).unwrap();
        let told = told(&cut, &Limits::default());
        assert!(told.contains(FILE), "{length}: {told}");
    }
}
