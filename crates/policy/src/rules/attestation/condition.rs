//! Conditions on the content of an attestation.
//!
//! ```yaml
//! conditions:
//!   - { path: /result, equals: PASSED }
//!   - { path: /coverage/lines, atLeast: 80 }
//!   - { path: /scanner/finishedOn, maxAge: 7d }
//! ```
//!
//! A path is a JSON Pointer (RFC 6901) into the predicate. What is not there, or is of another kind than the condition is about,
//! does not hold: a number is not a text, and a text is not a number. All conditions of a rule must hold for one and the same
//! attestation.

use std::cmp::Ordering;

use jiff::Timestamp;
use plimsoll_verify::{Pattern, Text};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Number, Value};

use crate::setting::{Age, Setting, span};

/// Longer than any path into a real predicate.
const MAX_PATH: usize = 512;

/// The longest text that a pattern is compared with, in bytes: far more than a result, a version or a name. A predicate may be as
/// large as `statement_bytes`, and a matcher takes the time of pattern times text, for each condition and attestation.
const MAX_MATCHED: usize = 64 * 1024;

/// A condition on the predicate. With several comparisons, all must hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConditionSpec {
    path: Pointer,
    /// The value is this text, number or boolean.
    #[serde(default)]
    equals: Setting<Scalar>,
    /// The value is one of these.
    #[serde(default)]
    #[schemars(length(min = 1))]
    one_of: Setting<Vec<Scalar>>,
    /// The value is a text of at most 65536 bytes that this regular expression matches from the first character to the last.
    #[serde(default)]
    #[schemars(with = "Setting<String>")]
    matches: Setting<Matching>,
    /// The value is a list with this entry.
    #[serde(default)]
    contains: Setting<Scalar>,
    /// The value is a number that is not less.
    #[serde(default)]
    #[schemars(with = "Setting<f64>")]
    at_least: Setting<Number>,
    /// The value is a number that is not greater.
    #[serde(default)]
    #[schemars(with = "Setting<f64>")]
    at_most: Setting<Number>,
    /// The value is a list with no more entries.
    #[serde(default)]
    max_items: Setting<usize>,
    /// The value is a time in the form of RFC 3339, not in the future and not longer ago.
    #[serde(default)]
    max_age: Setting<Age>,
}

/// A condition, ready to be asked.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Condition {
    path: Pointer,
    comparisons: Vec<Comparison>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
enum Comparison {
    Equals(Scalar),
    OneOf(Vec<Scalar>),
    Matches(Matching),
    Contains(Scalar),
    AtLeast(Number),
    AtMost(Number),
    MaxItems(usize),
    MaxAge(Age),
}

impl ConditionSpec {
    /// The condition, or why it is invalid.
    pub(super) fn resolve(self) -> Result<Condition, String> {
        let Self { path, equals, one_of, matches, contains, at_least, at_most, max_items, max_age } = self;
        let all = [
            equals.into_option().map(Comparison::Equals),
            one_of.into_option().map(Comparison::OneOf),
            matches.into_option().map(Comparison::Matches),
            contains.into_option().map(Comparison::Contains),
            at_least.into_option().map(Comparison::AtLeast),
            at_most.into_option().map(Comparison::AtMost),
            max_items.into_option().map(Comparison::MaxItems),
            max_age.into_option().map(Comparison::MaxAge),
        ];
        let comparisons: Vec<Comparison> = all.into_iter().flatten().collect();
        if comparisons.is_empty() {
            return Err("compares nothing, expected `equals`, `oneOf`, `matches`, `contains`, `atLeast`, \
                        `atMost`, `maxItems` or `maxAge`"
                .to_owned());
        }
        if comparisons.iter().any(|it| matches!(it, Comparison::OneOf(values) if values.is_empty())) {
            return Err("an empty `oneOf` can never hold".to_owned());
        }
        Ok(Condition { path, comparisons })
    }
}

impl Condition {
    /// Whether it holds for `predicate`: until when, or why not.
    pub(super) fn holds(&self, predicate: &Value, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let path = &self.path.0;
        let Some(got) = predicate.pointer(path) else {
            return Err(format!("its predicate has no {path}"));
        };
        let mut until: Option<Timestamp> = None;
        for comparison in &self.comparisons {
            let end = comparison
                .holds(got, now)
                .map_err(|expected| format!("{path}: got {}, expected {expected}", excerpt(got)))?;
            until = [until, end].into_iter().flatten().min();
        }
        Ok(until)
    }
}

impl Comparison {
    /// Whether it holds: until when, or what was expected.
    fn holds(&self, got: &Value, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let (holds, expected) = match self {
            Self::Equals(wanted) => (wanted.is(got), wanted.0.to_string()),
            Self::OneOf(wanted) => {
                let list: Vec<String> = wanted.iter().map(|it| it.0.to_string()).collect();
                (wanted.iter().any(|it| it.is(got)), format!("one of {}", list.join(", ")))
            }
            Self::Matches(Matching(pattern)) => match got.as_str() {
                Some(text) if text.len() > MAX_MATCHED => {
                    (false, format!("{pattern}, in a text of at most {MAX_MATCHED} bytes"))
                }
                text => (text.is_some_and(|text| pattern.matches(text)), pattern.to_string()),
            },
            Self::Contains(wanted) => (
                got.as_array().is_some_and(|list| list.iter().any(|it| wanted.is(it))),
                format!("a list with {}", wanted.0),
            ),
            Self::AtLeast(least) => (
                number(got).is_some_and(|got| {
                    matches!(compare(got, least), Some(Ordering::Greater | Ordering::Equal))
                }),
                format!("{least} or more"),
            ),
            Self::AtMost(most) => (
                number(got)
                    .is_some_and(|got| matches!(compare(got, most), Some(Ordering::Less | Ordering::Equal))),
                format!("{most} or less"),
            ),
            Self::MaxItems(most) => {
                (got.as_array().is_some_and(|list| list.len() <= *most), format!("a list of at most {most}"))
            }
            Self::MaxAge(age) => {
                let expected = format!("a time at most {} ago", span(age.0));
                let time: Timestamp =
                    got.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| expected.clone())?;
                let end = time.checked_add(age.0).map_err(|_| expected.clone())?;
                return if time <= now && now <= end { Ok(Some(end)) } else { Err(expected) };
            }
        };
        if holds { Ok(None) } else { Err(expected) }
    }
}

fn number(value: &Value) -> Option<&Number> {
    match value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

/// Whole numbers are compared as they are: as floating-point numbers, two large ones could be equal that are not.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// A value for a message. Predicates are foreign and may be large.
fn excerpt(value: &Value) -> String {
    const SHOWN: usize = 120;
    match value {
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > SHOWN => {
            format!("{:?}…", text.chars().take(SHOWN).collect::<String>())
        }
        other => other.to_string(),
    }
}

/// A text, a number or a boolean.
#[derive(Debug, Clone, Serialize)]
struct Scalar(Value);

impl Scalar {
    fn is(&self, got: &Value) -> bool {
        match (&self.0, got) {
            (Value::Number(one), Value::Number(other)) => compare(one, other) == Some(Ordering::Equal),
            (one, other) => one == other,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            value @ (Value::String(_) | Value::Number(_) | Value::Bool(_)) => Ok(Self(value)),
            _ => Err(D::Error::custom("expected a text, a number or a boolean")),
        }
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// A pattern for a whole text.
#[derive(Debug, Clone)]
struct Matching(Text);

impl<'de> Deserialize<'de> for Matching {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pattern = Pattern::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Ok(Self(Text::Pattern(pattern)))
    }
}

impl Serialize for Matching {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A JSON Pointer: names and numbers, each after a `/`. The empty one, for the whole predicate, is refused: nothing compares an object.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
struct Pointer(String);

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // RFC 6901, section 3: `~` is only the beginning of `~0` and `~1`.
        let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if text.starts_with('/') && text.len() <= MAX_PATH && escapes {
            Ok(Self(text))
        } else {
            Err(D::Error::custom(format!(
                "expected a JSON Pointer of at most {MAX_PATH} bytes, as in /scanner/result, got {text:?}"
            )))
        }
    }
}

impl JsonSchema for Pointer {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JsonPointer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A JSON Pointer (RFC 6901) into the predicate: `/scanner/result`.",
            "type": "string",
            "pattern": "^(/([^~]|~[01])*)$",
            "maxLength": MAX_PATH,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(condition: Value, predicate: &Value) -> Result<Option<Timestamp>, String> {
        let spec: ConditionSpec = serde_json::from_value(condition).unwrap();
        spec.resolve().unwrap().holds(predicate, "2026-11-20T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn each_comparison_is_about_one_kind_of_value() {
        let predicate = json!({
            "result": "PASSED", "count": 3, "ratio": 0.8, "big": 9_007_199_254_740_993_u64, "ok": true, "none": null,
            "list": ["a", 1], "a/b": {"m~n": "x"}, "time": "2026-11-19T12:00:00Z", "later": "2026-11-21T12:00:00Z",
        });
        for (condition, holds) in [
            (json!({"path": "/result", "equals": "PASSED"}), true),
            (json!({"path": "/result", "equals": "passed"}), false),
            (json!({"path": "/count", "equals": 3}), true),
            (json!({"path": "/count", "equals": 3.0}), true),
            (json!({"path": "/count", "equals": "3"}), false),
            (json!({"path": "/ok", "equals": true}), true),
            (json!({"path": "/ok", "equals": "true"}), false),
            (json!({"path": "/big", "equals": 9_007_199_254_740_992_u64}), false),
            (json!({"path": "/big", "atMost": 9_007_199_254_740_992_u64}), false),
            (json!({"path": "/result", "oneOf": ["WARNED", "PASSED"]}), true),
            (json!({"path": "/result", "oneOf": ["WARNED"]}), false),
            (json!({"path": "/result", "matches": "PASS"}), false),
            (json!({"path": "/result", "matches": "PASS.*"}), true),
            (json!({"path": "/count", "matches": ".*"}), false),
            (json!({"path": "/list", "contains": 1}), true),
            (json!({"path": "/list", "contains": "b"}), false),
            (json!({"path": "/result", "contains": "P"}), false),
            (json!({"path": "/list", "maxItems": 2}), true),
            (json!({"path": "/list", "maxItems": 1}), false),
            (json!({"path": "/result", "maxItems": 10}), false),
            (json!({"path": "/ratio", "atLeast": 0.8}), true),
            (json!({"path": "/ratio", "atLeast": 0.81}), false),
            (json!({"path": "/count", "atLeast": 1, "atMost": 2}), false),
            (json!({"path": "/result", "atLeast": 0}), false),
            (json!({"path": "/time", "maxAge": "24h"}), true),
            (json!({"path": "/time", "maxAge": "23h"}), false),
            (json!({"path": "/later", "maxAge": "9d"}), false),
            (json!({"path": "/count", "maxAge": "9d"}), false),
            (json!({"path": "/missing", "atMost": 1}), false),
            (json!({"path": "/none", "equals": "null"}), false),
            (json!({"path": "/a~1b/m~0n", "equals": "x"}), true),
            (json!({"path": "/list/0", "equals": "a"}), true),
        ] {
            assert_eq!(ask(condition.clone(), &predicate).is_ok(), holds, "{condition}");
        }
        let until = ask(json!({"path": "/time", "maxAge": "2d"}), &predicate).unwrap();
        assert_eq!(until.unwrap().to_string(), "2026-11-21T12:00:00Z");
    }

    #[test]
    fn a_condition_that_says_nothing_is_refused() {
        for wrong in [json!({"path": "/x"}), json!({"path": "/x", "oneOf": []})] {
            let spec: ConditionSpec = serde_json::from_value(wrong.clone()).unwrap();
            assert!(spec.resolve().is_err(), "{wrong}");
        }
        for wrong in [
            json!({"path": "x", "equals": 1}),
            json!({"path": "", "equals": 1}),
            json!({"path": "/x~2", "equals": 1}),
            json!({"path": "/x~", "equals": 1}),
            json!({"path": "/x", "equals": null}),
            json!({"path": "/x", "equals": ["a"]}),
            json!({"path": "/x", "matches": "("}),
            json!({"path": "/x", "is": 1}),
            json!({"path": "/x", "maxAge": "soon"}),
        ] {
            assert!(serde_json::from_value::<ConditionSpec>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    /// Time is pattern times text, and a predicate may have many megabytes.
    #[test]
    fn a_pattern_is_not_compared_with_a_text_of_any_length() {
        let matching = |length: usize| {
            ask(json!({"path": "/text", "matches": "x*"}), &json!({"text": "x".repeat(length)}))
        };
        assert!(matching(MAX_MATCHED).is_ok());
        let told = matching(MAX_MATCHED + 1).unwrap_err();
        assert!(told.contains("at most 65536 bytes"), "{told}");
    }

    #[test]
    fn a_large_value_is_not_repeated_in_full() {
        let predicate = json!({"text": "x".repeat(100_000), "list": vec![0; 1000]});
        for path in ["/text", "/list"] {
            let told = ask(json!({"path": path, "equals": "y"}), &predicate).unwrap_err();
            assert!(told.len() < 300, "{told}");
        }
    }
}
