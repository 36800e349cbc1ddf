//! What a scan found, and the same as a predicate to be attested.

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_vuln::Scan;
use serde::Serialize;

use super::check::ReportedError;

/// The version of the JSON result.
const SCAN_V1: &str = "plimsoll.dev/scan/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) scanned_at: Timestamp,
    pub(crate) results: Vec<Scanned>,
    /// The subjects that could not be scanned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Unscanned>,
}

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

/// One image or other subject.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Scanned {
    pub(crate) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    #[serde(skip)]
    pub(crate) layers: Vec<LayerRef>,
    #[serde(flatten)]
    pub(crate) scan: Scan,
}

/// cosign's predicate for the result of a scan, <https://cosign.sigstore.dev/attestation/vuln/v1>.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Predicate {
    scanner: Scanner,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Scanner {
    uri: String,
    version: &'static str,
    db: Advisories,
    result: Report,
}

#[derive(Serialize)]
struct Advisories {
    /// When the oldest feed was retrieved; the result has each with its digest.
    version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    scan_started_on: Timestamp,
    scan_finished_on: Timestamp,
}

impl Report {
    pub(crate) fn new(scanned_at: Timestamp, results: Vec<Scanned>, errors: Vec<Unscanned>) -> Self {
        Self { schema_version: SCAN_V1, scanned_at, results, errors }
    }
}

impl From<Report> for Predicate {
    fn from(report: Report) -> Self {
        let oldest =
            report.results.iter().flat_map(|result| &result.scan.database).map(|feed| feed.as_of).min();
        let version = env!("CARGO_PKG_VERSION");
        Self {
            metadata: Metadata { scan_started_on: report.scanned_at, scan_finished_on: report.scanned_at },
            scanner: Scanner {
                uri: format!("pkg:generic/plimsoll@{version}"),
                version,
                db: Advisories { version: oldest.map(|as_of| as_of.to_string()).unwrap_or_default() },
                result: report,
            },
        }
    }
}
