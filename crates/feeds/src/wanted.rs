//! What a database covers: an ecosystem, one release of a distribution, facts by CVE, or what GitHub has about all ecosystems.

use std::fmt;

use plimsoll_core::Ecosystem;

/// What is covered by default: packages of these ecosystems, and facts by CVE.
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

/// The database's name for facts by CVE.
pub(crate) const CVES: &str = "CVE";

/// The name of the repository of GitHub's advisories.
pub(crate) const GITHUB: &str = "GHSA";

/// An ecosystem, `PyPI`, one release, `Alpine:v3.20`, `CVE`, or `GHSA`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Advisories about packages.
    Packages {
        /// The ecosystem.
        ecosystem: Ecosystem,
        /// The release, for publishers with separate files for each.
        release: Option<String>,
    },
    /// Facts about CVEs, regardless of packages: whether they are exploited, and how likely that is.
    Cves,
    /// The whole repository of GitHub's advisories. OSV's files of the ecosystems have the same ones.
    GitHub,
}

impl Wanted {
    /// Everything that publishers have about an ecosystem.
    pub fn whole(ecosystem: Ecosystem) -> Self {
        Self::Packages { ecosystem, release: None }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packages { ecosystem, release } => {
                f.write_str(ecosystem.name())?;
                release.iter().try_for_each(|release| write!(f, ":{release}"))
            }
            Self::Cves => f.write_str(CVES),
            Self::GitHub => f.write_str(GITHUB),
        }
    }
}
