//! What is in the caches.

use serde::Serialize;

/// The version of the JSON result.
const CACHE_V1: &str = "plimsoll.dev/cache/v1";

/// The caches.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) caches: Vec<CacheReport>,
}

/// One cache.
#[derive(Serialize)]
pub(crate) struct CacheReport {
    /// What is kept there.
    pub(crate) name: &'static str,
    pub(crate) folder: String,
    /// Bytes that its files take on disk.
    pub(crate) bytes: u64,
    pub(crate) files: usize,
    /// Bytes that it takes at most.
    pub(crate) limit: u64,
}

impl Report {
    pub(crate) fn new(caches: Vec<CacheReport>) -> Self {
        Self { schema_version: CACHE_V1, caches }
    }
}
