//! Servers on loopback, written by hand: the test controls every byte that they send.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server that sends one answer for each request, in order, then hangs up. An answer that ends in [`HANG_UP`] closes
/// the connection after it.
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<VecDeque<Vec<u8>>>,
    heads: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

/// Marks the end of the connection.
pub const HANG_UP: &[u8] = b"<hang up>";

impl Server {
    pub async fn plain<A: AsRef<[u8]>>(answers: impl IntoIterator<Item = A>) -> Self {
        Self::start(None, answers).await
    }

    pub async fn start<A: AsRef<[u8]>>(
        tls: Option<TlsAcceptor>,
        answers: impl IntoIterator<Item = A>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        shared.answers.lock().unwrap().extend(answers.into_iter().map(|a| a.as_ref().to_vec()));
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                let tls = tls.clone();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, shared }
    }

    /// The heads of the requests so far, in lower case.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    while let Some(head) = head(&mut stream).await {
        shared.heads.lock().unwrap().push(head);
        let Some(answer) = shared.answers.lock().unwrap().pop_front() else { return };
        let (bytes, last) = match answer.strip_suffix(HANG_UP) {
            Some(bytes) => (bytes, true),
            None => (answer.as_slice(), false),
        };
        if stream.write_all(bytes).await.is_err() || stream.flush().await.is_err() || last {
            return;
        }
    }
}

/// The head of a request, in lower case.
pub async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap().to_ascii_lowercase())
}

/// A complete answer.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
