//! The order of Bitnami's packages: semantic versions, followed by a revision of the package.
//!
//! ```
//! use std::cmp::Ordering;
//! use plimsoll_vuln::version::bitnami;
//! assert_eq!(bitnami::compare("2.4.57", "2.4.57-1"), Ok(Ordering::Less));
//! assert_eq!(bitnami::compare("2.4.57", "2.4.57-0"), Ok(Ordering::Equal));
//! assert_eq!(bitnami::compare("1.0.0-rc.1", "1.0.0"), Ok(Ordering::Less));
//! ```
//!
//! `2.4.57-1` is the second build of 2.4.57, not a pre-release: a hyphen followed only by digits starts a revision. The
//! first build, `2.4.57-0`, is equal to 2.4.57. A bound without a revision, as most of Bitnami's are, is reached by each
//! build of its version.

use std::cmp::Ordering;

use super::{InvalidVersion, compare_digits, equal_by_order, semver};

/// The order of Bitnami.
#[derive(Debug)]
pub struct Bitnami;

impl super::Versions for Bitnami {
    const ID: &'static str = "bitnami";
    type Version<'a> = Version<'a>;
}

/// Compares two versions of Bitnami's packages.
pub fn compare(a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    super::compare::<Version<'_>>(a, b)
}

/// A parsed version of a Bitnami package.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    application: semver::Version<'a>,
    revision: Option<&'a [u8]>,
}

impl<'a> super::Version<'a> for Version<'a> {
    fn parse(text: &'a str) -> Result<Self, InvalidVersion> {
        let revision = |revision: &str| !revision.is_empty() && revision.bytes().all(|b| b.is_ascii_digit());
        match text.rsplit_once('-').filter(|(_, last)| revision(last)) {
            Some((application, revision)) => {
                let application = semver::Version::parse(application)?;
                Ok(Self { application, revision: Some(revision.as_bytes()) })
            }
            None => Ok(Self { application: semver::Version::parse(text)?, revision: None }),
        }
    }

    fn compare_to_bound(&self, bound: &Self) -> Ordering {
        match bound.revision {
            Some(_) => self.cmp(bound),
            None => self.application.cmp(&bound.application),
        }
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // No digits are the number 0.
        let revision = |version: &Self| version.revision.unwrap_or_default();
        let builds = || compare_digits(revision(self), revision(other));
        self.application.cmp(&other.application).then_with(builds)
    }
}

equal_by_order!(Version);

#[cfg(test)]
mod tests {
    use super::super::Version as _;
    use super::*;

    #[test]
    fn every_build_of_a_version_reaches_its_bound() {
        let parse = |text| Version::parse(text).unwrap();
        assert_eq!(parse("1.2.3-4").compare_to_bound(&parse("1.2.3")), Ordering::Equal);
        assert_eq!(parse("1.2.3-4").compare_to_bound(&parse("1.2.3-5")), Ordering::Less);
        assert_eq!(parse("1.2.2-9").compare_to_bound(&parse("1.2.3")), Ordering::Less);
    }

    #[test]
    fn invalid_versions_are_refused() {
        for text in ["", "-1", "latest", "1.x-1", "1.0.0-a..b"] {
            assert!(compare(text, "1.0.0").is_err(), "{text:?}");
        }
    }
}
