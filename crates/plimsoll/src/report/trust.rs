//! What is trusted, and why.

use plimsoll_core::{Digest, Timestamp};
use plimsoll_trust::{Entry, Versions, entries};
use plimsoll_verify::TrustedRoot;
use serde::Serialize;

/// The version of the JSON result.
const TRUST_V1: &str = "plimsoll.dev/trust/v1";

/// What is trusted, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) checked_at: Timestamp,
    /// `file`, `cache` or `built-in`.
    pub(crate) origin: &'static str,
    /// The file, or the name of the instance.
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<CacheReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trusted_root: Option<TrustedRootReport>,
    /// The services for signing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) services: Option<Vec<Entry>>,
}

/// How old a cache is.
#[derive(Debug, Serialize)]
pub(crate) struct CacheReport {
    pub(crate) mirror: String,
    pub(crate) updated: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) expired: bool,
    pub(crate) versions: Versions,
}

/// A trusted root.
#[derive(Debug, Serialize)]
pub(crate) struct TrustedRootReport {
    pub(crate) digest: Digest,
    pub(crate) entries: Vec<Entry>,
}

impl Report {
    pub(crate) fn new(checked_at: Timestamp, origin: &'static str, name: String) -> Self {
        Self {
            schema_version: TRUST_V1,
            checked_at,
            origin,
            name,
            cache: None,
            trusted_root: None,
            services: None,
        }
    }
}

impl TrustedRootReport {
    pub(crate) fn new(root: &TrustedRoot, now: Timestamp) -> Self {
        Self { digest: root.digest(), entries: entries(root, now) }
    }
}
