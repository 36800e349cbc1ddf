//! Predicate types by name, and whether a predicate fits its type.
//!
//! Owns cosign's short names for `--type` and a few more, the URI that is written for each, and the URIs that are read
//! as the same type: the communities behind SPDX, `CycloneDX`, `OpenVEX` and in-toto's links have used more than one
//! for the same document. The fields of each type are in `form`.

mod form;

use std::fmt;
use std::str::FromStr;

use plimsoll_core::Limits;
use serde_json::Value;

use crate::Error;
use crate::error::excerpt;

/// A place in a predicate that does not match its type.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mismatch {
    path: String,
    problem: String,
}

/// Checks that `predicate` has the form of its type: the fields that readers rely on are there, and of the right kind
/// (CVE-2022-35929: a type is a promise about the content, not only a label). A predicate of an unknown type always
/// fits; its meaning is up to its writer and reader.
///
/// ```
/// # use plimsoll_core::Limits;
/// # use plimsoll_verify::{Error, check_predicate};
/// let wrong = serde_json::json!({"result": "GREEN", "configuration": []});
/// let kind = "https://in-toto.io/attestation/test-result/v0.1";
/// let Err(Error::Predicate { path, .. }) = check_predicate(kind, &wrong, &Limits::default()) else {
///     panic!("it fits");
/// };
/// assert_eq!(path, "predicate.result");
/// ```
pub fn check_predicate(predicate_type: &str, predicate: &Value, limits: &Limits) -> Result<(), Error> {
    form::check(predicate_type, predicate, limits).map_err(|Mismatch { path, problem }| Error::Predicate {
        predicate_type: excerpt(predicate_type),
        path,
        problem,
    })
}

/// The short names, each with the URI that is written and further URIs that are read as it. A URI that ends in `*`
/// stands for all that begin with it.
const NAMES: &[(&str, &str, &[&str])] = &[
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2", &[]),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2", &[]),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1", &[]),
    ("link", "https://in-toto.io/Link/v1", &["https://in-toto.io/attestation/link/v0.3"]),
    ("spdx", "https://spdx.dev/Document", &["https://spdx.dev/Document/*"]),
    ("spdxjson", "https://spdx.dev/Document", &["https://spdx.dev/Document/*"]),
    ("cyclonedx", "https://cyclonedx.org/bom", &["https://cyclonedx.org/bom/*"]),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1", &[]),
    ("openvex", "https://openvex.dev/ns", &["https://openvex.dev/ns/*"]),
    ("testresult", "https://in-toto.io/attestation/test-result/v0.1", &[]),
    ("vsa", "https://slsa.dev/verification_summary/v1", &[]),
    ("npmpublish", "https://github.com/npm/attestation/tree/main/specs/publish/v0.1", &[]),
    ("pypipublish", "https://docs.pypi.org/attestations/publish/v1", &[]),
    ("custom", "https://cosign.sigstore.dev/attestation/v1", &[]),
];

/// A type of predicate: one of the short names, or any URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredicateType {
    name: Option<&'static str>,
    uri: String,
    also: &'static [&'static str],
}

impl PredicateType {
    /// The short names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, ..)| *name)
    }

    /// The short name, unless it was given as a URI.
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The URI that is written.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Whether a statement with this `predicateType` is of the type. A given URI matches only itself.
    pub fn is(&self, predicate_type: &str) -> bool {
        self.uri == predicate_type
            || self.also.iter().any(|other| match other.strip_suffix('*') {
                Some(prefix) => predicate_type.starts_with(prefix),
                None => *other == predicate_type,
            })
    }
}

impl FromStr for PredicateType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some((name, uri, also)) = NAMES.iter().find(|(name, ..)| *name == text) {
            return Ok(Self { name: Some(name), uri: (*uri).to_owned(), also });
        }
        // RFC 3986: the scheme distinguishes a URI from a mistyped short name.
        let scheme = text.split_once(':').map(|(scheme, rest)| (scheme, rest.trim()));
        match scheme {
            Some((scheme, rest))
                if !rest.is_empty()
                    && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && !text.contains(char::is_whitespace) =>
            {
                Ok(Self { name: None, uri: text.to_owned(), also: &[] })
            }
            // Types of cosign 1 and of Kyverno have none (`cosign.sigstore.dev/attestation/v1`, `sbom/cyclone-dx`), and
            // a short name has no slash.
            _ if is_path(text) => Ok(Self { name: None, uri: text.to_owned(), also: &[] }),
            _ => Err(Error::PredicateName { got: excerpt(text) }),
        }
    }
}

/// Whether it is names with slashes between them.
fn is_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b'@');
    text.contains('/')
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.split('/').all(|name| !name.is_empty() && name.bytes().all(plain))
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.unwrap_or(&self.uri))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(predicate_type: &str, predicate: &Value) -> Result<(), Error> {
        check_predicate(predicate_type, predicate, &Limits::default())
    }

    /// Where the first problem of a predicate is, and what it is.
    fn problem(predicate_type: &str, predicate: &Value) -> String {
        match fits(predicate_type, predicate) {
            Err(Error::Predicate { path, problem, .. }) => format!("{path}: {problem}"),
            other => panic!("{other:?}: {predicate}"),
        }
    }

    #[test]
    fn every_named_type_but_custom_data_has_a_form() {
        for (name, uri, also) in NAMES.iter().filter(|(name, ..)| *name != "custom") {
            assert!(form::knows(uri), "{name}");
            assert!(also.iter().all(|uri| form::knows(uri)), "{name}");
            assert!(fits(uri, &json!(["a list is not a predicate of any type"])).is_err(), "{name}");
        }
    }

    #[test]
    fn a_mismatch_is_reported_with_its_place() {
        let slsa = "https://slsa.dev/provenance/v1";
        let mut good = json!({
            "buildDefinition": {"buildType": "https://b.example", "externalParameters": {}, "resolvedDependencies": [{"uri": "a:b"}]},
            "runDetails": {"builder": {"id": "https://b.example"}, "metadata": {"startedOn": "2026-01-31T12:00:00Z"}},
        });
        assert!(fits(slsa, &good).is_ok());
        good["buildDefinition"]["resolvedDependencies"][0] = json!({"annotations": {}});
        assert_eq!(
            problem(slsa, &good),
            "predicate.buildDefinition.resolvedDependencies[0]: got none of uri, digest, content, name, expected one"
        );
        good["buildDefinition"]["resolvedDependencies"] = Value::Null;
        assert!(fits(slsa, &good).is_ok(), "an explicit null is an absent list");
        good["runDetails"]["metadata"]["startedOn"] = json!("yesterday");
        assert!(
            problem(slsa, &good).starts_with("predicate.runDetails.metadata.startedOn: got \"yesterday\"")
        );
        good["runDetails"]["builder"] = json!({"id": ""});
        assert_eq!(problem(slsa, &good), "predicate.runDetails.builder.id: got \"\", expected a text");
        good["runDetails"]["builder"] = json!({});
        assert_eq!(problem(slsa, &good), "predicate.runDetails.builder.id: is missing, expected a text");
        assert!(
            problem("https://slsa.dev/provenance/v0.2", &good).starts_with("predicate.builder: is missing")
        );
    }

    #[test]
    fn documents_of_one_type_are_none_of_another() {
        let documents = [
            ("spdxjson", json!({"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT"})),
            ("cyclonedx", json!({"bomFormat": "CycloneDX", "specVersion": "1.6"})),
            ("link", json!({"name": "build", "materials": {"a": {"sha256": "00"}}, "command": ["make"]})),
            ("testresult", json!({"result": "PASSED", "configuration": [{"uri": "a:b"}]})),
            (
                "vuln",
                json!({"scanner": {"uri": "pkg:x/y", "result": {}}, "metadata": {"scanFinishedOn": "2026-01-31T12:00:00Z"}}),
            ),
            (
                "openvex",
                json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "y", "version": 1,
                "timestamp": "2026-01-31T12:00:00Z", "statements": [{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}]}),
            ),
            (
                "vsa",
                json!({"verifier": {"id": "x"}, "resourceUri": "y", "policy": {"uri": "z"}, "verificationResult": "PASSED",
                "verifiedLevels": ["SLSA_BUILD_LEVEL_2"]}),
            ),
            ("npmpublish", json!({"name": "a", "version": "1", "registry": "https://r.example"})),
            ("pypipublish", Value::Null),
        ];
        for (name, _) in &documents {
            let kind: PredicateType = name.parse().unwrap();
            for (other, document) in &documents {
                assert_eq!(fits(kind.uri(), document).is_ok(), name == other, "{other} as {name}");
            }
        }
        let spdx = "https://spdx.dev/Document";
        assert!(fits(spdx, &json!("SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n")).is_ok());
        assert!(fits(spdx, &json!("bom")).is_err());
        let wrapped = json!({"Data": {"bomFormat": "CycloneDX", "specVersion": "1.4"}});
        assert!(fits("https://cyclonedx.org/bom/v1.4", &wrapped).is_ok());
        assert!(fits("https://example.com/p/v1", &json!(1)).is_ok());
    }

    #[test]
    fn the_form_that_got_furthest_says_what_is_wrong() {
        let spdx = json!({"spdxVersion": "SPDX-2.3", "packages": [{"name": "a"}, 7]});
        assert_eq!(
            problem("https://spdx.dev/Document", &spdx),
            "predicate.packages[1]: got 7, expected an object"
        );
    }

    #[test]
    fn names_read_their_communities_spellings_and_nothing_near_them() {
        let is = |name: &str, uri: &str| name.parse::<PredicateType>().unwrap().is(uri);
        assert!(is("spdxjson", "https://spdx.dev/Document"));
        assert!(is("spdxjson", "https://spdx.dev/Document/v2.3"));
        assert!(!is("spdxjson", "https://spdx.dev/Documents"));
        assert!(!is("spdxjson", "https://spdx.dev.evil.example/Document"));
        assert!(!is("cyclonedx", "https://spdx.dev/Document"));
        assert!(!is("slsaprovenance", "https://slsa.dev/provenance/v1"));
        assert!(is("https://example.com/p/v1", "https://example.com/p/v1"));
        assert!(!is("https://example.com/p/v1", "https://example.com/p/v1/more"));
        for wrong in ["", "spdx-json", "Custom", "https:", "a b:c", "1:x"] {
            assert!(matches!(wrong.parse::<PredicateType>(), Err(Error::PredicateName { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_type_has_the_name_that_it_was_given_by_and_further_addresses() {
        let link: PredicateType = "link".parse().unwrap();
        assert_eq!(
            (link.name(), link.uri(), link.to_string().as_str()),
            (Some("link"), "https://in-toto.io/Link/v1", "link")
        );
        for (uri, is_link) in [
            ("https://in-toto.io/Link/v1", true),
            ("https://in-toto.io/attestation/link/v0.3", true),
            ("https://in-toto.io/attestation/link/v0.2", false),
            ("https://slsa.dev/provenance/v1", false),
        ] {
            assert_eq!(link.is(uri), is_link, "{uri}");
        }
        let own: PredicateType = "https://p.example/v1".parse().unwrap();
        assert_eq!((own.name(), own.to_string().as_str()), (None, "https://p.example/v1"));
    }

    /// Each kind of value, by a field of a real type: what fits it, and what does not.
    #[test]
    fn each_kind_of_value_is_checked() {
        let bom = |field: &str, value: Value| {
            let mut document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6"});
            document[field] = value;
            ("https://cyclonedx.org/bom", document)
        };
        let result = |value: Value| {
            ("https://in-toto.io/attestation/test-result/v0.1", json!({"result": value, "configuration": []}))
        };
        let empty = |value: Value| ("https://docs.pypi.org/attestations/publish/v1", value);
        for ((kind, document), expected) in [
            (bom("version", json!(1)), None),
            (bom("version", json!(-1)), None),
            (bom("version", json!(u64::MAX)), None),
            (bom("version", json!(1.5)), Some("predicate.version: got 1.5, expected an integer")),
            (bom("specVersion", json!("1.6")), None),
            (
                bom("specVersion", json!("2.0")),
                Some("predicate.specVersion: got \"2.0\", expected a text that begins with \"1.\""),
            ),
            (
                bom("bomFormat", json!("SPDX")),
                Some("predicate.bomFormat: got \"SPDX\", expected \"CycloneDX\""),
            ),
            (result(json!("PASSED")), None),
            (
                result(json!("GREEN")),
                Some("predicate.result: got \"GREEN\", expected one of \"PASSED\", \"WARNED\", \"FAILED\""),
            ),
            (empty(Value::Null), None),
            (empty(json!({})), None),
            (empty(json!({"a": 1})), Some("predicate: got an object, expected nothing, or an empty object")),
        ] {
            match expected {
                None => fits(kind, &document).unwrap(),
                Some(told) => assert_eq!(problem(kind, &document), told),
            }
        }
    }
}
