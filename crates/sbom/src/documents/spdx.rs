//! SPDX: 2.2 and 2.3 as JSON and tag-value, 3.0 as JSON-LD.
//!
//! Follows the SPDX specification 2.3 and its JSON schema; 2.2 has the same members. [`tag_value`] and [`json_ld`] show the
//! other forms:
//!
//! ```json
//! {"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","packages":[
//! {"name":"libc6","SPDXID":"SPDXRef-Package-1","versionInfo":"2.36-9","externalRefs":[
//!  {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/libc6@2.36-9"}]}]}
//! ```

mod conventions;
mod files;
mod json_ld;
mod members;
mod parts;
mod read;
mod tag_value;
mod write;
mod write_json_ld;
mod write_tag_value;

use std::borrow::Cow;
use std::io::{self, Write};

use plimsoll_core::yaml;
use serde_json::Value;

use super::encoding::text;
use super::format::{Content, Format, ReadDocument, Reading};
use super::json::{Member, Members};
use crate::Error;
use crate::document::Document;

pub(crate) use conventions::{DETECTED, is_read_annotation, is_read_comment};

const NAME: &str = "SPDX";
const VERSIONS: &[&str] = &["2.2", "2.3"];

/// `spdx-json`.
pub(crate) struct SpdxJson;

impl Format for SpdxJson {
    fn id(&self) -> &'static str {
        "spdx-json"
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn reads(&self) -> &'static [&'static str] {
        VERSIONS
    }

    fn writes(&self) -> &'static [&'static str] {
        &["2.3"]
    }

    fn members(&self) -> &'static [Member] {
        read::MEMBERS
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        matches!(content, Content::Json(members) if members.has("spdxVersion"))
    }

    fn read(&self, content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        let members = content.json()?;
        let stated: Cow<'_, str> = members.value_or_default("spdxVersion")?;
        let Some(version) = stated.strip_prefix("SPDX-") else {
            return Err(ReadDocument::unknown_version(self, &stated));
        };
        read::read(members, ReadDocument::new(self, version)?, reading)
    }

    fn write(&self, document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
        write::write(document, version, out)
    }
}

/// `spdx-tag-value`.
pub(crate) struct SpdxTagValue;

impl Format for SpdxTagValue {
    fn id(&self) -> &'static str {
        "spdx-tag-value"
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn reads(&self) -> &'static [&'static str] {
        VERSIONS
    }

    fn writes(&self) -> &'static [&'static str] {
        &["2.3"]
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        matches!(content, Content::Text(bytes) if text(bytes).is_ok_and(tag_value::is_document))
    }

    fn read(&self, content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        let bytes = content.text()?;
        tag_value::read(self, text(bytes)?, reading)
    }

    fn members_of_text(&self, bytes: &[u8]) -> Result<Option<Value>, Error> {
        members::of_tag_value(text(bytes)?).map(Some)
    }

    fn write(&self, document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
        write_tag_value::write(document, version, out)
    }
}

/// `spdx-json-ld`.
pub(crate) struct SpdxJsonLd;

impl Format for SpdxJsonLd {
    fn id(&self) -> &'static str {
        "spdx-json-ld"
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn reads(&self) -> &'static [&'static str] {
        &["3.0.0", "3.0.1"]
    }

    fn writes(&self) -> &'static [&'static str] {
        &["3.0.1"]
    }

    fn members(&self) -> &'static [Member] {
        json_ld::MEMBERS
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        matches!(content, Content::Json(members) if json_ld::is_document(members))
    }

    fn read(&self, content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        let members = content.json()?;
        json_ld::read(self, &members, reading)
    }

    fn write(&self, document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
        write_json_ld::write(document, version, out)
    }
}

/// `spdx-yaml`, which has the members of JSON.
pub(crate) struct SpdxYaml;

impl Format for SpdxYaml {
    fn id(&self) -> &'static str {
        "spdx-yaml"
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn reads(&self) -> &'static [&'static str] {
        VERSIONS
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        const HEAD: usize = 10_000;
        let is_version =
            |line: &str| line.starts_with("spdxVersion:") || line.starts_with("\"spdxVersion\":");
        matches!(content, Content::Text(bytes)
            if text(bytes).is_ok_and(|text| text.lines().take(HEAD).any(is_version) || text.lines().rev().take(HEAD).any(is_version)))
    }

    fn read(&self, content: Content<'_>, reading: &Reading<'_>) -> Result<ReadDocument, Error> {
        let bytes = content.text()?;
        let value = self.members_of_text(bytes)?;
        let json = serde_json::to_vec(&value).map_err(plimsoll_core::json::Error::from)?;
        drop(value);
        let members = Members::split(&json, read::MEMBERS, reading.limits.components, reading.cancel)?;
        SpdxJson.read(Content::Json(members), reading)
    }

    fn members_of_text(&self, text: &[u8]) -> Result<Option<Value>, Error> {
        Ok(Some(yaml::read(text, "SBOM", yaml::Size::LIST)?))
    }
}

#[cfg(test)]
mod tests;
