//! Whether what is attested fits its type: the form of a known type, and a JSON Schema of the caller's.

use std::path::Path;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use plimsoll_core::{Kind, Limits, json};
use plimsoll_verify::check_predicate;
use serde_json::Value;

use crate::failure::Failure;
use crate::settings;

/// What a predicate has to look like.
pub(super) struct Form(Option<Validator>);

impl Form {
    /// With the schema in the file at `path`, if there is one. Drafts 4 to 2020-12, as `$schema` says, else the newest.
    pub(super) fn new(path: Option<&Path>, limits: &Limits) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self(None)) };
        let usage =
            |problem: &str| Failure::new(Kind::Usage, format!("schema {}: {problem}", path.display()));
        let bytes = settings::read_within(path, limits.document_bytes, "document_bytes")?;
        let schema = json::value(&bytes, limits.document_bytes).map_err(|error| usage(&error.to_string()))?;
        jsonschema::options()
            // Linear in the text: a pattern that backtracks could be made to run for hours by what it is matched with.
            .with_pattern_options(PatternOptions::regex())
            .with_retriever(Nowhere)
            .should_validate_formats(true)
            .build(&schema)
            .map(|validator| Self(Some(validator)))
            .map_err(|error| {
                usage(&error.to_string()).with_hint("a `$ref` has to lead to a place in the same file")
            })
    }

    /// The first thing in `predicate` that does not fit, with its place.
    pub(super) fn check(
        &self,
        predicate_type: &str,
        predicate: &Value,
        limits: &Limits,
    ) -> Result<(), String> {
        check_predicate(predicate_type, predicate, limits).map_err(|error| error.to_string())?;
        let Some(validator) = &self.0 else { return Ok(()) };
        // cosign keeps data of its type `custom` as a text; the schema is about the document in it.
        let within = predicate.get("Data").filter(|_| predicate_type == COSIGN_CUSTOM);
        let within = match within.and_then(Value::as_str) {
            Some(text) => Some(
                json::value(text.as_bytes(), limits.statement_bytes)
                    .map_err(|error| format!("{predicate_type}: predicate.Data: {error}"))?,
            ),
            None => None,
        };
        let root = if within.is_some() { "predicate.Data" } else { "predicate" };
        match validator.iter_errors(within.as_ref().unwrap_or(predicate)).next() {
            None => Ok(()),
            Some(error) => {
                let place = format!("{root}{}", error.instance_path());
                let problem: String =
                    error.masked_with("the value").to_string().chars().take(MESSAGE).collect();
                Err(format!("{predicate_type}: {place}: {problem}"))
            }
        }
    }
}

const COSIGN_CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

/// A schema may repeat whole documents in what it says.
const MESSAGE: usize = 300;

/// A schema is complete in itself: nothing is fetched for it.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is another document, and none is fetched").into())
    }
}
