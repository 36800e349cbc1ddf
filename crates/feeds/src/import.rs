//! Imports an archive as the database in a folder: everything is unpacked and verified next to it, and then replaces
//! it.
//!
//! An archive replaces the whole database, so that the result is exactly what the signed list names. It is refused if
//! it would be a rollback: if a feed in it is older than the existing one, or missing.

use std::fs::{self, File};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use plimsoll_core::{Cancel, Timestamp, clock};
use plimsoll_vuln::database::{FeedAge, LIST};
use plimsoll_vuln::{Database, Error as DatabaseError, FeedStatus};

use crate::Error;
use crate::archive::Archive;
use crate::install::Change;

/// The folder where an archive is unpacked, inside that of the database: renaming is the last step, and works only
/// within one file system.
const STAGING: &str = ".import";

/// What an archive must satisfy besides being complete.
#[derive(Debug, Clone, Copy)]
pub struct ImportConditions {
    /// The current time.
    pub now: Timestamp,
    /// The highest age of the data of each feed.
    pub max_age: Option<SignedDuration>,
    /// Whether it may replace newer data, or remove feeds that it lacks.
    pub allow_older: bool,
}

impl<R: BufRead> Archive<R> {
    /// Installs the archive as the database in `folder`. Returns its feeds. If anything is wrong with it, nothing
    /// changes.
    pub fn install(
        self,
        folder: &Path,
        rules: &ImportConditions,
        cancel: &Cancel,
    ) -> Result<Vec<FeedStatus>, Error> {
        let change = Change::begin(folder)?;
        let staging = Staging::new(folder)?;
        let (list, signature) = (self.list().clone(), self.signature().map(<[u8]>::to_vec));
        self.files(|name, content| {
            let path = staging.0.join(name);
            let failed = |source| {
                Error::Write(plimsoll_files::Error::Io { step: "write", path: path.clone(), source })
            };
            let mut file = File::create_new(&path).map_err(failed)?;
            let mut piece = vec![0; 128 * 1024];
            loop {
                cancel.check()?;
                let read = content.read(&mut piece).map_err(failed)?;
                let Some(read @ [_, ..]) = piece.get(..read) else { return Ok(()) };
                io::Write::write_all(&mut file, read).map_err(failed)?;
            }
        })?;
        plimsoll_files::replace(&staging.0.join(LIST), &list.encode())?;
        let new = Database::open(&staging.0)?;
        let feeds = new.status();
        let before = match change.before.ages(folder) {
            Ok(before) => before,
            Err(DatabaseError::Format { .. }) if rules.allow_older => Vec::new(),
            Err(DatabaseError::Format { path, got, .. }) => {
                return Err(Error::UnknownAge { path, format: got });
            }
            Err(error) => return Err(error.into()),
        };
        check(&feeds, &before, rules)?;
        new.verify_until(cancel)?;
        for name in list.names() {
            cancel.check()?;
            plimsoll_files::promote(&staging.0.join(&name), &folder.join(&name))?;
        }
        change.finish(&list, signature.as_deref())?;
        Ok(feeds)
    }
}

/// Whether the feeds of an archive may replace those `before`.
fn check(feeds: &[FeedStatus], before: &[FeedAge], rules: &ImportConditions) -> Result<(), Error> {
    let ImportConditions { now, max_age, allow_older } = *rules;
    for feed in feeds {
        let age = now.duration_since(feed.as_of);
        if -age > clock::SKEW {
            return Err(Error::AsOfInFuture { as_of: feed.as_of, now });
        }
        if let Some(most) = max_age.filter(|most| age > *most) {
            let named = named(&feed.ecosystem, &feed.publisher);
            return Err(Error::TooOld { feed: named, as_of: feed.as_of, age, most });
        }
    }
    if allow_older {
        return Ok(());
    }
    for old in before {
        let same =
            |feed: &&FeedStatus| (&feed.ecosystem, &feed.publisher) == (&old.ecosystem, &old.publisher);
        match feeds.iter().find(same) {
            Some(new) if new.as_of >= old.as_of => {}
            new => {
                let got = new.map(|new| new.as_of);
                let feed = named(&old.ecosystem, &old.publisher);
                return Err(Error::TakesBack { feed, got, here: old.as_of });
            }
        }
    }
    Ok(())
}

fn named(ecosystem: &str, publisher: &str) -> String {
    format!("{ecosystem} from {publisher}")
}

/// The folder where an archive is unpacked, removed at the end. A leftover of a killed process is removed at the start.
struct Staging(PathBuf);

impl Staging {
    fn new(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(STAGING);
        let failed = |step| {
            let path = path.clone();
            move |source| Error::Write(plimsoll_files::Error::Io { step, path, source })
        };
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove")(error)),
            _ => {}
        }
        fs::create_dir(&path).map_err(failed("create the folder"))?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // It only takes space, and the next import removes it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
