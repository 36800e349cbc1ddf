//! Blobs as streams: the network thread puts pieces into a bounded channel, the reader takes them out.
//!
//! A transfer that breaks off is continued where it stopped. Whether the pieces fit together is not decided here: the
//! reader hashes the whole.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use plimsoll_core::LimitExceeded;
use plimsoll_http::{HeaderValue, Request, Response, header};
use tokio::sync::mpsc;

use super::session::{Access, Redirects, Session, http_error};
use crate::{Descriptor, Error};

/// Pieces on the way to a reader. hyper's pieces have up to about 400 KiB, so that a stalled reader holds a few MiB.
const PIECES: usize = 8;
/// How often a transfer is continued. Enough for a flaky line; a server that always breaks off is not worth more.
const CONTINUATIONS: u32 = 5;

/// Asks for a blob, and returns when the response's head has come.
pub(super) async fn open(
    session: &Arc<Session>,
    descriptor: Descriptor,
) -> Result<Box<dyn Read + Send>, Error> {
    let what = format!("blob {}", descriptor.digest);
    let limit = session.limits.layer_bytes;
    if descriptor.size > limit {
        return Err(LimitExceeded::new("layer_bytes", limit, what).into());
    }
    let response = request(session, &descriptor, 0, &what).await?;
    if response.status.as_u16() != 200 {
        return Err(session.refused(response, &what).await);
    }
    sized(&response, descriptor.size, &what)?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let size = descriptor.size;
    let transfer =
        Transfer { session: Arc::clone(session), descriptor, what: what.clone(), received: 0, sender };
    tokio::spawn(transfer.run(response));
    Ok(Box::new(Stream { receiver, piece: Bytes::new(), left: size, what }))
}

async fn request(
    session: &Session,
    descriptor: &Descriptor,
    from: u64,
    what: &str,
) -> Result<Response, Error> {
    let mut request = Request::get(session.url(&format!("blobs/{}", descriptor.digest)).await?);
    if from > 0
        && let Ok(range) = HeaderValue::from_str(&format!("bytes={from}-"))
    {
        request = request.header(header::RANGE, range);
    }
    session.call(request, Access::Pull, Redirects::Followed, what).await
}

/// Refuses an announced length that cannot be the blob's, before any of it is read.
fn sized(response: &Response, size: u64, what: &str) -> Result<(), Error> {
    match response.body.announced() {
        Some(got) if got != size => Err(Error::SizeMismatch { what: what.to_owned(), got, expected: size }),
        _ => Ok(()),
    }
}

struct Transfer {
    session: Arc<Session>,
    descriptor: Descriptor,
    what: String,
    received: u64,
    sender: mpsc::Sender<Result<Bytes, Error>>,
}

impl Transfer {
    async fn run(mut self, response: Response) {
        if let Err(error) = self.all(response).await {
            // A reader that has gone away does not want to know.
            let _ = self.sender.send(Err(error)).await;
        }
    }

    async fn all(&mut self, mut response: Response) -> Result<(), Error> {
        let mut skip = 0;
        for continuation in 0.. {
            match self.body(&mut response, skip).await {
                Err(Error::Http { source, .. })
                    if continuation < CONTINUATIONS
                        && matches!(*source, plimsoll_http::Error::Truncated { .. }) =>
                {
                    tracing::debug!(error = %source, "continuing");
                }
                done => return done,
            }
            (response, skip) = self.resume().await?;
        }
        Ok(())
    }

    /// Hands on one response's body but its first `skip` bytes, which came earlier.
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

    /// Asks for the rest; the second value is how many bytes of the answer are known already.
    async fn resume(&self) -> Result<(Response, u64), Error> {
        let (size, from) = (self.descriptor.size, self.received);
        let response = request(&self.session, &self.descriptor, from, &self.what).await?;
        if response.status.as_u16() == 206 && continues(&response, from, size) {
            sized(&response, size.saturating_sub(from), &self.what)?;
            return Ok((response, 0));
        }
        // A server that ignores ranges, or answers another one than was asked for: from the beginning.
        let response = if matches!(response.status.as_u16(), 206 | 416) {
            request(&self.session, &self.descriptor, 0, &self.what).await?
        } else {
            response
        };
        if response.status.as_u16() != 200 {
            return Err(self.session.refused(response, &self.what).await);
        }
        sized(&response, size, &self.what)?;
        Ok((response, from))
    }

    fn wrong_size(&self) -> Error {
        Error::SizeMismatch { what: self.what.clone(), got: self.received, expected: self.descriptor.size }
    }
}

/// Whether `Content-Range` is `bytes <from>-<size - 1>/<size>`.
fn continues(response: &Response, from: u64, size: u64) -> bool {
    let expected = format!("bytes {from}-{}/{size}", size.saturating_sub(1));
    response.header(&header::CONTENT_RANGE) == Some(expected.as_str())
}

/// The reader's end.
struct Stream {
    receiver: mpsc::Receiver<Result<Bytes, Error>>,
    piece: Bytes,
    left: u64,
    what: String,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None if self.left == 0 => return Ok(0),
                // The sending task died without a word: not the end of the blob.
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, self.what.clone())),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
