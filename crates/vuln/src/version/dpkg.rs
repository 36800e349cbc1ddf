//! Debian's version order: `[epoch:]upstream[-revision]`, Debian Policy section 5.6.12 and deb-version(7).
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::dpkg;
//! assert_eq!(dpkg::compare("3.0.11-1~deb12u1", "3.0.11-1"), Ok(Ordering::Less));
//! assert_eq!(dpkg::compare("1:1.0", "2.0"), Ok(Ordering::Greater));
//! ```
//!
//! Accepts everything that dpkg compares, including upstream versions that do not start with a digit (dpkg only warns
//! about them), and refuses what dpkg refuses: spaces and foreign characters, an empty part, an epoch beyond
//! `i32::MAX`.
//!
//! Written here because neither crate fits: `deb-version` 0.1.1 passes the vectors but accepts any text and cuts it by
//! character counts, which panics outside ASCII; `debversion` 0.5.5 passes them too but allocates for each of the parts
//! of each version that is compared.

use std::cmp::Ordering;

use super::{InvalidVersion, bounded, compare_digits, equal_by_order, split_digits};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "Debian" };

/// dpkg keeps the epoch in a C `int` and refuses larger ones.
const MAX_EPOCH: &[u8] = b"2147483647";

/// Debian's order.
#[derive(Debug)]
pub struct Dpkg;

impl super::Versions for Dpkg {
    const ID: &'static str = "dpkg";
    type Version<'a> = Version<'a>;
}

/// Compares two Debian versions.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed Debian version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let rest = bounded(text)?.trim_ascii();
        let (epoch, rest) = match rest.iter().position(|b| *b == b':') {
            Some(colon) => {
                let (epoch, rest) = rest.split_at_checked(colon).ok_or(INVALID)?;
                (valid_epoch(epoch)?, rest.get(1..).unwrap_or_default())
            }
            None => (&b""[..], rest),
        };
        let (upstream, revision) = match rest.iter().rposition(|b| *b == b'-') {
            Some(hyphen) => {
                let (upstream, revision) = rest.split_at_checked(hyphen).ok_or(INVALID)?;
                let revision = revision.get(1..).unwrap_or_default();
                if revision.is_empty() {
                    return Err(INVALID);
                }
                (upstream, revision)
            }
            None => (rest, &b""[..]),
        };
        let upstream_ok = |b: &u8| b.is_ascii_alphanumeric() || b".-+~:".contains(b);
        let revision_ok = |b: &u8| b.is_ascii_alphanumeric() || b".+~".contains(b);
        if upstream.is_empty() || !upstream.iter().all(upstream_ok) || !revision.iter().all(revision_ok) {
            return Err(INVALID);
        }
        Ok(Self { epoch, upstream, revision })
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_digits(self.epoch, other.epoch)
            .then_with(|| compare_part(self.upstream, other.upstream))
            .then_with(|| compare_part(self.revision, other.revision))
    }
}

equal_by_order!(Version);

fn valid_epoch(epoch: &[u8]) -> Result<&[u8], InvalidVersion> {
    let number = !epoch.is_empty() && epoch.iter().all(u8::is_ascii_digit);
    if number && compare_digits(epoch, MAX_EPOCH).is_le() { Ok(epoch) } else { Err(INVALID) }
}

/// Text and numbers alternate: text compares by [`weight`], where the end of the text weighs like a digit, numbers by
/// value.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) = (weight(a.first()), weight(b.first()));
            match x.cmp(&y) {
                Ordering::Equal if x == 0 => break,
                Ordering::Equal => {
                    a = a.get(1..).unwrap_or_default();
                    b = b.get(1..).unwrap_or_default();
                }
                unequal => return unequal,
            }
        }
        let ((x, rest_a), (y, rest_b)) = (split_digits(a), split_digits(b));
        match compare_digits(x, y) {
            Ordering::Equal => (a, b) = (rest_a, rest_b),
            unequal => return unequal,
        }
    }
    Ordering::Equal
}

/// A tilde sorts before everything, even the end; letters before other characters.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(b) if b.is_ascii_digit() => 0,
        Some(b) if b.is_ascii_alphabetic() => i32::from(*b),
        Some(b) => i32::from(*b) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tilde_sorts_before_the_end_and_letters_before_signs() {
        for (a, b) in [
            ("1.0~rc1", "1.0"),
            ("1.0~~", "1.0~"),
            ("1.0", "1.0a"),
            ("1.0a", "1.0+"),
            ("1.0-1", "1.0-1+b1"),
            ("1.9", "1.10"),
            ("0:9", "1:1"),
            ("1.0", "1.0-1"),
        ] {
            assert_eq!(compare(a, b), Ok(Ordering::Less), "{a} < {b}");
            assert_eq!(compare(b, a), Ok(Ordering::Greater), "{b} > {a}");
        }
        assert_eq!(compare("1.0", "0:1.00-0"), Ok(Ordering::Equal));
    }

    #[test]
    fn refuses_what_dpkg_refuses() {
        for text in
            ["", " ", "1.0 2", "a:1", ":1", "1:", "1.0-", "-1", "1_0", "1.0-1_2", "2147483648:1", "1.0é"]
        {
            assert!(compare(text, "1").is_err(), "{text:?}");
        }
        assert!(compare("2147483647:1", "1").is_ok());
    }
}
