//! The result of a verification: what held, what did not, and how the run ends.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_core::{Classify as _, Digest, Kind, Timestamp};
use plimsoll_gather::{Proof, Rejected, Rejection};
use plimsoll_verify::{Observation, Signer, Statement, Step, Verified};
use serde::Serialize;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::render::table::Paint;

/// The version of the JSON result of everything that verifies.
const VERIFY_V1: &str = "plimsoll.dev/verify/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    schema_version: &'static str,
    results: &'a [Entry],
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
    /// What holds.
    pub(crate) proofs: Vec<Held>,
    /// What was looked at and does not count.
    pub(crate) refused: Vec<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Unmet>,
}

/// Something that somebody trusted has signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Held {
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
    /// What nobody vouched for, or was not looked at because the flags said so.
    pub(crate) not_checked: Vec<&'static str>,
    /// The statement; only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<Value>,
    /// What each step saw; only with `--explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<Observation>,
}

/// Something that does not count, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refused {
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
pub(crate) struct Told {
    pub(crate) exit_code: u8,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    #[serde(skip)]
    pub(super) failure: Failure,
}

impl From<Failure> for Told {
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
pub(crate) struct Unmet {
    #[serde(flatten)]
    pub(crate) told: Told,
    #[serde(skip)]
    cosign: u8,
}

impl Entry {
    /// About `subject`, nothing known yet.
    pub(super) fn new(subject: &str) -> Self {
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

    /// The same, not verified because of `failure`; `cosign` is the exit code that cosign has for it.
    #[must_use]
    pub(super) fn unmet(self, failure: Failure, cosign: u8) -> Self {
        let error = Unmet { told: failure.into(), cosign };
        Self { verified: false, error: Some(error), ..self }
    }
}

impl Held {
    /// What `verified` says about itself; its steps only when they are to be explained.
    pub(super) fn new<T>(verified: &Verified<T>, explain: bool) -> Self {
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
    pub(super) fn of_statement(verified: &Verified<Statement>, digest: &Digest, explain: bool) -> Self {
        let statement = verified.value();
        Self {
            predicate_type: Some(statement.predicate_type.clone()),
            annotations: statement.annotations(digest),
            ..Self::new(verified, explain)
        }
    }

    /// The same for one that is attached to an image.
    pub(super) fn attached(proof: &Proof, digest: &Digest, explain: bool) -> Self {
        Self { referrer: Some(proof.referrer), ..Self::of_statement(&proof.statement, digest, explain) }
    }

    /// With the statement itself.
    #[must_use]
    pub(super) fn with(self, statement: &Statement) -> Self {
        Self { statement: serde_json::from_slice(&statement.to_json()).ok(), ..self }
    }
}

impl From<&Rejected> for Refused {
    fn from(rejected: &Rejected) -> Self {
        let hint = match &rejected.reason {
            Rejection::Bundle(error) => error.hint(),
            _ => None,
        };
        let (step, message) = (rejected.reason.failed_step(), rejected.reason.to_string());
        let message = with_step(step, message);
        Self { referrer: Some(rejected.referrer), step, message, hint }
    }
}

/// Some of the messages name their step; those that say more than what was got and expected do not.
pub(super) fn with_step(step: Option<Step>, message: String) -> String {
    match step {
        Some(step) if !message.starts_with("step ") => format!("{step}: {message}"),
        _ => message,
    }
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    Json,
    Text,
    /// The statements alone.
    Statements,
}

/// Writes the result, reports what failed, and says how the run ends.
pub(super) fn finish(
    entries: &[Entry],
    form: Form,
    explain: bool,
    cosign_exit_codes: bool,
    file: Option<&Path>,
    console: Console,
) -> Result<Exit, Failure> {
    match form {
        Form::Json => output::emit_json(file, &Report { schema_version: VERIFY_V1, results: entries })?,
        Form::Table => {
            let paint = Paint(file.is_none() && console.stdout_colors());
            let refused = explain || console.is_verbose();
            output::emit(file, |out| render::verification::table(entries, refused, paint, out))?;
        }
        Form::Text => output::emit(file, |out| render::verification::lines(entries, out))?,
        Form::Statements => output::emit(file, |out| {
            let held = entries.iter().filter(|entry| entry.verified).flat_map(|entry| &entry.proofs);
            held.filter_map(|held| held.statement.as_ref())
                .try_for_each(|statement| writeln!(out, "{statement}"))
        })?,
    }
    let mut exit = Exit::Done;
    for unmet in entries.iter().filter_map(|entry| entry.error.as_ref()) {
        console.report(&unmet.told.failure);
        exit = match cosign_exit_codes {
            true if exit == Exit::Done => Exit::Code(unmet.cosign),
            true => exit,
            false => exit.and(Exit::Kind(unmet.told.failure.kind())),
        };
    }
    if form == Form::Statements || form == Form::Text {
        warn_of_gaps(entries, console);
        if let Some(as_of) = entries.iter().filter_map(|entry| entry.as_of).min() {
            console.say(format_args!("what is attached is known as of {as_of}, from the cache"));
        }
    }
    if exit == Exit::Done && !entries.iter().all(|entry| entry.verified) {
        // Cannot be: an entry is either verified or has its reason. Should it ever be, it is no success.
        return Ok(Exit::Kind(Kind::Internal));
    }
    Ok(exit)
}

/// Where the result itself does not say what was not checked, standard error does.
fn warn_of_gaps(entries: &[Entry], console: Console) {
    let mut gaps: Vec<&str> = entries
        .iter()
        .flat_map(|entry| &entry.proofs)
        .flat_map(|held| held.not_checked.iter().copied())
        .collect();
    gaps.sort_unstable();
    gaps.dedup();
    if !gaps.is_empty() {
        console.say(format_args!("not checked: {}", gaps.join(", ")));
    }
}
