//! Probing a registry, for diagnosis: two requests that show whether TLS, credentials, the subject and the referrers API
//! are there, and the registry's time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::Digest;
use plimsoll_http::{Request, header};
use plimsoll_image::Error as ImageError;

use super::manifest;
use super::session::{Access, Redirects, Session};
use crate::Error;

/// How a registry answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Probe {
    /// Whether it was reached over TLS.
    pub tls: bool,
    /// Whether it has the referrers API; without it, signatures are found under fallback tags.
    pub referrers_api: bool,
    /// Its `Date` header, if it sends one.
    pub date: Option<String>,
    /// From the request to the head of the answer, on an open connection.
    pub took: Duration,
    /// What was found under the subject's name.
    pub found: Found,
}

/// What a probe found under the subject's name, and so what it says anything about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The image.
    Image,
    /// Only its repository. There is nothing under the tag that goes without saying, `latest`.
    Repository,
}

/// Asks for the referrers of a digest that nothing has, then for the subject itself: an answer of "not found" comes from
/// registries that have not checked the credentials yet, and from repositories that do not exist. A registry that
/// requires other credentials is an error, and so is a subject that is not there.
pub(super) async fn probe(session: &Arc<Session>) -> Result<Probe, Error> {
    let nothing = Digest::sha256(b"plimsoll: nothing has this digest");
    let url = session.url(&format!("referrers/{nothing}"))?;
    let what = format!("registry {}", session.host());
    let begun = Instant::now();
    let response = session.call(Request::get(url), Access::Pull, Redirects::Returned, &what).await?;
    let took = begun.elapsed();
    let status = response.status.as_u16();
    if matches!(status, 401 | 403) {
        return Err(session.refused(response, &what).await);
    }
    let date = response.headers.get(header::DATE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (tls, referrers_api) = (response.url.scheme() == "https", status == 200);
    let found = subject(session).await?;
    Ok(Probe { tls, referrers_api, date, took, found })
}

/// Whether the subject is there, and may be read.
async fn subject(session: &Arc<Session>) -> Result<Found, Error> {
    match manifest::resolve(session).await {
        // A registry may have the repository, and nothing under the tag that goes without saying.
        Err(Error::Image(ImageError::NotFound { .. })) if asks_for_default(session) => {
            repository(session).await.map(|()| Found::Repository)
        }
        resolved => resolved.map(|_| Found::Image),
    }
}

/// Whether the repository is there.
async fn repository(session: &Arc<Session>) -> Result<(), Error> {
    let url = session.url("tags/list?n=1")?;
    let name = session.reference.name();
    let what = format!("repository {name}");
    let response = session.call(Request::get(url), Access::Pull, Redirects::Returned, &what).await?;
    match response.status.as_u16() {
        200 => Ok(()),
        404 => Err(ImageError::NotFound { what, place: format!("registry {}", session.host()) }.into()),
        // Whether it is there remains unknown.
        _ => Err(session.refused(response, &what).await),
    }
}

/// Whether the tag is the one that a reference without tag and digest has.
fn asks_for_default(session: &Session) -> bool {
    session.reference.digest().is_none() && session.reference.tag() == Some("latest")
}
