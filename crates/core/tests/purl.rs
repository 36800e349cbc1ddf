//! Package URLs against the test suite that their specification publishes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use plimsoll_core::Purl;
use plimsoll_core::purl::ParseError;
use serde_json::Value;

fn build(parts: &Value) -> Result<Purl, ParseError> {
    let text = |key: &str| parts[key].as_str().unwrap_or_default();
    let mut builder = Purl::builder(text("type"), text("name"))
        .namespace(text("namespace"))
        .version(text("version"))
        .subpath(text("subpath"));
    for (key, value) in parts["qualifiers"].as_object().into_iter().flatten() {
        builder = builder.qualifier(key, value.as_str().unwrap());
    }
    builder.build()
}

fn parts_agree(purl: &Purl, expected: &Value) -> bool {
    let qualifiers: BTreeMap<String, String> =
        serde_json::from_value(expected["qualifiers"].clone()).unwrap_or_default();
    let found = purl.qualifiers().map(|(key, value)| (key.to_owned(), value.to_owned()));
    Some(purl.package_type()) == expected["type"].as_str()
        && purl.namespace() == expected["namespace"].as_str()
        && Some(purl.name()) == expected["name"].as_str()
        && purl.version() == expected["version"].as_str()
        && found.collect::<BTreeMap<_, _>>() == qualifiers
        && purl.subpath() == expected["subpath"].as_str()
}

#[test]
fn passes_the_published_vectors() {
    let Some(archive) = plimsoll_testkit::published_data("fixtures/purl-spec-tests.tar.gz") else { return };
    let unpacked = Command::new("tar").arg("-xzOf").arg(&archive).output().expect("tar runs");
    assert!(unpacked.status.success());
    let files: Vec<Value> =
        serde_json::Deserializer::from_slice(&unpacked.stdout).into_iter().collect::<Result<_, _>>().unwrap();
    let tests: Vec<&Value> = files.iter().flat_map(|file| file["tests"].as_array().unwrap()).collect();
    assert!(tests.len() > 500, "{} vectors", tests.len());
    // The suite wants some inputs refused when parsed and accepted when validated; it cannot have both.
    let accepted: BTreeSet<&str> = tests
        .iter()
        .filter(|t| t["test_type"] == "validate" && t["expected_failure"] == false)
        .filter_map(|t| t["input"].as_str())
        .collect();
    let mut contradicted = BTreeSet::new();
    for test in tests {
        let outcome = match test["input"].as_str() {
            Some(text) => text.parse::<Purl>(),
            None => build(&test["input"]),
        };
        if test["expected_failure"] == true {
            match test["input"].as_str() {
                Some(text) if accepted.contains(text) => {
                    contradicted.insert(text);
                }
                _ => assert!(outcome.is_err(), "{test} gave {outcome:?}"),
            }
            continue;
        }
        let purl = outcome.unwrap_or_else(|error| panic!("{test}: {error}"));
        match &test["expected_output"] {
            Value::String(expected) => assert_eq!(&purl.to_string(), expected, "{test}"),
            expected => assert!(parts_agree(&purl, expected), "{test} gave {purl:?}"),
        }
        assert_eq!(purl.to_string().parse::<Purl>().as_ref(), Ok(&purl));
    }
    assert_eq!(contradicted.len(), 2, "{contradicted:?}");
}
