//! Which advisories a component is looked up in, and whether they are reliable.

use std::rc::Rc;

use jiff::SignedDuration;
use plimsoll_core::{Distribution, Ecosystem, clock};
use plimsoll_sbom::{Component, Inventory, OsRelease};

use super::{GapReason, ScanSettings};
use crate::database::{Advisories, Database};
use crate::order;

/// Where a component is looked up.
pub(super) enum Target<'a> {
    /// In these advisories.
    Covered {
        advisories: &'a Advisories,
        /// In this release.
        release: Option<Rc<str>>,
        /// Its answers count, but are not enough.
        stale: Option<GapReason>,
    },
    /// Nowhere: the ecosystem to report, and why.
    Gap(String, GapReason),
}

pub(super) struct Targets<'a> {
    os: Option<&'a OsRelease>,
    /// The release of `os` as feeds name it.
    release: Option<Rc<str>>,
    database: &'a Database,
    settings: &'a ScanSettings,
}

impl<'a> Targets<'a> {
    pub(super) fn new(inventory: &'a Inventory, database: &'a Database, settings: &'a ScanSettings) -> Self {
        let os = inventory.os.as_ref();
        let release = os.and_then(|os| {
            Distribution::by_id(&os.id)?.release(os.version_id.as_deref(), os.codename.as_deref())
        });
        Self { os, release: release.map(Rc::from), database, settings }
    }

    /// The advisories about products, for programs that no package manager knows.
    pub(super) fn products(&self) -> Option<(&'a Advisories, Option<GapReason>)> {
        let advisories = self.database.advisories(Ecosystem::Cpe)?;
        Some((advisories, self.stale(advisories, None)))
    }

    pub(super) fn target(&self, component: &Component) -> Target<'a> {
        let ecosystem = component.ecosystem;
        if ecosystem.is_os() {
            return self.system_target(component);
        }
        match self.database.advisories(ecosystem) {
            Some(advisories) => {
                let stale = self.stale(advisories, None);
                Target::Covered { advisories, release: None, stale }
            }
            None if order::of_ecosystem(ecosystem).is_some() => {
                Target::Gap(ecosystem.name().to_owned(), GapReason::NoFeed)
            }
            None => Target::Gap(component.purl.package_type().to_owned(), GapReason::NoFeed),
        }
    }

    /// Packages of a distribution. The package URL names the distribution, and its `distro` qualifier the
    /// release. Without the qualifier, the inventory's operating system names the release.
    fn system_target(&self, component: &Component) -> Target<'a> {
        let (purl, package_type) = (&component.purl, component.purl.package_type());
        let distribution = match (purl.namespace(), self.os) {
            (Some(namespace), _) => Distribution::by_namespace(package_type, namespace).ok_or(namespace),
            (None, Some(os)) => Distribution::by_id(&os.id)
                .filter(|distribution| distribution.package_type() == package_type)
                .ok_or(os.id.as_str()),
            (None, None) => return Target::Gap(package_type.to_owned(), GapReason::UnknownOs),
        };
        let distribution = match distribution {
            Ok(distribution) if order::of_ecosystem(distribution.ecosystem).is_some() => distribution,
            Ok(distribution) => return Target::Gap(distribution.id.to_owned(), GapReason::NoFeed),
            Err(vendor) => return Target::Gap(vendor.to_owned(), GapReason::NoFeed),
        };
        let name = distribution.ecosystem.name();
        let Some(advisories) = self.database.advisories(distribution.ecosystem) else {
            return Target::Gap(name.to_owned(), GapReason::NoFeed);
        };
        // Each package names its own release, because a merged document may contain packages of several
        // releases.
        let of_os = || self.os.filter(|os| os.id == distribution.id).and(self.release.clone());
        let release = match purl.qualifier("distro") {
            Some(distro) => release_in_purl(distribution, Some(distro)).map(Rc::from).or_else(of_os),
            None => of_os().or_else(|| release_in_purl(distribution, None).map(Rc::from)),
        };
        let (name_of_build, version) = super::source(component);
        let of_build = |release: &Rc<str>| distribution.release_of_build(release, name_of_build, version);
        let release = release.map(|release| of_build(&release).map_or(release, Rc::from));
        match release {
            Some(release) if advisories.feeds().any(|feed| feed.covers(Some(&release))) => {
                let stale = self.stale(advisories, Some(&release));
                Target::Covered { advisories, release: Some(release), stale }
            }
            Some(release) => {
                Target::Gap(name.to_owned(), GapReason::ReleaseNotCovered(release.as_ref().to_owned()))
            }
            None => Target::Gap(name.to_owned(), GapReason::ReleaseNotCovered("unknown".into())),
        }
    }

    /// Whether the oldest of the feeds that cover a release is too old, or one is from the future. A fresh
    /// feed does not compensate for a stale one: advisories that only the stale feed has would be missed.
    fn stale(&self, advisories: &Advisories, release: Option<&str>) -> Option<GapReason> {
        let covering = advisories.feeds().filter(|feed| feed.covers(release));
        let ages = covering.map(|feed| (self.settings.now.duration_since(feed.as_of()), feed.as_of()));
        let fresh = |age: SignedDuration| age <= self.settings.max_age && age >= -clock::SKEW;
        let (age, as_of) = ages.filter(|(age, _)| !fresh(*age)).max()?;
        Some(GapReason::Stale { as_of, age })
    }
}

/// The release in a `distro` qualifier, `debian-12`; for a distribution with only one release, also without it.
fn release_in_purl(distribution: &Distribution, distro: Option<&str>) -> Option<String> {
    let rest = distro.and_then(|distro| distro.strip_prefix(distribution.id)?.strip_prefix('-'));
    match rest {
        Some(rest) => distribution.release_in_qualifier(rest),
        None => distribution.release(None, None),
    }
}
