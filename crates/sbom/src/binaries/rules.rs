//! The rules, from `rules.txt`: a line for each program, in the order in which they are matched against a file's name.
//!
//! ```text
//! nginx f5:nginx | nginx | nginx version: nginx/{}
//! redis redis:redis | redis-server redis-cli | \0{3}\0
//! ```
//!
//! The fields are the name of the package, with vendor and product if the NVD's dictionary has them; the names of the
//! files; and the texts around the version, of which the first match counts. A file's name has no wildcard at its end,
//! because that would be tried on every path. `{}` is the version: a digit and all characters that may follow. `{3}` is
//! a version of exactly three numbers, `{3.}` one that starts with three numbers. `\0` is a zero byte.
//!
//! A link with such a name is followed, and a layer is read again if the file came before its link. So a name that links in every
//! system have, as `ssh` among the methods of apt, is given with its folder: `bin/ssh`.

use std::sync::LazyLock;

/// A kind of program.
pub(super) struct Rule {
    /// The name in the package URL.
    pub(super) name: &'static str,
    /// The vendor and the product of its CPE name.
    pub(super) product: Option<(&'static str, &'static str)>,
    /// Patterns of its files.
    pub(super) files: Vec<&'static str>,
    pub(super) patterns: Vec<Pattern>,
}

/// The texts around a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) before: Vec<u8>,
    pub(super) shape: Shape,
    pub(super) after: Vec<u8>,
}

/// The form of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// A digit, and the characters that may follow it.
    Any,
    /// This many numbers, separated by dots.
    Numbers(usize),
    /// Like [`Self::Any`], but starting with this many numbers.
    Beginning(String),
}

pub(super) static RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| include_str!("rules.txt").lines().filter_map(rule).collect());

fn rule(line: &'static str) -> Option<Rule> {
    let mut columns = line.split('|').map(str::trim);
    let (names, files) = (columns.next()?, columns.next()?);
    let (name, product) = names.split_once(' ').unwrap_or((names, ""));
    if name.starts_with('#') {
        return None;
    }
    // Patterns apply to all directories. They live as long as the program, which has one list of them.
    let files = files.split(' ').map(|file| &*format!("**/{file}").leak()).collect();
    Some(Rule {
        name,
        product: product.split_once(':'),
        files,
        patterns: columns.filter_map(pattern).collect(),
    })
}

fn pattern(text: &str) -> Option<Pattern> {
    let (before, rest) = text.split_once('{')?;
    let (shape, after) = rest.split_once('}')?;
    let shape = match (shape, shape.parse()) {
        ("", _) => Shape::Any,
        (_, Ok(numbers)) => Shape::Numbers(numbers),
        (beginning, Err(_)) => Shape::Beginning(beginning.to_owned()),
    };
    let literal = |text: &str| text.replace("\\0", "\0").into_bytes();
    Some(Pattern { before: literal(before), shape, after: literal(after) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_a_rule_or_a_comment() {
        let lines = include_str!("rules.txt").lines();
        let rules: Vec<&str> = lines.filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert_eq!(rules.len(), RULES.len());
        for (line, rule) in rules.iter().zip(RULES.iter()) {
            assert!(!rule.patterns.is_empty(), "{line}");
            assert_eq!(rule.patterns.len(), line.split('|').count() - 2, "{line}");
            // Without a text before the version, every byte would be tried.
            assert!(rule.patterns.iter().all(|it| !it.before.is_empty()), "{line}");
        }
        let files: Vec<&str> = RULES.iter().flat_map(|rule| rule.files.iter().copied()).collect();
        assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), files.len(), "a file has one rule");
    }

    #[test]
    fn links_that_every_debian_has_are_not_followed() {
        let files = || RULES.iter().flat_map(|rule| rule.files.iter().copied());
        assert!(files().any(|file| file == "**/bin/ssh"));
        // Of apt's methods, awk and the editor among the alternatives, and what has other names in `/bin`.
        for name in
            ["ssh", "rsh", "awk", "nawk", "sh", "pager", "editor", "which", "rbash", "lastb", "linux32"]
        {
            assert!(!files().any(|file| file == format!("**/{name}")), "{name}");
        }
    }
}
