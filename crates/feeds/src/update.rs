//! Fetching the publishers' files into a folder that [`crate::build`] reads: only what is wanted, and of that only what changed.
//!
//! ```text
//! FOLDER/osv/PyPI/all.zip             as the publisher serves it
//! FOLDER/osv/PyPI/all.zip.part        as far as a download came that was interrupted
//! FOLDER/debian/tracker.json
//! FOLDER/feeds.json                   what was fetched from where, with the server's validators
//! FOLDER/lock                         held by the one update that may run
//! ```
//!
//! A file is asked for with the validators of the last answer, so an unchanged one costs a request. A download that breaks
//! off goes on where it ended, if the server still has the same file (`If-Range`). A file counts once it has arrived whole;
//! until then the old one stays.
//!
//! Nothing here reads advisories: whether a file is one is found out by building, and a database that cannot be built
//! completely is not replaced.

mod download;
mod state;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use plimsoll_core::{Cancel, Limits, Timestamp};
use plimsoll_http::Client;
use url::Url;

use crate::lock::{Occupied, lock};
use crate::publisher::{Location, PUBLISHERS, Publisher};
use crate::wanted::{COMMON, Wanted};
use crate::{Error, Mirror};

use download::{Download, Outcome};
use state::State;

/// What is reported while files are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file is asked for.
    Asked {
        /// Its name in the folder.
        file: &'a str,
    },
    /// So many bytes arrive, if the server says how many.
    Expected(u64),
    /// So many bytes arrived.
    Arrived(u64),
}

/// Who hears of [`Event`]s.
pub type Listener = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// How files are fetched.
pub struct Settings<'a> {
    /// Where they are kept; created if it is not there.
    pub folder: &'a Path,
    /// What is fetched besides what was before; if there is neither, [`COMMON`].
    pub wanted: &'a [Wanted],
    /// Where publishers' files lie instead of at their own servers; the last one for a publisher counts.
    pub mirrors: &'a [Mirror],
    /// The client for all requests.
    pub client: &'a Client,
    /// `feed_bytes` bounds each file.
    pub limits: &'a Limits,
    /// The current time.
    pub now: Timestamp,
    /// Stops requests and downloads. What has arrived stays for the next time.
    pub cancel: &'a Cancel,
    /// Hears of progress.
    pub listener: Listener,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its name in the folder.
    pub file: String,
    /// Where it is from.
    pub url: Url,
    /// How many bytes were received; `None` if it had not changed.
    pub received: Option<u64>,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Fetches everything that is wanted. What was fetched before an error is kept, so a second run goes on from there.
pub fn update(settings: &Settings<'_>) -> Result<Vec<FileReport>, Error> {
    let folder = settings.folder;
    plimsoll_files::create_folder(folder)?;
    // Two updates would only fetch the same twice.
    let _lock = lock(folder, Occupied::Refuse)?;
    let mut state = State::open(folder);
    let before: Vec<Wanted> = state.wanted().collect();
    let wanted = selection(settings.wanted, &before);
    state.want(folder, &wanted)?;
    let fetched = fetch_all(settings, &mut state, &wanted);
    if let Err(Error::Answer { .. }) = fetched {
        // What a publisher does not have would stop every later update as well.
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
        let received = fetch(settings, state, &location.file, &url)?;
        let bytes = state.file(&location.file).map_or(0, |file| file.bytes);
        reports.push(FileReport { file: location.file, url, received, bytes });
    }
    Ok(reports)
}

/// What is wanted now and what was before, or the usual.
fn selection(asked: &[Wanted], before: &[Wanted]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = asked.iter().chain(before).cloned().collect();
    if wanted.is_empty() {
        wanted.extend(COMMON.iter().map(|ecosystem| Wanted::whole(*ecosystem)).chain([Wanted::Cves]));
    }
    wanted.sort();
    wanted.dedup();
    wanted
}

/// The files about what is wanted, each with its publisher.
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

/// Fetches one file; returns how many bytes were received, `None` if it had not changed.
fn fetch(settings: &Settings<'_>, state: &mut State, file: &str, url: &Url) -> Result<Option<u64>, Error> {
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
