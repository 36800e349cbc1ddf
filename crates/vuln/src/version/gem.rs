//! The order of RubyGems: `Gem::Version`.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::gem;
//! assert_eq!(gem::compare("1.0.0.rc1", "1.0"), Ok(Ordering::Less));
//! assert_eq!(gem::compare("1.0", "1"), Ok(Ordering::Equal));
//! assert_eq!(gem::compare("1.0-1", "1.0.pre.1"), Ok(Ordering::Equal));
//! ```
//!
//! A version is a sequence of numbers and words; words come before numbers, and a version with a word is a pre-release. A
//! hyphen stands for `.pre.`. Zeros that end the numbers before the first word, or the version, do not count.
//!
//! `1beta`, which RubyGems refuses, is read as `1.beta`. A version for a platform (`1.15.0-x86_64-linux`) is refused,
//! because the hyphen would make it a pre-release: catalogers remove the platform.

use std::cmp::Ordering;

use super::{
    InvalidVersion, bounded, compare_digits, compare_each, equal_by_order, split_at_first,
    without_leading_zeros,
};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "RubyGems" };

/// The order of RubyGems.
#[derive(Debug)]
pub struct Gem;

impl super::Versions for Gem {
    const ID: &'static str = "gem";
    type Version<'a> = Version<'a>;
}

/// Compares two versions of gems.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed version of a gem.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The numbers before the first word, without zeros at their end.
    release: &'a [u8],
    /// The rest, without zeros at its end.
    prerelease: &'a [u8],
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?.trim_ascii();
        let (numbers, words) = split_at_first(text, b'-');
        let segment = |segment: &[u8]| !segment.is_empty() && segment.iter().all(u8::is_ascii_alphanumeric);
        let identifier =
            |text: &[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        let valid = numbers.split(|b| *b == b'.').all(segment)
            && text.first().is_some_and(u8::is_ascii_digit)
            && words.is_none_or(|words| words.split(|b| *b == b'.').all(identifier))
            && !words.is_some_and(is_platform);
        if !valid {
            return Err(INVALID);
        }
        let word = text.iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(text.len());
        let (release, prerelease) = text.split_at_checked(word).ok_or(INVALID)?;
        Ok(Self {
            release: without_zeros_at_the_end(release),
            prerelease: without_zeros_at_the_end(prerelease),
        })
    }
}

/// Whether what follows a hyphen names a platform: `java`, `x86_64-linux`, `arm64-darwin`.
fn is_platform(text: &[u8]) -> bool {
    const SYSTEMS: [&str; 9] =
        ["java", "jruby", "linux", "darwin", "mingw", "mswin", "freebsd", "aix", "solaris"];
    text.split(|b| b"-.".contains(b))
        .any(|part| SYSTEMS.iter().any(|system| part.starts_with(system.as_bytes())))
}

/// Removes trailing zero segments.
fn without_zeros_at_the_end(mut text: &[u8]) -> &[u8] {
    loop {
        let trimmed = text.len() - text.iter().rev().take_while(|b| **b == b'.').count();
        text = text.get(..trimmed).unwrap_or_default();
        let digits = text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let (rest, digits) = text.split_at_checked(text.len() - digits).unwrap_or((text, &[]));
        if digits.is_empty() || !without_leading_zeros(digits).is_empty() {
            return text;
        }
        text = rest;
    }
}

/// A segment. The variants are in order: a missing one counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Word(&'a [u8]),
    Number(&'a [u8]),
}

struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        while let Some((b'.', rest)) = self.0.split_first() {
            self.0 = rest;
        }
        let first = *self.0.first()?;
        if first == b'-' {
            self.0 = self.0.get(1..)?;
            return Some(Segment::Word(b"pre"));
        }
        let same = |b: &&u8| b.is_ascii_alphanumeric() && b.is_ascii_digit() == first.is_ascii_digit();
        let (text, rest) = self.0.split_at_checked(self.0.iter().take_while(same).count())?;
        self.0 = rest;
        Some(if first.is_ascii_digit() { Segment::Number(text) } else { Segment::Word(text) })
    }
}

impl Version<'_> {
    fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        Segments(self.release).chain(Segments(self.prerelease))
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let segment = |segment: Option<_>| segment.unwrap_or(Segment::Number(b""));
        compare_each(self.segments(), other.segments(), |a, b| match (segment(a), segment(b)) {
            (Segment::Number(a), Segment::Number(b)) => compare_digits(a, b),
            (a, b) => a.cmp(&b),
        })
    }
}

equal_by_order!(Version);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_count_only_before_a_number() {
        for (a, b) in [("1.0.0", "1"), ("1.0.a", "1.a"), ("1.a.0", "1.a"), ("1.a.0.0", "1.0.a"), ("0", "0.0")]
        {
            assert_eq!(compare(a, b), Ok(Ordering::Equal), "{a} = {b}");
        }
        assert_eq!(compare("1.0.1", "1.1"), Ok(Ordering::Less));
    }

    #[test]
    fn platforms_and_other_texts_are_refused() {
        for text in ["", "a", ".1", "1.", "1..2", "1_0", "1-", "1.15.0-x86_64-linux", "1.2-java", "1.0 2"] {
            assert!(compare(text, "1").is_err(), "{text:?}");
        }
    }
}
