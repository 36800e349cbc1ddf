//! The tar reader: every path that comes out is clean, and limits hold.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::limits;
use plimsoll_image::tar::{Kind, Reader};

fuzz_target!(|bytes: &[u8]| {
    let limits = limits();
    let skipped = walk(bytes, &limits, false);
    let read = walk(bytes, &limits, true);
    // Reading the contents or not makes no difference to what is there, unless a content itself is broken.
    if let (Some(skipped), Some(read)) = (skipped, read) {
        assert_eq!(skipped, read);
    }
});

fn walk(bytes: &[u8], limits: &plimsoll_core::Limits, contents: bool) -> Option<Vec<(Vec<u8>, u64)>> {
    let mut reader = Reader::new(bytes, "archive", limits);
    let mut entries = Vec::new();
    loop {
        match reader.advance() {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => return None,
        }
        let entry = reader.entry().clone();
        assert!(entry.path.len() as u64 <= limits.path_bytes);
        assert!(entry.link.len() as u64 <= limits.path_bytes);
        assert_eq!(entry.ordinal, entries.len() as u64);
        assert!(entry.ordinal < limits.entries);
        assert!(entry.offset <= bytes.len() as u64);
        assert!(entry.path.is_empty() || entry.path.split(|b| *b == b'/').all(is_clean), "{:?}", entry.path);
        assert!(entry.kind == Kind::File || entry.size == 0);
        if contents && entry.kind == Kind::File && entry.size <= limits.kept_file_bytes {
            match reader.content() {
                Ok(content) => assert_eq!(content.len() as u64, entry.size),
                Err(_) => return None,
            }
        }
        entries.push((entry.path, entry.size));
    }
    reader.finish().ok()?;
    Some(entries)
}

fn is_clean(component: &[u8]) -> bool {
    !component.is_empty() && component != b"." && component != b".." && !component.contains(&0)
}
