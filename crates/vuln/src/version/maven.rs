//! The order of Maven: the version order specification of Maven's POM reference.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::maven;
//! assert_eq!(maven::compare("1.0.0.RELEASE", "1"), Ok(Ordering::Equal));
//! assert_eq!(maven::compare("2.0-rc1", "2.0"), Ok(Ordering::Less));
//! assert_eq!(maven::compare("31.1-jre", "31.1-android"), Ok(Ordering::Greater));
//! ```
//!
//! A version is a sequence of numbers and words, each after a dot or a hyphen. Between a digit and anything else, a
//! hyphen is implied. Zeros, `ga`, `final` and `release` at the end of the sequence, or before a hyphen or a word, do
//! not count. Any text is a version.
//!
//! It differs from `ComparableVersion` of Maven 3.9 where that is inconsistent: it has 1-alpha < 1 < 1.sp.2 < 1-alpha,
//! because it nests what follows a hyphen but not what follows a dot.
//!
//! Written here because `maven-version` 0.1.0 fails the published vectors.

use std::cmp::Ordering;

use super::{
    InvalidVersion, bounded, compare_digits, compare_each, compare_without_case, equal_by_order,
    without_leading_zeros,
};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "Maven" };

/// The order of Maven.
#[derive(Debug)]
pub struct Maven;

impl super::Versions for Maven {
    const ID: &'static str = "maven";
    type Version<'a> = Version<'a>;
}

/// Compares two Maven versions.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A Maven version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a>(&'a [u8]);

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?;
        // An unresolved property or a range is not a version.
        let no_version = |b: &u8| b.is_ascii_whitespace() || b.is_ascii_control() || b"${}[](),".contains(b);
        if text.iter().any(no_version) { Err(INVALID) } else { Ok(Self(text)) }
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let counted = |version: &Self| Counted(Tokens::new(version.0));
        compare_each(counted(self), counted(other), |a, b| match (a, b) {
            (Some(a), Some(b)) => a.compare(b),
            (Some(a), None) => a.compare_to_end(),
            (None, b) => b.map_or(Ordering::Equal, |b| b.compare_to_end().reverse()),
        })
    }
}

equal_by_order!(Version);

/// A number or a word.
#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    /// After a dot, or at the start.
    Dotted(&'a [u8]),
    /// After a hyphen, or directly after a word.
    Hyphenated(&'a [u8]),
    Word {
        text: &'a [u8],
        /// Whether a digit follows directly, so that `a`, `b` and `m` are `alpha`, `beta` and `milestone`.
        before_digit: bool,
    },
}

/// The rank of a release among the words.
const RELEASE: u8 = 5;

impl Token<'_> {
    /// Whether it does not count at the end of a version.
    fn is_null(self) -> bool {
        match self {
            Self::Dotted(digits) | Self::Hyphenated(digits) => without_leading_zeros(digits).is_empty(),
            Self::Word { .. } => self.rank() == RELEASE,
        }
    }

    /// The rank of a word with a meaning. Other words come after these, in alphabetical order.
    fn rank(self) -> u8 {
        let Self::Word { text, before_digit } = self else { return u8::MAX };
        let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()));
        let short = |name: &str| before_digit && is(&[name]);
        match () {
            () if is(&["alpha"]) || short("a") => 0,
            () if is(&["beta"]) || short("b") => 1,
            () if is(&["milestone"]) || short("m") => 2,
            () if is(&["rc", "cr"]) => 3,
            () if is(&["snapshot"]) => 4,
            () if is(&["ga", "final", "release"]) => RELEASE,
            () if is(&["sp"]) => 6,
            () => 7,
        }
    }

    fn compare_to_end(self) -> Ordering {
        match self {
            Self::Word { .. } => self.rank().cmp(&RELEASE),
            _ if self.is_null() => Ordering::Equal,
            _ => Ordering::Greater,
        }
    }

    fn compare(self, other: Self) -> Ordering {
        let place = |token: Self| match token {
            Self::Word { .. } => 0,
            Self::Hyphenated(_) => 1,
            Self::Dotted(_) => 2,
        };
        match (self, other) {
            (Self::Word { text: a, .. }, Self::Word { text: b, .. }) => {
                self.rank().cmp(&other.rank()).then_with(|| match self.rank() {
                    7 => compare_without_case(a, b),
                    _ => Ordering::Equal,
                })
            }
            (Self::Hyphenated(a), Self::Hyphenated(b)) | (Self::Dotted(a), Self::Dotted(b)) => {
                compare_digits(a, b)
            }
            _ => place(self).cmp(&place(other)),
        }
    }
}

/// Every token of a version.
#[derive(Debug, Clone)]
struct Tokens<'a> {
    rest: &'a [u8],
    /// Whether the next number follows a hyphen or a word.
    hyphenated: bool,
}

impl<'a> Tokens<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, hyphenated: false }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let first = *self.rest.first()?;
        let is_digit = first.is_ascii_digit();
        let same = |b: &u8| !b".-".contains(b) && b.is_ascii_digit() == is_digit;
        let length = self.rest.iter().take_while(|b| same(b)).count();
        let (text, rest) = self.rest.split_at_checked(length)?;
        let token = match (is_digit || text.is_empty(), self.hyphenated) {
            (true, true) => Token::Hyphenated(text),
            (true, false) => Token::Dotted(text),
            (false, _) => Token::Word { text, before_digit: rest.first().is_some_and(u8::is_ascii_digit) },
        };
        (self.hyphenated, self.rest) = match rest.split_first() {
            Some((b'.', rest)) => (false, rest),
            Some((b'-', rest)) => (true, rest),
            _ => (true, rest),
        };
        Some(token)
    }
}

/// The tokens of a version that count.
struct Counted<'a>(Tokens<'a>);

impl<'a> Iterator for Counted<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let token = self.0.next()?;
            // A null counts if a number after a dot that counts follows. Versions are short, so looking ahead is cheap.
            let mut ahead = self.0.clone();
            let mut next = || ahead.find(|next| !matches!(next, Token::Dotted(_)) || !next.is_null());
            if !token.is_null() || matches!(next(), Some(Token::Dotted(_))) {
                return Some(token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_a_meaning_are_in_order() {
        let order = [
            "1-alpha",
            "1-beta",
            "1-milestone",
            "1-rc",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-abc",
            "1-xyz",
            "1-1",
            "1.1",
        ];
        for (index, a) in order.iter().enumerate() {
            for (other, b) in order.iter().enumerate() {
                assert_eq!(compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
    }

    #[test]
    fn the_order_is_consistent_where_mavens_is_circular() {
        assert_eq!(compare("1-alpha", "1"), Ok(Ordering::Less));
        assert_eq!(compare("1", "1.sp.2"), Ok(Ordering::Less));
        assert_eq!(compare("1-alpha", "1.sp.2"), Ok(Ordering::Less));
    }

    #[test]
    fn invalid_versions_are_refused() {
        for text in ["", "${project.version}", "[1.0,2.0)", "1.0, 2.0", "1\n"] {
            assert!(compare(text, "1").is_err(), "{text:?}");
        }
    }
}
