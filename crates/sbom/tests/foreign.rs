//! Documents of other tools, in every form that is read.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests fail by panicking")]

mod shared;

use plimsoll_core::{Limits, Timestamp};
use plimsoll_sbom::{
    Build, Document, Envelope, Finding, Level, formats, read_document, read_whole, unwritten, validate,
};

/// Documents that are refused on purpose: too old, or in a form that is not read.
const REFUSED: &[&str] = &[
    "cyclonedx-xml/1.1-php-composer-laravel.cdx.xml",
    "github-snapshot/trivy-alpine-310.json",
    "spdx-tag-value/2.1-reuse-usbutils.spdx",
];

#[test]
fn documents_of_other_tools_are_read_with_all_their_packages() {
    for (name, bytes) in shared::foreign_documents() {
        let outcome = read_document(&bytes, &Limits::default());
        if REFUSED.contains(&&*name) {
            println!("{name}: {}", outcome.unwrap_err());
            continue;
        }
        let document = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (found, problems) = (document.inventory.components.len(), &document.inventory.problems);
        println!("{name}: {} {}, {found} components", document.format, document.version);
        for problem in problems {
            println!("  {}: {}", problem.code, problem.detail);
        }
        assert!(found > 0 || !problems.is_empty() || name.contains("cbom"), "{name} is empty");
        let mut whole = read_whole(&bytes, &Limits::default()).unwrap();
        // Matching needs neither CPE names nor digests, so these are only read for a new document.
        whole.inventory.components.iter_mut().for_each(|component| component.origin = None);
        assert_eq!(whole.inventory.components, document.inventory.components, "{name}");
        assert!(whole.inventory.relationships.len() >= document.inventory.relationships.len(), "{name}");
        let enveloped: &[Envelope] =
            if name.starts_with("dsse/") { &[Envelope::Dsse, Envelope::Statement] } else { &[] };
        assert_eq!(document.envelopes, enveloped, "{name}");
    }
}

#[test]
fn documents_of_other_tools_are_converted_to_valid_ones_in_every_format_without_loss() {
    let limits = Limits::default();
    for (name, bytes) in shared::foreign_documents().iter().filter(|(name, _)| !REFUSED.contains(&&**name)) {
        let read = read_whole(bytes, &limits).unwrap();
        let document = Document {
            inventory: &read.inventory,
            subject: read.subject(),
            created: Timestamp::UNIX_EPOCH,
            tool_version: "0",
            build: Build::default(),
            states: read.completeness,
        };
        for format in formats().filter(|format| !format.reads().is_empty()) {
            for version in format.writes() {
                let mut written = Vec::new();
                format.write_version(&document, version, &mut written).unwrap();
                let lost = unwritten(&read.inventory, &written, format, &limits).unwrap();
                assert_eq!(lost, [], "{name} as {} {version}", format.id());
                let validation = validate(&written, &limits).unwrap();
                // An error in the subject of one document is also in the other.
                let errors = validation.findings.iter().filter(|finding| finding.level == Level::Error);
                let errors = errors.filter(|finding| !finding.code.starts_with("subject-"));
                assert_eq!(
                    errors.collect::<Vec<_>>(),
                    Vec::<&Finding>::new(),
                    "{name} as {} {version}",
                    format.id()
                );
            }
        }
    }
}
