//! Why there is no result, or none for a subject.

use serde::Serialize;

use crate::failure::Failure;

/// A subject, or one of its images, that could not be scanned.
#[derive(Serialize)]
pub(crate) struct Unscanned {
    pub(crate) subject: String,
    /// The platform of the one image that could not be scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    #[serde(flatten)]
    pub(crate) error: ReportedError,
}

/// Why there is no verdict, or no result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportedError {
    exit_code: u8,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<&Failure> for ReportedError {
    fn from(failure: &Failure) -> Self {
        Self {
            exit_code: failure.kind().exit_code(),
            message: failure.to_string(),
            hint: failure.hint().map(str::to_owned),
        }
    }
}
