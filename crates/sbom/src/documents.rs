//! The list of document formats, and reading and writing by it.
//!
//! A document is a claim: nothing that it says is verified. Reading is bounded in bytes, nesting and components. References
//! are never followed, so that cycles and dangling ones (hostile SPDX) have nothing to act on.

mod collector;
mod cyclonedx;
mod encoding;
mod foreign;
pub(crate) mod format;
mod json;
mod object;
mod spdx;

use std::io::Write;
use std::{panic, thread};

use plimsoll_core::json as strict_json;
use plimsoll_core::{Cancel, Limits};
use serde_json::value::RawValue;

use crate::Error;
use crate::document::Document;
use crate::inventory::Inventory;
use cyclonedx::CycloneDxJson;
use format::{Content, DocumentFormat, Format, ReadDocument};
use json::{Member, Members};
use spdx::SpdxJson;

/// Every format, in the order in which help names them.
const LIST: &[&dyn Format] = &[&SpdxJson, &CycloneDxJson];

/// Every format that documents are read or written in.
pub fn formats() -> impl Iterator<Item = DocumentFormat> {
    LIST.iter().map(|format| DocumentFormat::new(*format))
}

/// Writes `document` as SPDX in JSON, in the default version. Equal documents give equal bytes.
pub fn write_spdx(document: &Document<'_>, out: &mut dyn Write) -> Result<(), Error> {
    DocumentFormat::new(&SpdxJson).write(document, out)
}

/// Writes `document` as CycloneDX in JSON, in the default version. Equal documents give equal bytes.
pub fn write_cyclonedx(document: &Document<'_>, out: &mut dyn Write) -> Result<(), Error> {
    DocumentFormat::new(&CycloneDxJson).write(document, out)
}

/// Reads a document of any format of the list, within the default limits.
pub fn read(bytes: &[u8]) -> Result<Inventory, Error> {
    read_document(bytes, &Limits::default()).map(|document| document.inventory)
}

/// Reads a document with what it says about itself. `limits` bounds bytes and components.
pub fn read_document(bytes: &[u8], limits: &Limits) -> Result<ReadDocument, Error> {
    read_document_until(bytes, limits, &Cancel::never())
}

/// The same, until `cancel` stops it.
pub fn read_document_until(bytes: &[u8], limits: &Limits, cancel: &Cancel) -> Result<ReadDocument, Error> {
    read_by(LIST, bytes, limits, cancel)
}

/// The member that holds the document in what GitHub's dependency graph exports: `{"sbom": {"spdxVersion": …}}`.
const WRAPPER: &str = "sbom";

fn read_by(
    list: &[&dyn Format],
    bytes: &[u8],
    limits: &Limits,
    cancel: &Cancel,
) -> Result<ReadDocument, Error> {
    cancel.check()?;
    strict_json::within(bytes, limits.sbom_bytes)?;
    let bytes = &encoding::utf8(bytes)?;
    strict_json::within(bytes, limits.sbom_bytes)?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return convert(list, Content::Text(bytes), limits);
    }
    // Two walks over the same bytes, side by side; what is not strict JSON is refused whatever the other made of it.
    let (strict, document) = thread::scope(|scope| {
        let strict = scope.spawn(|| strict_json::check(bytes, limits.sbom_bytes));
        let own = list.iter().flat_map(|format| format.members()).copied();
        let named: Vec<Member> = own.chain([Member::Value(WRAPPER)]).collect();
        let document: Result<ReadDocument, Error> = Members::split(bytes, &named, limits.components, cancel)
            .and_then(|members| {
                let wrapped: Option<&RawValue> = members.value(WRAPPER)?;
                let content = Content::Json(members);
                match wrapped.filter(|_| !list.iter().any(|format| format.recognises(&content))) {
                    Some(inner) => {
                        let inner = inner.get().as_bytes();
                        let inner = Members::split(inner, &named, limits.components, cancel)?;
                        convert(list, Content::Json(inner), limits)
                    }
                    None => convert(list, content, limits),
                }
            });
        let document = document.map_err(|error| match error {
            Error::UnknownFormat => foreign::of_json(bytes).unwrap_or(error),
            other => other,
        });
        (strict.join().unwrap_or_else(|panic| panic::resume_unwind(panic)), document)
    });
    strict?;
    document
}

/// Reads by the one format that recognises the document.
fn convert(list: &[&dyn Format], content: Content<'_>, limits: &Limits) -> Result<ReadDocument, Error> {
    let mut recognising = list.iter().filter(|format| format.recognises(&content));
    let format = match (recognising.next(), recognising.next(), &content) {
        (Some(format), None, _) => format,
        (None, _, Content::Text(bytes)) => {
            if let Some(error) = foreign::of_text(bytes) {
                return Err(error);
            }
            // Most likely it was meant to be JSON; say where it is not.
            strict_json::check(bytes, limits.sbom_bytes)?;
            return Err(Error::UnknownFormat);
        }
        _ => return Err(Error::UnknownFormat),
    };
    let mut document = format.read(content, limits)?;
    let layers = document.inventory.layers.len();
    for location in document.inventory.components.iter_mut().flat_map(|component| &mut component.locations) {
        location.layer = location.layer.filter(|layer| *layer < layers);
    }
    document.inventory.sort();
    document.inventory.merge_repeated();
    Ok(document)
}

#[cfg(test)]
mod tests;
