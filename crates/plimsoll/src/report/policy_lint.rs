//! What linting policies found.

use plimsoll_policy::{Diagnostic, Severity};
use serde::Serialize;

/// The version of the JSON result.
const LINT_V1: &str = "plimsoll.dev/policy-lint/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) documents: Vec<Linted>,
}

/// One document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Linted {
    pub(crate) file: String,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(documents: Vec<Linted>) -> Self {
        Self { schema_version: LINT_V1, documents }
    }

    /// How much was found in all documents.
    pub(crate) fn findings(&self) -> usize {
        self.diagnostics().count()
    }

    /// Whether any of it is an error.
    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.documents.iter().flat_map(|document| &document.diagnostics)
    }
}
