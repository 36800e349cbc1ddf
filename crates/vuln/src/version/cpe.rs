//! The order of products' versions as the National Vulnerability Database writes them, and as programs print them.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::cpe;
//! assert_eq!(cpe::compare("9.3p1", "9.3p2"), Ok(Ordering::Less));
//! assert_eq!(cpe::compare("3.0.0-beta1", "3.0.0beta1"), Ok(Ordering::Equal));
//! assert_eq!(cpe::compare("1.1.1w", "1.1.1"), Ok(Ordering::Greater));
//! ```
//!
//! CPE has no order of its own (NISTIR 7695 compares for equality), and each project has another one. Pieces are compared as rpm
//! compares those of a version; nothing is an epoch or a release, and every separator is the same.
//!
//! Whether letters behind a version make it an older or a newer one is the project's convention: `8.3p1` is the portable 8.3,
//! `3.2.0-beta1` is before 3.2.0, `1.1.1w` is long after 1.1.1. A range that ends at the version without them leaves such a version
//! undecided.

use std::cmp::Ordering;

use super::{InvalidVersion, bounded, equal_by_order, rpm};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "CPE" };

/// The order of products.
#[derive(Debug)]
pub struct Cpe;

impl super::Versions for Cpe {
    const ID: &'static str = "cpe";
    type Version<'a> = Version<'a>;
}

/// Compares two versions of a product.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed version of a product.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a>(&'a [u8]);

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?;
        let is_none = |b: &u8| b.is_ascii_whitespace() || b.is_ascii_control();
        if text.iter().any(is_none) { Err(INVALID) } else { Ok(Self(text)) }
    }

    fn is_variant_of(&self, end: &Self) -> bool {
        // `3.2` and `3.2.0` are written for each other.
        let end = without_zeros_at_end(end.0);
        let Some(mut rest) = self.0.strip_prefix(end) else { return false };
        while let [b'.', b'0', after @ ..] = rest
            && !after.first().is_some_and(u8::is_ascii_digit)
        {
            rest = after;
        }
        match (end, rest) {
            (_, [b'-' | b'+' | b'_' | b'~', ..]) => true,
            ([.., last], [first, ..]) => last.is_ascii_digit() && first.is_ascii_alphabetic(),
            _ => false,
        }
    }
}

fn without_zeros_at_end(mut version: &[u8]) -> &[u8] {
    while let Some(shorter) = version.strip_suffix(b".0").filter(|shorter| !shorter.is_empty()) {
        version = shorter;
    }
    version
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        rpm::compare_part(self.0, other.0)
    }
}

equal_by_order!(Version);

#[cfg(test)]
mod tests {
    use super::super::Version as _;
    use super::*;

    #[test]
    fn letters_and_hyphens_make_a_variant_and_numbers_another_version() {
        let is_variant =
            |version, end| Version::parse(version).unwrap().is_variant_of(&Version::parse(end).unwrap());
        for (version, end) in [
            ("8.3p1", "8.3"),
            ("8.3p1", "8.3.0"),
            ("3.2.0-beta1", "3.2.0"),
            ("3.2.0-beta1", "3.2"),
            ("3.2.0rc1", "3.2.0"),
            ("8.0.36-28", "8.0.36"),
            ("1.2.3+build", "1.2.3"),
            ("9.3p1-hpn", "9.3p1"),
        ] {
            assert!(is_variant(version, end), "{version} {end}");
        }
        for (version, end) in [
            ("8.3", "8.3"),
            ("8.3.0", "8.3"),
            ("8.3.1", "8.3"),
            ("8.30p1", "8.3"),
            ("8.3.01p1", "8.3"),
            ("8.4p1", "8.3"),
            ("9.3p12", "9.3p1"),
            ("1.1.1ab", "1.1.1a"),
        ] {
            assert!(!is_variant(version, end), "{version} {end}");
        }
    }

    #[test]
    fn separators_are_one_and_numbers_are_numbers() {
        for (a, order, b) in [
            ("9.3p1", Ordering::Equal, "9.3-p1"),
            ("9.3p9", Ordering::Less, "9.3p10"),
            ("9.3p2", Ordering::Less, "9.4"),
            ("1.9.12", Ordering::Less, "1.9.12p1"),
            ("1:2", Ordering::Less, "1.3"),
        ] {
            assert_eq!(compare(a, b), Ok(order), "{a} {b}");
        }
        for text in ["", "1 2", "1\n"] {
            assert!(compare(text, "1").is_err(), "{text:?}");
        }
    }
}
