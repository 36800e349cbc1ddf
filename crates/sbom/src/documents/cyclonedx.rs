//! CycloneDX as JSON.
//!
//! Follows ECMA-424 and the versions before it:
//!
//! ```json
//! {"bomFormat":"CycloneDX","specVersion":"1.6","components":[
//! {"type":"library","name":"libc6","version":"2.36-9","purl":"pkg:deb/debian/libc6@2.36-9"}]}
//! ```

mod conventions;
mod read;
mod write;

use std::borrow::Cow;
use std::io::{self, Write};

use plimsoll_core::Limits;

use super::format::{Content, Format, ReadDocument};
use super::json::Member;
use crate::Error;
use crate::document::Document;

/// `cyclonedx-json`.
pub(crate) struct CycloneDxJson;

impl Format for CycloneDxJson {
    fn id(&self) -> &'static str {
        "cyclonedx-json"
    }

    fn name(&self) -> &'static str {
        "CycloneDX"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"]
    }

    fn writes(&self) -> &'static [&'static str] {
        &["1.6"]
    }

    fn members(&self) -> &'static [Member] {
        read::MEMBERS
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        matches!(content, Content::Json(members) if members.has("bomFormat"))
    }

    fn read(&self, content: Content<'_>, limits: &Limits) -> Result<ReadDocument, Error> {
        let Content::Json(members) = content else { return Err(Error::UnknownFormat) };
        if members.value_or_default::<Cow<'_, str>>("bomFormat")? != "CycloneDX" {
            return Err(Error::UnknownFormat);
        }
        let version: Cow<'_, str> = members.value_or_default("specVersion")?;
        read::read(members, ReadDocument::new(self, &version)?, limits)
    }

    fn write(&self, document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
        write::write(document, version, out)
    }
}
