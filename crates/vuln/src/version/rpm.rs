//! The order of rpm: `[epoch:]version[-release]`, as `rpmvercmp` and `rpmverCmp` of rpm 4.18 compare.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::rpm;
//! assert_eq!(rpm::compare("1.0~rc1-1", "1.0-1"), Ok(Ordering::Less));
//! assert_eq!(rpm::compare("0:1.0-1.el9", "1.0-1.el9_2"), Ok(Ordering::Less));
//! assert_eq!(rpm::compare("1:1.0-1", "2.0-1"), Ok(Ordering::Greater));
//! ```
//!
//! No epoch is epoch 0. A version without a release sorts before the same version with one, so an advisory that states
//! no release means every release from there on. Every character except letters, digits, `~` and `^` is a separator, as
//! in rpm.
//!
//! Written here because `rpm-version` 0.5.1 allocates for each part and refuses what rpm compares.

use std::cmp::Ordering;

use super::{InvalidVersion, bounded, compare_digits, equal_by_order, split_digits};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "rpm" };

/// The order of rpm.
#[derive(Debug)]
pub struct Rpm;

impl super::Versions for Rpm {
    const ID: &'static str = "rpm";
    type Version<'a> = Version<'a>;
}

/// Compares two rpm versions.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed rpm version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    release: Option<&'a [u8]>,
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?;
        if text.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control()) {
            return Err(INVALID);
        }
        // Only digits are an epoch: the colons of other texts are part of the version.
        let (epoch, rest) = match split_digits(text) {
            (epoch, [b':', rest @ ..]) => (epoch, rest),
            _ => (&b""[..], text),
        };
        let (upstream, release) = match rest.iter().rposition(|b| *b == b'-') {
            Some(hyphen) => (rest.get(..hyphen).unwrap_or_default(), rest.get(hyphen + 1..)),
            None => (rest, None),
        };
        if upstream.is_empty() {
            return Err(INVALID);
        }
        Ok(Self { epoch, upstream, release })
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_digits(self.epoch, other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| match (self.release, other.release) {
                (Some(a), Some(b)) => compare_part(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }
}

equal_by_order!(Version);

/// A piece of a version or release. The variants are in rpm's order, which has the end of the text between `~` and `^`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a [u8]),
    Digits(&'a [u8]),
}

/// The first piece, and the rest.
fn next(text: &[u8]) -> (Piece<'_>, &[u8]) {
    let separators = text.iter().take_while(|b| !b.is_ascii_alphanumeric() && !b"~^".contains(b)).count();
    let text = text.get(separators..).unwrap_or_default();
    match text {
        [] => (Piece::End, text),
        [b'~', rest @ ..] => (Piece::Tilde, rest),
        [b'^', rest @ ..] => (Piece::Caret, rest),
        [first, ..] if first.is_ascii_digit() => {
            let (digits, rest) = split_digits(text);
            (Piece::Digits(digits), rest)
        }
        _ => {
            let letters = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            let (letters, rest) = text.split_at_checked(letters).unwrap_or((text, &[]));
            (Piece::Letters(letters), rest)
        }
    }
}

/// Compares without epoch and release.
pub(super) fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let ((x, rest_a), (y, rest_b)) = (next(a), next(b));
        let order = match (x, y) {
            (Piece::End, Piece::End) => return Ordering::Equal,
            (Piece::Digits(x), Piece::Digits(y)) => compare_digits(x, y),
            (x, y) => x.cmp(&y),
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_release_comes_before_every_release() {
        assert_eq!(compare("1.0", "1.0-1"), Ok(Ordering::Less));
        assert_eq!(compare("1.0-", "1.0-1"), Ok(Ordering::Less));
        assert_eq!(compare("0:1.0", "1.0"), Ok(Ordering::Equal));
        assert_eq!(compare(":1.0", "1.0"), Ok(Ordering::Equal));
    }

    #[test]
    fn versions_that_no_package_can_have_are_refused() {
        for text in ["", "-1", "1:", "1:-1", "1.0 2", "1.0\n", "\u{7}"] {
            assert!(compare(text, "1").is_err(), "{text:?}");
        }
    }
}
