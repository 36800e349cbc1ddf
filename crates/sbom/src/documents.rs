//! The list of document formats, and how it is used to read and write documents.
//!
//! A document is a claim. Nothing that it says is verified, even if it was in a signed envelope. Reading is bounded in bytes,
//! nesting and components. References are never followed, so cycles and dangling references do no harm.

mod collector;
mod cyclonedx;
mod encoding;
pub(crate) mod envelope;
mod file_name;
mod foreign;
pub(crate) mod format;
mod json;
mod listing;
mod object;
mod placed;
mod spdx;
pub(crate) mod stated;
pub(crate) mod stated_files;
mod syft;
pub(crate) mod xml;
mod xml_tags;

use std::io::Write;
use std::{panic, thread};

use plimsoll_core::json as strict_json;
use plimsoll_core::{Cancel, Digest, Limits};
use serde_json::Value;
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

pub(crate) use cyclonedx::is_read_property;
pub(crate) use spdx::{DETECTED, is_read_annotation, is_read_comment};

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

/// Every format that is read or written.
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

/// Reads the components, for matching, and what the document says about itself. `limits` bounds bytes and components.
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

/// The member that contains the document in an export of GitHub's dependency graph: `{"sbom": {"spdxVersion": …}}`.
const WRAPPER: &str = "sbom";

/// Calls `look` with the document in `bytes`, without its envelopes.
pub(crate) fn peeled<T>(
    bytes: &[u8],
    limits: &Limits,
    look: impl FnOnce(&Peeled<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let reading = Reading { limits, extent: Extent::Whole, cancel: &Cancel::never() };
    peel(LIST, None, bytes, &reading, |peeled| look(&peeled)).map(|(found, _)| found)
}

fn read_by(list: &[&dyn Format], bytes: &[u8], reading: &Reading<'_>) -> Result<ReadDocument, Error> {
    let (mut document, wrapping) = peel(list, None, bytes, reading, |peeled| convert(peeled, reading))?;
    document.envelopes = wrapping.envelopes;
    document.statement_subjects = wrapping.subjects;
    Ok(document)
}

/// A document without its encoding, envelopes, and GitHub's export.
pub(crate) struct Peeled<'a> {
    format: &'a dyn Format,
    content: Content<'a>,
    /// Its text: UTF-8 without a mark.
    pub(crate) text: &'a [u8],
}

impl Peeled<'_> {
    /// The stable name of its format: `spdx-json`.
    pub(crate) fn format(&self) -> &'static str {
        self.format.id()
    }

    /// Its members, for a format that is JSON or has the members of JSON.
    pub(crate) fn members(&self, limits: &Limits) -> Result<Option<Value>, Error> {
        match self.content {
            Content::Json(_) => Ok(Some(strict_json::value(self.text, limits.sbom_bytes)?)),
            Content::Text(text) => self.format.members_of_text(text),
        }
    }
}

/// What wraps a document.
#[derive(Default)]
struct Wrapping {
    /// The outermost first.
    envelopes: Vec<Envelope>,
    /// The subjects of the statement.
    subjects: Vec<Digest>,
}

/// Unwraps a document and calls `then` with it. Reading, checking and counting all start here, so none of them mistakes
/// an envelope for the document.
fn peel<T>(
    list: &[&dyn Format],
    outer: Option<Envelope>,
    bytes: &[u8],
    reading: &Reading<'_>,
    then: impl FnOnce(Peeled<'_>) -> Result<T, Error>,
) -> Result<(T, Wrapping), Error> {
    let limits = reading.limits;
    reading.cancel.check()?;
    strict_json::within(bytes, limits.sbom_bytes)?;
    let bytes = &encoding::utf8(bytes)?;
    strict_json::within(bytes, limits.sbom_bytes)?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        let peeled = recognised(list, Content::Text(bytes), bytes, reading)?;
        return Ok((then(peeled)?, Wrapping::default()));
    }
    // Two passes over the same bytes, in parallel. JSON that is not strict is refused, whatever the other pass finds.
    let (strict, found) = thread::scope(|scope| {
        let strict = scope.spawn(|| strict_json::check(bytes, limits.sbom_bytes));
        let found = peel_object(list, outer, bytes, reading, then).map_err(|error| match error {
            Error::UnknownFormat => foreign::of_json(bytes).unwrap_or(error),
            other => other,
        });
        (strict.join().unwrap_or_else(|panic| panic::resume_unwind(panic)), found)
    });
    strict?;
    found
}

/// Unwraps a JSON object: it has the format that recognises it, or is an export or envelope.
fn peel_object<T>(
    list: &[&dyn Format],
    outer: Option<Envelope>,
    bytes: &[u8],
    reading: &Reading<'_>,
    then: impl FnOnce(Peeled<'_>) -> Result<T, Error>,
) -> Result<(T, Wrapping), Error> {
    let own = list.iter().flat_map(|format| format.members()).chain(envelope::MEMBERS).copied();
    let named: Vec<Member> = own.chain([Member::Value(WRAPPER)]).collect();
    let split = |bytes| Members::split(bytes, &named, reading.limits.components, reading.cancel);
    let members = split(bytes)?;
    let content = Content::Json(members);
    if list.iter().any(|format| format.recognises(&content)) {
        return Ok((then(recognised(list, content, bytes, reading)?)?, Wrapping::default()));
    }
    let members = content.json()?;
    if let Some(inner) = members.value::<&RawValue>(WRAPPER)? {
        let inner = inner.get().as_bytes();
        let peeled = recognised(list, Content::Json(split(inner)?), inner, reading)?;
        return Ok((then(peeled)?, Wrapping::default()));
    }
    let Some(opened) = envelope::open(&members, outer, reading.limits)? else {
        return Err(Error::UnknownFormat);
    };
    let inner = peel(list, Some(opened.envelope), &opened.content, reading, then);
    let (found, mut wrapping) = inner.map_err(|error| match (error, &opened.predicate_type) {
        (Error::UnknownFormat | Error::OtherFormat { .. }, Some(predicate_type)) => {
            Error::Predicate { predicate_type: predicate_type.chars().take(120).collect() }
        }
        (error, _) => error,
    })?;
    wrapping.envelopes.insert(0, opened.envelope);
    wrapping.subjects.extend(opened.subjects);
    Ok((found, wrapping))
}

/// The document with the one format that recognises it.
fn recognised<'a>(
    list: &[&'a dyn Format],
    content: Content<'a>,
    text: &'a [u8],
    reading: &Reading<'_>,
) -> Result<Peeled<'a>, Error> {
    let mut recognising = list.iter().filter(|format| format.recognises(&content));
    match (recognising.next(), recognising.next(), &content) {
        (Some(format), None, _) => Ok(Peeled { format: *format, content, text }),
        (None, _, Content::Text(bytes)) => {
            if let Some(error) = foreign::of_text(bytes) {
                return Err(error);
            }
            // It was probably meant to be JSON, so say where it is invalid.
            strict_json::check(bytes, reading.limits.sbom_bytes)?;
            Err(Error::UnknownFormat)
        }
        _ => Err(Error::UnknownFormat),
    }
}

/// Reads a document by its format.
fn convert(peeled: Peeled<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
    let mut document = peeled.format.read(peeled.content, reading)?;
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
