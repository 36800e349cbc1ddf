//! HTTP over a Unix socket: the service of a container engine on this machine.
//!
//! It only reads, with one connection for each request, and without redirects or retries. Address rules do
//! not apply: a socket has a path, which the user or the machine's configuration named, and the file's
//! permissions decide who may use it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A socket, and how long to wait for answers.
#[derive(Debug, Clone)]
pub struct Socket {
    /// Where it is.
    pub path: PathBuf,
    /// The wait for the head of a response. An engine may assemble a whole image before it begins to answer.
    pub head: Duration,
    /// The wait for each further piece.
    pub idle: Duration,
}

/// A response whose body is still to be read.
#[derive(Debug)]
pub struct Streamed {
    /// The status.
    pub status: StatusCode,
    body: Incoming,
    idle: Duration,
    driver: JoinHandle<()>,
}

impl Socket {
    /// The socket at `path`, with ten minutes for the head and one for each piece.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), head: Duration::from_mins(10), idle: Duration::from_mins(1) }
    }

    /// `GET target`, where `target` is a path with an optional query. Must be called on a tokio runtime.
    pub async fn get(&self, target: &str) -> io::Result<Streamed> {
        let stream = timeout(CONNECT, UnixStream::connect(&self.path)).await??;
        let (mut sender, connection) =
            http1::Builder::new().handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(async move {
            // The reader of the body gets the error that broke the connection.
            let _ = connection.await;
        });
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(target)
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let answer = timeout(self.head, sender.send_request(request)).await;
        let (head, body) = match answer {
            Ok(Ok(response)) => response.into_parts(),
            Ok(Err(error)) => {
                driver.abort();
                return Err(io::Error::other(error));
            }
            Err(late) => {
                driver.abort();
                return Err(late.into());
            }
        };
        Ok(Streamed { status: head.status, body, idle: self.idle, driver })
    }
}

impl Streamed {
    /// The next piece; `None` at the proper end. A body that is cut off is an error.
    pub async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match timeout(self.idle, self.body.frame()).await? {
                None => return Ok(None),
                Some(Err(error)) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error)),
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    if !data.is_empty() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
