//! The list of publishers: whose advisories are read, which files in a folder are theirs, and what is made of them.
//!
//! A member of the list is a file with a type that implements [`Publisher`], and a line in [`PUBLISHERS`]. Several
//! publishers may speak about one ecosystem; each keeps its own age, digest and counts.
//!
//! | publisher | files below FROM |
//! | --- | --- |
//! | [`alpine`] | `alpine/v3.20/main.json`, `alpine/v3.20/community.json`, … |
//! | [`debian`] | `debian/tracker.json`, or `debian.json` |
//! | [`osv`] | `osv/PyPI/all.zip` or `PyPI/all.zip`; `osv/Go/*.json` or `Go/*.json` |

mod alpine;
mod debian;
mod osv;

use std::fmt;
use std::path::Path;

use plimsoll_core::{Digest, Ecosystem, Limits};

use crate::draft::Draft;
use crate::input::Input;
use crate::{Error, FeedReport};

/// All of them. Where two rate a vulnerability equally, the order decides nothing; it numbers the feeds of a file.
pub(crate) const PUBLISHERS: [&dyn Publisher; 3] = [&alpine::Alpine, &debian::Debian, &osv::Osv];

/// Somebody who publishes advisories.
pub(crate) trait Publisher: fmt::Debug + Sync {
    /// A stable name, and that of the folder below FROM where its files lie.
    fn id(&self) -> &'static str;

    /// The name for people.
    fn name(&self) -> &'static str;

    /// Under which terms it gives away what it says about `content`, as far as it states any.
    fn licence(&self, content: &str) -> Option<&'static str>;

    /// Whether nobody has seen its real files about `content` yet, so that reading them is not proven.
    fn unproven(&self, _content: &str) -> bool {
        false
    }

    /// Its feeds in the folder `from`.
    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error>;

    /// Reads one of them. Whatever is not kept is counted in `report`.
    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error>;
}

/// A feed that was read in full.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Nothing when the database has no place for it: its advisories only rate others by their aliases.
    pub(crate) ecosystem: Option<Ecosystem>,
    pub(crate) drafts: Vec<Draft>,
    /// The releases that it speaks about, sorted; empty where the ecosystem has none.
    pub(crate) releases: Vec<String>,
    /// The digest of all that was read.
    pub(crate) source: Digest,
}

/// Whether a folder below FROM is a publisher's own; others are named after an ecosystem.
pub(crate) fn owns_folder(name: &str) -> bool {
    PUBLISHERS.iter().any(|publisher| publisher.id() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_are_told_apart() {
        for publisher in PUBLISHERS {
            let same = PUBLISHERS.iter().filter(|other| other.id() == publisher.id());
            assert_eq!(same.count(), 1, "{publisher:?}");
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(publisher.id().bytes().all(plain), "{} names a folder", publisher.id());
            assert!(Ecosystem::from_name(publisher.id()).is_none(), "{}", publisher.id());
        }
    }
}
