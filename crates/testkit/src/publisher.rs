//! A server that publishes files as feeds are published: with validators, ranges and conditional requests, and with the faults
//! that such servers have.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use crate::listener::{Listener, Port, lock};

/// How the next answers about a file go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// The file has other bytes, and another tag, from the next request on; the connection ends after so many bytes.
    ChangesAfter(usize),
    /// A status without a file, and with `Retry-After: 0`.
    Status(u16),
    /// Ranges are answered with bytes of another file, under its own tag.
    OtherRange,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path with its first slash.
    pub path: String,
    /// `Range`, if the request has one.
    pub range: Option<String>,
    /// Whether it has a validator.
    pub conditional: bool,
}

/// The server. It stops when dropped.
pub struct Publisher {
    listener: Listener,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, (Vec<u8>, u32)>,
    faults: BTreeMap<String, Vec<Fault>>,
    asked: Vec<Asked>,
}

impl Publisher {
    /// Serves no file yet.
    pub fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let served = Arc::clone(&state);
        Self { listener: Port::free().listen(move |stream| serve(&stream, &served)), state }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.addr())
    }

    /// Publishes a file, or a new version of it.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut state = lock(&self.state);
        let version = state.files.get(path).map_or(1, |(_, version)| version + 1);
        state.files.insert(path.to_owned(), (bytes.to_vec(), version));
    }

    /// The next answers about `path` go wrong like this, one after the other; then they are right again.
    pub fn fail(&self, path: &str, faults: &[Fault]) {
        lock(&self.state).faults.insert(path.to_owned(), faults.iter().rev().copied().collect());
    }

    /// The requests since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.state).asked)
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        if !answer(stream, state, &path, &headers)? {
            return Ok(());
        }
    }
}

/// Answers one request; `false` if the connection ends with it.
fn answer(
    mut stream: &TcpStream,
    state: &Mutex<State>,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> std::io::Result<bool> {
    let (file, fault) = {
        let mut state = lock(state);
        let conditional = headers.contains_key("if-none-match") || headers.contains_key("if-modified-since");
        let range = headers.get("range").cloned();
        state.asked.push(Asked { path: path.to_owned(), range, conditional });
        let fault = state.faults.get_mut(path).and_then(Vec::pop);
        let file = state.files.get(path).cloned();
        if let (Some(Fault::ChangesAfter(_)), Some((bytes, version))) = (fault, state.files.get_mut(path)) {
            bytes.reverse();
            *version += 1;
        }
        (file, fault)
    };
    if let Some(Fault::Status(status)) = fault {
        write!(stream, "HTTP/1.1 {status} Trouble\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(true);
    }
    let Some((bytes, version)) = file else {
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(true);
    };
    let tag = format!("\"v{version}\"");
    if headers.get("if-none-match") == Some(&tag) {
        write!(stream, "HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n")?;
        return Ok(true);
    }
    let start =
        headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let start: Option<usize> =
        start.filter(|_| headers.get("if-range") == Some(&tag) || fault == Some(Fault::OtherRange));
    let tag = if fault == Some(Fault::OtherRange) { "\"other\"".to_owned() } else { tag };
    let body = if let Some((start, rest)) = start.and_then(|start| Some((start, bytes.get(start..)?))) {
        let last = bytes.len().saturating_sub(1);
        let range = format!("bytes {start}-{last}/{}", bytes.len());
        write!(stream, "HTTP/1.1 206 Partial Content\r\nContent-Range: {range}\r\n")?;
        rest
    } else {
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
        &bytes
    };
    write!(stream, "ETag: {tag}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    if let Some(Fault::CutAfter(sent) | Fault::ChangesAfter(sent)) = fault {
        stream.write_all(body.get(..sent).unwrap_or(body))?;
        return Ok(false);
    }
    stream.write_all(body)?;
    Ok(true)
}
