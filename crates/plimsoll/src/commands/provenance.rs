//! `plimsoll provenance generate`, `plimsoll provenance verify`.

mod generate;
mod verify;

use std::path::Path;

use plimsoll_core::{Digest, Kind, Limits, Timestamp};
use plimsoll_gather::{Access, Subject};
use plimsoll_verify::provenance::Examined;
use serde::Serialize;

use crate::args::provenance::{Provenance, ProvenanceCommand, parse_digest};
use crate::commands::blob::Blob;
use crate::commands::place::Place;
use crate::commands::verification::{Held, Refused, Told};
use crate::failure::{Exit, Failure};
use crate::output::Console;

/// The version of the JSON result.
const PROVENANCE_V1: &str = "plimsoll.dev/provenance/v1";

/// The result of `provenance verify`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) results: Vec<Judged>,
}

/// One subject, and how it was built.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Judged {
    /// As it was typed.
    pub(crate) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// From when the oldest word of the registry is that was taken from the cache without asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_of: Option<Timestamp>,
    /// One attestation at least is as expected.
    pub(crate) verified: bool,
    /// What somebody trusted has signed, those that are as expected first.
    pub(crate) attestations: Vec<Attested>,
    /// What was looked at and does not count.
    pub(crate) refused: Vec<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Told>,
}

/// An attestation that somebody trusted has signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attested {
    /// Everything is as expected.
    pub(crate) holds: bool,
    #[serde(flatten)]
    pub(crate) held: Held,
    #[serde(flatten)]
    pub(crate) examined: Examined,
}

pub(super) fn run(arguments: &Provenance, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        ProvenanceCommand::Generate(arguments) => generate::run(arguments, limits, console),
        ProvenanceCommand::Verify(arguments) => verify::run(arguments, limits, console),
    }
}

/// What a subject of these commands is.
enum Thing {
    /// Known by its digest.
    Digest(Digest),
    /// A file, with its name and its digests.
    File(String, Vec<Digest>),
    /// An image in a registry or a layout.
    Image(Box<Place>),
}

impl Thing {
    /// A digest, a file that is there, or an image. Build systems attest files by their bytes, so a file that holds an image is
    /// a file.
    fn open(text: &str, repository: Option<&str>, access: &Access) -> Result<Self, Failure> {
        if let Some(digest) = parse_digest(text) {
            return Ok(Self::Digest(digest));
        }
        let path = match text.strip_prefix("file:") {
            Some(path) => Some(Path::new(path)),
            None => Some(Path::new(text)).filter(|path| text == "-" || path.is_file()),
        };
        if let Some(path) = path {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            return Ok(Self::File(name, Blob::open(path)?.digests(path)?));
        }
        if let Subject::Archive(..) | Subject::Sbom(_) = Subject::parse(text)? {
            return Err(Failure::new(Kind::Usage, format!("{text}: name the file by its path")));
        }
        Ok(Self::Image(Box::new(Place::open(text, repository, access)?)))
    }
}
