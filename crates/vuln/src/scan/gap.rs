//! What a scan did not cover, and why. "No findings" means nothing for the components that a gap names.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use plimsoll_core::{Timestamp, quantity};
use plimsoll_sbom::{Inventory, Problem, ProblemCode};
use serde::Serialize;

/// Something that was not covered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The ecosystem as OSV names it, the package-URL type or the distribution if there is no feed at all, or
    /// `inventory` for a gap without a specific ecosystem.
    pub ecosystem: String,
    /// How many components are concerned; 0 if that is unknown.
    pub components: usize,
    /// Why.
    pub reason: GapReason,
}

/// Why something was not covered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "code", content = "detail")]
#[non_exhaustive]
pub enum GapReason {
    /// The database has no feed for the ecosystem.
    NoFeed,
    /// The feed does not cover this release of the distribution.
    ReleaseNotCovered(String),
    /// The feed is older than allowed; with a negative age, it is from the future.
    Stale {
        /// When it was retrieved.
        as_of: Timestamp,
        /// How long ago that is.
        age: SignedDuration,
    },
    /// A document names no source packages, by which the feed lists advisories, and the feed knows no source with the name of
    /// the package.
    SourceUnknown,
    /// The package database of the operating system is missing.
    InventoryMissing,
    /// The package database of the operating system cannot be read completely.
    InventoryBroken,
    /// The operating system is unknown.
    UnknownOs,
    /// Components may be missing from the inventory.
    Incomplete {
        /// The kind of problem.
        problem: ProblemCode,
        /// The file concerned; empty if the whole inventory is concerned.
        path: String,
        /// The problem in the words of the inventory.
        detail: String,
    },
    /// There are files of the ecosystem that no cataloger reads yet.
    NotRead {
        /// Their number and name: `2 package.json`.
        files: String,
        /// One of them.
        path: String,
    },
    /// Packages of a distribution brought files that no cataloger reads: its advisories would cover them, and cannot.
    OwnerNotCovered {
        /// Their number and name: `2 package.json`.
        files: String,
        /// One of them.
        path: String,
        /// The ecosystem of the packages: `Debian`.
        owner: String,
        /// Why it is not covered: `no feed in the database`.
        why: String,
    },
    /// There are advisories about the package, but its installed version is not valid in the ecosystem's
    /// order.
    InvalidVersion {
        /// The package.
        package: String,
        /// The installed version.
        version: String,
    },
    /// Advisories about the package do not say clearly whether the installed version is affected.
    UndecidedRange {
        /// The package.
        package: String,
        /// The installed version.
        version: String,
        /// The advisories.
        advisories: Vec<String>,
    },
}

impl GapReason {
    /// The files that are not read, if that is the reason: `2 package.json`.
    pub fn files(&self) -> Option<&str> {
        match self {
            Self::NotRead { files, .. } | Self::OwnerNotCovered { files, .. } => Some(files),
            _ => None,
        }
    }
}

/// How many characters of a path or a detail are shown: a document may contain problems with texts of any length.
const SHOWN: usize = 500;

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFeed => f.write_str("no feed in the database"),
            Self::ReleaseNotCovered(release) => write!(f, "release {release} is not in the feed"),
            Self::Stale { as_of, age } if age.is_negative() => {
                write!(f, "feed as of {as_of} is from the future")
            }
            Self::Stale { as_of, age } => {
                let age = quantity::duration(age.as_secs().unsigned_abs());
                write!(f, "feed as of {as_of} is {age} old")
            }
            Self::SourceUnknown => f.write_str(
                "the document names no source packages, and the feed knows no source of the same name",
            ),
            Self::InventoryMissing => f.write_str("the package database of the operating system is missing"),
            Self::InventoryBroken => f.write_str("the package database of the operating system is broken"),
            Self::UnknownOs => f.write_str("unknown operating system"),
            Self::Incomplete { problem, path, detail } => {
                write!(f, "inventory is incomplete: {problem}")?;
                let mut parts = [path, detail].into_iter().filter(|part| !part.is_empty());
                parts.try_for_each(|part| write!(f, ": {part:.SHOWN$}"))
            }
            Self::NotRead { path, .. } => write!(f, "not read yet, such as {path:.SHOWN$}"),
            Self::OwnerNotCovered { path, owner, why, .. } => {
                write!(f, "part of packages of {owner}: {why}, such as {path:.SHOWN$}")
            }
            Self::InvalidVersion { package, version } => {
                write!(f, "version `{version}` of {package} cannot be compared with its advisories")
            }
            Self::UndecidedRange { package, version, advisories } => {
                write!(f, "{} do not say whether {package} {version} is affected", advisories.join(", "))
            }
        }
    }
}

/// Why the packages of a distribution cannot be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Uncovered {
    pub(super) owner: String,
    pub(super) why: String,
}

/// Counts components by ecosystem and reason.
#[derive(Debug, Default)]
pub(super) struct Gaps(BTreeMap<(String, GapReason), usize>);

impl Gaps {
    pub(super) fn component(&mut self, ecosystem: &str, reason: GapReason) {
        *self.0.entry((ecosystem.to_owned(), reason)).or_default() += 1;
    }

    /// The gaps that the inventory itself reports.
    pub(super) fn inventory(&mut self, inventory: &Inventory) {
        let os = inventory.os.as_ref().map_or("inventory", |os| os.id.as_str());
        for problem in inventory.problems.iter().filter(|problem| problem.hides_components()) {
            let (ecosystem, reason) = match problem.code {
                ProblemCode::OsInventoryMissing => (os, GapReason::InventoryMissing),
                ProblemCode::OsInventoryBroken => (os, GapReason::InventoryBroken),
                ProblemCode::UnknownOs => (os, GapReason::UnknownOs),
                ProblemCode::NotRead => {
                    self.not_read(problem);
                    continue;
                }
                problem_code => {
                    let (path, detail) = (problem.path.clone(), problem.words());
                    ("inventory", GapReason::Incomplete { problem: problem_code, path, detail })
                }
            };
            self.0.insert((ecosystem.to_owned(), reason), 0);
        }
    }

    /// The gaps for files that no cataloger reads.
    pub(super) fn not_read(&mut self, problem: &Problem) {
        let ecosystem = problem.ecosystem.clone().unwrap_or_else(|| "inventory".to_owned());
        let reason = GapReason::NotRead { files: problem.detail.clone(), path: problem.path.clone() };
        self.0.insert((ecosystem, reason), 0);
    }

    /// The gap for files whose packages cannot be looked up.
    pub(super) fn owner_not_covered(
        &mut self,
        ecosystem: &str,
        (files, path): (String, String),
        Uncovered { owner, why }: Uncovered,
    ) {
        let reason = GapReason::OwnerNotCovered { files, path, owner, why };
        self.0.insert((ecosystem.to_owned(), reason), 0);
    }

    pub(super) fn into_sorted(self) -> Vec<Gap> {
        let gap = |((ecosystem, reason), components)| Gap { ecosystem, components, reason };
        self.0.into_iter().map(gap).collect()
    }
}
