//! SBOMs of others, in every form. What was understood survives being written in any form that is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::Timestamp;
use plimsoll_fuzz::limits;
use plimsoll_sbom::{Build, Document, Guideline, Inventory, formats, read_document, score, unread, validate};

fuzz_target!(|bytes: &[u8]| {
    let mut limits = limits();
    let Ok(read) = read_document(bytes, &limits) else {
        return;
    };
    assert!(read.inventory.components.len() <= limits.components);
    if let Ok(validation) = validate(bytes, &limits) {
        assert_eq!(validation.document.inventory.components, read.inventory.components);
        for guideline in Guideline::ALL {
            assert!(score(&validation.document, guideline).percent <= 100);
        }
        let _ = unread(bytes, &validation.document, &limits);
    }
    let document = Document {
        inventory: &read.inventory,
        subject: read.subject(),
        created: Timestamp::UNIX_EPOCH,
        tool_version: "0",
        build: Build::default(),
        states: read.completeness,
    };
    limits.sbom_bytes = u64::MAX;
    limits.components = usize::MAX;
    for format in formats().filter(|format| !format.writes().is_empty() && !format.reads().is_empty()) {
        let mut out = Vec::new();
        format.write(&document, &mut out).unwrap();
        let again = read_document(&out, &limits).unwrap();
        assert_eq!(again.completeness, document.completeness());
        assert_eq!(purls(&again.inventory), purls(&read.inventory), "{}", String::from_utf8_lossy(&out));
    }
});

fn purls(inventory: &Inventory) -> Vec<String> {
    let mut purls: Vec<String> = inventory.components.iter().map(|c| c.purl.to_string()).collect();
    purls.sort();
    purls
}
