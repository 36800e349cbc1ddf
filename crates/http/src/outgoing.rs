//! The body of a request: bytes in memory, or a stream of a known length.
//!
//! A stream can be opened again, because the first attempt may get a 401 or use a closed connection. It is
//! read on a separate thread, a few pieces ahead of the network, so that memory does not depend on its
//! length.

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// One piece of a stream.
const PIECE: usize = 64 * 1024;
/// Pieces that are read before they can be sent.
const AHEAD: usize = 4;

/// Opens a stream from its beginning.
pub type Opener = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// A body that is read while it is sent.
#[derive(Clone)]
pub struct Streamed {
    length: u64,
    open: Arc<Opener>,
}

impl Streamed {
    /// A body of exactly `length` bytes. `open` is called once for each attempt. A stream that fails, or is shorter or
    /// longer, aborts the request, and the server sees that it is incomplete.
    pub fn new(length: u64, open: Arc<Opener>) -> Self {
        Self { length, open }
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The body that a connection sends.
pub(crate) enum Outgoing {
    Whole(Option<Bytes>),
    Pieces { left: u64, pieces: mpsc::Receiver<io::Result<Bytes>> },
}

impl Outgoing {
    /// The stream if there is one, otherwise `whole`.
    pub(crate) fn new(whole: &Bytes, stream: Option<&Streamed>) -> Self {
        let Some(streamed) = stream.cloned() else {
            return Self::Whole(Some(whole.clone()).filter(|bytes| !bytes.is_empty()));
        };
        let (sender, pieces) = mpsc::channel(AHEAD);
        let failed = sender.clone();
        let left = streamed.length;
        let started = std::thread::Builder::new()
            .name("plimsoll-upload".to_owned())
            .spawn(move || read(&streamed, &sender));
        if let Err(error) = started {
            // There is room, because nothing was sent yet.
            let _ = failed.try_send(Err(error));
        }
        Self::Pieces { left, pieces }
    }
}

/// Reads the stream to its end, or until the receiver is dropped.
fn read(streamed: &Streamed, sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut stream = match (streamed.open)() {
        Ok(stream) => stream,
        Err(error) => {
            let _ = sender.blocking_send(Err(error));
            return;
        }
    };
    loop {
        let mut piece = vec![0; PIECE];
        let piece = match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                Ok(piece.into())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let ended = piece.is_err();
        if sender.blocking_send(piece).is_err() || ended {
            return;
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces { left: 0, .. } => Poll::Ready(None),
            Self::Pieces { left, pieces } => pieces.poll_recv(context).map(|piece| {
                let piece = match piece {
                    Some(Ok(piece)) => piece,
                    Some(Err(error)) => return Some(Err(error)),
                    None => {
                        return Some(Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            "the stream is too short",
                        )));
                    }
                };
                match left.checked_sub(piece.len() as u64) {
                    Some(rest) => *left = rest,
                    None => return Some(Err(io::Error::other("the stream is too long"))),
                }
                Some(Ok(Frame::data(piece)))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Pieces { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::Pieces { left, .. } => *left,
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::body::Body as _;

    use super::*;

    fn sent(
        length: u64,
        open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    ) -> Outgoing {
        Outgoing::new(&Bytes::new(), Some(&Streamed::new(length, Arc::new(open))))
    }

    #[tokio::test]
    async fn a_stream_is_sent_whole_and_announced_by_its_length() {
        let length = 10 * PIECE as u64 + 7;
        let body = sent(length, move || Ok(Box::new(io::repeat(7).take(length))));
        assert_eq!(body.size_hint().exact(), Some(length));
        let whole = body.collect().await.unwrap().to_bytes();
        assert_eq!(whole.len() as u64, length);
        assert!(whole.iter().all(|byte| *byte == 7));
    }

    #[tokio::test]
    async fn a_stream_that_fails_or_has_another_length_is_broken_off() {
        let short = sent(9, || Ok(Box::new(&b"12345678"[..])));
        assert_eq!(short.collect().await.unwrap_err().to_string(), "the stream is too short");
        let long = sent(7, || Ok(Box::new(&b"12345678"[..])));
        assert_eq!(long.collect().await.unwrap_err().to_string(), "the stream is too long");
        let none = sent(7, || Err(io::Error::other("not there")));
        assert_eq!(none.collect().await.unwrap_err().to_string(), "not there");
    }

    #[tokio::test]
    async fn bytes_are_sent_once() {
        let body = Outgoing::new(&Bytes::from_static(b"abc"), None);
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        let empty = Outgoing::new(&Bytes::new(), None);
        assert!(empty.is_end_stream());
    }
}
