//! The advisories about the packages of one ecosystem, of all its publishers.

use plimsoll_core::{Cancel, Ecosystem, Timestamp};

use super::FeedStatus;
use super::file::{Record, TableFile};
use super::format::FeedHeader;
use super::record::{self, Detail, Entry, Place};
use crate::conditions::Conditions;
use crate::error::Error;
use crate::order::VersionOrder;

/// The open file of one ecosystem.
#[derive(Debug)]
pub struct Advisories {
    ecosystem: Ecosystem,
    order: &'static dyn VersionOrder,
    pub(super) file: TableFile,
}

/// One publisher's data in a file.
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a>(&'a FeedHeader);

/// The record of one package: the bytes, verified, from which entries are read.
#[derive(Debug)]
pub struct Package(Record);

impl<'a> Feed<'a> {
    /// When the data was retrieved from its publisher.
    pub fn as_of(self) -> Timestamp {
        self.0.as_of
    }

    /// Whether the feed covers a release; in an ecosystem without releases, every feed covers all of it.
    pub fn covers(self, release: Option<&str>) -> bool {
        release.is_none_or(|release| self.0.releases.iter().any(|covered| covered == release))
    }

    /// Whether its packages are those of releases.
    pub fn has_releases(self) -> bool {
        !self.0.releases.is_empty()
    }

    /// The publisher's stable name.
    pub fn id(self) -> &'a str {
        &self.0.id
    }
}

impl Advisories {
    pub(super) fn new(ecosystem: Ecosystem, order: &'static dyn VersionOrder, file: TableFile) -> Self {
        Self { ecosystem, order, file }
    }

    /// The ecosystem of all its packages.
    pub fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    /// How the versions in it are ordered.
    pub fn order(&self) -> &'static dyn VersionOrder {
        self.order
    }

    /// Its feeds, one per publisher, in the order of their numbers. There is at least one.
    pub fn feeds(&self) -> impl Iterator<Item = Feed<'_>> {
        self.file.header().feeds.iter().map(Feed)
    }

    /// The state of each feed.
    pub fn status(&self) -> impl Iterator<Item = FeedStatus> {
        self.file.header().feeds.iter().map(|feed| FeedStatus::new(&self.file, feed))
    }

    /// The keys of all packages with advisories, sorted.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        self.file.names()
    }

    /// The record of the package stored under `key` (see [`key`](super::key)); `None` if there is no advisory about it.
    pub fn package(&self, key: &str) -> Result<Option<Package>, Error> {
        Ok(self.file.find(key)?.map(Package))
    }

    /// Passes the entries of a package record to `visit`, one after the other.
    pub fn visit<'a>(
        &self,
        package: &'a Package,
        visit: impl FnMut(&Entry<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.visit_record(&package.0, visit)
    }

    fn visit_record<'a>(
        &self,
        record: &'a Record,
        visit: impl FnMut(&Entry<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let visited = record::visit_entries(record.content(), visit);
        visited.ok_or_else(|| self.file.encoding("package record"))?
    }

    /// The conditions, besides the version, under which `entry` applies to a component.
    pub fn conditions(&self, entry: &Entry<'_>) -> Result<Conditions<'_>, Error> {
        let labels = |numbers: &[u32]| {
            numbers.iter().map(|number| self.file.label(*number)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Conditions {
            module: entry.conditions.module.map(|number| self.file.label(number)).transpose()?,
            architectures: labels(&entry.conditions.architectures)?,
            products: labels(&entry.conditions.products)?,
        })
    }

    /// The publisher whose data the severity of `entry` comes from: that of the advisory itself, or of another about
    /// the same vulnerability.
    pub fn rated_by(&self, entry: &Entry<'_>) -> Result<&str, Error> {
        match entry.rated_by {
            Some(label) => self.file.label(label),
            None => self.feed(entry).map(Feed::id),
        }
    }

    /// The feed of `entry`.
    pub fn feed(&self, entry: &Entry<'_>) -> Result<Feed<'_>, Error> {
        let feed = self.file.header().feeds.get(entry.feed).map(Feed);
        feed.ok_or_else(|| self.file.encoding("package record"))
    }

    /// What findings show about an advisory.
    pub fn detail(&self, place: Place) -> Result<Detail, Error> {
        self.file.text(place, Detail::decode)
    }

    pub(super) fn verify(&self, cancel: &Cancel) -> Result<(), Error> {
        let mut details = Vec::new();
        self.file.verify_packages(cancel, |record| {
            self.visit_record(record, |entry| {
                cancel.check()?;
                self.feed(entry)?;
                self.conditions(entry)?;
                self.rated_by(entry)?;
                // The identifiers of a statement share it.
                if details.last() != Some(&entry.detail) {
                    details.push(entry.detail);
                }
                Ok(())
            })
        })?;
        self.file.verify_texts(details, cancel, |text| Detail::decode(text).is_some())
    }
}
