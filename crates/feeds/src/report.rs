//! The report of a build: what happened to each document.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use plimsoll_core::text::terminal;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_vuln::database::{Counts, File, Malformed};
use plimsoll_vuln::events::RangeProblem;
use serde::Serialize;

use crate::error::DocumentProblem;

/// How many identifiers a [`Tally`] names.
const EXAMPLES: usize = 5;
/// Characters of the name of a document in the database.
const NAME: usize = 200;

/// The result for each feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildReport {
    /// In the order of their ecosystems' names.
    pub feeds: Vec<FeedReport>,
    /// Why files of other ecosystems that were in the database are no longer in it: nothing could be read of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

/// The result for the documents of one feed: `read` is the sum of `kept`, `withdrawn` and all `skipped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedReport {
    /// The ecosystem, by OSV's name.
    pub ecosystem: String,
    /// Who published the data.
    pub publisher: String,
    /// Where the data was read from.
    pub input: PathBuf,
    /// Documents in the input; for distributions' own data, statements about a package in a release.
    pub read: u64,
    /// Documents in the database, or, if it does not support their ecosystem, those that rate others.
    pub kept: u64,
    /// When the data was retrieved.
    #[serde(skip)]
    pub(crate) as_of: Timestamp,
    /// Documents that their publisher withdrew.
    pub withdrawn: u64,
    /// The skipped documents, by reason.
    pub skipped: BTreeMap<Skip, Tally>,
    /// Documents that are kept but unclear, by what is unclear.
    pub doubts: BTreeMap<Doubt, Tally>,
    /// The database file; `None` if the database does not support the ecosystem.
    pub written: Option<Written>,
}

/// The part of a feed in the written database file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Its path.
    pub path: PathBuf,
    /// The size of the file, which all feeds of the ecosystem share.
    pub bytes: u64,
    /// The digest that identifies the file.
    pub digest: Digest,
    /// The number of the feed's advisories in it.
    pub advisories: u64,
    /// How many packages they cover; in a distribution, each release counts.
    pub packages: u64,
}

/// A count with the first identifiers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

/// Why a document is not in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Skip {
    /// An archive entry or file whose name is not that of an advisory.
    #[error("not an advisory")]
    NotAnAdvisory,
    /// It names no package of the ecosystem.
    #[error("no package of this ecosystem")]
    NoPackage,
    /// The distribution never had the vulnerability in that release.
    #[error("not affected")]
    NotAffected,
    /// It fixes bugs or adds features, and names no vulnerability.
    #[error("no vulnerability")]
    NoVulnerability,
    /// A statement names no vulnerability.
    #[error("no identifier")]
    NoIdentifier,
    /// Everything in it stands in documents of its vulnerabilities as well.
    #[error("repeats other documents")]
    Repeated,
}

/// What is unclear about a kept advisory. Installed versions that it leaves undecided are gaps of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// A list of events that is not well-formed.
    #[error(transparent)]
    Range(#[from] RangeProblem),
    /// There are neither versions nor ranges of versions: only commits, or nothing.
    #[error("no versions and no ranges of versions")]
    NoVersions,
    /// A range has a type that the schema does not have.
    #[error("unknown type of range")]
    RangeType,
    /// OVAL: criteria that are negated, or refer to what is not in the file.
    #[error("criteria that cannot be resolved")]
    Criteria,
    /// A range of versions that is not in the publisher's own notation.
    #[error("unreadable range of versions")]
    VersionRange,
    /// A severity is neither a CVSS vector nor a known word.
    #[error("unreadable severity")]
    Severity,
    /// Debian: resolved without a version, or with an invalid one.
    #[error("resolved without a valid version")]
    FixedVersion,
    /// It cannot be read, so its package is undecided.
    #[error("malformed")]
    Malformed,
    /// It also names packages of ecosystems that other feeds cover.
    #[error("also names other ecosystems")]
    OtherEcosystems,
    /// It also names packages of a release or product that is unknown, or that is not distinguished from
    /// others.
    #[error("also names unknown releases")]
    Release,
    /// Alpine, Amazon: a repository of the release is missing, so the release does not count as covered.
    #[error("repository missing, release not covered")]
    Repository,
    /// Amazon: versions that one repository has fixed are affected in another one, and a package does not say which it is from.
    #[error("fixed in one repository, affected in another one")]
    Repositories,
    /// Debian: without the tracker's file, one of the two lists of notices is missing, so no release counts as covered.
    #[error("list of notices missing, no release covered")]
    List,
}

impl Serialize for Doubt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A line for the feed, and one for each reason why documents were skipped or are unclear.
impl fmt::Display for FeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ecosystem = terminal(&self.ecosystem);
        let publisher = &self.publisher;
        let (kept, read, withdrawn) = (self.kept, self.read, self.withdrawn);
        write!(f, "{ecosystem} from {publisher}: {kept} of {read} kept, {withdrawn} withdrawn")?;
        if self.written.is_none() {
            f.write_str("; no database for this ecosystem, its ratings count for others")?;
        }
        for (reason, tally) in &self.skipped {
            write!(f, "\n  skipped {}: {reason}{tally}", tally.count)?;
        }
        for (doubt, tally) in &self.doubts {
            write!(f, "\n  unclear {}: {doubt}{tally}", tally.count)?;
        }
        Ok(())
    }
}

/// The examples, in brackets.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.count > self.examples.len() as u64 { ", …" } else { "" };
        write!(f, " ({}{more})", terminal(&self.examples.join(", ")))
    }
}

impl FeedReport {
    pub(crate) fn new(ecosystem: &str, publisher: &str, input: &Path, as_of: Timestamp) -> Self {
        Self {
            as_of,
            ecosystem: ecosystem.to_owned(),
            publisher: publisher.to_owned(),
            input: input.to_owned(),
            read: 0,
            kept: 0,
            withdrawn: 0,
            skipped: BTreeMap::new(),
            doubts: BTreeMap::new(),
            written: None,
        }
    }

    pub(crate) fn skip(&mut self, reason: Skip, example: &str) {
        self.skipped.entry(reason).or_default().add(example);
    }

    pub(crate) fn doubt(&mut self, doubt: impl Into<Doubt>, example: &str) {
        self.doubts.entry(doubt.into()).or_default().add(example);
    }

    /// Counts a document that could not be read.
    pub(crate) fn malformed(&mut self, document: &str, problem: &DocumentProblem) {
        tracing::debug!("{document}: {problem}");
        self.doubt(Doubt::Malformed, document);
    }

    /// The documents that could not be read, for the database to name.
    pub(crate) fn malformed_documents(&self) -> Malformed {
        let shown = |name: &String| terminal(name).chars().take(NAME).collect();
        let tally = self.doubts.get(&Doubt::Malformed);
        tally.map_or_else(Malformed::default, |tally| Malformed {
            count: tally.count,
            examples: tally.examples.iter().map(shown).collect(),
        })
    }

    pub(crate) fn written(&mut self, path: &Path, file: &File, counts: &Counts) {
        self.written = Some(Written {
            path: path.to_owned(),
            bytes: file.bytes.len() as u64,
            digest: file.digest,
            advisories: counts.advisories,
            packages: counts.packages,
        });
    }
}

impl Tally {
    fn add(&mut self, example: &str) {
        self.count += 1;
        if self.examples.len() < EXAMPLES && self.examples.last().is_none_or(|last| last != example) {
            self.examples.push(example.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_line_per_fact() {
        let mut report = FeedReport::new(
            "PyPI",
            "OSV",
            Path::new("PyPI/all.zip"),
            "2026-01-01T00:00:00Z".parse().unwrap(),
        );
        (report.read, report.kept, report.withdrawn) = (10, 7, 1);
        report.skip(Skip::NotAnAdvisory, "READ\u{1b}ME");
        (0..6).for_each(|number| report.doubt(RangeProblem::TwoEnds, &format!("PYSEC-{number}")));
        assert_eq!(
            report.to_string(),
            "PyPI from OSV: 7 of 10 kept, 1 withdrawn; no database for this ecosystem, its ratings count for others\n  \
             skipped 1: not an advisory (READ\\u{1b}ME)\n  \
             unclear 6: two ends for one start (PYSEC-0, PYSEC-1, PYSEC-2, PYSEC-3, PYSEC-4, …)"
        );
    }
}
