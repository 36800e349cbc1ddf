//! The scores of an SBOM.

use plimsoll_sbom::Score;
use serde::Serialize;

/// The version of the JSON result.
const SBOM_SCORE_V1: &str = "plimsoll.dev/sbom-score/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    file: String,
    pub(crate) scores: Vec<Score>,
}

impl Report {
    pub(crate) fn new(file: String, scores: Vec<Score>) -> Self {
        Self { schema_version: SBOM_SCORE_V1, file, scores }
    }
}
