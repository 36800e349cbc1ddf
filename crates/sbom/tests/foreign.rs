//! Documents that other tools wrote, in every form that is read.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests fail by panicking")]

mod shared;

use plimsoll_core::Limits;
use plimsoll_sbom::{Envelope, read_document, read_whole};
use serde_json::Value;

/// What is refused on purpose: older than what is read, or in a form that is not.
const REFUSED: &[&str] = &[
    "cyclonedx-xml/1.1-php-composer-laravel.cdx.xml",
    "github-snapshot/trivy-alpine-310.json",
    "spdx-tag-value/2.1-reuse-usbutils.spdx",
];

#[test]
fn documents_of_other_tools_are_read_with_all_their_packages() {
    let Some(archive) = shared::fixture("foreign-sboms.tar.gz") else { return };
    let index: Value = serde_json::from_slice(&shared::tar(&archive, &["-xzOf", "index.json"])).unwrap();
    let files = index.get("files").unwrap_or(&index).as_array().unwrap();
    for file in files {
        let name = file.get("file").and_then(Value::as_str).unwrap();
        let bytes = shared::tar(&archive, &["-xzOf", name]);
        let outcome = read_document(&bytes, &Limits::default());
        if REFUSED.contains(&name) {
            println!("{name}: {}", outcome.unwrap_err());
            continue;
        }
        let document = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (found, problems) = (document.inventory.components.len(), &document.inventory.problems);
        println!("{name}: {} {}, {found} of {:?}", document.format, document.version, file.get("packages"));
        for problem in problems {
            println!("  {}: {}", problem.code, problem.detail);
        }
        assert!(
            found > 0 || !problems.is_empty() || name.contains("cbom"),
            "{name} is empty and says nothing"
        );
        let whole = read_whole(&bytes, &Limits::default()).unwrap();
        assert_eq!(whole.inventory.components, document.inventory.components, "{name}");
        assert!(whole.inventory.relationships.len() >= document.inventory.relationships.len(), "{name}");
        let enveloped: &[Envelope] =
            if name.starts_with("dsse/") { &[Envelope::Dsse, Envelope::Statement] } else { &[] };
        assert_eq!(document.envelopes, enveloped, "{name}");
    }
}
