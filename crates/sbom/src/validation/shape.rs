//! The members of objects and their types: the part of a schema that decides how a document is understood.
//!
//! Shapes are tables. A member that no table names is not checked.

use std::collections::BTreeSet;

use plimsoll_core::Timestamp;
use plimsoll_core::text::shortened;
use serde_json::Value;

use super::Findings;

/// The members of a kind of object.
pub(super) struct Shape {
    /// Its name in messages: `component`.
    pub(super) name: &'static str,
    /// Required members.
    pub(super) required: &'static [&'static str],
    pub(super) members: &'static [(&'static str, Kind)],
    /// A further rule. Returns a code and a message if the object breaks it.
    pub(super) rule: Option<Rule>,
}

/// Gets the object and the version of the standard.
type Rule = fn(&Value, &str) -> Option<(&'static str, String)>;

/// The type of a member.
pub(super) enum Kind {
    /// A text that is not empty.
    Text,
    /// One of a list of texts.
    OneOf(&'static [&'static str]),
    /// A text of a form.
    Form(&'static str, fn(&str) -> bool),
    /// An instant (RFC 3339).
    Time,
    Object(&'static Shape),
    List(&'static Shape),
    /// A list of texts that are not empty, each once.
    Texts,
    Boolean,
}

/// Checks `value` against `shape`. The depth of the document bounds the recursion.
pub(super) fn check(value: &Value, shape: &Shape, place: &str, findings: &mut Findings) {
    let Some(object) = value.as_object() else {
        findings.error("wrong-type", place, format!("a {} must be an object", shape.name));
        return;
    };
    for required in shape.required {
        if !object.contains_key(*required) {
            findings.error("missing-member", place, format!("a {} needs `{required}`", shape.name));
        }
    }
    for (name, kind) in shape.members {
        if let Some(value) = object.get(*name) {
            let place = if place.is_empty() { (*name).to_owned() } else { format!("{place}/{name}") };
            member(value, kind, &place, findings);
        }
    }
    if let Some((code, message)) = shape.rule.and_then(|rule| rule(value, &findings.version)) {
        findings.error(code, place, message);
    }
}

fn member(value: &Value, kind: &Kind, place: &str, findings: &mut Findings) {
    let text = |findings: &mut Findings| {
        let text = value.as_str();
        if text.is_none() {
            findings.error("wrong-type", place, "expected a text");
        }
        text
    };
    match kind {
        Kind::Text => {
            if text(findings) == Some("") {
                findings.error("empty", place, "expected a text that is not empty");
            }
        }
        Kind::OneOf(known) => {
            if let Some(text) = text(findings).filter(|text| !known.contains(text)) {
                findings.error(
                    "unknown-value",
                    place,
                    format!("`{}` is not one of the known values", shortened(text)),
                );
            }
        }
        Kind::Form(form, fits) => {
            if let Some(text) = text(findings).filter(|text| !fits(text)) {
                findings.error("wrong-form", place, format!("`{}` is not {form}", shortened(text)));
            }
        }
        Kind::Time => {
            if let Some(text) = text(findings).filter(|text| text.parse::<Timestamp>().is_err()) {
                findings.error(
                    "wrong-form",
                    place,
                    format!("`{}` is not an RFC 3339 instant", shortened(text)),
                );
            }
        }
        Kind::Boolean => {
            if !value.is_boolean() {
                findings.error("wrong-type", place, "expected true or false");
            }
        }
        Kind::Object(shape) => check(value, shape, place, findings),
        Kind::List(shape) => {
            each(value, place, findings, |item, place, findings| check(item, shape, place, findings));
        }
        Kind::Texts => {
            let mut seen = BTreeSet::new();
            each(value, place, findings, |item, place, findings| {
                member(item, &Kind::Text, place, findings);
                if !item.as_str().is_none_or(|text| seen.insert(text.to_owned())) {
                    findings.error("repeated", place, "occurs twice in a list of unique items");
                }
            });
        }
    }
}

fn each(
    value: &Value,
    place: &str,
    findings: &mut Findings,
    mut check: impl FnMut(&Value, &str, &mut Findings),
) {
    let Some(items) = value.as_array() else {
        findings.error("wrong-type", place, "expected a list");
        return;
    };
    for (number, item) in items.iter().enumerate() {
        check(item, &format!("{place}/{number}"), findings);
    }
}
