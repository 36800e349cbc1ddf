//! Which feed a component is looked up in, and whether that feed may be relied on.

use std::rc::Rc;

use jiff::SignedDuration;
use plimsoll_sbom::{Component, Ecosystem as Kind, Inventory, OsRelease};

use super::{GapReason, ScanSettings};
use crate::database::{Database, Feed};
use crate::ecosystem::{Ecosystem, debian_codename};

/// How far a feed's time may lie ahead: clocks of different machines differ by minutes.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Where a component is looked up.
pub(super) enum Target<'a> {
    /// In this feed.
    Feed {
        feed: &'a Feed,
        /// In this release.
        release: Option<Rc<str>>,
        /// Its answers count, and are not enough.
        stale: Option<GapReason>,
    },
    /// Nowhere: the ecosystem to name, and why.
    Gap(String, GapReason),
}

pub(super) struct Targets<'a> {
    os: Option<&'a OsRelease>,
    /// The release of `os` as the feed names it.
    release: Option<Rc<str>>,
    database: &'a Database,
    settings: &'a ScanSettings,
}

impl<'a> Targets<'a> {
    pub(super) fn new(inventory: &'a Inventory, database: &'a Database, settings: &'a ScanSettings) -> Self {
        let os = inventory.os.as_ref();
        Self { os, release: os.and_then(release_of_os), database, settings }
    }

    pub(super) fn of(&self, component: &Component) -> Target<'a> {
        if component.ecosystem == Kind::Deb {
            return self.of_deb(component);
        }
        let kind = component.ecosystem.purl_type();
        let ecosystem = Ecosystem::from_purl_type(kind);
        match ecosystem.and_then(|ecosystem| self.database.feed(ecosystem)) {
            Some(feed) => Target::Feed { feed, release: None, stale: self.stale(feed) },
            None => Target::Gap(ecosystem.map_or(kind, |known| known.name()).to_owned(), GapReason::NoFeed),
        }
    }

    /// Debian packages of Debian. The package URL says whose package it is; the operating system says in which release,
    /// and where a document has none, the `distro` qualifier does.
    fn of_deb(&self, component: &Component) -> Target<'a> {
        let purl = &component.purl;
        let Some(vendor) = purl.namespace().or_else(|| self.os.map(|os| os.id.as_str())) else {
            return Target::Gap("deb".into(), GapReason::UnknownOs);
        };
        if vendor != "debian" {
            return Target::Gap(vendor.to_owned(), GapReason::NoFeed);
        }
        let name = Ecosystem::Debian.name();
        let Some(feed) = self.database.feed(Ecosystem::Debian) else {
            return Target::Gap(name.into(), GapReason::NoFeed);
        };
        let release = match self.os.filter(|os| os.id == vendor) {
            Some(_) => self.release.clone(),
            None => purl
                .qualifier("distro")
                .and_then(|distro| distro.strip_prefix("debian-"))
                .map(release_of_distro),
        };
        match release {
            Some(release) if feed.covers(&release) => {
                Target::Feed { feed, release: Some(release), stale: self.stale(feed) }
            }
            Some(release) => {
                Target::Gap(name.into(), GapReason::ReleaseNotCovered(release.as_ref().to_owned()))
            }
            None => Target::Gap(name.into(), GapReason::ReleaseNotCovered("unknown".into())),
        }
    }

    fn stale(&self, feed: &Feed) -> Option<GapReason> {
        let age = self.settings.now.duration_since(feed.as_of());
        let fresh = age <= self.settings.max_age && age >= -CLOCK_SKEW;
        (!fresh).then(|| GapReason::Stale { as_of: feed.as_of(), age })
    }
}

/// The code name of a release. Where `VERSION_ID` names another one than `VERSION_CODENAME` does, it is none that a
/// feed knows: the file was tampered with, and either half could hide findings.
fn release_of_os(os: &OsRelease) -> Option<Rc<str>> {
    let by_version = os.version_id.as_deref().and_then(debian_codename);
    match (os.codename.as_deref(), by_version, os.version_id.as_deref()) {
        (Some(codename), Some(by_version), Some(version)) if codename != by_version => {
            Some(format!("{codename} (VERSION_ID {version})").into())
        }
        (Some(release), ..) | (None, Some(release), _) | (None, None, Some(release)) => Some(release.into()),
        (None, None, None) => None,
    }
}

/// The code name for the rest of a `distro` qualifier: `12`, `12.5` or `trixie`.
fn release_of_distro(distro: &str) -> Rc<str> {
    debian_codename(distro).unwrap_or(distro).into()
}
