//! Earlier answers of registries, in the user's cache folder.
//!
//! Owns what is kept, for whom, and when it may be used. [`plimsoll_files::cache`] owns where it is stored, and that it
//! stays small.
//!
//! - **Objects** (manifests, bundles, other small blobs) are stored by digest and checked against it each time they are
//!   read: what was damaged or planted is removed and fetched again (in CVE-2026-50195, the content on disk was
//!   trusted).
//! - **Lists** (referrers, what a tag is) are statements of the registry. They are reused when the registry confirms
//!   them (`ETag`, 304), when they are younger than the user's limit, or when no network may be used; in the last two
//!   cases [`plimsoll_image::Source::as_of`] returns how old they are.
//! - Each **section** contains what one registry sent from one repository for certain credentials. Other credentials, and
//!   no credentials, have sections of their own, whatever they may see: content that needed a password is not shown to
//!   somebody who merely knows its digest. A section's name is made with a secret of the cache, so that somebody who
//!   sees only names cannot test passwords against them.
//! - The identity that a cloud gives a machine can change unnoticed, so nothing is kept for it.
//!
//! Nothing here can fail a run. If the cache cannot be used, that is reported once, and everything is fetched.

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
/// An `ETag` longer than this is not worth sending back.
const ETAG: usize = 512;

/// How a cache is used.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its folder; created when something is first kept.
    pub folder: PathBuf,
    /// Whether the user named the folder and so is warned if it cannot be created.
    pub named: bool,
    /// Approximate bytes that it may take on disk.
    pub bytes: u64,
    /// How long a list is used without asking whether it is still valid.
    pub fresh_for: Duration,
    /// Use every list in the cache, because no network may be used.
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
    /// Set once a failure to keep something was reported.
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

    /// The section for a repository and these credentials; `None` if nothing is kept for them.
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
            // The length first, so that no two lists of fields give the same bytes.
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
                    // A home folder that cannot be written needs no warning each time; one that others can write to
                    // does.
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
        // Only for a new cache: the library's generator takes 30 ms to gather its own entropy.
        let secret = files.secret(|| {
            let mut random = [0; files::SECRET_BYTES];
            rand::fill(&mut random).map_err(|_| io::Error::other("the system gives no random bytes"))?;
            Ok(random)
        })?;
        Ok(Opened { files, key: hmac::Key::new(hmac::HMAC_SHA256, &secret) })
    }

    /// Reports once that something cannot be kept or read.
    fn trouble(&self, error: &plimsoll_files::Error) {
        self.said.get_or_init(|| tracing::warn!("the cache cannot be used: {error}"));
    }
}

/// What one repository sent for certain credentials.
pub(crate) struct Section {
    shared: Arc<Shared>,
    name: String,
    oldest: Mutex<Option<Timestamp>>,
}

/// A question that only the registry can answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Query<'a> {
    /// What the referrers API lists.
    Referrers(&'a Digest),
    /// What a tag is.
    Tag(&'a str),
}

/// The registry's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Answer {
    /// It has no such tag, or does not have the API.
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

/// An answer in the cache.
#[derive(Debug, Clone)]
pub(crate) struct CachedAnswer {
    pub(crate) said: Answer,
    pub(crate) etag: Option<HeaderValue>,
    /// When the registry last gave it.
    pub(crate) at: Timestamp,
}

/// An answer as it is stored in the cache, after a line with the SHA-256 of the rest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    question: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    said: Answer,
}

impl Section {
    /// The object with this digest, if it is here and its digest is right. `most` bounds its size.
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
        tracing::warn!("{digest} in the cache does not match its digest, and is fetched again");
        files.remove(&self.name, &name);
        None
    }

    /// Keeps an object whose digest was computed from `bytes`.
    pub(crate) fn keep(&self, digest: &Digest, bytes: &[u8]) {
        if bytes.len() as u64 <= OBJECT {
            self.write(&object_name(digest), bytes);
        }
    }

    /// The registry's earlier answer to a question.
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
        // Whole seconds, because users see it.
        let at =
            Timestamp::try_from(entry.modified).and_then(|at| Timestamp::from_second(at.as_second())).ok()?;
        let etag = stored.etag.and_then(|etag| HeaderValue::from_str(&etag).ok());
        Some(CachedAnswer { said: stored.said, etag, at })
    }

    /// Keeps an answer that the registry just gave. A list that was cut off at a limit is not kept: a later run may
    /// have a higher one.
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

    /// The registry confirmed an answer.
    pub(crate) fn holds(&self, question: Query<'_>) {
        if let Some(opened) = self.shared.opened() {
            opened.files.touch(&self.name, &question.name());
        }
    }

    /// Removes an answer.
    pub(crate) fn forget(&self, question: Query<'_>) {
        if let Some(opened) = self.shared.opened() {
            opened.files.remove(&self.name, &question.name());
        }
    }

    /// Whether an answer may be used without asking. If so, [`Section::as_of`] takes it into account.
    pub(crate) fn relies_on(&self, known: &CachedAnswer) -> bool {
        let settings = &self.shared.settings;
        let age = (settings.now)().duration_since(known.at);
        // An answer from the future was written while the clock was wrong, so its age is not known.
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

    /// The time of the oldest answer that was used without asking.
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

/// An answer, if it is undamaged.
fn parsed(bytes: &[u8]) -> Option<Stored> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (sum, rest) = bytes.split_at_checked(end)?;
    let json = rest.get(1..)?;
    if sum != Digest::sha256(json).hex().as_bytes() {
        return None;
    }
    serde_json::from_slice(json).ok()
}
