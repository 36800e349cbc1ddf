//! The ecosystems that a database can hold: their names at OSV, in package URLs and on disk, how their package names
//! are normalised and how their versions are ordered.

use std::borrow::Cow;
use std::fmt;

use crate::version::Order;

/// An ecosystem with a feed, a way to normalise names and a version order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ecosystem {
    /// Debian source packages, by release.
    Debian,
    /// Go modules, `stdlib` and `toolchain`.
    Go,
    /// JavaScript packages.
    Npm,
    /// Python packages.
    PyPI,
    /// Rust crates.
    Rust,
}

impl Ecosystem {
    /// All of them, in the order of their file names.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Debian, Self::Go, Self::Npm, Self::PyPI];

    /// The name that OSV uses, without a suffix.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian => "Debian",
            Self::Go => "Go",
            Self::Npm => "npm",
            Self::PyPI => "PyPI",
            Self::Rust => "crates.io",
        }
    }

    /// The ecosystem with this name at OSV. Names are case-sensitive there.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// The file name of its database, without the ending: OSV's name in lower case.
    pub fn stem(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Go => "go",
            Self::Npm => "npm",
            Self::PyPI => "pypi",
            Self::Rust => "crates.io",
        }
    }

    /// The ecosystem of language packages with this package-URL type. Debian is missing here on purpose: `pkg:deb` is
    /// also Ubuntu's type.
    pub fn from_purl_type(kind: &str) -> Option<Self> {
        match kind {
            "golang" => Some(Self::Go),
            "npm" => Some(Self::Npm),
            "pypi" => Some(Self::PyPI),
            "cargo" => Some(Self::Rust),
            _ => None,
        }
    }

    /// How versions are ordered.
    pub fn order(self) -> Order {
        match self {
            Self::Debian => Order::Dpkg,
            Self::PyPI => Order::Pep440,
            Self::Go | Self::Npm | Self::Rust => Order::SemVer,
        }
    }

    /// The name that a package is looked up by. Python names go to lower case with runs of `-`, `_` and `.` as one
    /// dash (PEP 503); the others are case-sensitive as they are.
    pub fn normalise(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::PyPI => pep503(name),
            Self::Debian | Self::Go | Self::Npm | Self::Rust => Cow::Borrowed(name),
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn pep503(name: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.bytes().all(plain) && !name.contains("--") {
        return Cow::Borrowed(name);
    }
    Cow::Owned(plimsoll_core::purl::pep503(name))
}

/// Debian's code name for a `VERSION_ID`, for images whose os-release does not carry it. Releases that are not out yet
/// have no `VERSION_ID`, so testing and unstable are known by their code name alone.
pub fn debian_codename(version_id: &str) -> Option<&'static str> {
    let major = version_id.split('.').next()?;
    Some(match major {
        "7" => "wheezy",
        "8" => "jessie",
        "9" => "stretch",
        "10" => "buster",
        "11" => "bullseye",
        "12" => "bookworm",
        "13" => "trixie",
        "14" => "forky",
        "15" => "duke",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_names_are_one_spelling() {
        for name in ["Flask-Babel", "flask_babel", "flask..babel", "FLASK.-_BABEL"] {
            assert_eq!(Ecosystem::PyPI.normalise(name), "flask-babel");
        }
        assert!(matches!(Ecosystem::PyPI.normalise("jinja2"), Cow::Borrowed("jinja2")));
        assert_eq!(Ecosystem::Go.normalise("github.com/BurntSushi/toml"), "github.com/BurntSushi/toml");
    }

    #[test]
    fn names_find_their_ecosystem() {
        for ecosystem in Ecosystem::ALL {
            assert_eq!(Ecosystem::from_name(ecosystem.name()), Some(ecosystem));
        }
        assert_eq!(Ecosystem::from_name("pypi"), None);
        assert_eq!(Ecosystem::from_purl_type("golang"), Some(Ecosystem::Go));
        assert_eq!(Ecosystem::from_purl_type("deb"), None);
    }
}
