//! Why a database could not be built. In all these cases nothing is written. Only if writing itself fails,
//! the files replaced before stay replaced.

use std::io;
use std::path::PathBuf;

use jiff::SignedDuration;
use plimsoll_core::{Classify, Kind, LimitExceeded, Stopped, Timestamp, quantity};
use url::Url;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder contains no feed that the database supports.
    #[error("no advisory feeds in {}", dir.display())]
    NoFeeds {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder contains the same feed twice, and either could be the older one.
    #[error("{} and {} contain the same feed", first.display(), second.display())]
    Ambiguous {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The data is from the future.
    #[error("the data is as of {as_of}, which is in the future; it is now {now}")]
    AsOfInFuture {
        /// The given time of the data.
        as_of: Timestamp,
        /// The current time.
        now: Timestamp,
    },
    /// The operating system refused to read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A document cannot be read.
    #[error("{}{}: {reason}", file.display(), entry.as_deref().map(|e| format!(", entry `{}`", plimsoll_core::text::terminal(e))).unwrap_or_default())]
    Broken {
        /// The file.
        file: PathBuf,
        /// The entry, when the file is an archive.
        entry: Option<String>,
        /// What is wrong with it.
        reason: DocumentProblem,
    },
    /// A document or archive is larger than allowed.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The database refuses the data.
    #[error(transparent)]
    Database(#[from] plimsoll_vuln::Error),
    /// The result could not be written.
    #[error(transparent)]
    Write(#[from] plimsoll_files::Error),
    /// A publisher's server could not be reached, or stopped answering.
    #[error(transparent)]
    Http(#[from] plimsoll_http::Error),
    /// A publisher's server has no such file, or refuses it.
    #[error("{url}: got status {status}, expected a file")]
    Answer {
        /// The address.
        url: Url,
        /// The HTTP status.
        status: u16,
    },
    /// A file is not the one that its index announces, although both were asked for twice.
    #[error("{url}: got digest {got}, expected {expected} by its index")]
    NotAnnounced {
        /// The address.
        url: Url,
        /// The digest of what was received.
        got: plimsoll_core::Digest,
        /// The announced digest.
        expected: plimsoll_core::Digest,
    },
    /// A file changed each time its download was continued.
    #[error("{url} changes during its download")]
    Changing {
        /// The address.
        url: Url,
    },
    /// An address, or a value from a server, cannot be used in a request.
    #[error("cannot request `{base}`: {reason}")]
    Address {
        /// The text.
        base: String,
        /// Why not.
        reason: String,
    },
    /// Another update is running.
    #[error("{} is being updated by another process", folder.display())]
    Busy {
        /// The folder of the publishers' files.
        folder: PathBuf,
    },
    /// The database was replaced after it was decided to update it.
    #[error("the database in {} was changed by another process meanwhile", folder.display())]
    Replaced {
        /// The folder of the database.
        folder: PathBuf,
    },
    /// An archive is not one that `db export` writes.
    #[error("the archive cannot be imported: {0}")]
    Archive(#[from] ArchiveProblem),
    /// An archive could not be written.
    #[error("cannot write the archive: {0}")]
    Export(#[source] io::Error),
    /// The data in an archive is too old.
    #[error("{feed} is as of {as_of}, which is {} old, expected at most {}", in_words(*age), in_words(*most))]
    TooOld {
        /// The ecosystem and the publisher.
        feed: String,
        /// When the data was retrieved.
        as_of: Timestamp,
        /// How long ago that is.
        age: SignedDuration,
        /// The highest age.
        most: SignedDuration,
    },
    /// An archive would replace newer data.
    #[error("{feed} is as of {here} here, {}", got.map_or_else(|| "and not in the archive".to_owned(), |got| format!("and as of {got} in the archive")))]
    TakesBack {
        /// The ecosystem and the publisher.
        feed: String,
        /// The time of the data in the archive, if it is there.
        got: Option<Timestamp>,
        /// The time of the existing data.
        here: Timestamp,
    },
    /// Nobody knows whether an archive would replace newer data.
    #[error("the data in {} may be newer than the archive: it has database format {format}, which does not tell", path.display())]
    UnknownAge {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The network could not be set up.
    #[error("cannot use the network: {0}")]
    Network(#[source] io::Error),
    /// The caller stopped it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What is wrong with a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentProblem {
    /// Not strict JSON, or a known field of another type.
    #[error(transparent)]
    Json(#[from] plimsoll_core::json::Error),
    /// Not strict YAML, or a known field of another type.
    #[error(transparent)]
    Yaml(#[from] plimsoll_core::yaml::Error),
    /// Not JSON, in a document that is read as a stream.
    #[error("invalid JSON: {0}")]
    Stream(#[from] serde_json::Error),
    /// Not XML, or more than is read of it.
    #[error("invalid XML: {0}")]
    Xml(#[from] plimsoll_core::xml::Error),
    /// Not an archive, or one that contradicts itself.
    #[error("invalid zip: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// Entries of the archive share a name, so all but one would be invisible.
    #[error("archive of {got} entries, expected {expected} by its directory: there are duplicate names")]
    DuplicateNames {
        /// Entries with different names.
        got: u64,
        /// Entries that the archive says it has.
        expected: u64,
    },
    /// A name or identifier is empty, too long, or has control characters or spaces.
    #[error("{field} is not valid")]
    Name {
        /// The field.
        field: &'static str,
    },
    /// A requirement on versions is invalid, or no version meets it.
    #[error("{got} is not a valid requirement on versions")]
    Requirement {
        /// The requirement, or what is wrong with it.
        got: String,
    },
    /// A tar archive cannot be read, or has entries that it should not have.
    #[error("{0}")]
    Tar(#[source] io::Error),
    /// The number of entries differs from the stated one.
    #[error("got {got} entries, expected {expected}")]
    Count {
        /// The number of entries.
        got: u64,
        /// The number that the document states.
        expected: u64,
    },
    /// A file is not the one that its list announces.
    #[error("got digest {got}, expected {expected} by {list}")]
    Digest {
        /// The digest of the file.
        got: plimsoll_core::Digest,
        /// The announced digest, or what is announced instead.
        expected: String,
        /// The name of the list.
        list: &'static str,
    },
    /// A member of an object occurs twice.
    #[error("`{name}` occurs twice")]
    Twice {
        /// Its name.
        name: String,
    },
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// It is not an archive, or another program made it.
    #[error("it is not an archive by `plimsoll db export`")]
    Form,
    /// It ends too early.
    #[error("it is cut off")]
    Truncated,
    /// It cannot be uncompressed.
    #[error("it cannot be uncompressed: {0}")]
    Inflate(#[source] io::Error),
    /// The file is not the one that the list names next.
    #[error("got {}, expected {expected}", got.as_deref().map_or_else(|| "its end".to_owned(), |got| format!("`{}`", plimsoll_core::text::terminal(got))))]
    Member {
        /// The name. `None` at the end.
        got: Option<String>,
        /// The name in the list.
        expected: String,
    },
    /// Something follows the last file.
    #[error("something follows its end")]
    Trailing,
}

fn in_words(duration: SignedDuration) -> String {
    quantity::duration(duration.as_secs().unsigned_abs())
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoFeeds { .. } | Self::Answer { status: 404 | 410, .. } => Kind::NotFound,
            Self::Ambiguous { .. } | Self::AsOfInFuture { .. } | Self::Address { .. } => Kind::Usage,
            Self::Answer { status: 401 | 403, .. } => Kind::Unauthorized,
            Self::Changing { .. } | Self::NotAnnounced { .. } => Kind::Transient,
            Self::Busy { .. } | Self::Replaced { .. } => Kind::Conflict,
            Self::TooOld { .. } | Self::TakesBack { .. } | Self::UnknownAge { .. } => Kind::Denied,
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Kind::NotFound,
            Self::Read { .. }
            | Self::Broken { .. }
            | Self::Limit(_)
            | Self::Archive(_)
            | Self::Export(_)
            | Self::Answer { .. }
            | Self::Network(_) => Kind::Failed,
            Self::Database(error) => error.kind(),
            Self::Write(error) => error.kind(),
            Self::Http(error) => error.kind(),
            Self::Stopped(stopped) => stopped.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoFeeds { .. } => Some(
                "expected DIR/PyPI/all.zip, DIR/osv/Go/all.zip, DIR/debian/tracker.json, DIR/alpine/v3.20/main.json or \
                 the like"
                    .into(),
            ),
            Self::Ambiguous { .. } => Some("leave the newer of the two in place".into()),
            Self::AsOfInFuture { .. } => {
                Some("give the time at which the data was retrieved with --as-of".into())
            }
            Self::Database(error) => error.hint(),
            Self::Write(error) => error.hint(),
            Self::Http(error) => error.hint(),
            Self::Answer { .. } => Some(
                "is the ecosystem or release spelled as its publisher spells it? A mirror is named with --mirror \
                 PUBLISHER=URL"
                    .into(),
            ),
            Self::Busy { .. } => Some("wait until it is done".into()),
            Self::Replaced { .. } => Some("run the command again; what was fetched is kept".into()),
            Self::Changing { .. } | Self::NotAnnounced { .. } => Some("try again later".into()),
            Self::Stopped(stopped) => stopped.hint(),
            Self::TooOld { .. } => Some("get a newer archive, or pass a longer --max-age".into()),
            Self::TakesBack { .. } => {
                Some("get a newer archive; to go back all the same, pass --allow-older".into())
            }
            Self::UnknownAge { .. } => Some("to replace it all the same, pass --allow-older".into()),
            Self::Archive(ArchiveProblem::Form) => Some("`plimsoll db export FILE` makes one".into()),
            Self::Archive(_) => Some("copy the archive again, and compare its digest".into()),
            Self::Read { .. }
            | Self::Broken { .. }
            | Self::Limit(_)
            | Self::Address { .. }
            | Self::Export(_)
            | Self::Network(_) => None,
        }
    }
}
