//! What was verified: what is valid, what is not, and why.

use std::collections::BTreeMap;

use plimsoll_core::{Digest, Timestamp};
use plimsoll_judge::Refusal;
use plimsoll_verify::{Observation, Signer, Statement, Step, Verified};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// The version of the JSON result of everything that verifies.
const VERIFY_V1: &str = "plimsoll.dev/verify/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    schema_version: &'static str,
    results: &'a [Entry],
}

impl<'a> Report<'a> {
    pub(crate) fn new(results: &'a [Entry]) -> Self {
        Self { schema_version: VERIFY_V1, results }
    }
}

/// One image or file, and what was found out about it.
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
    pub(crate) verified: bool,
    /// What is valid.
    pub(crate) proofs: Vec<Proof>,
    /// What was examined and does not count.
    pub(crate) refused: Vec<RefusedEvidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Unverified>,
}

/// Something that a trusted signer has signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    pub(crate) bundle: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) referrer: Option<Digest>,
    pub(crate) signer: Signer,
    /// By the clocks of logs and timestamp authorities that are trusted.
    pub(crate) times: Vec<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predicate_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, Value>,
    /// What nothing vouches for, or was not checked because of a flag.
    pub(crate) not_checked: Vec<&'static str>,
    /// The statement, where attestations are verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<Box<RawValue>>,
    /// What each step saw; only with `--explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<Observation>,
}

/// Evidence that does not count, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusedEvidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) referrer: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<Step>,
    pub(crate) message: String,
    #[serde(skip)]
    pub(crate) hint: Option<String>,
}

/// Why a subject is not verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailureReport {
    pub(crate) exit_code: u8,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    #[serde(skip)]
    pub(crate) failure: Failure,
}

impl From<Failure> for FailureReport {
    fn from(failure: Failure) -> Self {
        Self {
            exit_code: failure.kind().exit_code(),
            message: failure.to_string(),
            hint: failure.hint().map(str::to_owned),
            failure,
        }
    }
}

/// The same, with what cosign would end with.
#[derive(Debug, Serialize)]
pub(crate) struct Unverified {
    #[serde(flatten)]
    pub(crate) reason: FailureReport,
    #[serde(skip)]
    pub(crate) cosign_code: u8,
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
            proofs: Vec::new(),
            refused: Vec::new(),
            error: None,
        }
    }

    /// The same, not verified because of `failure`; `cosign_code` is the exit code that cosign has for it.
    #[must_use]
    pub(crate) fn unverified(self, failure: Failure, cosign_code: u8) -> Self {
        let error = Unverified { reason: failure.into(), cosign_code };
        Self { verified: false, error: Some(error), ..self }
    }
}

impl Proof {
    /// What `verified` says about itself; its steps only when they are to be explained.
    pub(crate) fn new<T>(verified: &Verified<T>, explain: bool) -> Self {
        let seen = verified.observations();
        let skipped = |step| !seen.iter().any(|seen| seen.step == step && seen.checked);
        let mut steps = if explain { seen.to_vec() } else { Vec::new() };
        steps.sort_by_key(|seen| seen.step);
        let by_certificate = matches!(verified.signer(), Signer::Certificate(_));
        let not_checked = [
            (skipped(Step::LogInclusion), "transparency log"),
            (verified.times().is_empty(), "signing time"),
            (by_certificate && skipped(Step::CertificateLog), "certificate log"),
        ];
        Self {
            bundle: *verified.bundle(),
            referrer: None,
            signer: verified.signer().clone(),
            times: verified.times().to_vec(),
            predicate_type: None,
            annotations: BTreeMap::new(),
            not_checked: not_checked.into_iter().filter_map(|(not, what)| not.then_some(what)).collect(),
            statement: None,
            steps,
        }
    }

    /// The same for a statement about `digest`.
    pub(crate) fn of_statement(verified: &Verified<Statement>, digest: &Digest, explain: bool) -> Self {
        let statement = verified.value();
        Self {
            predicate_type: Some(statement.predicate_type.clone()),
            annotations: statement.annotations(digest),
            ..Self::new(verified, explain)
        }
    }

    /// The same for one that is attached to an image.
    pub(crate) fn attached(attached: &plimsoll_gather::Proof, digest: &Digest, explain: bool) -> Self {
        Self { referrer: Some(attached.referrer), ..Self::of_statement(&attached.statement, digest, explain) }
    }

    /// With the statement itself.
    #[must_use]
    pub(crate) fn with_statement(self, statement: &Statement) -> Self {
        let text = String::from_utf8(statement.to_json()).ok();
        Self { statement: text.and_then(|text| RawValue::from_string(text).ok()), ..self }
    }
}

impl From<&Refusal> for RefusedEvidence {
    fn from(refusal: &Refusal) -> Self {
        let step = refusal.step();
        let message = with_step(step, refusal.reason.to_string());
        Self { referrer: refusal.referrer, step, message, hint: refusal.hint() }
    }
}

/// Some of the messages name their step; those that say more than what was got and expected do not.
pub(crate) fn with_step(step: Option<Step>, message: String) -> String {
    match step {
        Some(step) if !message.starts_with("step ") => format!("{step}: {message}"),
        _ => message,
    }
}
