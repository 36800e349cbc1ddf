//! What became of other tools' policies.

use plimsoll_policy::{Import, ImportedPolicy};
use serde::Serialize;

/// The version of the JSON result.
const IMPORT_V1: &str = "plimsoll.dev/policy-import/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) files: Vec<ImportedFile>,
}

/// One file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedFile {
    pub(crate) file: String,
    #[serde(flatten)]
    pub(crate) import: Import,
}

impl Report {
    pub(crate) fn new(files: Vec<ImportedFile>) -> Self {
        Self { schema_version: IMPORT_V1, files }
    }

    pub(crate) fn policies(&self) -> impl Iterator<Item = &ImportedPolicy> {
        self.files.iter().flat_map(|file| &file.import.policies)
    }

    /// How many things were refused.
    pub(crate) fn refused(&self) -> usize {
        self.files.iter().map(|file| file.import.refused.len()).sum()
    }
}
