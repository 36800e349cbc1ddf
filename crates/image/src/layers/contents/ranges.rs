//! Byte ranges of a layer, as a registry sends them.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use plimsoll_core::{LimitExceeded, Limits, read};

use crate::inflate::MAGIC_BYTES;
use crate::{Descriptor, Error, Source};

/// Why a layer cannot be read by its table of contents.
#[derive(Debug)]
pub(in crate::layers) enum Refusal {
    /// It must be read as a whole, for this reason. This verifies everything, so it is always safe.
    Whole(String),
    /// The reading was stopped.
    Stopped(Error),
}

impl Refusal {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self::Whole(reason.into())
    }
}

/// Any failure while a layer is read in parts may be caused by its table, or by a registry that sends no parts.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Stopped(_) | Error::Cancelled => Self::Stopped(error),
            other => Self::Whole(other.to_string()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(reason) => out.write_str(reason),
            Self::Stopped(error) => error.fmt(out),
        }
    }
}

/// A layer in a place that can send parts of it.
pub(super) struct Ranges<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) layer: &'a Descriptor,
    pub(super) limits: &'a Limits,
    pub(super) cancelled: &'a AtomicBool,
    /// The layer, in errors.
    pub(super) what: String,
}

impl Ranges<'_> {
    pub(super) fn size(&self) -> u64 {
        self.layer.size
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn limits(&self) -> &Limits {
        self.limits
    }

    /// A complete part that belongs to a table of contents.
    pub(super) fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, Refusal> {
        let length = range.end.saturating_sub(range.start);
        // A range cannot be empty.
        if length == 0 {
            return Err(Refusal::new("its table of contents is empty"));
        }
        let limit = self.limits.kept_file_bytes;
        if length > limit {
            let what = format!("{}: its table of contents", self.what);
            return Err(Error::from(LimitExceeded::new("kept_file_bytes", limit, what)).into());
        }
        let stream = self.stream(range)?;
        let bytes = read::to_end_of(stream, length, length, "kept_file_bytes", &self.what);
        let bytes = bytes.map_err(|error| match error {
            read::Error::Io { what, source } => Refusal::from(Error::io(what, source)),
            other => Refusal::new(other.to_string()),
        })?;
        if bytes.len() as u64 != length {
            return Err(Refusal::new("the registry sent less of it than requested"));
        }
        Ok(bytes)
    }

    fn stream(&self, range: Range<u64>) -> Result<Box<dyn Read + Send>, Refusal> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Refusal::Stopped(Error::Cancelled));
        }
        let part = self.source.part(self.layer, range)?;
        part.ok_or_else(|| Refusal::new("the registry does not send parts of it"))
    }
}

/// Parts of a layer in ascending order, several in one request if they are neighbours.
pub(super) struct Cursor<'a> {
    ranges: &'a Ranges<'a>,
    /// The requested ranges, in ascending order and with gaps between them.
    requests: std::vec::IntoIter<Range<u64>>,
    current: Option<Request>,
}

struct Request {
    stream: BufReader<Box<dyn Read + Send>>,
    position: u64,
    end: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(ranges: &'a Ranges<'a>, requests: Vec<Range<u64>>) -> Self {
        Self { ranges, requests: requests.into_iter(), current: None }
    }

    /// Passes the bytes of `range`, which is part of a request and after what was read before, to `take`.
    pub(super) fn part<T>(
        &mut self,
        range: &Range<u64>,
        take: impl FnOnce(&mut io::Take<&mut BufReader<Box<dyn Read + Send>>>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        while self.current.as_ref().is_none_or(|request| request.end < range.end) {
            let Some(next) = self.requests.next() else { return Err(unplanned()) };
            if next.end < range.end {
                continue;
            }
            let stream = BufReader::with_capacity(BUFFER, self.ranges.stream(next.clone())?);
            self.current = Some(Request { stream, position: next.start, end: next.end });
        }
        let Some(request) = &mut self.current else { return Err(unplanned()) };
        let passed = range.start.checked_sub(request.position).ok_or_else(unplanned)?;
        let failed = |source| Refusal::from(Error::io(self.ranges.what.as_str(), source));
        let mut before = (&mut request.stream).take(passed);
        io::copy(&mut before, &mut io::sink()).map_err(failed)?;
        let mut part = (&mut request.stream).take(range.end.saturating_sub(range.start));
        let taken = take(&mut part)?;
        request.position = range.end;
        // The bytes after the content: the header of the next file.
        let rest = part.limit();
        io::copy(&mut part, &mut io::sink()).map_err(failed)?;
        if part.limit() > 0 && rest > 0 {
            return Err(Refusal::new("the registry sent less of it than requested"));
        }
        Ok(taken)
    }
}

/// Bytes that are buffered of one request.
const BUFFER: usize = 64 << 10;

fn unplanned() -> Refusal {
    Refusal::new("its table of contents lists files in another order than they are stored in")
}

/// The first bytes of a part, enough to recognise its compression. A buffer may end within them.
pub(super) fn start_of(part: &mut impl Read, what: &str) -> Result<Vec<u8>, Refusal> {
    let mut start = Vec::with_capacity(MAGIC_BYTES);
    let read = part.take(MAGIC_BYTES as u64).read_to_end(&mut start);
    read.map_err(|source| Refusal::from(Error::io(what, source)))?;
    Ok(start)
}

/// Joins parts that are closer than `gap`.
pub(super) fn united(mut parts: Vec<Range<u64>>, gap: u64) -> Vec<Range<u64>> {
    parts.sort_unstable_by_key(|part| part.start);
    let mut united: Vec<Range<u64>> = Vec::new();
    for part in parts {
        match united.last_mut() {
            Some(last) if part.start <= last.end.saturating_add(gap) => last.end = last.end.max(part.end),
            _ => united.push(part),
        }
    }
    united
}
