//! What a database is to cover: an ecosystem, one release of a distribution, or what is known by CVE.

use std::fmt;

use plimsoll_core::Ecosystem;

/// The packages that are covered when nobody says what is wanted; facts by CVE as well.
pub const COMMON: [Ecosystem; 10] = [
    Ecosystem::Alpine,
    Ecosystem::CratesIo,
    Ecosystem::Debian,
    Ecosystem::Go,
    Ecosystem::Maven,
    Ecosystem::Npm,
    Ecosystem::NuGet,
    Ecosystem::Packagist,
    Ecosystem::PyPI,
    Ecosystem::RubyGems,
];

/// The name of what is known by CVE, as the database has it.
pub(crate) const CVES: &str = "CVE";

/// An ecosystem, `PyPI`, one release, `Alpine:v3.20`, or `CVE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Advisories about packages.
    Packages {
        /// The ecosystem.
        ecosystem: Ecosystem,
        /// The release, for publishers with files of their own for each.
        release: Option<String>,
    },
    /// What is known about CVEs, whichever package has them: whether they are exploited, and how likely that is.
    Cves,
}

impl Wanted {
    /// All that publishers have about an ecosystem.
    pub fn whole(ecosystem: Ecosystem) -> Self {
        Self::Packages { ecosystem, release: None }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Packages { ecosystem, release } = self else { return f.write_str(CVES) };
        f.write_str(ecosystem.name())?;
        release.iter().try_for_each(|release| write!(f, ":{release}"))
    }
}
