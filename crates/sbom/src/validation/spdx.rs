//! SPDX 2.2 and 2.3 as JSON: the members that decide how a document is understood, and identifiers.

use std::collections::BTreeSet;

use plimsoll_core::text::shortened;
use serde_json::Value;

use super::shape::{Kind, Shape, check as fits};
use super::{Findings, texts};

const DOCUMENT_ID: &str = "SPDXRef-DOCUMENT";

pub(super) fn check(value: &Value, findings: &mut Findings) {
    fits(value, &DOCUMENT, "", findings);
    identifiers(value, findings);
}

static DOCUMENT: Shape = Shape {
    name: "document",
    required: &["spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"],
    members: &[
        ("dataLicense", Kind::OneOf(&["CC0-1.0"])),
        ("SPDXID", Kind::OneOf(&[DOCUMENT_ID])),
        ("documentNamespace", Kind::Form("an absolute URI without a fragment", is_namespace)),
        ("creationInfo", Kind::Object(&CREATION)),
        ("packages", Kind::List(&PACKAGE)),
        ("relationships", Kind::List(&RELATIONSHIP)),
    ],
    rule: None,
};

static CREATION: Shape = Shape {
    name: "creation information",
    required: &["created", "creators"],
    members: &[("created", Kind::Time), ("creators", Kind::Texts)],
    rule: Some(|value, _| {
        let odd = texts(value.get("creators")).find(|creator| {
            !["Tool:", "Organization:", "Person:"].iter().any(|kind| creator.starts_with(kind))
        })?;
        Some((
            "wrong-form",
            format!("the creator `{}` is not a person, an organisation or a tool", shortened(odd)),
        ))
    }),
};

static PACKAGE: Shape = Shape {
    name: "package",
    required: &["SPDXID", "name", "downloadLocation"],
    members: &[
        ("SPDXID", Kind::Form("an identifier such as SPDXRef-a", is_identifier)),
        ("name", Kind::Text),
        ("filesAnalyzed", Kind::Boolean),
        ("primaryPackagePurpose", Kind::OneOf(PURPOSES)),
        ("supplier", Kind::Form("a person, an organisation or NOASSERTION", is_agent)),
        ("originator", Kind::Form("a person, an organisation or NOASSERTION", is_agent)),
        ("checksums", Kind::List(&CHECKSUM)),
        ("externalRefs", Kind::List(&EXTERNAL)),
    ],
    rule: None,
};

const PURPOSES: &[&str] = &[
    "APPLICATION",
    "FRAMEWORK",
    "LIBRARY",
    "CONTAINER",
    "OPERATING_SYSTEM",
    "OPERATING-SYSTEM",
    "DEVICE",
    "FIRMWARE",
    "SOURCE",
    "ARCHIVE",
    "FILE",
    "INSTALL",
    "OTHER",
];

static CHECKSUM: Shape = Shape {
    name: "checksum",
    required: &["algorithm", "checksumValue"],
    members: &[],
    rule: Some(|value, _| {
        let hex = value.get("checksumValue")?.as_str()?;
        let expected = match value.get("algorithm")?.as_str()? {
            "MD5" => 32,
            "SHA1" => 40,
            "SHA224" => 56,
            "SHA256" | "SHA3-256" | "BLAKE2b-256" => 64,
            "SHA384" | "SHA3-384" | "BLAKE2b-384" => 96,
            "SHA512" | "SHA3-512" | "BLAKE2b-512" => 128,
            _ => hex.len(),
        };
        let fits = hex.len() == expected && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        (!fits).then(|| {
            ("wrong-form", format!("`{}` is not a checksum of that algorithm in hex", shortened(hex)))
        })
    }),
};

static EXTERNAL: Shape = Shape {
    name: "external reference",
    required: &["referenceCategory", "referenceType", "referenceLocator"],
    members: &[(
        "referenceCategory",
        Kind::OneOf(&[
            "SECURITY",
            "PACKAGE-MANAGER",
            "PACKAGE_MANAGER",
            "PERSISTENT-ID",
            "PERSISTENT_ID",
            "OTHER",
        ]),
    )],
    rule: None,
};

static RELATIONSHIP: Shape = Shape {
    name: "relationship",
    required: &["spdxElementId", "relationshipType", "relatedSpdxElement"],
    members: &[],
    rule: None,
};

fn is_namespace(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
        && !text.contains(['#', ' '])
}

fn is_identifier(text: &str) -> bool {
    let own = text.strip_prefix("SPDXRef-");
    own.is_some_and(|own| {
        !own.is_empty() && own.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
    })
}

fn is_agent(text: &str) -> bool {
    text == "NOASSERTION" || text.starts_with("Organization:") || text.starts_with("Person:")
}

/// Reports duplicate identifiers and dangling references.
fn identifiers(value: &Value, findings: &mut Findings) {
    let mut defined = BTreeSet::from([DOCUMENT_ID]);
    for list in ["packages", "files", "snippets"] {
        let items = value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
        for (number, item) in items {
            let Some(id) = item.get("SPDXID").and_then(Value::as_str) else { continue };
            if !defined.insert(id) {
                let message = format!("`{}` is defined twice", shortened(id));
                findings.error("duplicate-reference", &format!("{list}/{number}"), message);
            }
        }
    }
    let refers = |id: &str, place: String, findings: &mut Findings| {
        let elsewhere = id.starts_with("DocumentRef-") || matches!(id, "NONE" | "NOASSERTION");
        if !elsewhere && !defined.contains(id) {
            findings.error(
                "dangling-reference",
                &place,
                format!("no element of the document is called `{}`", shortened(id)),
            );
        }
    };
    for id in texts(value.get("documentDescribes")) {
        refers(id, "documentDescribes".to_owned(), findings);
    }
    let relationships = value.get("relationships").and_then(Value::as_array).into_iter().flatten();
    let mut describes = value.get("documentDescribes").is_some();
    for (number, relationship) in relationships.enumerate() {
        describes |= relationship
            .get("relationshipType")
            .and_then(Value::as_str)
            .is_some_and(|kind| matches!(kind, "DESCRIBES" | "DESCRIBED_BY"));
        for name in ["spdxElementId", "relatedSpdxElement"] {
            if let Some(id) = relationship.get(name).and_then(Value::as_str) {
                refers(id, format!("relationships/{number}/{name}"), findings);
            }
        }
    }
    let several = value.get("packages").and_then(Value::as_array).is_some_and(|packages| packages.len() > 1);
    if !describes && several {
        findings.error("no-subject", "", "nothing says which of its packages the document describes");
    }
}
