//! Reading with a cache: which requests the registry gets, and which the cache answers.
//!
//! Owns when a cached object or list replaces a request, and what is kept of an answer ([`crate::cache`] owns how).
//! Runs on the caller's thread, so that the disk does not hold up the network.

use std::collections::HashSet;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_http::HeaderValue;
use plimsoll_image::Error as ImageError;
use plimsoll_image::{Descriptor, Listing, Referrers};

use super::manifest::{self, Conditional, Fetched, Resolved};
use super::places::Places;
use super::{fallback, runtime};
use crate::Error;
use crate::cache::{Answer, Cache, OBJECT, Query, Section};

/// A registry's places, and the cache of their answers.
pub(super) struct CachedPlaces {
    places: Arc<Places>,
    section: Option<Arc<Section>>,
    /// Subjects for which the registry lacks the API, so that their fallback tag was the first list.
    by_tag: Mutex<HashSet<Digest>>,
}

impl CachedPlaces {
    /// Without a cache: every answer comes from the registry.
    pub(super) fn nothing(places: &Arc<Places>) -> Self {
        Self { places: Arc::clone(places), section: None, by_tag: Mutex::default() }
    }

    pub(super) fn in_cache(places: &Arc<Places>, cache: &Cache) -> Self {
        let section = places.is_direct().then(|| places.origin.section(cache)).flatten();
        Self { section: section.map(Arc::new), ..Self::nothing(places) }
    }

    pub(super) fn as_of(&self) -> Option<Timestamp> {
        self.section.as_ref()?.as_of()
    }

    /// What the user named. A digest is requested even if its bytes are cached: the question is whether the registry
    /// has it.
    pub(super) fn resolve(&self) -> Result<Descriptor, Error> {
        let reference = &self.places.origin.reference;
        let is_new = self.places.is_unresolved();
        if let Some(section) = self.section.as_ref().filter(|_| is_new) {
            match (reference.digest(), reference.tag()) {
                (Some(digest), _) if section.is_offline() => {
                    if let Some(bytes) = section.object(&digest, self.places.origin.limits.manifest_bytes) {
                        return self.settle_unasked(digest, bytes);
                    }
                }
                (None, Some(tag)) => {
                    let what = format!("manifest {tag}");
                    let Some(Fetched { descriptor, bytes, .. }) = self.tagged(tag)? else {
                        let place = format!("registry {}", reference.name());
                        return Err(ImageError::NotFound { what, place }.into());
                    };
                    return Ok(self.places.settle(Resolved { descriptor, bytes }));
                }
                _ => {}
            }
        }
        let places = Arc::clone(&self.places);
        let (descriptor, bytes) = runtime::block_on(async move {
            let resolved = places.resolve().await?;
            Ok((resolved.descriptor.clone(), resolved.bytes.clone()))
        })?;
        if is_new {
            self.keep(&descriptor.digest, &bytes);
        }
        Ok(descriptor)
    }

    /// Without the registry, only the bytes say what they are.
    fn settle_unasked(&self, digest: Digest, bytes: Vec<u8>) -> Result<Descriptor, Error> {
        let media_type = manifest::stated_type("", &bytes, &format!("manifest {digest}"))?;
        let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
        Ok(self.places.settle(Resolved { descriptor, bytes: bytes.into() }))
    }

    /// The bytes of a manifest that a descriptor names.
    pub(super) fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let is_resolved = self.places.resolved_bytes(&descriptor.digest).is_some();
        if !is_resolved
            && descriptor.size <= self.places.origin.limits.manifest_bytes
            && let Some(bytes) = self.object(descriptor)
        {
            return Ok(bytes);
        }
        let (places, wanted) = (Arc::clone(&self.places), descriptor.clone());
        let bytes = runtime::block_on(async move { places.manifest(&wanted).await })?;
        self.keep(&descriptor.digest, &bytes);
        Ok(bytes)
    }

    /// The raw bytes of a blob. A small one is kept when it has been read to its end and its digest is right.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        if let Some(bytes) = self.object(descriptor) {
            return Ok(Box::new(Cursor::new(bytes)));
        }
        let (places, wanted) = (Arc::clone(&self.places), descriptor.clone());
        let stream = runtime::block_on(async move { places.blob(wanted).await })?;
        Ok(match &self.section {
            Some(section) if descriptor.size <= OBJECT => Box::new(CachingReader {
                stream,
                bytes: Vec::new(),
                descriptor: descriptor.clone(),
                section: Arc::clone(section),
            }),
            _ => Box::new(stream),
        })
    }

    /// What a tag is; `None` when there is no such tag.
    pub(super) fn tagged(&self, tag: &str) -> Result<Option<Fetched>, Error> {
        let question = Query::Tag(tag);
        let known = self.section.as_ref().and_then(|section| {
            let known = section.known(question)?;
            // An answer whose bytes are gone is useless, and the registry must not be told that we have it.
            let fetched = match &known.said {
                Answer::Manifest { descriptor } => {
                    let bytes = Bytes::from(self.object(descriptor)?);
                    Some(Fetched { descriptor: Descriptor::clone(descriptor), bytes, etag: None })
                }
                Answer::Nothing {} => None,
                Answer::Listed { .. } => return None,
            };
            Some((section, known, fetched))
        });
        if let Some((section, known, fetched)) = &known
            && section.relies_on(known)
        {
            return Ok(fetched.clone());
        }
        let etag = known.as_ref().and_then(|(_, known, _)| known.etag.clone());
        let (places, wanted) = (Arc::clone(&self.places), tag.to_owned());
        match (runtime::block_on(async move { places.tagged(&wanted, etag.as_ref()).await })?, known) {
            (Conditional::Unchanged, Some((section, _, fetched))) => {
                section.holds(question);
                Ok(fetched)
            }
            (Conditional::Unchanged, None) => Err(unasked(&format!("manifest {tag}"))),
            (Conditional::Changed(found), _) => {
                let said = match &found {
                    Some(found) => {
                        self.keep(&found.descriptor.digest, &found.bytes);
                        Answer::Manifest { descriptor: Box::new(found.descriptor.clone()) }
                    }
                    None => Answer::Nothing {},
                };
                self.keep_said(question, &said, found.as_ref().and_then(|found| found.etag.as_ref()));
                Ok(found)
            }
        }
    }

    /// One of the lists of referrers of a subject.
    pub(super) fn listed(&self, subject: &Digest, listing: Listing) -> Result<Referrers, Error> {
        let by_tag = || self.by_tag.lock().unwrap_or_else(PoisonError::into_inner);
        match listing {
            Listing::First => {
                if let Some(listed) = self.by_api(subject)? {
                    return Ok(listed);
                }
                let listed = self.in_tag(subject)?;
                by_tag().insert(*subject);
                Ok(listed)
            }
            Listing::Rest if by_tag().contains(subject) => Ok(Referrers::default()),
            Listing::Rest => self.in_tag(subject),
        }
    }

    /// What the referrers API lists; `None` when the registry does not have it.
    fn by_api(&self, subject: &Digest) -> Result<Option<Referrers>, Error> {
        let question = Query::Referrers(subject);
        let known = self.section.as_ref().and_then(|section| {
            let known = section.known(question)?;
            let listed = match &known.said {
                Answer::Listed { descriptors, truncated } => {
                    Some(Referrers { descriptors: descriptors.clone(), truncated: *truncated })
                }
                Answer::Nothing {} => None,
                Answer::Manifest { .. } => return None,
            };
            Some((section, known, listed))
        });
        if let Some((section, known, listed)) = &known
            && section.relies_on(known)
        {
            return Ok(listed.clone());
        }
        let etag = known.as_ref().and_then(|(_, known, _)| known.etag.clone());
        let (places, wanted) = (Arc::clone(&self.places), *subject);
        match (runtime::block_on(async move { places.by_api(&wanted, etag.as_ref()).await })?, known) {
            (Conditional::Unchanged, Some((section, _, listed))) => {
                section.holds(question);
                Ok(listed)
            }
            (Conditional::Unchanged, None) => Err(unasked(&format!("referrers of {subject}"))),
            (Conditional::Changed(None), _) => {
                self.keep_said(question, &Answer::Nothing {}, None);
                Ok(None)
            }
            (Conditional::Changed(Some(listed)), _) => {
                self.keep_said(question, &Answer::from(&listed.referrers), listed.etag.as_ref());
                Ok(Some(listed.referrers))
            }
        }
    }

    fn in_tag(&self, subject: &Digest) -> Result<Referrers, Error> {
        let tag = fallback::tag(subject);
        let fetched = self.tagged(&tag)?;
        self.places.in_tag(&tag, fetched.as_ref())
    }

    /// The object that a descriptor names, if it is here.
    fn object(&self, descriptor: &Descriptor) -> Option<Vec<u8>> {
        let section = self.section.as_ref().filter(|_| descriptor.size <= OBJECT)?;
        let bytes = section.object(&descriptor.digest, descriptor.size)?;
        (bytes.len() as u64 == descriptor.size).then_some(bytes)
    }

    fn keep(&self, digest: &Digest, bytes: &[u8]) {
        if let Some(section) = &self.section {
            section.keep(digest, bytes);
        }
    }

    /// An answer without TLS from another machine may come from anybody. It counts now, because the user allowed it,
    /// but it is not kept for later runs that may not allow it.
    fn keep_said(&self, question: Query<'_>, said: &Answer, etag: Option<&HeaderValue>) {
        if let Some(section) = self.section.as_ref().filter(|_| self.places.origin.is_sealed()) {
            section.keep_said(question, said, etag);
        }
    }
}

/// An answer "not modified" to an unconditional request.
fn unasked(what: &str) -> Error {
    Error::malformed(what, "got 304 to an unconditional request")
}

/// Keeps what is read through it.
struct CachingReader<R> {
    stream: R,
    bytes: Vec<u8>,
    descriptor: Descriptor,
    section: Arc<Section>,
}

impl<R: Read> Read for CachingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let size = self.descriptor.size;
        // A blob of the wrong size is the reader's concern; it is merely not kept.
        if self.bytes.len() as u64 <= size {
            self.bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        let ended = count == 0 && !buffer.is_empty();
        if ended && self.bytes.len() as u64 == size {
            let bytes = std::mem::take(&mut self.bytes);
            let digest = self.descriptor.digest;
            if Digest::compute(digest.algorithm(), &bytes) == digest {
                self.section.keep(&digest, &bytes);
            }
        }
        Ok(count)
    }
}
