//! The list of document formats, and reading and writing by it.
//!
//! A document is a claim: nothing that it says is verified, also where it was taken out of a signed envelope. Reading is
//! bounded in bytes, nesting and components. References are never followed, so that cycles and dangling ones (hostile SPDX)
//! have nothing to act on.

mod collector;
mod cyclonedx;
mod encoding;
pub(crate) mod envelope;
mod foreign;
pub(crate) mod format;
mod json;
mod listing;
mod object;
mod placed;
mod spdx;
pub(crate) mod stated;
mod syft;
pub(crate) mod xml;
mod xml_tags;

use std::borrow::Cow;
use std::io::Write;
use std::{panic, thread};

use plimsoll_core::json as strict_json;
use plimsoll_core::{Cancel, Limits};
use serde_json::value::RawValue;

use crate::Error;
use crate::document::Document;
use crate::inventory::Inventory;
use cyclonedx::{CycloneDxJson, CycloneDxXml};
use envelope::Envelope;
use format::{Content, DocumentFormat, Extent, Format, ReadDocument, Reading};
use json::{Member, Members};
use listing::{GitHubSnapshot, PurlList};
use spdx::{SpdxJson, SpdxJsonLd, SpdxTagValue, SpdxYaml};
use syft::SyftJson;

/// Every format, in the order in which help names them.
const LIST: &[&dyn Format] = &[
    &SpdxJson,
    &SpdxTagValue,
    &SpdxJsonLd,
    &SpdxYaml,
    &CycloneDxJson,
    &CycloneDxXml,
    &SyftJson,
    &GitHubSnapshot,
    &PurlList,
];

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

/// Reads what vulnerabilities are looked up for, and what the document says about itself. `limits` bounds bytes and components.
pub fn read_document(bytes: &[u8], limits: &Limits) -> Result<ReadDocument, Error> {
    read_document_until(bytes, limits, &Cancel::never())
}

/// The same, until `cancel` stops it.
pub fn read_document_until(bytes: &[u8], limits: &Limits, cancel: &Cancel) -> Result<ReadDocument, Error> {
    read_by(LIST, bytes, &Reading { limits, extent: Extent::Components, cancel })
}

/// Reads a document with its relationships and with everything that it states about itself.
pub fn read_whole(bytes: &[u8], limits: &Limits) -> Result<ReadDocument, Error> {
    read_by(LIST, bytes, &Reading { limits, extent: Extent::Whole, cancel: &Cancel::never() })
}

/// The member that holds the document in what GitHub's dependency graph exports: `{"sbom": {"spdxVersion": …}}`.
const WRAPPER: &str = "sbom";

/// The bytes of a document as UTF-8 without a mark.
pub(crate) fn unmarked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    encoding::utf8(bytes)
}

fn read_by(list: &[&dyn Format], bytes: &[u8], reading: &Reading<'_>) -> Result<ReadDocument, Error> {
    read_inside(list, None, bytes, reading)
}

/// Reads what may have been inside `outer`.
fn read_inside(
    list: &[&dyn Format],
    outer: Option<Envelope>,
    bytes: &[u8],
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    let limits = reading.limits;
    reading.cancel.check()?;
    strict_json::within(bytes, limits.sbom_bytes)?;
    let bytes = &encoding::utf8(bytes)?;
    strict_json::within(bytes, limits.sbom_bytes)?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return convert(list, Content::Text(bytes), reading);
    }
    // Two walks over the same bytes, side by side; what is not strict JSON is refused whatever the other made of it.
    let (strict, document) = thread::scope(|scope| {
        let strict = scope.spawn(|| strict_json::check(bytes, limits.sbom_bytes));
        let document = read_object(list, outer, bytes, reading).map_err(|error| match error {
            Error::UnknownFormat => foreign::of_json(bytes).unwrap_or(error),
            other => other,
        });
        (strict.join().unwrap_or_else(|panic| panic::resume_unwind(panic)), document)
    });
    strict?;
    document
}

/// Reads a JSON object: by the format that recognises it, else what is in an export or an envelope.
fn read_object(
    list: &[&dyn Format],
    outer: Option<Envelope>,
    bytes: &[u8],
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    let own = list.iter().flat_map(|format| format.members()).chain(envelope::MEMBERS).copied();
    let named: Vec<Member> = own.chain([Member::Value(WRAPPER)]).collect();
    let split = |bytes| Members::split(bytes, &named, reading.limits.components, reading.cancel);
    let content = Content::Json(split(bytes)?);
    if list.iter().any(|format| format.recognises(&content)) {
        return convert(list, content, reading);
    }
    let Content::Json(members) = content else { return Err(Error::UnknownFormat) };
    if let Some(inner) = members.value::<&RawValue>(WRAPPER)? {
        return convert(list, Content::Json(split(inner.get().as_bytes())?), reading);
    }
    let Some(opened) = envelope::open(&members, outer, reading.limits)? else {
        return Err(Error::UnknownFormat);
    };
    let inner = read_inside(list, Some(opened.envelope), &opened.content, reading);
    let mut document = inner.map_err(|error| match (error, &opened.predicate_type) {
        (Error::UnknownFormat | Error::OtherFormat { .. }, Some(predicate_type)) => {
            Error::Predicate { predicate_type: predicate_type.chars().take(120).collect() }
        }
        (error, _) => error,
    })?;
    document.envelopes.insert(0, opened.envelope);
    document.statement_subjects.extend(opened.subjects);
    Ok(document)
}

/// Reads by the one format that recognises the document.
fn convert(list: &[&dyn Format], content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
    let mut recognising = list.iter().filter(|format| format.recognises(&content));
    let format = match (recognising.next(), recognising.next(), &content) {
        (Some(format), None, _) => format,
        (None, _, Content::Text(bytes)) => {
            if let Some(error) = foreign::of_text(bytes) {
                return Err(error);
            }
            // Most likely it was meant to be JSON; say where it is not.
            strict_json::check(bytes, reading.limits.sbom_bytes)?;
            return Err(Error::UnknownFormat);
        }
        _ => return Err(Error::UnknownFormat),
    };
    let mut document = format.read(content, reading)?;
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
