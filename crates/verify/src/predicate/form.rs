//! The form of predicates of known types.
//!
//! Owns the fields that a reader of each type relies on: which must be there, and their kinds. Other fields are
//! allowed, as the in-toto framework demands, and an explicit null counts as absent: writers in Go write an empty list
//! that way. This is not a full validation of an SBOM; it distinguishes a document of the type from any other.
//!
//! Follows the predicate specifications of SLSA (provenance v0.2 and v1, verification summary v1), of in-toto (link, test
//! result), of cosign (vulnerabilities), `OpenVEX` 0.2, SPDX 2 and 3, `CycloneDX` 1, npm's publish v0.1 and PyPI's publish v1.

use plimsoll_core::{LimitExceeded, Limits, Timestamp};
use serde_json::{Map, Value};

use super::Mismatch;
use crate::error::excerpt;

use Form::{AnyOf, Begins, Empty, Field, Flag, HasLine, Integer, List, Members, Object, OneOf, Text, Time};
use Need::{Optional, Required};

/// What is allowed at a place.
enum Form {
    Any,
    /// A text that is not empty.
    Text,
    /// RFC 3339.
    Time,
    Flag,
    Integer,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A text that begins with one of these.
    Begins(&'static [&'static str]),
    /// A text with a line that begins with this.
    HasLine(&'static str),
    List(&'static Form),
    /// An object whose members all have this form.
    Members(&'static Form),
    /// An object with at least these members.
    Object(&'static [Member]),
    /// An object that has at least one of these members.
    Field(&'static [&'static str], &'static Form),
    /// One of these.
    AnyOf(&'static [Form]),
    /// Nothing, or an object without members.
    Empty,
}

type Member = (&'static str, Need, Form);

enum Need {
    Required,
    Optional,
}

const DIGESTS: Form = Members(&Text);

const DESCRIPTOR: Form = Field(
    &["uri", "digest", "content", "name"],
    &Object(&[
        ("uri", Optional, Form::Any),
        ("digest", Optional, DIGESTS),
        ("name", Optional, Form::Any),
        ("downloadLocation", Optional, Text),
        ("mediaType", Optional, Text),
        ("annotations", Optional, Members(&Form::Any)),
    ]),
);

const SLSA_V0_2: Form = Object(&[
    ("builder", Required, Object(&[("id", Required, Text)])),
    ("buildType", Required, Text),
    (
        "invocation",
        Optional,
        Object(&[(
            "configSource",
            Optional,
            Object(&[
                ("uri", Optional, Form::Any),
                ("digest", Optional, DIGESTS),
                ("entryPoint", Optional, Form::Any),
            ]),
        )]),
    ),
    (
        "metadata",
        Optional,
        Object(&[
            ("buildInvocationId", Optional, Form::Any),
            ("buildInvocationID", Optional, Form::Any),
            ("buildStartedOn", Optional, Time),
            ("buildFinishedOn", Optional, Time),
            (
                "completeness",
                Optional,
                Object(&[
                    ("parameters", Optional, Flag),
                    ("environment", Optional, Flag),
                    ("materials", Optional, Flag),
                ]),
            ),
            ("reproducible", Optional, Flag),
        ]),
    ),
    ("materials", Optional, List(&DESCRIPTOR)),
]);

const SLSA_V1: Form = Object(&[
    (
        "buildDefinition",
        Required,
        Object(&[
            ("buildType", Required, Text),
            // Required by the specification, but writers omit it if it is empty.
            ("externalParameters", Optional, Members(&Form::Any)),
            ("internalParameters", Optional, Members(&Form::Any)),
            ("resolvedDependencies", Optional, List(&DESCRIPTOR)),
        ]),
    ),
    (
        "runDetails",
        Required,
        Object(&[
            (
                "builder",
                Required,
                Object(&[
                    ("id", Required, Text),
                    ("version", Optional, Members(&Form::Any)),
                    ("builderDependencies", Optional, List(&DESCRIPTOR)),
                ]),
            ),
            (
                "metadata",
                Optional,
                Object(&[
                    ("invocationId", Optional, Form::Any),
                    ("startedOn", Optional, Time),
                    ("finishedOn", Optional, Time),
                ]),
            ),
            ("byproducts", Optional, List(&DESCRIPTOR)),
        ]),
    ),
]);

const SUMMARY_V1: Form = Object(&[
    ("verifier", Required, Object(&[("id", Required, Text), ("version", Optional, Members(&Text))])),
    ("timeVerified", Optional, Time),
    ("resourceUri", Required, Text),
    ("policy", Required, DESCRIPTOR),
    ("inputAttestations", Optional, List(&DESCRIPTOR)),
    ("verificationResult", Required, OneOf(&["PASSED", "FAILED"])),
    ("verifiedLevels", Required, List(&Text)),
    ("dependencyLevels", Optional, Members(&Integer)),
    ("slsaVersion", Optional, Text),
]);

/// A link that only names a step is meaningless.
const LINK: Form = Field(
    &["command", "materials", "products", "byproducts", "environment"],
    &Object(&[
        ("name", Required, Text),
        ("command", Optional, List(&Form::Any)),
        ("materials", Optional, AnyOf(&[List(&DESCRIPTOR), Members(&DIGESTS)])),
        ("products", Optional, Members(&DIGESTS)),
        ("byproducts", Optional, Members(&Form::Any)),
        ("environment", Optional, Members(&Form::Any)),
    ]),
);

const TEST_RESULT: Form = Object(&[
    ("result", Required, OneOf(&["PASSED", "WARNED", "FAILED"])),
    ("configuration", Required, List(&DESCRIPTOR)),
    ("url", Optional, Text),
    ("passedTests", Optional, List(&Text)),
    ("warnedTests", Optional, List(&Text)),
    ("failedTests", Optional, List(&Text)),
]);

const VULNERABILITIES: Form = Object(&[
    ("invocation", Optional, Object(&[("uri", Optional, Form::Any), ("event_id", Optional, Form::Any)])),
    (
        "scanner",
        Required,
        Object(&[
            ("uri", Required, Text),
            ("version", Optional, Form::Any),
            ("db", Optional, Members(&Form::Any)),
            ("result", Required, Form::Any),
        ]),
    ),
    (
        "metadata",
        Required,
        // in-toto's form of the same omits the start.
        Object(&[("scanStartedOn", Optional, Time), ("scanFinishedOn", Required, Time)]),
    ),
]);

const OPENVEX: Form = Object(&[
    ("@context", Required, Begins(&["https://openvex.dev/ns"])),
    ("@id", Required, Text),
    ("author", Required, Text),
    ("timestamp", Required, Time),
    ("version", Required, Form::Any),
    (
        "statements",
        Required,
        List(&Object(&[
            ("vulnerability", Required, Form::Any),
            ("status", Required, OneOf(&["not_affected", "affected", "fixed", "under_investigation"])),
            ("timestamp", Optional, Time),
            ("products", Optional, List(&Form::Any)),
        ])),
    ),
]);

const CYCLONEDX: Form = Object(&[
    ("bomFormat", Required, OneOf(&["CycloneDX"])),
    ("specVersion", Required, Begins(&["1."])),
    ("version", Optional, Integer),
    ("components", Optional, List(&Members(&Form::Any))),
    ("dependencies", Optional, List(&Members(&Form::Any))),
]);

const SPDX_2: Form = Object(&[
    ("spdxVersion", Required, Begins(&["SPDX-2."])),
    ("SPDXID", Optional, OneOf(&["SPDXRef-DOCUMENT"])),
    ("documentNamespace", Optional, Text),
    ("creationInfo", Optional, Object(&[("created", Optional, Time), ("creators", Optional, List(&Text))])),
    ("packages", Optional, List(&Members(&Form::Any))),
    ("relationships", Optional, List(&Members(&Form::Any))),
]);

const SPDX_3: Form = Object(&[
    ("@context", Required, Begins(&["https://spdx.org/rdf/3."])),
    ("@graph", Required, List(&Members(&Form::Any))),
]);

const SPDX: Form = AnyOf(&[
    SPDX_2,
    SPDX_3,
    HasLine("SPDXVersion: SPDX-2."),
    // cosign before version 2 wrapped every document in this way.
    Object(&[("Data", Required, AnyOf(&[SPDX_2, SPDX_3, HasLine("SPDXVersion: SPDX-2.")]))]),
]);

const NPM_PUBLISH: Form =
    Object(&[("name", Required, Text), ("version", Required, Text), ("registry", Required, Text)]);

/// The known types, by URI.
const FORMS: &[(&str, Form)] = &[
    ("https://slsa.dev/provenance/v0.2", SLSA_V0_2),
    ("https://slsa.dev/provenance/v1", SLSA_V1),
    ("https://slsa.dev/verification_summary/v1", SUMMARY_V1),
    ("https://in-toto.io/Link/v1", LINK),
    ("https://in-toto.io/attestation/link/v0.3", LINK),
    ("https://in-toto.io/attestation/test-result/v0.1", TEST_RESULT),
    ("https://cosign.sigstore.dev/attestation/vuln/v1", VULNERABILITIES),
    ("https://in-toto.io/attestation/vulns/v0.1", VULNERABILITIES),
    ("https://in-toto.io/attestation/vulns/v0.2", VULNERABILITIES),
    ("https://openvex.dev/ns", OPENVEX),
    ("https://openvex.dev/ns/*", OPENVEX),
    ("https://cyclonedx.org/bom", AnyOf(&[CYCLONEDX, Object(&[("Data", Required, CYCLONEDX)])])),
    ("https://cyclonedx.org/bom/*", AnyOf(&[CYCLONEDX, Object(&[("Data", Required, CYCLONEDX)])])),
    ("https://spdx.dev/Document", SPDX),
    ("https://spdx.dev/Document/*", SPDX),
    ("https://github.com/npm/attestation/tree/main/specs/publish/v0.1", NPM_PUBLISH),
    ("https://docs.pypi.org/attestations/publish/v1", Empty),
];

/// Checks `predicate` against the form of its type; anything fits an unknown type.
pub(super) fn check(predicate_type: &str, predicate: &Value, limits: &Limits) -> Result<(), Mismatch> {
    let known = FORMS.iter().find(|(uri, _)| match uri.strip_suffix('*') {
        Some(prefix) => predicate_type.starts_with(prefix),
        None => *uri == predicate_type,
    });
    match known {
        Some((_, form)) => form.check(predicate, limits, &mut Vec::new()),
        None => Ok(()),
    }
}

/// Whether the form of this type is known.
#[cfg(test)]
pub(super) fn knows(predicate_type: &str) -> bool {
    FORMS.iter().any(|(uri, _)| *uri == predicate_type)
}

impl Form {
    fn check<'a>(&self, value: &'a Value, limits: &Limits, path: &mut Vec<Step<'a>>) -> Result<(), Mismatch> {
        match (self, value) {
            (Self::Any, _) | (Flag, Value::Bool(_)) | (Empty, Value::Null) => Ok(()),
            (Empty, Value::Object(members)) if members.is_empty() => Ok(()),
            (Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
            (Text, Value::String(text)) if !text.is_empty() => Ok(()),
            (Time, Value::String(text)) if text.parse::<Timestamp>().is_ok() => Ok(()),
            (OneOf(texts), Value::String(text)) if texts.contains(&text.as_str()) => Ok(()),
            (Begins(starts), Value::String(text)) if starts.iter().any(|start| text.starts_with(start)) => {
                Ok(())
            }
            (HasLine(start), Value::String(text)) if text.lines().any(|line| line.starts_with(start)) => {
                Ok(())
            }
            (List(_), Value::Array(items)) if items.len() > limits.predicate_items => {
                let what = format!("got {} items, which", items.len());
                let exceeded = LimitExceeded::new("predicate_items", limits.predicate_items as u64, what);
                Err(misfit(path, exceeded.to_string()))
            }
            (List(form), Value::Array(items)) => items.iter().enumerate().try_for_each(|(index, item)| {
                path.push(Step::Item(index));
                form.check(item, limits, path)?;
                path.pop();
                Ok(())
            }),
            (Members(form), Value::Object(members)) => members.iter().try_for_each(|(name, member)| {
                path.push(Step::Member(name));
                form.check(member, limits, path)?;
                path.pop();
                Ok(())
            }),
            (Object(fields), Value::Object(members)) => check_members(fields, members, limits, path),
            (Field(names, form), Value::Object(members)) => {
                if names.iter().any(|name| members.get(*name).is_some_and(|member| !member.is_null())) {
                    return form.check(value, limits, path);
                }
                Err(misfit(path, format!("got none of {}, expected one", names.join(", "))))
            }
            (AnyOf(forms), _) => any_of(forms, value, limits, path),
            (_, got) => Err(misfit(path, format!("got {}, expected {}", shown(got), self.expected()))),
        }
    }

    fn expected(&self) -> String {
        let listed =
            |texts: &[&str]| texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Any => "anything".to_owned(),
            Text => "a text".to_owned(),
            Time => "a time such as \"2026-01-31T12:00:00Z\"".to_owned(),
            Flag => "true or false".to_owned(),
            Integer => "an integer".to_owned(),
            OneOf([only]) => format!("{only:?}"),
            OneOf(texts) => format!("one of {}", listed(texts)),
            Begins(texts) => format!("a text that begins with {}", listed(texts)),
            HasLine(start) => format!("a text with a line `{start}…`"),
            List(_) => "a list".to_owned(),
            Members(_) | Object(_) | Field(..) => "an object".to_owned(),
            AnyOf(forms) => forms.iter().map(Self::expected).collect::<Vec<_>>().join(" or "),
            Empty => "nothing, or an empty object".to_owned(),
        }
    }
}

fn check_members<'a>(
    fields: &'static [Member],
    members: &'a Map<String, Value>,
    limits: &Limits,
    path: &mut Vec<Step<'a>>,
) -> Result<(), Mismatch> {
    for (name, need, form) in fields {
        path.push(Step::Member(name));
        match (members.get(*name).filter(|member| !member.is_null()), need) {
            (Some(member), _) => form.check(member, limits, path)?,
            (None, Required) => {
                return Err(misfit(path, format!("is missing, expected {}", form.expected())));
            }
            (None, Optional) => {}
        }
        path.pop();
    }
    Ok(())
}

/// The alternative that matched furthest is most likely the intended one.
fn any_of<'a>(
    forms: &'static [Form],
    value: &'a Value,
    limits: &Limits,
    path: &mut Vec<Step<'a>>,
) -> Result<(), Mismatch> {
    let depth = path.len();
    let mut furthest: Option<(usize, Mismatch)> = None;
    for form in forms {
        match form.check(value, limits, path) {
            Ok(()) => return Ok(()),
            Err(problem) => {
                if furthest.as_ref().is_none_or(|(reached, _)| path.len() > *reached) {
                    furthest = Some((path.len(), problem));
                }
                path.truncate(depth);
            }
        }
    }
    Err(furthest.map_or_else(|| misfit(path, "fits no form".to_owned()), |(_, problem)| problem))
}

/// A step on the path to a value.
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

fn misfit(path: &[Step<'_>], problem: String) -> Mismatch {
    let mut shown = String::from("predicate");
    for step in path {
        match step {
            Step::Member(name) => {
                shown.push('.');
                shown.push_str(&excerpt(name));
            }
            Step::Item(index) => {
                shown.push('[');
                shown.push_str(&index.to_string());
                shown.push(']');
            }
        }
    }
    Mismatch { path: shown, problem }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("{:?}", excerpt(text)),
        other => other.to_string(),
    }
}
