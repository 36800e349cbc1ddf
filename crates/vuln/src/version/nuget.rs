//! The order of NuGet: semantic versions with up to four numbers, where case does not count.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::nuget;
//! assert_eq!(nuget::compare("1.0", "1.0.0.0+build"), Ok(Ordering::Equal));
//! assert_eq!(nuget::compare("1.0.0-BETA", "1.0.0-beta.1"), Ok(Ordering::Less));
//! ```
//!
//! "NuGet package versioning", and `NuGet.Versioning.VersionComparer`: missing numbers are 0, leading zeros and build
//! metadata do not count, and identifiers of pre-releases compare without case.

use std::cmp::Ordering;

use super::{
    InvalidVersion, bounded, compare_digits, compare_identifiers, compare_without_case, equal_by_order,
    is_identifier, split_at_first, split_digits,
};

const INVALID: InvalidVersion = InvalidVersion::Grammar { grammar: "NuGet" };

/// The order of NuGet.
#[derive(Debug)]
pub struct NuGet;

impl super::Versions for NuGet {
    const ID: &'static str = "nuget";
    type Version<'a> = Version<'a>;
}

/// Compares two versions of NuGet packages.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed version of a NuGet package.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    numbers: [&'a [u8]; 4],
    prerelease: Option<&'a [u8]>,
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let text = bounded(text)?.trim_ascii();
        let text = text.strip_prefix(b"v").or_else(|| text.strip_prefix(b"V")).unwrap_or(text);
        let (text, build) = split_at_first(text, b'+');
        let (release, prerelease) = split_at_first(text, b'-');
        let identifiers = |text: &[u8]| text.split(|b| *b == b'.').all(is_identifier);
        if !build.is_none_or(identifiers) || !prerelease.is_none_or(identifiers) {
            return Err(INVALID);
        }
        let mut numbers = [&b""[..]; 4];
        for (place, number) in release.split(|b| *b == b'.').enumerate() {
            let (digits, rest) = split_digits(number);
            let place = numbers.get_mut(place).ok_or(INVALID)?;
            if digits.is_empty() || !rest.is_empty() {
                return Err(INVALID);
            }
            *place = digits;
        }
        Ok(Self { numbers, prerelease })
    }
}

impl<'a> Ord for Version<'a> {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.iter().zip(other.numbers).map(|(a, b)| compare_digits(a, b));
        numbers.fold(Ordering::Equal, Ordering::then).then_with(|| {
            match (self.prerelease, other.prerelease) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => {
                    let identifiers = |text: &'a [u8]| text.split(|b| *b == b'.');
                    compare_identifiers(identifiers(a), identifiers(b), compare_without_case)
                }
            }
        })
    }
}

equal_by_order!(Version);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_nuget_refuses_are_refused() {
        for text in ["", "1.2.3.4.5", "1.x", "1.", "1.0-", "1.0-a..b", "1.0+", "[1.0,2.0)", "1.0-a_b"] {
            assert!(compare(text, "1").is_err(), "{text:?}");
        }
    }
}
