//! What a database is to cover: an ecosystem, or one release of a distribution.

use std::fmt;

use plimsoll_core::Ecosystem;

/// What is fetched when nobody says what is wanted.
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

/// An ecosystem, `PyPI`, or one release, `Alpine:v3.20`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The ecosystem.
    pub ecosystem: Ecosystem,
    /// The release, for publishers with files of their own for each.
    pub release: Option<String>,
}

impl Wanted {
    /// All that publishers have about an ecosystem.
    pub fn whole(ecosystem: Ecosystem) -> Self {
        Self { ecosystem, release: None }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ecosystem.name())?;
        self.release.iter().try_for_each(|release| write!(f, ":{release}"))
    }
}
