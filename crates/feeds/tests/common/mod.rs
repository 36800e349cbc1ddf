//! Databases that are built from files as publishers have them.

use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_core::Limits;
use plimsoll_feeds::{BuildReport, Error, build};
use plimsoll_sbom::{Component, Inventory};
use plimsoll_vuln::{Database, Finding, Scan, ScanSettings, scan};

pub const AS_OF: &str = "2026-08-22T00:00:00Z";

/// A database, and what its building said.
pub struct Built {
    dir: tempfile::TempDir,
    pub report: BuildReport,
    pub database: Database,
}

impl Built {
    /// A database from what `place` puts into a folder.
    pub fn new(place: impl FnOnce(&Path)) -> Self {
        Self::within(&Limits::default(), place).unwrap()
    }

    /// The same, within `limits`.
    pub fn within(limits: &Limits, place: impl FnOnce(&Path)) -> Result<Self, Error> {
        let dir = tempfile::tempdir().unwrap();
        let (from, out) = (dir.path().join("from"), dir.path().join("out"));
        fs::create_dir_all(&from).unwrap();
        place(&from);
        let now = AS_OF.parse().unwrap();
        let report = build(&from, now, &out, now, limits)?;
        let database = Database::open(&out).unwrap();
        database.verify().unwrap();
        Ok(Self { dir, report, database })
    }

    /// The folder that it was built from.
    pub fn from(&self) -> PathBuf {
        self.dir.path().join("from")
    }

    /// What it says of components.
    pub fn scan(&self, components: impl IntoIterator<Item = Component>) -> Scan {
        let components = components.into_iter().collect();
        let inventory = Inventory { components, ..Inventory::default() };
        scan(&inventory, &self.database, &ScanSettings::at(AS_OF.parse().unwrap())).unwrap()
    }

    /// What it says of the component with this package URL.
    pub fn scan_purl(&self, purl: &str) -> Scan {
        self.scan([component(purl)])
    }

    /// The findings about it.
    pub fn findings(&self, purl: &str) -> Vec<Finding> {
        self.scan_purl(purl).findings
    }
}

/// The component with this package URL.
pub fn component(purl: &str) -> Component {
    Component::from_purl(purl.parse().unwrap())
}
