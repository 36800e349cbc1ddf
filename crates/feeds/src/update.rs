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
//! Nothing here reads advisories. Building finds invalid files, and a database that cannot be built completely is not
//! replaced. The lock is held until it is built, so whoever waited for it finds the database.

mod download;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::{Cancel, Limits, Timestamp};
use plimsoll_http::Client;
use url::Url;

use crate::lock::{Occupied, lock};
use crate::publisher::{Location, PUBLISHERS, Publisher};
use crate::wanted::{COMMON, Wanted};
use crate::{BuildReport, Error, Mirror, build_from, discover};

use download::{Download, Outcome};
use state::State;

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
    fetch_and_build(settings, database)
}

/// The same for many who need it at once: one of them does it, while the others wait until [`Settings::cancel`] stops them. Then
/// `still_needed` tells whether that was enough; if so, nothing is done.
pub fn update_if(
    settings: &Settings<'_>,
    database: &Path,
    still_needed: impl FnOnce() -> bool,
) -> Result<Option<Updated>, Error> {
    plimsoll_files::create_folder(settings.folder)?;
    let _lock = lock(settings.folder, Occupied::WaitUntil(settings.cancel))?;
    if still_needed() { fetch_and_build(settings, database).map(Some) } else { Ok(None) }
}

fn fetch_and_build(settings: &Settings<'_>, database: &Path) -> Result<Updated, Error> {
    let files = fetch_wanted(settings)?;
    let paths: BTreeSet<PathBuf> = files.iter().map(|report| settings.folder.join(&report.file)).collect();
    let now = settings.now;
    let inputs = discover(settings.folder)?;
    let inputs = inputs.into_iter().filter_map(|(publisher, input)| Some((publisher, input.among(&paths)?)));
    let build = build_from(settings.folder, inputs.collect(), now, database, now, settings.limits)?;
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
    let mut reports = Vec::new();
    for (location, publisher) in locations(wanted) {
        settings.cancel.check()?;
        let mirror = settings.mirrors.iter().rfind(|mirror| mirror.publisher() == publisher.id());
        let base = mirror.map_or(publisher.address(), |mirror| mirror.url().as_str());
        let url = address(base, &location)?;
        (settings.listener)(Event::Asked { file: &location.file });
        let received = fetch_file(settings, state, &location.file, &url)?;
        let bytes = state.file(&location.file).map_or(0, |file| file.bytes);
        reports.push(FileReport { file: location.file, url, received, bytes });
    }
    Ok(reports)
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
fn locations(wanted: &[Wanted]) -> impl Iterator<Item = (Location, &'static dyn Publisher)> {
    let mut files: BTreeMap<String, (Location, &'static dyn Publisher)> = BTreeMap::new();
    for publisher in PUBLISHERS {
        for location in wanted.iter().flat_map(|wanted| publisher.locations(wanted)) {
            files.insert(location.file.clone(), (location, publisher));
        }
    }
    files.into_values()
}

fn address(base: &str, location: &Location) -> Result<Url, Error> {
    let base = if base.ends_with('/') { base.to_owned() } else { format!("{base}/") };
    let url = Url::parse(&base).and_then(|base| base.join(&location.path));
    url.map_err(|error| Error::Address { base, reason: error.to_string() })
}

/// Fetches one file. Returns how many bytes were received, or `None` if it had not changed.
fn fetch_file(
    settings: &Settings<'_>,
    state: &mut State,
    file: &str,
    url: &Url,
) -> Result<Option<u64>, Error> {
    let path = settings.folder.join(file);
    if let Some(parent) = path.parent() {
        plimsoll_files::create_folder(parent)?;
    }
    let mut partial = path.clone().into_os_string();
    partial.push(".part");
    let download = Download {
        client: settings.client.under(settings.cancel),
        url: url.clone(),
        partial: partial.into(),
        known: state.validators(settings.folder, file, url),
        limit: settings.limits.feed_bytes,
        listener: Arc::clone(&settings.listener),
    };
    let partial = download.partial.clone();
    let outcome = plimsoll_http::block_on(download.run()).map_err(Error::Network)??;
    let Outcome::Whole { received, validators } = outcome else { return Ok(None) };
    plimsoll_files::promote(&partial, &path)?;
    state.fetched(settings.folder, file, url, validators, settings.now)?;
    Ok(Some(received))
}
