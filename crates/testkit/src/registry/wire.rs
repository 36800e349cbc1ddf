//! HTTP/1.1 on a blocking stream, by hand.
//!
//! It is written by hand, because a well-behaved server library refuses to do what the tests need: stop in
//! the middle of a body, promise another length, send one byte at a time.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::time::Duration;

/// A request as it arrived; kept in the registry's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// Path and query as sent, e.g. `/v2/app/blobs/uploads/?digest=sha256:…`.
    pub target: String,
    /// Header names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Request {
    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The first query parameter of that name, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        url::form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }
}

/// A whole answer: status, headers, body.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// Headers; `Content-Length` is added unless present.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer with an empty body.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Sets a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The registry API's error document.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
        Self::new(status).header("Content-Type", "application/json").body(body)
    }
}

/// How the body is sent; everything except `Whole` is a fault.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Delivery {
    #[default]
    Whole,
    /// Promise the whole length, send this many bytes, close.
    CloseAfter(usize),
    /// Promise the whole length, send this many bytes, then nothing.
    StallAfter(usize),
    /// One byte per interval.
    Trickle(Duration),
    /// `Transfer-Encoding: chunked`, no length.
    Chunked,
}

/// Reads one request; `None` when the client closed the connection between requests.
pub(crate) fn read<S: Read>(stream: &mut BufReader<S>) -> Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    if !line.contains(" HTTP/1.") {
        return Err(Error::new(ErrorKind::InvalidData, "not HTTP"));
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    if request.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        request.body = read_chunked(stream)?;
    } else if let Some(length) = request.header("content-length").and_then(|v| v.parse::<u64>().ok()) {
        let mut body = Vec::new();
        stream.take(length).read_to_end(&mut body)?;
        request.body = body;
    }
    Ok(Some(request))
}

fn read_chunked<S: Read>(stream: &mut BufReader<S>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim().split(';').next().unwrap_or("0"), 16).unwrap_or(0);
        stream.take(size).read_to_end(&mut body)?;
        line.clear();
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Writes an answer. `wait(d)` sleeps for `d` (`None`: forever) and returns `false` if the registry has
/// stopped. Returns whether the connection can serve another request.
pub(crate) fn write(
    out: &mut impl Write,
    answer: &Answer,
    head: bool,
    delivery: Delivery,
    wait: impl Fn(Option<Duration>) -> bool,
) -> Result<bool> {
    let mut text = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let sized = answer.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    if matches!(delivery, Delivery::Chunked) {
        text.push_str("Transfer-Encoding: chunked\r\n");
    } else if !sized && answer.status != 204 && answer.status != 304 {
        let _ = write!(text, "Content-Length: {}\r\n", answer.body.len());
    }
    text.push_str("\r\n");
    if head {
        out.write_all(text.as_bytes())?;
        out.flush()?;
        return Ok(true);
    }
    let body = &answer.body;
    match delivery {
        Delivery::Whole => {
            // One write for small answers: fewer packets, and no delayed-acknowledgement stall.
            if body.len() <= 16 * 1024 {
                let mut all = text.into_bytes();
                all.extend_from_slice(body);
                out.write_all(&all)?;
            } else {
                out.write_all(text.as_bytes())?;
                out.write_all(body)?;
            }
            out.flush()?;
            // After a wrong length of the body, the stream is out of step.
            return Ok(!sized);
        }
        Delivery::CloseAfter(count) => {
            out.write_all(text.as_bytes())?;
            out.write_all(&body[..count.min(body.len())])?;
        }
        Delivery::StallAfter(count) => {
            out.write_all(text.as_bytes())?;
            out.write_all(&body[..count.min(body.len())])?;
            out.flush()?;
            wait(None);
        }
        Delivery::Trickle(interval) => {
            out.write_all(text.as_bytes())?;
            for byte in body {
                if !wait(Some(interval)) {
                    break;
                }
                out.write_all(&[*byte])?;
                out.flush()?;
            }
        }
        Delivery::Chunked => {
            out.write_all(text.as_bytes())?;
            for chunk in body.chunks(8 * 1024) {
                out.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
                out.write_all(chunk)?;
                out.write_all(b"\r\n")?;
            }
            out.write_all(b"0\r\n\r\n")?;
            out.flush()?;
            return Ok(true);
        }
    }
    out.flush()?;
    Ok(false)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
