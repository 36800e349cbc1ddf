//! The conformance documents of the CycloneDX project: the valid ones are read and found valid, the invalid ones are not.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests fail by panicking")]

mod shared;

use std::path::Path;

use plimsoll_core::Limits;
use plimsoll_sbom::{Level, Validation, read, validate};

#[test]
fn documents_are_accepted_and_rejected_as_labelled() {
    let Some(archive) = shared::fixture("cyclonedx-conformance.tar.gz") else { return };
    let listing = String::from_utf8(shared::tar(&archive, &["-tzf"])).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for name in listing.lines().filter(|name| Path::new(name).extension().is_some_and(|e| e == "json")) {
        let document = shared::tar(&archive, &["-xzOf", name]);
        let outcome = read(&document);
        if name.contains("/valid") {
            valid += 1;
            assert!(outcome.is_ok(), "{name}: {}", outcome.unwrap_err());
        }
        let errors = |validation: Validation| {
            let errors = validation.findings.into_iter().filter(|finding| finding.level == Level::Error);
            errors
                .map(|finding| format!("{} {}: {}", finding.code, finding.place, finding.message))
                .collect::<Vec<_>>()
        };
        match validate(&document, &Limits::default()).map(errors) {
            Ok(errors) if name.contains("/valid") => assert_eq!(errors, [""; 0], "{name}"),
            Ok(errors) => {
                invalid += 1;
                assert!(!errors.is_empty(), "{name} is found valid");
            }
            Err(error) => {
                invalid += 1;
                assert!(!name.contains("/valid"), "{name}: {error}");
            }
        }
    }
    assert!(valid >= 40, "{valid} valid documents in the archive");
    assert!(invalid >= 20, "{invalid} invalid documents in the archive");
}
