//! Fetches the publishers' files into a folder that [`crate::build`] reads: only requested files, and only if they
//! changed.
//!
//! ```text
//! FOLDER/osv/PyPI/all.zip             as the publisher serves it
//! FOLDER/osv/PyPI/all.zip.part        the received part of an interrupted download
//! FOLDER/debian/tracker.json
//! FOLDER/feeds.json                   what was fetched from where, with the server's validators
//! FOLDER/lock                         locked by a running update
//! ```
//!
//! A file is requested with the validators of the last answer, so an unchanged file costs one request. An interrupted
//! download continues where it ended, if the server still has the same file (`If-Range`). A file replaces the old one
//! only when it has been received completely.
//!
//! Some publishers have indexes, which name further files and announce what they are: by a digest, which is verified, or by the time
//! of their last change. What is there already as it is announced is not asked for. Indexes are foreign: only files below the
//! publisher's address and its folder are fetched.
//!
//! Nothing here reads advisories. Building finds invalid files, and a database that cannot be built completely is not
//! replaced. The lock is held until it is built, so whoever waited for it finds the database.

mod download;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use plimsoll_core::{Cancel, LimitExceeded, Limits, Timestamp};
use plimsoll_http::Client;
use url::Url;

use crate::install::Seen;
use crate::lock::{Occupied, lock};
use crate::publisher::{Announced, Location, PUBLISHERS, Publisher, Situation};
use crate::wanted::{COMMON, Wanted};
use crate::{BuildReport, Entry, Error, Mirror, Times, build_from, discover, stream};

use download::{Download, Outcome};
use state::{FileState, State};

/// Files that follow from one index. Red Hat's may be tens of thousands, after all of them changed.
const MAX_FILES: usize = 100_000;
/// Bytes of an index. Red Hat's list of changes has a few million.
const INDEX_BYTES: u64 = 64 << 20;
/// Bytes of a file's name below the folder.
const MAX_NAME: usize = 512;

/// What is reported while files are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file is requested.
    Asked {
        /// Its name in the folder.
        file: &'a str,
    },
    /// The size of the answer, if the server states it.
    Expected(u64),
    /// This many bytes were received.
    Arrived(u64),
}

/// Receives [`Event`]s.
pub type Listener = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// How files are fetched.
pub struct Settings<'a> {
    /// The folder where they are kept. Created if missing.
    pub folder: &'a Path,
    /// What is fetched in addition to what was fetched before. If there is neither, [`COMMON`].
    pub wanted: &'a [Wanted],
    /// Mirrors that replace publishers' servers. The last one for a publisher counts.
    pub mirrors: &'a [Mirror],
    /// The client for all requests.
    pub client: &'a Client,
    /// `feed_bytes` bounds each file.
    pub limits: &'a Limits,
    /// The current time.
    pub now: Timestamp,
    /// Stops requests and downloads. Received bytes are kept for the next time.
    pub cancel: &'a Cancel,
    /// Receives the progress.
    pub listener: Listener,
}

/// The result for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its name in the folder.
    pub file: String,
    /// Its address.
    pub url: Url,
    /// How many bytes were received; `None` if it had not changed.
    pub received: Option<u64>,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What an update did.
#[derive(Debug)]
pub struct Updated {
    /// What became of each file.
    pub files: Vec<FileReport>,
    /// What was built from them.
    pub build: BuildReport,
}

/// Fetches everything that is wanted, and builds the database in the folder `database` from it, and from nothing else that may lie
/// there: that was not asked for now, so nobody knows how old it is.
pub fn update(settings: &Settings<'_>, database: &Path) -> Result<Updated, Error> {
    plimsoll_files::create_folder(settings.folder)?;
    // Two updates would only fetch the same twice.
    let _lock = lock(settings.folder, Occupied::Refuse)?;
    fetch_and_build(settings, database, None)
}

/// The same for many who need it at once: one of them does it, while the others wait until [`Settings::cancel`] stops them. Then
/// `still_needed` tells whether that was enough; if so, nothing is done. A database that changes after that is not replaced: it may
/// be one that somebody signed.
pub fn update_if(
    settings: &Settings<'_>,
    database: &Path,
    still_needed: impl FnOnce() -> bool,
) -> Result<Option<Updated>, Error> {
    plimsoll_files::create_folder(settings.folder)?;
    let _lock = lock(settings.folder, Occupied::WaitUntil(settings.cancel))?;
    let seen = Seen::of(database)?;
    if still_needed() { fetch_and_build(settings, database, Some(&seen)).map(Some) } else { Ok(None) }
}

fn fetch_and_build(settings: &Settings<'_>, database: &Path, seen: Option<&Seen>) -> Result<Updated, Error> {
    let files = fetch_wanted(settings)?;
    let paths: BTreeSet<PathBuf> = files.iter().map(|report| settings.folder.join(&report.file)).collect();
    let times = Times { as_of: settings.now, now: settings.now };
    let inputs = discover(settings.folder)?;
    let inputs = inputs.into_iter().filter_map(|(publisher, input)| Some((publisher, input.among(&paths)?)));
    let build = build_from(settings.folder, inputs.collect(), times, database, seen, settings.limits)?;
    Ok(Updated { files, build })
}

/// Fetches everything that is wanted, and builds nothing. What was fetched before an error is kept, so a second run goes on from
/// there.
pub fn fetch(settings: &Settings<'_>) -> Result<Vec<FileReport>, Error> {
    plimsoll_files::create_folder(settings.folder)?;
    let _lock = lock(settings.folder, Occupied::Refuse)?;
    fetch_wanted(settings)
}

fn fetch_wanted(settings: &Settings<'_>) -> Result<Vec<FileReport>, Error> {
    let folder = settings.folder;
    let mut state = State::open(folder);
    let before: Vec<Wanted> = state.wanted().collect();
    let wanted = selection(settings.wanted, &before);
    state.want(folder, &wanted)?;
    let fetched = fetch_all(settings, &mut state, &wanted);
    if let Err(Error::Answer { .. }) = fetched {
        // A file that a publisher does not have would stop every later update as well.
        state.want(folder, &before)?;
    }
    fetched
}

fn fetch_all(
    settings: &Settings<'_>,
    state: &mut State,
    wanted: &[Wanted],
) -> Result<Vec<FileReport>, Error> {
    let mut reports = BTreeMap::new();
    for (location, publisher) in locations(wanted, settings.now) {
        let mut chain = Chain { settings, state, publisher, reports: BTreeMap::new() };
        match chain.fetch(location.clone()) {
            // The files and their index were changed one after the other: the new index has the new ones.
            Err(Error::NotAnnounced { .. } | Error::Answer { status: 404 | 410, .. })
                if location.is_index =>
            {
                chain.fetch(location)?;
            }
            fetched => fetched?,
        }
        reports.extend(chain.reports);
    }
    state.forget_others(settings.folder, |file| reports.contains_key(file))?;
    Ok(reports.into_values().collect())
}

/// What is requested now and what was before, or the default.
fn selection(asked: &[Wanted], before: &[Wanted]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = asked.iter().chain(before).cloned().collect();
    if wanted.is_empty() {
        wanted.extend(COMMON.iter().map(|ecosystem| Wanted::whole(*ecosystem)).chain([Wanted::Cves]));
    }
    wanted.sort();
    wanted.dedup();
    wanted
}

/// The requested files, each with its publisher.
fn locations(wanted: &[Wanted], now: Timestamp) -> impl Iterator<Item = (Location, &'static dyn Publisher)> {
    let mut files: BTreeMap<String, (Location, &'static dyn Publisher)> = BTreeMap::new();
    let year = now.to_zoned(TimeZone::UTC).year();
    for publisher in PUBLISHERS {
        for location in wanted.iter().flat_map(|wanted| publisher.locations(wanted, year)) {
            files.insert(location.file.clone(), (location, publisher));
        }
    }
    files.into_values()
}

fn address(base: &str, location: &Location) -> Result<Url, Error> {
    let base = if base.ends_with('/') { base.to_owned() } else { format!("{base}/") };
    let failed = |reason: String| Error::Address { base: base.clone(), reason };
    let parsed = Url::parse(&base).map_err(|error| failed(error.to_string()))?;
    let url = parsed.join(&location.path).map_err(|error| failed(error.to_string()))?;
    // An index may name what it wants, but only files of this publisher are fetched.
    if !url.as_str().starts_with(parsed.as_str()) {
        return Err(failed(format!("`{}` is not below it", plimsoll_core::text::terminal(&location.path))));
    }
    Ok(url)
}

/// Whether a file is below the folder, whatever an index says.
fn is_below(file: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0', ':']);
    file.len() < MAX_NAME && file.split('/').all(is_part)
}

/// Fetches a file, and those that follow from it.
struct Chain<'c> {
    settings: &'c Settings<'c>,
    state: &'c mut State,
    publisher: &'static dyn Publisher,
    reports: BTreeMap<String, FileReport>,
}

impl Chain<'_> {
    fn fetch(&mut self, first: Location) -> Result<(), Error> {
        let mut left = vec![first];
        while let Some(location) = left.pop() {
            self.settings.cancel.check()?;
            if self.reports.len() >= MAX_FILES {
                return Err(LimitExceeded::fixed("MAX_FILES", MAX_FILES as u64, location.file).into());
            }
            let is_there = self.fetch_one(&location)?;
            if location.is_index {
                left.extend(self.follow(&location, is_there)?);
            }
        }
        Ok(())
    }

    /// Fetches one file; whether it is there.
    fn fetch_one(&mut self, location: &Location) -> Result<bool, Error> {
        let Settings { folder, now, mirrors, .. } = self.settings;
        let mirror = mirrors.iter().rfind(|mirror| mirror.publisher() == self.publisher.id());
        let base = mirror.map_or(self.publisher.address(), |mirror| mirror.url().as_str());
        let (url, file) = (address(base, location)?, location.file.as_str());
        if !is_below(file) {
            let reason = "it is not a name of a file".to_owned();
            return Err(Error::Address { base: plimsoll_core::text::terminal(file).into_owned(), reason });
        }
        let known = self.state.known(folder, file, &url);
        let is_kept = known.as_ref().is_some_and(|known| {
            let is_announced = location.announced.as_ref().is_some_and(|it| known.has(it));
            let age = now.duration_since(known.checked);
            let is_young = location.keep_for.is_some_and(|time| !age.is_negative() && age < time);
            is_announced || (is_young && location.announced.is_none())
        });
        let received = if is_kept {
            None
        } else {
            (self.settings.listener)(Event::Asked { file });
            match fetch_file(self.settings, self.state, location, &url, known) {
                Err(Error::Answer { status: 404 | 410, .. }) if location.is_optional => return Ok(false),
                received => received?,
            }
        };
        let bytes = self.state.file(file).map_or(0, |file| file.bytes);
        self.reports.insert(file.to_owned(), FileReport { file: file.to_owned(), url, received, bytes });
        Ok(true)
    }

    fn follow(&self, index: &Location, is_there: bool) -> Result<Vec<Location>, Error> {
        let path = self.settings.folder.join(&index.file);
        let content =
            if is_there { plimsoll_files::read(&path, INDEX_BYTES, "INDEX_BYTES")? } else { Vec::new() };
        let files: Vec<String> = self.state.files_of(self.publisher.id());
        let is_whole = |file: &str| self.state.is_whole(self.settings.folder, file);
        let situation = Situation { files: &files, is_whole: &is_whole };
        let entry = Entry { file: &path, name: None, bytes: &[] };
        self.publisher.follow(index, &content, &situation).map_err(|problem| entry.broken(problem))
    }
}

/// Fetches one file. Returns how many bytes were received, or `None` if it had not changed.
fn fetch_file(
    settings: &Settings<'_>,
    state: &mut State,
    location: &Location,
    url: &Url,
    known: Option<FileState>,
) -> Result<Option<u64>, Error> {
    let path = settings.folder.join(&location.file);
    if let Some(parent) = path.parent() {
        plimsoll_files::create_folder(parent)?;
    }
    let mut partial = path.clone().into_os_string();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let announced = location.announced.as_ref();
    // A file other than the announced one is not what is wanted, even if the server still has it.
    let validators = known.filter(|_| announced.is_none()).map(|known| known.validators);
    let download = Download {
        client: settings.client.under(settings.cancel),
        url: url.clone(),
        partial: partial.clone(),
        known: validators,
        limit: settings.limits.feed_bytes,
        listener: Arc::clone(&settings.listener),
    };
    let outcome = plimsoll_http::block_on(download.run()).map_err(Error::Network)??;
    let Outcome::Whole { received, validators } = outcome else {
        state.unchanged(settings.folder, &location.file, settings.now)?;
        return Ok(None);
    };
    if let Some(announced) = announced {
        verify(&partial, announced, url, settings.limits)?;
    }
    plimsoll_files::promote(&partial, &path)?;
    state.fetched(settings.folder, location, url, validators, settings.now)?;
    Ok(Some(received))
}

/// Whether a received file is the announced one. Another one is removed.
fn verify(partial: &Path, announced: &Announced, url: &Url, limits: &Limits) -> Result<(), Error> {
    let expected = match announced {
        Announced::Stored(digest) | Announced::Uncompressed(digest) => *digest,
        Announced::Version(_) => return Ok(()),
    };
    let is_compressed =
        matches!(announced, Announced::Uncompressed(_)) && url.path().strip_suffix(".gz").is_some();
    let read = stream::digests(partial, is_compressed, limits);
    let got = read.map(|read| if is_compressed { read.uncompressed } else { read.stored });
    if got.as_ref().is_ok_and(|got| *got == expected) {
        return Ok(());
    }
    // The next attempt must not go on with it.
    std::fs::remove_file(partial).map_err(|source| Error::Read { path: partial.to_owned(), source })?;
    Err(Error::NotAnnounced { url: url.clone(), got: got?, expected })
}
