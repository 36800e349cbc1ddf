//! Downloads one file from its publisher to a partial file next to its place.
//!
//! The partial file and the server's validators are on disk, so that even a killed update can be continued. A part is
//! only continued with bytes of the same file: the server must have sent a strong `ETag`, and must send the same one
//! again. Otherwise the download starts again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue, StatusCode, header};
use plimsoll_core::{Classify as _, Kind, LimitExceeded};
use plimsoll_http::{Client, Error as HttpError, Request, Response};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Event, Listener};
use crate::Error;

/// How often a download continues after an interruption.
const CONTINUATIONS: u32 = 8;
/// Bytes of a note, which has a few lines.
const NOTE_BYTES: u64 = 16 * 1024;

/// A server's validators of a version of a file, to ask later whether it is still current.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_modified: Option<String>,
}

impl Validators {
    fn of_response(response: &Response) -> Self {
        let text = |name: &HeaderName| response.header(name).map(str::to_owned);
        Self { etag: text(&header::ETAG), last_modified: text(&header::LAST_MODIFIED) }
    }

    /// The strong tag, which identifies exactly these bytes.
    fn strong(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }
}

/// What is known about a partial file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    url: String,
    validators: Validators,
}

/// The result of a download.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The existing file is current.
    Unchanged,
    /// The partial file is complete.
    Whole {
        /// How many bytes were received for it.
        received: u64,
        validators: Validators,
    },
}

/// A file to fetch.
pub(super) struct Download {
    pub(super) client: Client,
    pub(super) url: Url,
    /// Its path.
    pub(super) partial: PathBuf,
    /// The validators of the existing file, if it was not modified.
    pub(super) known: Option<Validators>,
    /// Its maximum size.
    pub(super) limit: u64,
    pub(super) listener: Listener,
}

/// How one answer ended.
enum Answer {
    Unchanged,
    Whole(Validators),
    /// The server has another file now, or cannot continue: start again.
    Again,
}

impl Download {
    pub(super) async fn run(self) -> Result<Outcome, Error> {
        let mut received = 0;
        let mut left = CONTINUATIONS;
        loop {
            let before = received;
            match self.answer(&mut received).await {
                Ok(Answer::Unchanged) => return Ok(Outcome::Unchanged),
                Ok(Answer::Whole(validators)) => {
                    remove(&note_path(&self.partial))?;
                    return Ok(Outcome::Whole { received, validators });
                }
                Ok(Answer::Again) if left > 0 => remove(&self.partial)?,
                Ok(Answer::Again) => return Err(Error::Changing { url: self.url.clone() }),
                // Only an interrupted body is continued. The client itself repeats requests without an answer.
                Err(Error::Http(error)) if left > 0 && received > before && may_go_on(&error) => {
                    tracing::debug!(%error, received, "continuing");
                }
                Err(error) => return Err(error),
            }
            left -= 1;
        }
    }

    /// Sends one request, and writes the answer.
    async fn answer(&self, received: &mut u64) -> Result<Answer, Error> {
        let part = self.part()?;
        let request = match &part {
            Some((offset, etag)) => Request::get(self.url.clone())
                .header(header::RANGE, value(&format!("bytes={offset}-"))?)
                .header(header::IF_RANGE, value(etag)?),
            None => conditional(Request::get(self.url.clone()), self.known.as_ref())?,
        };
        let mut response = self.client.send_following(request).await?;
        let validators = Validators::of_response(&response);
        let offset = match (response.status, part) {
            (StatusCode::NOT_MODIFIED, None) if self.known.is_some() => return Ok(Answer::Unchanged),
            (StatusCode::OK, _) => 0,
            (StatusCode::PARTIAL_CONTENT, Some((offset, etag)))
                if validators.strong() == Some(&etag) && starts_at(&response, offset) =>
            {
                offset
            }
            (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
                return Ok(Answer::Again);
            }
            (status, _) => return Err(Error::Answer { url: self.url.clone(), status: status.as_u16() }),
        };
        let expected = response.body.announced();
        self.within_limit(offset.saturating_add(expected.unwrap_or(0)))?;
        if let Some(expected) = expected {
            (self.listener)(Event::Expected(expected));
        }
        let mut file = self.open(offset, &validators)?;
        let mut size = offset;
        while let Some(piece) = response.body.chunk().await? {
            size = size.saturating_add(piece.len() as u64);
            self.within_limit(size)?;
            file.write_all(&piece).map_err(|source| write_failed(&self.partial, source))?;
            *received = received.saturating_add(piece.len() as u64);
            (self.listener)(Event::Arrived(piece.len() as u64));
        }
        Ok(Answer::Whole(validators))
    }

    /// The size of the partial file and the tag of the complete file, if it can be continued. Otherwise the partial
    /// file is removed.
    fn part(&self) -> Result<Option<(u64, String)>, Error> {
        let size = match fs::metadata(&self.partial) {
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        };
        let note = plimsoll_files::read(&note_path(&self.partial), NOTE_BYTES, "note").ok();
        let note = note.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        let etag = note
            .filter(|note| note.url == self.url.as_str())
            .and_then(|note| note.validators.strong().map(str::to_owned));
        match etag {
            Some(etag) if size > 0 => Ok(Some((size, etag))),
            _ => {
                remove(&self.partial)?;
                Ok(None)
            }
        }
    }

    /// The partial file, to be continued at `offset`. A new one has its note first.
    fn open(&self, offset: u64, validators: &Validators) -> Result<File, Error> {
        if offset == 0 {
            remove(&self.partial)?;
            let note = Note { url: self.url.to_string(), validators: validators.clone() };
            let bytes =
                serde_json::to_vec(&note).map_err(|error| write_failed(&self.partial, error.into()))?;
            plimsoll_files::replace(&note_path(&self.partial), &bytes)?;
        }
        let open = OpenOptions::new().create(true).append(true).open(&self.partial);
        open.map_err(|source| write_failed(&self.partial, source))
    }

    fn within_limit(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.limit {
            return Err(LimitExceeded::new("feed_bytes", self.limit, self.url.to_string()).into());
        }
        Ok(())
    }
}

fn may_go_on(error: &HttpError) -> bool {
    error.kind() == Kind::Transient && !matches!(error, HttpError::Stopped { .. })
}

fn conditional(request: Request, known: Option<&Validators>) -> Result<Request, Error> {
    let Some(known) = known else { return Ok(request) };
    let request = match &known.etag {
        Some(etag) => request.header(header::IF_NONE_MATCH, value(etag)?),
        None => request,
    };
    Ok(match &known.last_modified {
        Some(time) => request.header(header::IF_MODIFIED_SINCE, value(time)?),
        None => request,
    })
}

fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(text)
        .map_err(|error| Error::Address { base: text.to_owned(), reason: error.to_string() })
}

/// Whether `Content-Range` says that the body starts at `offset`.
fn starts_at(response: &Response, offset: u64) -> bool {
    let range = response.header(&header::CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes "));
    range.and_then(|range| range.split_once('-')).is_some_and(|(start, _)| start.parse() == Ok(offset))
}

fn note_path(partial: &Path) -> PathBuf {
    let mut name = partial.as_os_str().to_owned();
    name.push(".note");
    name.into()
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(write_failed(path, error)),
        _ => Ok(()),
    }
}

fn write_failed(path: &Path, source: io::Error) -> Error {
    Error::Write(plimsoll_files::Error::Io { step: "write", path: path.to_owned(), source })
}
