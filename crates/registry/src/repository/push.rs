//! Uploads: blobs, manifests, and manifests that refer to a subject.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use bytes::Bytes;
use plimsoll_core::Digest;
use plimsoll_http::{HeaderName, HeaderValue, Method, Request, Response, Streamed, header};

use super::fallback;
use super::session::{Access, Redirects, Session};
use crate::Error;
use plimsoll_image::content::unwrapped;
use plimsoll_image::manifest::{Document, parse};
use plimsoll_image::{Content, Descriptor, Error as ImageError};

/// Set by registries that list the manifest in their referrers API from now on.
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// The bytes of a blob.
pub(super) enum Body {
    Whole(Bytes),
    Streamed(Streamed),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

/// The reason why a stream failed; the network sees only that it did.
#[derive(Default)]
pub(super) struct Fault(Mutex<Option<ImageError>>);

impl Fault {
    pub(super) fn take(&self) -> Option<ImageError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, error: ImageError) -> io::Error {
        let seen = io::Error::other(error.to_string());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        seen
    }
}

/// The body that sends `content`, and the slot for its failure.
pub(super) fn streamed(content: &Content) -> (Body, Arc<Fault>) {
    struct FaultReader<R> {
        stream: R,
        what: String,
        fault: Arc<Fault>,
    }
    impl<R: Read> Read for FaultReader<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.stream.read(buffer) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    Err(self.fault.keep(unwrapped(self.what.as_str(), error)))
                }
                done => done,
            }
        }
    }
    let fault = Arc::new(Fault::default());
    let (length, what) = (content.descriptor().size, format!("blob {}", content.descriptor().digest));
    let (content, watching) = (content.clone(), Arc::clone(&fault));
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        // Drop the failure of an earlier attempt.
        watching.take();
        let fault = Arc::clone(&watching);
        match content.open() {
            Ok(stream) => Ok(Box::new(FaultReader { stream, what: what.clone(), fault })),
            Err(error) => Err(fault.keep(error)),
        }
    };
    (Body::Streamed(Streamed::new(length, Arc::new(open))), fault)
}

/// Stores a blob, unless it is there. With `mount`, the registry may already have it in that repository.
pub(super) async fn blob(
    session: &Session,
    digest: &Digest,
    mount: Option<&str>,
    body: Body,
) -> Result<(), Error> {
    let what = format!("blob {digest}");
    let head = Request::head(session.url(&format!("blobs/{digest}"))?);
    let response = session.call(head, Access::Push, Redirects::Followed, &what).await?;
    match response.status.as_u16() {
        200 => return Ok(()),
        404 => {}
        _ => return Err(session.refused(response, &what).await),
    }
    let what = format!("upload of blob {digest}");
    let url = session.url("blobs/uploads/")?;
    let mut opened = None;
    if let Some(from) = mount {
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let ask = Request::post(url, Bytes::new());
        let response = session.call(ask, Access::Push, Redirects::Returned, &what).await?;
        match response.status.as_u16() {
            201 => return Ok(()),
            202 => opened = Some(response),
            // We may lack read access there, or the registry cannot mount: send the blob.
            _ => {}
        }
    }
    let response = if let Some(response) = opened {
        response
    } else {
        let begin = Request::post(url, Bytes::new());
        session.call(begin, Access::Push, Redirects::Returned, &what).await?
    };
    if response.status.as_u16() != 202 {
        return Err(session.refused(response, &what).await);
    }
    let mut finish = upload(&response, digest, body, &what)?;
    if !session.is_own(&finish.url) {
        finish = finish.given_by(&response.url);
    }
    let response = session.call(finish, Access::Push, Redirects::Returned, &what).await?;
    match response.status.as_u16() {
        201 | 204 => Ok(()),
        _ => Err(session.refused(response, &what).await),
    }
}

/// The request that sends the bytes to the URL that the registry gave. Its query is the registry's state and is kept.
fn upload(response: &Response, digest: &Digest, body: Body, what: &str) -> Result<Request, Error> {
    let location = response
        .header(&header::LOCATION)
        .ok_or_else(|| Error::malformed(what, "got no Location, expected where to send the bytes"))?;
    let mut url = response
        .url
        .join(location)
        .map_err(|e| Error::malformed(what, format!("Location is not a URL: {e}")))?;
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    let content = HeaderValue::from_static("application/octet-stream");
    let request = Request::new(Method::PUT, url).header(header::CONTENT_TYPE, content);
    Ok(match body {
        Body::Whole(bytes) => request.body(bytes),
        Body::Streamed(stream) => request.stream(stream),
    })
}

/// The state that a tag must have before a manifest is put there. Registries without preconditions ignore it.
pub(super) enum Precondition {
    /// Anything.
    Anything,
    /// Nothing yet.
    Absent,
    /// The same as when it was read.
    Unchanged(HeaderValue),
}

/// Stores a manifest at `place`, a tag or its digest. Returns the response's headers.
pub(super) async fn manifest(
    session: &Session,
    place: &str,
    descriptor: &Descriptor,
    bytes: Bytes,
    precondition: Precondition,
) -> Result<Response, Error> {
    let what = format!("upload of manifest {place}");
    let content = HeaderValue::from_str(&descriptor.media_type)
        .map_err(|_| Error::malformed(&*what, "its media type cannot be sent in a header"))?;
    let request = Request::new(Method::PUT, session.url(&format!("manifests/{place}"))?)
        .body(bytes)
        .header(header::CONTENT_TYPE, content);
    let request = match precondition {
        Precondition::Anything => request,
        Precondition::Absent => request.header(header::IF_NONE_MATCH, HeaderValue::from_static("*")),
        Precondition::Unchanged(etag) => request.header(header::IF_MATCH, etag),
    };
    let response = session.call(request, Access::Push, Redirects::Returned, &what).await?;
    match response.status.as_u16() {
        200..=204 => Ok(response),
        _ => Err(session.refused(response, &what).await),
    }
}

/// Stores a manifest that has a subject, and makes it findable.
pub(super) async fn attach(
    session: &Session,
    descriptor: Descriptor,
    bytes: Bytes,
) -> Result<Descriptor, Error> {
    let what = format!("manifest {}", descriptor.digest);
    let (subject, artifact_type, annotations) =
        match parse(&bytes, &descriptor.media_type, &what, &session.limits)? {
            Document::Manifest(m) => {
                (m.subject, m.artifact_type.or(Some(m.config.media_type)), m.annotations)
            }
            Document::Index(i) => (i.subject, i.artifact_type, i.annotations),
        };
    let Some(subject) = subject else {
        return Err(Error::malformed(what, "got no subject, expected one to attach to"));
    };
    // As in lists of referrers: with the artifact type and the annotations of the manifest.
    let entry = Descriptor { annotations, artifact_type, ..descriptor };
    let response =
        manifest(session, &entry.digest.to_string(), &entry, bytes, Precondition::Anything).await?;
    let listed = response.header(&OCI_SUBJECT).and_then(|d| d.parse::<Digest>().ok());
    drop(response);
    if listed != Some(subject.digest) {
        Box::pin(fallback::add(session, &subject.digest, &entry)).await?;
    }
    Ok(entry)
}
