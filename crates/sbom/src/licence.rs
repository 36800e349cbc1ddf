//! Licences: what is a valid SPDX expression, and what is only a name.
//!
//! Package metadata says "MIT", "BSD", "Apache 2.0" or a whole text. Only what the SPDX licence list and grammar (SPDX
//! 2.3, annex D) know may stand as an expression in a document; nothing is guessed.

use spdx::{Expression, ParseMode};

/// `text` as an SPDX expression in its canonical spelling where it is one, else as it is.
pub(crate) fn normal(text: &str) -> String {
    let text = text.trim();
    expression(text).unwrap_or_else(|| text.to_owned())
}

/// The canonical spelling of a valid expression. References to licences outside the list are not valid without the
/// text that they refer to, which package metadata never has.
pub(crate) fn expression(text: &str) -> Option<String> {
    let mode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
    let expression = Expression::parse_mode(text, mode).ok()?;
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

/// All of `licenses` as one expression, when every one of them is valid.
pub(crate) fn all(licenses: &[String]) -> Option<String> {
    let expressions: Vec<String> =
        licenses.iter().map(|licence| expression(licence)).collect::<Option<_>>()?;
    match expressions.as_slice() {
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
        ] {
            assert_eq!(expression(bad), None, "{bad}");
        }
    }

    #[test]
    fn several_are_joined_only_when_all_are_valid() {
        let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(all(&strings(&["MIT", "A OR B"])), None);
        assert_eq!(all(&strings(&["MIT", "ISC OR Zlib"])).as_deref(), Some("MIT AND (ISC OR Zlib)"));
        assert_eq!(all(&[]), None);
    }
}
