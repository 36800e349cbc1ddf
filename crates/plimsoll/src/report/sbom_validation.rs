//! What is wrong with SBOMs.

use plimsoll_sbom::{Finding, Level, Validation, ValidationExtent};
use serde::Serialize;

/// The version of the JSON result.
const SBOM_VALIDATION_V1: &str = "plimsoll.dev/sbom-validation/v1";

/// A document that was read.
pub(crate) struct Validated {
    pub(crate) file: String,
    pub(crate) validation: Validation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    schema_version: &'static str,
    pub(crate) documents: Vec<ReportedDocument<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportedDocument<'a> {
    pub(crate) file: &'a str,
    pub(crate) format: &'a str,
    pub(crate) version: &'a str,
    /// What it was taken out of, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) envelopes: Vec<&'static str>,
    pub(crate) components: usize,
    /// What of it was checked.
    pub(crate) checked: ValidationExtent,
    pub(crate) valid: bool,
    pub(crate) findings: &'a [Finding],
    /// Findings beyond those that are listed.
    pub(crate) more_findings: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(validated: &'a [Validated]) -> Self {
        let document = |one: &'a Validated| {
            let Validation { document, extent, findings, more } = &one.validation;
            ReportedDocument {
                file: &one.file,
                format: document.format,
                version: &document.version,
                envelopes: document.envelopes.iter().map(|envelope| envelope.name()).collect(),
                components: document.inventory.components.len(),
                checked: *extent,
                valid: findings.iter().all(|finding| finding.level != Level::Error),
                findings,
                more_findings: *more,
            }
        };
        Self { schema_version: SBOM_VALIDATION_V1, documents: validated.iter().map(document).collect() }
    }

    /// How many findings are errors.
    pub(crate) fn errors(&self) -> usize {
        let findings = self.documents.iter().flat_map(|document| document.findings);
        findings.filter(|finding| finding.level == Level::Error).count()
    }
}
