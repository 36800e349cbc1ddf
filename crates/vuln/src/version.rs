//! Version orders: which of two versions of a package is the newer one.
//!
//! Owns the orders for matching advisories, one file each; [`crate::order`] has the list. The table of ecosystems in
//! `plimsoll-core` names the order of an ecosystem. Each order has a type that borrows from the text and compares without allocating, so that the
//! cost of a hostile version string is bounded by its length:
//!
//! | order | specification |
//! | --- | --- |
//! | [`apk`] | apk-package(5), "Package info metadata", as apk-tools 3 compares |
//! | [`dpkg`] | Debian Policy 5.6.12, deb-version(7) |
//! | [`pep440`] | PEP 440, "Version specifiers"; legacy versions as setuptools ordered them |
//! | [`semver`] | Semantic Versioning 2.0.0, section 11, with Go's prefixes and suffixes |
//!
//! To add one: a file with a type that implements [`Version`] and one that implements [`Versions`], and a line in
//! [`crate::order::ORDERS`].
//!
//! Numbers are digits of any length, never machine integers: `1.99999999999999999999` is a version like any other.

pub mod apk;
pub mod dpkg;
pub mod pep440;
pub mod semver;

use std::cmp::Ordering;
use std::fmt;

/// The longest version that is compared, in bytes. The longest in public advisory data is 54 bytes; Debian Policy and
/// PyPI set no bound, so this one leaves a factor of ten.
pub const MAX_BYTES: usize = 512;

/// A text that is not a version in this order, so it is neither older nor newer than others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVersion {
    /// The text is empty.
    #[error("version is empty")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("version of {got} bytes, expected at most {MAX_BYTES}")]
    TooLong {
        /// Its length in bytes.
        got: usize,
    },
    /// The order's grammar does not allow it.
    #[error("not a {grammar} version")]
    Grammar {
        /// The name of the grammar.
        grammar: &'static str,
    },
}

/// A version in one of the orders, borrowed from its text. `Ord` is the order itself.
pub trait Version<'a>: Ord + Sized {
    /// Reads `text`, or returns why it is not valid in this order.
    fn parse(text: &'a str) -> Result<Self, InvalidVersion>;

    /// Compares an installed version with the bound of an advisory's range. Differs from `Ord` if the
    /// ecosystem ignores a part of the installed version for bounds that lack that part.
    fn compare_to_bound(&self, bound: &Self) -> Ordering {
        self.cmp(bound)
    }

    /// The leading numbers of a text that is not a version: `2.6.0` of `2.6.0-NA`. The exact position of the
    /// text is unknown, but it is among the versions that start with these numbers. `None` if the ecosystem
    /// does not support that.
    fn leading_numbers(_text: &'a str) -> Option<&'a str> {
        None
    }

    /// Compares with all versions that start with the numbers of `numbers`; `Equal` means that this is one of them.
    fn compare_to_numbers(&self, numbers: &Self) -> Ordering {
        self.cmp(numbers)
    }
}

/// A member of the list: a name, and the type of its versions.
pub trait Versions: fmt::Debug + Sync {
    /// The name by which the table of ecosystems refers to it.
    const ID: &'static str;
    /// A version, borrowed from its text.
    type Version<'a>: Version<'a>;
}

pub(crate) fn compare<'a, V: Version<'a>>(a: &'a str, b: &'a str) -> Result<Ordering, InvalidVersion> {
    Ok(V::parse(a)?.cmp(&V::parse(b)?))
}

/// The checks that come before any grammar.
fn bounded(text: &str) -> Result<&[u8], InvalidVersion> {
    match text.len() {
        0 => Err(InvalidVersion::Empty),
        got if got > MAX_BYTES => Err(InvalidVersion::TooLong { got }),
        _ => Ok(text.as_bytes()),
    }
}

/// Compares two runs of ASCII digits as the numbers they write; an empty run is 0.
fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_leading_zeros(a), without_leading_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

/// Splits after the leading ASCII digits.
fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    text.split_at_checked(digits).unwrap_or((text, &[]))
}
