//! What a scan found, and the same as a predicate to be attested.

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_sbom::BaseImage;
use plimsoll_vuln::{Scan, Upgrade};
use serde::Serialize;

use super::baseline::Changes;
use super::explanation::Explanation;
use super::newer_base::NewerBase;
use super::unscanned::Unscanned;

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
    /// The image that it was built on, as far as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<BaseImage>,
    #[serde(flatten)]
    pub(crate) scan: Scan,
    /// The versions that fix findings.
    pub(crate) upgrades: Vec<Upgrade>,
    /// What changed since an earlier result.
    #[serde(rename = "baseline", skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<Changes>,
    /// What a newer base image would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) newer_base: Option<NewerBase>,
    /// What was to be explained.
    #[serde(skip)]
    pub(crate) explained: Vec<Explanation>,
    /// Whether the subject has several platforms, so that its name alone does not tell.
    #[serde(skip)]
    pub(crate) is_one_of_several: bool,
}

impl Scanned {
    /// What it is called in formats that have one text for it: `app:1.0`, `app:1.0 (linux/amd64)`.
    pub(crate) fn name(&self) -> String {
        match &self.platform {
            Some(platform) if self.is_one_of_several => format!("{} ({platform})", self.subject),
            _ => self.subject.clone(),
        }
    }

    /// What an earlier result had, and this one no longer has, in words.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = String> {
        self.changes.iter().flat_map(|changes| changes.fixed.iter().map(super::baseline::Earlier::words))
    }
}

/// cosign's predicate for the result of a scan, <https://cosign.sigstore.dev/attestation/vuln/v1>.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Predicate<'a> {
    scanner: Scanner<'a>,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Scanner<'a> {
    uri: String,
    version: &'static str,
    db: Advisories,
    result: &'a Report,
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

impl<'a> From<&'a Report> for Predicate<'a> {
    fn from(report: &'a Report) -> Self {
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
