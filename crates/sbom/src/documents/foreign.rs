//! Documents that no format of the list recognises: other forms of the same standards, and formats of other tools. They
//! are not read; the message names them and says how to get a document that can be read.
//!
//! Each is recognised by its start or its members: SPDX RDF by its root, for example.

use plimsoll_core::Cancel;

use super::json::{Member, Members};
use crate::Error;

/// How much of a text is examined. A root element follows a declaration and comments.
const HEAD: usize = 4096;

const SPDX_TOOLS: &str = "convert it: pyspdxtools -i FILE -o FILE.spdx.json";
const BY_ITS_TOOL: &str = "have the tool that made it write SPDX or CycloneDX as JSON";
const UNPACK: &str = "unpack it first";

/// The error for a text that is not a JSON object, if it is of a known kind.
pub(super) fn of_text(bytes: &[u8]) -> Option<Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Some(Error::Empty);
    }
    let packed: &[(&[u8], &str)] = &[
        (&[0x1f, 0x8b], "compressed with gzip"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd"),
        (b"\xfd7zXZ\0", "compressed with xz"),
        (b"PK\x03\x04", "a zip file"),
    ];
    if let Some((_, got)) = packed.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(Error::OtherFormat { got, way: UNPACK });
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(Error::OtherFormat { got: "a tar", way: UNPACK });
    }
    let head = String::from_utf8_lossy(bytes.get(..HEAD).unwrap_or(bytes));
    let text = head.trim_start();
    let (got, way) = if text.starts_with('<') {
        if text.contains("spdx.org/rdf") { ("SPDX RDF/XML", SPDX_TOOLS) } else { ("XML", BY_ITS_TOOL) }
    } else if text.starts_with('[') {
        ("a JSON array", "name one document, not a list of them")
    } else {
        return None;
    };
    Some(Error::OtherFormat { got, way })
}

/// The members by which a JSON object is recognised.
const MEMBERS: &[Member] = &[
    Member::Value("mediaType"),
    Member::Value("matches"),
    Member::Value("descriptor"),
    Member::Value("SchemaVersion"),
    Member::Value("ArtifactName"),
    Member::Value("manifests"),
    Member::Value("detector"),
    Member::Value("config"),
];

/// The error for a JSON object, if it is of a known kind.
pub(super) fn of_json(bytes: &[u8]) -> Option<Error> {
    let members = Members::split(bytes, MEMBERS, 0, &Cancel::never()).ok()?;
    let has = |names: &[&str]| names.iter().all(|name| members.has(name));
    let (got, way) = if has(&["matches", "descriptor"]) {
        ("a report of Grype", "name the SBOM or image that it is about")
    } else if has(&["SchemaVersion", "ArtifactName"]) {
        ("a report of Trivy", "convert it: trivy convert --format cyclonedx FILE")
    } else if has(&["manifests", "detector"]) {
        ("a GitHub dependency snapshot", "name the SBOM or image that it is about")
    } else if has(&["manifests"]) || has(&["config", "mediaType"]) {
        ("an image's manifest", "name the image itself")
    } else {
        return None;
    };
    Some(Error::OtherFormat { got, way })
}
