//! Requirements on versions, by which some publishers state patched or affected versions: `~> 4.2.5, >= 4.2.5.1`.
//!
//! | constraint | versions |
//! | --- | --- |
//! | `>= 1.2`, `> 1.2`, `<= 1.2`, `< 1.2` | in the order of the ecosystem |
//! | `= 1.2`, `== 1.2`, `1.2` | equal in that order |
//! | `~> 1.2.3` | from 1.2.3, below every version of 1.3, its pre-releases included, as RubyGems reads it |
//!
//! Anything else is not a constraint. Publishers do not use `!= 1.2`.

use plimsoll_vuln::affected::{End, Interval, Start};
use plimsoll_vuln::order::VersionOrder;
use plimsoll_vuln::spans;

use crate::error::DocumentProblem;

/// Constraints in one requirement. Two are enough for an interval, and no real one has more than three.
const MAX_CONSTRAINTS: usize = 16;

/// One constraint, with its bounds.
#[derive(Debug)]
struct Constraint {
    from: Option<Bound>,
    to: Option<Bound>,
}

#[derive(Debug)]
struct Bound {
    version: String,
    is_inside: bool,
}

/// Constraints that must all be met.
#[derive(Debug)]
pub(crate) struct Requirement(Vec<Constraint>);

impl Requirement {
    /// Reads constraints.
    pub(crate) fn from_constraints<'t>(
        constraints: impl Iterator<Item = &'t str>,
    ) -> Result<Self, DocumentProblem> {
        let read = constraints
            .take(MAX_CONSTRAINTS + 1)
            .map(|text| Constraint::read(text).ok_or_else(|| invalid(text)));
        let read = read.collect::<Result<Vec<_>, _>>()?;
        if read.is_empty() || read.len() > MAX_CONSTRAINTS {
            return Err(DocumentProblem::Requirement { got: format!("{} constraints", read.len()) });
        }
        Ok(Self(read))
    }

    /// The versions that meet it. An error if there are none, or if a bound is not a version.
    pub(crate) fn interval(&self, order: &dyn VersionOrder) -> Result<Interval<'_>, DocumentProblem> {
        let mut all = Interval::ALL;
        for constraint in &self.0 {
            let shared = spans::intersection(order, all, constraint.interval());
            let problem = || DocumentProblem::Requirement { got: format!("{:?}", constraint.interval()) };
            all = shared.map_err(|_| problem())?.ok_or_else(problem)?;
        }
        Ok(all)
    }
}

impl Constraint {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !"<>=~!".contains(c)).unwrap_or(text.len());
        let (operator, version) = (text.get(..end)?, text.get(end..)?.trim());
        if version.is_empty() || version.contains(char::is_whitespace) {
            return None;
        }
        let bound = |is_inside| Some(Bound { version: version.to_owned(), is_inside });
        let (from, to) = match operator {
            ">=" => (bound(true), None),
            ">" => (bound(false), None),
            "<=" => (None, bound(true)),
            "<" => (None, bound(false)),
            "" | "=" | "==" => (bound(true), bound(true)),
            "~>" => (bound(true), Some(Bound { version: next_but_one(version)?, is_inside: false })),
            _ => return None,
        };
        Some(Self { from, to })
    }

    fn interval(&self) -> Interval<'_> {
        Interval {
            from: match &self.from {
                None => Start::First,
                Some(Bound { version, is_inside: true }) => Start::At(version),
                Some(Bound { version, is_inside: false }) => Start::After(version),
            },
            end: match &self.to {
                None => End::Open,
                Some(Bound { version, is_inside: true }) => End::Through(version),
                Some(Bound { version, is_inside: false }) => End::Before(version),
            },
        }
    }
}

fn invalid(text: &str) -> DocumentProblem {
    /// The requirement, shortened for messages.
    const SHOWN: usize = 60;
    DocumentProblem::Requirement {
        got: plimsoll_core::text::terminal(&text.chars().take(SHOWN).collect::<String>()).into_owned(),
    }
}

/// The lowest pre-release of the version that ends `~> version`: `4.3.A` for `4.2.5`, `5.A` for `4.2`, `3.A` for `2`.
///
/// RubyGems removes the words, then the last number, increments the number that is last then, and excludes its
/// pre-releases. Words come before numbers, and `A` before every other word.
fn next_but_one(version: &str) -> Option<String> {
    let numbers: Vec<&str> = version
        .split('.')
        .take_while(|segment| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit()))
        .collect();
    let kept = numbers.get(..numbers.len().saturating_sub(1).max(1))?;
    let (last, before) = kept.split_last()?;
    let mut parts: Vec<String> = before.iter().map(|part| (*part).to_owned()).collect();
    parts.push(successor(last));
    parts.push("A".to_owned());
    Some(parts.join("."))
}

/// The successor of a number of any length.
fn successor(number: &str) -> String {
    let mut digits: Vec<u8> = number.bytes().collect();
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return digits.into_iter().map(char::from).collect();
        }
        *digit = b'0';
    }
    std::iter::once('1').chain(digits.into_iter().map(char::from)).collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_vuln::version::gem::Gem;

    use super::*;

    fn interval(text: &str) -> Option<String> {
        let requirement = Requirement::from_constraints(text.split(',')).ok()?;
        let Interval { from, end } = requirement.interval(&Gem).ok()?;
        Some(format!("{from:?} {end:?}"))
    }

    #[test]
    fn requirements_are_intervals() {
        for (text, expected) in [
            ("~> 4.2.5, >= 4.2.5.1", "At(\"4.2.5.1\") Before(\"4.3.A\")"),
            ("~> 4.2", "At(\"4.2\") Before(\"5.A\")"),
            ("~> 2", "At(\"2\") Before(\"3.A\")"),
            ("~> 1.9.9.rc1", "At(\"1.9.9.rc1\") Before(\"1.10.A\")"),
            (
                "~> 1.99999999999999999999.0",
                "At(\"1.99999999999999999999.0\") Before(\"1.100000000000000000000.A\")",
            ),
            ("< 3", "First Before(\"3\")"),
            (">1, <=2", "After(\"1\") Through(\"2\")"),
            ("= 1.0", "At(\"1.0\") Through(\"1.0\")"),
            ("1.0", "At(\"1.0\") Through(\"1.0\")"),
        ] {
            assert_eq!(interval(text).as_deref(), Some(expected), "{text}");
        }
        let many = vec![">= 1"; 1000].join(",");
        for text in [
            "",
            ",",
            ">=",
            ">= ",
            "=> 1",
            "!= 1",
            ">= 1 2",
            ">= 2, < 1",
            "> 1, < 1",
            ">= ?",
            "~> x",
            "~> .1",
            &many,
        ] {
            assert_eq!(interval(text), None, "{text}");
        }
    }
}
