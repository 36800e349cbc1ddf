//! A layer's tar, rebuilt from its unpacked files and the rest that `tar-split` stored: byte for byte the one
//! that was pulled, with the same diff ID.
//!
//! Follows the format of vbatts/tar-split as containers-storage writes it: gzip of one JSON object per line, in the
//! order of the tar. Type 2 is a piece of the tar itself (headers, padding), type 1 is the content of a file, which is
//! read from the unpacked layer. The checksum in type 1 is ignored, because the diff ID covers more.
//!
//! ```json
//! {"type":2,"payload":"ZXRjL2lzc3VlAA…","position":0}
//! {"type":1,"name":"etc/issue","size":27,"payload":"0sUeb6g…","position":1}
//! ```

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::text::shown;
use plimsoll_core::{LimitExceeded, Limits, json};
use serde::Deserialize;

use super::beneath::ConfinedFolder;
use crate::Error;
use crate::inflate::Gunzip;

/// Bytes of one line. A header with a long name and attributes has a few KiB; padding comes in pieces of 1 MiB.
const LINE: u64 = 16 * 1024 * 1024;
/// Lines for each entry of the tar: its header, its content, and one to spare.
const LINES: u64 = 3;

/// The tar as a stream.
pub(super) struct TarSplit {
    lines: BufReader<Gunzip<BufReader<File>>>,
    files: ConfinedFolder,
    what: String,
    limits: Limits,
    position: u64,
    line: Vec<u8>,
    now: Current,
}

enum Current {
    /// A piece of the tar, and how much of it was read.
    Piece(Vec<u8>, usize),
    /// The content of a file.
    Content {
        file: File,
        name: String,
        size: u64,
        left: u64,
    },
    Ended,
}

#[derive(Deserialize)]
struct Line {
    r#type: u8,
    name: Option<String>,
    /// The name in base64, if it is not UTF-8.
    name_raw: Option<String>,
    size: Option<u64>,
    payload: Option<String>,
    position: u64,
}

impl TarSplit {
    /// `split` is the tar-split file, `files` the unpacked layer.
    pub(super) fn new(split: File, files: ConfinedFolder, what: String, limits: Limits) -> Self {
        let lines = BufReader::new(Gunzip::new(BufReader::new(split)));
        Self { lines, files, what, limits, position: 0, line: Vec::new(), now: Current::Piece(Vec::new(), 0) }
    }

    /// Reads the next line.
    fn next(&mut self) -> Result<Current, Error> {
        let failed = |problem: &str| Error::malformed(format!("{}: tar-split", self.what), problem);
        self.line.clear();
        (&mut self.lines)
            .take(LINE + 1)
            .read_until(b'\n', &mut self.line)
            .map_err(|source| Error::io(format!("{}: tar-split", self.what), source))?;
        if self.line.len() as u64 > LINE {
            return Err(LimitExceeded::fixed("tar-split line", LINE, self.what.as_str()).into());
        }
        if self.line.is_empty() {
            return Ok(Current::Ended);
        }
        if self.position > self.limits.entries.saturating_mul(LINES) {
            return Err(LimitExceeded::new("entries", self.limits.entries, self.what.as_str()).into());
        }
        let line: Line = json::from_slice(&self.line, LINE)
            .map_err(|source| Error::Json { what: format!("{}: tar-split", self.what), source })?;
        if line.position != self.position {
            return Err(failed(&format!("got line {}, expected {}", line.position, self.position)));
        }
        self.position += 1;
        let payload = line.payload.unwrap_or_default();
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| failed("payload is not base64"));
        match line.r#type {
            2 => Ok(Current::Piece(decoded(&payload)?, 0)),
            1 => {
                let name = match (line.name, line.name_raw) {
                    (_, Some(raw)) => decoded(&raw)?,
                    (Some(name), None) => name.into_bytes(),
                    (None, None) => return Err(failed("an entry has no name")),
                };
                let size = line.size.unwrap_or_default();
                if size == 0 {
                    return Ok(Current::Piece(Vec::new(), 0));
                }
                self.content(&name, size)
            }
            other => Err(failed(&format!("got an entry of type {other}, expected 1 or 2"))),
        }
    }

    fn content(&mut self, name: &[u8], size: u64) -> Result<Current, Error> {
        let shown = shown(&String::from_utf8_lossy(name));
        let what = format!("{}: file {shown}", self.what);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::PermissionDenied => {
                Error::StoreDenied { store: super::STORE.to_owned(), path: what.clone() }
            }
            _ => Error::io(what.as_str(), source),
        };
        let file = self.files.open(name).map_err(failed)?;
        let got = file.metadata().map_err(failed)?.len();
        if got != size {
            return Err(Error::SizeMismatch { what, got, expected: size });
        }
        Ok(Current::Content { file, name: shown, size, left: size })
    }
}

impl Read for TarSplit {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.now {
                Current::Ended => return Ok(0),
                Current::Piece(bytes, at) if *at < bytes.len() => {
                    let count = bytes.get(*at..).unwrap_or_default().read(buffer)?;
                    *at += count;
                    return Ok(count);
                }
                Current::Content { file, name, size, left } if *left > 0 => {
                    let most = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                    let count = file.read(buffer.get_mut(..most).unwrap_or_default())?;
                    if count == 0 && most > 0 {
                        let what = format!("{}: file {name}", self.what);
                        let (got, expected) = (*size - *left, *size);
                        return Err(io::Error::other(Error::SizeMismatch { what, got, expected }));
                    }
                    *left -= count as u64;
                    return Ok(count);
                }
                Current::Piece(..) | Current::Content { .. } => {}
            }
            match self.next() {
                Ok(now) => self.now = now,
                Err(error) => {
                    self.now = Current::Ended;
                    return Err(io::Error::other(error));
                }
            }
        }
    }
}
