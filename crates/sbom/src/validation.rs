//! What is wrong with a readable document: members that its standard does not allow, dangling references, a subject
//! that is missing or of the wrong kind.
//!
//! The rules are those that decide how a document is understood: for CycloneDX and SPDX 2 as JSON, tables in `cyclonedx` and
//! `spdx`; for every format, checks of its meaning. They do not replace a complete official schema.

mod cyclonedx;
mod meaning;
mod shape;
mod spdx;

use plimsoll_core::Limits;
use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::documents::format::ReadDocument;
use crate::documents::{peeled, read_whole};

/// Findings that are kept. The rest is counted.
const MAX_FINDINGS: usize = 1_000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The document violates its standard, or its content is unreliable.
    Error,
    /// It is allowed, but causes trouble for readers.
    Warning,
}

impl Level {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Its level.
    pub level: Level,
    /// What kind it is, stable: `dangling-reference`.
    pub code: &'static str,
    /// Its place: `components/3/hashes/0/content`, or an identifier of the document. Empty for the whole.
    pub place: String,
    /// The details, with foreign text shortened.
    pub message: String,
}

/// What a validation covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationExtent {
    /// The members of the document, and its meaning.
    Members,
    /// Only its meaning: its subject, its references, and whether components can be looked up. Its form has no table.
    Meaning,
}

/// A document with its faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// What was read.
    pub document: ReadDocument,
    /// What was checked.
    pub extent: ValidationExtent,
    /// The faults, errors first.
    pub findings: Vec<Finding>,
    /// Findings beyond those that are kept.
    pub more: usize,
}

/// Reads and checks a document. An unreadable document is an error.
pub fn validate(bytes: &[u8], limits: &Limits) -> Result<Validation, Error> {
    let document = read_whole(bytes, limits)?;
    let mut findings = Findings { version: document.version.clone(), ..Findings::default() };
    let extent = peeled(bytes, limits, |peeled| {
        match (peeled.format(), peeled.members(limits)?) {
            ("cyclonedx-json" | "cyclonedx-xml", Some(value)) => cyclonedx::check(&value, &mut findings),
            ("spdx-json" | "spdx-yaml" | "spdx-tag-value", Some(value)) => spdx::check(&value, &mut findings),
            _ => return Ok(ValidationExtent::Meaning),
        }
        Ok(ValidationExtent::Members)
    })?;
    meaning::check(&document, &mut findings);
    let Findings { mut kept, more, .. } = findings;
    kept.sort();
    kept.dedup();
    Ok(Validation { document, extent, findings: kept, more })
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    /// The version of the standard, on which some rules depend.
    version: String,
    kept: Vec<Finding>,
    more: usize,
}

impl Findings {
    fn add(&mut self, level: Level, code: &'static str, place: &str, message: impl Into<String>) {
        if self.kept.len() < MAX_FINDINGS {
            self.kept.push(Finding { level, code, place: place.to_owned(), message: message.into() });
        } else {
            self.more += 1;
        }
    }

    fn error(&mut self, code: &'static str, place: &str, message: impl Into<String>) {
        self.add(Level::Error, code, place, message);
    }

    fn warning(&mut self, code: &'static str, place: &str, message: impl Into<String>) {
        self.add(Level::Warning, code, place, message);
    }
}

/// The texts in a list of texts.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests;
