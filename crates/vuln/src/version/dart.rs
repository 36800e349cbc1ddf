//! The order of Dart's pub: semantic versions, where build metadata counts.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::dart;
//! assert_eq!(dart::compare("1.0.0", "1.0.0+1"), Ok(Ordering::Less));
//! assert_eq!(dart::compare("1.0.0-dev+1", "1.0.0"), Ok(Ordering::Less));
//! ```
//!
//! `Version.compareTo` of `pub_semver`: a version with build metadata comes after the same version without, and
//! identifiers of both kinds compare the same way. In versions that pub itself refuses, missing numbers are 0, and
//! numbers after the third count as build metadata.

use std::cmp::Ordering;

use super::{
    InvalidVersion, bounded, compare_digits, compare_identifiers, equal_by_order, is_identifier, semver,
    split_at_first,
};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "pub" };

/// The order of pub.
#[derive(Debug)]
pub struct Pub;

impl super::Versions for Pub {
    const ID: &'static str = "pub";
    type Version<'a> = Version<'a>;
}

/// Compares two versions of Dart packages.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed version of a Dart package.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    numbers: [&'a [u8]; 3],
    prerelease: Option<&'a [u8]>,
    build: Option<&'a [u8]>,
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?.trim_ascii();
        let text = text.strip_prefix(b"v").unwrap_or(text);
        let (numbers, rest) = semver::numbers(text)?;
        let (rest, build) = match rest.split_first() {
            Some((b'.' | b'+', build)) => (&b""[..], Some(build)),
            _ => split_at_first(rest, b'+'),
        };
        let prerelease = match rest.split_first() {
            None => None,
            Some((b'-', prerelease)) => Some(prerelease),
            Some(_) => return Err(INVALID),
        };
        let identifiers = |text: &[u8]| text.split(|b| *b == b'.').all(is_identifier);
        if !build.is_none_or(identifiers) || !prerelease.is_none_or(identifiers) {
            return Err(INVALID);
        }
        Ok(Self { numbers, prerelease, build })
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.iter().zip(other.numbers).map(|(a, b)| compare_digits(a, b));
        numbers
            .fold(Ordering::Equal, Ordering::then)
            .then_with(|| compare_part(self.prerelease, other.prerelease, Ordering::Greater))
            .then_with(|| compare_part(self.build, other.build, Ordering::Less))
    }
}

/// `absent` is how a version without this part compares with one that has it.
fn compare_part(a: Option<&[u8]>, b: Option<&[u8]>, absent: Ordering) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => absent,
        (Some(_), None) => absent.reverse(),
        (Some(a), Some(b)) => compare_identifiers(a.split(|b| *b == b'.'), b.split(|b| *b == b'.'), Ord::cmp),
    }
}

equal_by_order!(Version);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_pub_refuses_are_refused() {
        for text in ["", "a", "1.x", "1.0.x", "1.0.0-", "1.0.0+", "1.0.0-a..b", "^1.0.0"] {
            assert!(compare(text, "1.0.0").is_err(), "{text:?}");
        }
    }
}
