//! Licences: valid SPDX expressions, and other names.
//!
//! Package metadata says "MIT", "BSD", "Apache 2.0" or a whole text. Only licences of the SPDX list, joined by its grammar (SPDX
//! 2.3, annex D), may be an expression in a document. Nothing is guessed.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use spdx::{Expression, ParseMode};

/// The licence that a package states.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Licence {
    /// An SPDX expression of listed licences, in its canonical spelling.
    Expression(String),
    /// Something else, as it was found: a name, a sentence.
    Text(String),
}

/// SPDX's words for an unknown licence, and for no licence. They are not part of expressions.
const NO_LICENCES: [&str; 2] = ["NOASSERTION", "NONE"];

impl Licence {
    /// The licence that `text` names, if it names one: `NONE` and `NOASSERTION`, which templates and converters write, do not.
    pub fn stated(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && !NO_LICENCES.contains(&text)).then(|| Self::parse(text))
    }

    /// Parses `text` as an expression, or keeps it as a name.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        expression(text).map_or_else(|| Self::Text(text.to_owned()), Self::Expression)
    }

    /// The expression, if it is one.
    pub(crate) fn expression(&self) -> Option<&str> {
        match self {
            Self::Expression(expression) => Some(expression),
            Self::Text(_) => None,
        }
    }

    /// The licences that apply together: `MIT AND ISC` is two, a text is one.
    pub(crate) fn terms(&self) -> Vec<&str> {
        match self {
            Self::Expression(expression) => conjuncts(expression),
            Self::Text(text) => vec![text],
        }
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

/// As text for people. It is not parsed again later, because the interpretation may depend on where it was found.
impl Serialize for Licence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(self.as_str());
        }
        (matches!(self, Self::Expression(_)), self.as_str()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Licence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer).map(|text| Self::parse(&text));
        }
        let (is_expression, text) = <(bool, String)>::deserialize(deserializer)?;
        Ok(if is_expression { Self::Expression(text) } else { Self::Text(text) })
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
    let canonical = |word: &str| {
        let upper = word.to_ascii_uppercase();
        if matches!(upper.as_str(), "AND" | "OR" | "WITH") {
            return upper;
        }
        let name = word.trim_matches(['(', ')']);
        let current = RENAMED.iter().find(|(old, _)| *old == name);
        current.map_or_else(|| word.to_owned(), |(old, new)| word.replace(old, new))
    };
    listed.then(|| text.split_whitespace().map(canonical).collect::<Vec<_>>().join(" "))
}

/// Deprecated identifiers of a licence with an exception, and the expressions that replace them. Validators mistake the
/// identifiers for the exception alone.
const RENAMED: [(&str, &str); 7] = [
    ("GPL-2.0-with-autoconf-exception", "GPL-2.0-only WITH Autoconf-exception-2.0"),
    ("GPL-2.0-with-bison-exception", "GPL-2.0-only WITH Bison-exception-2.2"),
    ("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("GPL-2.0-with-font-exception", "GPL-2.0-only WITH Font-exception-2.0"),
    ("GPL-2.0-with-GCC-exception", "GPL-2.0-only WITH GCC-exception-2.0"),
    ("GPL-3.0-with-autoconf-exception", "GPL-3.0-only WITH Autoconf-exception-3.0"),
    ("GPL-3.0-with-GCC-exception", "GPL-3.0-only WITH GCC-exception-3.1"),
];

/// All `licenses` as one expression, if `term` gives an expression for each of them.
pub(crate) fn all<'l>(
    licenses: &'l [Licence],
    term: impl Fn(&'l Licence) -> Option<&'l str>,
) -> Option<String> {
    match licenses.iter().map(term).collect::<Option<Vec<&str>>>()?.as_slice() {
        [] => None,
        [single] => Some((*single).to_owned()),
        several => Some(several.iter().map(|term| parenthesised(term)).collect::<Vec<_>>().join(" AND ")),
    }
}

fn parenthesised(expression: &str) -> Cow<'_, str> {
    if expression.contains(' ') { format!("({expression})").into() } else { expression.into() }
}

const AND: &str = "AND";
const OR: &str = "OR";

/// The terms that `expression` joins by `AND` outside parentheses, each without surrounding parentheses: the input of
/// [`all`]. An expression that is not a conjunction is its only term.
pub(crate) fn conjuncts(expression: &str) -> Vec<&str> {
    let whole = unparenthesised(expression);
    let (mut found, mut depth, mut begin, mut at) = (Vec::new(), 0_usize, 0, 0);
    for word in whole.split_inclusive(char::is_whitespace) {
        let trimmed = word.trim_end();
        match trimmed {
            // `AND` binds more tightly.
            OR if depth == 0 => return vec![whole],
            AND if depth == 0 => {
                found.push(whole.get(begin..at).unwrap_or_default());
                begin = at + trimmed.len();
            }
            _ => {
                depth += trimmed.matches('(').count();
                depth = depth.saturating_sub(trimmed.matches(')').count());
            }
        }
        at += word.len();
    }
    found.push(whole.get(begin..).unwrap_or_default());
    found.into_iter().map(unparenthesised).collect()
}

/// An expression without the parentheses around it.
fn unparenthesised(expression: &str) -> &str {
    let expression = expression.trim();
    let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return expression;
    };
    let mut depth = 0_usize;
    for character in inner.chars() {
        match character {
            '(' => depth += 1,
            // The first parenthesis ends before the last one.
            ')' if depth == 0 => return expression,
            ')' => depth -= 1,
            _ => {}
        }
    }
    inner.trim()
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
    fn deprecated_identifiers_with_an_exception_become_their_replacements() {
        let text = "EPL-2.0 OR (GPL-2.0-with-classpath-exception)";
        let current = "EPL-2.0 OR (GPL-2.0-only WITH Classpath-exception-2.0)";
        assert_eq!(expression(text).as_deref(), Some(current));
        for (old, new) in RENAMED {
            assert_eq!(expression(old).as_deref(), Some(new));
            assert_eq!(expression(new).as_deref(), Some(new));
        }
    }

    #[test]
    fn several_are_joined_only_if_all_are_valid() {
        let joined = |list: &[&str]| {
            let licences: Vec<_> = list.iter().map(|text| Licence::parse(text)).collect();
            all(&licences, Licence::expression)
        };
        assert_eq!(joined(&["MIT", "A OR B"]), None);
        assert_eq!(joined(&["MIT", "ISC OR Zlib"]).as_deref(), Some("MIT AND (ISC OR Zlib)"));
        assert_eq!(joined(&[]), None);
    }

    #[test]
    fn a_conjunction_is_split_as_it_was_joined() {
        for (expression, expected) in [
            ("MIT", &["MIT"][..]),
            ("MIT AND ISC", &["MIT", "ISC"]),
            ("(MIT AND ISC)", &["MIT", "ISC"]),
            ("(MIT AND ISC) AND (Zlib OR ISC)", &["MIT AND ISC", "Zlib OR ISC"]),
            (
                "(LicenseRef-a) AND (GPL-2.0-only WITH Classpath-exception-2.0)",
                &["LicenseRef-a", "GPL-2.0-only WITH Classpath-exception-2.0"],
            ),
            ("(MIT) AND (ISC)", &["MIT", "ISC"]),
            // `AND` binds more tightly than `OR`.
            ("MIT OR ISC AND Zlib", &["MIT OR ISC AND Zlib"]),
            ("MIT AND ISC OR Zlib", &["MIT AND ISC OR Zlib"]),
            ("(MIT AND ISC) OR (Zlib AND ISC)", &["(MIT AND ISC) OR (Zlib AND ISC)"]),
            ("MIT AND  ( ISC OR Zlib )", &["MIT", "ISC OR Zlib"]),
            ("", &[""]),
            (")(", &[")("]),
            ("é AND ü", &["é", "ü"]),
        ] {
            assert_eq!(conjuncts(expression), expected, "{expression}");
        }
    }
}
