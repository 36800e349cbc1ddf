//! `plimsoll provenance generate`, `plimsoll provenance verify`.

mod generate;
mod verify;

use std::path::Path;

use plimsoll_core::{Digest, Kind};
use plimsoll_gather::{Access, Subject};

use crate::commands::blob::Blob;
use crate::commands::place::Place;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::EvidenceRepository;
use crate::settings::provenance::ProvenanceSettings;

pub(super) fn run(settings: &ProvenanceSettings, console: Console) -> Result<Exit, Failure> {
    match settings {
        ProvenanceSettings::Generate(settings) => generate::run(settings, console),
        ProvenanceSettings::Verify(settings) => verify::run(settings, console),
    }
}

/// A subject of these commands.
enum ProvenanceSubject {
    /// Identified by its digest.
    Digest(Digest),
    /// A file, with its name and its digests.
    File(String, Vec<Digest>),
    /// An image in a registry or a layout.
    Image(Box<Place>),
}

impl ProvenanceSubject {
    /// A digest, an existing file, or an image. Build systems attest files by their bytes, so a file that contains an
    /// image is a file. Text with a tag, a digest or a registry is always an image.
    fn open(text: &str, repository: &EvidenceRepository, access: &Access) -> Result<Self, Failure> {
        if let Some(digest) = parse_digest(text) {
            return Ok(Self::Digest(digest));
        }
        let path = match text.strip_prefix("file:") {
            Some(path) => Some(Path::new(path)),
            None => Some(Path::new(text))
                .filter(|path| text == "-" || (path.is_file() && !Subject::is_reference(text))),
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

/// A digest in the usual form, or in the form of Subresource Integrity, as in npm's lock files: `sha512-…`.
fn parse_digest(text: &str) -> Option<Digest> {
    if let Ok(digest) = Digest::parse_any(text) {
        return Some(digest);
    }
    let (algorithm, encoded) =
        text.split_once('-').filter(|(name, _)| matches!(*name, "sha256" | "sha384" | "sha512"))?;
    plimsoll_verify::provenance::digest_of_integrity(algorithm, encoded)
}
