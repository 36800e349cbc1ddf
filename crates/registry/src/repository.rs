//! A repository in a registry, over the OCI distribution API: a [`Source`] to read from and a [`Store`] to attach to.
//!
//! Owns the order of requests, authentication retries, referrers with their fallback tag, and uploads. Does not own
//! connections, TLS, retries of temporary failures or address rules (`plimsoll-http`), and does not judge what it
//! carries.
//!
//! Follows the OCI distribution specification 1.1, with these additions:
//! - A tag is resolved once; everything after that uses the digest computed from the bytes (Kyverno CVE-2022-47633). A
//!   digest that the registry states is never trusted (notation CVE-2023-33959).
//! - A failure to find out is an error: a network failure, a 401 or a 5xx never means "no referrers".
//! - `urls` in descriptors are never followed, and credentials go to the registry and its own token server only.
//!
//! The interface is synchronous and may be called from any thread, in parallel, but not from within an async task: the
//! waiting thread drives the network. Blob streams arrive through a bounded channel; for large ones the network gets a
//! thread of its own.

mod blob;
mod cached;
mod fallback;
mod link;
mod manifest;
mod places;
mod probe;
mod push;
mod range;
mod referrers;
pub(crate) mod runtime;
mod session;

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use plimsoll_core::{Digest, Limits, Reference, Timestamp};
use plimsoll_http::Client;
use plimsoll_image::source::Change;
use plimsoll_image::{Content, Descriptor, Error as ImageError, Listing, Referrers, Source, Store};

use crate::auth::Credentials;
use crate::{Cache, Error, Plan};
use cached::CachedPlaces;
use fallback::Rounds;
use places::Places;

pub use probe::{Found, Probe};

/// One repository of a registry, and what the user named in it.
pub struct Registry {
    places: Arc<Places>,
    kept: CachedPlaces,
}

impl Registry {
    /// Opens nothing yet; the first call does. Clients shared with other registries share connections; they must not be
    /// used on another async runtime.
    #[expect(clippy::needless_pass_by_value, reason = "they are the registry's from here on")]
    pub fn new(
        client: Client,
        reference: &Reference,
        credentials: Option<Credentials>,
        limits: Limits,
    ) -> Result<Self, Error> {
        Self::planned(&client, Plan::direct(reference), |_| Ok(credentials.clone()), &limits)
    }

    /// The same at the places of a plan. `credentials` returns those for each place; no other place sees them.
    pub fn planned(
        client: &Client,
        plan: Plan,
        credentials: impl FnMut(&Reference) -> Result<Option<Credentials>, Error>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let places = Arc::new(Places::new(client, plan, credentials, limits)?);
        Ok(Self { kept: CachedPlaces::nothing(&places), places })
    }

    /// The same with a cache. It is not used with mirrors, whose answers are not the registry's.
    #[must_use]
    pub fn with_cache(self, cache: &Cache) -> Self {
        Self { kept: CachedPlaces::in_cache(&self.places, cache), ..self }
    }

    /// What the user named.
    pub fn reference(&self) -> &Reference {
        &self.places.origin.reference
    }

    /// The tag, if it can be one.
    fn tag(&self, tag: &str) -> Result<String, Error> {
        match self.reference().with_tag(tag) {
            Ok(_) => Ok(tag.to_owned()),
            Err(error) => Err(Error::malformed("tag", error.to_string())),
        }
    }

    /// Checks how the registry responds, for diagnosis.
    pub fn probe(&self) -> Result<Probe, Error> {
        let session = Arc::clone(&self.places.origin);
        runtime::block_on(async move { probe::probe(&session).await })
    }
}

impl Source for Registry {
    fn describe(&self) -> String {
        format!("registry {}", self.places.origin.reference.name())
    }

    fn resolve(&self) -> Result<Descriptor, ImageError> {
        Ok(self.kept.resolve()?)
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        Ok(self.kept.manifest(descriptor)?)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        Ok(self.kept.blob(descriptor)?)
    }

    fn part(
        &self,
        descriptor: &Descriptor,
        range: Range<u64>,
    ) -> Result<Option<Box<dyn Read + Send>>, ImageError> {
        let (places, wanted) = (Arc::clone(&self.places), descriptor.clone());
        let part = runtime::block_on(async move { range::open(&places, wanted, range).await })?;
        Ok(part.map(|part| Box::new(part) as Box<dyn Read + Send>))
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, ImageError> {
        let (places, subject) = (Arc::clone(&self.places), *subject);
        Ok(runtime::block_on(async move { places.referrers(&subject).await })?)
    }

    fn named(&self, name: &str) -> Result<Option<(Descriptor, Vec<u8>)>, ImageError> {
        let found = self.kept.tagged(&self.tag(name)?)?;
        Ok(found.map(|found| (found.descriptor, found.bytes.to_vec())))
    }

    fn listed(&self, subject: &Digest, listing: Listing) -> Result<Referrers, ImageError> {
        Ok(self.kept.listed(subject, listing)?)
    }

    fn is_fetched_by_digest(&self) -> bool {
        true
    }

    fn as_of(&self) -> Option<Timestamp> {
        self.kept.as_of()
    }
}

impl Store for Registry {
    fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, ImageError> {
        let descriptor = Descriptor::for_bytes(media_type, bytes);
        let (session, digest, bytes) = (Arc::clone(&self.places.origin), descriptor.digest, bytes.to_vec());
        runtime::block_on(async move {
            push::blob(&session, &digest, None, push::Bytes::from(bytes).into()).await
        })?;
        Ok(descriptor)
    }

    fn put_content(&self, content: &Content) -> Result<(), ImageError> {
        let (session, digest) = (Arc::clone(&self.places.origin), content.descriptor().digest);
        let mount = content.mounted_from().map(str::to_owned);
        let (body, fault) = push::streamed(content);
        let sent =
            runtime::block_on(async move { push::blob(&session, &digest, mount.as_deref(), body).await });
        // The failure of the stream is the reason; the connection's own error only follows from it.
        match (sent, fault.take()) {
            (Err(_), Some(fault)) => Err(fault),
            (sent, _) => Ok(sent?),
        }
    }

    fn put_manifest(
        &self,
        name: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor, ImageError> {
        let descriptor = Descriptor::for_bytes(media_type, bytes);
        let place = match name.filter(|name| name.parse::<Digest>().is_err()) {
            Some(name) => self.tag(name)?,
            None => descriptor.digest.to_string(),
        };
        let (session, sent, bytes) = (Arc::clone(&self.places.origin), descriptor.clone(), bytes.to_vec());
        runtime::block_on(async move {
            push::manifest(&session, &place, &sent, bytes.into(), push::Precondition::Anything).await
        })?;
        Ok(descriptor)
    }

    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), ImageError> {
        let tag = self.tag(name)?;
        let mut rounds = Rounds::new(format!("tag {tag}"));
        loop {
            let (session, asked) = (Arc::clone(&self.places.origin), tag.clone());
            let (current, mut going) = runtime::block_on(async move {
                let current = rounds.read(&session, &asked).await?;
                Ok::<_, Error>((current, rounds))
            })?;
            let there = current.as_ref().map(|fetched| (&fetched.descriptor, &*fetched.bytes));
            let Some((media_type, bytes)) = change(there)? else { return Ok(()) };
            let descriptor = Descriptor::for_bytes(media_type, &bytes);
            let (session, named) = (Arc::clone(&self.places.origin), tag.clone());
            rounds = runtime::block_on(async move {
                if let Some(pause) = going.write(&session, &named, &descriptor, bytes, current).await? {
                    tokio::time::sleep(pause).await;
                }
                Ok::<_, Error>(going)
            })?;
        }
    }

    fn attach(&self, media_type: &str, manifest: &[u8]) -> Result<Descriptor, ImageError> {
        let (session, descriptor) =
            (Arc::clone(&self.places.origin), Descriptor::for_bytes(media_type, manifest));
        let manifest = manifest.to_vec();
        Ok(runtime::block_on(async move { push::attach(&session, descriptor, manifest.into()).await })?)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("reference", &self.places.origin.reference).finish_non_exhaustive()
    }
}
