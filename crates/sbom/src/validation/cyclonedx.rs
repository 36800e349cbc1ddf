//! CycloneDX as JSON: the members that decide how a document is understood, after the schemas of 1.2 to 1.7, and references.

use std::collections::BTreeSet;

use plimsoll_core::text::shortened;
use serde_json::Value;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::shape::{Kind, Shape, check as fits};
use super::{Findings, texts};
use crate::licence::Licence;

pub(super) fn check(value: &Value, findings: &mut Findings) {
    fits(value, &BOM, "", findings);
    references(value, findings);
}

static BOM: Shape = Shape {
    name: "document",
    required: &["bomFormat", "specVersion"],
    members: &[
        ("bomFormat", Kind::OneOf(&["CycloneDX"])),
        ("serialNumber", Kind::Form("a URN of a UUID", is_serial)),
        ("metadata", Kind::Object(&METADATA)),
        ("components", Kind::List(&COMPONENT)),
        ("services", Kind::List(&SERVICE)),
        ("dependencies", Kind::List(&DEPENDENCY)),
        ("compositions", Kind::List(&COMPOSITION)),
        ("externalReferences", Kind::List(&EXTERNAL)),
        ("properties", Kind::List(&PROPERTY)),
    ],
    rule: None,
};

static METADATA: Shape = Shape {
    name: "metadata",
    required: &[],
    members: &[
        ("timestamp", Kind::Time),
        ("component", Kind::Object(&COMPONENT)),
        ("licenses", Kind::List(&LICENCE_CHOICE)),
        ("properties", Kind::List(&PROPERTY)),
    ],
    rule: Some(mixed_licences),
};

static COMPONENT: Shape = Shape {
    name: "component",
    required: &["type", "name"],
    members: &[
        ("type", Kind::OneOf(COMPONENT_TYPES)),
        ("bom-ref", Kind::Text),
        ("scope", Kind::OneOf(&["required", "optional", "excluded"])),
        ("hashes", Kind::List(&HASH)),
        ("licenses", Kind::List(&LICENCE_CHOICE)),
        ("swid", Kind::Object(&SWID)),
        ("pedigree", Kind::Object(&PEDIGREE)),
        ("externalReferences", Kind::List(&EXTERNAL)),
        ("components", Kind::List(&COMPONENT)),
        ("properties", Kind::List(&PROPERTY)),
        ("modified", Kind::Boolean),
    ],
    rule: Some(mixed_licences),
};

const COMPONENT_TYPES: &[&str] = &[
    "application",
    "framework",
    "library",
    "container",
    "platform",
    "operating-system",
    "device",
    "device-driver",
    "firmware",
    "file",
    "machine-learning-model",
    "data",
    "cryptographic-asset",
];

static SERVICE: Shape = Shape {
    name: "service",
    required: &["name"],
    members: &[
        ("bom-ref", Kind::Text),
        ("data", Kind::List(&SERVICE_DATA)),
        ("licenses", Kind::List(&LICENCE_CHOICE)),
        ("properties", Kind::List(&PROPERTY)),
        ("services", Kind::List(&SERVICE)),
    ],
    rule: Some(mixed_licences),
};

static SERVICE_DATA: Shape = Shape {
    name: "data of a service",
    required: &["classification", "flow"],
    members: &[("flow", Kind::OneOf(&["inbound", "outbound", "bi-directional", "unknown"]))],
    rule: None,
};

static HASH: Shape = Shape {
    name: "hash",
    required: &["alg", "content"],
    members: &[("alg", Kind::OneOf(HASHES))],
    rule: Some(|value, _| {
        let hex = value.get("content")?.as_str()?;
        let known =
            matches!(hex.len(), 32 | 40 | 64 | 96 | 128) && hex.bytes().all(|b| b.is_ascii_hexdigit());
        (!known).then(|| ("wrong-form", format!("`{}` is not a hash in hex", shortened(hex))))
    }),
};

const HASHES: &[&str] = &[
    "MD5",
    "SHA-1",
    "SHA-256",
    "SHA-384",
    "SHA-512",
    "SHA3-256",
    "SHA3-384",
    "SHA3-512",
    "BLAKE2b-256",
    "BLAKE2b-384",
    "BLAKE2b-512",
    "BLAKE3",
    "Streebog-256",
    "Streebog-512",
];

static LICENCE_CHOICE: Shape = Shape {
    name: "licence",
    required: &[],
    members: &[("license", Kind::Object(&LICENCE)), ("expression", Kind::Text)],
    rule: Some(|value, _| {
        let has = |name| value.get(name).is_some();
        match (has("license"), has("expression")) {
            (true, true) => Some(("ambiguous-licence", "has both a licence and an expression".to_owned())),
            (false, false) => Some(("missing-member", "has neither a licence nor an expression".to_owned())),
            _ => None,
        }
    }),
};

static LICENCE: Shape = Shape {
    name: "licence",
    required: &[],
    members: &[
        ("id", Kind::Form("an identifier of the SPDX licence list", is_listed)),
        ("name", Kind::Text),
        ("text", Kind::Object(&ATTACHMENT)),
        ("properties", Kind::List(&PROPERTY)),
    ],
    rule: Some(|value, _| match (value.get("id"), value.get("name")) {
        (None, None) => Some(("missing-member", "has neither an id nor a name".to_owned())),
        (Some(_), Some(_)) => Some(("ambiguous-licence", "has both an id and a name".to_owned())),
        _ => None,
    }),
};

static ATTACHMENT: Shape = Shape {
    name: "text",
    required: &["content"],
    members: &[("encoding", Kind::OneOf(&["base64"]))],
    rule: None,
};

static SWID: Shape = Shape {
    name: "SWID tag",
    required: &["tagId", "name"],
    members: &[("text", Kind::Object(&ATTACHMENT))],
    rule: None,
};

static PEDIGREE: Shape = Shape {
    name: "pedigree",
    required: &[],
    members: &[
        ("ancestors", Kind::List(&COMPONENT)),
        ("descendants", Kind::List(&COMPONENT)),
        ("variants", Kind::List(&COMPONENT)),
        ("patches", Kind::List(&PATCH)),
    ],
    rule: None,
};

static PATCH: Shape = Shape {
    name: "patch",
    required: &["type"],
    members: &[
        ("type", Kind::OneOf(&["unofficial", "monkey", "backport", "cherry-pick"])),
        ("resolves", Kind::List(&ISSUE)),
    ],
    rule: None,
};

static ISSUE: Shape = Shape {
    name: "issue",
    required: &["type"],
    members: &[("type", Kind::OneOf(&["defect", "enhancement", "security"]))],
    rule: None,
};

static PROPERTY: Shape = Shape {
    name: "property",
    required: &["name"],
    members: &[],
    rule: Some(|value, _| {
        let other = value.as_object()?.keys().find(|name| !matches!(name.as_str(), "name" | "value"))?;
        Some(("unknown-member", format!("a property has no `{}`", shortened(other))))
    }),
};

static EXTERNAL: Shape = Shape {
    name: "external reference",
    required: &["type", "url"],
    members: &[("hashes", Kind::List(&HASH))],
    rule: None,
};

static DEPENDENCY: Shape = Shape {
    name: "dependency",
    required: &["ref"],
    members: &[("ref", Kind::Text), ("dependsOn", Kind::Texts), ("provides", Kind::Texts)],
    rule: None,
};

static COMPOSITION: Shape = Shape {
    name: "composition",
    required: &["aggregate"],
    members: &[
        (
            "aggregate",
            Kind::OneOf(&[
                "complete",
                "incomplete",
                "incomplete_first_party_only",
                "incomplete_first_party_proprietary_only",
                "incomplete_first_party_opensource_only",
                "incomplete_third_party_only",
                "incomplete_third_party_proprietary_only",
                "incomplete_third_party_opensource_only",
                "unknown",
                "not_specified",
            ]),
        ),
        ("assemblies", Kind::Texts),
        ("dependencies", Kind::Texts),
    ],
    rule: None,
};

/// Until 1.6 a list of licences is one expression or several licences. Since 1.7 it may contain both.
fn mixed_licences(value: &Value, version: &str) -> Option<(&'static str, String)> {
    if version == "1.7" {
        return None;
    }
    let choices = value.get("licenses")?.as_array()?;
    let expressions = choices.iter().filter(|choice| choice.get("expression").is_some()).count();
    let is_mixed = expressions > 0 && choices.len() > 1;
    is_mixed.then(|| ("ambiguous-licence", "mixes an expression with other licences".to_owned()))
}

/// A UUID with hyphens, in no other spelling.
fn is_serial(text: &str) -> bool {
    let uuid = text.strip_prefix("urn:uuid:").filter(|uuid| uuid.len() == Hyphenated::LENGTH);
    uuid.is_some_and(|uuid| Uuid::try_parse(uuid).is_ok())
}

/// The list has licences and exceptions, also deprecated ones, but no expressions.
fn is_listed(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && (matches!(Licence::parse(text), Licence::Expression(_)) || spdx::exception_id(text).is_some())
}

/// Reports duplicate and dangling references.
fn references(value: &Value, findings: &mut Findings) {
    let mut defined = BTreeSet::new();
    define(value, &mut defined, findings, "");
    let refers = |reference: &str, place: String, findings: &mut Findings| {
        // A link to another document has its own form.
        if !reference.is_empty() && !reference.starts_with("urn:cdx:") && !defined.contains(reference) {
            findings.error(
                "dangling-reference",
                &place,
                format!("no element of the document is called `{}`", shortened(reference)),
            );
        }
    };
    let lists = |name: &str| value.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
    let mut seen = BTreeSet::new();
    for (number, dependency) in lists("dependencies") {
        if let Some(reference) = dependency.get("ref").and_then(Value::as_str) {
            refers(reference, format!("dependencies/{number}/ref"), findings);
            if !seen.insert(reference) {
                let message = format!("`{}` has two entries", shortened(reference));
                findings.error("repeated", &format!("dependencies/{number}"), message);
            }
        }
        for name in ["dependsOn", "provides"] {
            for reference in texts(dependency.get(name)) {
                refers(reference, format!("dependencies/{number}/{name}"), findings);
            }
        }
    }
    for (number, composition) in lists("compositions") {
        for name in ["assemblies", "dependencies"] {
            for reference in texts(composition.get(name)) {
                refers(reference, format!("compositions/{number}/{name}"), findings);
            }
        }
    }
}

/// Collects every `bom-ref`, wherever it is.
fn define<'a>(value: &'a Value, defined: &mut BTreeSet<&'a str>, findings: &mut Findings, place: &str) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("bom-ref").and_then(Value::as_str)
                && !defined.insert(reference)
            {
                let message = format!("`{}` is defined twice", shortened(reference));
                findings.error("duplicate-reference", place, message);
            }
            for (name, member) in members {
                if member.is_object() || member.is_array() {
                    define(member, defined, findings, &format!("{place}/{name}"));
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in
                items.iter().enumerate().filter(|(_, item)| item.is_object() || item.is_array())
            {
                define(item, defined, findings, &format!("{place}/{number}"));
            }
        }
        _ => {}
    }
}
