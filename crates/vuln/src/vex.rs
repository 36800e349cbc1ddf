//! VEX: suppliers' statements about vulnerabilities in their products. Reads such documents and sets findings aside.
//!
//! A statement is about vulnerabilities, products and a status. Each format is a module that implements [`Format`] and a line
//! in [`FORMATS`]; all become one model:
//!
//! | format | status | product |
//! | --- | --- | --- |
//! | [OpenVEX](openvex) | `status` | `products`, with `subcomponents` in them |
//! | [CSAF](csaf) | the lists of `product_status` | the product tree, with relationships |
//! | [CycloneDX](cyclonedx) | `analysis.state` | `affects`, by `bom-ref` in the same document |
//!
//! Owns the statements of a document and their products ([`Identity`]). It does not decide whose documents count: the
//! caller passes those that do. Nothing here lowers a finding unless a statement names it, its component and a reason:
//!
//! - `not_affected` without a justification or an explanation is refused, as the formats require.
//! - `fixed` without a version is refused, because it is unknown which versions have the fix.
//! - A statement that cannot be read completely is refused and reported. The others of the document count.
//! - Of several statements, the newest counts ([`Statements::settle`]).

mod belongs;
pub mod csaf;
pub mod cyclonedx;
mod identity;
pub mod openvex;
mod settle;
mod statement;

use std::fmt;

use plimsoll_core::{Classify, Kind, json};
use serde::Deserialize;
use serde_json::Value;

pub use crate::database::VexStatus;
pub(crate) use identity::Package;
pub use identity::{Identity, ScannedImage};
pub use settle::{Scene, Statements};
pub use statement::{Document, Product, Refusal, Statement};

/// A format of VEX documents.
pub trait Format: Sync {
    /// Its name for people: `OpenVEX`.
    fn name(&self) -> &'static str;

    /// Whether a document claims to be one.
    fn recognises(&self, claims: &Claims) -> bool;

    /// The statements of a document that [`Format::recognises`] knows. The bytes are strict JSON.
    fn read(&self, bytes: &[u8]) -> Result<Document, Error>;
}

/// The formats, in the order in which messages name them.
pub const FORMATS: [&dyn Format; 3] = [&openvex::OpenVex, &csaf::Csaf, &cyclonedx::CycloneDx];

/// What a document claims to be.
#[derive(Debug, Default, Deserialize)]
pub struct Claims {
    #[serde(rename = "@context", default)]
    context: Value,
    #[serde(rename = "bomFormat", default)]
    bom_format: Value,
    #[serde(default)]
    document: Value,
}

/// Why a file is not a VEX document that is read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not JSON.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// It is of no known format.
    #[error("not a VEX document, expected {}", Names)]
    UnknownFormat,
    /// Its version of the format is not read.
    #[error("{format} {got} is not read, expected {expected}")]
    Version {
        /// The format.
        format: &'static str,
        /// The version that it states.
        got: String,
        /// Those that are read.
        expected: &'static str,
    },
    /// It is of that format, but not valid.
    #[error("invalid {format} document: {reason}")]
    Invalid {
        /// The format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Comparing its statements would take too long.
    #[error("more than {limit} comparisons of statements with components")]
    Comparisons {
        /// The bound.
        limit: u64,
    },
}

impl Error {
    /// Whether it may be something other than VEX, so that a folder can have it.
    pub fn is_something_else(&self) -> bool {
        matches!(self, Self::UnknownFormat)
    }

    fn invalid(format: &'static str, reason: impl fmt::Display) -> Self {
        Self::Invalid { format, reason: plimsoll_core::text::shown(&reason.to_string()) }
    }
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Comparisons { .. } => Kind::Failed,
            Self::Json(_) | Self::UnknownFormat | Self::Version { .. } | Self::Invalid { .. } => Kind::Usage,
        }
    }
}

/// The names of all formats, in a sentence.
struct Names;

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
        f.write_str(&names.join(", "))
    }
}

/// Reads a document of any format. `source` is what messages call it.
pub fn read(bytes: &[u8], source: &str, limit: u64) -> Result<Document, Error> {
    json::check(bytes, limit)?;
    let claims: Claims = json::from_slice(bytes, limit).unwrap_or_default();
    let mut claimed = FORMATS.iter().filter(|format| format.recognises(&claims));
    match (claimed.next(), claimed.next()) {
        (Some(format), None) => {
            let mut document = format.read(bytes)?;
            source.clone_into(&mut document.source);
            Ok(document)
        }
        // One that claims to be two would be read differently by others.
        _ => Err(Error::UnknownFormat),
    }
}

#[cfg(test)]
mod tests;
