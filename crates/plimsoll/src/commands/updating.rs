//! Fetching advisories before something is looked up: `--db-update`, and the same for `db update`.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use plimsoll_core::{Cancel, Swap, Timestamp, quantity};
use plimsoll_feeds::update::{self, FileReport, Updated};
use plimsoll_feeds::{BuildReport, Error, Wanted};
use plimsoll_http::Client;
use plimsoll_sbom::Inventory;
use plimsoll_vuln::database::is_signature;
use plimsoll_vuln::{Database, Error as DatabaseError, Gap, Scan, ScanSettings, scan_until};

use crate::failure::Failure;
use crate::output::Console;
use crate::progress::Transfer;
use crate::settings::updating::UpdatingSettings;

/// Unchanged files that are named.
const MOST_UNCHANGED: usize = 40;

/// Updates the database when it lacks what a subject needs. What was asked for once is not asked for again in the same run.
pub(super) struct Updater<'a> {
    settings: Option<&'a UpdatingSettings>,
    /// Folder of the database.
    folder: &'a Path,
    console: Console,
    asked: Mutex<BTreeSet<Wanted>>,
}

impl<'a> Updater<'a> {
    pub(super) fn new(settings: Option<&'a UpdatingSettings>, folder: &'a Path, console: Console) -> Self {
        Self { settings, folder, console, asked: Mutex::default() }
    }

    /// The database. If an update may bring one, there is one that covers nothing where there is none, with the reason.
    pub(super) fn open(&self) -> Result<(Database, Option<DatabaseError>), DatabaseError> {
        match Database::open(self.folder) {
            Ok(database) => Ok((database, None)),
            Err(
                error @ (DatabaseError::NoDatabase { .. }
                | DatabaseError::Unlisted { .. }
                | DatabaseError::Damaged { .. }
                | DatabaseError::Format { .. }),
            ) if self.settings.is_some() => Ok((Database::empty(), Some(error))),
            Err(error) => Err(error),
        }
    }

    /// The database with what the gaps of a scan lack, if they lack something that can be fetched.
    pub(super) fn for_gaps(
        &self,
        gaps: &[Gap],
        now: Timestamp,
        max_age: SignedDuration,
    ) -> Result<Option<Database>, Failure> {
        if self.settings.is_none() {
            return Ok(None);
        }
        self.bring(&gaps.iter().filter_map(Wanted::for_gap).collect(), now, max_age)
    }

    /// Says that nothing is fetched for the gaps of a scan, and why, if something could be.
    pub(super) fn decline(&self, gaps: &[Gap], why: &str) {
        if self.settings.is_some() && gaps.iter().any(|gap| Wanted::for_gap(gap).is_some()) {
            self.console.warn(format_args!("the database is not updated: {why}"));
        }
    }

    /// The database with all of this no older than `max_age`, if anything of it can be fetched that was not yet.
    pub(super) fn bring(
        &self,
        wanted: &BTreeSet<Wanted>,
        now: Timestamp,
        max_age: SignedDuration,
    ) -> Result<Option<Database>, Failure> {
        let Some(UpdatingSettings { mirrors, feeds, access, clock }) = self.settings else { return Ok(None) };
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: BTreeSet<Wanted> = wanted.difference(&asked).cloned().collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        // What an update brings is signed by nobody, and whoever chooses the subject chooses what is missing.
        let is_signed = || is_signed(self.folder);
        if is_signed() {
            self.console.warn(
                "the database is not updated: it is signed, and an update would discard the signature, as `plimsoll db update` does",
            );
            asked.extend(wanted.iter().cloned());
            return Ok(None);
        }
        let stale = |wanted: &Wanted| {
            let opened = Database::open(self.folder);
            !opened.is_ok_and(|database| wanted.is_fresh_in(&database, now, max_age))
        };
        // What is known by CVE is small, and counts for every finding.
        wanted.extend(Some(Wanted::Cves).filter(|cves| !asked.contains(cves) && stale(cves)));
        let names: Vec<_> = wanted.iter().map(Wanted::to_string).collect();
        self.console.say(format_args!("updating the database for {}", names.join(", ")));
        asked.extend(wanted.iter().cloned());
        let wanted: Vec<Wanted> = wanted.into_iter().collect();
        let cancel = access.for_one_subject().cancel;
        let source = Source {
            feeds,
            mirrors,
            http: access.http(),
            now: whole_seconds(clock()),
            limits: &access.limits,
        };
        source.fetch(&wanted, &cancel, self.console, |settings| {
            update::update_if(settings, self.folder, || !is_signed() && wanted.iter().any(stale))
        })?;
        Ok(Some(Database::open(self.folder)?))
    }
}

/// Whether a signature lies in the folder of a database, also of one that cannot be opened.
fn is_signed(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries
            .any(|entry| entry.map_or(true, |entry| entry.file_name().to_str().is_some_and(is_signature))),
        // Of what cannot be read, nobody knows.
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// The database of a run whose subjects are scanned side by side. An update may replace it meanwhile.
pub(super) struct Advisories<'a> {
    updater: Updater<'a>,
    current: Swap<Database>,
    /// Why there was none at the start, as long as nothing has brought one. Whoever replaces the database holds it.
    missing: Mutex<Option<Failure>>,
}

impl<'a> Advisories<'a> {
    pub(super) fn open(
        settings: Option<&'a UpdatingSettings>,
        folder: &'a Path,
        console: Console,
    ) -> Result<Self, Failure> {
        let updater = Updater::new(settings, folder, console);
        let (database, missing) = updater.open()?;
        Ok(Self { updater, current: Swap::new(database), missing: Mutex::new(missing.map(Failure::from)) })
    }

    /// The database as it is now.
    pub(super) fn get(&self) -> Arc<Database> {
        self.current.get()
    }

    /// Scans, and again as long as an update brings something of what is missing.
    pub(super) fn scan(
        &self,
        inventory: &Inventory,
        rules: &ScanSettings,
        cancel: &Cancel,
    ) -> Result<Scan, Failure> {
        loop {
            let database = self.get();
            let scan = scan_until(inventory, &database, rules, cancel)?;
            let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            // Another subject may have needed the same.
            if Arc::ptr_eq(&database, &self.get()) {
                match self.updater.for_gaps(&scan.gaps, rules.now, rules.max_age)? {
                    Some(brought) => {
                        *missing = None;
                        self.current.set(brought);
                    }
                    // Nothing was needed, or can be had, of a database that there is not.
                    None => return missing.clone().map_or(Ok(scan), Err),
                }
            }
        }
    }

    /// Brings this, if it is not there or too old, and an update may bring it.
    pub(super) fn with(&self, wanted: &Wanted, rules: &ScanSettings) -> Result<(), Failure> {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted.is_fresh_in(&self.get(), rules.now, rules.max_age)
            && let Some(brought) = self.updater.bring(&[wanted.clone()].into(), rules.now, rules.max_age)?
        {
            *missing = None;
            self.current.set(brought);
        }
        Ok(())
    }
}

/// Where advisories are fetched from, and kept.
pub(super) struct Source<'a> {
    /// Folder for the publishers' files.
    pub(super) feeds: &'a Path,
    pub(super) mirrors: &'a [plimsoll_feeds::Mirror],
    pub(super) http: &'a plimsoll_http::Settings,
    pub(super) now: Timestamp,
    pub(super) limits: &'a plimsoll_core::Limits,
}

impl Source<'_> {
    /// Updates by `update`, with progress, and says what became of each file.
    pub(super) fn fetch(
        &self,
        wanted: &[Wanted],
        cancel: &Cancel,
        console: Console,
        update: impl FnOnce(&update::Settings<'_>) -> Result<Option<Updated>, Error>,
    ) -> Result<(), Failure> {
        let transfer = Arc::new(Transfer::new(console));
        let heard = Arc::clone(&transfer);
        let updated = update(&update::Settings {
            folder: self.feeds,
            wanted,
            mirrors: self.mirrors,
            client: &Client::new(self.http.clone())?,
            limits: self.limits,
            now: self.now,
            cancel,
            listener: Arc::new(move |event| heard.event(event)),
        });
        transfer.finish();
        let Some(Updated { files, build }) = updated? else {
            console.say("another process has updated the database meanwhile");
            return Ok(());
        };
        // Of documents that are fetched one by one, thousands may be unchanged.
        let unchanged = files.iter().filter(|file| file.received.is_none()).count();
        if unchanged > MOST_UNCHANGED {
            console.say(format_args!("{unchanged} files: unchanged"));
        }
        for FileReport { file, received, bytes, .. } in files {
            match received {
                None if unchanged > MOST_UNCHANGED => {}
                Some(_) => console.say(format_args!("{file}: {}, fetched", quantity::size(bytes))),
                None => console.say(format_args!("{file}: unchanged")),
            }
        }
        build.feeds.iter().for_each(|feed| console.say(feed));
        warn_removed(&build, console);
        Ok(())
    }
}

/// Says what the database no longer covers because nothing of it could be read.
pub(super) fn warn_removed(report: &BuildReport, console: Console) {
    for reason in &report.removed {
        console.warn(format_args!("removed from the database, which no longer covers it: {reason}"));
    }
}

/// An age is counted from here, and nobody needs its nanoseconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
