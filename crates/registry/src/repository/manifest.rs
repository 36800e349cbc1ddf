//! Manifests by tag and by digest. The digest is always computed from the bytes.

use bytes::Bytes;
use plimsoll_core::text::shown;
use plimsoll_core::{Digest, LimitExceeded};
use plimsoll_http::{HeaderName, HeaderValue, Request, Response, header};
use plimsoll_image::Error as ImageError;
use plimsoll_image::{Descriptor, media};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::session::{Access, Redirects, Session, http_error};
use crate::Error;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The descriptor of what the user named, with its bytes.
pub(super) struct Resolved {
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Bytes,
}

/// A manifest with the headers of its response.
#[derive(Clone)]
pub(super) struct Fetched {
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Bytes,
    pub(super) etag: Option<HeaderValue>,
}

/// Resolves the session's reference, at this place and now.
pub(super) async fn resolve(session: &Session) -> Result<Resolved, Error> {
    let reference = &session.reference;
    let digest = reference.digest();
    let place = match (&digest, reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        // A reference has one of the two.
        (None, tag) => tag.unwrap_or_default().to_owned(),
    };
    let what = format!("manifest {place}");
    let Some(fetched) = fetch(session, &place, digest, &what).await? else {
        return Err(ImageError::NotFound { what, place: format!("registry {}", reference.name()) }.into());
    };
    Ok(Resolved { descriptor: fetched.descriptor, bytes: fetched.bytes })
}

/// The bytes of a manifest that a descriptor names; its size is within the limit.
pub(super) async fn named(session: &Session, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
    let what = format!("manifest {}", descriptor.digest);
    let place = descriptor.digest.to_string();
    let Some(fetched) = fetch(session, &place, Some(descriptor.digest), &what).await? else {
        return Err(
            ImageError::NotFound { what, place: format!("registry {}", session.reference.name()) }.into()
        );
    };
    descriptor.check(&fetched.bytes, &what)?;
    Ok(fetched.bytes.to_vec())
}

/// The answer to a request that may name an `ETag`.
pub(super) enum Conditional<T> {
    /// The content with that `ETag` is still current.
    Unchanged,
    /// The new content.
    Changed(T),
}

/// Fetches by tag or digest (`place`); `None` when the registry has no such manifest. With `expected`, the bytes have
/// that digest.
pub(super) async fn fetch(
    session: &Session,
    place: &str,
    expected: Option<Digest>,
    what: &str,
) -> Result<Option<Fetched>, Error> {
    match fetch_unless(session, place, expected, None, what).await? {
        Conditional::Changed(fetched) => Ok(fetched),
        // Only valid for a request that names an `ETag`; it never means "there is none".
        Conditional::Unchanged => Err(Error::malformed(what, "got 304 to an unconditional request")),
    }
}

/// The same unless it still has this `ETag`.
pub(super) async fn fetch_unless(
    session: &Session,
    place: &str,
    expected: Option<Digest>,
    etag: Option<&HeaderValue>,
    what: &str,
) -> Result<Conditional<Option<Fetched>>, Error> {
    let mut request = Request::get(session.url(&format!("manifests/{place}"))?);
    for media_type in media::ACCEPT_MANIFESTS {
        request = request.append(header::ACCEPT, HeaderValue::from_static(media_type));
    }
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag.clone());
    }
    let mut response = session.call(request, Access::Pull, Redirects::Followed, what).await?;
    match response.status.as_u16() {
        200 => {}
        304 if etag.is_some() => return Ok(Conditional::Unchanged),
        404 => return Ok(Conditional::Changed(None)),
        _ => return Err(session.refused(response, what).await),
    }
    let bytes = body(session, &mut response, what).await?;
    let algorithm = expected.map_or(plimsoll_core::Algorithm::Sha256, |d| d.algorithm());
    let digest = Digest::compute(algorithm, &bytes);
    if let Some(expected) = expected.filter(|e| *e != digest) {
        return Err(ImageError::DigestMismatch { what: what.to_owned(), got: digest, expected }.into());
    }
    // Nothing depends on the header, but a registry or proxy that contradicts its own body is broken or lying.
    if let Some(claimed) = response.header(&CONTENT_DIGEST).and_then(|d| d.parse::<Digest>().ok()) {
        let got = Digest::compute(claimed.algorithm(), &bytes);
        if got != claimed {
            return Err(ImageError::DigestMismatch { what: what.to_owned(), got, expected: claimed }.into());
        }
    }
    let media_type = media_type(&response, &bytes, what)?;
    let etag = response.headers.get(header::ETAG).cloned();
    let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
    Ok(Conditional::Changed(Some(Fetched { descriptor, bytes, etag })))
}

/// The body of a manifest or index, within the limit.
pub(super) async fn body(session: &Session, response: &mut Response, what: &str) -> Result<Bytes, Error> {
    let limit = session.limits.manifest_bytes;
    response.body.bytes(limit).await.map_err(|error| match error {
        plimsoll_http::Error::TooLarge { .. } => LimitExceeded::new("manifest_bytes", limit, what).into(),
        other => http_error(what, other),
    })
}

/// The manifest's media type, from the response and the body. If both state one, they must agree: readers that trust
/// one or the other would see different things (CVE-2021-41190).
fn media_type(response: &Response, bytes: &[u8], what: &str) -> Result<String, Error> {
    stated_type(response.header(&header::CONTENT_TYPE).unwrap_or_default(), bytes, what)
}

/// The same for a `Content-Type`; an empty one says nothing.
pub(super) fn stated_type(header: &str, bytes: &[u8], what: &str) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
    }
    let header = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // Static file servers send a generic type, which means nothing.
    let header = Some(header).filter(|h| h.starts_with("application/vnd."));
    // A body that is not a JSON object is reported elsewhere, with a better message; its type is the header's.
    let body: Option<Body> = serde_json::from_slice(bytes).ok();
    let inside = body.as_ref().and_then(|b| b.media_type.clone());
    match (header, inside) {
        (Some(header), Some(inside)) if header != inside => Err(ImageError::MediaTypeMismatch {
            what: what.to_owned(),
            got: shown(&inside),
            expected: format!("{} as in Content-Type", shown(&header)),
        }
        .into()),
        (Some(media_type), _) | (None, Some(media_type)) => Ok(media_type),
        // The OCI specification lets the body leave it out; then the members decide.
        (None, None) => match body {
            Some(Body { manifests: Some(_), .. }) => Ok(media::OCI_INDEX.to_owned()),
            Some(_) => Ok(media::OCI_MANIFEST.to_owned()),
            None => Err(Error::malformed(what, "got something that is not JSON, expected a manifest")),
        },
    }
}
