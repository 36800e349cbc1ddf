//! What a bundle says about itself. None of it is verified.

use std::path::Path;

use plimsoll_core::{Digest, Limits, Timestamp};
use plimsoll_verify::{Bundle, BundleVersion, CertificateIdentity, KeyId, Subject};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// The version of the JSON result.
const INSPECT_V1: &str = "plimsoll.dev/evidence-inspect/v1";

/// What a bundle claims.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claims {
    schema_version: &'static str,
    /// Always false, so that nobody mistakes this for a verification.
    verified: bool,
    pub(crate) file: String,
    pub(crate) digest: Digest,
    pub(crate) version: &'static str,
    pub(crate) content: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predicate_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) subjects: Vec<Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claimed_signer: Option<Signer>,
    pub(crate) log_entries: Vec<LogEntry>,
    pub(crate) timestamps: usize,
}

/// Who a bundle says has signed it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Signer {
    /// The holder of this key.
    Key(KeyId),
    /// The holder of a certificate.
    Certificate(Box<CertificateIdentity>),
}

/// A log entry that is in a bundle.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntry {
    pub(crate) index: String,
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) integrated_at: Option<Timestamp>,
    pub(crate) promise: bool,
    pub(crate) proof: bool,
}

impl Signer {
    pub(crate) fn claimed(bundle: &Bundle) -> Option<Self> {
        let holder = bundle.claimed_holder().map(|holder| Self::Certificate(Box::new(holder)));
        holder.or_else(|| bundle.claimed_key().map(Self::Key))
    }
}

impl std::fmt::Display for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Certificate(holder) => holder.fmt(f),
        }
    }
}

impl Claims {
    pub(crate) fn read(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Self, Failure> {
        let bundle = Bundle::parse(bytes, limits)?;
        let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let list =
            |pointer: &str| value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let statement = bundle.claimed_statement();
        Ok(Self {
            schema_version: INSPECT_V1,
            verified: false,
            file: path.display().to_string(),
            digest: bundle.digest(),
            version: match bundle.version() {
                BundleVersion::V0_1 => "0.1",
                BundleVersion::V0_2 => "0.2",
                _ => "0.3",
            },
            content: if bundle.signs_message() { "message" } else { "statement" },
            predicate_type: statement.as_ref().map(|statement| statement.predicate_type.clone()),
            subjects: statement.map(|statement| statement.subjects).unwrap_or_default(),
            claimed_signer: Signer::claimed(&bundle),
            log_entries: list("/verificationMaterial/tlogEntries").iter().map(LogEntry::read).collect(),
            timestamps: list("/verificationMaterial/timestampVerificationData/rfc3161Timestamps").len(),
        })
    }
}

impl LogEntry {
    fn read(entry: &Value) -> Self {
        // Numbers of 64 bits are strings in this mapping, and may be numbers.
        let text = |pointer: &str| match entry.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let seconds = text("/integratedTime").parse().ok().filter(|seconds| *seconds > 0);
        Self {
            index: text("/logIndex"),
            kind: format!("{} {}", text("/kindVersion/kind"), text("/kindVersion/version")),
            integrated_at: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            promise: entry.pointer("/inclusionPromise/signedEntryTimestamp").is_some(),
            proof: entry.pointer("/inclusionProof/checkpoint").is_some(),
        }
    }
}
