//! Orders whose versions consist only of numbers: Haskell's and R's.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::numbers;
//! assert_eq!(numbers::compare_hackage("1.0.0", "1.0"), Ok(Ordering::Greater));
//! assert_eq!(numbers::compare_cran("0.1-2", "0.1.2"), Ok(Ordering::Equal));
//! ```
//!
//! Numbers compare one by one, and the longer of two versions with the same start is the newer one (Haskell's Package
//! Versioning Policy; `numeric_version` of R). R separates by dots and hyphens, Haskell by dots.

use std::cmp::Ordering;

use super::{InvalidVersion, bounded, compare_digits, compare_shorter_first, equal_by_order};

/// The order of Hackage.
#[derive(Debug)]
pub struct Hackage;

impl super::Versions for Hackage {
    const ID: &'static str = "hackage";
    type Version<'a> = HackageVersion<'a>;
}

/// The order of CRAN and Bioconductor.
#[derive(Debug)]
pub struct Cran;

impl super::Versions for Cran {
    const ID: &'static str = "cran";
    type Version<'a> = CranVersion<'a>;
}

/// Compares two versions of Haskell packages.
pub fn compare_hackage(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<HackageVersion<'_>>(a, b)
}

/// Compares two versions of R packages.
pub fn compare_cran(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<CranVersion<'_>>(a, b)
}

/// A parsed version of a Haskell package.
#[derive(Debug, Clone, Copy)]
pub struct HackageVersion<'a>(&'a [u8]);

/// A parsed version of an R package.
#[derive(Debug, Clone, Copy)]
pub struct CranVersion<'a>(&'a [u8]);

impl<'a> super::Version<'a> for HackageVersion<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        numbers(text, b".", InvalidVersion::Grammar { grammar: "Haskell" }).map(Self)
    }
}

impl<'a> super::Version<'a> for CranVersion<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        numbers(text, b".-", InvalidVersion::Grammar { grammar: "R" }).map(Self)
    }
}

fn numbers<'a>(
    text: &'a str,
    separators: &[u8],
    invalid: InvalidVersion,
) -> Result<&'a [u8], InvalidVersion> {
    let text = bounded(text)?.trim_ascii();
    let number = |number: &[u8]| !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    if text.split(|b| separators.contains(b)).all(number) { Ok(text) } else { Err(invalid) }
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let is_separator = |b: &u8| !b.is_ascii_digit();
    compare_shorter_first(a.split(is_separator), b.split(is_separator), compare_digits)
}

impl Ord for HackageVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

impl Ord for CranVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

equal_by_order!(HackageVersion);
equal_by_order!(CranVersion);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_a_version() {
        for text in ["", "1.", ".1", "1..2", "1.a", "1-", "1_0", "-1"] {
            assert!(compare_cran(text, "1").is_err(), "{text:?}");
            assert!(compare_hackage(text, "1").is_err(), "{text:?}");
        }
        assert!(compare_hackage("1-0", "1").is_err(), "tags are deprecated");
    }
}
