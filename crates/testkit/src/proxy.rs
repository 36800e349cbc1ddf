//! An HTTP proxy on loopback that resolves every name to this machine. With it, registries have real names in
//! tests of the whole program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::listener::{Listener, Port, lock};

/// A running proxy, by `CONNECT` and for plain requests; stops on drop.
pub struct Proxy {
    shared: Arc<Shared>,
    listener: Listener,
}

struct Shared {
    /// `Basic …`, which a request must contain.
    authorization: String,
    asked: Mutex<Vec<String>>,
}

impl Proxy {
    /// Starts on a free port of 127.0.0.1, for this user only.
    pub fn start(user: &str, password: &str) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let shared = Arc::new(Shared { authorization, asked: Mutex::default() });
        let serving = Arc::clone(&shared);
        let listener = Port::free().listen(move |stream| serve(stream, &serving));
        Self { shared, listener }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.listener.addr().to_string()
    }

    /// The first line of every request so far, such as `CONNECT registry.example:443 HTTP/1.1`.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }
}

/// The first line of a request, and its headers with their line ends.
fn head(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<String>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line);
    }
    let first = lines.remove(0).trim_end().to_owned();
    Some((first, lines))
}

fn serve(client: TcpStream, shared: &Shared) -> Option<()> {
    let mut answering = client.try_clone().ok()?;
    let mut client = BufReader::new(client);
    let mut onward: Option<TcpStream> = None;
    while let Some((first, headers)) = head(&mut client) {
        lock(&shared.asked).push(first.clone());
        let known = headers.iter().any(|header| {
            header.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == shared.authorization
            })
        });
        if !known {
            let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
            answering.write_all(refusal).ok()?;
            continue;
        }
        let mut words = first.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        if method == "CONNECT" {
            let mut server = here(target)?;
            answering.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
            copied(server.try_clone().ok()?, answering);
            return std::io::copy(&mut client, &mut server).map(|_| ()).ok();
        }
        let (authority, path) = target.strip_prefix("http://")?.split_once('/')?;
        if onward.is_none() {
            let server = here(authority)?;
            copied(server.try_clone().ok()?, answering.try_clone().ok()?);
            onward = Some(server);
        }
        let kept = headers.iter().filter(|header| !header.to_ascii_lowercase().starts_with("proxy-"));
        let request = format!("{method} /{path} HTTP/1.1\r\n{}\r\n", kept.cloned().collect::<String>());
        onward.as_mut()?.write_all(request.as_bytes()).ok()?;
    }
    Some(())
}

/// Connects to this machine, regardless of the name.
fn here(authority: &str) -> Option<TcpStream> {
    let port = authority.rsplit_once(':')?.1.parse().ok()?;
    TcpStream::connect(("127.0.0.1", port)).ok()
}

/// Copies until either side closes.
fn copied(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
