//! Whether a predicate fits its type: by the form of a known type, and by the caller's JSON Schema.

use std::path::Path;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use plimsoll_core::{Limits, json};
use plimsoll_verify::check_predicate;
use serde_json::Value;

use crate::Error;

/// The form that a predicate must have. The form of its type always applies (CVE-2022-35929); a schema only
/// narrows it.
#[derive(Debug, Default)]
pub struct PredicateForm {
    schema: Option<Validator>,
}

/// Why a predicate does not fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// It does not have the form of its type.
    #[error(transparent)]
    Type(#[from] plimsoll_verify::Error),
    /// The text in `Data` is not a JSON document.
    #[error("{predicate_type}: predicate.Data: {source}")]
    Data {
        /// The type.
        predicate_type: String,
        /// What is wrong with the text.
        source: json::Error,
    },
    /// It does not fit the schema.
    #[error("{predicate_type}: {place}: {problem}")]
    Schema {
        /// The type.
        predicate_type: String,
        /// Where: `predicate/materials/0`.
        place: String,
        /// The schema's message, shortened.
        problem: String,
    },
}

impl PredicateForm {
    /// With the schema in the file at `path`, if there is one. `$schema` selects the draft, 4 to 2020-12;
    /// without it, the newest is used.
    pub fn load(path: Option<&Path>, limits: &Limits) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self::default()) };
        let bytes = plimsoll_files::read(path, limits.document_bytes, "document_bytes")?;
        let schema = json::value(&bytes, limits.document_bytes)
            .map_err(|source| Error::SchemaJson { path: path.to_owned(), source })?;
        let validator = jsonschema::options()
            // Matching takes linear time: with a pattern that backtracks, a hostile text could make it run
            // for hours.
            .with_pattern_options(PatternOptions::regex())
            .with_retriever(NoRetrieval)
            .should_validate_formats(true)
            .build(&schema)
            .map_err(|error| Error::Schema { path: path.to_owned(), problem: error.to_string() })?;
        Ok(Self { schema: Some(validator) })
    }

    /// The error is the first place in `predicate` that does not fit.
    pub fn check(&self, predicate_type: &str, predicate: &Value, limits: &Limits) -> Result<(), Misfit> {
        check_predicate(predicate_type, predicate, limits)?;
        let Some(schema) = &self.schema else { return Ok(()) };
        // cosign stores data of its type `custom` as a text; the schema describes the document in that text.
        let text = predicate.get("Data").filter(|_| predicate_type == COSIGN_CUSTOM).and_then(Value::as_str);
        let document = text.map(|text| json::value(text.as_bytes(), limits.statement_bytes)).transpose();
        let document =
            document.map_err(|source| Misfit::Data { predicate_type: predicate_type.to_owned(), source })?;
        let root = if document.is_some() { "predicate.Data" } else { "predicate" };
        match schema.iter_errors(document.as_ref().unwrap_or(predicate)).next() {
            None => Ok(()),
            Some(error) => Err(Misfit::Schema {
                predicate_type: predicate_type.to_owned(),
                place: format!("{root}{}", error.instance_path()),
                problem: error.masked_with("the value").to_string().chars().take(MESSAGE).collect(),
            }),
        }
    }
}

const COSIGN_CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

/// The most bytes of a message. A schema's message may repeat whole documents.
const MESSAGE: usize = 300;

/// Refuses to fetch: a schema must be complete in itself.
struct NoRetrieval;

impl Retrieve for NoRetrieval {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is another document, and schemas are not fetched").into())
    }
}
