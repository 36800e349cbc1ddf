//! A vulnerability of a component, as it is reported.

use std::collections::BTreeSet;
use std::fmt;

use plimsoll_core::{Purl, Timestamp};
use plimsoll_sbom::{Location, ProblemCode};
use serde::Serialize;

use super::risk::{Exploited, Likelihood};
use super::settled::{IgnoredBy, SettledByVex};
use crate::class::Class;
use crate::severity::{Severity, SeveritySource};
use crate::shared::{NamedBy, Shared};

/// One vulnerability of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The main identifier: a CVE if there is one.
    pub id: String,
    /// The publisher's identifier of the advisory that the severity comes from.
    pub advisory: String,
    /// Whether it is a vulnerability or something else.
    pub class: Class,
    /// All other identifiers of the same vulnerability, sorted.
    pub aliases: Shared<Vec<String>>,
    /// The CVEs that each of the merged advisories names itself, by the advisory's identifier.
    #[serde(skip)]
    pub named_by: Shared<NamedBy>,
    /// The component.
    pub component: Shared<Purl>,
    /// The package that the advisory names: for Debian the source package.
    pub package: String,
    /// The version that was compared: for Debian that of the source package.
    pub version: String,
    /// The severity.
    pub severity: Severity,
    /// The source of the severity.
    pub severity_source: SeveritySource,
    /// Present if it is known to be exploited.
    #[serde(rename = "kev", skip_serializing_if = "Option::is_none")]
    pub exploited: Option<Exploited>,
    /// How likely it is to be exploited, if there is an estimate.
    #[serde(rename = "epss", skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Likelihood>,
    /// Whether the program contains a function that an advisory names. Absent if the advisories name none, or if the
    /// program does not list its functions. A finding about missing functions still counts, unless a policy says
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked: Option<bool>,
    /// Whether epochs in advisories were ignored, because the component's document states none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_epochs: bool,
    /// The product, `vendor:product`, if the component was matched by its CPE name and not as a package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// Whether a newer version fixes it.
    pub fix: Fix,
    /// One line.
    pub summary: Shared<String>,
    /// Where the component was found.
    pub locations: Shared<Vec<Location>>,
    /// The earliest publication among the advisories.
    pub published: Option<Timestamp>,
    /// The latest change among the advisories.
    pub modified: Option<Timestamp>,
    /// Links to more information.
    pub urls: Shared<Vec<String>>,
}

impl Finding {
    /// Its identifiers, by what has to be accepted or settled by itself: a list for each CVE that it covers, with the
    /// advisories that name this CVE. One advisory may cover several CVEs, and a statement about one of them says nothing about
    /// the others.
    pub(crate) fn parts(&self) -> Vec<Vec<&str>> {
        let all = || [&self.id, &self.advisory].into_iter().chain(&self.aliases).chain(self.named_by.keys());
        let cves: BTreeSet<&str> = all().map(String::as_str).filter(|id| id.starts_with("CVE-")).collect();
        if cves.len() <= 1 {
            return vec![all().map(String::as_str).collect()];
        }
        let part = |cve: &'_ str| {
            let naming = self.named_by.iter().filter(|(_, named)| named.contains(cve));
            naming.map(|(advisory, _)| advisory.as_str()).collect::<Vec<_>>()
        };
        cves.into_iter().map(|cve| part(cve).into_iter().chain([cve]).collect()).collect()
    }

    /// The sort key of findings.
    pub(super) fn place(&self) -> (&Purl, &[Location], &str) {
        (&self.component, &self.locations, &self.id)
    }
}

/// Whether a newer version helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "versions")]
pub enum Fix {
    /// It is fixed in these versions, all newer than the installed one, the nearest first. Never empty.
    Fixed(Vec<String>),
    /// No version fixes it yet.
    NotFixed,
    /// The publisher decided not to fix it.
    WontFix,
    /// The data does not say.
    Unknown,
}

impl Fix {
    /// The nearest version that fixes it.
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Self::Fixed(versions) => versions.first().map(String::as_str),
            Self::NotFixed | Self::WontFix | Self::Unknown => None,
        }
    }
}

/// Files of a kind that no cataloger reads, or components of an ecosystem without advisories, installed by packages of the
/// operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAside {
    /// The ecosystem that they belong to: `npm`.
    pub ecosystem: String,
    /// Their number and name: `12 package.json`.
    pub files: String,
    /// One of them.
    pub path: String,
    /// The package that installed them and that the distribution's feed knows; `None` for programs of several
    /// packages.
    pub owner: Option<Purl>,
}

impl SetAside {
    /// Why they count as covered.
    pub fn reason(&self) -> String {
        match &self.owner {
            Some(package) => Suppression::OwnedByDistribution { package: package.clone() }.to_string(),
            None => "part of the operating system's packages, which are looked up".to_owned(),
        }
    }
}

/// A problem of the inventory that hides no components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Noted {
    /// What went wrong.
    pub problem: ProblemCode,
    /// The file. Empty if it concerns the whole.
    pub path: String,
    /// The details, in the words of the inventory.
    pub detail: String,
}

/// A finding that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// Why it does not count.
    pub reason: Suppression,
}

/// Why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
#[non_exhaustive]
pub enum Suppression {
    /// The component is part of a distribution's package, by the package manager's own digests, and the distribution's
    /// advisories about that package were used.
    OwnedByDistribution {
        /// The package.
        package: Purl,
    },
    /// The release has no fix, and the installed version is not older than the one that fixes it in a newer release.
    FixedInNewerRelease {
        /// The newer release.
        release: String,
        /// The version that fixes it there.
        version: String,
    },
    /// The advisory is about the kernel, and the component is header files or documentation made from its source.
    NotTheKernel,
    /// A project declares the component only for development, builds or tests.
    ForDevelopment,
    /// A VEX statement says that the component does not have the vulnerability, or no longer has it.
    Vex(Box<SettledByVex>),
    /// A rule of whoever runs the scan ignores it.
    Ignored(Box<IgnoredBy>),
}

impl Suppression {
    /// Whether somebody decided it about this finding, rather than that it follows from what is installed.
    pub fn is_of_people(&self) -> bool {
        matches!(self, Self::Vex(_) | Self::Ignored(_))
    }
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedInNewerRelease { release, version } => {
                write!(f, "fixed in {release} by {version}, and the installed version is not older")
            }
            Self::NotTheKernel => {
                f.write_str("header files or documentation of the kernel, which do not run")
            }
            Self::ForDevelopment => f.write_str("needed only to develop, build or test"),
            Self::Vex(settled) => settled.fmt(f),
            Self::Ignored(ignored) => ignored.fmt(f),
            Self::OwnedByDistribution { package } => {
                write!(f, "part of {package}, which the distribution's own advisories cover")
            }
        }
    }
}
