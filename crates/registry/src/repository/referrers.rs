//! What refers to a subject: the referrers API and the fallback tag.
//!
//! Both, because a registry may have gained its referrers API after clients wrote the fallback tag, and because a proxy
//! may answer the API with an empty list. There are no referrers only if both say so. A caller that finds enough in the
//! first need not ask for the other ([`plimsoll_image::Listing`]): attached evidence only ever adds.
//!
//! A registry without the API answers 404; some answer 400 or 405, and GHCR sends a browser to a web page (303).

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, json};
use plimsoll_http::{HeaderValue, Request, Response, Url, header};
use plimsoll_image::Error as ImageError;
use plimsoll_image::descriptor::null_is_default;
use plimsoll_image::{Descriptor, Referrers, media};
use serde::Deserialize;

use super::manifest::{self, Conditional, Fetched};
use super::session::{Access, Redirects, Session};
use super::{fallback, link};
use crate::Error;

/// Pages of one list; registries put 50 to 1,000 descriptors on one.
const PAGES: usize = 256;
/// Descriptors that are listed for each referrer that may be read. Callers choose the newest that they want, so the
/// list must be longer than the choice, or early junk would hide it.
const LISTED: usize = 16;
/// All pages together, in multiples of the limit for one manifest.
const BYTES: u64 = 4;

/// A page of the API, and a fallback tag's index: the parts of an OCI index that matter here. Without `manifests` it is
/// something else (an error document, a proxy's greeting), and not an empty list.
#[derive(Deserialize)]
struct Page {
    #[serde(deserialize_with = "null_is_default")]
    manifests: Vec<Descriptor>,
}

/// All referrers of `subject`, up to the limits.
pub(super) async fn all(session: &Arc<Session>, subject: &Digest) -> Result<Referrers, Error> {
    let tag = tokio::spawn({
        // Requested at the same time: on a slow connection, users would notice a second wait.
        let (session, subject) = (Arc::clone(session), *subject);
        async move { tagged(&session, &subject).await }
    });
    let mut list = List::new(session);
    if let Conditional::Changed(Some(listed)) = by_api(session, subject, None).await? {
        list.add(listed.referrers);
    }
    let what = || format!("referrers of {subject}");
    list.add(tag.await.map_err(|e| Error::io(what(), e.into()))??);
    Ok(list.referrers)
}

async fn tagged(session: &Session, subject: &Digest) -> Result<Referrers, Error> {
    let tag = fallback::tag(subject);
    let fetched = manifest::fetch(session, &tag, None, &format!("referrers tag {tag}")).await?;
    in_tag(session, &tag, fetched.as_ref())
}

/// What the fallback tag lists; nothing if there is no such tag.
pub(super) fn in_tag(session: &Session, tag: &str, fetched: Option<&Fetched>) -> Result<Referrers, Error> {
    let Some(fetched) = fetched else { return Ok(Referrers::default()) };
    let what = format!("referrers tag {tag}");
    if !media::is_index(&fetched.descriptor.media_type) {
        let got = shown(&fetched.descriptor.media_type);
        return Err(Error::malformed(what, format!("got {got}, expected an index")));
    }
    let mut list = List::new(session);
    list.extend(page(session, &fetched.bytes, &what)?);
    Ok(list.referrers)
}

/// What the API lists.
pub(super) struct ReferrersList {
    pub(super) referrers: Referrers,
    /// The version of a list with one page; `None` for several pages.
    pub(super) etag: Option<HeaderValue>,
}

/// What the API lists, unless it is the same as when it had this `ETag`; `None` when the registry does not have the API.
pub(super) async fn by_api(
    session: &Session,
    subject: &Digest,
    etag: Option<&HeaderValue>,
) -> Result<Conditional<Option<ReferrersList>>, Error> {
    let mut list = List::new(session);
    let what = format!("referrers of {subject}");
    let mut url = session.url(&format!("referrers/{subject}"))?;
    let mut seen = BTreeSet::from([url.clone()]);
    let mut bytes_left = session.limits.manifest_bytes.saturating_mul(BYTES);
    for number in 1.. {
        let place = if number == 1 { Position::First(etag) } else { Position::Following };
        let mut response = match ask(session, &url, &what, place).await? {
            Conditional::Changed(Some(response)) => response,
            Conditional::Changed(None) => return Ok(Conditional::Changed(None)),
            Conditional::Unchanged => return Ok(Conditional::Unchanged),
        };
        let bytes = manifest::body(session, &mut response, &what).await?;
        list.extend(page(session, &bytes, &what)?);
        let Some(target) = link::next(&response.headers) else {
            let etag = response.headers.get(header::ETAG).filter(|_| number == 1).cloned();
            return Ok(Conditional::Changed(Some(ReferrersList { referrers: list.referrers, etag })));
        };
        bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
        if number >= PAGES || list.is_full() || bytes_left == 0 {
            list.referrers.truncated = true;
            break;
        }
        url = following(session, &response.url, target, &what)?;
        // A list that leads back to itself would never end (notation CVE-2023-33957).
        if !seen.insert(url.clone()) {
            return Err(Error::malformed(what, "its pages link to each other in a circle"));
        }
    }
    Ok(Conditional::Changed(Some(ReferrersList { referrers: list.referrers, etag: None })))
}

/// Which page of a list.
#[derive(Clone, Copy)]
enum Position<'a> {
    /// The first, whose `ETag` may be known.
    First(Option<&'a HeaderValue>),
    /// A page that another one links to.
    Following,
}

/// One page; `None` when the registry does not have the API. Only the first page can tell that, or be the same as before.
async fn ask(
    session: &Session,
    url: &Url,
    what: &str,
    position: Position<'_>,
) -> Result<Conditional<Option<Response>>, Error> {
    let (is_first, known) = match position {
        Position::First(etag) => (true, etag),
        Position::Following => (false, None),
    };
    let request = || {
        let request =
            Request::get(url.clone()).header(header::ACCEPT, HeaderValue::from_static(media::OCI_INDEX));
        match known {
            Some(etag) => request.header(header::IF_NONE_MATCH, etag.clone()),
            None => request,
        }
    };
    let mut response = session.call(request(), Access::Pull, Redirects::Returned, what).await?;
    if matches!(response.status.as_u16(), 301 | 302 | 307 | 308) {
        response = session.call(request(), Access::Pull, Redirects::Followed, what).await?;
    }
    let is_page = response.header(&header::CONTENT_TYPE).is_some_and(|t| t.starts_with("text/html"));
    match response.status.as_u16() {
        200 if !is_page => Ok(Conditional::Changed(Some(response))),
        304 if known.is_some() => Ok(Conditional::Unchanged),
        200 | 303 | 400 | 404 | 405 | 501 if is_first => Ok(Conditional::Changed(None)),
        _ => Err(session.refused(response, what).await),
    }
}

fn page(session: &Session, bytes: &[u8], what: &str) -> Result<Vec<Descriptor>, Error> {
    let page: Result<Page, _> = json::from_slice(bytes, session.limits.manifest_bytes);
    Ok(page.map_err(|source| ImageError::Json { what: what.to_owned(), source })?.manifests)
}

/// The next page's URL. It must be at the registry itself, or another host would get our token.
fn following(session: &Session, from: &Url, target: &str, what: &str) -> Result<Url, Error> {
    let mut url = from
        .join(target)
        .map_err(|e| Error::malformed(what, format!("its next page {}: {e}", shown(target))))?;
    url.set_fragment(None);
    if !session.is_own(&url) {
        let problem = format!("its next page is at {}, expected the registry itself", shown(url.as_str()));
        return Err(Error::malformed(what, problem));
    }
    Ok(url)
}

/// Descriptors in order of arrival, each digest once, up to a limit.
struct List {
    referrers: Referrers,
    seen: BTreeSet<Digest>,
    limit: usize,
}

impl List {
    fn new(session: &Session) -> Self {
        let limit = session.limits.referrers.saturating_mul(LISTED);
        Self { referrers: Referrers::default(), seen: BTreeSet::new(), limit }
    }

    fn is_full(&self) -> bool {
        self.referrers.descriptors.len() >= self.limit
    }

    fn add(&mut self, more: Referrers) {
        self.referrers.truncated |= more.truncated;
        self.extend(more.descriptors);
    }

    fn extend(&mut self, descriptors: Vec<Descriptor>) {
        for descriptor in descriptors {
            if self.seen.contains(&descriptor.digest) {
                continue;
            }
            if self.is_full() {
                self.referrers.truncated = true;
                return;
            }
            self.seen.insert(descriptor.digest);
            self.referrers.descriptors.push(descriptor);
        }
    }
}
