//! The conformance documents of the CycloneDX project: the valid ones are read, the invalid ones never panic.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests fail by panicking")]

mod shared;

use std::path::Path;

use plimsoll_sbom::read;

#[test]
fn valid_documents_are_read_and_invalid_ones_do_no_harm() {
    let Some(archive) = shared::fixture("cyclonedx-conformance.tar.gz") else { return };
    let listing = String::from_utf8(shared::tar(&archive, &["-tzf"])).unwrap();
    let mut valid = 0;
    for name in listing.lines().filter(|name| Path::new(name).extension().is_some_and(|e| e == "json")) {
        let document = shared::tar(&archive, &["-xzOf", name]);
        let outcome = read(&document);
        if name.contains("/valid") {
            valid += 1;
            assert!(outcome.is_ok(), "{name}: {}", outcome.unwrap_err());
        }
    }
    assert!(valid >= 40, "{valid} valid documents in the archive");
}
