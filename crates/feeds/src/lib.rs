//! Publishers' advisories to the database that `plimsoll-vuln` reads.
//!
//! Owns the publishers' formats, OSV and Debian's security tracker, and the layout of a folder with their data. It does
//! not know the database's format, matches nothing, and fetches nothing: [`build`] reads what lies in a folder.
//!
//! ```text
//! FROM/PyPI/all.zip            an OSV bucket; also FROM/osv/PyPI/all.zip
//! FROM/Go/GO-2024-2687.json    loose OSV documents
//! FROM/debian/tracker.json     the Debian security tracker; also FROM/debian.json
//! ```
//!
//! What counts is never decided in silence: every document is kept, withdrawn, or skipped for a reason that the
//! [`BuildReport`] counts, and data that admits two readings is counted too. Data that cannot be read at all fails the
//! build with its file and entry, and the databases of before stay as they were.

mod debian;
mod draft;
mod error;
mod input;
mod osv;
mod rating;
mod report;
mod zip_input;

use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Ecosystem, Limits, Timestamp, clock};
use plimsoll_vuln::database::{About, File, Writer, file_path};
use plimsoll_vuln::version;

pub use error::Error;
pub use report::{BuildReport, Doubt, FeedReport, Skip, Tally};

use draft::Draft;
use input::Input;
use rating::Ratings;

/// Builds a database in the folder `out` from the publishers' data in the folder `from`, which was retrieved at `as_of`.
///
/// `now` is the current time; of `limits`, `advisory_bytes`, `advisories`, `feed_bytes` and `ratio` bound the input.
/// Everything is read before anything is written, and each file is replaced as a whole. Equal input gives equal bytes.
pub fn build(
    from: &Path,
    as_of: Timestamp,
    out: &Path,
    now: Timestamp,
    limits: &Limits,
) -> Result<BuildReport, Error> {
    if as_of.duration_since(now) > clock::SKEW {
        return Err(Error::AsOfInFuture { as_of, now });
    }
    let inputs = input::discover(from)?;
    let mut feeds = Vec::with_capacity(inputs.len());
    for input in &inputs {
        feeds.push(read(input, limits)?);
    }
    if feeds.iter().all(|feed| feed.ecosystem.is_none()) {
        return Err(Error::NoFeeds { dir: from.to_owned() });
    }
    let mut ratings = Ratings::default();
    for draft in feeds.iter().flat_map(|feed| &feed.drafts) {
        ratings.learn(draft);
    }
    let mut files = Vec::new();
    let mut report = BuildReport::default();
    for feed in feeds {
        let ReadFeed { ecosystem, publisher, drafts, releases, source, report: mut counts } = feed;
        if let Some(ecosystem) = ecosystem {
            let about = About { ecosystem, publisher: publisher.to_owned(), as_of, releases, source };
            let file = write(drafts, &ratings, about)?;
            let path = file_path(out, ecosystem);
            counts.written(&path, &file);
            files.push((path, file.bytes));
        }
        report.feeds.push(counts);
    }
    plimsoll_files::create_folder(out)?;
    for (path, bytes) in files {
        plimsoll_files::replace(&path, &bytes)?;
    }
    Ok(report)
}

/// A feed that was read in full.
struct ReadFeed {
    /// Nothing when the database has no place for it: its advisories only rate others by their aliases.
    ecosystem: Option<Ecosystem>,
    publisher: &'static str,
    drafts: Vec<Draft>,
    releases: Vec<String>,
    source: Digest,
    report: FeedReport,
}

fn read(input: &Input, limits: &Limits) -> Result<ReadFeed, Error> {
    let mut report = FeedReport::new(input.name(), input.path());
    let (ecosystem, publisher, drafts, releases, source) = match input {
        Input::Tracker { path } => {
            let tracker = debian::read(path, limits, &mut report)?;
            (
                Some(Ecosystem::Debian),
                "Debian security tracker",
                tracker.drafts,
                tracker.releases,
                tracker.source,
            )
        }
        Input::Osv { name, files } => {
            // Debian's own tracker is the one source for Debian: OSV's copy of it lacks urgencies and decisions.
            let covered = |ecosystem: Ecosystem| Some((ecosystem, version::of_ecosystem(ecosystem)?));
            let ecosystem = Ecosystem::from_name(name).filter(|e| !e.is_os()).and_then(covered);
            let mut drafts = Vec::new();
            let source = files.read(limits, &mut |entry| {
                drafts.extend(osv::read(ecosystem, &entry, limits, &mut report)?);
                Ok(())
            })?;
            (ecosystem.map(|(ecosystem, _)| ecosystem), "OSV", drafts, Vec::new(), source)
        }
    };
    Ok(ReadFeed { ecosystem, publisher, drafts, releases, source, report })
}

fn write(mut drafts: Vec<Draft>, ratings: &Ratings, about: About) -> Result<File, Error> {
    // Two documents may carry one identifier; where they came from breaks the tie.
    drafts.sort_by(|a, b| (&a.id, &a.origin).cmp(&(&b.id, &b.origin)));
    let mut writer = Writer::default();
    for draft in &drafts {
        let place = writer.advisory(&draft.detail)?;
        for word in &draft.words {
            let rating = if word.rating.is_rated() { word.rating.clone() } else { ratings.by_alias(draft) };
            writer.entry(&word.key, &draft.id, &rating, place, &word.affected);
        }
    }
    Ok(writer.finish(about)?)
}

/// Where a document stands, for messages and examples.
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
    fn broken(&self, reason: error::Breakage) -> Error {
        Error::Broken { file: PathBuf::from(self.file), entry: self.name.map(str::to_owned), reason }
    }
}
