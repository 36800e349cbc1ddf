//! The list of publishers: their files in a folder, and how their advisories are interpreted.
//!
//! A member of the list is a file with a type that implements [`Publisher`], and a line in [`PUBLISHERS`]. Several
//! publishers may cover one ecosystem; each keeps its own age, digest and counts.
//!
//! | publisher | files below FROM |
//! | --- | --- |
//! | [`alpine`] | `alpine/v3.20/main.json`, `alpine/v3.20/community.json`, … |
//! | [`amazon`] | `amazon/2023/core/updateinfo.xml.gz` and `repomd.xml`, … |
//! | [`debian`] | `debian/tracker.json`, or `debian.json`; `debian/DSA/list`, `debian/DLA/list` |
//! | [`epss`] | `epss/epss_scores-*.csv.gz`, also without the folder and not compressed |
//! | [`friendsofphp`] | `friendsofphp/security-advisories.zip` or `friendsofphp/VENDOR/PACKAGE/*.yaml` |
//! | [`ghsa`] | `ghsa/advisories/github-reviewed/2024/03/GHSA-…/GHSA-….json`, or `ghsa/advisory-database.zip` |
//! | [`kev`] | `kev/known_exploited_vulnerabilities.json`, also without the folder |
//! | [`nodejs`] | `nodejs-security-wg/vuln/npm/*.json`, or `nodejs-security-wg/security-wg.zip` |
//! | [`nvd`] | `nvd/nvdcve-2.0-2024.json.gz`, …, also not compressed |
//! | [`osv`] | `osv/PyPI/all.zip` or `PyPI/all.zip`; `osv/Go/*.json` or `Go/*.json` |
//! | [`oval`] | `azurelinux/azurelinux-3.0-oval.xml`, `oracle/com.oracle.elsa-all.xml` |
//! | [`photon`] | `photon/cve_data_photon5.0.json`, … |
//! | [`redhat`] | `redhat/2023/cve-2023-38545.json`, or `redhat/csaf-vex.zip` |
//! | [`rolling`] | `chainguard/security.json`, `minimos/security.json`, `wolfi/security.json` |
//! | [`rubysec`] | `rubysec/ruby-advisory-db.zip` or `rubysec/gems/GEM/*.yml` |

mod alpine;
mod amazon;
mod debian;
mod epss;
mod friendsofphp;
mod ghsa;
mod kev;
mod location;
mod nodejs;
mod nvd;
mod osv;
mod oval;
mod photon;
mod redhat;
mod rolling;
mod rubysec;
mod secdb;

use std::fmt;
use std::path::Path;

use plimsoll_core::{Digest, Ecosystem, Limits, Timestamp, yaml};
use serde::de::DeserializeOwned;

pub(crate) use location::{Announced, Location, Situation};

use crate::draft::{CveFact, Draft};
use crate::error::DocumentProblem;
use crate::input::{Files, Input, files};
use crate::wanted::{CVES, Wanted};
use crate::{Entry, Error, FeedReport};

/// All publishers. Their order determines the numbers of the feeds in a file; it does not decide between
/// ratings.
pub(crate) const PUBLISHERS: [&dyn Publisher; 18] = [
    &alpine::Alpine,
    &amazon::Amazon,
    &oval::AZURE,
    &rolling::CHAINGUARD,
    &debian::Debian,
    &epss::Epss,
    &friendsofphp::FriendsOfPhp,
    &ghsa::Ghsa,
    &kev::Kev,
    &rolling::MINIMOS,
    &nodejs::NodeJs,
    &nvd::Nvd,
    &oval::ORACLE,
    &osv::Osv,
    &photon::Photon,
    &redhat::RedHat,
    &rubysec::RubySec,
    &rolling::WOLFI,
];

/// The name of GitHub's database, which can be asked for as a whole.
pub(crate) const GITHUB: &str = "GitHub Advisory Database";

/// A publisher of advisories.
pub(crate) trait Publisher: fmt::Debug + Sync {
    /// A stable name, which is also that of its folder below FROM.
    fn id(&self) -> &'static str;

    /// The name for people.
    fn name(&self) -> &'static str;

    /// The licence of its data about `content`, if it is stated.
    fn licence(&self, content: &str) -> Option<&'static str>;

    /// Whether the reader has not been tested with its real files about `content` yet.
    fn unproven(&self, _content: &str) -> bool {
        false
    }

    /// The address of its files, unless a mirror is used.
    fn address(&self) -> &'static str;

    /// Its files about `wanted` in this year. Empty if it has none. Indexes among them name further files.
    fn locations(&self, wanted: &Wanted, year: i16) -> Vec<Location>;

    /// The files that an index names.
    fn follow(
        &self,
        _index: &Location,
        _content: &[u8],
        _situation: &Situation<'_>,
    ) -> Result<Vec<Location>, DocumentProblem> {
        Ok(Vec::new())
    }

    /// Finds its feeds in the folder `from`.
    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error>;

    /// Whether it only adds to what others say about an ecosystem, and covers none by itself.
    fn is_supplement(&self) -> bool {
        false
    }

    /// Reads one of them. Documents that are not kept are counted in `report`.
    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error>;

    /// Reads one of them, as a feed for each ecosystem that it is about.
    fn read_all(
        &self,
        input: &Input,
        limits: &Limits,
        as_of: Timestamp,
    ) -> Result<Vec<(Reading, FeedReport)>, Error> {
        let mut report = FeedReport::new(&input.content, self.name(), input.files.path(), as_of);
        let reading = self.read(input, limits, &mut report)?;
        Ok(vec![(reading, report)])
    }
}

/// A completely read feed.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) covers: Covers,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) facts: Vec<CveFact>,
    /// The date that the publisher gives the data.
    pub(crate) published: Option<Timestamp>,
    /// The releases that it covers, sorted; empty if the ecosystem has none.
    pub(crate) releases: Vec<String>,
    /// The digest of everything that was read.
    pub(crate) source: Digest,
}

/// What a feed is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covers {
    /// Packages of an ecosystem.
    Packages(Ecosystem),
    /// CVEs, regardless of packages.
    Cves,
    /// Packages that the database does not support: its advisories only rate others by their aliases.
    Nothing,
}

impl Reading {
    /// A feed of which nothing was read yet.
    fn empty(covers: Covers, source: Digest) -> Self {
        let (drafts, facts, releases) = (Vec::new(), Vec::new(), Vec::new());
        Self { covers, drafts, facts, published: None, releases, source }
    }
}

/// The feed of facts by CVE in `from` or the publisher's folder in it: the one file whose name `fits`.
fn fact_files(from: &Path, id: &str, fits: impl Fn(&str) -> bool) -> Result<Vec<Input>, Error> {
    let mut found = Vec::new();
    for folder in [from.to_owned(), from.join(id)] {
        if folder.is_dir() {
            found.extend(
                files(&folder)?
                    .into_iter()
                    .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&fits)),
            );
        }
    }
    // Several files are several inputs, which are refused as ambiguous.
    Ok(found.into_iter().map(|path| Input { content: CVES.to_owned(), files: Files::One(path) }).collect())
}

/// Whether a folder below FROM is a publisher's own; others are named after an ecosystem.
pub(crate) fn owns_folder(name: &str) -> bool {
    PUBLISHERS.iter().any(|publisher| publisher.id() == name)
}

/// Reads a repository with one file per advisory about packages of `ecosystem`.
fn read_repository(
    ecosystem: Ecosystem,
    input: &Input,
    limits: &Limits,
    report: &mut FeedReport,
    mut read: impl FnMut(&Entry<'_>, &mut FeedReport) -> Result<Option<Draft>, Error>,
) -> Result<Reading, Error> {
    let mut drafts = Vec::new();
    let source = input.files.read(limits, &mut |entry| {
        drafts.extend(read(&entry, report)?);
        Ok(())
    })?;
    Ok(Reading { drafts, ..Reading::empty(Covers::Packages(ecosystem), source) })
}

/// The statement of an advisory's file about the package under `key`. If the file cannot be read, every version is
/// undecided.
fn read_advisory<T: DeserializeOwned>(
    entry: &Entry<'_>,
    report: &mut FeedReport,
    id: &str,
    key: String,
    draft: impl FnOnce(&T) -> Result<Draft, DocumentProblem>,
) -> Draft {
    let path = entry.path();
    report.kept += 1;
    let read = yaml::read_generated(entry.bytes, &path, yaml::Size::DOCUMENT).map_err(DocumentProblem::from);
    read.and_then(|advisory| draft(&advisory)).unwrap_or_else(|problem| {
        report.malformed(&path, &problem);
        Draft::undecided(id.to_owned(), path, key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_have_distinct_names() {
        for publisher in PUBLISHERS {
            let same = PUBLISHERS.iter().filter(|other| other.id() == publisher.id());
            assert_eq!(same.count(), 1, "{publisher:?}");
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(publisher.id().bytes().all(plain), "{} names a folder", publisher.id());
            assert!(Ecosystem::from_name(publisher.id()).is_none(), "{}", publisher.id());
        }
    }
}
