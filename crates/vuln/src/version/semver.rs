//! Semantic Versioning 2.0.0, section 11, extended to what OSV's `SEMVER` ranges contain.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::semver;
//! assert_eq!(semver::compare("v1.2.3", "1.2.3+incompatible"), Ok(Ordering::Equal));
//! assert_eq!(semver::compare("v0.0.0-20240101000000-0123456789ab", "0.0.0"), Ok(Ordering::Less));
//! assert_eq!(semver::compare("go1.21rc2", "1.21.0"), Ok(Ordering::Less));
//! ```
//!
//! Tolerated beyond the standard: a leading `v`; one or two numbers (`1.2` is `1.2.0`, as golang.org/x/mod/semver reads
//! it); leading zeros; more than three numbers, where everything after the third counts as build metadata, which has
//! no place in the order; and the names of Go's own releases, `go1.21rc2` or `1.21rc2` for `1.21.0-rc.2`, so that the
//! standard library of a binary can be looked up as it is recorded. The crate `semver` refuses all of these and numbers beyond
//! 64 bits.

use std::cmp::Ordering;

use super::{
    InvalidVersion, bounded, compare_digits, compare_identifiers, equal_by_order, is_identifier, split_digits,
};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "semantic" };

/// The order of semantic versions.
#[derive(Debug)]
pub struct SemVer;

impl super::Versions for SemVer {
    const ID: &'static str = "semver";
    type Version<'a> = Version<'a>;
}

/// Compares two semantic versions.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed semantic version.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    numbers: [&'a [u8]; 3],
    prerelease: Prerelease<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Prerelease<'a> {
    None,
    /// Identifiers with dots between them.
    Dotted(&'a [u8]),
    /// In a Go release: `rc` and `2`.
    Go(&'a [u8], &'a [u8]),
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?.trim_ascii();
        if let Some(go) = text.strip_prefix(b"go") {
            return go_release(go);
        }
        let (numbers, rest) = numbers(text.strip_prefix(b"v").unwrap_or(text))?;
        let prerelease = match rest.split_first() {
            None => Prerelease::None,
            Some((b'+' | b'.', build)) if is_build(build) => Prerelease::None,
            Some((b'-', rest)) => {
                let end = rest.iter().position(|b| *b == b'+').unwrap_or(rest.len());
                let (identifiers, build) = rest.split_at_checked(end).ok_or(INVALID)?;
                let build_ok = build.split_first().is_none_or(|(_plus, build)| is_build(build));
                if !build_ok || !identifiers.split(|b| *b == b'.').all(is_identifier) {
                    return Err(INVALID);
                }
                Prerelease::Dotted(identifiers)
            }
            // A Go release without its prefix, as package URLs of the standard library have it: `1.21rc2`.
            Some((b'r' | b'b', _)) => return go_release(text),
            Some(_) => return Err(INVALID),
        };
        Ok(Self { numbers, prerelease })
    }
}

impl<'a> Prerelease<'a> {
    fn identifiers(self) -> impl Iterator<Item = &'a [u8]> {
        let (dotted, go) = match self {
            Self::None => (None, [None, None]),
            Self::Dotted(text) => (Some(text.split(|b| *b == b'.')), [None, None]),
            Self::Go(word, number) => (None, [Some(word), (!number.is_empty()).then_some(number)]),
        };
        dotted.into_iter().flatten().chain(go.into_iter().flatten())
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        for (a, b) in self.numbers.iter().zip(other.numbers) {
            match compare_digits(a, b) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        match (self.prerelease, other.prerelease) {
            (Prerelease::None, Prerelease::None) => Ordering::Equal,
            (Prerelease::None, _) => Ordering::Greater,
            (_, Prerelease::None) => Ordering::Less,
            (a, b) => compare_identifiers(a.identifiers(), b.identifiers(), Ord::cmp),
        }
    }
}

equal_by_order!(Version);

/// Up to three numbers, and the rest. After the third, a dot starts build metadata.
pub(super) fn numbers(mut text: &[u8]) -> Result<([&[u8]; 3], &[u8]), InvalidVersion> {
    let mut numbers: [&[u8]; 3] = [b""; 3];
    for (index, number) in numbers.iter_mut().enumerate() {
        let digits = match (index, text.split_first()) {
            (0, _) => text,
            (_, Some((b'.', rest))) => rest,
            _ => break,
        };
        let (digits, rest) = split_digits(digits);
        if digits.is_empty() {
            return Err(INVALID);
        }
        (*number, text) = (digits, rest);
    }
    Ok((numbers, text))
}

/// `1.21`, `1.21.3`, `1.21rc2`, `1.9beta1`; anything after a space (experiments of the tool chain) does not count.
fn go_release(text: &[u8]) -> Result<Version<'_>, InvalidVersion> {
    let text = text.split(|b| *b == b' ').next().unwrap_or_default();
    let (numbers, rest) = numbers(text)?;
    let word = rest.iter().take_while(|b| b.is_ascii_lowercase()).count();
    let (word, number) = rest.split_at_checked(word).ok_or(INVALID)?;
    match word {
        b"" if number.is_empty() => Ok(Version { numbers, prerelease: Prerelease::None }),
        // Distributors append their own build to the name: go1.22.5-custom, go1.22.5+auto.
        b"" if number.starts_with(b"-") || number.starts_with(b"+") => {
            Ok(Version { numbers, prerelease: Prerelease::None })
        }
        b"rc" | b"beta" if number.iter().all(u8::is_ascii_digit) => {
            Ok(Version { numbers, prerelease: Prerelease::Go(word, number) })
        }
        _ => Err(INVALID),
    }
}

fn is_build(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_go_sort_as_in_go() {
        for (a, b) in [
            ("v0.0.0-20190101000000-aaaaaaaaaaaa", "v0.0.0-20200101000000-000000000000"),
            ("v1.2.4-0.20200101000000-000000000000", "v1.2.4"),
            ("v1.2.3", "v1.2.4-0.20200101000000-000000000000"),
            ("go1.21rc2", "go1.21"),
            ("1.21rc2", "1.21rc3"),
            ("1.21beta1", "1.21.0-rc.1"),
            ("go1.21rc2", "1.21.0-rc.3"),
            ("1.21.0-0", "go1.21rc1"),
            ("go1.9beta1", "go1.9rc1"),
            ("go1.9.7", "go1.10"),
        ] {
            assert_eq!(compare(a, b), Ok(Ordering::Less), "{a} < {b}");
        }
        for (a, b) in [
            ("v2.0.0+incompatible", "2.0.0"),
            ("go1.22.5 X:boringcrypto", "1.22.5"),
            ("go1.22.5-custom", "1.22.5"),
            ("v1.2", "1.2.0"),
            ("1", "v1.0.0"),
        ] {
            assert_eq!(compare(a, b), Ok(Ordering::Equal), "{a} = {b}");
        }
    }

    #[test]
    fn invalid_versions_are_refused() {
        for text in [
            "",
            "(devel)",
            "latest",
            "v",
            "go",
            "1.x",
            "1.0.0-",
            "1.0.0-a..b",
            "1.0.0+",
            "devel go1.22",
            "1.0.0 ü",
            "1.0.0release",
            "v1.21rc2",
        ] {
            assert!(compare(text, "1.0.0").is_err(), "{text:?}");
        }
    }
}
