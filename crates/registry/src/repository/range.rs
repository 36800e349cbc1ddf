//! Parts of blobs, by `Range` (RFC 9110, section 14; OCI distribution specification, "Pulling blobs").
//!
//! A part is not verified here, and not continued if it breaks off: a reader that cannot use a part reads the whole blob. A
//! registry may ignore `Range` and send everything (200), which is not a part. Then nothing of the body is read.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use plimsoll_http::{HeaderValue, Request, Response, header};
use plimsoll_image::{Descriptor, Error as ImageError};
use tokio::sync::mpsc;

use super::blob::{AT_ONCE, PIECES, Stream};
use super::places::{Lookup, Places};
use super::session::{Access, Redirects, Session, http_error};
use crate::Error;

/// Requests a part of a blob from one place after the other; `None` if the place that answers does not send parts.
pub(super) async fn open(
    places: &Arc<Places>,
    descriptor: Descriptor,
    range: Range<u64>,
) -> Result<Option<Stream>, Error> {
    let what = format!("bytes {} to {} of blob {}", range.start, range.end, descriptor.digest);
    let length = range.end.saturating_sub(range.start);
    if length == 0 || range.end > descriptor.size {
        return Ok(None);
    }
    if length > AT_ONCE {
        plimsoll_http::keep_going().map_err(|source| Error::io(what.clone(), source))?;
    }
    for place in places.candidates(Lookup::Content) {
        match part(&place.session, &descriptor, &range, &what).await {
            Ok(response) => {
                place.served(&what);
                return Ok(response.map(|response| start(response, length, what)));
            }
            Err(error) => places.pass(place, error)?,
        }
    }
    Err(places.nobody(&what))
}

async fn part(
    session: &Session,
    descriptor: &Descriptor,
    range: &Range<u64>,
    what: &str,
) -> Result<Option<Response>, Error> {
    let last = range.end.saturating_sub(1);
    let bytes = HeaderValue::from_str(&format!("bytes={}-{last}", range.start));
    let bytes = bytes.map_err(|_| Error::malformed(what, "got an invalid range"))?;
    let request = Request::get(session.url(&format!("blobs/{}", descriptor.digest))?);
    let request = request.header(header::RANGE, bytes);
    let response = session.call(request, Access::Pull, Redirects::Followed, what).await?;
    match response.status.as_u16() {
        206 => {
            let expected = format!("bytes {}-{last}/{}", range.start, descriptor.size);
            let is_it = response.header(&header::CONTENT_RANGE) == Some(expected.as_str());
            Ok(is_it.then_some(response))
        }
        // Everything, or no such range.
        200 | 416 => Ok(None),
        _ => Err(session.refused(response, what).await),
    }
}

/// Lets the reader take the part while it is received.
fn start(response: Response, length: u64, what: String) -> Stream {
    let (sender, receiver) = mpsc::channel(PIECES);
    let stream = Stream::new(receiver, length, what.clone());
    tokio::spawn(async move {
        if let Err(error) = receive(response, length, &what, &sender).await {
            // The reader may be gone.
            let _ = sender.send(Err(error)).await;
        }
    });
    stream
}

async fn receive(
    mut response: Response,
    length: u64,
    what: &str,
    sender: &mpsc::Sender<Result<Bytes, Error>>,
) -> Result<(), Error> {
    let wrong_size = |got| ImageError::SizeMismatch { what: what.to_owned(), got, expected: length };
    let mut received = 0;
    while let Some(piece) = response.body.chunk().await.map_err(|error| http_error(what, error))? {
        received += piece.len() as u64;
        if received > length {
            return Err(wrong_size(received).into());
        }
        if sender.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
    if received < length { Err(wrong_size(received).into()) } else { Ok(()) }
}
