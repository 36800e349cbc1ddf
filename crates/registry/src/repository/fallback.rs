//! The fallback tag of registries without a referrers API: an index under a tag made of the subject's digest.
//!
//! Writing it is read-modify-write on a shared tag, so updates of others can get lost (go-containerregistry #2205).
//! Here: `If-None-Match: *` for a tag that is new, `If-Match` where the registry gave an `ETag`, and after each write
//! the tag is read again until it lists what was added. A registry that gives no `ETag` has no such precondition: whoever
//! read before us can still write after our check. There the tag is read once more after a pause, which is longer than
//! most writers take; one that takes longer still makes us lose, and no client can prevent that.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, json};
use plimsoll_image::Error as ImageError;
use plimsoll_image::{Descriptor, media};
use serde_json::{Value, json};

use super::manifest::{self, Fetched};
use super::push::{self, Precondition};
use super::session::Session;
use crate::Error;

/// How often an update is tried. In each round one of the competing writers succeeds, so this bounds how many may
/// compete; the waits in between spread them out.
const ATTEMPTS: u32 = 60;
/// How many refusals, of a tag that nobody changed, mean that the registry shows changes late.
const UNCHANGED: u32 = 2;
/// How long after its update a tag without `ETag` is read again.
const SETTLE: Duration = Duration::from_millis(150);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(1);

/// `sha256-<hex>`; the specification cuts the digest at 64 characters, so that it fits a tag.
pub(super) fn tag(subject: &Digest) -> String {
    let hex = subject.hex();
    format!("{}-{}", subject.algorithm().name(), hex.get(..64).unwrap_or(&hex))
}

/// Makes the fallback tag of `subject` list `referrer`.
pub(super) async fn add(session: &Session, subject: &Digest, referrer: &Descriptor) -> Result<(), Error> {
    let tag = tag(subject);
    let mut rounds = Rounds::new(format!("referrers tag {tag}"));
    let entry = serde_json::to_value(referrer).map_err(|e| Error::malformed(&*rounds.what, e.to_string()))?;
    let digest = referrer.digest.to_string();
    let mut settled = false;
    loop {
        let current = rounds.read(session, &tag).await?;
        let has_etag = current.as_ref().is_some_and(|fetched| fetched.etag.is_some());
        let mut index = match &current {
            Some(fetched) => read(session, fetched, &rounds.what)?,
            None => json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": []}),
        };
        let Some(manifests) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
            return Err(Error::malformed(rounds.what, "got no list of manifests"));
        };
        if manifests.iter().any(|m| m.get("digest").and_then(Value::as_str) == Some(&*digest)) {
            if has_etag || settled || rounds.written == 0 {
                return Ok(());
            }
            settled = true;
            tokio::time::sleep(SETTLE).await;
            continue;
        }
        settled = false;
        manifests.push(entry.clone());
        let bytes = json::canonical(&index);
        let descriptor = Descriptor::for_bytes(media::OCI_INDEX, &bytes);
        if let Some(pause) = rounds.write(session, &tag, &descriptor, bytes, current).await? {
            tokio::time::sleep(pause).await;
        }
    }
}

/// The rounds in which a tag is read, changed and written, and read again to see whether the change is still there.
pub(super) struct Rounds {
    what: String,
    written: u32,
    /// What was there at the last refusals, and how many there were since it changed.
    refused: (Option<Digest>, u32),
}

impl Rounds {
    /// `what` is the tag, for messages.
    pub(super) fn new(what: String) -> Self {
        Self { what, written: 0, refused: (None, 0) }
    }

    /// What the tag names now.
    pub(super) async fn read(&self, session: &Session, tag: &str) -> Result<Option<Fetched>, Error> {
        manifest::fetch(session, tag, None, &self.what).await
    }

    /// Writes the tag, if it still names `current`. Otherwise says how long to wait until it is read again.
    pub(super) async fn write(
        &mut self,
        session: &Session,
        tag: &str,
        descriptor: &Descriptor,
        bytes: Vec<u8>,
        current: Option<Fetched>,
    ) -> Result<Option<Duration>, Error> {
        if self.written == ATTEMPTS {
            return Err(Error::Contended { what: self.what.clone(), attempts: ATTEMPTS });
        }
        self.written += 1;
        let named = current.as_ref().map(|fetched| fetched.descriptor.digest);
        let precondition = match current {
            None => Precondition::Absent,
            Some(Fetched { etag: Some(etag), .. }) => Precondition::Unchanged(etag),
            Some(_) => Precondition::Anything,
        };
        match push::manifest(session, tag, descriptor, bytes.into(), precondition).await {
            Ok(_) => Ok(None),
            Err(error @ Error::Refused { status: 409 | 412, .. }) => {
                let count = if self.refused.0 == named { self.refused.1 + 1 } else { 1 };
                self.refused = (named, count);
                // Had somebody been faster, the tag would name something else by now. It must not be changed (registries
                // with immutable tags answer the same), and the registry's own words say so.
                if count > UNCHANGED {
                    return Err(error);
                }
                Ok(Some(pause(self.written - 1)))
            }
            Err(error) => Err(error),
        }
    }
}

/// How long to wait before the next attempt: any time up to twice as long as the last limit, from 20 ms on.
fn pause(attempt: u32) -> Duration {
    let most = Duration::from_millis(20).saturating_mul(1 << attempt.min(6)).min(LONGEST);
    // Hash maps are seeded at random, which is random enough to separate competitors.
    let random = RandomState::new().hash_one(attempt);
    let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % most.max(1))
}

/// The index as a tree, so that unknown members survive.
fn read(session: &Session, fetched: &Fetched, what: &str) -> Result<Value, Error> {
    if !media::is_index(&fetched.descriptor.media_type) {
        let got = shown(&fetched.descriptor.media_type);
        return Err(Error::malformed(what, format!("got {got}, expected an index")));
    }
    json::value(&fetched.bytes, session.limits.manifest_bytes)
        .map_err(|source| ImageError::Json { what: what.to_owned(), source }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_the_digest_and_fits() {
        let sha256 = Digest::sha256(b"");
        assert_eq!(tag(&sha256), format!("sha256-{}", sha256.hex()));
        let sha512 = Digest::compute(plimsoll_core::Algorithm::Sha512, b"");
        assert_eq!(tag(&sha512).len(), 7 + 64);
    }
}
