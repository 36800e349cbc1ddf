//! GitHub's advisory database as its repository has it: <https://github.com/github/advisory-database>.
//!
//! ```text
//! ghsa/advisories/github-reviewed/2024/03/GHSA-8r3f-844c-mc37/GHSA-8r3f-844c-mc37.json
//! ghsa/advisory-database.zip          the same, as GitHub serves the repository
//! ```
//!
//! The documents are OSV's ([`super::osv`]). Those that GitHub did not review are copies of the NVD's entries without packages, and
//! are left out. OSV has the same documents by ecosystem; one finding is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_core::{Limits, Timestamp};
use serde::Deserialize;

use super::osv::{self, Target};
use super::{Covers, Location, Publisher, Reading};
use crate::draft::Draft;
use crate::error::DocumentProblem;
use crate::input::{Input, tree};
use crate::wanted::Wanted;
use crate::{Entry, Error, FeedReport};

/// The archive of the repository.
const ARCHIVE: &str = "advisory-database.zip";
/// The folder of what was reviewed.
const REVIEWED: &str = "github-reviewed";
/// Ecosystems that it may name. There were twelve in 2026.
const MAX_ECOSYSTEMS: usize = 64;
/// What the content of its input is called.
const CONTENT: &str = "GHSA";

/// GitHub.
#[derive(Debug)]
pub(super) struct Ghsa;

impl Publisher for Ghsa {
    fn id(&self) -> &'static str {
        "ghsa"
    }

    fn name(&self) -> &'static str {
        super::GITHUB
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        Some("CC-BY-4.0")
    }

    fn address(&self) -> &'static str {
        "https://codeload.github.com/github/advisory-database/zip/refs/heads/"
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let location = Location::new(format!("ghsa/{ARCHIVE}"), "main");
        if *wanted == Wanted::GitHub { vec![location] } else { Vec::new() }
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        let reviewed = folder.join("advisories").join(REVIEWED);
        let found = tree(folder, ARCHIVE, reviewed, 3, "json")?;
        Ok(found.map(|files| Input { content: CONTENT.to_owned(), files }).into_iter().collect())
    }

    /// What it has about one ecosystem.
    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let all = self.read_all(input, limits, report.as_of)?;
        let (reading, own) = all
            .into_iter()
            .find(|(_, own)| own.ecosystem == report.ecosystem)
            .ok_or_else(|| Error::NoFeeds { dir: input.files.path().to_owned() })?;
        *report = own;
        Ok(reading)
    }

    /// A feed for each ecosystem; the documents are read once.
    fn read_all(
        &self,
        input: &Input,
        limits: &Limits,
        as_of: Timestamp,
    ) -> Result<Vec<(Reading, FeedReport)>, Error> {
        let mut feeds: BTreeMap<String, Feed> = BTreeMap::new();
        let source = input.files.read_some(limits, &is_reviewed, &mut |entry| {
            let mut named = ecosystems(&entry, limits)?;
            // One that names no package may still rate others.
            if named.is_empty() {
                named.insert(CONTENT.to_owned());
            }
            for name in named {
                let known = feeds.len();
                let feed = feeds.entry(name).or_insert_with_key(|name| Feed {
                    target: Target::named(name),
                    report: FeedReport::new(name, self.name(), input.files.path(), as_of),
                    drafts: Vec::new(),
                });
                if known > MAX_ECOSYSTEMS {
                    return Err(entry.broken(DocumentProblem::Name { field: "affected.package.ecosystem" }));
                }
                feed.drafts.extend(osv::read(feed.target.as_ref(), &entry, limits, &mut feed.report)?);
            }
            Ok(())
        })?;
        if feeds.is_empty() {
            return Err(Error::NoFeeds { dir: input.files.path().to_owned() });
        }
        let feed = |Feed { target, report, drafts }| {
            let covers = target.map_or(Covers::Nothing, |target| Covers::Packages(target.ecosystem()));
            (Reading { drafts, ..Reading::empty(covers, source) }, report)
        };
        Ok(feeds.into_values().map(feed).collect())
    }
}

/// What is known about one ecosystem.
struct Feed {
    target: Option<Target>,
    report: FeedReport,
    drafts: Vec<Draft>,
}

/// Whether a file of the archive is a reviewed advisory.
fn is_reviewed(name: &str) -> bool {
    name.strip_suffix(".json").is_some() && name.split('/').any(|part| part == REVIEWED)
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(default)]
    affected: Vec<Affected>,
}

#[derive(Debug, Deserialize)]
struct Affected {
    package: Option<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    ecosystem: String,
}

/// The ecosystems that a document names packages of.
fn ecosystems(entry: &Entry<'_>, limits: &Limits) -> Result<BTreeSet<String>, Error> {
    let read = plimsoll_core::json::from_slice::<Named>(entry.bytes, limits.advisory_bytes);
    let named = read.map_err(|error| entry.broken(error.into()))?.affected;
    let name = |affected: Affected| {
        let name = affected.package?.ecosystem;
        Some(name.split_once(':').map_or(name.clone(), |(name, _)| name.to_owned()))
    };
    Ok(named.into_iter().filter_map(name).collect())
}
