//! A repository in a registry, over the OCI distribution API: a [`Source`] to read from and a [`Store`] to attach to.
//!
//! Owns the order of requests, authentication retries, referrers with their fallback tag, and uploads. Does not own
//! connections, TLS, retries of passing trouble or address rules (`plimsoll-http`), and does not judge what it carries.
//!
//! Follows the OCI distribution specification 1.1. What it adds on purpose:
//! - A tag is resolved once; everything after goes by the digest that was computed from the bytes (Kyverno
//!   CVE-2022-47633). What a registry says about a digest is never believed (notation CVE-2023-33959).
//! - Not being able to find out is an error: a network failure, a 401 or a 5xx never means "no referrers".
//! - `urls` in descriptors are never followed, and credentials go to the registry and its own token server only.
//!
//! The interface is synchronous and may be called from any thread, in parallel, but not from within an async task: the
//! network runs on one thread of its own, and blob streams arrive through a bounded channel.

mod blob;
mod fallback;
mod link;
mod manifest;
mod push;
mod referrers;
mod runtime;
mod session;

use std::io::Read;
use std::sync::Arc;

use plimsoll_core::{Digest, Limits, Reference};
use plimsoll_http::Client;

use crate::auth::Credentials;
use crate::{Descriptor, Error, Referrers, Source, Store};
use session::Session;

pub(crate) use session::explanation;

/// One repository of a registry, and what the user named in it.
pub struct Registry {
    session: Arc<Session>,
}

impl Registry {
    /// Opens nothing yet; the first call does. Clients that are shared with other registries share connections; they
    /// must not be used on another async runtime.
    pub fn new(
        client: Client,
        reference: &Reference,
        credentials: Option<Credentials>,
        limits: Limits,
    ) -> Result<Self, Error> {
        Ok(Self { session: Arc::new(Session::new(client, reference.clone(), credentials, limits)?) })
    }

    /// What the user named.
    pub fn reference(&self) -> &Reference {
        &self.session.reference
    }

    /// Stores a manifest by its digest, and points `tag` at it if one is given. Its blobs have to be there already.
    pub fn put_manifest(
        &self,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor, Error> {
        let descriptor = Descriptor::of(media_type, bytes);
        let place = match tag {
            Some(tag) => self
                .reference()
                .with_tag(tag)
                .map_err(|e| Error::malformed("tag", e.to_string()))
                .map(|_| tag.to_owned())?,
            None => descriptor.digest.to_string(),
        };
        let (session, sent, bytes) = (Arc::clone(&self.session), descriptor.clone(), bytes.to_vec());
        runtime::block_on(async move {
            push::manifest(&session, &place, &sent, bytes.into(), push::Precondition::Anything).await
        })?;
        Ok(descriptor)
    }
}

impl Source for Registry {
    fn describe(&self) -> String {
        format!("registry {}", self.session.reference.name())
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        let session = Arc::clone(&self.session);
        runtime::block_on(async move { Ok(manifest::resolve(&session).await?.descriptor.clone()) })
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let (session, descriptor) = (Arc::clone(&self.session), descriptor.clone());
        runtime::block_on(async move { manifest::named(&session, &descriptor).await })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let (session, descriptor) = (Arc::clone(&self.session), descriptor.clone());
        runtime::block_on(async move { blob::open(&session, descriptor).await })
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        let (session, subject) = (Arc::clone(&self.session), *subject);
        runtime::block_on(async move { referrers::all(&session, &subject).await })
    }
}

impl Store for Registry {
    fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let descriptor = Descriptor::of(media_type, bytes);
        let (session, digest, bytes) = (Arc::clone(&self.session), descriptor.digest, bytes.to_vec());
        runtime::block_on(async move { push::blob(&session, &digest, bytes.into()).await })?;
        Ok(descriptor)
    }

    fn attach(&self, media_type: &str, manifest: &[u8]) -> Result<Descriptor, Error> {
        let (session, descriptor) = (Arc::clone(&self.session), Descriptor::of(media_type, manifest));
        let manifest = manifest.to_vec();
        runtime::block_on(async move { push::attach(&session, descriptor, manifest.into()).await })
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("reference", &self.session.reference).finish_non_exhaustive()
    }
}
