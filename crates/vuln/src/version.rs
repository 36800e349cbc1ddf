//! Version orders: which of two versions of a package is the newer one.
//!
//! Owns the orders for matching advisories, one file each; [`crate::order`] has the list. The table of ecosystems in
//! `plimsoll-core` names the order of an ecosystem. Each order has a type that borrows from the text and compares without allocating, so that the
//! cost of a hostile version string is bounded by its length:
//!
//! | order | specification |
//! | --- | --- |
//! | [`apk`] | apk-package(5), "Package info metadata", as apk-tools 3 compares |
//! | [`bitnami`] | Semantic Versioning with a revision of the package |
//! | [`composer`] | Composer's `VersionParser` and PHP's `version_compare` |
//! | [`cpe`] | none: the pieces of a version as rpm compares them |
//! | [`dart`] | Semantic Versioning, where build metadata counts, as Dart's `pub_semver` compares |
//! | [`dpkg`] | Debian Policy 5.6.12, deb-version(7) |
//! | [`gem`] | `Gem::Version` of RubyGems |
//! | [`maven`] | Maven POM reference, "Version Order Specification" |
//! | [`nuget`] | NuGet package versioning, `NuGet.Versioning` |
//! | [`numbers`] | Haskell Package Versioning Policy; `numeric_version` of R |
//! | [`pep440`] | PEP 440, "Version specifiers"; legacy versions as setuptools ordered them |
//! | [`rpm`] | `rpmvercmp`, rpm-version(7) |
//! | [`semver`] | Semantic Versioning 2.0.0, section 11, with Go's prefixes and suffixes |
//!
//! To add one: a file with a type that implements [`Version`] and one that implements [`Versions`], and a line in
//! [`crate::order::ORDERS`].
//!
//! Numbers are digits of any length, never machine integers: `1.99999999999999999999` is a version like any other.

pub mod apk;
pub mod bitnami;
pub mod composer;
pub mod cpe;
pub mod dart;
pub mod dpkg;
pub mod gem;
pub mod maven;
pub mod nuget;
pub mod numbers;
pub mod pep440;
pub mod rpm;
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

    /// Whether this is the version that a range ends at with something behind it that may make it an older or a newer one, as
    /// the order does not tell: `8.3p1` for a range up to `8.3`. The range leaves it undecided.
    fn is_variant_of(&self, _end: &Self) -> bool {
        false
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

/// Equality and the partial order of a type by its [`Ord`]: `1.0` and `1.0.0` may be one version.
macro_rules! equal_by_order {
    ($version:ident) => {
        impl PartialOrd for $version<'_> {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $version<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $version<'_> {}
    };
}
use equal_by_order;

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

/// Compares two words byte by byte, ignoring the case of ASCII letters.
fn compare_without_case(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
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

/// Compares two sequences part by part with `parts`. If one has ended, its part is `None`. The first difference
/// decides.
fn compare_each<T>(
    mut a: impl Iterator<Item = T>,
    mut b: impl Iterator<Item = T>,
    parts: impl Fn(Option<T>, Option<T>) -> Ordering,
) -> Ordering {
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => parts(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Compares sequences. A prefix comes before the longer one.
fn compare_shorter_first<T>(
    a: impl Iterator<Item = T>,
    b: impl Iterator<Item = T>,
    parts: impl Fn(T, T) -> Ordering,
) -> Ordering {
    compare_each(a, b, |a, b| match (a, b) {
        (Some(a), Some(b)) => parts(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    })
}

/// Compares identifiers of pre-releases of semantic versions: numbers by value and before words, words by `words`, a
/// prefix before the longer list.
fn compare_identifiers<'a>(
    a: impl Iterator<Item = &'a [u8]>,
    b: impl Iterator<Item = &'a [u8]>,
    words: impl Fn(&[u8], &[u8]) -> Ordering,
) -> Ordering {
    let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    compare_shorter_first(a, b, |a, b| match (is_number(a), is_number(b)) {
        (true, true) => compare_digits(a, b),
        (false, false) => words(a, b),
        (a, b) => b.cmp(&a),
    })
}

/// The text before the first `separator`, and the text after it.
fn split_at_first(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == separator) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..)),
        None => (text, None),
    }
}

/// Whether `text` is an identifier of a pre-release of semantic versions.
fn is_identifier(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}
