//! SPDX as JSON.
//!
//! Follows the SPDX specification 2.3 and its JSON schema; 2.2 has the same members:
//!
//! ```json
//! {"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","packages":[
//! {"name":"libc6","SPDXID":"SPDXRef-Package-1","versionInfo":"2.36-9","externalRefs":[
//!  {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/libc6@2.36-9"}]}]}
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

/// `spdx-json`.
pub(crate) struct SpdxJson;

impl Format for SpdxJson {
    fn id(&self) -> &'static str {
        "spdx-json"
    }

    fn name(&self) -> &'static str {
        "SPDX"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["2.2", "2.3"]
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

    fn read(&self, content: Content<'_>, limits: &Limits) -> Result<ReadDocument, Error> {
        let Content::Json(members) = content else { return Err(Error::UnknownFormat) };
        let stated: Cow<'_, str> = members.value_or_default("spdxVersion")?;
        let Some(version) = stated.strip_prefix("SPDX-") else {
            return Err(ReadDocument::unknown_version(self, &stated));
        };
        read::read(members, ReadDocument::new(self, version)?, limits)
    }

    fn write(&self, document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
        write::write(document, version, out)
    }
}
