//! The order of Composer: versions as its `VersionParser` normalises them, compared by PHP's `version_compare`.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::composer;
//! assert_eq!(composer::compare("v1.0", "1.0.0.0"), Ok(Ordering::Equal));
//! assert_eq!(composer::compare("1.0RC1", "1.0.0"), Ok(Ordering::Less));
//! assert_eq!(composer::compare("1.0", "1.0-patch1"), Ok(Ordering::Less));
//! assert_eq!(composer::compare("2.x-dev", "2.9.1"), Ok(Ordering::Greater));
//! ```
//!
//! Missing numbers are 0; `dev` < `alpha` < `beta` < `RC` < release < `patch`; build metadata does not count. The branch
//! `2.x-dev` comes after every release of 2. A branch without numbers, such as `dev-main`, has no place in the order
//! and is refused: Composer compares it with nothing.
//!
//! PHP itself orders 1.0 before 1.0.0. Composer does not; otherwise a last affected version of 1.0 would not include
//! 1.0.0.

use std::cmp::Ordering;

use super::{InvalidVersion, bounded, compare_digits, compare_each, equal_by_order, split_digits};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "Composer" };

/// The order of Composer.
#[derive(Debug)]
pub struct Composer;

impl super::Versions for Composer {
    const ID: &'static str = "composer";
    type Version<'a> = Version<'a>;
}

/// Compares two versions of PHP packages.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// The stability of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stability {
    Alpha,
    Beta,
    Candidate,
    Release,
    Patch,
}

const STABILITIES: [(&str, Stability); 10] = [
    ("stable", Stability::Release),
    ("alpha", Stability::Alpha),
    ("beta", Stability::Beta),
    ("patch", Stability::Patch),
    ("rc", Stability::Candidate),
    ("pl", Stability::Patch),
    ("a", Stability::Alpha),
    ("b", Stability::Beta),
    ("p", Stability::Patch),
    ("c", Stability::Candidate),
];

/// A parsed version of a PHP package.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// Numbers, with separators between them. `x` is greater than every number.
    numbers: &'a [u8],
    stability: Stability,
    /// The numbers of the stability, with separators between them: `2.1` of `beta2.1`.
    step: &'a [u8],
    /// Whether it is a development state before this version.
    is_dev: bool,
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?.trim_ascii();
        let text = text.strip_prefix(b"v").or_else(|| text.strip_prefix(b"V")).unwrap_or(text);
        let end = text.iter().position(|b| *b == b'+').unwrap_or(text.len());
        let (text, build) = text.split_at_checked(end).ok_or(INVALID)?;
        if build == b"+" || build.iter().any(u8::is_ascii_whitespace) {
            return Err(INVALID);
        }
        let (text, is_dev) = match cut(text, "dev") {
            Some(rest) => (without_separator(rest), true),
            None => (text, false),
        };
        let (numbers, rest) = numbers(text, is_dev)?;
        if rest.is_empty() {
            return Ok(Self { numbers, stability: Stability::Release, step: b"", is_dev });
        }
        let word =
            rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b"-")).or_else(|| rest.strip_prefix(b"_"));
        let word = word.unwrap_or(rest);
        let length = word.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, step) = word.split_at_checked(length).ok_or(INVALID)?;
        let known = STABILITIES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        let (_, stability) = known.ok_or(INVALID)?;
        let step = step.strip_prefix(b".").or_else(|| step.strip_prefix(b"-")).unwrap_or(step);
        let is_number = |number: &[u8]| !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        if !step.is_empty() && !step.split(|b| b".-".contains(b)).all(is_number) {
            return Err(INVALID);
        }
        match stability {
            // Composer drops what follows `stable`.
            Stability::Release => Ok(Self { numbers, stability: *stability, step: b"", is_dev: false }),
            _ => Ok(Self { numbers, stability: *stability, step, is_dev }),
        }
    }
}

/// The text without `word` at its end, in upper or lower case.
fn cut<'a>(text: &'a [u8], word: &str) -> Option<&'a [u8]> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(word.len())?)?;
    end.eq_ignore_ascii_case(word.as_bytes()).then_some(rest)
}

fn without_separator(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"-").or_else(|| text.strip_suffix(b".")).unwrap_or(text)
}

/// The numbers at the start, and the rest.
fn numbers(text: &[u8], is_branch: bool) -> Result<(&[u8], &[u8]), InvalidVersion> {
    let mut rest = text;
    loop {
        let wildcard =
            is_branch && rest.len() < text.len() && rest.first().is_some_and(|b| b"xX*".contains(b));
        let (digits, after) =
            if wildcard { rest.split_at_checked(1).ok_or(INVALID)? } else { split_digits(rest) };
        if digits.is_empty() {
            return Err(INVALID);
        }
        // A separator belongs to the numbers only if one follows.
        match after {
            [b'.' | b'-' | b'_' | b':', next, ..]
                if next.is_ascii_digit() || (is_branch && b"xX*".contains(next)) =>
            {
                rest = after.get(1..).unwrap_or_default();
            }
            _ => {
                let (numbers, after) = text.split_at_checked(text.len() - after.len()).ok_or(INVALID)?;
                return Ok((numbers, after));
            }
        }
    }
}

/// Compares numbers one by one; a missing one counts as 0, and anything that is not a number is greater than every
/// number.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let is_separator = |b: &u8| b".-_:".contains(b);
    let is_wild = |text: &[u8]| text.first().is_some_and(|b| !b.is_ascii_digit());
    compare_each(a.split(is_separator), b.split(is_separator), |a, b| {
        let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
        match (is_wild(a), is_wild(b)) {
            (false, false) => compare_digits(a, b),
            (a, b) => a.cmp(&b),
        }
    })
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // A development state without a word comes before the first alpha.
        let place = |version: &Self| match (version.stability, version.is_dev) {
            (Stability::Release, true) => None,
            (stability, _) => Some(stability),
        };
        compare_numbers(self.numbers, other.numbers)
            .then_with(|| place(self).cmp(&place(other)))
            .then_with(|| compare_numbers(self.step, other.step))
            .then_with(|| other.is_dev.cmp(&self.is_dev))
    }
}

equal_by_order!(Version);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stabilities_are_in_order() {
        let order = [
            "1.0-dev",
            "1.0alpha1",
            "1.0-beta2",
            "1.0.RC1-dev",
            "1.0.RC1",
            "1.0",
            "1.0pl1",
            "1.0.1",
            "1.x-dev",
        ];
        for pair in order.windows(2) {
            let [a, b] = pair else { continue };
            assert_eq!(compare(a, b), Ok(Ordering::Less), "{a} < {b}");
        }
        assert_eq!(compare("1.0.0-stable", "1"), Ok(Ordering::Equal));
        assert_eq!(compare("2.1.x-dev", "2.1.99"), Ok(Ordering::Greater));
        assert_eq!(compare("2.1.x-dev", "2.2"), Ok(Ordering::Less));
        assert_eq!(compare("2010.01.02", "2010-01-02"), Ok(Ordering::Equal));
    }

    #[test]
    fn branches_and_other_texts_have_no_place() {
        for text in [
            "",
            "dev-main",
            "main",
            "1.0-foo",
            "1.2.3.#",
            "1.",
            "x-dev",
            "1.x",
            "1.0-beta.x",
            "1.0 2",
            "1.0+",
        ] {
            assert!(compare(text, "1").is_err(), "{text:?}");
        }
    }
}
