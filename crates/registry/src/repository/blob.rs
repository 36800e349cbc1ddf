//! Blobs as streams: the network puts pieces into a bounded channel, the reader takes them out.
//!
//! A transfer that breaks off or stalls is continued where it stopped, at another place if this one fails. The reader
//! hashes the whole, which checks that the pieces fit together.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use plimsoll_core::LimitExceeded;
use plimsoll_http::{HeaderValue, Request, Response, header};
use plimsoll_image::Descriptor;
use plimsoll_image::Error as ImageError;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::places::{Lookup, Places};
use super::session::{Access, Redirects, Session, http_error};
use crate::Error;

/// Pieces on the way to a reader. hyper's pieces have up to about 400 KiB, so that a stalled reader takes a few MiB.
pub(super) const PIECES: usize = 8;
/// How often a transfer is continued. Enough for an unreliable connection; a server that always breaks off is not worth
/// more.
const CONTINUATIONS: u32 = 5;
/// A larger blob is received while it is read; a smaller one is received at once.
pub(super) const AT_ONCE: u64 = 256 * 1024;

/// Requests a blob from one place after the other, and returns when a response's head has arrived.
pub(super) async fn open(places: &Arc<Places>, descriptor: Descriptor) -> Result<Stream, Error> {
    let what = format!("blob {}", descriptor.digest);
    let limit = places.origin.limits.layer_bytes;
    if descriptor.size > limit {
        return Err(LimitExceeded::new("layer_bytes", limit, what).into());
    }
    if descriptor.size > AT_ONCE {
        plimsoll_http::keep_going().map_err(|source| Error::io(what.clone(), source))?;
    }
    let mut candidates = places.candidates(Lookup::Content).into_iter();
    while let Some(place) = candidates.next() {
        match begin(&place.session, &descriptor, &what).await {
            Ok(response) => {
                place.served(&what);
                let rest = candidates.map(|place| Arc::clone(&place.session)).collect();
                return Ok(Transfer::start(Arc::clone(&place.session), rest, descriptor, what, response));
            }
            Err(error) => places.pass(place, error)?,
        }
    }
    Err(places.nobody(&what))
}

/// The response with a whole blob.
async fn begin(session: &Session, descriptor: &Descriptor, what: &str) -> Result<Response, Error> {
    let response = request(session, descriptor, None, what).await?;
    if response.status.as_u16() != 200 {
        return Err(session.refused(response, what).await);
    }
    sized(&response, descriptor.size, what)?;
    Ok(response)
}

/// How a transfer is continued.
struct Resume<'a> {
    from: u64,
    /// Requests the rest if the blob still has this version, else the whole.
    etag: Option<&'a HeaderValue>,
    /// How long it may take.
    left: Duration,
}

async fn request(
    session: &Session,
    descriptor: &Descriptor,
    rest: Option<Resume<'_>>,
    what: &str,
) -> Result<Response, Error> {
    let mut request = Request::get(session.url(&format!("blobs/{}", descriptor.digest))?);
    if let Some(rest) = rest {
        request = request.timeout(rest.left);
        if rest.from > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", rest.from))
        {
            request = request.header(header::RANGE, range);
            if let Some(etag) = rest.etag {
                request = request.header(header::IF_RANGE, etag.clone());
            }
        }
    }
    session.call(request, Access::Pull, Redirects::Followed, what).await
}

/// Refuses an announced length that cannot be the blob's, before any of it is read.
fn sized(response: &Response, size: u64, what: &str) -> Result<(), Error> {
    match response.body.announced() {
        Some(got) if got != size => {
            Err(ImageError::SizeMismatch { what: what.to_owned(), got, expected: size }.into())
        }
        _ => Ok(()),
    }
}

/// A version for which a range may be requested: a weak `ETag` does not promise the same bytes (RFC 9110, 13.1.5).
fn strong_etag(response: &Response) -> Option<HeaderValue> {
    response.headers.get(header::ETAG).filter(|etag| !etag.as_bytes().starts_with(b"W/")).cloned()
}

struct Transfer {
    session: Arc<Session>,
    /// Places that can continue if this one fails.
    others: VecDeque<Arc<Session>>,
    descriptor: Descriptor,
    what: String,
    received: u64,
    etag: Option<HeaderValue>,
    continuations: u32,
    /// The end of the whole transfer, however often it is continued.
    until: Instant,
    sender: mpsc::Sender<Result<Bytes, Error>>,
}

impl Transfer {
    fn start(
        session: Arc<Session>,
        others: VecDeque<Arc<Session>>,
        descriptor: Descriptor,
        what: String,
        response: Response,
    ) -> Stream {
        let (sender, receiver) = mpsc::channel(PIECES);
        let (left, shown) = (descriptor.size, what.clone());
        let now = Instant::now();
        let until = now.checked_add(session.client.timeout()).unwrap_or(now);
        let etag = strong_etag(&response);
        let transfer =
            Self { session, others, descriptor, what, received: 0, etag, continuations: 0, until, sender };
        tokio::spawn(transfer.run(response));
        Stream::new(receiver, left, shown)
    }

    async fn run(mut self, response: Response) {
        if let Err(error) = self.all(response).await {
            // The reader may be gone.
            let _ = self.sender.send(Err(error)).await;
        }
    }

    async fn all(&mut self, mut response: Response) -> Result<(), Error> {
        let mut skip = 0;
        loop {
            let mut failure = match self.body(&mut response, skip).await {
                Err(error) if broke_off(&error) => error,
                done => return done,
            };
            (response, skip) = loop {
                if Instant::now() >= self.until || !self.turn() {
                    return Err(failure);
                }
                tracing::debug!(error = %failure, from = self.received, "continuing at {}", self.session.host());
                match self.resume().await {
                    Ok(resumed) => break resumed,
                    // Another place may still have what this one no longer sends.
                    Err(error) if !self.others.is_empty() && !is_about_content(&error) => {
                        self.continuations = CONTINUATIONS;
                        failure = error;
                    }
                    Err(error) => return Err(error),
                }
            };
        }
    }

    /// Counts a continuation, and moves to the next place when this one has used up its share. Returns whether there is
    /// one.
    fn turn(&mut self) -> bool {
        if self.continuations < CONTINUATIONS {
            self.continuations += 1;
            return true;
        }
        let Some(next) = self.others.pop_front() else { return false };
        // An `ETag` is valid at its own place only.
        (self.session, self.etag, self.continuations) = (next, None, 1);
        true
    }

    /// Passes on one response's body without its first `skip` bytes, which came earlier.
    async fn body(&mut self, response: &mut Response, mut skip: u64) -> Result<(), Error> {
        while let Some(mut piece) = response.body.chunk().await.map_err(|e| http_error(&self.what, e))? {
            let length = piece.len() as u64;
            if skip >= length {
                skip -= length;
                continue;
            }
            // Smaller than the piece's own length, so it fits.
            piece.advance(usize::try_from(skip).unwrap_or_default());
            skip = 0;
            self.received += piece.len() as u64;
            if self.received > self.descriptor.size {
                return Err(self.wrong_size());
            }
            if self.sender.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
        if self.received < self.descriptor.size { Err(self.wrong_size()) } else { Ok(()) }
    }

    /// Requests the rest; the second value is how many bytes of the answer are already known.
    async fn resume(&mut self) -> Result<(Response, u64), Error> {
        let (size, from) = (self.descriptor.size, self.received);
        let rest =
            |from, etag| Resume { from, etag, left: self.until.saturating_duration_since(Instant::now()) };
        let partial = Some(rest(from, self.etag.as_ref()));
        let response = request(&self.session, &self.descriptor, partial, &self.what).await?;
        if response.status.as_u16() == 206 && continues(&response, from, size) {
            sized(&response, size.saturating_sub(from), &self.what)?;
            return Ok((response, 0));
        }
        // The server ignores ranges or sent a different one: start from the beginning.
        let response = if matches!(response.status.as_u16(), 206 | 416) {
            request(&self.session, &self.descriptor, Some(rest(0, None)), &self.what).await?
        } else {
            response
        };
        if response.status.as_u16() != 200 {
            return Err(self.session.refused(response, &self.what).await);
        }
        sized(&response, size, &self.what)?;
        self.etag = strong_etag(&response);
        Ok((response, from))
    }

    fn wrong_size(&self) -> Error {
        ImageError::SizeMismatch {
            what: self.what.clone(),
            got: self.received,
            expected: self.descriptor.size,
        }
        .into()
    }
}

/// Whether a body stopped for a temporary reason: the connection broke or stalled.
fn broke_off(error: &Error) -> bool {
    use plimsoll_http::{Error as E, Phase};
    let Error::Http { source, .. } = error else { return false };
    matches!(**source, E::Truncated { .. } | E::Timeout { phase: Phase::Body, .. })
}

/// Whether the error says that the content is wrong.
fn is_about_content(error: &Error) -> bool {
    matches!(error, Error::Image(ImageError::SizeMismatch { .. } | ImageError::DigestMismatch { .. }))
}

/// Whether `Content-Range` is `bytes <from>-<size - 1>/<size>`.
fn continues(response: &Response, from: u64, size: u64) -> bool {
    let expected = format!("bytes {from}-{}/{size}", size.saturating_sub(1));
    response.header(&header::CONTENT_RANGE) == Some(expected.as_str())
}

/// The reader's end.
pub(super) struct Stream {
    receiver: mpsc::Receiver<Result<Bytes, Error>>,
    piece: Bytes,
    left: u64,
    what: String,
}

impl Stream {
    /// A stream of `left` bytes, which arrive by `receiver`.
    pub(super) fn new(receiver: mpsc::Receiver<Result<Bytes, Error>>, left: u64, what: String) -> Self {
        Self { receiver, piece: Bytes::new(), left, what }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match plimsoll_http::wait(self.receiver.recv())? {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(io::Error::other(ImageError::from(error))),
                None if self.left == 0 => return Ok(0),
                // The sending task died: this is not the end of the blob.
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, self.what.clone())),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
