//! The client as a whole, on a network in memory and a stopped clock: minutes pass at once, nothing depends on the
//! machine's pace, and every address that was dialled is known.

mod many;
mod proxy;
mod reach;
mod retry;
mod timing;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use url::Url;

use crate::connect::{Dial, Dialing};
use crate::request::Request;
use crate::resolve::{Resolve, Resolving};
use crate::response::Response;
use crate::stream::Stream;
use crate::{Client, Error, Settings};

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;
type Server = Arc<dyn Fn(Peer) -> Serving + Send + Sync>;

/// Names, addresses and servers in memory.
#[derive(Clone, Default)]
struct Net(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// For each name its answers, one per question; the last one is repeated.
    names: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    servers: Mutex<HashMap<SocketAddr, Server>>,
    dialled: Mutex<Vec<SocketAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Net {
    fn name(self, name: &str, answers: &[&[&str]]) -> Self {
        let answers = answers.iter().map(|a| a.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        self.0.names.lock().unwrap().insert(name.to_owned(), answers);
        self
    }

    /// `serve` runs for each connection to this address.
    fn server<F>(self, address: &str, serve: impl Fn(Peer) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let server: Server = Arc::new(move |peer| Box::pin(serve(peer)));
        self.0.servers.lock().unwrap().insert(address.parse().unwrap(), server);
        self
    }

    /// A server that answers every request on every connection with the same text.
    fn answering(self, address: &str, answer: &'static str) -> Self {
        self.server(address, move |mut peer| async move {
            while peer.request().await.is_some() {
                peer.send(answer).await;
            }
        })
    }

    fn client(&self, settings: Settings) -> Client {
        Client::with_network(settings, Arc::new(self.clone()), Arc::new(self.clone())).unwrap()
    }

    fn dialled(&self) -> Vec<String> {
        self.0.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }
}

impl Resolve for Net {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        self.0.asked.lock().unwrap().push(host.to_owned());
        let mut names = self.0.names.lock().unwrap();
        let answer = match names.get_mut(host) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(io::Error::other("no such name")),
        };
        Box::pin(async { answer })
    }
}

impl Dial for Net {
    fn dial(&self, address: SocketAddr) -> Dialing {
        self.0.dialled.lock().unwrap().push(address);
        let server = self.0.servers.lock().unwrap().get(&address).cloned();
        Box::pin(async move {
            let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (ours, theirs) = tokio::io::duplex(4096);
            tokio::spawn(server(Peer { stream: theirs }));
            Ok(Box::new(ours) as Stream)
        })
    }
}

/// The server's end of a connection.
struct Peer {
    stream: DuplexStream,
}

impl Peer {
    /// The head of the next request, in lower case; `None` when the client is gone.
    async fn request(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.map_or(0, |n| n.parse().unwrap())];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(head)
    }

    /// It is not a failure if the client no longer reads.
    async fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Allows plain HTTP to every name that the tests use, so that they need no TLS.
fn settings() -> Settings {
    let plain =
        ["r.example", "s.example", "cdn.example", "rebind.example", "10.0.0.5", "10.0.0.6", "93.184.215.14"];
    Settings { plain_http: plain.map(str::to_owned).to_vec(), ..Settings::default() }
}

async fn get(client: &Client, text: &str) -> Result<Response, Error> {
    client.send(Request::get(url(text))).await
}

#[test]
fn calls_can_be_made_from_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let client = Net::default().client(settings());
    is_send(&client);
    is_send(&client.send(Request::get(url("http://r.example/"))));
    is_send(&client.send_following(Request::get(url("http://r.example/"))));
}
