//! Documents that are read, and the document that is made from them.

use std::path::Path;

use plimsoll_core::{Cancel, Limits, Timestamp};
use plimsoll_gather::{StandardInput, envelope_remark, sbom_bytes};
use plimsoll_sbom::{
    Build, Completeness, Document, DocumentSubject, Inventory, Loss, ReadDocument, unread, unwritten,
};

use crate::failure::Failure;
use crate::output::{self, Console};
use crate::render;
use crate::render::table::safe;
use crate::settings::sbom::{Format, NewDocument};

/// The bytes of a named document.
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
    if let Some(remark) = envelope_remark(&document) {
        console.say(format_args!("{}: {remark}", path.display()));
    }
    Ok(document)
}

/// The subject of a document. If it has no name, the file's name is used, because some formats require one.
pub(super) fn subject(path: &Path, document: &ReadDocument) -> DocumentSubject {
    let mut subject = document.subject();
    if subject.name.is_empty() {
        subject.name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    }
    subject
}

/// The creation time that a document states, if it is valid.
pub(super) fn made(document: &ReadDocument) -> Option<Timestamp> {
    document.created.as_ref().and_then(|created| created.parse().ok())
}

/// Writes a new document and reports its problems, and the parts of the inventory that it cannot represent.
pub(super) fn write(
    inventory: &Inventory,
    subject: DocumentSubject,
    made: Option<Timestamp>,
    states: Completeness,
    settings: &NewDocument<'_>,
    console: Console,
) -> Result<(), Failure> {
    super::tell(inventory, settings.format, console);
    let document = Document {
        inventory,
        subject,
        created: settings.source_date.clone()?.or(made).unwrap_or(settings.now),
        tool_version: env!("CARGO_PKG_VERSION"),
        build: Build::default(),
        states,
    };
    let file = settings.file.as_deref();
    let Format::Document(format, version) = settings.format else {
        return output::emit(file, |out| render::inventory::write(inventory, None, console.page(file), out));
    };
    let mut written = Vec::new();
    format.write_version(&document, version, &mut written)?;
    // A document that this program itself could not read within its limits is not written.
    let lost = unwritten(inventory, &written, format, settings.limits)?;
    output::emit(file, |out| out.write_all(&written))?;
    tell_losses(&format!("no place in {}", format.id()), &lost, console);
    Ok(())
}

/// Reports the parts of a document's text that were not read.
pub(super) fn tell_unread(
    path: &Path,
    bytes: &[u8],
    read: &ReadDocument,
    limits: &Limits,
    console: Console,
) -> Result<(), Failure> {
    let why = format!("not read of {}", path.display());
    tell_losses(&why, &unread(bytes, read, limits)?, console);
    Ok(())
}

/// Reports what the new document lacks, in one line.
fn tell_losses(why: &str, losses: &[Loss], console: Console) {
    if losses.is_empty() {
        return;
    }
    let lost: Vec<String> =
        losses.iter().map(|loss| format!("{} ({})", safe(&loss.what), loss.count)).collect();
    console.warn(format_args!("not carried over, {why}: {}", lost.join(", ")));
}
