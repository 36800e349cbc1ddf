//! What registries sent before, in the user's cache folder.
//!
//! Owns what is kept, for whom, and when it may be used; where it lies, and that it stays small, is [`plimsoll_files::cache`].
//!
//! - **Objects** (manifests, bundles, other small blobs) go by their digest and are checked against it each time they are
//!   read: what was damaged or planted is removed and fetched again (CVE-2026-50195 believed what was on the disk).
//! - **Lists** (referrers, what a tag is) are the registry's word. They are used again when the registry says that they
//!   still hold (`ETag`, 304), when they are younger than the user allows, or when no network may be used; in the last
//!   two cases [`plimsoll_image::Source::as_of`] tells from when they are.
//! - Each **section** holds what one registry gave from one repository to somebody with certain credentials. Other
//!   credentials have another section, whatever they would be allowed to see, and so have none: something that could be
//!   read with a password is not shown to somebody who has merely heard its digest. Its name is made with a secret of the
//!   cache, so that it cannot be compared with passwords by somebody who only sees names.
//! - The identity that a cloud gives a machine changes without being seen here, so nothing is kept for it.
//!
//! Nothing in here can fail a run. A cache that cannot be used is said once, and everything is fetched.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use plimsoll_core::{Classify as _, Digest, Reference, Timestamp};
use plimsoll_files::cache as files;
use plimsoll_http::HeaderValue;
use plimsoll_image::{Descriptor, Referrers};
use serde::{Deserialize, Serialize};

use crate::auth::Credentials;

/// The largest blob that is kept. Bundles and configurations have some kilobytes; layers are not for a cache of this size.
pub(crate) const OBJECT: u64 = 4 << 20;
/// Bytes of a list. A full one of 4,096 descriptors has about 2 MiB.
const LIST: u64 = 16 << 20;
/// An `ETag` that is longer than this is not worth sending back.
const ETAG: usize = 512;

/// How a cache is used.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is; made when something is kept.
    pub folder: PathBuf,
    /// Whether somebody asked for that folder, and so is told when it cannot be made.
    pub named: bool,
    /// Bytes that it may take on the disk, about.
    pub bytes: u64,
    /// For how long a list is used without asking whether it still holds.
    pub fresh_for: Duration,
    /// Use every list there is: no network can be asked.
    pub offline: bool,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// A cache for what registries send. Clones are the same cache.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    /// Opened when it is first needed; `None` when it cannot be used.
    opened: OnceLock<Option<Opened>>,
    /// What went wrong while keeping something was said already.
    said: OnceLock<()>,
}

struct Opened {
    files: files::Cache,
    key: hmac::Key,
}

impl Cache {
    /// The cache that `settings` name. Opens nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { shared: Arc::new(Shared { settings, opened: OnceLock::new(), said: OnceLock::new() }) }
    }

    /// What is kept of a repository for somebody with these credentials; `None` where nothing is kept.
    pub(crate) fn section(&self, of: &Reference, credentials: Option<&Credentials>) -> Option<Section> {
        let who: [&str; 3] = match credentials {
            None => ["nobody", "", ""],
            Some(Credentials::Password { username, password }) => ["password", username, password.reveal()],
            Some(Credentials::IdentityToken(token)) => ["identity token", "", token.reveal()],
            Some(Credentials::RegistryToken(token)) => ["registry token", "", token.reveal()],
            Some(Credentials::Cloud(_)) => return None,
        };
        let mut name = hmac::Context::with_key(&self.shared.opened()?.key);
        for field in [of.registry(), of.repository()].into_iter().chain(who) {
            // The length first: no two lists of fields are the same bytes.
            name.update(&(field.len() as u64).to_be_bytes());
            name.update(field.as_bytes());
        }
        let name = Digest::sha256(name.sign().as_ref()).hex();
        Some(Section { shared: Arc::clone(&self.shared), name, oldest: Mutex::default() })
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Shared {
    fn opened(&self) -> Option<&Opened> {
        self.opened
            .get_or_init(|| match self.open() {
                Ok(opened) => Some(opened),
                Err(error) => {
                    let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                    // A home that cannot be written is nothing to tell each time; one that others can write to is.
                    if self.settings.named || !matches!(error, plimsoll_files::Error::Io { .. }) {
                        tracing::warn!("no cache is used: {error}{hint}");
                    } else {
                        tracing::info!("no cache is used: {error}{hint}");
                    }
                    None
                }
            })
            .as_ref()
    }

    fn open(&self) -> Result<Opened, plimsoll_files::Error> {
        let files = files::Cache::open(&self.settings.folder, self.settings.bytes)?;
        // Only for a new cache: the library's generator takes 30 ms to gather entropy of its own.
        let secret = files.secret(|| {
            let mut random = [0; files::SECRET_BYTES];
            rand::fill(&mut random).map_err(|_| io::Error::other("the system gives no random bytes"))?;
            Ok(random)
        })?;
        Ok(Opened { files, key: hmac::Key::new(hmac::HMAC_SHA256, &secret) })
    }

    /// Says once that something cannot be kept or read.
    fn trouble(&self, error: &plimsoll_files::Error) {
        self.said.get_or_init(|| tracing::warn!("the cache is of no use: {error}"));
    }
}

/// What one repository gave to somebody.
pub(crate) struct Section {
    shared: Arc<Shared>,
    name: String,
    oldest: Mutex<Option<Timestamp>>,
}

/// A question to which the registry's word is the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Query<'a> {
    /// What the referrers API lists.
    Referrers(&'a Digest),
    /// What a tag is.
    Tag(&'a str),
}

/// What the registry said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Answer {
    /// That it has no such tag, or not the API.
    Nothing {},
    /// The list.
    Listed { descriptors: Vec<Descriptor>, truncated: bool },
    /// What the tag is; the bytes are an object.
    Manifest { descriptor: Box<Descriptor> },
}

impl From<&Referrers> for Answer {
    fn from(referrers: &Referrers) -> Self {
        Self::Listed { descriptors: referrers.descriptors.clone(), truncated: referrers.truncated }
    }
}

/// An answer that was kept.
#[derive(Debug, Clone)]
pub(crate) struct CachedAnswer {
    pub(crate) said: Answer,
    pub(crate) etag: Option<HeaderValue>,
    /// When the registry said so last.
    pub(crate) at: Timestamp,
}

/// An answer as it lies in the cache, behind a line with the SHA-256 of the rest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    question: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    said: Answer,
}

impl Section {
    /// The object of a digest, if it is here and is what its digest says. `most` bounds its size.
    pub(crate) fn object(&self, digest: &Digest, most: u64) -> Option<Vec<u8>> {
        let files = &self.shared.opened()?.files;
        let name = object_name(digest);
        let bytes = match files.read(&self.name, &name, most.min(OBJECT)) {
            Ok(entry) => entry?.bytes,
            Err(error) => {
                self.shared.trouble(&error);
                return None;
            }
        };
        if Digest::compute(digest.algorithm(), &bytes) == *digest {
            return Some(bytes);
        }
        tracing::warn!("{digest} in the cache has other bytes than its digest says, and is fetched again");
        files.remove(&self.name, &name);
        None
    }

    /// Keeps an object whose digest was computed from `bytes`.
    pub(crate) fn keep(&self, digest: &Digest, bytes: &[u8]) {
        if bytes.len() as u64 <= OBJECT {
            self.write(&object_name(digest), bytes);
        }
    }

    /// What the registry said to a question, some time ago.
    pub(crate) fn known(&self, question: Query<'_>) -> Option<CachedAnswer> {
        let files = &self.shared.opened()?.files;
        let name = question.name();
        let entry = match files.read(&self.name, &name, LIST) {
            Ok(entry) => entry?,
            Err(error) => {
                self.shared.trouble(&error);
                return None;
            }
        };
        let Some(stored) = parsed(&entry.bytes).filter(|stored| stored.question == question.text()) else {
            tracing::warn!("a list in the cache is damaged, and is fetched again");
            files.remove(&self.name, &name);
            return None;
        };
        // Whole seconds: it is shown to people.
        let at =
            Timestamp::try_from(entry.modified).and_then(|at| Timestamp::from_second(at.as_second())).ok()?;
        let etag = stored.etag.and_then(|etag| HeaderValue::from_str(&etag).ok());
        Some(CachedAnswer { said: stored.said, etag, at })
    }

    /// Keeps what the registry said just now. Nothing is kept of a list that was cut off at a limit: a later run may have
    /// a higher one.
    pub(crate) fn keep_said(&self, question: Query<'_>, said: &Answer, etag: Option<&HeaderValue>) {
        if matches!(said, Answer::Listed { truncated: true, .. }) {
            self.forget(question);
            return;
        }
        let etag = etag.and_then(|etag| etag.to_str().ok()).filter(|etag| etag.len() <= ETAG);
        let stored = Stored { question: question.text(), etag: etag.map(str::to_owned), said: said.clone() };
        let Ok(json) = serde_json::to_vec(&stored) else { return };
        let mut bytes = Digest::sha256(&json).hex().into_bytes();
        bytes.push(b'\n');
        bytes.extend(json);
        if bytes.len() as u64 <= LIST {
            self.write(&question.name(), &bytes);
        }
    }

    /// The registry said that an answer still holds.
    pub(crate) fn holds(&self, question: Query<'_>) {
        if let Some(opened) = self.shared.opened() {
            opened.files.touch(&self.name, &question.name());
        }
    }

    /// Takes an answer out.
    pub(crate) fn forget(&self, question: Query<'_>) {
        if let Some(opened) = self.shared.opened() {
            opened.files.remove(&self.name, &question.name());
        }
    }

    /// Whether an answer may be used without asking. If so, [`Section::as_of`] takes it into account.
    pub(crate) fn relies_on(&self, known: &CachedAnswer) -> bool {
        let settings = &self.shared.settings;
        let age = (settings.now)().duration_since(known.at);
        // What comes from the future was written while the clock was wrong, and its age is not known.
        let fresh = Duration::try_from(age).is_ok_and(|age| age < settings.fresh_for);
        if !fresh && !settings.offline {
            return false;
        }
        let mut oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        *oldest = Some(oldest.map_or(known.at, |at| at.min(known.at)));
        true
    }

    /// No network may be used.
    pub(crate) fn is_offline(&self) -> bool {
        self.shared.settings.offline
    }

    /// From when the oldest answer is that was used without asking.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let Some(opened) = self.shared.opened() else { return };
        if let Err(error) = opened.files.write(&self.name, name, bytes) {
            self.shared.trouble(&error);
        }
    }
}

impl Query<'_> {
    fn text(self) -> String {
        match self {
            Self::Referrers(subject) => format!("referrers of {subject}"),
            Self::Tag(tag) => format!("tag {tag}"),
        }
    }

    fn name(self) -> String {
        format!("list-{}", Digest::sha256(self.text().as_bytes()).hex())
    }
}

fn object_name(digest: &Digest) -> String {
    digest.to_string().replace(':', "-")
}

/// An answer, if it is as it was written.
fn parsed(bytes: &[u8]) -> Option<Stored> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (sum, rest) = bytes.split_at_checked(end)?;
    let json = rest.get(1..)?;
    if sum != Digest::sha256(json).hex().as_bytes() {
        return None;
    }
    serde_json::from_slice(json).ok()
}
