//! How artifacts were built, and whether that is as expected.

use plimsoll_core::{Digest, Timestamp};
use plimsoll_verify::provenance::ExaminedProvenance;
use serde::Serialize;

use crate::report::verification::{FailureReport, Proof, RefusedEvidence};

/// The version of the JSON result.
const PROVENANCE_V1: &str = "plimsoll.dev/provenance/v1";

/// The result of `provenance verify`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) results: Vec<Entry>,
}

impl Report {
    pub(crate) fn new(results: Vec<Entry>) -> Self {
        Self { schema_version: PROVENANCE_V1, results }
    }
}

/// One subject, and how it was built.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// As it was typed.
    pub(crate) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// From when the oldest word of the registry is that was taken from the cache without asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_of: Option<Timestamp>,
    /// One attestation at least is as expected.
    pub(crate) verified: bool,
    /// What trusted signers have signed; those that are as expected come first.
    pub(crate) attestations: Vec<Attestation>,
    /// What was examined and does not count.
    pub(crate) refused: Vec<RefusedEvidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<FailureReport>,
}

impl Entry {
    /// About `subject`, nothing known yet.
    pub(crate) fn new(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            digest: None,
            platform: None,
            as_of: None,
            verified: false,
            attestations: Vec::new(),
            refused: Vec::new(),
            error: None,
        }
    }
}

/// An attestation by a trusted signer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attestation {
    /// Everything is as expected.
    pub(crate) holds: bool,
    #[serde(flatten)]
    pub(crate) proof: Proof,
    #[serde(flatten)]
    pub(crate) examined: ExaminedProvenance,
}
