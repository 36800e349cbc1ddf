//! From publishers' advisories to the database that `plimsoll-vuln` reads.
//!
//! Owns the publishers' formats, one file each in a list, and the layout of a folder with their data. It does not know
//! the database's format, and matches nothing. [`update`] fetches the publishers' files into a folder, [`build`] reads one.
//! An [`archive`] carries a database to where nothing may be fetched.
//!
//! ```text
//! FROM/PyPI/all.zip               an OSV bucket; also FROM/osv/PyPI/all.zip
//! FROM/Go/GO-2024-2687.json       loose OSV documents
//! FROM/debian/tracker.json        the Debian security tracker; also FROM/debian.json
//! FROM/alpine/v3.20/main.json     the Alpine security database
//! FROM/wolfi/security.json        a security database of a distribution with one release
//! FROM/amazon/2023/core/updateinfo.xml.gz
//!                                 the advisories in the repositories of Amazon Linux
//! FROM/redhat/2024/cve-2024-24786.json, FROM/oracle/com.oracle.elsa-all.xml
//!                                 CSAF and OVAL of distributions with rpm
//! FROM/nvd/nvdcve-2.0-2024.json.gz    what is known about products
//! FROM/rubysec/gems/rack/CVE-2022-30122.yml, FROM/friendsofphp/cakephp/cakephp/CVE-2019-11458.yaml
//!                                 advisories about gems and Composer's packages; also as the archives of their repositories
//! FROM/ghsa/advisories/github-reviewed/2024/03/GHSA-8r3f-844c-mc37/GHSA-8r3f-844c-mc37.json
//!                                 the repository of GitHub's advisories, or its archive
//! FROM/kev/known_exploited_vulnerabilities.json, FROM/epss/epss_scores-current.csv.gz
//!                                 facts by CVE; also without the folder
//! ```
//!
//! Nothing is dropped silently: the [`BuildReport`] counts each document as kept, withdrawn, or skipped for a
//! reason, and counts ambiguous data too. Data that cannot be read at all fails the build with its file and
//! entry, and the existing databases stay as they were.

pub mod archive;
mod draft;
mod error;
mod hashing;
mod import;
mod input;
mod install;
mod lock;
mod mirror;
mod offer;
mod overlays;
mod publisher;
mod rating;
mod report;
mod requirement;
mod stream;
mod tar_input;
pub mod update;
mod wanted;
mod zip_input;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_core::{Ecosystem, LimitExceeded, Limits, Timestamp, clock};
use plimsoll_vuln::conditions::Conditions;
use plimsoll_vuln::database::{FeedDescription, File, NewEntry, Writer};

pub use error::{ArchiveProblem, Error};
pub use import::ImportConditions;
pub use mirror::{InvalidMirror, Mirror};
pub use offer::UnknownEcosystem;
pub use report::{BuildReport, Doubt, FeedReport, Skip, Tally, Written};
pub use wanted::{COMMON, Wanted};

use input::Input;
use publisher::{Covers, PUBLISHERS, Publisher, Reading};
use rating::Ratings;

/// Builds a database in the folder `out` from the publishers' data in the folder `from`, which was retrieved at `as_of`.
///
/// `now` is the current time; of `limits`, `advisory_bytes`, `advisories`, `feed_bytes`, `ratio` and `releases` bound the input.
/// Everything is read before anything is written, and readers see all of the new files or none. Equal input gives equal bytes.
pub fn build(
    from: &Path,
    as_of: Timestamp,
    out: &Path,
    now: Timestamp,
    limits: &Limits,
) -> Result<BuildReport, Error> {
    let times = Times { as_of, now };
    build_from(from, discover(from)?, times, out, None, limits)
}

/// When data was retrieved, and the current time.
#[derive(Debug, Clone, Copy)]
struct Times {
    as_of: Timestamp,
    now: Timestamp,
}

/// The same, of these feeds in the folder `from`, if the database still is what was `seen`.
fn build_from(
    from: &Path,
    inputs: Vec<(&'static dyn Publisher, Input)>,
    Times { as_of, now }: Times,
    out: &Path,
    seen: Option<&install::Seen>,
    limits: &Limits,
) -> Result<BuildReport, Error> {
    if as_of.duration_since(now) > clock::SKEW {
        return Err(Error::AsOfInFuture { as_of, now });
    }
    let mut feeds = Vec::new();
    for (publisher, input) in inputs {
        for (reading, report) in publisher.read_all(&input, limits, as_of)? {
            if reading.releases.len() > limits.releases {
                let what = input.files.path().display().to_string();
                return Err(LimitExceeded::new("releases", limits.releases as u64, what).into());
            }
            feeds.push(ReadFeed { publisher, reading, report });
        }
    }
    leave_out_lone_supplements(&mut feeds);
    if feeds.iter().all(|feed| !matches!(feed.reading.covers, Covers::Packages(_))) {
        return Err(Error::NoFeeds { dir: from.to_owned() });
    }
    let mut ratings = Ratings::default();
    for feed in &feeds {
        feed.reading.drafts.iter().for_each(|draft| ratings.learn(draft, feed.publisher.id()));
    }
    let mut by_ecosystem: BTreeMap<&str, (Ecosystem, Vec<&mut ReadFeed>)> = BTreeMap::new();
    let mut by_cve: Vec<&mut ReadFeed> = Vec::new();
    for feed in &mut feeds {
        match feed.reading.covers {
            Covers::Packages(ecosystem) => {
                by_ecosystem.entry(ecosystem.id()).or_insert((ecosystem, Vec::new())).1.push(feed);
            }
            Covers::Cves => by_cve.push(feed),
            Covers::Nothing => {}
        }
    }
    let mut files = Vec::new();
    if !by_cve.is_empty() {
        let file = overlays::write(&mut by_cve)?;
        for (feed, counts) in by_cve.into_iter().zip(&file.feeds) {
            feed.report.written(&out.join(&file.name), &file, counts);
        }
        files.push(file);
    }
    for (ecosystem, mut feeds) in by_ecosystem.into_values() {
        let file = write(ecosystem, &mut feeds, &ratings)?;
        for (feed, counts) in feeds.into_iter().zip(&file.feeds) {
            feed.report.written(&out.join(&file.name), &file, counts);
        }
        files.push(file);
    }
    let removed = install::install(out, &files, seen)?;
    let removed = removed.iter().map(ToString::to_string).collect();
    Ok(BuildReport { feeds: feeds.into_iter().map(|feed| feed.report).collect(), removed })
}

/// What only adds to others covers nothing: without them, everything else of the ecosystem would seem to have no vulnerabilities.
fn leave_out_lone_supplements(feeds: &mut [ReadFeed]) {
    let of_others: Vec<Covers> =
        feeds.iter().filter(|feed| !feed.publisher.is_supplement()).map(|feed| feed.reading.covers).collect();
    for feed in feeds.iter_mut().filter(|feed| feed.publisher.is_supplement()) {
        if !of_others.contains(&feed.reading.covers) {
            feed.reading.covers = Covers::Nothing;
        }
    }
}

/// The feeds of all publishers in `from`, sorted by their ecosystems' names.
fn discover(from: &Path) -> Result<Vec<(&'static dyn Publisher, Input)>, Error> {
    let mut found: BTreeMap<(String, &str), (&dyn Publisher, Input)> = BTreeMap::new();
    for publisher in PUBLISHERS {
        for input in publisher.discover(from)? {
            let key = (input.content.clone(), publisher.id());
            if let Some((_, other)) = found.get(&key) {
                let (first, second) = (other.files.path().to_owned(), input.files.path().to_owned());
                return Err(Error::Ambiguous { first, second });
            }
            found.insert(key, (publisher, input));
        }
    }
    Ok(found.into_values().collect())
}

/// A completely read feed.
struct ReadFeed {
    publisher: &'static dyn Publisher,
    reading: Reading,
    report: FeedReport,
}

/// The database's description of a feed.
fn description(
    publisher: &dyn Publisher,
    reading: &mut Reading,
    report: &FeedReport,
    content: &str,
) -> FeedDescription {
    FeedDescription {
        id: publisher.id().to_owned(),
        publisher: publisher.name().to_owned(),
        as_of: report.as_of,
        published: reading.published,
        releases: std::mem::take(&mut reading.releases),
        source: reading.source,
        licence: publisher.licence(content).map(str::to_owned),
        unproven: publisher.unproven(content),
        malformed: report.malformed_documents(),
    }
}

/// The file of one ecosystem, from all feeds about it.
fn write(ecosystem: Ecosystem, feeds: &mut [&mut ReadFeed], ratings: &Ratings) -> Result<File, Error> {
    let mut writer = Writer::new(ecosystem);
    for ReadFeed { publisher, reading, report } in feeds {
        let about = description(*publisher, reading, report, ecosystem.name());
        let feed = writer.feed(about);
        let mut drafts = std::mem::take(&mut reading.drafts);
        // Two documents may have the same identifier; their origin breaks the tie.
        drafts.sort_by(|a, b| (&a.id, &a.origin).cmp(&(&b.id, &b.origin)));
        for draft in &drafts {
            let detail = writer.advisory(feed, &draft.detail)?;
            for word in &draft.statements {
                let own = word.rating.is_rated().then(|| (word.rating.clone(), None));
                let (rating, rated_by) = own.unwrap_or_else(|| ratings.by_alias(draft));
                let entry = NewEntry {
                    feed,
                    id: &draft.id,
                    rating: &rating,
                    rated_by: rated_by.filter(|other| *other != publisher.id()),
                    conditions: Conditions { module: word.module.as_deref(), ..Conditions::default() },
                    class: word.class,
                    detail,
                    affected: &word.affected,
                };
                writer.entry(&word.key, &entry);
            }
        }
    }
    Ok(writer.finish()?)
}

/// The position of a document, for messages and examples.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The file.
    pub(crate) file: &'a Path,
    /// The name inside an archive.
    pub(crate) name: Option<&'a str>,
    /// Its content.
    pub(crate) bytes: &'a [u8],
}

impl Entry<'_> {
    /// The path, below the folder or in the archive.
    fn path(&self) -> String {
        self.name.map_or_else(|| self.file.display().to_string(), str::to_owned)
    }

    /// The part of the path at this place from the end: 0 is the file's name.
    fn part(&self, from_end: usize) -> Option<&str> {
        match self.name {
            Some(name) => name.rsplit('/').nth(from_end),
            None => self.file.iter().rev().nth(from_end)?.to_str(),
        }
    }

    /// The file's name without this ending.
    fn stem(&self, ending: &str) -> Option<&str> {
        self.part(0)?.strip_suffix(ending)?.strip_suffix('.')
    }

    fn broken(&self, reason: error::DocumentProblem) -> Error {
        Error::Broken { file: PathBuf::from(self.file), entry: self.name.map(str::to_owned), reason }
    }
}
