//! What a document is that no format of the list recognises: other forms of the same standards, envelopes around documents,
//! and what other tools write of their own. Nothing of it is read; the message says what it is and how to come by one that is.
//!
//! By the marks that each of them has at its beginning or among its members: CycloneDX XML and SPDX RDF by their root, SPDX
//! tag-value and YAML by their first field, SPDX 3 by its context, in-toto and DSSE by the members that their specifications
//! ask for.

use plimsoll_core::Cancel;
use serde_json::value::RawValue;

use super::json::{Member, Members};
use crate::Error;

/// How much of a text is looked at: a root element follows its declaration and comments.
const HEAD: usize = 4096;

const CYCLONEDX_CLI: &str = "convert it: cyclonedx convert --input-file FILE --output-file FILE.cdx.json";
const SPDX_TOOLS: &str = "convert it: pyspdxtools -i FILE -o FILE.spdx.json";
const PREDICATE: &str = "verify what signs it, and take the document out: jq .predicate FILE";
const PAYLOAD: &str = "verify it, and take the document out: jq -r .payload FILE | base64 -d | jq .predicate";
const BUNDLE: &str =
    "verify it, and take the document out: jq -r .dsseEnvelope.payload FILE | base64 -d | jq .predicate";
const BY_ITS_TOOL: &str = "have the tool that made it write SPDX or CycloneDX as JSON";
const UNPACK: &str = "unpack it first";

/// The error for a text that is not a JSON object, where it is something known.
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
    let begins = |field: &str| text.lines().any(|line| line.trim_start().starts_with(field));
    let (got, way) = if text.starts_with('<') {
        if text.contains("cyclonedx.org/schema") {
            ("CycloneDX XML", CYCLONEDX_CLI)
        } else if text.contains("spdx.org/rdf") {
            ("SPDX RDF/XML", SPDX_TOOLS)
        } else {
            ("XML", BY_ITS_TOOL)
        }
    } else if begins("SPDXVersion:") {
        ("SPDX tag-value", SPDX_TOOLS)
    } else if begins("spdxVersion:") || begins("\"spdxVersion\":") {
        ("SPDX YAML", SPDX_TOOLS)
    } else if text.starts_with('[') {
        ("a JSON array", "name one document, not a list of them")
    } else {
        return None;
    };
    Some(Error::OtherFormat { got, way })
}

/// The members by which a JSON object is known.
const MEMBERS: &[Member] = &[
    Member::Value("_type"),
    Member::Value("payloadType"),
    Member::Value("payload"),
    Member::Value("mediaType"),
    Member::Value("dsseEnvelope"),
    Member::Value("verificationMaterial"),
    Member::Value("@context"),
    Member::Value("@graph"),
    Member::Value("artifacts"),
    Member::Value("matches"),
    Member::Value("descriptor"),
    Member::Value("SchemaVersion"),
    Member::Value("ArtifactName"),
    Member::Value("manifests"),
    Member::Value("config"),
];

/// The error for a JSON object, where it is something known.
pub(super) fn of_json(bytes: &[u8]) -> Option<Error> {
    let members = Members::split(bytes, MEMBERS, 0, &Cancel::never()).ok()?;
    let says = |name: &str, text: &str| {
        let value: Option<&RawValue> = members.value(name).ok().flatten();
        value.is_some_and(|value| value.get().contains(text))
    };
    let has = |names: &[&str]| names.iter().all(|name| members.has(name));
    let (got, way) = if says("_type", "in-toto.io/Statement") {
        ("an in-toto statement", PREDICATE)
    } else if has(&["payloadType", "payload"]) {
        ("a DSSE envelope", PAYLOAD)
    } else if says("mediaType", "vnd.dev.sigstore.bundle") || has(&["dsseEnvelope", "verificationMaterial"]) {
        ("a Sigstore bundle", BUNDLE)
    } else if says("@context", "spdx.org/rdf/3") || (says("@context", "spdx") && has(&["@graph"])) {
        ("SPDX 3", BY_ITS_TOOL)
    } else if has(&["artifacts", "descriptor"]) {
        ("Syft's own JSON", "convert it: syft convert FILE -o spdx-json")
    } else if has(&["matches", "descriptor"]) {
        ("a report of Grype", "name the SBOM or image that it is about")
    } else if has(&["SchemaVersion", "ArtifactName"]) {
        ("a report of Trivy", "convert it: trivy convert --format cyclonedx FILE")
    } else if has(&["manifests"]) || has(&["config", "mediaType"]) {
        ("an image's manifest", "name the image itself")
    } else {
        return None;
    };
    Some(Error::OtherFormat { got, way })
}
