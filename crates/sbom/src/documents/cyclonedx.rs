//! CycloneDX, as JSON and as XML.
//!
//! Follows ECMA-424 and the versions before it:
//!
//! ```json
//! {"bomFormat":"CycloneDX","specVersion":"1.6","components":[
//! {"type":"library","name":"libc6","version":"2.36-9","purl":"pkg:deb/debian/libc6@2.36-9"}]}
//! ```
//!
//! ```xml
//! <bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components>
//! <component type="library"><name>libc6</name><version>2.36-9</version><purl>pkg:deb/debian/libc6@2.36-9</purl></component>
//! </components></bom>
//! ```

mod conventions;
mod files;
mod item;
mod members;
mod part;
mod read;
mod read_xml;
mod write;
mod write_xml;

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Value;

use super::encoding::text;
use super::format::{Content, Format, ReadDocument, Reading};
use super::json::Member;
use super::xml::{Xml, XmlError};
use crate::Error;
use crate::document::Document;

pub(crate) use part::is_read as is_read_property;

const NAME: &str = "CycloneDX";
const VERSIONS: &[&str] = &["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];
/// Trivy 0.54 and other readers of recent years know the first one.
const WRITTEN: &[&str] = &["1.6", "1.4", "1.5", "1.7"];
/// The namespace of XML, before the version.
const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

/// `cyclonedx-json`.
pub(crate) struct CycloneDxJson;

impl Format for CycloneDxJson {
    fn id(&self) -> &'static str {
        "cyclonedx-json"
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn reads(&self) -> &'static [&'static str] {
        VERSIONS
    }

    fn writes(&self) -> &'static [&'static str] {
        WRITTEN
    }

    fn members(&self) -> &'static [Member] {
        read::MEMBERS
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        matches!(content, Content::Json(members) if members.has("bomFormat"))
    }

    fn read(&self, content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        let members = content.json()?;
        if members.value_or_default::<Cow<'_, str>>("bomFormat")? != "CycloneDX" {
            return Err(Error::UnknownFormat);
        }
        let version: Cow<'_, str> = members.value_or_default("specVersion")?;
        read::read(members, ReadDocument::new(self, &version)?, reading)
    }

    fn write(&self, document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
        write::write(document, version, out)
    }
}

/// `cyclonedx-xml`.
pub(crate) struct CycloneDxXml;

/// How far the namespace is searched for if the document cannot be read up to its root.
const HEAD: usize = 4096;

impl Format for CycloneDxXml {
    fn id(&self) -> &'static str {
        "cyclonedx-xml"
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn reads(&self) -> &'static [&'static str] {
        VERSIONS
    }

    fn writes(&self) -> &'static [&'static str] {
        WRITTEN
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        let Content::Text(bytes) = content else { return false };
        if bytes.trim_ascii_start().first() != Some(&b'<') {
            return false;
        }
        let opened = text(bytes).ok().and_then(|text| Xml::open(text).ok());
        if let Some((xml, _)) = opened {
            return xml.namespace().starts_with(NAMESPACE);
        }
        // So that the reader says what is wrong with it.
        let head = bytes.get(..HEAD).unwrap_or(bytes);
        memchr::memmem::find(head, NAMESPACE.as_bytes()).is_some()
    }

    fn read(&self, content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        let bytes = content.text()?;
        let (xml, root) = Xml::open(text(bytes)?)?;
        if root.name() != "bom" {
            return Err(XmlError::Unexpected { at: xml.at(), got: "another root", expected: "bom" }.into());
        }
        let version = xml.namespace().strip_prefix(NAMESPACE).unwrap_or_default().to_owned();
        read_xml::read(xml, ReadDocument::new(self, &version)?, reading)
    }

    fn members_of_text(&self, bytes: &[u8]) -> Result<Option<Value>, Error> {
        members::of_xml(text(bytes)?).map(Some)
    }

    fn write(&self, document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
        write_xml::write(document, version, out)
    }
}

#[cfg(test)]
mod tests;
