//! The name of a rule, as documents, verdicts and waivers write it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::{BUILT_IN, OF_POLICIES};
use crate::setting::Name;

/// The stable name of a rule. Ordered as rules are applied and shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RuleName(Cow<'static, str>);

impl RuleName {
    pub(crate) const fn built_in(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name of a rule that a policy defines: `attestation/tests`.
    pub(crate) fn of_policy(prefix: &str, name: &Name) -> Self {
        Self(Cow::Owned(format!("{prefix}{}", name.0)))
    }

    /// As documents write it: `deny-list`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The position in the list. Other rules follow, sorted by name.
    fn position(&self) -> usize {
        BUILT_IN.iter().position(|rule| rule.name() == *self).unwrap_or(BUILT_IN.len())
    }
}

impl Ord for RuleName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.position().cmp(&other.position()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for RuleName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for RuleName {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for RuleName {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl JsonSchema for RuleName {
    fn schema_name() -> Cow<'static, str> {
        "Rule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known = BUILT_IN.iter().map(|rule| {
            json_schema!({ "type": "string", "const": rule.name().as_str(), "description": rule.about() })
        });
        let of_policies = OF_POLICIES.iter().map(|(prefix, about, _)| {
            let pattern = format!("^{prefix}{}", Name::PATTERN.trim_start_matches('^'));
            json_schema!({ "type": "string", "pattern": pattern, "description": about })
        });
        json_schema!({
            "description": "The rules, in the order in which they are applied and shown. The names are stable.",
            "oneOf": known.chain(of_policies).collect::<Vec<_>>(),
        })
    }
}
