//! The Unix socket of a container engine: requests answered as documents or as a stream.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::{Buf as _, Bytes};
use plimsoll_core::text::shown;
use plimsoll_core::{Cancel, LimitExceeded};
use plimsoll_http::unix::{Socket, Streamed};
use plimsoll_image::Error as ImageError;
use plimsoll_image::local::docker::{Engine, STORE};
use tokio::sync::mpsc;

use crate::Error;
use crate::repository::runtime::block_on;

/// Pieces on the way to the reader; hyper's have up to about 400 KiB.
const PIECES: usize = 8;
/// Bytes of an error message.
const MESSAGE: usize = 4096;

/// An engine that listens on a socket of this machine.
#[derive(Debug, Clone)]
pub struct SocketEngine {
    socket: PathBuf,
    cancel: Cancel,
}

impl SocketEngine {
    /// Connects to nothing yet; each request does. `cancel` ends the wait for an answer.
    pub fn new(socket: &Path, cancel: &Cancel) -> Self {
        Self { socket: socket.to_owned(), cancel: cancel.clone() }
    }

    /// The socket, for a request that ends at the deadline of whoever asks.
    fn until_deadline(&self) -> Socket {
        let mut socket = Socket::new(&self.socket);
        if let Some(deadline) = self.cancel.deadline() {
            let left = deadline.saturating_duration_since(Instant::now());
            (socket.head, socket.idle) = (socket.head.min(left), socket.idle.min(left));
        }
        socket
    }

    fn what(&self, target: &str) -> String {
        format!("{}: GET {target}", self.socket.display())
    }

    async fn get(&self, target: &str) -> Result<Option<Streamed>, Error> {
        let asked = self.until_deadline().get(target).await;
        self.cancel.check().map_err(ImageError::Stopped)?;
        let mut answer = asked.map_err(|source| self.unreached(target, source))?;
        match answer.status.as_u16() {
            200 => Ok(Some(answer)),
            404 => Ok(None),
            status => {
                let mut detail = Vec::new();
                while detail.len() < MESSAGE
                    && let Ok(Some(piece)) = answer.chunk().await
                {
                    detail.extend_from_slice(&piece);
                }
                detail.truncate(MESSAGE);
                let (place, detail) =
                    (self.socket.display().to_string(), shown(&String::from_utf8_lossy(&detail)));
                Err(Error::Refused { what: format!("GET {target}"), place, status, detail })
            }
        }
    }

    fn unreached(&self, target: &str, source: io::Error) -> ImageError {
        let path = self.socket.display().to_string();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ImageError::NoStore { store: STORE.to_owned(), looked: vec![path] }
            }
            io::ErrorKind::PermissionDenied => ImageError::StoreDenied { store: STORE.to_owned(), path },
            _ => ImageError::io(self.what(target), source),
        }
    }
}

impl Engine for SocketEngine {
    fn place(&self) -> String {
        self.socket.display().to_string()
    }

    fn document(&self, target: &str, limit: u64) -> Result<Option<Vec<u8>>, ImageError> {
        let (engine, target) = (self.clone(), target.to_owned());
        let document = block_on(async move {
            let Some(mut answer) = engine.get(&target).await? else { return Ok(None) };
            let mut bytes = Vec::new();
            loop {
                let piece = answer.chunk().await;
                engine.cancel.check().map_err(ImageError::Stopped)?;
                let Some(piece) = piece.map_err(|source| Error::io(engine.what(&target), source))? else {
                    break;
                };
                if bytes.len() + piece.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
                    return Err(
                        LimitExceeded::fixed("bytes of an answer", limit, engine.what(&target)).into()
                    );
                }
                bytes.extend_from_slice(&piece);
            }
            Ok(Some(bytes))
        })?;
        Ok(document)
    }

    fn stream(&self, target: &str) -> Result<Box<dyn Read + Send>, ImageError> {
        let (engine, target) = (self.clone(), target.to_owned());
        let what = engine.what(&target);
        // The stream is received while the caller reads it.
        plimsoll_http::keep_going().map_err(|source| Error::io(what.clone(), source))?;
        let stream = block_on(async move {
            let Some(mut answer) = engine.get(&target).await? else {
                return Err(ImageError::NotFound { what: target, place: engine.place() }.into());
            };
            let (sender, receiver) = mpsc::channel(PIECES);
            tokio::spawn(async move {
                loop {
                    let piece = answer.chunk().await;
                    let ends = !matches!(piece, Ok(Some(_)));
                    // A reader that has enough drops its end, and with it the connection.
                    if sender.send(piece).await.is_err() || ends {
                        return;
                    }
                }
            });
            Ok(Box::new(Pieces { receiver, piece: Bytes::new(), ended: false, what }) as Box<dyn Read + Send>)
        })?;
        Ok(stream)
    }
}

struct Pieces {
    receiver: mpsc::Receiver<io::Result<Option<Bytes>>>,
    piece: Bytes,
    ended: bool,
    what: String,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match plimsoll_http::wait(self.receiver.recv())? {
                Some(Ok(Some(piece))) => self.piece = piece,
                Some(Ok(None)) => self.ended = true,
                Some(Err(error)) => return Err(error),
                // The sending task died: this is not the end of the stream.
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, self.what.clone())),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}
