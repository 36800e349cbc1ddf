//! The places that one name is read from, in order: mirrors, then the primary.
//!
//! A mirror that is down, does not have the object, or refuses it is skipped, and one that is down is not asked again
//! in this run. A mirror that *lies* (its bytes do not match the digest) is an error: somebody should look at it.

use std::sync::Arc;

use plimsoll_core::{Digest, LimitExceeded, Limits, Reference};
use plimsoll_http::{Client, HeaderValue, TlsFault};
use plimsoll_image::Error as ImageError;
use plimsoll_image::{Descriptor, Referrers};
use tokio::sync::OnceCell;

use super::blob;
use super::manifest::{self, Conditional, Fetched, Resolved};
use super::referrers::{self, ReferrersList};
use super::session::Session;
use crate::Error;
use crate::auth::Credentials;
use crate::mirrors::{Place, Plan, UnreachableHosts};

/// Where one name is read, and where it is written.
pub(super) struct Places {
    /// In order; the primary is the last.
    asked: Vec<OpenPlace>,
    primary: Arc<Session>,
    /// What the user named; everything that is written goes there.
    pub(super) origin: Arc<Session>,
    resolved: OnceCell<Resolved>,
    dead: UnreachableHosts,
}

/// One place, opened.
pub(super) struct OpenPlace {
    pub(super) session: Arc<Session>,
    is_mirror: bool,
    resolves: bool,
    serves: bool,
    configured: String,
    refused: Option<String>,
}

/// What is requested from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// What a tag means.
    Tag,
    /// Content by digest.
    Content,
}

impl Places {
    pub(super) fn new(
        client: &Client,
        plan: Plan,
        mut credentials: impl FnMut(&Reference) -> Result<Option<Credentials>, Error>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut open = |place: Place, is_mirror: bool| {
            let Place { resolves, serves, configured, refused, .. } = place.clone();
            let known = credentials(&place.reference)?;
            let session = Arc::new(Session::new(client.clone(), place, known, limits.clone(), is_mirror)?);
            Ok::<_, Error>(OpenPlace { session, is_mirror, resolves, serves, configured, refused })
        };
        let Plan { mirrors, primary, origin, dead, .. } = plan;
        let mut asked = Vec::new();
        for mirror in mirrors {
            asked.push(open(mirror, true)?);
        }
        let is_origin = primary.reference == origin && primary.root.is_none();
        let last = open(primary, false)?;
        let primary = Arc::clone(&last.session);
        asked.push(last);
        let origin = if is_origin {
            Arc::clone(&primary)
        } else {
            open(Plan::direct(&origin).primary, false)?.session
        };
        Ok(Self { asked, primary, origin, resolved: OnceCell::new(), dead })
    }

    /// Resolves what the user named, once; every later call gets the same answer, even if the tag has moved.
    pub(super) async fn resolve(&self) -> Result<&Resolved, Error> {
        self.resolved
            .get_or_try_init(|| async {
                let wanted =
                    if self.origin.reference.digest().is_some() { Lookup::Content } else { Lookup::Tag };
                for place in self.candidates(wanted) {
                    match manifest::resolve(&place.session).await {
                        Ok(resolved) => {
                            place.served(&format!(
                                "{} is {}",
                                self.origin.reference, resolved.descriptor.digest
                            ));
                            return Ok(resolved);
                        }
                        Err(error) => self.pass(place, error)?,
                    }
                }
                Err(self.nobody(&format!("manifest of {}", self.origin.reference)))
            })
            .await
    }

    /// The bytes of a manifest that a descriptor names.
    pub(super) async fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let what = format!("manifest {}", descriptor.digest);
        let limit = self.origin.limits.manifest_bytes;
        if descriptor.size > limit {
            return Err(LimitExceeded::new("manifest_bytes", limit, what).into());
        }
        if let Some(bytes) = self.resolved_bytes(&descriptor.digest) {
            descriptor.check(&bytes, &what)?;
            return Ok(bytes.to_vec());
        }
        for place in self.candidates(Lookup::Content) {
            match manifest::named(&place.session, descriptor).await {
                Ok(bytes) => {
                    place.served(&what);
                    return Ok(bytes);
                }
                Err(error) => self.pass(place, error)?,
            }
        }
        Err(self.nobody(&what))
    }

    pub(super) async fn blob(self: &Arc<Self>, descriptor: Descriptor) -> Result<blob::Stream, Error> {
        blob::open(self, descriptor).await
    }

    /// Only from the primary place: a mirror need not have an image's referrers, so an empty answer from it means
    /// nothing.
    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        referrers::all(&self.primary, subject).await.map_err(|error| self.explained(error))
    }

    /// What the referrers API of the primary place lists.
    pub(super) async fn by_api(
        &self,
        subject: &Digest,
        etag: Option<&HeaderValue>,
    ) -> Result<Conditional<Option<ReferrersList>>, Error> {
        let asked = referrers::by_api(&self.primary, subject, etag).await;
        asked.map_err(|error| self.explained(error))
    }

    /// What a tag of the same repository is, only from the primary place: evidence under tags is treated like
    /// referrers.
    pub(super) async fn tagged(
        &self,
        tag: &str,
        etag: Option<&HeaderValue>,
    ) -> Result<Conditional<Option<Fetched>>, Error> {
        let asked = manifest::fetch_unless(&self.primary, tag, None, etag, &format!("manifest {tag}")).await;
        asked.map_err(|error| self.explained(error))
    }

    /// The manifests that a fallback tag lists.
    pub(super) fn in_tag(&self, tag: &str, fetched: Option<&Fetched>) -> Result<Referrers, Error> {
        referrers::in_tag(&self.primary, tag, fetched)
    }

    /// Whether only the place itself is asked, so that every answer comes from the registry that the user named.
    pub(super) fn is_direct(&self) -> bool {
        self.asked.len() == 1 && Arc::ptr_eq(&self.primary, &self.origin)
    }

    /// Nothing has been resolved yet.
    pub(super) fn is_unresolved(&self) -> bool {
        self.resolved.get().is_none()
    }

    /// Records the resolution. The first one wins, and everything after uses it.
    pub(super) fn settle(&self, resolved: Resolved) -> Descriptor {
        let descriptor = resolved.descriptor.clone();
        match self.resolved.set(resolved) {
            Ok(()) => descriptor,
            Err(_) => self.resolved.get().map_or(descriptor, |resolved| resolved.descriptor.clone()),
        }
    }

    /// The bytes of what the user named, if the descriptor names them.
    pub(super) fn resolved_bytes(&self, digest: &Digest) -> Option<bytes::Bytes> {
        let resolved = self.resolved.get()?;
        (resolved.descriptor.digest == *digest).then(|| resolved.bytes.clone())
    }

    fn explained(&self, error: Error) -> Error {
        match self.asked.last() {
            Some(place) => place.explained(error),
            None => error,
        }
    }

    /// The places that may be asked now.
    pub(super) fn candidates(&self, wanted: Lookup) -> Vec<&OpenPlace> {
        let may = |place: &&OpenPlace| match wanted {
            Lookup::Tag => place.resolves,
            Lookup::Content => place.serves,
        };
        let down = |place: &&OpenPlace| place.is_mirror && self.dead.has(place.session.host());
        self.asked.iter().filter(|p| may(p) && !down(p)).collect()
    }

    /// Skips a mirror after its failure, or returns the failure.
    pub(super) fn pass(&self, place: &OpenPlace, error: Error) -> Result<(), Error> {
        if !place.is_mirror || !may_pass(&error) {
            return Err(place.explained(error));
        }
        if place.refused.is_some() && lacks_tls(&error) {
            return Err(place.explained(error));
        }
        if is_down(&error) {
            if self.dead.add(place.session.host()) {
                tracing::warn!("mirror {} ({}) is not used: {error}", place.session.host(), place.configured);
            }
        } else if matches!(error, Error::Image(ImageError::NotFound { .. })) {
            tracing::info!(
                "mirror {} ({}) does not have it: {error}",
                place.session.host(),
                place.configured
            );
        } else {
            tracing::warn!("mirror {} ({}) is skipped: {error}", place.session.host(), place.configured);
        }
        Ok(())
    }

    pub(super) fn nobody(&self, what: &str) -> Error {
        let place = self.asked.last().map(|place| place.configured.clone()).unwrap_or_default();
        Error::NoPlace { what: what.to_owned(), place }
    }
}

impl OpenPlace {
    /// Logs with `-v` which place served something, if that is not obvious.
    pub(super) fn served(&self, what: &str) {
        if !self.configured.is_empty() {
            tracing::info!("{what}: from {} ({})", self.session.reference.name(), self.configured);
        }
    }

    /// A TLS failure at a place that is configured for insecure TLS.
    fn explained(&self, error: Error) -> Error {
        match &self.refused {
            Some(place) if lacks_tls(&error) => {
                Error::InsecureConfig { place: place.clone(), source: Box::new(error) }
            }
            _ => error,
        }
    }
}

/// Whether the next place may have the answer that this one lacks. Wrong content is never skipped.
fn may_pass(error: &Error) -> bool {
    use plimsoll_http::Error as E;
    match error {
        Error::Image(ImageError::NotFound { .. })
        | Error::Unauthorized { .. }
        | Error::CloudIdentity { .. }
        | Error::Refused { .. } => true,
        Error::Http { source, .. } => !matches!(
            **source,
            E::Offline { .. }
                | E::AddressRefused { .. }
                | E::Downgrade { .. }
                | E::HostSetting { .. }
                | E::Stopped { .. }
        ),
        _ => false,
    }
}

/// Whether asking the host again is pointless.
fn is_down(error: &Error) -> bool {
    use plimsoll_http::{Error as E, Phase};
    let Error::Http { source, .. } = error else { return false };
    matches!(
        **source,
        E::Resolve { .. }
            | E::Connect { .. }
            | E::Tls { .. }
            | E::PlainHttp { .. }
            | E::ProxyRefused { .. }
            | E::Timeout { phase: Phase::Connect | Phase::Response, .. }
    )
}

fn lacks_tls(error: &Error) -> bool {
    use plimsoll_http::Error as E;
    let Error::Http { source, .. } = error else { return false };
    match &**source {
        E::PlainHttp { .. } => true,
        E::Tls { fault, .. } => *fault != TlsFault::ClientCertificate,
        _ => false,
    }
}
