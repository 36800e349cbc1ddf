//! What `doctor` found out.

use plimsoll_core::Timestamp;
use serde::Serialize;

use crate::failure::Failure;

/// The version of the JSON result.
const DOCTOR_V1: &str = "plimsoll.dev/doctor/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    checked_at: Timestamp,
    checks: Vec<Check>,
}

impl Report {
    pub(crate) fn new(checked_at: Timestamp, checks: Vec<Check>) -> Self {
        Self { schema_version: DOCTOR_V1, checked_at, checks }
    }
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// Which one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<String>,
    pub(crate) status: Status,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// Something to know about.
    Warn,
    /// What depends on it will not work.
    Fail,
    /// Not checked, or not set up.
    Skip,
}

impl Check {
    pub(crate) fn new(name: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self { name, about: None, status, message: message.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn about(self, about: impl Into<String>) -> Self {
        Self { about: Some(about.into()), ..self }
    }

    #[expect(clippy::needless_pass_by_value, reason = "used as a function from errors to checks")]
    pub(crate) fn failed(name: &'static str, failure: Failure) -> Self {
        let hint = failure.hint().map(str::to_owned);
        Self { hint, ..Self::new(name, Status::Fail, failure.to_string()) }
    }
}
