//! Licences: what is a valid SPDX expression, and what is only a name.
//!
//! Package metadata says "MIT", "BSD", "Apache 2.0" or a whole text. Only what the SPDX licence list and grammar (SPDX
//! 2.3, annex D) know may stand as an expression in a document; nothing is guessed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use spdx::{Expression, ParseMode};

/// What a package says about its licence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Licence {
    /// An SPDX expression of listed licences, in its canonical spelling.
    Expression(String),
    /// Something else, as it was found: a name, a sentence.
    Text(String),
}

/// SPDX's words for a licence that nobody looked for, and for none. They are no part of an expression.
const NO_LICENCES: [&str; 2] = ["NOASSERTION", "NONE"];

impl Licence {
    /// What `text` says, if it names a licence at all: `NONE` and `NOASSERTION`, which templates and converters write, do not.
    pub fn stated(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && !NO_LICENCES.contains(&text)).then(|| Self::parse(text))
    }

    /// What `text` is.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        expression(text).map_or_else(|| Self::Text(text.to_owned()), Self::Expression)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Expression(text) | Self::Text(text) => text,
        }
    }
}

impl fmt::Display for Licence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<&str> for Licence {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

impl Serialize for Licence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Licence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

/// The canonical spelling of a valid expression. References to licences outside the list are not valid without the
/// text that they refer to, which package metadata never has.
fn expression(text: &str) -> Option<String> {
    let mode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
    let is_none = |word: &str| NO_LICENCES.contains(&word.trim_matches(['(', ')']));
    let expression =
        Expression::parse_mode(text, mode).ok().filter(|_| !text.split_whitespace().any(is_none))?;
    let listed = expression.requirements().all(|requirement| {
        requirement.req.license.id().is_some()
            && requirement.req.addition.as_ref().is_none_or(|addition| addition.id().is_some())
    });
    let operator = |word: &str| match word.to_ascii_uppercase().as_str() {
        upper @ ("AND" | "OR" | "WITH") => upper.to_owned(),
        _ => word.to_owned(),
    };
    listed.then(|| text.split_whitespace().map(operator).collect::<Vec<_>>().join(" "))
}

/// All of `licenses` as one expression, when every one of them is one.
pub(crate) fn all(licenses: &[Licence]) -> Option<String> {
    let expression = |licence: &Licence| match licence {
        Licence::Expression(expression) => Some(expression.clone()),
        Licence::Text(_) => None,
    };
    match licenses.iter().map(expression).collect::<Option<Vec<String>>>()?.as_slice() {
        [] => None,
        [single] => Some(single.clone()),
        several => Some(several.iter().map(|e| parenthesised(e)).collect::<Vec<_>>().join(" AND ")),
    }
}

fn parenthesised(expression: &str) -> String {
    if expression.contains(' ') { format!("({expression})") } else { expression.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_licences_make_an_expression() {
        for good in
            ["MIT", "Apache-2.0 WITH LLVM-exception", "MIT OR (GPL-2.0-only AND BSD-3-Clause)", "GPL-2.0"]
        {
            assert_eq!(expression(good).as_deref(), Some(good), "{good}");
        }
        for bad in [
            "",
            "BSD",
            "Apache 2.0",
            "MIT License",
            "LicenseRef-x",
            "GPL-2.0+",
            "MIT OR",
            "UNKNOWN",
            "Apache-2.0/MIT",
            "MIT WITH AdditionRef-x",
            "NOASSERTION",
            "MIT OR NOASSERTION",
            "MIT AND (NONE OR ISC)",
        ] {
            assert_eq!(expression(bad), None, "{bad}");
        }
        for (text, stated) in
            [("NOASSERTION", None), (" NONE ", None), ("", None), ("MIT OR NONE", Some("MIT OR NONE"))]
        {
            assert_eq!(Licence::stated(text).as_ref().map(Licence::as_str), stated);
        }
    }

    #[test]
    fn several_are_joined_only_when_all_are_valid() {
        let licences = |list: &[&str]| list.iter().map(|text| Licence::parse(text)).collect::<Vec<_>>();
        assert_eq!(all(&licences(&["MIT", "A OR B"])), None);
        assert_eq!(all(&licences(&["MIT", "ISC OR Zlib"])).as_deref(), Some("MIT AND (ISC OR Zlib)"));
        assert_eq!(all(&[]), None);
    }
}
