//! The JSON Schemas (2020-12) of the documents that Plimsoll reads and writes.
//!
//! Those of documents and of the verdict are made from the policy crate's types. Those of the other outputs are written by
//! hand, because their types lie in crates that need no schemas; they forbid every field that they do not name, and tests
//! validate real outputs, so a change on either side shows.

use plimsoll_policy::schema;
use serde_json::{Value, json};

/// A schema that can be exported.
pub(crate) struct Schema {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it describes.
    pub(crate) about: &'static str,
    make: fn() -> Value,
}

impl Schema {
    /// The schema itself.
    pub(crate) fn document(&self) -> Value {
        (self.make)()
    }
}

/// Every schema, documents first.
pub(crate) const ALL: &[Schema] = &[
    Schema { name: "policy", about: "a policy", make: schema::policy },
    Schema { name: "waiver", about: "a waiver", make: schema::waiver },
    Schema { name: "deny-list", about: "a deny list", make: schema::deny_list },
    Schema { name: "evidence", about: "the evidence, for expressions of policies", make: schema::evidence },
    Schema { name: "verdict", about: "a verdict, as part of `check -o json`", make: schema::verdict },
    Schema { name: "waiver-show", about: "the output of `waiver show -o json`", make: schema::waiver_show },
    Schema { name: "check", about: "the output of `check -o json`", make: check },
    Schema {
        name: "scan",
        about: "the output of `scan -o json`, and each line of `scan -o jsonl`",
        make: || written(SCAN),
    },
    Schema {
        name: "scan-explanation",
        about: "the output of `scan --explain ID -o json`",
        make: scan_explanation,
    },
    Schema {
        name: "verify",
        about: "the output of `verify`, `verify-attestation`, `verify-blob` and `verify-blob-attestation` with `-o json`",
        make: || written(VERIFY),
    },
    Schema {
        name: "provenance",
        about: "the output of `provenance verify -o json`",
        make: || written(PROVENANCE),
    },
    Schema { name: "db-status", about: "the output of `db status -o json`", make: || written(DB_STATUS) },
    Schema { name: "db-search", about: "the output of `db search -o json`", make: || written(DB_SEARCH) },
    Schema { name: "db-diff", about: "the output of `db diff -o json`", make: || written(DB_DIFF) },
    Schema {
        name: "policy-import",
        about: "the output of `policy import -o json`",
        make: || written(POLICY_IMPORT),
    },
    Schema {
        name: "policy-lint",
        about: "the output of `policy lint -o json`",
        make: || written(POLICY_LINT),
    },
    Schema {
        name: "evidence-tree",
        about: "the output of `evidence tree -o json`",
        make: || written(EVIDENCE_TREE),
    },
    Schema {
        name: "evidence-inspect",
        about: "the output of `evidence inspect -o json`",
        make: || written(EVIDENCE_INSPECT),
    },
    Schema { name: "key", about: "the output of `key inspect -o json`", make: || written(KEY) },
    Schema { name: "trust", about: "the output of `trust show -o json`", make: || written(TRUST) },
    Schema { name: "config", about: "the output of `config show -o json`", make: || written(CONFIG) },
    Schema {
        name: "catalogers",
        about: "the output of `sbom cataloger list -o json`",
        make: || written(CATALOGERS),
    },
    Schema { name: "sbom-diff", about: "the output of `sbom diff -o json`", make: || written(SBOM_DIFF) },
    Schema {
        name: "sbom-validation",
        about: "the output of `sbom validate -o json`",
        make: || written(SBOM_VALIDATION),
    },
    Schema { name: "sbom-score", about: "the output of `sbom score -o json`", make: || written(SBOM_SCORE) },
    Schema { name: "cache", about: "the output of `cache status -o json`", make: || written(CACHE) },
    Schema { name: "doctor", about: "the output of `doctor -o json`", make: || written(DOCTOR) },
];

/// The schema of this name.
pub(crate) fn find(name: &str) -> Option<&'static Schema> {
    ALL.iter().find(|schema| schema.name == name)
}

const SCAN: &str = include_str!("schemas/scan.json");
const SCAN_EXPLANATION: &str = include_str!("schemas/scan-explanation.json");
const VERIFY: &str = include_str!("schemas/verify.json");
const PROVENANCE: &str = include_str!("schemas/provenance.json");
const DB_STATUS: &str = include_str!("schemas/db-status.json");
const DB_SEARCH: &str = include_str!("schemas/db-search.json");
const DB_DIFF: &str = include_str!("schemas/db-diff.json");
const POLICY_IMPORT: &str = include_str!("schemas/policy-import.json");
const POLICY_LINT: &str = include_str!("schemas/policy-lint.json");
const EVIDENCE_TREE: &str = include_str!("schemas/evidence-tree.json");
const EVIDENCE_INSPECT: &str = include_str!("schemas/evidence-inspect.json");
const KEY: &str = include_str!("schemas/key.json");
const TRUST: &str = include_str!("schemas/trust.json");
const CONFIG: &str = include_str!("schemas/config.json");
const CACHE: &str = include_str!("schemas/cache.json");
const CATALOGERS: &str = include_str!("schemas/catalogers.json");
const SBOM_DIFF: &str = include_str!("schemas/sbom-diff.json");
const SBOM_VALIDATION: &str = include_str!("schemas/sbom-validation.json");
const SBOM_SCORE: &str = include_str!("schemas/sbom-score.json");
const DOCTOR: &str = include_str!("schemas/doctor.json");

/// A file that is part of the program; a test reads each.
fn written(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// Findings are those of scans, advisories those of searches in the database.
fn scan_explanation() -> Value {
    let (scan, search, mut document) = (written(SCAN), written(DB_SEARCH), written(SCAN_EXPLANATION));
    let result = "/properties/results/items/properties";
    let parts = [
        ("finding", scan.pointer("/$defs/finding")),
        ("location", scan.pointer("/$defs/location")),
        ("timestamp", scan.pointer("/$defs/timestamp")),
        ("digest", scan.pointer("/$defs/digest")),
        ("suppressed", scan.pointer(&format!("{result}/suppressed"))),
        ("errors", scan.pointer("/properties/errors")),
        ("advice", search.pointer("/$defs/advice")),
        ("range", search.pointer("/$defs/range")),
    ];
    if let Some(Value::Object(definitions)) = document.get_mut("$defs") {
        for (name, part) in parts {
            definitions.insert(name.to_owned(), part.cloned().unwrap_or_default());
        }
    }
    document
}

/// Verdicts and findings have schemas of their own, which become definitions of this one.
fn check() -> Value {
    let mut definitions = serde_json::Map::new();
    let mut adopt = |name: &str, mut schema: Value| {
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("$schema");
            if let Some(Value::Object(inner)) = fields.remove("$defs") {
                definitions.extend(inner);
            }
        }
        definitions.insert(name.to_owned(), schema);
    };
    adopt("verdict", schema::verdict());
    let scan = written(SCAN);
    for name in ["finding", "location", "timestamp"] {
        if let Some(definition) = scan.get("$defs").and_then(|all| all.get(name)) {
            adopt(name, definition.clone());
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plimsoll check, version 1",
        "type": "object",
        "additionalProperties": false,
        "required": ["schemaVersion", "results"],
        "properties": {
            "schemaVersion": {"const": "plimsoll.dev/check/v1"},
            "results": {"type": "array", "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["subject"],
                "oneOf": [{"required": ["verdict"]}, {"required": ["error"]}],
                "properties": {
                    "subject": {"type": "string", "description": "As the user typed it."},
                    "verdict": {"$ref": "#/$defs/verdict"},
                    "error": {
                        "type": "object",
                        "description": "Why there is no verdict.",
                        "additionalProperties": false,
                        "required": ["exitCode", "message"],
                        "properties": {
                            "exitCode": {"type": "integer", "minimum": 1, "maximum": 11},
                            "message": {"type": "string"},
                            "hint": {"type": "string"},
                        },
                    },
                    "findings": {
                        "type": "array",
                        "description": "Every finding, only with --explain.",
                        "items": {"$ref": "#/$defs/finding"},
                    },
                },
            }},
        },
        "$defs": definitions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_one() {
        for schema in ALL {
            let document = schema.document();
            let uri = document["$schema"].as_str().unwrap();
            assert_eq!(uri, "https://json-schema.org/draft/2020-12/schema", "{}", schema.name);
            assert!(document["title"].is_string(), "{}", schema.name);
        }
    }
}
