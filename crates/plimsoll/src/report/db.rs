//! Which feeds the database contains.

use plimsoll_core::Timestamp;
use plimsoll_vuln::FeedStatus;
use serde::Serialize;

/// The version of the JSON result.
const STATUS_V1: &str = "plimsoll.dev/db-status/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    checked_at: Timestamp,
    feeds: Vec<FeedStatus>,
}

impl Report {
    pub(crate) fn new(checked_at: Timestamp, feeds: Vec<FeedStatus>) -> Self {
        Self { schema_version: STATUS_V1, checked_at, feeds }
    }
}
