//! OpenVEX 0.2.0, and 0.0.1 before it (<https://github.com/openvex/spec>).
//!
//! ```json
//! {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex-1", "author": "ACME",
//!  "timestamp": "2026-11-01T00:00:00Z", "version": 1,
//!  "statements": [{
//!    "vulnerability": {"name": "CVE-2026-1", "aliases": ["GHSA-…"]},
//!    "products": [{"@id": "pkg:oci/app@sha256%3A…", "subcomponents": [{"@id": "pkg:deb/debian/zlib1g"}]}],
//!    "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]}
//! ```
//!
//! A statement with a member that is not known is refused: it may narrow the statement. One with both a justification and an
//! impact statement, which the schema forbids, is accepted, because most published ones have both. A statement without a time
//! has that of the document.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::{Digest, Purl, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::identity::Identity;
use super::statement::{Document, Product, Refusal, Statement};
use super::{Claims, Error, Format};
use crate::database::VexStatus;

/// The format.
pub struct OpenVex;

const NAME: &str = "OpenVEX";
const CONTEXT: &str = "https://openvex.dev/ns";

/// The justifications that the specification knows.
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// The document without its statements, which are read one by one. Members about it as a whole do not narrow a statement.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "@context")]
    context: String,
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(default)]
    author: String,
    timestamp: Option<String>,
    last_updated: Option<String>,
    #[serde(default)]
    version: Value,
    statements: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStatement {
    vulnerability: Vulnerability,
    timestamp: Option<String>,
    last_updated: Option<String>,
    #[serde(default)]
    products: Vec<RawProduct>,
    /// Of 0.0.1: of each product.
    #[serde(default)]
    subcomponents: Vec<RawProduct>,
    status: Status,
    justification: Option<String>,
    impact_statement: Option<String>,
    // What follows does not decide what it is about, and is named so that others are refused.
    #[serde(rename = "@id")]
    _id: Option<String>,
    #[serde(rename = "version")]
    _version: Option<u64>,
    #[serde(rename = "vuln_description")]
    _description: Option<String>,
    #[serde(rename = "supplier")]
    _supplier: Option<String>,
    #[serde(rename = "status_notes")]
    _status_notes: Option<String>,
    #[serde(rename = "action_statement")]
    _action: Option<String>,
    #[serde(rename = "action_statement_timestamp")]
    _action_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability {
    /// 0.0.1.
    Name(String),
    Object(NamedVulnerability),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedVulnerability {
    #[serde(rename = "@id")]
    id: Option<String>,
    name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawProduct {
    /// 0.0.1.
    Id(String),
    Object(Component),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(default)]
    identifiers: BTreeMap<String, String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(default)]
    subcomponents: Vec<RawProduct>,
    #[serde(rename = "supplier")]
    _supplier: Option<String>,
}

impl Format for OpenVex {
    fn name(&self) -> &'static str {
        NAME
    }

    fn recognises(&self, claims: &Claims) -> bool {
        claims.context.as_str().is_some_and(|context| context.starts_with(CONTEXT))
    }

    fn read(&self, bytes: &[u8]) -> Result<Document, Error> {
        let invalid = |reason: &dyn std::fmt::Display| Error::invalid(NAME, reason);
        let head: Head = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
        let version = head.context.strip_prefix(CONTEXT).unwrap_or_default().trim_end_matches('/');
        if !matches!(version, "" | "/v0.0.1" | "/v0.2.0") {
            let got = plimsoll_core::text::shown(version.trim_start_matches("/v"));
            return Err(Error::Version { format: NAME, got, expected: "0.2.0 or 0.0.1" });
        }
        let times = head.timestamp.iter().chain(&head.last_updated).map(|text| text.parse::<Timestamp>());
        let times: Result<Vec<Timestamp>, _> = times.collect();
        let timestamp = times.map_err(|_| invalid(&"its timestamp is not a time"))?.into_iter().max();
        let mut document = Document::new(NAME, head.id.as_deref(), &head.author);
        document.edition = edition(&head.version).ok_or_else(|| invalid(&"its version is not a number"))?;
        for (position, value) in head.statements.into_iter().enumerate() {
            let (named, time) = (named(&value), time(&value, timestamp));
            let statement = statement(value, position, timestamp);
            document.add(statement.map_err(|refusal| refusal.about(&named, time)));
        }
        Ok(document)
    }
}

/// The version of a document. That of 0.0.1 is a text.
fn edition(version: &Value) -> Option<i128> {
    match version {
        Value::Null => Some(0),
        Value::Number(number) => number.as_u64().map(i128::from),
        Value::String(text) => text.parse::<u64>().ok().map(i128::from),
        _ => None,
    }
}

/// The identifiers that a statement names, however the rest of it is.
fn named(statement: &Value) -> Vec<String> {
    let vulnerability = statement.get("vulnerability");
    let member = |name: &str| vulnerability.and_then(|it| it.get(name));
    let aliases = member("aliases").and_then(Value::as_array).into_iter().flatten();
    let names = vulnerability.into_iter().chain(member("name")).chain(member("@id")).chain(aliases);
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// When a statement was said, however the rest of it is.
fn time(statement: &Value, of_document: Option<Timestamp>) -> Option<Timestamp> {
    let members = ["timestamp", "last_updated"].into_iter().filter_map(|name| statement.get(name));
    let times = members.filter(|value| !value.is_null());
    let read = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(Timestamp::MAX);
    times.map(read).max().or(of_document)
}

fn statement(value: Value, position: usize, of_document: Option<Timestamp>) -> Result<Statement, Refusal> {
    let what = format!("statement {}", position + 1);
    let raw = RawStatement::deserialize(value).map_err(|error| {
        let reason = plimsoll_core::text::shown(&error.to_string());
        Refusal::new(&what, format!("it is not valid: {reason}"))
    })?;
    let vulnerabilities: Vec<String> = match raw.vulnerability {
        Vulnerability::Name(name) => vec![name],
        Vulnerability::Object(NamedVulnerability { id, name, aliases, .. }) => {
            // An `@id` is an address, unless it is all there is.
            let name = name.or(id);
            name.into_iter().chain(aliases).collect()
        }
    };
    let what = vulnerabilities.first().cloned().unwrap_or(what);
    let mut timestamp = of_document;
    if raw.timestamp.is_some() || raw.last_updated.is_some() {
        let times = raw.timestamp.iter().chain(&raw.last_updated).map(|text| text.parse::<Timestamp>());
        let times: Vec<Timestamp> = times
            .collect::<Result<_, _>>()
            .map_err(|_| Refusal::new(&what, "its timestamp is not a time"))?;
        timestamp = times.into_iter().max();
    }
    if let Some(other) = raw.justification.as_deref().filter(|it| !JUSTIFICATIONS.contains(it)) {
        let other = plimsoll_core::text::shown(other);
        return Err(Refusal::new(&what, format!("`{other}` is not a justification")));
    }
    let mut products = Vec::new();
    let (named, mut unknown) = (raw.products.len(), false);
    let of_each: Vec<Arc<Identity>> =
        raw.subcomponents.into_iter().map(|sub| Arc::new(identity(sub).0)).collect();
    for product in raw.products {
        let (product, inside) = identity(product);
        let product = Arc::new(product);
        let inside: Vec<Arc<Identity>> =
            inside.into_iter().map(|sub| Arc::new(identity(sub).0)).chain(of_each.iter().cloned()).collect();
        if inside.is_empty() {
            products.push(Product(vec![Arc::clone(&product)]));
        }
        products.extend(inside.into_iter().map(|sub| Product(vec![Arc::clone(&product), sub])));
    }
    let clears = matches!(raw.status, Status::NotAffected | Status::Fixed);
    // Nothing is recognised by an address. What a correction is around does not matter.
    products.retain(|Product(parts)| {
        let is_known = if clears {
            parts.iter().all(|part| !part.is_empty())
        } else {
            parts.last().is_some_and(|part| !part.is_empty())
        };
        unknown |= !is_known;
        is_known
    });
    if named > 0 && products.is_empty() && unknown {
        return Err(Refusal::new(&what, "it names no product by package URL, CPE or digest"));
    }
    let status = match raw.status {
        Status::NotAffected => VexStatus::NotAffected,
        Status::Affected => VexStatus::Affected,
        Status::Fixed => VexStatus::Fixed,
        Status::UnderInvestigation => VexStatus::UnderInvestigation,
    };
    let (justification, impact) = (raw.justification, raw.impact_statement);
    Statement { vulnerabilities, products, status, justification, impact, timestamp }.checked()
}

/// What a component is named by, and its subcomponents.
fn identity(raw: RawProduct) -> (Identity, Vec<RawProduct>) {
    let mut identity = Identity::default();
    let mut add = |name: &str| {
        if name.starts_with("cpe:") {
            identity.cpes.push(name.to_owned());
        } else if let Ok(purl) = name.parse::<Purl>() {
            identity.purls.push(purl);
        }
    };
    match raw {
        RawProduct::Id(id) => {
            add(&id);
            (identity, Vec::new())
        }
        RawProduct::Object(component) => {
            component.id.iter().chain(component.identifiers.values()).for_each(|name| add(name));
            identity.purls.sort();
            identity.purls.dedup();
            let digest = |(algorithm, hex): (&String, &String)| {
                let algorithm = match algorithm.as_str() {
                    "sha-256" => "sha256",
                    "sha-512" => "sha512",
                    _ => return None,
                };
                format!("{algorithm}:{}", hex.to_ascii_lowercase()).parse::<Digest>().ok()
            };
            identity.digests = component.hashes.iter().filter_map(digest).collect();
            identity.incomparable = !component.hashes.is_empty() && identity.digests.is_empty();
            (identity, component.subcomponents)
        }
    }
}
