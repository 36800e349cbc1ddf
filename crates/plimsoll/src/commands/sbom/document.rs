//! Documents that are read, and the one that is made of them.

use std::path::Path;

use plimsoll_core::{Cancel, Limits, Timestamp};
use plimsoll_gather::{StandardInput, sbom_bytes};
use plimsoll_sbom::{Build, Document, DocumentSubject, Envelope, Inventory, ReadDocument};

use crate::failure::Failure;
use crate::output::{self, Console};
use crate::render;
use crate::settings::sbom::{Format, NewDocument};

/// The bytes of a document that the user names.
pub(super) fn bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    Ok(sbom_bytes(path, limits, StandardInput::OfUser, &Cancel::never())?)
}

/// Reads a document with everything that it states.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    limits: &Limits,
    console: Console,
) -> Result<ReadDocument, Failure> {
    let document = plimsoll_sbom::read_whole(bytes, limits)
        .map_err(|source| plimsoll_gather::Error::Sbom { path: path.to_owned(), source })?;
    if document.envelopes.first().is_some_and(|outermost| *outermost != Envelope::Statement) {
        console.say(format_args!(
            "{}: signature not verified here; plimsoll verify-blob-attestation does",
            path.display()
        ));
    }
    Ok(document)
}

/// The subject of a document, as far as documents tell it.
pub(super) fn subject(document: &ReadDocument) -> DocumentSubject {
    DocumentSubject {
        name: document.subject_name.clone().unwrap_or_default(),
        manifest: document.subject_digest,
        ..DocumentSubject::default()
    }
}

/// Writes a new document, and returns what was written.
pub(super) fn write(
    inventory: &Inventory,
    subject: DocumentSubject,
    made: Option<&str>,
    settings: &NewDocument<'_>,
    console: Console,
) -> Result<Vec<u8>, Failure> {
    let made: Option<Timestamp> = made.and_then(|made| made.parse().ok());
    let document = Document {
        inventory,
        subject,
        created: settings.source_date.clone()?.or(made).unwrap_or(settings.now),
        tool_version: env!("CARGO_PKG_VERSION"),
        build: Build::default(),
    };
    let file = settings.file.as_deref();
    let mut written = Vec::new();
    match settings.format {
        Format::Document(format, version) => format.write_version(&document, version, &mut written)?,
        Format::Table => {
            return output::emit(file, |out| render::inventory::write(inventory, console.page(file), out))
                .map(|()| written);
        }
    }
    output::emit(file, |out| out.write_all(&written))?;
    Ok(written)
}
