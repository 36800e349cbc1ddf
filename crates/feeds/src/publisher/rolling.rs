//! Distributions with one release whose security database ([`super::secdb`]) is one file: Wolfi, Chainguard and MinimOS.
//!
//! They publish in OSV's format as well, with a million documents. The database is a few MB, but lists only what is fixed.

use std::path::Path;

use plimsoll_core::{Ecosystem, Limits};

use super::secdb::Source;
use super::{Location, Publisher, Reading};
use crate::input::{Files, Input};
use crate::wanted::Wanted;
use crate::{Error, FeedReport};

/// One of them.
#[derive(Debug)]
pub(super) struct Rolling {
    ecosystem: Ecosystem,
    name: &'static str,
    /// The address of its file, but for the last part.
    address: &'static str,
}

/// Wolfi.
pub(super) const WOLFI: Rolling = Rolling {
    ecosystem: Ecosystem::Wolfi,
    name: "Wolfi security database",
    address: "https://packages.wolfi.dev/os/",
};

/// Chainguard, whose images are built from its own packages and Wolfi's.
pub(super) const CHAINGUARD: Rolling = Rolling {
    ecosystem: Ecosystem::Chainguard,
    name: "Chainguard security database",
    address: "https://packages.cgr.dev/chainguard/",
};

/// `MinimOS`.
pub(super) const MINIMOS: Rolling = Rolling {
    ecosystem: Ecosystem::MinimOs,
    name: "MinimOS security database",
    address: "https://packages.mini.dev/advisories/secdb/",
};

const FILE: &str = "security.json";

impl Publisher for Rolling {
    fn id(&self) -> &'static str {
        self.ecosystem.id()
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    fn address(&self) -> &'static str {
        self.address
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let file = Location::new(format!("{}/{FILE}", self.id()), FILE);
        if *wanted == Wanted::whole(self.ecosystem) { vec![file] } else { Vec::new() }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let file = from.join(self.id()).join(FILE);
        let content = self.ecosystem.name().to_owned();
        Ok(file.is_file().then_some(Input { content, files: Files::One(file) }).into_iter().collect())
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        Source { ecosystem: self.ecosystem, tracker: None, repositories: |_| &[] }.read(input, limits, report)
    }
}
