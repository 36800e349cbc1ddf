//! Which feeds the database contains, which advisories, and what changed.

use plimsoll_core::Timestamp;
use plimsoll_vuln::FeedStatus;
use plimsoll_vuln::lookup::{Advice, Difference};
use serde::Serialize;

/// The versions of the JSON results.
const STATUS_V1: &str = "plimsoll.dev/db-status/v1";
const SEARCH_V1: &str = "plimsoll.dev/db-search/v1";
const DIFF_V1: &str = "plimsoll.dev/db-diff/v1";

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

/// What a search found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found<'a> {
    schema_version: &'static str,
    advisories: &'a [Advice],
}

impl<'a> Found<'a> {
    pub(crate) fn new(advisories: &'a [Advice]) -> Self {
        Self { schema_version: SEARCH_V1, advisories }
    }
}

/// What changed from one database to another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Differences<'a> {
    schema_version: &'static str,
    ecosystems: &'a [Difference],
}

impl<'a> Differences<'a> {
    pub(crate) fn new(ecosystems: &'a [Difference]) -> Self {
        Self { schema_version: DIFF_V1, ecosystems }
    }
}
